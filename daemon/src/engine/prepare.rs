//! Everything that can be done for a call before it has a place in the order: resolve, authorize, work.
//! The same function runs in the caller's task, inside the writer, and in the simulation.

use smallvec::SmallVec;

use super::call::{Call, Done, Halt, Upkeep, Work};
use super::tools::Tools;
use crate::base::{AccountId, ApiError, Arn, Code, limits};
use crate::domain::{Facts, Reach, Unresolved};
use crate::event::{Decision, Effect, Element, Read, Recorded};
use crate::policy::{self, Denial, Permit, Question};
use crate::projection::{Reader, State};

/// A call with its work done, waiting for its place.
#[derive(Debug)]
pub struct Prepared {
    /// What authorization said.
    pub decision: Decision,
    /// What decision and work read.
    pub reads: SmallVec<[Read; 4]>,
    /// The resources touched.
    pub resources: Vec<Arn>,
    /// How many events the state had that it was prepared on.
    pub snapshot: u64,
    /// What came of it.
    pub result: Result<Ready, ApiError>,
    /// What has to be done first, after which the call is prepared again. Whoever can't do it lets `result` stand.
    pub wants: Option<Upkeep>,
}

/// What came of the work.
#[derive(Debug)]
pub enum Ready {
    /// A use or a query is done.
    Done(Done),
    /// A command can be decided with these.
    Decide(Facts),
}

/// Does all of a call's work on one state.
pub fn prepare(call: &Call, state: &State, tools: &Tools) -> Prepared {
    let reader = Reader::new(state);
    let mut decision = Decision::none(call.scope.at);
    let mut resources = Vec::new();
    let attempted = attempt(call, state, &reader, tools, &mut decision, &mut resources);
    let (result, wants) = match attempted {
        Ok(ready) => (Ok(ready), None),
        Err(Halt::Refused(error)) => (Err(error), None),
        // Whoever only asks causes nothing; that more messages would be set aside is no reason to say no.
        Err(Halt::Wants(_)) if call.dry_run => (Ok(Ready::Done(Done::default())), None),
        Err(Halt::Wants(upkeep)) => (Err(Code::Unavailable.into()), Some(upkeep)),
    };
    Prepared {
        decision,
        reads: reader.into_reads(),
        resources,
        snapshot: state.size(),
        result,
        wants,
    }
}

fn attempt(
    call: &Call,
    state: &State,
    reader: &Reader<'_>,
    tools: &Tools,
    decision: &mut Decision,
    touched: &mut Vec<Arn>,
) -> Result<Ready, Halt> {
    super::principal::check(call, reader)?;
    let resolved = match &call.work {
        Work::Command(command) => command.resources(&call.scope, reader),
        Work::Use(work) => work.resources(&call.scope, reader),
        Work::Query(query) => query.resources(&call.scope, reader),
        Work::Invalid(error) => return Err(error.clone().into()),
    };
    *touched = match resolved {
        Ok(resources) => resources,
        Err(unresolved) => return Err(refuse(call, reader, tools, unresolved, decision, touched).into()),
    };
    let permit = decide(call, reader, tools, touched, decision)?;
    match &call.work {
        Work::Command(command) => Ok(Ready::Decide(tools.make(command.needs(), call.scope.at)?)),
        Work::Use(work) => work.run(&call.scope, reader, permit, tools).map(Ready::Done),
        Work::Query(query) => Ok(Ready::Done(query.answer(&call.scope, state, tools)?)),
        Work::Invalid(error) => Err(error.clone().into()),
    }
}

/// Authorizes, and notes down what was decided and by which statements (law 6).
fn decide(
    call: &Call,
    reader: &Reader<'_>,
    tools: &Tools,
    resources: &[Arn],
    decision: &mut Decision,
) -> Result<Permit, ApiError> {
    let (account, operator) = concerned(call, reader.state());
    if call.actor.is_governed() {
        decision.ctx = brought(call)?;
    }
    let resources: SmallVec<[&str; 4]> = resources.iter().map(Arn::as_str).collect();
    let question = Question {
        call: call.rid,
        op: call.op,
        actor: &call.actor,
        origin: &call.origin,
        at: call.scope.at,
        account,
        operator,
        open: call.open,
        resources: &resources,
        brings: &decision.ctx,
    };
    let ruling = policy::authorize(&question, reader, &tools.library);
    decision.by = ruling.by;
    decision.chk = ruling.checks;
    decision.effect = match &ruling.answer {
        Ok(_) => Effect::Allow,
        Err(_) => Effect::Deny,
    };
    ruling.answer.map_err(|denial| match denial {
        Denial::NothingAllows => Code::NoPermission.into(),
        Denial::RootAssumes => {
            ApiError::with_message(Code::NoPermission, "Roles may not be assumed by root accounts.")
        }
        Denial::Policies(denied) => ApiError {
            denied: Some(denied),
            ..Code::NoPermission.into()
        },
    })
}

/// The condition values that a call brings: they stand in its event, so there is a bound.
fn brought(call: &Call) -> Result<Recorded, ApiError> {
    let brings = match &call.work {
        Work::Command(command) => command.brings(),
        Work::Use(work) => work.brings(),
        Work::Query(_) | Work::Invalid(_) => Recorded::EMPTY,
    };
    let bytes = brings.iter().map(|(name, element)| match element {
        Element::Text(text) => name.len() + text.len(),
        Element::Bool(_) | Element::Number(_) | Element::Digest(..) => name.len(),
    });
    if bytes.sum::<usize>() > limits::CONDITIONS_BYTES_MAX {
        return Err(Code::RequestTooLarge.into());
    }
    Ok(brings)
}

/// The account that a call concerns, and the operator's where that is not the caller's own account alone.
fn concerned(call: &Call, state: &State) -> (AccountId, Option<AccountId>) {
    let own = call.actor.account;
    match call.reach() {
        Reach::Account(account) if account == own => (account, None),
        Reach::Account(account) => (account, state.first_account().map(|first| first.id)),
        Reach::Daemon => {
            let first = state.first_account().map(|first| first.id);
            // Without a first account there is no operator, and nothing that its own root could be allowed.
            (first.unwrap_or(AccountId::from_be_bytes([0; 8])), first)
        }
    }
}

/// A name that can be guessed is not found only for those who may act on it; for all others it is denied, there or not.
fn refuse(
    call: &Call,
    reader: &Reader<'_>,
    tools: &Tools,
    unresolved: Unresolved,
    decision: &mut Decision,
    touched: &mut Vec<Arn>,
) -> ApiError {
    if unresolved.ask.is_empty() {
        return unresolved.refusal.into();
    }
    // The event names what was asked for: the decision can be made again.
    *touched = unresolved.ask;
    match decide(call, reader, tools, touched, decision) {
        Ok(_permit) => unresolved.refusal.into(),
        Err(denied) => denied,
    }
}
