//! Files are real ones here: permissions and renames are what is tested.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::base::entropy::SystemEntropy;

const NOBODY: Ask<'static> = &|| panic!("no passphrase is needed here");

fn secret(text: &str) -> Result<SecretBytes, RootError> {
    Ok(SecretBytes::new(text.into()))
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chancery").join("root.key");
    (folder, path)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Writes `text` as a root-key file of the right mode.
fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

/// A passphrase file that costs nothing to open.
fn cheap(path: &Path, passphrase: &str) -> (RootKey, String) {
    let key = RootKey::make(&SystemEntropy);
    let secret = SecretBytes::new(passphrase.into());
    let text = passphrase::encode(path, &key, &secret, passphrase::Cost::LEAST, &SystemEntropy).unwrap();
    (key, text.to_string())
}

#[test]
fn an_absent_file_is_made_for_its_owner_alone_and_found_again() {
    let (_folder, path) = folder();
    let (made, provider) = load_or_create(&path, &SystemEntropy, NOBODY).unwrap();
    assert_eq!(provider, Provider::File);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);

    let (found, provider) = load_or_create(&path, &SystemEntropy, NOBODY).unwrap();
    assert_eq!(provider, Provider::File);
    assert_eq!(found.secret(), made.secret());
    // Nothing else is left in the folder.
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn the_documented_file_opens() {
    let (_folder, path) = folder();
    let text = "chancery-root-key/v1 file\nAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n";
    write(&path, text);
    let (key, _) = load(&path, NOBODY).unwrap();
    assert_eq!(key.secret(), &SecretBytes::new((1..=32).collect()));
    assert_eq!(*file::encode(&key), text);
}

#[test]
fn an_existing_file_is_never_replaced() {
    let (_folder, path) = folder();
    let made = create(&path, Provider::File, &SystemEntropy, NOBODY).unwrap();
    let again = create(&path, Provider::File, &SystemEntropy, NOBODY);
    assert!(matches!(again, Err(RootError::Exists(_))));
    assert!(matches!(
        file::write_new(&path, "other"),
        Err(RootError::Exists(_))
    ));
    assert_eq!(load(&path, NOBODY).unwrap().0.secret(), made.secret());
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn a_dangling_link_counts_as_existing() {
    let (_folder, path) = folder();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/nowhere/at/all", &path).unwrap();
    let made = create(&path, Provider::File, &SystemEntropy, NOBODY);
    assert!(matches!(made, Err(RootError::Exists(_))));
}

#[test]
fn a_file_that_others_can_read_is_refused_with_the_way_out() {
    let (_folder, path) = folder();
    create(&path, Provider::File, &SystemEntropy, NOBODY).unwrap();
    for open in [0o640, 0o604, 0o620, 0o601, 0o777] {
        fs::set_permissions(&path, Permissions::from_mode(open)).unwrap();
        let error = load_or_create(&path, &SystemEntropy, NOBODY).unwrap_err();
        assert!(matches!(error, RootError::TooOpen { mode, .. } if mode == open));
        assert!(
            error
                .to_string()
                .ends_with(&format!("chmod 600 {}", path.display()))
        );
    }
    for closed in [0o600, 0o400] {
        fs::set_permissions(&path, Permissions::from_mode(closed)).unwrap();
        assert!(load(&path, NOBODY).is_ok());
    }
}

/// Needs the right to give a file away; without it there is nothing to test.
#[test]
fn a_file_of_another_user_is_refused() {
    let (_folder, path) = folder();
    create(&path, Provider::File, &SystemEntropy, NOBODY).unwrap();
    if std::os::unix::fs::chown(&path, Some(12_345), None).is_ok() {
        let error = load(&path, NOBODY).unwrap_err();
        assert!(matches!(error, RootError::NotOurs { owner: 12_345, .. }));
    }
}

#[test]
fn what_is_not_a_root_key_file_is_refused_and_left() {
    let (_folder, path) = folder();
    let long = format!("chancery-root-key/v1 file\n{}\n", "A".repeat(5_000));
    let not_keys = [
        "",
        "\n",
        "hello\nworld\n",
        "chancery-root-key/v1 file",
        "chancery-root-key/v1 file\n",
        "chancery-root-key/v1 file\nAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=",
        "chancery-root-key/v1 file\nAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n\n",
        "chancery-root-key/v1 file\nAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA\n",
        "chancery-root-key/v1 file\nAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHw==\n",
        "chancery-root-key/v1 file\nAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAh\n",
        "chancery-root-key/v1 file\r\nAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\r\n",
        long.as_str(),
    ];
    for text in not_keys {
        write(&path, text);
        let error = load_or_create(&path, &SystemEntropy, NOBODY).unwrap_err();
        let expected = matches!(
            error,
            RootError::NotARootKey(_) | RootError::Newer(_) | RootError::Format(_)
        );
        assert!(expected, "{text:?}: {error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    write(&path, "chancery-root-key/v2 file\nx\n");
    assert!(matches!(load(&path, NOBODY), Err(RootError::Format(unknown)) if unknown.found == 2));
    write(&path, "chancery-root-key/v1 tpm2\nx\n");
    assert!(matches!(load(&path, NOBODY), Err(RootError::Newer(_))));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(load_or_create(&path, &SystemEntropy, NOBODY).is_err());
}

#[test]
fn a_passphrase_keeps_the_key_and_only_it_gives_it_back() {
    let (_folder, path) = folder();
    let made = create(&path, Provider::Passphrase, &SystemEntropy, &|| {
        secret("correct horse")
    })
    .unwrap();
    assert_eq!(mode(&path), 0o600);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("chancery-root-key/v1 passphrase\nargon2id m=65536 t=3 p=4\nsalt "));
    assert!(!text.contains(&STANDARD.encode(made.secret().expose())));

    let (found, provider) = load_or_create(&path, &SystemEntropy, &|| secret("correct horse")).unwrap();
    assert_eq!(provider, Provider::Passphrase);
    assert_eq!(found.secret(), made.secret());

    let error = load(&path, &|| secret("correct Horse")).unwrap_err();
    assert!(matches!(error, RootError::WrongPassphrase(_)));
    assert!(error.to_string().contains(&path.display().to_string()));
    let error = load(&path, &|| Err(RootError::NoPassphrase)).unwrap_err();
    assert!(matches!(error, RootError::NoPassphrase));
}

#[test]
fn an_empty_passphrase_makes_no_file() {
    let (_folder, path) = folder();
    let made = create(&path, Provider::Passphrase, &SystemEntropy, &|| secret(""));
    assert!(matches!(made, Err(RootError::EmptyPassphrase)));
    assert!(!path.exists());
}

/// Pins format v1: this file was made by the first version that wrote it.
#[test]
fn a_passphrase_file_of_the_first_version_opens() {
    let (_folder, path) = folder();
    write(&path, include_str!("passphrase_v1.txt"));
    let (key, _) = load(&path, &|| secret("chancery")).unwrap();
    assert_eq!(key.secret(), &SecretBytes::new((1..=32).collect()));
}

#[test]
fn no_byte_of_a_passphrase_file_can_change() {
    let (_folder, path) = folder();
    let (key, text) = cheap(&path, "p");
    let passphrase = SecretBytes::new(b"p".to_vec());
    assert_eq!(
        passphrase::decode(&path, &text, &passphrase).unwrap().secret(),
        key.secret()
    );
    let header = text.find('\n').unwrap();
    for index in header + 1..text.len() {
        for flip in [1, 2, 4, 8, 16, 32, 64] {
            let mut changed = text.clone().into_bytes();
            changed[index] ^= flip;
            let changed = String::from_utf8(changed).unwrap();
            assert!(
                passphrase::decode(&path, &changed, &passphrase).is_err(),
                "{changed}"
            );
        }
    }
    assert!(passphrase::decode(&path, &(text.clone() + "\n"), &passphrase).is_err());
    assert!(passphrase::decode(&path, text.trim_end(), &passphrase).is_err());
}

#[test]
fn unreasonable_costs_are_refused_before_they_are_paid() {
    let (_folder, path) = folder();
    let (_, text) = cheap(&path, "p");
    let passphrase = SecretBytes::new(b"p".to_vec());
    let costs = [
        "m=4294967295 t=1 p=1",
        "m=8 t=4294967295 p=1",
        "m=8 t=1 p=65",
        "m=8 t=0 p=1",
        "m=7 t=1 p=1",
    ];
    for cost in costs {
        let changed = text.replace("m=8 t=1 p=1", cost);
        let error = passphrase::decode(&path, &changed, &passphrase).unwrap_err();
        assert!(matches!(error, RootError::Parameters(_)), "{cost}: {error}");
    }
    for cost in [
        "m=08 t=1 p=1",
        "m=+8 t=1 p=1",
        "m=8  t=1 p=1",
        "m=8 t=1 p=1 ",
        "m=8 p=1 t=1",
        "m=8 t=1",
    ] {
        let changed = text.replace("m=8 t=1 p=1", cost);
        let error = passphrase::decode(&path, &changed, &passphrase).unwrap_err();
        assert!(matches!(error, RootError::NotARootKey(_)), "{cost}: {error}");
    }
}

#[test]
fn provider_names_parse_back() {
    for provider in [Provider::File, Provider::Passphrase] {
        assert_eq!(Provider::parse(provider.as_str()), Some(provider));
    }
    assert_eq!(Provider::parse("File"), None);
}

#[test]
fn debug_shows_no_key() {
    assert_eq!(format!("{:?}", RootKey::make(&SystemEntropy)), "[root key]");
}
