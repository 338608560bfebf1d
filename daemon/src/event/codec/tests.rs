use ciborium::Value;

use super::*;
use crate::base::*;
use crate::event::*;

mod identities;

fn bytes_of(n: u8) -> Bytes {
    vec![n; 40].into()
}

/// One of each change, so that every struct's field order is checked.
fn every_change() -> Vec<Change> {
    let (key, account, region) = (
        KeyId::from_bytes([7; 16]),
        "1234567890123456".parse().unwrap(),
        region(),
    );
    let alias = AliasName::parse("alias/a").unwrap();
    let slot = SlotRef {
        slot: 300,
        generation: 2,
    };
    let tag = Tag {
        key: TagKey::parse("k").unwrap(),
        value: TagValue::parse("v").unwrap(),
    };
    let version = KeyVersionAdded {
        id: KeyVersionId::from_bytes([8; 16]),
        slot,
        sealed: bytes_of(1),
    };
    vec![
        Change::LogBegun(LogBegun {
            log: LogId::from_bytes([1; 16]),
            public: bytes_of(9),
            region: region.clone(),
            format: 1,
            origin: "o".into(),
            software: "s".into(),
        }),
        Change::LogKeyRotated(log_key(slot)),
        Change::EpochBegun(EpochBegun {
            key: log_key(slot),
            leaf: Digest::of(b"leaf"),
            size: 300,
            cause: EpochCause::LossAccepted,
            epoch: 2,
            origin: "o/2".into(),
            reason: "r".into(),
            signer: EpochSigner::Before,
            anchored: Some(301),
        }),
        Change::EpochBegun(EpochBegun {
            key: log_key(slot),
            leaf: Digest::of(b"leaf"),
            size: 300,
            cause: EpochCause::Restored,
            epoch: 3,
            origin: "o/3".into(),
            reason: String::new(),
            signer: EpochSigner::Before,
            anchored: None,
        }),
        Change::EpochBegun(EpochBegun {
            key: log_key(slot),
            leaf: Digest::of(b"leaf"),
            size: 300,
            cause: EpochCause::LossAccepted,
            epoch: 3,
            origin: "o/3".into(),
            reason: "r".into(),
            signer: EpochSigner::Itself,
            anchored: Some(301),
        }),
        Change::AccountCreated {
            name: String::new(),
            account,
        },
        Change::AccessKeyCreated(AccessKeyCreated {
            at: Timestamp::from_millis(1),
            user: UserId::parse("200000000000000007"),
            id: AccessKeyId::parse("CHKX").unwrap(),
            slot,
            sealed: bytes_of(2),
            account,
        }),
        Change::InternalKeyCreated {
            slot,
            sealed: bytes_of(3),
            purpose: InternalKeyPurpose::LogSigning,
        },
        Change::KeyCreated(KeyCreated {
            at: Timestamp::from_millis(1),
            key,
            spec: KeySpec::Aes256,
            usage: KeyUsage::EncryptDecrypt,
            origin: KeyOrigin::Kms,
            region: region.clone(),
            account,
            version: version.clone(),
            tags: vec![tag.clone()],
            rotation: RotationInterval::parse("7d"),
            protection: ProtectionLevel::Software,
            description: "d".into(),
        }),
        Change::KeyEnabled { key },
        Change::KeyDisabled { key },
        Change::KeyDeletionScheduled {
            key,
            delete_at: Timestamp::from_millis(9),
        },
        Change::KeyDeletionCancelled { key },
        Change::KeyDestroyed { key },
        Change::KeyDestructionReapplied { key },
        Change::AliasBound {
            key,
            alias: alias.clone(),
            region: region.clone(),
            account,
        },
        Change::AliasMoved {
            key,
            alias: alias.clone(),
            region: region.clone(),
            account,
        },
        Change::KeyDescribed {
            key,
            description: "d".into(),
        },
        Change::DeletionProtectionSet {
            key,
            enabled: true,
            description: "d".into(),
        },
        Change::RotationPolicySet {
            key,
            interval: RotationInterval::parse("7d"),
        },
        Change::RotationPolicySet { key, interval: None },
        Change::KeyRotated {
            at: Timestamp::from_millis(1),
            key,
            version: version.clone(),
        },
        Change::MessagesReserved {
            key,
            upto: 1 << 20,
            version: version.id,
        },
        Change::KeysTagged {
            keys: vec![key],
            tags: vec![tag.clone()],
        },
        Change::KeysUntagged {
            keys: vec![key],
            names: Some(vec![tag.key.clone()]),
        },
        Change::ClientTokenUsed {
            at: Timestamp::from_millis(1),
            key,
            token: Digest::of(b"t"),
            request: Digest::of(b"r"),
        },
        Change::ClientTokensExpired {
            tokens: vec![Digest::of(b"t")],
        },
        Change::AccessKeyDeleted {
            id: AccessKeyId::parse("CHKX").unwrap(),
        },
        Change::AliasUnbound {
            alias,
            region,
            account,
        },
        Change::AccessKeyStatusSet {
            id: AccessKeyId::parse("CHKX").unwrap(),
            active: true,
        },
        Change::KeyPolicySet {
            key,
            document: "{}".into(),
        },
        Change::MaterialErased { slots: vec![slot] },
        Change::CatalogueAdopted {
            added: vec!["kms:Encrypt".into()],
            removed: vec!["kms:Old".into()],
        },
        Change::RowFormatAdopted {
            format: RowFormat::FIRST,
        },
        Change::TimersHeld,
        Change::TimersReleased,
        Change::StateSealed {
            digest: Digest::of(b"state"),
        },
    ]
}

