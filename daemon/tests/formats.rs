//! The examples in daemon/formats are what this build writes: one small log, the same in all documents.
//!
//! A block fenced as ```` ```hex NAME ```` or ```` ```text NAME ```` is compared with the bytes made here; `tests/verifier`
//! reads the same blocks and verifies the log in them without this code.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};

use chancery::base::entropy::Entropy;
use chancery::base::memory_file::MemoryFile;
use chancery::base::{
    AccountId, ApiError, Code, Digest, EncryptionContext, KeyId, LogId, Region, RequestId, SecretBytes, Seq,
    SlotRef, Timestamp,
};
use chancery::crypto::blob::Blob;
use chancery::custody::{Owner, RootKey, SealingKey, Vault};
use chancery::event::codec::encode;
use chancery::event::{
    Actor, Change, Decision, Element, Event, FORMAT, InternalKeyPurpose, LogBegun, NewLogKey, Observation,
    Origin, Outcome, Read, Recorded, RowKey, Table,
};
use chancery::ledger::tree::Tree;
use chancery::ledger::{Anchor, AnchorFile, Checkpoint, LogKey, SignedEntry, leaf_hash, sign_entry};
use chancery::projection::{State, StateDigest};

/// The n-th draw is all `n`.
#[derive(Debug, Default)]
struct Counted(AtomicU8);

impl Entropy for Counted {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0.fetch_add(1, Ordering::SeqCst) + 1);
    }
}

const LOG: LogId = LogId::from_bytes([0x11; 16]);
const ORIGIN: &str = "chancery/11111111-1111-1111-1111-111111111111/1";
const TIME: u64 = 1_767_225_600_000;

fn secret(byte: u8) -> SecretBytes {
    SecretBytes::new(vec![byte; 32])
}

fn account() -> AccountId {
    "1000000000000001".parse().unwrap()
}

fn event(seq: u64, op: &'static str, chg: Vec<Change>) -> Event {
    let time = Timestamp::from_millis(TIME + seq);
    Event {
        v: FORMAT,
        op: op.into(),
        chg,
        dec: Decision::allowed_by(time, "system"),
        obs: Observation::default(),
        out: Outcome::Ok(Recorded::default()),
        req: Recorded::default(),
        res: Vec::new(),
        rid: RequestId::from_bytes([0x44; 16]),
        seq: Seq::new(seq),
        blob: None,
        prev: Digest::ZERO,
        time,
        actor: Actor::system(account()),
        origin: Origin::internal(),
    }
}

fn refused() -> Event {
    let time = Timestamp::from_millis(TIME + 2);
    let row = RowKey::new(Table::Key, vec![0x22; 16]);
    Event {
        dec: Decision::none(time),
        obs: Observation {
            read: [Read { row, revision: None }].into_iter().collect(),
            snap: None,
        },
        out: Outcome::from(&ApiError::new(Code::KeyNotFound)),
        req: [
            ("KeyId", Element::text("22222222-2222-2222-2222-222222222222")),
            ("Plaintext", Element::Number(8)),
        ]
        .into_iter()
        .collect(),
        actor: Actor::root(account(), None),
        origin: Origin {
            pid: Some(4711),
            uid: Some(1000),
            listener: "unix".into(),
            ..Origin::default()
        },
        ..event(2, "kms/Encrypt", Vec::new())
    }
}

