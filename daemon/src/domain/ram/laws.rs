//! What holds for all identities after any lawful sequence of changes:
//! the rows written along the way are the rows of the state; a state loaded from them is the same, orders included; and
//! whenever what a principal may do is another, so is its revision (law 3 rests on it).

use std::collections::{BTreeMap, BTreeSet};

use ciborium::Value;
use proptest::prelude::*;

use crate::base::*;
use crate::domain::given::{AT, access_key_of, account, event, given, group, opened, role, user};
use crate::domain::law::check;
use crate::event::*;
use crate::projection::State;

fn policy(n: u8) -> PolicyRef {
    let name = PolicyName::parse(&format!("P{}", n % 3)).unwrap();
    if n.is_multiple_of(4) {
        PolicyRef::System(name)
    } else {
        PolicyRef::Custom(name)
    }
}

fn custom(n: u8) -> PolicyName {
    policy(n | 1).name().clone()
}

fn holder(n: u8) -> Holder {
    match n % 3 {
        0 => Holder::User(user(n % 2)),
        1 => Holder::Group(group(n % 2)),
        _ => Holder::Role(role(n % 2)),
    }
}

fn session(n: u8) -> AccessKeyId {
    AccessKeyId::parse(&format!("STS.{}", n % 3)).unwrap()
}

/// One of all kinds of changes of identities, about two of each kind of identity; few of them are lawful at a time.
fn changes() -> impl Strategy<Value = Change> {
    let names = ["bob", "Bob", "eve", "zoe"];
    (0u8..25, any::<u8>(), any::<u8>()).prop_map(move |(kind, a, b)| {
        let at = AT.plus_millis(u64::from(b));
        let (who, whom) = (a % 2, b % 2);
        let name = names[usize::from(b % 4)];
        let document = format!("{{\"n\":{b}}}");
        let some = |text: &str| (b % 2 == 0).then(|| text.to_owned());
        let tag = Tag {
            key: TagKey::parse(&format!("k{}", b % 3)).unwrap(),
            value: TagValue::parse("v").unwrap(),
        };
        let entities = vec![Tagged::Role(role(who)), Tagged::Policy(custom(a))];
        match kind {
            0 => Change::UserCreated(UserCreated {
                at,
                name: UserName::parse(name).unwrap(),
                user: user(who),
                email: "e".into(),
                mobile: String::new(),
                account: account(1),
                display: "d".into(),
                comments: String::new(),
            }),
            1 => Change::UserUpdated(UserUpdated {
                at,
                name: some(name).map(|name| UserName::parse(&name).unwrap()),
                user: user(who),
                email: some("f"),
                mobile: None,
                display: None,
                comments: some("c"),
            }),
            2 => Change::UserDeleted { user: user(who) },
            3 => Change::GroupCreated(GroupCreated {
                at,
                name: GroupName::parse(name).unwrap(),
                group: group(who),
                account: account(1),
                comments: String::new(),
            }),
            4 => Change::GroupUpdated(GroupUpdated {
                at,
                name: some(name).map(|name| GroupName::parse(&name).unwrap()),
                group: group(who),
                comments: some("c"),
            }),
            5 => Change::GroupDeleted { group: group(who) },
            6 | 7 => Change::UserJoinedGroup {
                at,
                user: user(who),
                group: group(whom),
            },
            8 => Change::UserLeftGroup {
                user: user(who),
                group: group(whom),
            },
            9 => Change::RoleCreated(RoleCreated {
                at,
                name: RoleName::parse(name).unwrap(),
                role: role(who),
                tags: vec![tag],
                trust: document,
                account: account(1),
                console: true,
                description: String::new(),
                session_max: 3_600,
            }),
            10 => Change::RoleUpdated(RoleUpdated {
                at,
                role: role(who),
                trust: some(&document),
                console: Some(false),
                description: some("d"),
                session_max: None,
            }),
            11 => Change::RoleDeleted { role: role(who) },
            12 => Change::PolicyCreated(PolicyCreated {
                at,
                name: custom(a),
                tags: vec![tag],
                account: account(1),
                document,
                description: String::new(),
            }),
            13 => Change::PolicyDescribed {
                at,
                name: custom(a),
                account: account(1),
                description: "d".into(),
            },
            14 => Change::PolicyDeleted {
                name: custom(a),
                account: account(1),
            },
            // Versions count up, so most of these are tried in vain; `next` below makes them fit.
            15 | 16 => Change::PolicyVersionCreated(PolicyVersionCreated {
                at,
                name: custom(a),
                account: account(1),
                default: b % 2 == 0,
                dropped: None,
                version: PolicyVersion::FIRST,
                document,
            }),
            17 => Change::PolicyVersionDeleted {
                at,
                name: custom(a),
                account: account(1),
                version: PolicyVersion::parse(&format!("v{}", 1 + b % 4)).unwrap(),
            },
            18 => Change::PolicyDefaultSet {
                at,
                name: custom(a),
                account: account(1),
                version: PolicyVersion::parse(&format!("v{}", 1 + b % 4)).unwrap(),
            },
            19 | 20 => Change::PolicyAttached {
                at,
                holder: holder(a),
                policy: policy(b),
            },
            21 => Change::PolicyDetached {
                holder: holder(a),
                policy: policy(b),
            },
            22 => Change::IdentitiesTagged {
                tags: vec![tag],
                account: account(1),
                entities,
            },
            23 if b % 2 == 0 => Change::SessionsExpired {
                ids: vec![session(a)],
            },
            23 => Change::SessionOpened(SessionOpened {
                at: AT.minus_millis(1_000),
                id: session(a),
                name: SessionName::parse("session").unwrap(),
                role: role(whom),
                policy: some("{}"),
                source: None,
                account: account(1),
                expires: AT.plus_millis(u64::from(b)),
            }),
            _ => match b % 3 {
                0 => access_key_of(a % 4, who),
                1 => Change::AccessKeyStatusSet {
                    id: AccessKeyId::parse(&format!("CHK{}", a % 4)).unwrap(),
                    active: b % 2 == 0,
                },
                _ => Change::AccountAliasSet {
                    alias: AccountAlias::parse(name).ok(),
                    account: account(1 + who),
                },
            },
        }
    })
}

