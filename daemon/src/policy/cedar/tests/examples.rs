//! `policies/examples`: a folder an example, with the RAM document, what it becomes in Cedar, and a README.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cedar_policy::PolicySet;

use crate::policy::cedar::pretty::pretty;
use crate::policy::cedar::schema::schema;
use crate::policy::cedar::validate::validate;
use crate::policy::language::{Document, DocumentKind};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/examples")
}

/// An example stands where its name says; most are identity policies.
fn kind(name: &str) -> DocumentKind {
    match name {
        "key-policy" => DocumentKind::Resource,
        "trust-policy" => DocumentKind::Trust,
        "session-policy" => DocumentKind::Session,
        _ => DocumentKind::Identity,
    }
}

// Goal: the translation of every construct is written down, so that a change of it is read by a person.
#[test]
fn examples_translate_as_written_down() {
    let mut examples = 0;
    for folder in std::fs::read_dir(root()).unwrap() {
        let folder = folder.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(folder.join("policy.json")).unwrap();
        let document = Document::parse(kind(&name), &text).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(validate(&Arc::new(document.clone())), Ok(()), "{name}");
        let cedar = pretty(&name, document).unwrap();
        let golden = folder.join("policy.cedar");
        if std::env::var_os("CHANCERY_BLESS").is_some() {
            std::fs::write(&golden, &cedar).unwrap();
        }
        let written = std::fs::read_to_string(&golden).unwrap();
        assert_eq!(
            cedar, written,
            "{name}: run again with CHANCERY_BLESS=1 and read the difference"
        );
        assert!(folder.join("README.md").is_file(), "{name} has no README");
        // What is shown is Cedar, as others read it.
        let read: PolicySet = written.parse().unwrap();
        let validator = cedar_policy::Validator::new(schema().unwrap().clone());
        assert!(
            validator.validate(&read, Default::default()).validation_passed(),
            "{name}"
        );
        examples += 1;
    }
    assert!(examples >= 17, "{examples} examples");
}