/// Every example, by name.
fn examples() -> BTreeMap<&'static str, Vec<u8>> {
    let mut made = BTreeMap::new();
    let entropy = Counted::default();
    let (first, second) = (
        LogKey::from_seed(&secret(7)).unwrap(),
        LogKey::from_seed(&secret(8)).unwrap(),
    );

    let mirrors = [MemoryFile::new(), MemoryFile::new()];
    let root = RootKey::from_secret(secret(9)).unwrap();
    let files = mirrors.clone().map(|file| Box::new(file) as _);
    let vault = Vault::create(files, LOG, root, &entropy).unwrap();
    let slots = vault.provide(2, &entropy).unwrap();
    let owner = Owner::Internal(InternalKeyPurpose::LogSigning.as_str());
    let seal = |slot: SlotRef, seed: u8| vault.key(slot).unwrap().seal(&owner, &[seed; 32], &entropy);
    let (sealed_first, sealed_second) = (seal(slots[0], 7), seal(slots[1], 8));
    let vault_bytes = mirrors[0].durable();
    made.insert("vault-header", vault_bytes[..512].to_vec());
    made.insert("vault-record", vault_bytes[512..640].to_vec());
    made.insert("sealed-material", sealed_first.as_slice().to_vec());

    let begun = Change::LogBegun(LogBegun {
        log: LOG,
        format: FORMAT,
        origin: ORIGIN.into(),
        public: first.public().as_bytes().as_slice().into(),
        region: Region::parse("cn-hangzhou").unwrap(),
        software: "chancery 0.1.0".into(),
    });
    let opened = Change::AccountCreated {
        name: String::new(),
        account: account(),
    };
    let internal = Change::InternalKeyCreated {
        slot: slots[0],
        sealed: sealed_first,
        purpose: InternalKeyPurpose::LogSigning,
    };
    let proof = second.prove(LOG, Seq::new(1), &first.public());
    made.insert("proof", proof.to_vec());
    let rotated = Change::LogKeyRotated(NewLogKey {
        slot: slots[1],
        proof: proof.as_slice().into(),
        public: second.public().as_bytes().as_slice().into(),
        sealed: sealed_second,
    });

    let (mut state, mut tree, mut prev) = (State::default(), Tree::new(), Digest::ZERO);
    let mut leaves = Vec::new();
    let mut entries = Vec::new();
    for seq in 0..4 {
        let mut event = match seq {
            0 => event(
                0,
                "chancery/BeginLog",
                vec![begun.clone(), opened.clone(), internal.clone()],
            ),
            1 => event(1, "chancery/ReplaceLogKey", vec![rotated.clone()]),
            2 => refused(),
            _ => {
                let digest = state.digest().short();
                event(3, "chancery/SealState", vec![Change::StateSealed { digest }])
            }
        };
        event.prev = prev;
        let payload = encode(&event);
        prev = Digest::of(&payload);
        let key = if seq < 2 { &first } else { &second };
        let entry = sign_entry(key, LOG, &payload);
        leaves.extend_from_slice(leaf_hash(&entry).as_bytes());
        tree.append(leaf_hash(&entry));
        state.apply(&event);
        made.insert(
            ["event-0", "event-1", "event-2", "event-3"][seq as usize],
            payload,
        );
        entries.push(entry);
    }
    let last = SignedEntry::parse(&entries[3]).unwrap();
    made.insert("to-be-signed", last.to_be_signed(LOG));
    made.insert("entry-3", entries[3].clone());
    made.insert("leaves", leaves);
    made.insert("root", tree.root().as_bytes().to_vec());
    let checkpoint = Checkpoint {
        origin: ORIGIN.into(),
        size: 4,
        root: tree.root(),
    };
    made.insert("checkpoint", checkpoint.sign(&second).into_bytes());

    let anchor = MemoryFile::new();
    let mut file = AnchorFile::open(Box::new(anchor.clone()), LOG).unwrap();
    let end = Anchor {
        size: 4,
        leaf: leaf_hash(&entries[3]),
        clean: true,
    };
    file.write(&end, &second).unwrap();
    made.insert("anchor-sector", anchor.durable()[..512].to_vec());

    let rows: Vec<_> = state.rows().collect();
    let mut file = b"chancery-rows/v1\n".to_vec();
    for (key, value) in &rows {
        let key = key.to_stored();
        file.extend((key.len() as u16).to_be_bytes());
        file.extend(&key);
        file.extend((value.len() as u32).to_be_bytes());
        file.extend(value);
    }
    made.insert("rows", file);
    made.insert("row-log", rows[0].1.clone());
    made.insert("row-account", rows[1].1.clone());
    let mut one = StateDigest::empty();
    one.add(&rows[1].0, &rows[1].1);
    made.insert("row-account-lanes", one.to_bytes()[..32].to_vec());
    made.insert("state-digest", state.digest().short().as_bytes().to_vec());
    let title = format!(
        "chancery-export/v1\nlog {LOG}\nsize 4\nhead {}\n",
        leaf_hash(&entries[3])
    );
    made.insert("title", title.into_bytes());

    let header = [b"CHB\x01\x01".as_slice(), &[0x22; 16], &[0x33; 16]].concat();
    let context = EncryptionContext::parse(r#"{"b":"2","a":"1"}"#).unwrap();
    let mut blob = header.clone();
    let material = SealingKey::new(&secret(10)).unwrap();
    material.seal_onto(&mut blob, &[&header, context.aad()].concat(), b"hi", &entropy);
    let parsed = Blob::parse(&blob).unwrap();
    assert_eq!(parsed.key(), KeyId::from_bytes([0x22; 16]));
    made.insert("blob", blob);
    made.insert("context", context.aad().to_vec());
    made
}

