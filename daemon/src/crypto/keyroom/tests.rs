//! The key room over a vault in memory.

use super::*;
use crate::base::entropy::SystemEntropy;
use crate::base::limits::PLAINTEXT_BYTES_MAX;
use crate::base::memory_file::MemoryFile;
use crate::base::{AccountId, LogId, RequestId, Timestamp};
use crate::custody::RootKey;
use crate::event::{Actor, Origin, Recorded};
use crate::policy::{Library, Question, authorize};
use crate::projection::{Reader, State};

/// Hands out the same bytes each time, so that a result can be pinned.
#[derive(Debug)]
struct Fixed(&'static [u8; 24]);

impl Entropy for Fixed {
    fn fill(&self, buffer: &mut [u8]) {
        for (place, byte) in buffer.iter_mut().zip(self.0.iter().cycle()) {
            *place = *byte;
        }
    }
}

struct Setup {
    room: KeyRoom,
    vault: Arc<Vault>,
    key: KeyId,
    versions: Vec<KeyVersionAdded>,
}

impl Setup {
    /// A key with two versions.
    fn new() -> Self {
        let files = [MemoryFile::new(), MemoryFile::new()].map(|file| Box::new(file) as _);
        let log = LogId::make(&SystemEntropy);
        let vault = Vault::create(files, log, RootKey::make(&SystemEntropy), &SystemEntropy).unwrap();
        let vault = Arc::new(vault);
        let room = KeyRoom::new(Arc::clone(&vault), Arc::new(SystemEntropy));
        let key = KeyId::make(&SystemEntropy);
        let slots = vault.provide(2, &SystemEntropy).unwrap();
        let versions = slots
            .iter()
            .map(|at| room.make_version(key, KeySpec::Aes256, *at).unwrap())
            .collect();
        Self {
            room,
            vault,
            key,
            versions,
        }
    }

    fn version(&self, index: usize) -> VersionRef<'_> {
        let version = &self.versions[index];
        VersionRef {
            key: self.key,
            version: version.id,
            slot: version.slot,
            sealed: &version.sealed,
            reserved: 0,
            spec: KeySpec::Aes256,
        }
    }

    fn encrypt(&self, plaintext: &[u8], context: &EncryptionContext) -> Vec<u8> {
        self.room
            .encrypt(permit(), &self.version(0), plaintext, context)
            .unwrap()
    }

    /// As the engine does it: takes the blob apart, then decrypts with the version at hand.
    fn decrypt(&self, blob: &[u8], context: &EncryptionContext) -> Result<SecretBytes, CryptoError> {
        let blob = Blob::parse(blob).map_err(|_| CryptoError::InvalidBlob)?;
        self.room.decrypt(permit(), &self.version(0), &blob, context)
    }
}

fn permit() -> Permit {
    let account: AccountId = "1000000000000001".parse().unwrap();
    let question = Question {
        call: RequestId::from_bytes([1; 16]),
        op: "chancery/RotateKey",
        actor: &Actor::system(account),
        origin: &Origin::internal(),
        at: Timestamp::default(),
        account,
        operator: None,
        open: false,
        resources: &[],
        brings: &Recorded::EMPTY,
    };
    let ruling = authorize(&question, &Reader::new(&State::default()), &Library::default());
    ruling.answer.unwrap()
}

fn context(json: &str) -> EncryptionContext {
    EncryptionContext::parse(json).unwrap()
}

fn secret(bytes: &[u8]) -> SecretBytes {
    SecretBytes::new(bytes.to_vec())
}

