//! The Cedar schema of a decision: generated from the catalogue, checked in as `policies/schema.cedarschema`.
//!
//! One record shape for every request, so a statement translates without knowing the operation. One type of caller:
//! validation and proofs multiply by it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use cedar_policy::{Schema, Validator};

use super::scope::group;
use crate::policy::catalogue::{self, ResourceKind};

/// The schema as it is checked in.
pub const TEXT: &str = include_str!("../../../../policies/schema.cedarschema");

/// The schema, read once; the error is Cedar's.
pub fn schema() -> Result<&'static Schema, &'static str> {
    validator().map(Validator::schema)
}

/// Cedar's validator for the schema.
pub(super) fn validator() -> Result<&'static Validator, &'static str> {
    static VALIDATOR: LazyLock<Result<Validator, String>> = LazyLock::new(|| {
        let (schema, _) = Schema::from_cedarschema_str(TEXT).map_err(|fault| fault.to_string())?;
        Ok(Validator::new(schema))
    });
    VALIDATOR.as_ref().map_err(String::as_str)
}

/// The type of a resource's entity.
pub(super) const fn type_name(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Key => "Key",
        ResourceKind::Secret => "Secret",
        ResourceKind::Certificate => "Certificate",
        ResourceKind::Alias => "Alias",
        ResourceKind::KeyContainer => "KeyContainer",
        ResourceKind::SecretContainer => "SecretContainer",
        ResourceKind::AliasContainer => "AliasContainer",
        ResourceKind::CertificateContainer => "CertificateContainer",
        // No statement asks which kind of identity it meets, and every type more is validated and proved for.
        ResourceKind::User
        | ResourceKind::Group
        | ResourceKind::Role
        | ResourceKind::Policy
        | ResourceKind::Account => "RamResource",
        ResourceKind::Trail => "Trail",
        ResourceKind::Log => "Log",
        ResourceKind::Accounts => "Accounts",
        ResourceKind::RootKeys => "RootKeys",
        ResourceKind::Unscoped => "Unscoped",
    }
}

/// The kind of the resource that has this ARN.
pub(super) fn kind_of(arn: &str) -> ResourceKind {
    use ResourceKind as K;
    let mut fields = arn.splitn(5, ':');
    let service = fields.nth(1).unwrap_or_default();
    let relative = fields.nth(2).unwrap_or_default();
    match (
        service,
        relative
            .split_once('/')
            .map_or((relative, false), |(head, _)| (head, true)),
    ) {
        ("kms", ("key", true)) => K::Key,
        ("kms", ("key", false)) => K::KeyContainer,
        ("kms", ("secret", true)) => K::Secret,
        ("kms", ("secret", false)) => K::SecretContainer,
        ("kms", ("alias", true)) => K::Alias,
        ("kms", ("alias", false)) => K::AliasContainer,
        ("kms", ("certificate", true)) => K::Certificate,
        ("kms", ("certificate", false)) => K::CertificateContainer,
        ("ram", ("user", true)) => K::User,
        ("ram", ("group", true)) => K::Group,
        ("ram", ("role", true)) => K::Role,
        ("ram", ("policy", true)) => K::Policy,
        ("ram", _) => K::Account,
        ("actiontrail", ("trail", true)) => K::Trail,
        ("chancery", ("log", false)) => K::Log,
        ("chancery", ("account", false)) => K::Accounts,
        ("chancery", ("root-key", false)) => K::RootKeys,
        _ => K::Unscoped,
    }
}

/// The text of the schema for the catalogue of this build.
pub fn generate() -> String {
    let mut text = HEAD.to_owned();
    let kinds: Vec<_> = distinct(ResourceKind::ALL.iter().map(|kind| type_name(*kind)));
    let _ = writeln!(
        text,
        "entity {} = {{ arn: String, account: String }} tags String;",
        kinds.join(", ")
    );
    text.push_str(VIEWS);
    let groups = catalogue::SERVICES.iter().map(|service| quoted(&group(service)));
    let _ = writeln!(text, "action {};", groups.collect::<Vec<_>>().join(", "));
    for service in catalogue::SERVICES {
        let mut rows: BTreeMap<Vec<&str>, Vec<String>> = BTreeMap::new();
        for action in catalogue::all().filter(|action| action.service() == *service) {
            let mut on = distinct(action.on.iter().map(|kind| type_name(*kind)));
            // Never checked, but a policy may name it, and Cedar wants every action to apply to something.
            if on.is_empty() {
                on.push(type_name(ResourceKind::Unscoped));
            }
            rows.entry(on).or_default().push(quoted(action.name));
        }
        for (on, actions) in rows {
            let _ = writeln!(
                text,
                "\naction\n    {}\n  in [{}] appliesTo {{ principal: Caller, resource: [{}], context: RequestContext }};",
                actions.join(",\n    "),
                quoted(&group(service)),
                on.join(", "),
            );
        }
    }
    text
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found = Vec::new();
    for name in names {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

const HEAD: &str = r#"// What a decision is made on, for Cedar. Generated from the catalogue of actions: a test compares the two and writes
// this file anew with CHANCERY_BLESS=1. RAM documents are the source of truth; `chancery policy translate` shows theirs.

// The caller. Attachments, groups and layers are resolved before Cedar sees a request.
entity Caller = { arn: String, account: String };

// Things acted on. Tags of keys and secrets are entity tags: kms:tag/K, acs:ResourceTag/K.
"#;

const VIEWS: &str = r#"
// Views: condition values under their canonical key, read in one family. One entity each: Texts::"text", Texts::"lower",
// Numbers::"number", Moments::"date", Addresses::"address", Flags::"flag". A value that is missing, or does not read in
// the family, has no tag.
entity Texts tags String;
entity Numbers tags decimal;
entity Moments tags datetime;
entity Addresses tags ipaddr;
entity Flags tags Bool;

type RequestContext = {
  currentTime?: datetime,
  sourceIp?: ipaddr,
  secureTransport?: Bool,
  mfaPresent?: Bool,
  // Patterns with `?` that the host found to match: "SUBJECT ~ PATTERN", a tilde of the subject doubled.
  globs: Set<String>,
};

// One group a service: all its actions.
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::language::Pattern;

    // Goal: the file in the repository is what this build decides with.
    #[test]
    fn the_checked_in_schema_is_the_generated_one() {
        let generated = generate();
        if std::env::var_os("CHANCERY_BLESS").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../policies/schema.cedarschema");
            std::fs::write(path, &generated).unwrap();
        }
        assert_eq!(
            TEXT, generated,
            "run again with CHANCERY_BLESS=1 and read the difference"
        );
    }

    #[test]
    fn cedar_reads_the_schema_without_a_warning() {
        let (schema, warnings) = Schema::from_cedarschema_str(&generate()).unwrap();
        assert_eq!(warnings.count(), 0);
        assert_eq!(
            schema.actions().count(),
            catalogue::all().count() + catalogue::SERVICES.len()
        );
        assert!(super::schema().is_ok());
    }

    #[test]
    fn an_arn_tells_its_kind() {
        for kind in ResourceKind::ALL {
            let arn = kind
                .form()
                .replace("*:*:*", "cn-hangzhou:1000000000000001:x")
                .replace(":*:*:", ":cn-hangzhou:1:");
            assert!(Pattern::parse(kind.form()).matches(&arn));
            assert_eq!(kind_of(&arn), *kind, "{arn}");
        }
    }
}