fn log_key(slot: SlotRef) -> NewLogKey {
    NewLogKey {
        slot,
        proof: vec![7; 64].into(),
        public: vec![8; 32].into(),
        sealed: bytes_of(4),
    }
}

fn region() -> Region {
    Region::parse("cn-hangzhou").unwrap()
}

pub(in crate::event) fn full_event() -> Event {
    let mut req = Recorded::default();
    req.insert("KeyId", Element::text("alias/a"));
    req.insert("Plaintext", Element::Number(1_024));
    req.insert("Description", Element::text(&"x".repeat(2_000)));
    let mut out = Recorded::default();
    out.insert("Value", Element::Bool(true));
    let read = Read {
        row: RowKey::new(Table::Key, vec![7; 16]),
        revision: Some(Seq::new(3)),
    };
    let absent = Read {
        row: RowKey::new(Table::Alias, vec![1]),
        revision: None,
    };
    Event {
        v: FORMAT,
        op: "kms/Encrypt".into(),
        chg: every_change()
            .into_iter()
            .chain(identities::every_change())
            .collect(),
        dec: Decision {
            at: Timestamp::from_millis(5),
            by: vec!["root".into()],
            chk: vec![Checked {
                by: vec!["guard@v2#1".into()],
                act: "kms:Encrypt".into(),
                kind: CheckKind::ExplicitDeny,
                layer: PolicyLayer::Identity,
            }],
            ctx: [("kms:EncryptionContext:a", Element::text("b"))]
                .into_iter()
                .collect(),
            effect: Effect::Allow,
        },
        obs: Observation {
            read: [read, absent].into_iter().collect(),
            snap: Some(7),
        },
        out: Outcome::Ok(out),
        req,
        res: vec!["acs:kms:cn-hangzhou:1234567890123456:key".into()],
        rid: RequestId::from_bytes([4; 16]),
        seq: Seq::new(11),
        blob: Some(Digest::of(b"blob")),
        prev: Digest::of(b"prev"),
        time: Timestamp::from_millis(6),
        actor: Actor::assumed_role(
            "1234567890123456".parse().unwrap(),
            (
                RoleId::parse("300000000000000007").unwrap(),
                RoleName::parse("r").unwrap(),
            ),
            SessionName::parse("session").unwrap(),
            SourceIdentity::parse("who").ok(),
            AccessKeyId::parse("STS.X"),
        ),
        origin: Origin {
            ip: Some("127.0.0.1".into()),
            pid: Some(1),
            tls: true,
            uid: Some(0),
            agent: Some("sdk".into()),
            nonce: Some(u64::MAX),
            listener: "tcp".into(),
        },
    }
}

