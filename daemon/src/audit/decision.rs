//! The decision that an event records, made again in the state that it was made in.

use super::lawful::Breach;
use super::operations::{Reach, Rule};
use super::past::Past;
use crate::base::arn::role_of;
use crate::base::{AccountId, Code};
use crate::event::{ActorKind, Effect, Element, Event, Outcome};
use crate::policy::{self, Library, Question, Ruling};
use crate::projection::{Reader, State};

/// Decides again, and compares effect, rule, checks and statements; without a library only what the event itself says
/// of its decision. False when it can't be decided again in this build, which is no breach.
pub(super) fn check(
    state: &State,
    past: &Past,
    library: Option<&Library>,
    event: &Event,
    rule: &Rule,
    found: &mut Vec<Breach>,
) -> bool {
    let recorded = &event.dec;
    if event.out.is_ok() && recorded.effect != Effect::Allow {
        found.push(Breach::NotAllowed);
    }
    if is_denial(&event.out) != (recorded.effect == Effect::Deny) && !is_cut(&event.out) && !is_nobodys(event)
    {
        found.push(Breach::DeniedOtherwise);
    }
    if !event
        .res
        .iter()
        .all(|arn| belongs(arn, resources_of(event, rule)))
    {
        found.push(Breach::Resource);
    }
    if recorded.effect == Effect::None {
        if !recorded.by.is_empty() || !recorded.chk.is_empty() {
            found.push(Breach::Decision);
        }
        return true;
    }
    let Some(decided_on) = decided_on(state, past, event) else {
        found.push(Breach::Snapshot);
        return true;
    };
    let Some(library) = library else { return true };
    if !is_decided_alike(decided_on, library, event, rule) {
        let principal = event.actor.id;
        if principal.is_some_and(|principal| policy::lacks_system_policy(principal, decided_on)) {
            return false;
        }
        found.push(Breach::Decision);
    }
    true
}

/// The state that an event was decided in: a query's is its snapshot, all else's the one just before it. None when the
/// snapshot is too old to be known.
pub(super) fn decided_on<'a>(state: &'a State, past: &'a Past, event: &Event) -> Option<&'a State> {
    match event.obs.snap {
        Some(snapshot) if snapshot < state.size() => past.at(snapshot),
        _ => Some(state),
    }
}

fn is_decided_alike(state: &State, library: &Library, event: &Event, rule: &Rule) -> bool {
    let ruling = decide_again(state, library, event, rule);
    let effect = effect(&ruling);
    let recorded = &event.dec;
    (effect, &ruling.by, &ruling.checks) == (recorded.effect, &recorded.by, &recorded.chk)
}

/// What events call the answer.
pub(super) const fn effect(ruling: &Ruling) -> Effect {
    if ruling.answer.is_ok() {
        Effect::Allow
    } else {
        Effect::Deny
    }
}

/// Decides about what an event records, in a state.
pub(super) fn decide_again(state: &State, library: &Library, event: &Event, rule: &Rule) -> Ruling {
    let first = state.first_account().map(|first| first.id);
    let own = event.actor.account;
    let (account, operator) = match rule.reach {
        Reach::Own => (own, None),
        Reach::Named | Reach::Role => {
            let named = resources_of(event, rule);
            (named, first.filter(|_| named != own))
        }
        Reach::Daemon => (first.unwrap_or(own), first),
    };
    let resources: Vec<&str> = event.res.iter().map(String::as_str).collect();
    let question = Question {
        call: event.rid,
        op: &event.op,
        actor: &event.actor,
        origin: &event.origin,
        at: event.dec.at,
        account,
        operator,
        open: rule.open,
        resources: &resources,
        brings: &event.dec.ctx,
    };
    policy::authorize(&question, &Reader::new(state), library)
}

/// Whether the caller was told that it may not.
fn is_denial(out: &Outcome) -> bool {
    said(out).is_some_and(|said| {
        [Code::NoPermission, Code::DryRunDenied]
            .map(Code::as_str)
            .contains(&said)
    })
}

/// A local peer who is nobody is let in where authentication is enough, and has no identity to be told.
fn is_nobodys(event: &Event) -> bool {
    event.actor.kind == ActorKind::Unmapped && event.op == "sts/GetCallerIdentity" && is_denial(&event.out)
}

/// Whether the outcome took the place of another, which did not fit.
fn is_cut(out: &Outcome) -> bool {
    said(out) == Some(Code::RequestTooLarge.as_str())
}

fn said(out: &Outcome) -> Option<&str> {
    match out {
        Outcome::Ok(_) => None,
        Outcome::Error { code, .. } => Some(code),
    }
}

/// The account that an operation's resources are in.
pub(super) fn resources_of(event: &Event, rule: &Rule) -> AccountId {
    let named = match (rule.reach, event.req.get("AccountId")) {
        (Reach::Named, Some(Element::Text(text))) => text.parse().ok(),
        (Reach::Role, _) => match event.req.get("RoleArn") {
            Some(Element::Text(arn)) => role_of(arn).map(|(account, _)| account),
            _ => None,
        },
        _ => None,
    };
    named.unwrap_or(event.actor.account)
}

/// Whether an ARN (`acs:PRODUCT:REGION:ACCOUNT:...`) is of the account, or of nobody: system policies are everybody's.
fn belongs(arn: &str, account: AccountId) -> bool {
    let mut parts = arn.splitn(5, ':');
    let owner = (parts.next() == Some("acs")).then(|| parts.nth(2)).flatten();
    owner == Some("system") || owner.and_then(|owner| owner.parse().ok()) == Some(account)
}
