//! The ways back of RECOVERY.md that begin with a backup, as it says them.

use std::fs;
use std::io::Read as _;

use super::*;

/// `age -d -i backup.key OBJECT | lz4 -d`.
fn opened(desk: &Desk, object: &Path) -> Vec<u8> {
    let keys = age::IdentityFile::from_file(desk.path("backup.key").to_str().unwrap().to_owned()).unwrap();
    let keys = keys.into_identities().unwrap();
    let sealed = fs::read(object).unwrap();
    let opener = age::Decryptor::new(sealed.as_slice()).unwrap();
    let packed = opener
        .decrypt(keys.iter().map(|key| &**key as &dyn age::Identity))
        .unwrap();
    let mut plain = Vec::new();
    lz4_flex::frame::FrameDecoder::new(packed)
        .read_to_end(&mut plain)
        .unwrap();
    plain
}

fn newest_vault(desk: &Desk) -> PathBuf {
    let mut dir = desk.path("backups");
    for _ in 0..2 {
        dir = dir.read_dir().unwrap().next().unwrap().unwrap().path();
    }
    let vaults = dir.join("vaults").read_dir().unwrap();
    vaults.map(|entry| entry.unwrap().path()).max().unwrap()
}

#[test]
fn a_vault_is_put_back_from_a_backup() {
    let (desk, mut daemon) = (Desk::new(), Daemon::start("warn"));
    let client = Client::unix(daemon.socket()).unwrap();
    let (before, other) = (make_key(&client), make_key(&client));
    let encrypt = |key: &str| {
        let params = [("KeyId", key), ("Plaintext", "aGVsbG8=")];
        text(&call(&client, KMS, "Encrypt", &params), "/CiphertextBlob")
    };
    let (kept, second) = (encrypt(&before), encrypt(&other));
    let socket = daemon.socket();
    says(&desk.back_up(&[Path::new("--socket"), &socket]), 0);
    let since = encrypt(&make_key(&client));
    drop(client);
    daemon.stop();

    // Both headers are gone; what vault-b has of its records counts all the same.
    let data = daemon.data();
    for mirror in ["vault-a", "vault-b"] {
        let mut bytes = fs::read(data.join(mirror)).unwrap();
        bytes[..128].fill(0x55);
        fs::write(data.join(mirror), bytes).unwrap();
    }
    let (_, said) = daemon.try_start().unwrap_err();
    assert!(said.contains("RECOVERY.md has the steps"), "{said}");

    fs::write(data.join("vault-a"), opened(&desk, &newest_vault(&desk))).unwrap();
    daemon.start_again();
    let client = Client::unix(daemon.socket()).unwrap();
    for blob in [&kept, &second, &since] {
        let opened = call(&client, KMS, "Decrypt", &[("CiphertextBlob", blob)]);
        assert_eq!(text(&opened, "/Plaintext"), "aGVsbG8=");
    }
    drop(client);
    daemon.stop();
    daemon.log_says_yes(&["verify"]);
}
