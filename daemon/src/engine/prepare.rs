//! Everything that can be done for a call before it has a place in the order: resolve, authorize, work.
//! The same function runs in the caller's task, inside the writer, and in the simulation.

use smallvec::SmallVec;

use super::call::{Call, Done, Halt, Upkeep, Work};
use super::tools::Tools;
use super::trust;
use crate::base::{AccountId, ApiError, Arn, Code};
use crate::domain::{Facts, Reach, Unresolved};
use crate::event::{Decision, Effect, Read};
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
        Err(unresolved) => return Err(refuse(call, state, unresolved, decision).into()),
    };
    let permit = decide(call, state, decision)?;
    trust::ask(call, reader)?;
    match &call.work {
        Work::Command(command) => Ok(Ready::Decide(tools.make(command.needs(), call.scope.at)?)),
        Work::Use(work) => work.run(&call.scope, reader, permit, tools).map(Ready::Done),
        Work::Query(query) => Ok(Ready::Done(query.answer(&call.scope, state, tools)?)),
        Work::Invalid(error) => Err(error.clone().into()),
    }
}

/// Authorizes, and notes down what was decided and by which statements (law 6).
fn decide(call: &Call, state: &State, decision: &mut Decision) -> Result<Permit, ApiError> {
    let (account, operator) = concerned(call, state);
    let question = Question {
        call: call.rid,
        actor: &call.actor,
        account,
        operator,
        open: call.open,
    };
    match policy::authorize(&question) {
        Ok(permit) => {
            decision.effect = Effect::Allow;
            decision.by = permit.by().to_vec();
            Ok(permit)
        }
        Err(Denial::NothingAllows) => {
            decision.effect = Effect::Deny;
            decision.by = vec!["nothing allows it".into()];
            Err(Code::NoPermission.into())
        }
    }
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
fn refuse(call: &Call, state: &State, unresolved: Unresolved, decision: &mut Decision) -> ApiError {
    if unresolved.ask.is_empty() {
        return unresolved.refusal.into();
    }
    match decide(call, state, decision) {
        Ok(_permit) => unresolved.refusal.into(),
        Err(denied) => denied,
    }
}
