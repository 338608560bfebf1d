//! Laws that belong to no room alone, over random histories.

use chancery::base::{
    AccountId, AliasName, KeyId, KeyOrigin, KeySpec, KeyUsage, KeyVersionId, ProtectionLevel, Region,
    RequestId, Seq, SlotRef, Timestamp,
};
use chancery::domain::law;
use chancery::event::{
    Actor, Change, Decision, Event, FORMAT, KeyCreated, KeyVersionAdded, Observation, Origin, Outcome,
    Recorded,
};
use chancery::projection::State;
use proptest::collection::vec;
use proptest::prelude::*;

fn account() -> AccountId {
    "1000000000000001".parse().unwrap()
}

fn region() -> Region {
    Region::parse("cn-hangzhou").unwrap()
}

/// Any change at all to one of a few keys and aliases, lawful or not.
fn any_change() -> impl Strategy<Value = Change> {
    let key = (0u8..5).prop_map(|n| KeyId::from_bytes([n; 16]));
    let alias = (0u8..3).prop_map(|n| AliasName::parse(&format!("alias/{n}")).unwrap());
    (key, alias, 0u8..12, 0u64..100).prop_map(|(key, alias, which, number)| {
        let slot = SlotRef {
            slot: u32::from(key.as_bytes()[0]),
            generation: 1,
        };
        match which {
            0..3 => Change::KeyCreated(KeyCreated {
                at: Timestamp::from_millis(number),
                key,
                spec: KeySpec::Aes256,
                usage: KeyUsage::EncryptDecrypt,
                origin: KeyOrigin::Kms,
                region: region(),
                account: account(),
                version: KeyVersionAdded {
                    id: KeyVersionId::from_bytes([9; 16]),
                    slot,
                    sealed: vec![number as u8; 72].into(),
                },
                protection: ProtectionLevel::Software,
                description: String::new(),
                tags: Vec::new(),
                rotation: None,
            }),
            3 => Change::KeyEnabled { key },
            4 => Change::KeyDisabled { key },
            5 => Change::KeyDeletionScheduled {
                key,
                delete_at: Timestamp::from_millis(number),
            },
            6 => Change::KeyDestroyed { key },
            7 => Change::AliasBound {
                key,
                alias,
                region: region(),
                account: account(),
            },
            8 => Change::AliasMoved {
                key,
                alias,
                region: region(),
                account: account(),
            },
            9 => Change::AliasUnbound {
                alias,
                region: region(),
                account: account(),
            },
            10 if number % 2 == 0 => Change::TimersHeld,
            10 => Change::TimersReleased,
            _ => Change::MaterialErased { slots: vec![slot] },
        }
    })
}

fn event(state: &State, chg: Vec<Change>) -> Event {
    Event {
        v: FORMAT,
        op: "kms/Any".into(),
        chg,
        dec: Decision::allowed_by(Timestamp::from_millis(50), "account root"),
        obs: Observation::default(),
        out: Outcome::Ok(Recorded::default()),
        req: Recorded::default(),
        res: Vec::new(),
        rid: RequestId::from_bytes([1; 16]),
        seq: Seq::new(state.size()),
        blob: None,
        prev: chancery::base::Digest::ZERO,
        time: Timestamp::from_millis(50 + state.size()),
        actor: Actor::system(account()),
        origin: Origin::internal(),
    }
}

fn fold(history: &[Vec<Change>]) -> State {
    history.iter().fold(State::default(), |mut state, changes| {
        let event = event(&state, changes.clone());
        state.apply(&event);
        state
    })
}

fn same(a: &State, b: &State) -> bool {
    a.rows().eq(b.rows())
        && a.digest() == b.digest()
        && a.erasures().eq(b.erasures())
        && a.slots().eq(b.slots())
        && a.keys_newest_first(account(), &region())
            .eq(b.keys_newest_first(account(), &region()))
        && a.aliases(account(), &region())
            .eq(b.aliases(account(), &region()))
        && a.deletions_due(Timestamp::from_millis(60))
            .eq(b.deletions_due(Timestamp::from_millis(60)))
}

proptest! {
    /// Rows are all there is: what is loaded from them has the same rows, digest and derived orders (law 2).
    #[test]
    fn a_state_loaded_from_its_rows_is_the_same(history in vec(vec(any_change(), 1..3), 0..40)) {
        let state = fold(&history);
        let loaded = State::load(state.size(), state.time(), state.rows()).unwrap();
        prop_assert!(same(&state, &loaded));
    }

    /// The rows that `apply` says it wrote, laid over those before, are those after.
    #[test]
    fn what_apply_writes_is_all_that_changed(
        history in vec(vec(any_change(), 1..3), 0..30),
        last in vec(any_change(), 1..4),
    ) {
        let before = fold(&history);
        let mut after = before.clone();
        let written = after.apply(&event(&before, last));
        let mut rows: std::collections::BTreeMap<_, _> = before.rows().collect();
        for row in written {
            match row.value {
                Some(value) => rows.insert(row.row, value),
                None => rows.remove(&row.row),
            };
        }
        prop_assert!(rows.into_iter().eq(after.rows()));
        // A clone never changes: readers hold snapshots.
        prop_assert!(same(&before, &fold(&history)));
    }

    /// A destroyed key stays destroyed, whatever lawful changes follow: its id is never made again by the daemon, and
    /// nothing else brings it back (law 5).
    #[test]
    fn no_lawful_change_but_its_making_revives_a_destroyed_key(
        history in vec(any_change(), 0..60),
    ) {
        let mut state = State::default();
        let mut gone = std::collections::BTreeSet::new();
        for change in history {
            if law::check(&state, Timestamp::from_millis(50), &change).is_err() {
                continue;
            }
            match &change {
                Change::KeyDestroyed { key } => { gone.insert(*key); }
                Change::KeyCreated(created) => { gone.remove(&created.key); }
                _ => {}
            }
            let event = event(&state, vec![change]);
            state.apply(&event);
            prop_assert!(gone.iter().all(|key| state.key(*key).is_none()));
        }
    }
}
