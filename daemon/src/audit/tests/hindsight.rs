//! A replay under a proposed policy finds what a count by hand finds, and nothing else.

use std::collections::BTreeMap;

use super::bench::{Bench, check, encrypt};
use crate::audit::hindsight::{FailOn, Hindsight, hindsight};
use crate::base::{GroupName, KeyId, PolicyName, Seq, Timestamp, UserName};
use crate::domain::ram::attachment::{AttachPolicy, DetachPolicy};
use crate::domain::ram::group::{AddUserToGroup, CreateGroup};
use crate::domain::ram::holder::HolderName as Held;
use crate::domain::ram::policy::{CreatePolicy, CreatePolicyVersion};
use crate::domain::ram::user::CreateUser;
use crate::domain::{Command, KeyRef};
use crate::engine::call::Work;
use crate::engine::query::keys::DescribeKey;
use crate::event::{Actor, PolicyRef};
use crate::policy::proposal::{HolderName, Proposal};

fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

fn policy() -> PolicyName {
    PolicyName::parse("use").unwrap()
}

fn crew() -> GroupName {
    GroupName::parse("crew").unwrap()
}

fn document(statements: &str) -> String {
    format!(r#"{{"Version":"1","Statement":[{statements}]}}"#)
}

fn statement(effect: &str, action: &str, resource: &str) -> String {
    format!(r#"{{"Effect":"{effect}","Action":"{action}","Resource":"{resource}"}}"#)
}

/// Who, what, which key, whether it is allowed now, and whether it would be.
type Count = BTreeMap<(String, &'static str, String, bool, bool), u64>;

/// A bench, and the rules that the test counts by.
struct World {
    bench: Bench,
    keys: [KeyId; 2],
    /// Who has the policy.
    held: BTreeMap<&'static str, bool>,
    /// Whether its version in force is the second.
    second: bool,
    count: Count,
}

impl World {
    fn new() -> Self {
        let mut bench = Bench::new();
        let keys = [bench.make_key(), bench.make_key()];
        let mut world = Self {
            bench,
            keys,
            held: BTreeMap::from([("alice", false), ("bob", false), ("carol", false)]),
            second: false,
            count: Count::new(),
        };
        for name in ["alice", "bob", "carol"] {
            let name = user(name);
            world.root(
                "ram/CreateUser",
                CreateUser {
                    name,
                    display: None,
                    mobile: String::new(),
                    email: String::new(),
                    comments: String::new(),
                },
            );
        }
        let comments = String::new();
        world.root(
            "ram/CreateGroup",
            CreateGroup {
                name: crew(),
                comments,
            },
        );
        let (user, group) = (user("bob"), crew());
        world.root("ram/AddUserToGroup", AddUserToGroup { user, group });
        world
    }

    fn root(&mut self, op: &'static str, command: impl Command + 'static) {
        self.bench.run(op, Work::Command(Box::new(command)));
    }

    fn create(&mut self, document: String) {
        let (name, description, tags) = (policy(), String::new(), Vec::new());
        self.root(
            "ram/CreatePolicy",
            CreatePolicy {
                name,
                document,
                description,
                tags,
            },
        );
    }

    fn attach(&mut self, holder: Held, who: &'static str, attached: bool) {
        let policy = PolicyRef::Custom(policy());
        if attached {
            self.root("ram/AttachPolicyToUser", AttachPolicy { holder, policy });
        } else {
            self.root("ram/DetachPolicyFromUser", DetachPolicy { holder, policy });
        }
        self.held.insert(who, attached);
    }

    /// Everybody does everything with every key, and the rules are applied by hand.
    fn round(&mut self) {
        for name in ["alice", "bob", "carol"] {
            for (op, at) in [
                ("kms/Encrypt", 0),
                ("kms/Encrypt", 1),
                ("kms/DescribeKey", 0),
                ("kms/DescribeKey", 1),
            ] {
                let key = self.keys[at];
                let work = match op {
                    "kms/Encrypt" => encrypt(key),
                    _ => Work::Query(Box::new(DescribeKey { key: KeyRef::Id(key) })),
                };
                let state = self.bench.core.writer.state();
                let id = state.user_named(self.bench.core.account, &user(name)).unwrap().id;
                let mut call = self.bench.call(op, crate::event::ActorKind::Root, work);
                call.actor = Actor::user(self.bench.core.account, id, user(name), None);
                let allowed = self.bench.run_call(call).is_ok();
                let held = self.held[name];
                // v1 allows both, v2 only looking; the proposal encryption with the first key, and forbids looking.
                assert_eq!(allowed, held && (op == "kms/DescribeKey" || !self.second));
                let would = held && op == "kms/Encrypt" && at == 0;
                let account = self.bench.core.account;
                let (who, key) = (
                    format!("acs:ram::{account}:user/{name}"),
                    format!("acs:kms:cn-hangzhou:{account}:key/{key}"),
                );
                *self.count.entry((who, op, key, allowed, would)).or_default() += 1;
            }
        }
    }

    fn run(&mut self) {
        self.round();
        self.create(document(&statement("Allow", "kms:*", "*")));
        self.attach(Held::User(user("alice")), "alice", true);
        self.round();
        self.round();
        self.attach(Held::Group(crew()), "bob", true);
        self.round();
        self.root(
            "ram/CreatePolicyVersion",
            CreatePolicyVersion {
                name: policy(),
                document: document(&statement("Allow", "kms:Describe*", "*")),
                default: true,
                rotate: false,
            },
        );
        self.second = true;
        self.round();
        self.attach(Held::User(user("alice")), "alice", false);
        self.round();
    }

    fn proposed(&self) -> String {
        let first = format!("acs:kms:*:*:key/{}", self.keys[0]);
        document(
            &[
                statement("Allow", "kms:Encrypt", &first),
                statement("Deny", "kms:DescribeKey", "*"),
                statement("Allow", "kms:Decrypt", "*"),
            ]
            .join(","),
        )
    }

    fn replay(&self, text: String, attach_to: Option<&str>, since: Timestamp) -> (Hindsight, bool) {
        let attach_to = attach_to.map(|text| HolderName::parse(text).unwrap());
        let account = self.bench.core.account;
        let mut proposal = Proposal::new(account, policy(), text, attach_to).unwrap();
        let found = hindsight(&mut self.bench.source(), &mut proposal, since, &mut |_, _| ()).unwrap();
        (found, proposal.is_met())
    }
}

fn listed(found: &Hindsight) -> Count {
    let mut listed = Count::new();
    for changed in &found.changes {
        let op = match &*changed.action {
            "kms:Encrypt" => "kms/Encrypt",
            "kms:DescribeKey" => "kms/DescribeKey",
            other => panic!("{other}"),
        };
        let key = (
            changed.principal.clone(),
            op,
            changed.resource.clone(),
            changed.old == "Allow",
            changed.new == "Allow",
        );
        *listed.entry(key).or_default() += changed.count;
    }
    listed
}

#[test]
fn exactly_what_comes_out_otherwise_is_listed() {
    let mut world = World::new();
    world.run();
    assert!(check(&mut world.bench.source()).is_verified());
    let (found, met) = world.replay(world.proposed(), None, Timestamp::default());
    let mut wanted = world.count.clone();
    wanted.retain(|(_, _, _, old, new), _| old != new);
    assert_eq!(listed(&found), wanted);
    let count = |old, new| -> u64 {
        let counted = world.count.iter();
        counted
            .filter(|((_, _, _, o, n), _)| (*o, *n) == (old, new))
            .map(|(_, count)| count)
            .sum()
    };
    assert!(met && count(true, false) > 0 && count(false, true) > 0);
    assert_eq!(
        (found.newly_denied, found.newly_allowed, found.unchanged),
        (
            count(true, false),
            count(false, true),
            count(true, true) + count(false, false)
        )
    );
    assert_eq!(found.decided, 6 * 12);
    assert_eq!(found.events, found.decided + found.not_subject);
    assert_eq!((found.undecided, found.earlier, found.irreproducible), (0, 0, 0));
    // The third statement is about what nobody did; the first decided what would be allowed.
    assert_eq!(found.unexercised().collect::<Vec<_>>(), [2]);
    assert_eq!(found.exercised[0], count(true, true) + count(false, true));
    // v2 allowed alice and bob to look, so its one statement is used.
    assert_eq!(found.unused, Vec::<String>::new());
    assert!(!found.passes(FailOn::Any) && !found.passes(FailOn::NewlyAllowed));
    let sorted = found.changes.windows(2);
    assert!(
        sorted
            .into_iter()
            .all(|pair| (pair[0].new == "Allow") <= (pair[1].new == "Allow"))
    );
    let verdict = format!(
        "DIFFERS: {} of 72 decisions: {} newly denied, {} newly allowed",
        found.newly_denied + found.newly_allowed,
        found.newly_denied,
        found.newly_allowed
    );
    assert_eq!(found.to_string(), verdict);
}

#[test]
fn what_says_the_same_changes_nothing() {
    let mut world = World::new();
    world.create(document(&statement("Allow", "kms:*", "*")));
    world.attach(Held::User(user("alice")), "alice", true);
    world.round();
    let text = document(&statement("Allow", "kms:*", "acs:kms:*:*:key/*"));
    let (found, _) = world.replay(text, None, Timestamp::default());
    assert_eq!(found.to_string(), "equal: all 12 decisions come out as they did");
    assert!(found.changes.is_empty() && found.passes(FailOn::Any));
    assert!(found.unused.is_empty());
}

/// Statements that nobody ever needed, in the version that would be replaced.
#[test]
fn what_never_decided_is_named() {
    let mut world = World::new();
    world.create(document(
        &[
            statement("Allow", "kms:*", "*"),
            statement("Deny", "kms:ScheduleKeyDeletion", "*"),
        ]
        .join(","),
    ));
    world.attach(Held::User(user("alice")), "alice", true);
    world.round();
    let (found, _) = world.replay(world.proposed(), None, Timestamp::default());
    assert_eq!(found.unused, ["use@v1#1"]);
}

/// The policy never existed; carol would have had it all along, and the others not.
#[test]
fn an_attachment_is_supposed_from_the_beginning() {
    let mut world = World::new();
    world.round();
    world.round();
    let text = document(&statement("Allow", "kms:Encrypt", "*"));
    let (found, met) = world.replay(text.clone(), Some("user/carol"), Timestamp::default());
    assert!(met);
    assert_eq!(
        (found.newly_denied, found.newly_allowed, found.unchanged),
        (0, 4, 20)
    );
    assert!(
        found
            .changes
            .iter()
            .all(|changed| changed.principal.ends_with("user/carol"))
    );
    assert!(found.passes(FailOn::NewlyDenied) && !found.passes(FailOn::NewlyAllowed));
    // Through a group, its members: bob alone is in it.
    let (found, _) = world.replay(text.clone(), Some("group/crew"), Timestamp::default());
    assert_eq!(found.newly_allowed, 4);
    assert!(found.changes[0].principal.ends_with("user/bob"));
    // Nobody bears the name, and no policy does.
    let (found, met) = world.replay(text.clone(), Some("role/none"), Timestamp::default());
    assert!(!met && found.changes.is_empty());
    assert!(!world.replay(text, None, Timestamp::default()).1);
}

#[test]
fn decisions_before_the_moment_are_not_counted() {
    let mut world = World::new();
    world.round();
    let events = world.bench.events();
    let since = events.last().unwrap().time.plus_millis(1);
    world.round();
    let text = document(&statement("Allow", "kms:Encrypt", "*"));
    let (found, _) = world.replay(text, Some("user/carol"), since);
    assert_eq!((found.decided, found.newly_allowed), (12, 2));
    assert_eq!(found.earlier, events.len() as u64);
    assert!(found.changes[0].first.0 >= Seq::new(found.earlier));
}

#[test]
fn a_damaged_log_is_no_answer() {
    let mut world = World::new();
    world.round();
    let mut tampered = world.bench.tampered();
    tampered.entries.swap(3, 4);
    let mut proposal = Proposal::new(world.bench.core.account, policy(), world.proposed(), None).unwrap();
    let found = hindsight(&mut tampered, &mut proposal, Timestamp::default(), &mut |_, _| ()).unwrap();
    assert!(found.to_string().starts_with("DAMAGED at event 3"), "{found}");
    assert!(!found.passes(FailOn::NewlyAllowed));
}
