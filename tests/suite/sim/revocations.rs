//! Law 3 with principals: rights are given and taken while users and sessions use them, and no event says yes to
//! somebody who may not, or no to somebody who may, in the state just before it.
//!
//! Method: calls are prepared on whatever state is published and step later, in any number and order, so that most of
//! them are overtaken by some change; `rights` then tells from the log alone what each had to be.

use chancery::base::{AliasName, Code, GroupName, PolicyName, PolicyVersion, RoleName, UserName};
use chancery::crypto::pool::Lane;
use chancery::engine::{HolderName, KeyRef, PolicyRef, Transition};
use chancery::event::Table;

use super::client::{Kind, Who};
use super::deeds::Deed;
use super::driver::{Machine, unexpected};
use super::tally::Tally;

const ROUNDS: u64 = 220;

fn live(seed: u64) -> Result<Machine, String> {
    let mut machine = Machine::new(seed);
    live_on(&mut machine).map(|()| machine)
}

/// The same on a machine that is looked at afterwards, whatever became of it.
pub fn live_on(machine: &mut Machine) -> Result<(), String> {
    machine.start().map_err(unexpected)?;
    prepare(machine).map_err(unexpected)?;
    for _ in 0..ROUNDS {
        machine.tally.rounds += 1;
        match machine.dice.below(100) {
            0..45 => {
                for _ in 0..=machine.dice.below(5) {
                    ask(machine);
                }
            }
            45..70 => {
                let count = 1 + machine.dice.below(6) as usize;
                machine.step(count);
            }
            70..85 => machine.commit().map_err(unexpected)?,
            85..93 => machine.run_again(),
            93..99 => {
                let millis = *machine.dice.pick(&[1, 20, 300, 1_500]);
                machine.world.clock.pass(millis);
            }
            _ => {
                // Sessions end, and are forgotten.
                machine.world.clock.pass(1_300_000);
                machine.tick().map_err(unexpected)?;
            }
        }
    }
    machine.settle().map_err(unexpected)?;
    machine.check().map(drop)
}

/// Half of what is asked changes rights; the other half uses them.
fn ask(machine: &mut Machine) {
    let Some(client) = &machine.client else { return };
    let dice = &mut machine.dice;
    let key = client.keys[dice.index(client.keys.len()).unwrap()];
    let person = client.some_person(dice).unwrap_or(Who::Nobody);
    if dice.once_in(2) {
        let kind = client.think_of_rights(dice, key);
        let is_theirs = matches!(kind, Kind::Deed(Deed::Assume(..))) || dice.once_in(4);
        machine.ask(kind, if is_theirs { person } else { Who::Signed });
    } else {
        let kind = match dice.below(6) {
            0 => Kind::Change(key, Transition::Enable),
            _ => client.think(dice),
        };
        let is_theirs = !dice.once_in(8);
        machine.ask(kind, if is_theirs { person } else { Who::Local });
    }
}

/// Two keys, an alias, two users of whom one is in a group, a role, and what lets them do something.
fn prepare(machine: &mut Machine) -> Result<(), super::driver::Stop> {
    let mut answer = |kind, who| {
        machine.ask(kind, who);
        machine.settle()
    };
    answer(Kind::Create, Who::Local)?;
    answer(Kind::Create, Who::Local)?;
    for deed in beginnings() {
        answer(Kind::Deed(deed), Who::Local)?;
    }
    // The first user assumes the role.
    answer(Kind::Deed(Deed::Assume(role(), None)), Who::Person(0))
}

fn beginnings() -> Vec<Deed> {
    let (a, b) = (user("a"), user("b"));
    let group = GroupName::parse("g0").unwrap();
    vec![
        Deed::CreateUser(a.clone()),
        Deed::CreateUser(b.clone()),
        Deed::CreateGroup(group.clone()),
        Deed::CreateRole(role(), 0),
        Deed::CreatePolicy(policy("p0"), 0),
        Deed::CreatePolicy(policy("p1"), 3),
        Deed::CreatePolicy(policy("p2"), 2),
        Deed::Join(b.clone(), group.clone()),
        Deed::Attach(HolderName::User(a.clone()), custom("p0")),
        Deed::Attach(HolderName::User(a.clone()), custom("p1")),
        Deed::Attach(HolderName::Group(group), custom("p0")),
        Deed::Attach(HolderName::Role(role()), custom("p0")),
        Deed::MakeKey(a),
        Deed::MakeKey(b),
    ]
}

fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

fn role() -> RoleName {
    RoleName::parse("r0").unwrap()
}

fn policy(name: &str) -> PolicyName {
    PolicyName::parse(name).unwrap()
}

fn custom(name: &str) -> PolicyRef {
    PolicyRef::Custom(policy(name))
}

#[test]
fn rights_are_those_at_the_place_in_the_order() {
    let seeds: Vec<u64> = match super::number("CHANCERY_SIM_SEED") {
        Some(seed) => vec![seed],
        None => (0..super::number("CHANCERY_SIM_SEEDS").unwrap_or(200) / 5).collect(),
    };
    let mut total = Tally::default();
    for &seed in &seeds {
        let machine = live(seed).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
        total.add(&machine.tally);
    }
    eprintln!("{} seeds: {total:?}", seeds.len());
    if seeds.len() >= 10 {
        let met = [total.allowed, total.denied, total.overtaken, total.reruns];
        assert!(met.iter().all(|count| *count > 20), "{total:?}");
    }
}

/// One way to lose a right.
struct Loss {
    what: &'static str,
    deeds: Vec<Deed>,
    /// Who loses it.
    who: Who,
    /// What that one then gets to hear.
    code: Code,
}

fn losses() -> Vec<Loss> {
    let (first, second, session) = (Who::Person(0), Who::Person(1), Who::Person(2));
    let group = || GroupName::parse("g0").unwrap();
    let (a, b) = (user("a"), user("b"));
    // The same seed makes the same access keys.
    let machine = prepared();
    let client = machine.client.as_ref().unwrap();
    let (key, ak) = (client.keys[0], client.people[0].ak.clone());
    let detach = |holder, name| Deed::Detach(holder, custom(name));
    let of_role = || detach(HolderName::Role(role()), "p0");
    let of_a = |name| detach(HolderName::User(user("a")), name);
    let of_group = || detach(HolderName::Group(group()), "p0");
    let drop_key = || Deed::DropKey(user("a"), ak.clone());
    let version = |default| Deed::Version(policy("p0"), 3, default);
    let loss = |what, deeds: Vec<Deed>, who, code| Loss {
        what,
        deeds,
        who,
        code,
    };
    let denied = Code::NoPermission;
    vec![
        loss("detached", vec![of_a("p0")], first, denied),
        loss(
            "denied",
            vec![Deed::Attach(HolderName::User(a.clone()), custom("p2"))],
            first,
            denied,
        ),
        loss("detached from the group", vec![of_group()], second, denied),
        loss("left the group", vec![Deed::Leave(b, group())], second, denied),
        loss("another version", vec![version(true)], second, denied),
        loss(
            "another version in force",
            vec![
                version(false),
                Deed::Default(policy("p0"), PolicyVersion::FIRST.next()),
            ],
            session,
            denied,
        ),
        loss(
            "access key off",
            vec![Deed::Switch(a.clone(), ak.clone(), false)],
            first,
            Code::InactiveAccessKey,
        ),
        loss(
            "access key deleted",
            vec![drop_key()],
            first,
            Code::UnknownAccessKey,
        ),
        loss(
            "user deleted",
            vec![of_a("p0"), of_a("p1"), drop_key(), Deed::DeleteUser(a.clone())],
            first,
            Code::UnknownAccessKey,
        ),
        loss(
            "renamed",
            vec![Deed::Rename(a, user("c"))],
            first,
            Code::Unavailable,
        ),
        loss("detached from the role", vec![of_role()], session, denied),
        loss(
            "role deleted",
            vec![of_role(), Deed::DeleteRole(role())],
            session,
            Code::ExpiredSecurityToken,
        ),
        loss("policy of the key", vec![Deed::KeyPolicy(key, 3)], first, denied),
    ]
}

