//! `chancery policy translate`.

use std::path::PathBuf;

use super::check::Kind;
use crate::cli::exit::{Failure, say};
use crate::policy::cedar::pretty::pretty;
use crate::policy::language::Document;

/// Show what a policy document becomes in Cedar, the language that decides
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The document; `-` is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where the document is to stand
    #[arg(long, value_enum, default_value_t = Kind::Identity)]
    kind: Kind,
    /// The name that annotations carry; by default that of the file
    #[arg(long)]
    name: Option<String>,
}

const HELP: &str = r#"Each statement becomes one policy, `permit` for Allow and `forbid` for Deny; a statement about other services' actions
alone becomes none. The RAM document stays the source of truth: the Cedar text is what this version of the daemon
decides with. Its schema is policies/schema.cedarschema.

Tags of the resource are its tags; other condition values are tags of a view, such as Texts::"lower" for values in
lower case. context.globs holds the patterns with `?` that the daemon found to match, for Cedar has no such wildcard.

Exit: 0 translated; 1 the document is refused; 2 wrong usage or an unreadable file.

Examples:
  chancery policy translate app.json
  chancery policy translate --kind key --name default key-policy.json"#;

/// Longest file read, bytes: more than any document may have.
const FILE_BYTES_MAX: u64 = 1 << 20;

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let text = super::read(&arguments.file, FILE_BYTES_MAX)?;
    let shown = arguments.file.display();
    let stem = arguments.file.file_stem().and_then(|stem| stem.to_str());
    let name = arguments.name.as_deref().or(stem).unwrap_or("policy");
    match Document::parse(arguments.kind.into(), &text) {
        Ok(document) => {
            let cedar = pretty(name, document).map_err(|fault| Failure::Usage(fault.to_string()))?;
            say(cedar.trim_end())
        }
        Err(fault) => {
            say(&format!("{shown}: refused: {fault}"))?;
            Err(Failure::Said(1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::language::DocumentKind;

    fn translated(text: &str) -> String {
        pretty("app", Document::parse(DocumentKind::Identity, text).unwrap()).unwrap()
    }

    #[test]
    fn a_statement_becomes_a_policy_that_names_its_origin() {
        let text = translated(
            r#"{"Version": "1", "Statement": [{"Sid": "s", "Effect": "Deny", "Action": "kms:Encrypt", "Resource": "*"}]}"#,
        );
        for part in [
            "forbid",
            "@policy(\"app\")",
            "@statement(\"0\")",
            "@sid(\"s\")",
            "Action::\"kms:Encrypt\"",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn other_services_leave_nothing_to_decide() {
        let text = translated(
            r#"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "oss:*", "Resource": "*"}]}"#,
        );
        assert!(text.starts_with("// no statement"), "{text}");
    }
}
