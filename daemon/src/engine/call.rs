//! A call: one authenticated, admitted request, on its way to become one event.

use std::fmt::Debug;

use crate::base::{Answer, ApiError, Arn, Digest, KeyId, KeySpec, KeyVersionId, RequestId};
use crate::crypto::pool::Lane;
use crate::domain::{Command, Reach, Scope, Unresolved};
use crate::event::{Actor, Origin, Recorded};
use crate::policy::Permit;
use crate::projection::{Reader, State};

use super::tools::Tools;

/// What kind of operation it is; decides what has to hold at its place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Changes the state.
    Command,
    /// Works with a key.
    Use,
    /// Looks.
    Query,
}

/// One request.
#[derive(Debug)]
pub struct Call {
    /// Its id, given to the caller and recorded.
    pub rid: RequestId,
    /// Product and action, `kms/Encrypt`.
    pub op: &'static str,
    /// Whether being authenticated is enough.
    pub open: bool,
    /// Whether the caller only wants to know if it would succeed.
    pub dry_run: bool,
    /// Where its work runs.
    pub lane: Lane,
    /// Who asks.
    pub actor: Actor,
    /// From where.
    pub origin: Origin,
    /// Account, region, admission time.
    pub scope: Scope,
    /// The request's parameters, as the event records them.
    pub recorded: Recorded,
    /// What is asked for.
    pub work: Work,
}

impl Call {
    /// Whose business it is.
    pub(super) fn reach(&self) -> Reach {
        match &self.work {
            Work::Command(command) => command.reach(&self.scope),
            Work::Query(query) => query.reach(&self.scope),
            Work::Use(_) | Work::Invalid(_) => Reach::Account(self.scope.account),
        }
    }
}

/// What is asked for.
#[derive(Debug)]
pub enum Work {
    /// A change.
    Command(Box<dyn Command>),
    /// Work with a key.
    Use(Box<dyn Use>),
    /// A look.
    Query(Box<dyn Query>),
    /// Nothing that can be done: the parameters are wrong. Recorded like everything else.
    Invalid(ApiError),
}

/// An operation that works with a key.
pub trait Use: Debug + Send + Sync {
    /// The resources it touches, for authorization. What is read for it goes through `reader`, into the read set.
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved>;

    /// The condition values that the request brings, by condition key. Asked for callers who are subject to policies.
    fn brings(&self) -> Recorded {
        Recorded::EMPTY
    }

    /// Does the work. Takes the permit: without it the key room opens no key.
    fn run(&self, scope: &Scope, reader: &Reader<'_>, permit: Permit, tools: &Tools) -> Result<Done, Halt>;
}

/// Why work with a key came to no result.
#[derive(Debug)]
pub enum Halt {
    /// It is refused.
    Refused(ApiError),
    /// Something has to be done first; then it is tried again.
    Wants(Upkeep),
}

impl<E: Into<ApiError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// What the daemon does so that a version can go on encrypting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upkeep {
    /// Set more messages aside.
    Reserve {
        /// For which version of which key.
        key: KeyId,
        /// The version.
        version: KeyVersionId,
        /// What is set aside now.
        after: u64,
    },
    /// Give the key a new version.
    Rotate {
        /// Which key.
        key: KeyId,
        /// Its algorithm.
        spec: KeySpec,
        /// The version that is used up.
        follows: KeyVersionId,
    },
}

/// An operation that only looks.
pub trait Query: Debug + Send + Sync {
    /// The resources it looks at, for authorization.
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved>;

    /// Whose business it is.
    fn reach(&self, scope: &Scope) -> Reach {
        Reach::Account(scope.account)
    }

    /// Whether the operator needs it to find out what is wrong: it is answered until the reserve is touched.
    fn diagnoses(&self) -> bool {
        false
    }

    /// Answers from one state. Everything it shows leaves with the receipt of its own event.
    fn answer(&self, scope: &Scope, state: &State, tools: &Tools) -> Result<Done, ApiError>;
}

/// Work that is done.
#[derive(Debug, Default)]
pub struct Done {
    /// The answer to the caller.
    pub answer: Answer,
    /// What the event says of the answer.
    pub recorded: Recorded,
    /// SHA-256 of the ciphertext made or opened.
    pub blob: Option<Digest>,
}

impl Done {
    /// An answer of which the event says nothing.
    pub fn unrecorded(answer: Answer) -> Self {
        Self {
            answer,
            ..Self::default()
        }
    }
}
