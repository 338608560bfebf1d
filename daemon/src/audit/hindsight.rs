//! What would have been decided if a policy had said something else: every decision of the log once more, each in the
//! state that it was made in, with the proposed document in force there from the beginning.
//!
//! I1  One pass, two states: the log's own, and one that takes the same events and in which the proposal is held in force.
//!     Nothing but the proposal differs between them.
//! I2  What is counted as changed was reproduced first: decided again in the log's own state, it comes out as it is
//!     recorded. What does not is no effect of the proposal, and counted apart.
//! I3  Each event is counted once: `decided`, `not_subject`, `undecided` or `earlier`; each decided one once more:
//!     `unchanged`, `newly_denied`, `newly_allowed` or `irreproducible`.
//!
//! A replay proves nothing about requests that never came, and follows no consequences: what a refused operation would
//! have made is there all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::decision::{decide_again, decided_on, effect};
use super::operations::rule;
use super::past::Past;
use super::place::Place;
use super::problem::Problems;
use super::source::{LogSource, SourceError};
use super::{Progress, operations::Rule};
use crate::base::{RequestId, Seq, Timestamp};
use crate::event::{Actor, CheckKind, Checked, Effect, Event};
use crate::policy::explain::deciding;
use crate::policy::proposal::Proposal;
use crate::policy::{Library, Ruling};
use crate::projection::State;

/// What a replay came to.
#[derive(Debug, Clone, Default)]
pub struct Hindsight {
    /// Events read.
    pub events: u64,
    /// Decisions that were made again.
    pub decided: u64,
    /// Those that come out as they did.
    pub unchanged: u64,
    /// Those that were allowed and would be denied.
    pub newly_denied: u64,
    /// Those that were denied and would be allowed.
    pub newly_allowed: u64,
    /// Those that come out otherwise than recorded under the log's own policies already.
    pub irreproducible: u64,
    /// Operations of roots, of the daemon and of nobody: policies are not asked about them.
    pub not_subject: u64,
    /// Operations that ended before they were decided.
    pub undecided: u64,
    /// Events before the moment from which decisions count.
    pub earlier: u64,
    /// What changes, each kind of change once.
    pub changes: Vec<Changed>,
    /// Changed decisions of further kinds, which are not kept: there are too many.
    pub not_listed: u64,
    /// How often each statement of the proposal took part in a decision.
    pub exercised: Vec<u64>,
    /// The statements of the version in force now, as decisions name them, that took part in none that was recorded.
    pub unused: Vec<String>,
    /// Entries that can't be folded; nothing is said of them, nor of what follows.
    pub problems: Problems,
}

/// Decisions that would be others, all in the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The user, or the role of the session.
    pub principal: String,
    /// The action of the check that makes the difference.
    pub action: String,
    /// The resource of that check.
    pub resource: String,
    /// How it came out.
    pub old: &'static str,
    /// How it would.
    pub new: &'static str,
    /// How many.
    pub count: u64,
    /// The first.
    pub first: (Seq, Timestamp),
    /// The last.
    pub last: (Seq, Timestamp),
    /// The statements that would decide the first; of an implicit denial those that allowed it.
    pub by: Vec<String>,
    /// Request ids of the first few.
    pub requests: Vec<RequestId>,
}

/// Which changes make a replay fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FailOn {
    /// What was allowed and would be denied.
    NewlyDenied,
    /// What was denied and would be allowed.
    NewlyAllowed,
    /// Either.
    #[default]
    Any,
}

impl Hindsight {
    /// Whether nothing changes that `fail_on` names, and everything was read.
    pub const fn passes(&self, fail_on: FailOn) -> bool {
        let failing = match fail_on {
            FailOn::NewlyDenied => self.newly_denied,
            FailOn::NewlyAllowed => self.newly_allowed,
            FailOn::Any => self.newly_denied + self.newly_allowed,
        };
        failing == 0 && self.problems.is_empty()
    }

    /// The statements of the proposal, by number, that took part in no decision.
    pub fn unexercised(&self) -> impl Iterator<Item = usize> {
        let counted = self.exercised.iter().enumerate();
        counted.filter(|(_, count)| **count == 0).map(|(at, _)| at)
    }
}