#[test]
fn what_was_encrypted_decrypts_in_its_context_alone() {
    let setup = Setup::new();
    let contexts = [
        "{}",
        r#"{"k":"v"}"#,
        r#"{"k":"w"}"#,
        r#"{"kv":""}"#,
        r#"{"k":"v","l":"v"}"#,
    ]
    .map(context);
    for made in &contexts {
        let blob = setup.encrypt(b"plaintext", made);
        for tried in &contexts {
            let opened = setup.decrypt(&blob, tried);
            if tried == made {
                assert_eq!(opened, Ok(secret(b"plaintext")));
            } else {
                assert_eq!(opened, Err(CryptoError::InvalidBlob));
            }
        }
    }
    let blob = setup.encrypt(b"plaintext", &context(r#"{"a":"1","b":"2"}"#));
    assert!(
        setup
            .decrypt(&blob, &context(r#" { "b" : "2", "a" : "1" } "#))
            .is_ok()
    );
}

#[test]
fn every_legal_length_makes_a_blob_that_parses() {
    let setup = Setup::new();
    let none = EncryptionContext::empty();
    for len in [0, 1, 16, 4_096, PLAINTEXT_BYTES_MAX] {
        let plaintext = vec![b'p'; len];
        let blob = setup.encrypt(&plaintext, &none);
        assert_eq!(blob.len(), len + OVERHEAD_BYTES);
        let parsed = Blob::parse(&blob).unwrap();
        assert_eq!(
            (parsed.key(), parsed.version()),
            (setup.key, setup.versions[0].id)
        );
        assert_eq!(setup.decrypt(&blob, &none), Ok(SecretBytes::new(plaintext)));
    }
}

#[test]
fn every_changed_bit_and_every_cut_of_a_blob_is_refused() {
    let setup = Setup::new();
    let context = context(r#"{"k":"v"}"#);
    let blob = setup.encrypt(b"plaintext", &context);
    for bit in 0..blob.len() * 8 {
        let mut changed = blob.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(
            setup.decrypt(&changed, &context),
            Err(CryptoError::InvalidBlob),
            "bit {bit}"
        );
    }
    for len in 0..blob.len() {
        assert_eq!(
            setup.decrypt(&blob[..len], &context),
            Err(CryptoError::InvalidBlob)
        );
    }
    assert_eq!(
        setup.decrypt(&[&blob[..], &[0]].concat(), &context),
        Err(CryptoError::InvalidBlob)
    );
}

/// The ids in the header are authenticated, not only compared: a blob relabelled for another version, and tried with
/// that one, does not open; nor when it is tried with the material that made it.
#[test]
fn a_relabelled_blob_opens_under_no_version() {
    let setup = Setup::new();
    let none = EncryptionContext::empty();
    let mut blob = setup.encrypt(b"plaintext", &none);
    let parsed = Blob::parse(&blob).unwrap();
    let other = setup.room.decrypt(permit(), &setup.version(1), &parsed, &none);
    assert_eq!(other, Err(CryptoError::InvalidBlob));

    blob[21..37].copy_from_slice(setup.versions[1].id.as_bytes());
    let parsed = Blob::parse(&blob).unwrap();
    let relabelled = setup.room.decrypt(permit(), &setup.version(1), &parsed, &none);
    assert_eq!(relabelled, Err(CryptoError::InvalidBlob));
    let material = setup.room.prepared(&setup.version(0)).unwrap();
    assert_eq!(
        material.open(parsed.header(), parsed.sealed()),
        Err(CryptoError::InvalidBlob)
    );
}

/// Pins blob format 1, worked example in `blob`: made by an independent program, and what this one makes.
#[test]
fn the_documented_blob_is_made_and_opens() {
    let golden = "4348420101\
                  11111111111111111111111111111111\
                  22222222222222222222222222222222\
                  4142434445464748494a4b4c4d4e4f505152535455565758\
                  fe7c\
                  e0c1fa99ec458390cb2b1dd8e07490a1";
    let golden: Vec<u8> = (0..golden.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&golden[at..at + 2], 16).unwrap())
        .collect();
    let mut setup = Setup::new();
    setup.room.entropy = Arc::new(Fixed(b"ABCDEFGHIJKLMNOPQRSTUVWX"));
    setup.key = KeyId::from_bytes([0x11; 16]);
    let id = KeyVersionId::from_bytes([0x22; 16]);
    let slot = setup.versions[0].slot;
    let owner = Owner::KeyVersion(setup.key, id);
    let sealed = setup
        .vault
        .key(slot)
        .unwrap()
        .seal(&owner, &[1; 32], &SystemEntropy);
    setup.versions[0] = KeyVersionAdded { id, slot, sealed };

    let context = context(r#"{"k":"v"}"#);
    assert_eq!(setup.encrypt(b"hi", &context), golden);
    assert_eq!(setup.decrypt(&golden, &context), Ok(secret(b"hi")));
}

#[test]
fn a_data_key_is_in_its_blob() {
    let setup = Setup::new();
    let context = context(r#"{"k":"v"}"#);
    for len in [1, 16, 32, 1_024] {
        let (key, blob) = setup
            .room
            .generate(permit(), &setup.version(0), len, &context)
            .unwrap();
        assert_eq!(key.len(), len);
        assert_eq!(setup.decrypt(&blob, &context), Ok(key));
    }
}

#[test]
fn versions_have_ids_and_material_of_their_own() {
    let setup = Setup::new();
    let material = |index: usize| {
        let version = &setup.versions[index];
        let owner = Owner::KeyVersion(setup.key, version.id);
        setup
            .vault
            .key(version.slot)
            .unwrap()
            .open(&owner, version.sealed.as_slice())
            .unwrap()
    };
    assert_ne!(setup.versions[0].id, setup.versions[1].id);
    assert_eq!(material(0).len(), 32);
    assert_ne!(material(0), material(1));
}

#[test]
fn material_of_another_version_or_key_is_unavailable() {
    let setup = Setup::new();
    let none = EncryptionContext::empty();
    let right = setup.version(0);
    let wrong = [
        VersionRef {
            sealed: &setup.versions[1].sealed,
            ..right
        },
        VersionRef {
            slot: setup.versions[1].slot,
            ..right
        },
        VersionRef {
            key: KeyId::make(&SystemEntropy),
            ..right
        },
        VersionRef {
            version: setup.versions[1].id,
            ..right
        },
    ];
    for version in wrong {
        let made = setup.room.encrypt(permit(), &version, b"p", &none);
        assert_eq!(made, Err(CryptoError::Unavailable));
    }
    assert!(setup.room.cache.is_empty());
}

#[test]
fn an_erased_and_forgotten_version_is_unavailable() {
    let setup = Setup::new();
    let none = EncryptionContext::empty();
    let blob = setup.encrypt(b"plaintext", &none);
    setup.room.forget(setup.versions[0].id);
    assert_eq!(setup.decrypt(&blob, &none), Ok(secret(b"plaintext")));

    setup.vault.erase(&[setup.versions[0].slot]).unwrap();
    setup.room.forget(setup.versions[0].id);
    assert_eq!(setup.decrypt(&blob, &none), Err(CryptoError::Unavailable));
    let made = setup.room.encrypt(permit(), &setup.version(0), b"p", &none);
    assert_eq!(made, Err(CryptoError::Unavailable));
    let made = setup
        .room
        .make_version(setup.key, KeySpec::Aes256, setup.versions[0].slot);
    assert_eq!(made, Err(CryptoError::Unavailable));
    // The other version is not touched by it.
    assert!(
        setup
            .room
            .encrypt(permit(), &setup.version(1), b"p", &none)
            .is_ok()
    );
}

#[test]
fn debug_shows_no_secret() {
    let setup = Setup::new();
    setup.encrypt(b"plaintext", &EncryptionContext::empty());
    let shown = format!("{:?}", setup.room);
    assert!(shown.contains("root: [sealing key]"));
    assert!(shown.contains("[1 prepared keys of at most 4096]"));
    let prepared = setup.room.prepared(&setup.version(0)).unwrap();
    assert_eq!(format!("{prepared:?}"), "Xaes([sealing key])");
}