fn prepared() -> Machine {
    let mut machine = Machine::new(7);
    machine.start().unwrap();
    prepare(&mut machine).unwrap();
    machine
}

/// A machine on which a call that had been allowed waits behind what was done since.
fn overtaken(machine: &mut Machine, kind: Kind, who: Who, since: &[Kind]) {
    machine.ask(kind, who);
    let mut input = machine.life.as_mut().unwrap().queue.pop_back().unwrap();
    input.call.lane = Lane::Short;
    for kind in since {
        machine.ask(kind.clone(), Who::Local);
        machine.settle().unwrap();
        assert_eq!(last(machine), Ok(()), "{kind:?}");
    }
    machine.life.as_mut().unwrap().queue.push_back(input);
}

fn overtaken_by(loss: &Loss) -> Machine {
    let mut machine = prepared();
    let key = machine.client.as_ref().unwrap().keys[0];
    let since: Vec<_> = loss.deeds.iter().cloned().map(Kind::Deed).collect();
    overtaken(&mut machine, encrypt(KeyRef::Id(key)), loss.who, &since);
    machine
}

fn encrypt(key: KeyRef) -> Kind {
    Kind::Encrypt(key, vec![1], 0)
}

/// Takes rows of these tables from the read set of the call that waits.
fn forget(machine: &mut Machine, tables: &[Table]) {
    let last = machine.life.as_mut().unwrap().queue.back_mut().unwrap();
    last.prepared
        .reads
        .retain(|read| !tables.contains(&read.row.table));
}

fn last(machine: &Machine) -> Result<(), Code> {
    let last = machine.client.as_ref().unwrap().acknowledged.last().unwrap();
    last.outcome.clone().map(drop)
}

#[test]
fn a_call_overtaken_by_a_revocation_is_refused() {
    for loss in losses() {
        let what = loss.what;
        let mut machine = overtaken_by(&loss);
        machine.settle().unwrap();
        machine.check().unwrap_or_else(|told| panic!("{what}: {told}"));
        assert_eq!(last(&machine), Err(loss.code), "{what}");
    }
}

// The canary: had a call not read the rows that its rights rest on, it would succeed; this has to be noticed.
#[test]
fn a_call_that_did_not_read_its_rights_is_noticed() {
    for loss in losses() {
        let what = loss.what;
        let mut machine = overtaken_by(&loss);
        let rights = [
            Table::User,
            Table::Role,
            Table::Session,
            Table::AccessKey,
            Table::Key,
        ];
        forget(&mut machine, &rights);
        machine.settle().unwrap();
        assert_eq!(last(&machine), Ok(()), "{what}");
        let told = machine.check().unwrap_err();
        assert!(told.contains("law 3"), "{what}: {told}");
    }
}

// Without the revocation it would have been allowed, so it is the revocation that the tests above see.
#[test]
fn a_call_that_nothing_overtakes_is_allowed() {
    for who in 0..3 {
        let mut machine = prepared();
        let key = machine.client.as_ref().unwrap().keys[0];
        overtaken(&mut machine, encrypt(KeyRef::Id(key)), Who::Person(who), &[]);
        machine.settle().unwrap();
        machine.check().unwrap();
        assert_eq!(last(&machine), Ok(()));
    }
}

#[test]
fn a_use_by_an_alias_that_was_moved_uses_its_new_key() {
    let alias = AliasName::parse("alias/a").unwrap();
    for reads in [true, false] {
        let mut machine = prepared();
        let keys = machine.client.as_ref().unwrap().keys.clone();
        machine.ask(Kind::Bind(alias.clone(), keys[0]), Who::Local);
        machine.settle().unwrap();
        let by_alias = encrypt(KeyRef::Alias(alias.clone()));
        let since = [Kind::Move(alias.clone(), keys[1])];
        overtaken(&mut machine, by_alias, Who::Person(0), &since);
        if !reads {
            forget(&mut machine, &[Table::Alias]);
        }
        machine.settle().unwrap();
        let used = machine.client.as_ref().unwrap().ciphers.last().unwrap().key;
        assert_eq!(used, keys[usize::from(reads)]);
        assert_eq!(machine.check().is_ok(), reads);
    }
}
