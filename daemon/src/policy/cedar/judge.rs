//! One layer's answer to one check, by Cedar.

use cedar_policy::{Authorizer, Decision, Schema};

use super::compiled::{Compiled, Slice};
use super::inputs::{self, Fill};
use super::memo::Memo;
use super::scope;
use crate::policy::request::{Caller, Check};
use crate::policy::verdict::Layer;

/// What a set answers, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What the layer says.
    pub layer: Layer,
    /// Whether it follows from the rows of the principal and the resource alone, so that the same question has the same
    /// answer until one of them changes.
    pub is_static: bool,
    /// Why the layer is broken, for the operator: it is counted and raises an alarm.
    pub fault: Option<String>,
}

/// Decides. One for all threads.
#[derive(Debug, Default)]
pub struct Judge {
    authorizer: Authorizer,
    memo: Memo,
}

impl Judge {
    /// A judge who remembers nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decides by the slice of the check. An action that the catalogue does not know is a fault of the caller's table,
    /// and denied.
    pub fn decide(&self, set: &Compiled, caller: &Caller<'_>, check: &Check<'_>) -> Answer {
        let Some(slice) = set.slice(check) else {
            return Answer::broken(UNKNOWN_ACTION);
        };
        match self.ask(&slice, caller, check, Fill::Slice) {
            Ok(layer) => Answer {
                layer,
                is_static: slice.needs.is_static(),
                fault: None,
            },
            Err(fault) => Answer::broken(&fault),
        }
    }

    /// Decides by all policies with their action scopes: the same answer, at many times the price. For proofs and
    /// tests; with a schema, the inputs are checked against it.
    pub fn decide_whole(
        &self,
        set: &Compiled,
        caller: &Caller<'_>,
        check: &Check<'_>,
        schema: Option<&Schema>,
    ) -> Answer {
        if scope::index(check.action).is_none() {
            return Answer::broken(UNKNOWN_ACTION);
        }
        let whole = set.whole();
        match self.ask(whole, caller, check, Fill::Whole(schema)) {
            Ok(layer) => Answer {
                layer,
                is_static: whole.needs.is_static(),
                fault: None,
            },
            Err(fault) => Answer::broken(&fault),
        }
    }

    fn ask(
        &self,
        slice: &Slice,
        caller: &Caller<'_>,
        check: &Check<'_>,
        fill: Fill<'_>,
    ) -> Result<Layer, String> {
        if slice.broken {
            return Err("a document of the set cannot be read or translated".to_owned());
        }
        if slice.policies.is_empty() {
            return Ok(Layer::Silent);
        }
        let inputs = inputs::build(&slice.needs, caller, check, &self.memo, fill)
            .map_err(|fault| fault.to_string())?;
        let response = self
            .authorizer
            .is_authorized(&inputs.request, &slice.policies, &inputs.entities);
        let diagnostics = response.diagnostics();
        // Cedar has skipped a policy that erred; it may have been the forbid that mattered (law 6).
        if let Some(error) = diagnostics.errors().next() {
            return Err(error.to_string());
        }
        let origins = diagnostics.reason().map(|id| slice.origin(id.as_ref()));
        let Some(mut statements) = origins.collect::<Option<Vec<_>>>() else {
            return Err("a policy that nobody put into the set has decided".to_owned());
        };
        statements.sort_unstable();
        match (response.decision(), statements.is_empty()) {
            (Decision::Allow, false) => Ok(Layer::Allowed(statements)),
            (Decision::Deny, false) => Ok(Layer::Denied(statements)),
            (Decision::Deny, true) => Ok(Layer::Silent),
            (Decision::Allow, true) => Err("Cedar allows without a policy".to_owned()),
        }
    }
}

impl Answer {
    /// Of a layer that is not there and has nothing against it. Not lasting: it may come to be.
    pub const fn absent() -> Self {
        Self {
            layer: Layer::Allowed(Vec::new()),
            is_static: false,
            fault: None,
        }
    }

    fn broken(fault: &str) -> Self {
        Self {
            layer: Layer::Broken,
            is_static: false,
            fault: Some(fault.to_owned()),
        }
    }
}

const UNKNOWN_ACTION: &str = "the catalogue does not know the action";
