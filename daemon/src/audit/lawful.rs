//! Law 3, event by event: whether what an event records could have been recorded in the state just before it.

mod identity;

use super::change_name::change_name;
use super::decision;
use super::operations::{Kind, Rule, rule};
use super::past::Past;
use super::problem::{Fault, Problems};
use crate::base::arn::KeyArn;
use crate::base::{Arn, KeyId, KeyUsage, KeyVersionId, limits};
use crate::domain::key_ref::usable;
use crate::domain::law;
use crate::event::{ActorKind, Change, Effect, Element, Event, Outcome, RowKey, Table};
use crate::policy::Library;
use crate::projection::row::Address;
use crate::projection::{Key, Lifecycle, State};

/// What can't have been so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// No such operation.
    #[error("this build does not know the operation, so it can't be proven")]
    UnknownOperation,
    /// It is somebody else's operation.
    #[error("this actor can't be the one of this operation")]
    Actor,
    /// The account does not exist.
    #[error("the actor's account does not exist")]
    NoAccount,
    /// The access key, the user or the session does not exist, is another's, or is not good.
    #[error("its principal was not there, or its access key was not one of its own and good")]
    AccessKey,
    /// Admitted after it happened.
    #[error("it was admitted after it happened")]
    AdmittedLater,
    /// Admitted too long before.
    #[error("it was admitted more than {max} ms before the event in front of it", max = limits::ADMISSION_LAG_MILLIS_MAX)]
    AdmittedLongBefore,
    /// A row was read at another revision.
    #[error("it read {0}, which is another there")]
    StaleRead(String),
    /// A row that its decision rests on is not in the read set.
    #[error("its read set lacks {0}")]
    Unread(String),
    /// A query that looked at a later state, or none.
    #[error("its snapshot is not one from before it")]
    Snapshot,
    /// The decision is another.
    #[error("its decision is not the one that is made there")]
    Decision,
    /// A success that nothing allowed.
    #[error("it succeeded and was not allowed")]
    NotAllowed,
    /// A denial that was not answered as one, or an answer of denial that nothing decided.
    #[error("it was denied and is not answered so, or is answered so and was not")]
    DeniedOtherwise,
    /// A resource that is not one of the account's.
    #[error("a resource of it is none of the account's")]
    Resource,
    /// A failure that changes something.
    #[error("it failed and changes the state")]
    FailedChange,
    /// A change that is not this operation's.
    #[error("{0} is not a change that this operation makes")]
    ForeignChange(&'static str),
    /// More or fewer changes than a success makes.
    #[error("a success of this operation can't make {0} changes")]
    Changes(usize),
    /// A change of something that was not authorized.
    #[error("it changes what is not among its resources")]
    Unauthorized,
    /// It says that nothing had to be changed, and that is not so.
    #[error("it changes nothing, but the state is not what was asked for")]
    NothingDone,
    /// A success that does not name the ciphertext or its key.
    #[error("a use that does not name its key, version and ciphertext")]
    UseUnnamed,
    /// The key can't be used in that state.
    #[error("its key could not be used there")]
    KeyNotUsable,
    /// A key that says it was created at another time.
    #[error("the key it makes says another time")]
    CreatedAt,
}

/// What events are checked against besides the state just before them.
#[derive(Debug)]
pub struct Laws {
    /// The states before that one: queries were answered from them.
    past: Past,
    /// What decides again; none when decisions are believed.
    library: Option<Library>,
    undecidable: u64,
}

impl Laws {
    /// All of law 3, or all but that policies and rules say what is recorded of them.
    pub fn new(decide: bool) -> Self {
        Self {
            past: Past::default(),
            library: decide.then(Library::default),
            undecidable: 0,
        }
    }

    /// Decisions that this build can't make again, for it lacks a system policy that they rest on.
    pub const fn undecidable(&self) -> u64 {
        self.undecidable
    }

    /// Notes the state that an event with changes left.
    pub fn note(&mut self, state: &State) {
        self.past.note(state);
    }

    /// Checks `event` against `state`, the one just before it.
    pub fn check(&mut self, state: &State, event: &Event, problems: &mut Problems) {
        let mut found = Vec::new();
        changes_are_lawful(state, event, problems);
        let by_system = event.actor.kind == ActorKind::System;
        let Some(rule) = rule(&event.op, by_system) else {
            problems.add(event.seq, Breach::UnknownOperation);
            return;
        };
        let Self { past, library, .. } = self;
        actor(state, past, event, rule, &mut found);
        admission(state, event, &mut found);
        reads(state, event, rule, &mut found);
        if !decision::check(state, past, library.as_ref(), event, rule, &mut found) {
            self.undecidable += 1;
        }
        changes(state, event, rule, &mut found);
        if rule.kind == Kind::Use && event.out.is_ok() {
            found.extend(key_use(state, event).err());
        }
        for breach in found {
            problems.add(event.seq, Fault::Breach(breach));
        }
    }
}

