//! `chancery policy check`.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::cli::exit::{Failure, say};
use crate::policy::language::{Document, DocumentKind};
use crate::policy::lint::{Level, findings};

/// Find what is wrong with policy documents, and what is probably not meant
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The documents; `-` is stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where the documents are to stand
    #[arg(long, value_enum, default_value_t = Kind::Identity)]
    kind: Kind,
    /// Take advice as seriously as mistakes
    #[arg(long)]
    strict: bool,
}

/// Where a document stands.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Kind {
    /// Attached to users, groups and roles
    Identity,
    /// Given to AssumeRole for one session
    Session,
    /// The policy of a key
    Key,
    /// The policy of a secret
    Secret,
    /// The trust policy of a role
    Trust,
}

impl From<Kind> for DocumentKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Identity => Self::Identity,
            Kind::Session => Self::Session,
            Kind::Key | Kind::Secret => Self::Resource,
            Kind::Trust => Self::Trust,
        }
    }
}

const HELP: &str = "\
Reads each document as strictly as the daemon does, and then looks for what people get wrong:
  - actions that do not exist, with the nearest names
  - resources that no action of the statement is checked on, and actions checked on none of them
    (kms:ListKeys is checked on `acs:kms:*:*:key`, kms:GetRandomPassword on `*` alone)
  - conditions that no request can meet, such as a tag condition on an operation without tags
  - statements that another one makes superfluous or takes all effect from
  - advice: everything allowed on everything, a Deny on acs:MFAPresent that stops no AccessKey call

Exit: 0 nothing wrong (advice may be given); 1 a document is refused or has a mistake, with --strict also
on advice; 2 wrong usage or an unreadable file.

Examples:
  chancery policy check app.json
  chancery policy check --kind key key-policy.json
  chancery policy check --kind trust --strict role.json
  jq .Policy app.json | chancery policy check -";

/// Longest file read, bytes: more than any document may have.
const FILE_BYTES_MAX: u64 = 1 << 20;

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut is_wrong = false;
    for file in &arguments.files {
        let text = super::read(file, FILE_BYTES_MAX)?;
        let (lines, wrong) = report(arguments.kind.into(), &text, arguments.strict);
        is_wrong |= wrong;
        for line in lines {
            say(&format!("{}: {line}", file.display()))?;
        }
    }
    if is_wrong { Err(Failure::Said(1)) } else { Ok(()) }
}

/// The lines to say about one document, and whether it is wrong.
fn report(kind: DocumentKind, text: &str, strict: bool) -> (Vec<String>, bool) {
    let document = match Document::parse(kind, text) {
        Ok(document) => document,
        Err(fault) => return (vec![format!("refused: {fault}")], true),
    };
    let found = findings(&document);
    let wrong = found
        .iter()
        .any(|finding| strict || finding.level == Level::Mistake);
    let mut lines: Vec<_> = found.iter().map(ToString::to_string).collect();
    if lines.is_empty() {
        lines.push("ok".into());
    }
    (lines, wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

    #[test]
    fn advice_is_no_mistake_unless_strict() {
        let (lines, wrong) = report(DocumentKind::Identity, ALL, false);
        assert!(
            lines.len() == 1 && lines[0].starts_with("advice: Statement[0]"),
            "{lines:?}"
        );
        assert!(!wrong);
        assert!(report(DocumentKind::Identity, ALL, true).1);
    }

    #[test]
    fn a_refused_document_says_where() {
        let text = ALL.replace("Effect", "Efect");
        let (lines, wrong) = report(DocumentKind::Identity, &text, false);
        assert!(wrong);
        assert!(lines[0].contains("did you mean `Effect`?"), "{lines:?}");
        assert!(lines[0].contains("line 1, column"), "{lines:?}");
        assert!(lines[0].contains("Statement[0]"), "{lines:?}");
    }

    #[test]
    fn the_kind_decides_what_may_stand() {
        assert!(report(DocumentKind::Trust, ALL, false).1);
        let trust = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
            "Principal":{"RAM":["acs:ram::1234567890123456:root"]}}]}"#;
        assert_eq!(
            report(DocumentKind::Trust, trust, true),
            (vec!["ok".into()], false)
        );
    }
}
