use super::*;
use crate::base::*;
use crate::event::{AccessKeyCreated, Change, KeyCreated, KeyVersionAdded};

fn account(n: u64) -> AccountId {
    (1_000_000_000_000_000 + n).to_string().parse().unwrap()
}

fn slot(slot: u32) -> SlotRef {
    SlotRef { slot, generation: 1 }
}

fn opened(n: u64) -> Change {
    Change::AccountCreated {
        name: String::new(),
        account: account(n),
    }
}

fn access_key(id: &str, at: u32, of: u64) -> Change {
    Change::AccessKeyCreated(AccessKeyCreated {
        at: Timestamp::from_millis(1),
        user: None,
        id: AccessKeyId::parse(id).unwrap(),
        slot: slot(at),
        sealed: vec![1; 40].into(),
        account: account(of),
    })
}

fn key(n: u8, region: &str) -> Change {
    Change::KeyCreated(KeyCreated {
        at: Timestamp::from_millis(1),
        key: KeyId::from_bytes([n; 16]),
        spec: KeySpec::Aes256,
        tags: Vec::new(),
        usage: KeyUsage::EncryptDecrypt,
        origin: KeyOrigin::Kms,
        region: Region::parse(region).unwrap(),
        account: account(1),
        version: KeyVersionAdded {
            id: KeyVersionId::from_bytes([n; 16]),
            slot: slot(u32::from(n)),
            sealed: vec![n; 72].into(),
        },
        rotation: None,
        protection: ProtectionLevel::Software,
        description: String::new(),
    })
}

fn alias(n: u8, region: &str, name: &str) -> Change {
    Change::AliasBound {
        key: KeyId::from_bytes([n; 16]),
        alias: AliasName::parse(name).unwrap(),
        region: Region::parse(region).unwrap(),
        account: account(1),
    }
}

fn fold(changes: impl IntoIterator<Item = Change>) -> State {
    (0..).zip(changes).fold(State::default(), |state, (seq, change)| {
        state.with_change(&change, Seq::new(seq))
    })
}

/// In an order by region alone, `cn-a` would come before `eu`; stored, the shorter region comes first.
#[test]
fn rows_come_in_stored_order_whatever_the_regions_are_called() {
    let state = fold([
        opened(1),
        key(1, "cn-a"),
        key(2, "eu"),
        alias(1, "cn-a", "alias/b"),
        alias(2, "eu", "alias/a"),
        alias(2, "eu", "alias/c"),
        access_key("B", 7, 1),
        access_key("A", 8, 1),
    ]);
    let stored: Vec<_> = state.rows().map(|(row, _)| row.to_stored()).collect();
    assert!(stored.is_sorted(), "{stored:?}");
    let aliases = |region: &str| {
        let region = Region::parse(region).unwrap();
        state.aliases(account(1), &region).count()
    };
    assert_eq!((aliases("eu"), aliases("cn-a"), aliases("cn")), (2, 1, 0));
    assert_eq!(state.aliases_of(KeyId::from_bytes([2; 16])).count(), 2);
}

#[test]
fn a_slot_is_referred_to_from_its_creation_until_its_erasure() {
    let id = AccessKeyId::parse("A").unwrap();
    let steps = [
        (opened(1), false),
        (access_key("A", 7, 1), true),
        (Change::AccessKeyDeleted { id }, true),
        (Change::MaterialErased { slots: vec![slot(7)] }, false),
    ];
    let mut state = State::default();
    for (change, expected) in steps {
        state = state.with_change(&change, Seq::new(1));
        assert_eq!(state.has_slot(slot(7)), expected, "{change:?}");
        assert_eq!(state.slots().count(), usize::from(expected));
        let loaded = State::load(0, Timestamp::default(), state.rows()).unwrap();
        assert_eq!(loaded.slots, state.slots, "{change:?}");
    }
}

#[test]
fn the_first_account_is_the_founded_one_and_not_the_lowest_number() {
    let state = fold([opened(9), opened(2), opened(5)]);
    assert_eq!(state.first_account().unwrap().id, account(9));
    let loaded = State::load(3, Timestamp::default(), state.rows()).unwrap();
    assert_eq!(loaded.first_account().unwrap().id, account(9));
}