/// Each change, in the state that the changes before it left.
fn changes_are_lawful(state: &State, event: &Event, problems: &mut Problems) {
    let mut left: Option<State> = None;
    for (at, change) in event.chg.iter().enumerate() {
        let before = left.as_ref().unwrap_or(state);
        if let Err(unlawful) = law::check(before, event.dec.at, change) {
            problems.add(event.seq, unlawful);
        }
        if at + 1 < event.chg.len() {
            left = Some(before.with_change(change, event.seq));
        }
    }
}

fn actor(state: &State, past: &Past, event: &Event, rule: &Rule, found: &mut Vec<Breach>) {
    let actor = &event.actor;
    let begins = event.seq.get() == 0;
    if (rule.system && actor.kind != ActorKind::System)
        || (!rule.system && actor.kind == ActorKind::System)
        || (rule.kind == Kind::Begin) != begins
    {
        found.push(Breach::Actor);
    }
    if begins {
        return;
    }
    if state.account(actor.account).is_none() {
        found.push(Breach::NoAccount);
    }
    // Of a query whose snapshot is no state of before, that is told where it is decided again.
    if let Some(then) = decision::decided_on(state, past, event) {
        identity::principal(then, event, found);
    }
}

/// One clock reading decides; it lies at most so far behind the log. A query's place is its snapshot, whenever that was.
fn admission(state: &State, event: &Event, found: &mut Vec<Breach>) {
    if event.dec.at > event.time {
        found.push(Breach::AdmittedLater);
    }
    let earliest = state.time().minus_millis(limits::ADMISSION_LAG_MILLIS_MAX);
    if event.obs.snap.is_none() && event.dec.at < earliest {
        found.push(Breach::AdmittedLongBefore);
    }
}

fn reads(state: &State, event: &Event, rule: &Rule, found: &mut Vec<Breach>) {
    for read in &event.obs.read {
        if state.revision(&read.row) != read.revision {
            found.push(Breach::StaleRead(super::readable::row(&read.row)));
        }
    }
    match (rule.kind, event.obs.snap) {
        (Kind::Query, Some(snapshot)) if snapshot <= event.seq.get() && event.obs.read.is_empty() => {}
        // A query that failed before it looked read what it had to, like all others.
        (Kind::Query, None) if !event.out.is_ok() => {}
        (Kind::Query, _) | (Kind::Begin | Kind::Command | Kind::Use, Some(_)) => found.push(Breach::Snapshot),
        (Kind::Begin | Kind::Command | Kind::Use, None) => {}
    }
    // A principal that anything was decided for is part of what was read.
    if event.dec.effect != Effect::None && event.obs.snap.is_none() {
        for row in identity::principal_rows(&event.actor) {
            must_have_read(event, &row, found);
        }
    }
    // So is what a change changes, that nothing else could have changed meanwhile.
    for change in event.chg.iter().filter(|_| event.out.is_ok() && !rule.restores) {
        for row in decided_on(state, change) {
            must_have_read(event, &row, found);
        }
    }
}

fn must_have_read(event: &Event, row: &RowKey, found: &mut Vec<Breach>) {
    if !event.obs.read.iter().any(|read| read.row == *row) {
        found.push(Breach::Unread(super::readable::row(row)));
    }
}

/// The rows whose existence a change rests on, by the commands that make it.
fn decided_on(state: &State, change: &Change) -> Vec<RowKey> {
    match change {
        Change::AliasBound { key, .. } | Change::AliasMoved { key, .. } => vec![key.row_key()],
        Change::KeyCreated(created) => vec![created.account.row_key()],
        Change::ClientTokenUsed { token, .. } => vec![token.row_key()],
        other => {
            let keys = keys_of(other).iter().map(Address::row_key);
            keys.chain(identity::decided_on(state, other)).collect()
        }
    }
}

/// The keys that a change edits.
fn keys_of(change: &Change) -> &[KeyId] {
    match change {
        Change::KeyEnabled { key }
        | Change::KeyDisabled { key }
        | Change::KeyDeletionScheduled { key, .. }
        | Change::KeyDeletionCancelled { key }
        | Change::KeyDestroyed { key }
        | Change::KeyDescribed { key, .. }
        | Change::DeletionProtectionSet { key, .. }
        | Change::RotationPolicySet { key, .. }
        | Change::KeyRotated { key, .. }
        | Change::KeyPolicySet { key, .. }
        | Change::MessagesReserved { key, .. } => std::slice::from_ref(key),
        Change::KeysTagged { keys, .. } | Change::KeysUntagged { keys, .. } => keys,
        _ => &[],
    }
}