/// Sorts every map of a decoded tree by the encodings of its keys (RFC 8949 section 4.2.1), independently of the types.
fn sorted(value: Value) -> Value {
    match value {
        Value::Map(entries) => {
            let mut entries: Vec<_> = entries
                .into_iter()
                .map(|(k, v)| (encode(&k), k, sorted(v)))
                .collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            assert!(
                entries.windows(2).all(|pair| pair[0].0 != pair[1].0),
                "a key stands twice"
            );
            Value::Map(entries.into_iter().map(|(_, k, v)| (k, v)).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[test]
fn every_type_encodes_canonically() {
    let bytes = encode(&full_event());
    let tree: Value = ciborium::from_reader(bytes.as_slice()).unwrap();
    assert!(
        encode(&sorted(tree.clone())) == bytes,
        "a map is not sorted in {tree:#?}"
    );
}

#[test]
fn events_round_trip() {
    let event = full_event();
    assert_eq!(decode_event(&encode(&event)).unwrap(), event);
    let mut failed = event;
    failed.out = Outcome::from(&ApiError::new(Code::KeyNotFound));
    failed.obs = Observation::default();
    assert_eq!(decode_event(&encode(&failed)).unwrap(), failed);
}

#[test]
fn other_encodings_of_the_same_event_are_refused() {
    let bytes = encode(&full_event());
    let mut trailing = bytes.clone();
    trailing.push(0);
    assert_eq!(decode::<Event>(&trailing), Err(DecodeError::NotCanonical));

    // The first entry is `"v": 1`; written as a two-byte integer it means the same and is not canonical.
    assert_eq!(&bytes[1..4], &[0x61, b'v', 0x01]);
    let mut wide = bytes[..3].to_vec();
    wide.extend([0x18, 0x01]);
    wide.extend(&bytes[4..]);
    assert_eq!(decode::<Event>(&wide), Err(DecodeError::NotCanonical));
}

#[test]
fn a_newer_format_is_named() {
    let mut event = full_event();
    event.v = FORMAT + 1;
    assert_eq!(
        decode_event(&encode(&event)),
        Err(UnknownFormat::new("the event", u32::from(FORMAT) + 1, FORMAT.into()).into())
    );
}

/// One encoding of each change, pinned: a released one never changes. `CHANCERY_BLESS=1` adds those that are not there yet,
/// and never touches one that is.
#[test]
fn the_encodings_of_changes_are_pinned() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v1/changes.txt");
    let text = std::fs::read_to_string(path).unwrap();
    let pinned: std::collections::BTreeMap<_, _> =
        text.lines().map(|line| line.split_once(' ').unwrap()).collect();
    let (mut seen, mut missing) = (std::collections::BTreeMap::new(), String::new());
    for change in every_change().into_iter().chain(identities::every_change()) {
        // Of some changes there are several examples: `RotationPolicySet`, `RotationPolicySet.2`.
        let name = name_of(&change);
        let count = seen
            .entry(name.clone())
            .and_modify(|count| *count += 1)
            .or_insert(1);
        let label = if *count == 1 {
            name
        } else {
            format!("{name}.{count}")
        };
        let hex: String = encode(&change).iter().map(|byte| format!("{byte:02x}")).collect();
        match pinned.get(label.as_str()) {
            Some(pinned) => assert_eq!(*pinned, hex, "`{label}` has another encoding than the pinned one"),
            None => missing.push_str(&format!("{label} {hex}\n")),
        }
    }
    for (label, hex) in pinned {
        let bytes: Vec<u8> = (0..hex.len() / 2)
            .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let change: Change = decode(&bytes).unwrap_or_else(|error| panic!("{label}: {error}"));
        assert_eq!(label.split('.').next().unwrap(), name_of(&change));
    }
    if std::env::var_os("CHANCERY_BLESS").is_some() {
        std::fs::write(path, text + &missing).unwrap();
    } else {
        assert!(
            missing.is_empty(),
            "not pinned yet (CHANCERY_BLESS=1 adds them):\n{missing}"
        );
    }
}

fn name_of(change: &Change) -> String {
    let told = format!("{change:?}");
    told.split(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .unwrap()
        .to_owned()
}
