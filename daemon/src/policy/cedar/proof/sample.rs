//! Texts that fit a pattern, as a person would write them.

use crate::policy::language::Pattern;

/// The account of requests whose documents name none.
pub(super) const ACCOUNT: &str = "1000000000000001";
/// An account of strangers.
pub(super) const ELSEWHERE: &str = "1000000000000002";
const REGION: &str = "cn-hangzhou";

/// A text that fits. The wildcards of an ARN become a region, an account, a name.
pub(super) fn fitting(pattern: &Pattern, account: &str) -> String {
    let text = pattern.to_string();
    let Some(rest) = text.strip_prefix("acs:") else {
        return plain(&text);
    };
    let fields: Vec<&str> = rest.splitn(4, ':').collect();
    let [service, region, owner, relative] = fields.as_slice() else {
        return plain(&text);
    };
    // Identities belong to no region.
    let region = match (*region, *service) {
        ("*", "ram") => String::new(),
        ("*", _) => REGION.to_owned(),
        (region, _) => plain(region),
    };
    let owner = match (*owner, account) {
        ("*", account) => account.to_owned(),
        (owner, _) => owner.replace('?', "1").replace('*', ""),
    };
    format!("acs:{}:{region}:{owner}:{}", plain(service), plain(relative))
}

/// An ARN with what a solver left empty filled in.
pub(super) fn repaired(arn: &str, account: &str) -> String {
    let fields: Vec<&str> = arn.splitn(5, ':').collect();
    let [acs, service, region, owner, relative] = fields.as_slice() else {
        return arn.to_owned();
    };
    let is_account = |owner: &str| !owner.is_empty() && owner.bytes().all(|b| b.is_ascii_digit());
    let region = if region.is_empty() && *service != "ram" {
        REGION
    } else {
        region
    };
    let owner = if is_account(owner) || *owner == "system" {
        owner
    } else {
        account
    };
    let name = if relative.ends_with('/') { "x" } else { "" };
    format!("{acs}:{service}:{region}:{owner}:{relative}{name}")
}

fn plain(pattern: &str) -> String {
    pattern.replace(['?', '*'], "x")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_fits_its_pattern() {
        for (pattern, sample) in [
            ("acs:kms:*:*:key/*", "acs:kms:cn-hangzhou:1000000000000001:key/x"),
            ("acs:kms:cn-?:12*:key/a?", "acs:kms:cn-x:12:key/ax"),
            ("acs:ram:*:*:user/app-*", "acs:ram::1000000000000001:user/app-x"),
            ("d?v", "dxv"),
            ("*", "x"),
        ] {
            let pattern = Pattern::parse(pattern);
            assert_eq!(fitting(&pattern, ACCOUNT), sample);
            assert!(pattern.matches(sample));
        }
    }

    #[test]
    fn what_a_solver_leaves_empty_is_filled_in() {
        assert_eq!(repaired("acs:kms:::key/", "12"), "acs:kms:cn-hangzhou:12:key/x");
        assert_eq!(repaired("*", ACCOUNT), "*");
    }
}