fn changes(state: &State, event: &Event, rule: &Rule, found: &mut Vec<Breach>) {
    if !event.out.is_ok() {
        if !event.chg.is_empty() {
            found.push(Breach::FailedChange);
        }
        return;
    }
    for change in &event.chg {
        let name = change_name(change);
        if !rule.changes.contains(&name) {
            found.push(Breach::ForeignChange(name));
        }
        let authorized = |arn: &Arn| event.res.iter().any(|res| res == arn.as_str());
        if !rule.restores && !touched(state, change).iter().all(authorized) {
            found.push(Breach::Unauthorized);
        }
        if let Change::KeyCreated(created) = change
            && created.at != event.dec.at
        {
            found.push(Breach::CreatedAt);
        }
    }
    let count = event.chg.len();
    if rule.kind != Kind::Begin && (count > rule.most || (rule.always && count == 0)) {
        found.push(Breach::Changes(count));
    }
    if count == 0 && !is_already(state, event) {
        found.push(Breach::NothingDone);
    }
}

/// The resources that a change needs to be authorized for; none when the operation's own is no key or alias.
fn touched(state: &State, change: &Change) -> Vec<Arn> {
    match change {
        Change::KeyCreated(created) => vec![Arn::keys(&created.region, created.account)],
        Change::AccountCreated { .. } => state
            .first_account()
            .map(|first| vec![Arn::accounts(first.id)])
            .unwrap_or_default(),
        Change::AliasBound {
            alias,
            region,
            account,
            ..
        }
        | Change::AliasMoved {
            alias,
            region,
            account,
            ..
        }
        | Change::AliasUnbound {
            alias,
            region,
            account,
        } => vec![Arn::alias(region, *account, alias)],
        other => {
            let rows = keys_of(other).iter().filter_map(|key| state.key(*key));
            rows.map(|row| Arn::key(&row.region, row.account, row.id))
                .chain(identity::touched(state, other))
                .collect()
        }
    }
}

/// Whether the state was already what a success that changes nothing asked for.
fn is_already(state: &State, event: &Event) -> bool {
    if event.op == "kms/CreateKey" {
        return answered_key(event).is_some_and(|key| state.key(key).is_some());
    }
    let wanted = match &*event.op {
        "kms/EnableKey" => Lifecycle::Enabled,
        "kms/DisableKey" => Lifecycle::Disabled,
        _ => return true,
    };
    let [arn] = event.res.as_slice() else { return false };
    KeyArn::parse(arn)
        .and_then(|arn| state.key(arn.key))
        .is_some_and(|key| key.state == wanted)
}

/// The key that an answer names.
fn answered_key(event: &Event) -> Option<KeyId> {
    match &event.out {
        Outcome::Ok(answer) => match answer.get("KeyId") {
            Some(Element::Text(text)) => KeyId::parse(text),
            _ => None,
        },
        Outcome::Error { .. } => None,
    }
}

/// A use that succeeded: its key was there, in its account and region, enabled, of the right usage, with that version.
fn key_use(state: &State, event: &Event) -> Result<(), Breach> {
    // The key of the version that was used comes first; ReEncrypt encrypts under a second one.
    let (resource, destination) = match (event.res.as_slice(), &*event.op) {
        ([resource], op) if op != RE_ENCRYPT => (resource, None),
        ([resource, destination], RE_ENCRYPT) => (resource, Some(destination)),
        _ => return Err(Breach::UseUnnamed),
    };
    if let Some(destination) = destination {
        usable_key(
            state,
            event,
            &KeyArn::parse(destination).ok_or(Breach::UseUnnamed)?,
        )?;
    }
    let (Some(arn), Outcome::Ok(answer), Some(_)) = (KeyArn::parse(resource), &event.out, event.blob) else {
        return Err(Breach::UseUnnamed);
    };
    let said = |name: &str| match answer.get(name) {
        Some(Element::Text(text)) => Some(text.as_ref()),
        _ => None,
    };
    let version = said("KeyVersionId")
        .and_then(KeyVersionId::parse)
        .ok_or(Breach::UseUnnamed)?;
    if said("KeyId") != Some(arn.key.to_string().as_str()) {
        return Err(Breach::UseUnnamed);
    }
    match usable_key(state, event, &arn)?.version(version) {
        Some(_) => Ok(()),
        None => Err(Breach::KeyNotUsable),
    }
}

/// The operation that works with two keys.
const RE_ENCRYPT: &str = "kms/ReEncrypt";

/// A key that was read, and that could be used there.
fn usable_key<'a>(state: &'a State, event: &Event, arn: &KeyArn) -> Result<&'a Key, Breach> {
    let row = RowKey::new(Table::Key, arn.key.as_bytes().as_slice());
    if !event.obs.read.iter().any(|read| read.row == row) {
        return Err(Breach::Unread(super::readable::row(&row)));
    }
    let key = state.key(arn.key).ok_or(Breach::KeyNotUsable)?;
    let fits = key.account == arn.account
        && key.region == arn.region
        && usable(key, KeyUsage::EncryptDecrypt).is_ok();
    if fits { Ok(key) } else { Err(Breach::KeyNotUsable) }
}