/// The verdict, one line.
impl fmt::Display for Hindsight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.problems.is_empty() {
            return write!(
                f,
                "DAMAGED at {}: what follows was not decided again",
                self.problems
            );
        }
        let differ = self.newly_denied + self.newly_allowed;
        if differ == 0 {
            return write!(f, "equal: all {} decisions come out as they did", self.unchanged)
                .and_then(|()| self.write_irreproducible(f));
        }
        write!(
            f,
            "DIFFERS: {differ} of {} decisions: {} newly denied, {} newly allowed",
            self.decided, self.newly_denied, self.newly_allowed
        )?;
        self.write_irreproducible(f)
    }
}

impl Hindsight {
    fn write_irreproducible(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.irreproducible {
            0 => Ok(()),
            count => write!(f, "; {count} can't be reproduced: run `chancery log verify`"),
        }
    }
}

/// Decides all of `source` again. Decisions before `since` are not counted, but what they changed is there.
pub fn hindsight(
    source: &mut dyn LogSource,
    proposal: &mut Proposal,
    since: Timestamp,
    progress: Progress<'_>,
) -> Result<Hindsight, SourceError> {
    let statements = proposal.document().statements().len();
    let mut pass = Pass {
        found: Hindsight {
            exercised: vec![0; statements],
            ..Hindsight::default()
        },
        real: Side::default(),
        supposed: Side::default(),
        since,
        changes: BTreeMap::new(),
        used: BTreeSet::new(),
    };
    let size = source.size();
    let mut place = Place::default();
    while place.next().get() < size && pass.found.problems.is_empty() {
        let page = source.entries(place.next(), PAGE_ENTRIES)?;
        if page.is_empty() {
            return Err(SourceError::Damaged("an entry is missing"));
        }
        for bytes in page {
            match place.take(&bytes, &mut pass.found.problems) {
                Some(event) if pass.found.problems.is_empty() => pass.event(&event, proposal),
                _ => break,
            }
        }
        progress(place.next().get(), size);
    }
    pass.found.unused = proposal
        .replaced(&pass.real.state)
        .into_iter()
        .filter(|statement| !pass.used.contains(statement))
        .collect();
    pass.found.changes = pass.changes.into_values().collect();
    pass.found
        .changes
        .sort_by_key(|changed| (changed.new == ALLOW, changed.first));
    Ok(pass.found)
}

/// One of the two histories.
#[derive(Debug, Default)]
struct Side {
    state: State,
    past: Past,
    library: Library,
}

impl Side {
    fn decide(&self, event: &Event, rule: &Rule) -> Option<Ruling> {
        let state = decided_on(&self.state, &self.past, event)?;
        Some(decide_again(state, &self.library, event, rule))
    }
}

#[derive(Debug)]
struct Pass {
    found: Hindsight,
    real: Side,
    supposed: Side,
    since: Timestamp,
    /// By principal, action, resource, and how it came out and would.
    changes: BTreeMap<(String, String, String, &'static str, &'static str), Changed>,
    /// Statements of versions of the policy that recorded decisions name.
    used: BTreeSet<String>,
}

impl Pass {
    fn event(&mut self, event: &Event, proposal: &mut Proposal) {
        self.found.events += 1;
        if event.time < self.since {
            self.found.earlier += 1;
        } else if !event.actor.is_governed() {
            self.found.not_subject += 1;
        } else if event.dec.effect == Effect::None {
            self.found.undecided += 1;
        } else {
            self.found.decided += 1;
            self.decision(event, proposal);
        }
        self.real.state.apply(event);
        self.supposed.state.apply(event);
        if !event.chg.is_empty() {
            // The changes may have made another version default, or the policy or whom it is attached to.
            proposal.hold(&mut self.supposed.state, event.time, event.seq);
            self.real.past.note(&self.real.state);
            self.supposed.past.note(&self.supposed.state);
        }
    }