/// The fenced blocks of the documents: file, name, content.
fn blocks() -> Vec<(String, String, Vec<u8>)> {
    let mut found = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("formats");
    for file in folder.read_dir().unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let hex = line.strip_prefix("```hex ");
            let Some(name) = hex.or_else(|| line.strip_prefix("```text ")) else {
                continue;
            };
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let content = match hex {
                Some(_) => body.iter().flat_map(|line| unhex(line)).collect(),
                None => body
                    .iter()
                    .flat_map(|line| format!("{line}\n").into_bytes())
                    .collect(),
            };
            let file = path.file_name().unwrap().to_string_lossy().into_owned();
            found.push((file, name.trim().to_owned(), content));
        }
    }
    found
}

/// Bytes before a `#`; `00 x 336` is so many of them.
fn unhex(line: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::new();
    let mut words = line.split('#').next().unwrap().split_whitespace();
    while let Some(word) = words.next() {
        if word == "x" {
            let count: usize = words.next().unwrap().parse().unwrap();
            let last = *bytes.last().unwrap();
            bytes.extend(std::iter::repeat_n(last, count - 1));
        } else {
            let digits: Vec<u8> = word
                .bytes()
                .map(|d| (d as char).to_digit(16).unwrap() as u8)
                .collect();
            assert!(digits.len().is_multiple_of(2), "{line}");
            bytes.extend(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]));
        }
    }
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_documents_show_what_is_written() {
    let made = examples();
    let mut shown: BTreeMap<&str, u32> = made.keys().map(|name| (*name, 0)).collect();
    for (file, name, content) in &blocks() {
        // A block of another name is an example of something that has a test of its own.
        let Some(wanted) = made.get(name.as_str()) else {
            continue;
        };
        *shown.get_mut(name.as_str()).unwrap() += 1;
        assert!(
            content == wanted,
            "{file}: the example `{name}` is\n{}\nand should be\n{}",
            hex(content),
            hex(wanted)
        );
    }
    let missing: Vec<_> = shown.iter().filter(|(_, count)| **count == 0).collect();
    assert!(missing.is_empty(), "no document shows {missing:?}");
}

/// Prints the examples, for whoever writes a document.
#[test]
#[ignore = "prints, and tests nothing"]
fn print_the_examples() {
    for (name, bytes) in examples() {
        println!("{name} {}", hex(&bytes));
    }
}

/// Every change, with its fields, stands in event.md; every table in state.md.
#[test]
fn every_change_and_table_is_documented() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let changes = std::fs::read_to_string(folder.join("src/audit/change_name.rs")).unwrap();
    let document = std::fs::read_to_string(folder.join("formats/event.md")).unwrap();
    let names: Vec<&str> = changes.split('"').skip(1).step_by(2).collect();
    assert!(names.len() > 50, "{names:?}");
    for name in names {
        assert!(document.contains(&format!("`{name}`")), "event.md lacks {name}");
    }
    let document = std::fs::read_to_string(folder.join("formats/state.md")).unwrap();
    for table in Table::ALL {
        let row = format!("| {} | {table:?} |", u8::from(table));
        assert!(document.contains(&row), "state.md lacks `{row}`");
    }
}
