use clap::error::ErrorKind;

use super::*;
use crate::api::table::rows;

fn parse(line: &[&str]) -> Result<ArgMatches, clap::Error> {
    command().try_get_matches_from([&["chancery"], line].concat())
}

/// `--Name x` for each parameter that the row needs.
fn needed(row: &table::Row) -> Vec<String> {
    let needed = row.params.iter().filter(|param| param.required);
    needed
        .flat_map(|param| [format!("--{}", param.name), "x".to_owned()])
        .collect()
}

fn line(row: &table::Row, rest: &[String]) -> Vec<String> {
    [&[row.product.name.to_owned(), row.action.to_owned()], rest].concat()
}

#[test]
fn the_command_line_is_consistent() {
    command().debug_assert();
}

#[test]
fn every_operation_of_the_table_is_a_command_with_help() {
    for row in rows() {
        let given = line(row, &needed(row));
        let given: Vec<&str> = given.iter().map(String::as_str).collect();
        assert!(parse(&given).is_ok(), "{}", row.op);
        let help = parse(&[row.product.name, row.action, "--help"]).unwrap_err();
        assert_eq!(help.kind(), ErrorKind::DisplayHelp);
        let help = help.to_string();
        for param in row.params {
            assert!(
                help.contains(&format!("--{} <VALUE>", param.name)),
                "{}: {}",
                row.op,
                param.name
            );
        }
        let listed = parse(&[row.product.name, "--help"]).unwrap_err().to_string();
        assert!(listed.contains(row.action), "{}", row.op);
    }
}

#[test]
fn a_missing_parameter_is_named() {
    for row in rows() {
        let needed = needed(row);
        for left_out in 0..needed.len() / 2 {
            let mut given = needed.clone();
            let missing = given.drain(2 * left_out..2 * left_out + 2).next().unwrap();
            let given = line(row, &given);
            let given: Vec<&str> = given.iter().map(String::as_str).collect();
            let error = parse(&given).unwrap_err();
            assert_eq!(
                (error.kind(), error.exit_code()),
                (ErrorKind::MissingRequiredArgument, 2)
            );
            assert!(error.to_string().contains(&missing), "{}: {error}", row.op);
        }
    }
}

#[test]
fn numbered_parameters_go_as_far_as_their_help_says() {
    let given = "--ResourceType key --ResourceId.1 a --ResourceId.2 b --ResourceId.50 c --Tag.1.Key k --Tag.20.Value v";
    let line: Vec<&str> = ["kms", "TagResources"]
        .into_iter()
        .chain(given.split(' '))
        .collect();
    let matches = parse(&line).unwrap();
    let (_, product) = matches.subcommand().unwrap();
    let (name, action) = product.subcommand().unwrap();
    let row = table::find(table::KMS.version, name).unwrap();
    let Ok(params) = action::parameters(row, action) else {
        panic!("not read")
    };
    let params: Vec<_> = params
        .iter()
        .map(|(name, value)| format!("--{name} {}", value.as_str()))
        .collect();
    assert_eq!(params.join(" "), given);
    for beyond in ["--ResourceId.51", "--Tag.21.Key", "--Tag.0.Key"] {
        let line = [&line[..], &[beyond, "x"]].concat();
        assert_eq!(
            parse(&line).unwrap_err().kind(),
            ErrorKind::UnknownArgument,
            "{beyond}"
        );
    }
}

#[test]
fn near_matches_are_offered() {
    let error = parse(&["kms", "encrypt"]).unwrap_err();
    assert_eq!(
        (error.kind(), error.exit_code()),
        (ErrorKind::InvalidSubcommand, 2)
    );
    assert!(error.to_string().contains("'Encrypt'"), "{error}");
    let error = parse(&["kms", "Encrypt", "--KeyID", "x"]).unwrap_err();
    assert_eq!((error.kind(), error.exit_code()), (ErrorKind::UnknownArgument, 2));
    assert!(error.to_string().contains("'--KeyId'"), "{error}");
}

#[test]
fn the_daemon_may_be_named_before_and_behind_the_action() {
    for line in [
        ["kms", "--socket", "/s", "ListKeys"],
        ["kms", "ListKeys", "--socket", "/s"],
    ] {
        let matches = parse(&line).unwrap();
        let (_, product) = matches.subcommand().unwrap();
        let (_, action) = product.subcommand().unwrap();
        let target = target::Target::from_arg_matches(action).unwrap();
        assert_eq!(
            target.socket.as_deref(),
            Some(std::path::Path::new("/s")),
            "{line:?}"
        );
    }
    let both = parse(&["kms", "ListKeys", "--socket", "/s", "--endpoint", "h:1"]).unwrap_err();
    assert_eq!(both.kind(), ErrorKind::ArgumentConflict);
}

#[test]
fn what_the_documents_promise_is_accepted() {
    for line in [
        "serve",
        "serve --data d --socket s --listen 127.0.0.1:0 --listen [::1]:0 --listen localhost:1 --anchor a --root-key k",
        "serve --passphrase-file f --region cn-hangzhou --region eu-central-1 --allow-plaintext --log-level debug",
        "serve --config f --metrics-listen 127.0.0.1:9464 --log-format json",
        "completions bash",
        "man --dir d",
        "init --data d",
        "status --socket s",
        "status --endpoint http://127.0.0.1:1 --access-key-file f",
        "keyring init --root-key k --provider file",
        "keyring init --root-key k --provider passphrase --passphrase-file f",
        "keyring status --data d",
        "clock accept --socket s",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let matches = parse(&words).unwrap_or_else(|error| panic!("{line}: {error}"));
        Cli::from_arg_matches(&matches).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    for line in [
        "serve --listen 8200",
        "serve --listen example.org:1",
        "serve --region Ä",
        "serve --log-format xml",
        "completions dos",
        "keyring init",
        "clock",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(parse(&words).unwrap_err().exit_code(), 2, "{line}");
    }
}

#[test]
fn bare_product_names_teach() {
    for product in table::PRODUCTS {
        let help = parse(&[product.name]).unwrap_err();
        assert_eq!(help.kind(), ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
    }
}
