//! `chancery policy test`.

use std::path::PathBuf;

use crate::cli::exit::{Failure, say};
use crate::policy::vectors::{self, Case};

/// Run cases of policies, requests and expected results
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The cases, in the form of policies/vectors.json; `-` is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

const HELP: &str = r#"A case says what must come of a request under some policies. The file is a JSON array of them:
  [{"name": "encrypt-only",
    "policies": [{"Version": "1", "Statement": [
      {"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "acs:kms:*:*:key/*"}]}],
    "request": {"principal": "acs:ram::1234567890123456:user/alice", "action": "kms:Decrypt",
      "resource": "acs:kms:cn-hangzhou:1234567890123456:key/k1",
      "tags": {"Env": "prod"}, "context": {"acs:SourceIp": "10.0.0.1"}},
    "expect": "Deny", "why": "decrypting is not encrypting"}]
expect is Allow, Deny or InvalidPolicy. Optional beside policies: sessionPolicy, resourcePolicy, trustPolicy. Instead
of action and resource: resources (a list), or checks (a list of action, resource, tags), all of which must be
allowed. Principals: acs:ram::A:root, :user/NAME, :assumed-role/ROLE/SESSION, or a service.

Every failing case is a line; the last line is `N passed, M failed`.
Exit: 0 all passed; 1 some failed; 2 wrong usage, an unreadable file, or one that is no list of cases.

Examples:
  chancery policy test policies/vectors.json
  chancery policy test my-cases.json"#;

/// Longest file read, bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let text = super::read(&arguments.file, FILE_BYTES_MAX)?;
    let cases = vectors::read(&text)
        .map_err(|error| Failure::Usage(format!("{}: {error}", arguments.file.display())))?;
    let (mut passed, mut failed) = (0_usize, 0_usize);
    for case in &cases {
        match failure(case) {
            None => passed += 1,
            Some(line) => {
                failed += 1;
                say(&line)?;
            }
        }
    }
    say(&format!("{passed} passed, {failed} failed"))?;
    if failed > 0 { Err(Failure::Said(1)) } else { Ok(()) }
}

/// The line about a case that fails, with the evaluator that serves requests.
fn failure(case: &Case) -> Option<String> {
    let Case {
        name, expect, why, ..
    } = case;
    match case.run(crate::policy::evaluator()) {
        Ok(report) if report.got == *expect => None,
        Ok(report) => Some(format!(
            "FAIL {name}: expected {expect}, got {}: {} ({why})",
            report.got, report.detail
        )),
        Err(error) => Some(format!("FAIL {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASES: &str = include_str!("../../../../policies/vectors.json");

    #[test]
    fn the_serving_evaluator_passes_every_vector() {
        let failures: Vec<_> = vectors::read(CASES).unwrap().iter().filter_map(failure).collect();
        assert_eq!(failures, Vec::<String>::new());
    }

    #[test]
    fn a_failing_case_says_what_came_instead() {
        let text = CASES.replacen(r#""expect": "Deny""#, r#""expect": "Allow""#, 1);
        let failures: Vec<_> = vectors::read(&text).unwrap().iter().filter_map(failure).collect();
        assert_eq!(failures.len(), 1);
        assert!(
            failures[0].contains("expected Allow, got Deny: kms:"),
            "{failures:?}"
        );
    }
}