    fn decision(&mut self, event: &Event, proposal: &Proposal) {
        let recorded = event.dec.chk.iter().flat_map(|check| &check.by);
        for by in recorded.filter(|by| proposal.is_of_policy(by)) {
            if !self.used.contains(by) {
                self.used.insert(by.clone());
            }
        }
        let rule = rule(&event.op, false);
        let Some((rule, ruling)) = rule.and_then(|rule| Some((rule, self.supposed.decide(event, rule)?)))
        else {
            self.found.irreproducible += 1;
            return;
        };
        let decided_by = ruling.checks.iter().flat_map(|check| &check.by);
        let ours: BTreeSet<usize> = decided_by.filter_map(|by| proposal.statement(by)).collect();
        for at in ours {
            if let Some(count) = self.found.exercised.get_mut(at) {
                *count += 1;
            }
        }
        let (old, new) = (event.dec.effect, effect(&ruling));
        if old == new {
            self.found.unchanged += 1;
            return;
        }
        // The proposal is to blame only if without it the log is right.
        let own = self.real.decide(event, rule);
        if own.is_none_or(|own| effect(&own) != old) {
            self.found.irreproducible += 1;
            return;
        }
        match new {
            Effect::Allow => self.found.newly_allowed += 1,
            Effect::Deny | Effect::None => self.found.newly_denied += 1,
        }
        self.note(event, &ruling);
    }

    fn note(&mut self, event: &Event, ruling: &Ruling) {
        // The check that denies, on whichever side it is.
        let (denying, allowing) = match event.dec.effect {
            Effect::Allow => (&ruling.checks, &event.dec.chk),
            Effect::Deny | Effect::None => (&event.dec.chk, &ruling.checks),
        };
        let denied = deciding(denying);
        let nth = denied.and_then(|denied| denying.iter().position(|check| check == denied));
        let action = denied.map_or_else(|| event.op.replacen('/', ":", 1), |check| check.act.to_string());
        let resource = event.res.get(nth.unwrap_or(0)).map_or("*", String::as_str);
        let refused = denied.map_or("ImplicitDeny", |check| kind(check.kind));
        let (old, new) = match event.dec.effect {
            Effect::Allow => (ALLOW, refused),
            Effect::Deny | Effect::None => (refused, ALLOW),
        };
        let by = |check: &Checked| check.by.clone();
        let denied_by = denied.map(by).filter(|by| !by.is_empty());
        let allowed_by = || nth.and_then(|nth| allowing.get(nth)).map(by).unwrap_or_default();
        let by = match new {
            ALLOW => allowed_by(),
            _ => denied_by.unwrap_or_else(allowed_by),
        };
        let here = (event.seq, event.time);
        let key = (principal(&event.actor), action, resource.to_owned(), old, new);
        if self.changes.len() >= KINDS_MAX && !self.changes.contains_key(&key) {
            self.found.not_listed += 1;
            return;
        }
        let changed = self.changes.entry(key.clone()).or_insert_with(|| Changed {
            principal: key.0,
            action: key.1,
            resource: key.2,
            old,
            new,
            count: 0,
            first: here,
            last: here,
            by,
            requests: Vec::new(),
        });
        changed.count += 1;
        changed.last = here;
        if changed.requests.len() < REQUESTS_SHOWN {
            changed.requests.push(event.rid);
        }
    }
}

fn principal(actor: &Actor) -> String {
    actor
        .principal_arn()
        .map_or_else(String::new, |arn| arn.to_string())
}

const fn kind(kind: CheckKind) -> &'static str {
    match kind {
        CheckKind::Allow => ALLOW,
        CheckKind::ImplicitDeny => "ImplicitDeny",
        CheckKind::ExplicitDeny => "ExplicitDeny",
    }
}

const ALLOW: &str = "Allow";
const PAGE_ENTRIES: usize = 2_048;
/// Most kinds of changes that are kept; what is over is counted.
const KINDS_MAX: usize = 65_536;
/// Request ids kept of each.
const REQUESTS_SHOWN: usize = 3;

/// The first event of a log; none when it can't be read.
pub fn first_event(source: &mut dyn LogSource) -> Result<Option<Event>, SourceError> {
    let page = source.entries(Seq::GENESIS, 1)?;
    let mut unread = Problems::default();
    Ok(page
        .first()
        .and_then(|bytes| Place::default().take(bytes, &mut unread)))
}