/// A new version is the policy's next one.
fn fitting(state: &State, change: Change) -> Change {
    match change {
        Change::PolicyVersionCreated(created) => {
            let row = state.policy_named(created.account, &created.name);
            let version = row.map_or(created.version, |row| row.next);
            Change::PolicyVersionCreated(PolicyVersionCreated { version, ..created })
        }
        other => other,
    }
}

/// Policies, and the documents in force of those that are the account's own.
type Documents = BTreeSet<(PolicyRef, Option<String>)>;

/// All that a principal may do, found the long way: its name, what it and its groups have, the documents in force.
fn rights(state: &State, principal: Holder) -> Option<(String, Documents)> {
    let (named, own, groups) = match principal {
        Holder::User(id) => {
            let row = state.user(id)?;
            let groups: Vec<GroupId> = row.groups.iter().map(|membership| membership.group).collect();
            (row.name.to_string(), row.attached.clone(), groups)
        }
        Holder::Role(id) => {
            let row = state.role(id)?;
            let trusted = format!("{} {} {}", row.name, row.trust, row.session_max);
            (trusted, row.attached.clone(), Vec::new())
        }
        Holder::Group(_) => return None,
    };
    let of_groups = groups
        .iter()
        .filter_map(|id| state.group(*id))
        .flat_map(|group| group.attached.clone());
    let documents = own.into_iter().chain(of_groups).map(|attached| {
        let document = match &attached.policy {
            PolicyRef::System(_) => None,
            PolicyRef::Custom(name) => state
                .policy_named(account(1), name)
                .and_then(|row| row.in_force())
                .map(|version| version.document.clone()),
        };
        (attached.policy, document)
    });
    Some((named, documents.collect()))
}

fn revision(state: &State, principal: Holder) -> Option<Seq> {
    match principal {
        Holder::User(id) => state.user(id).map(|row| row.rev),
        Holder::Group(id) => state.group(id).map(|row| row.rev),
        Holder::Role(id) => state.role(id).map(|row| row.rev),
    }
}

/// RFC 8949 section 4.2.1, independently of the types.
fn is_canonical(value: &Value) -> bool {
    match value {
        Value::Map(entries) => {
            let keys: Vec<(usize, &str)> = entries
                .iter()
                .map(|(key, _)| key.as_text().map_or((0, ""), |text| (text.len(), text)))
                .collect();
            keys.is_sorted() && entries.iter().all(|(_, value)| is_canonical(value))
        }
        Value::Array(items) => items.iter().all(is_canonical),
        _ => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn rows_orders_and_revisions_follow_every_change(changes in prop::collection::vec(changes(), 1..160)) {
        let mut state = given([opened(2)]);
        let mut rows: BTreeMap<RowKey, Vec<u8>> = state.rows().collect();
        let principals = [0, 1].into_iter().flat_map(|n| [Holder::User(user(n)), Holder::Role(role(n))]);
        let principals: Vec<Holder> = principals.collect();
        let mut done = Vec::new();
        for change in changes {
            let change = fitting(&state, change);
            if check(&state, AT, &change).is_err() {
                continue;
            }
            let before = state.clone();
            let happened = event(&state, vec![change.clone()]);
            for written in state.apply(&happened) {
                match written.value {
                    Some(value) => {
                        rows.insert(written.row, value);
                    }
                    None => {
                        rows.remove(&written.row);
                    }
                }
            }
            done.push(happened);
            for principal in &principals {
                let (was, is) = (rights(&before, *principal), rights(&state, *principal));
                if was != is {
                    prop_assert_ne!(
                        revision(&before, *principal),
                        revision(&state, *principal),
                        "{:?} after {:?}", principal, change
                    );
                }
            }
            prop_assert_eq!(&rows, &state.rows().collect::<BTreeMap<_, _>>(), "{:?}", change);
        }
        for value in rows.values() {
            let tree: Value = ciborium::from_reader(value.as_slice()).unwrap();
            prop_assert!(is_canonical(&tree), "{tree:?}");
        }
        let stored: Vec<_> = state.rows().map(|(row, _)| row.to_stored()).collect();
        prop_assert!(stored.is_sorted());
        let loaded = State::load(state.size(), state.time(), rows).unwrap();
        prop_assert_eq!(format!("{loaded:?}"), format!("{state:?}"));
        let mut replayed = given([opened(2)]);
        for happened in &done {
            replayed.apply(happened);
        }
        prop_assert_eq!(replayed.digest(), state.digest());
    }
}
