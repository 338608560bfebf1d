//! SimulatePolicy: what would be decided, by those who decide.

use crate::base::{Answer, ApiError, Arn, Value};
use crate::domain::{Scope, Unresolved};
use crate::engine::call::{Done, Query};
use crate::engine::tools::Tools;
use crate::event::{Element, Recorded};
use crate::policy::simulate::{Simulated, Simulation, Told};
use crate::projection::{Reader, State};

/// Answers questions about the caller's account. Whoever may ask reads policies, trust policies and tags by it.
#[derive(Debug)]
pub struct SimulatePolicy {
    /// What is asked.
    pub simulation: Simulation,
}

impl Query for SimulatePolicy {
    fn resources(&self, _: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(Vec::new())
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let simulation = Simulation {
            account: scope.account,
            ..self.simulation.clone()
        };
        let answers = simulation
            .run(state)
            .map_err(|impossible| ApiError::invalid_because("Simulation", &impossible.to_string()))?;
        let allowed = answers.iter().filter(|answer| answer.allowed).count();
        let mut recorded = Recorded::default();
        recorded.insert("Allowed", Element::Number(allowed as u64));
        recorded.insert("Checks", Element::Number(answers.len() as u64));
        Ok(Done {
            answer: Answer::new()
                .number("AsOf", state.size())
                .bare_list("Checks", answers.into_iter().map(check)),
            recorded,
            blob: None,
        })
    }
}

/// Field by field what `Simulated` serializes to: the command line reads both.
fn check(answer: Simulated) -> Answer {
    Answer::new()
        .text("Principal", answer.principal)
        .text("Action", answer.action)
        .text("Resource", answer.resource)
        .boolean("Allowed", answer.allowed)
        .text("Kind", answer.kind)
        .text("Layer", answer.layer)
        .text("Rule", answer.rule)
        .bare_list("Statements", answer.statements.into_iter().map(told))
        .bare_list("Misses", answer.misses.into_iter().map(told))
        .bare_list("Advice", texts(answer.advice))
        .bare_list("Missing", texts(answer.missing))
        .bare_list("Cedar", texts(answer.cedar))
}

fn told(told: Told) -> Answer {
    Answer::new()
        .text("Name", told.name)
        .text("Layer", told.layer)
        .text("Text", told.text)
        .bare_list("Why", texts(told.why))
}

fn texts(texts: Vec<String>) -> impl Iterator<Item = Value> {
    texts.into_iter().map(Value::from)
}
