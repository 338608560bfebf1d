//! What would be decided: questions that nobody has asked, answered by the function that answers real ones, in a state
//! that may be made to differ in what is supposed.
//!
//! I1  Every yes and no is `authorize`'s. The plain reading only explains it.
//! I2  What is supposed (policies, a key policy, a session policy, tags) is put into a copy of the state by changes, as an
//!     operation would have put it there.
//! I3  Bounded: at most `SIMULATED_CHECKS_MAX` checks and `SIMULATED_BYTES_MAX` of text.
//! I4  Nothing of another account is explained.
//!
//! Never: uses a key, changes the state it was given.

mod given;
mod told;

use std::collections::BTreeMap;

use super::authorize::{ASSUME_ROLE, Question, authorize};
use super::catalogue::{self, Action, ResourceKind};
use super::language::{ActionPattern, ConditionKey, Fault, Pattern};
use super::library::Library;
use super::request::owner;
use crate::base::arn::role_of;
use crate::base::{AccountId, Arn, PolicyName, RequestId, RoleName, Seq, Tag, Timestamp, UserName, limits};
use crate::event::Actor;
use crate::projection::{Reader, State};

pub use told::{Simulated, Told};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The root of the account.
    Root,
    /// A user.
    User(UserName),
    /// A session of a role.
    Role(RoleName),
}

impl Who {
    /// Parses `root`, `user/NAME` or `role/NAME`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once('/') {
            None => (text == "root").then_some(Self::Root),
            Some(("user", name)) => UserName::parse(name).ok().map(Self::User),
            Some(("role", name)) => RoleName::parse(name).ok().map(Self::Role),
            Some(_) => None,
        }
    }
}

/// What is asked, and what is supposed.
#[derive(Debug, Clone)]
pub struct Simulation {
    /// The account.
    pub account: AccountId,
    /// Who asks; everybody when nobody is named.
    pub who: Option<Who>,
    /// The actions, as policies name them; every action that fits the resources when there is none.
    pub actions: Vec<String>,
    /// The ARNs, or `*`; where an action has but one, it need not be said.
    pub resources: Vec<String>,
    /// The condition values of the request.
    pub context: BTreeMap<String, String>,
    /// Tags that the keys among the resources are supposed to have besides their own.
    pub tags: Vec<Tag>,
    /// Policies that are supposed to be attached to who asks; shown as `given-1`, `given-2` and so on.
    pub policies: Vec<String>,
    /// Whether these are instead of what is attached, not besides it.
    pub instead: bool,
    /// What is supposed to be the policy of the keys among the resources.
    pub key_policy: Option<String>,
    /// What is supposed to be the session's policy.
    pub session_policy: Option<String>,
    /// When it is asked, unless the context says it.
    pub at: Timestamp,
    /// Whether to show what Cedar decides on.
    pub cedar: bool,
}

/// Why a simulation can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Impossible {
    /// There is nobody of that name.
    #[error("there is no such principal in account {0}")]
    Nobody(AccountId),
    /// No action fits.
    #[error("`{0}` is no action that is checked on these resources")]
    NoAction(String),
    /// It has to be said on what.
    #[error("{0} is checked on a resource: name one, by its ARN")]
    NoResource(&'static str),
    /// Too much.
    #[error("these are more than {max} checks, or too much to say: name a principal, actions or resources", max = limits::SIMULATED_CHECKS_MAX)]
    TooMany,
    /// A condition value that can't be supposed.
    #[error("`{0}`: {1}")]
    Context(String, &'static str),
    /// A document that is none.
    #[error("the {0} is refused: {1}")]
    Document(String, Fault),
    /// Something is supposed of who does not have it.
    #[error("{0}")]
    Misplaced(&'static str),
}

impl Simulation {
    /// A question about everything that the account can do, with nothing supposed.
    pub fn of(account: AccountId, at: Timestamp) -> Self {
        Self {
            account,
            who: None,
            actions: Vec::new(),
            resources: Vec::new(),
            context: BTreeMap::new(),
            tags: Vec::new(),
            policies: Vec::new(),
            instead: false,
            key_policy: None,
            session_policy: None,
            at,
            cedar: false,
        }
    }

    /// Answers every check.
    pub fn run(&self, state: &State) -> Result<Vec<Simulated>, Impossible> {
        let supposed = given::suppose(self, state)?;
        let request = given::request(self)?;
        let actors = self.actors(&supposed)?;
        let checks = self.checks(&supposed)?;
        if actors.len().saturating_mul(checks.len()) > limits::SIMULATED_CHECKS_MAX {
            return Err(Impossible::TooMany);
        }
        let library = Library::default();
        let first = supposed.first_account().map(|first| first.id);
        let (mut answers, mut bytes) = (Vec::with_capacity(actors.len() * checks.len()), 0);
        for actor in &actors {
            for (action, resource) in &checks {
                let op = action.name.replacen(':', "/", 1);
                let (account, operator) = concerned(actor.account, first, action, resource);
                let resources = [resource.as_str()];
                let question = Question {
                    call: RequestId::from_bytes([0; 16]),
                    op: &op,
                    actor,
                    origin: &request.origin,
                    at: request.at,
                    account,
                    operator,
                    open: action.on.is_empty(),
                    // An action without resource is asked for as its operation is.
                    resources: if resource == "*" { &[] } else { &resources },
                    brings: request.brings_for(action.name),
                };
                let ruling = authorize(&question, &Reader::new(&supposed), &library);
                let answer = told::tell(self, &question, ruling, &supposed, &library);
                bytes += answer.bytes();
                if bytes > limits::SIMULATED_BYTES_MAX {
                    return Err(Impossible::TooMany);
                }
                answers.push(answer);
            }
        }
        Ok(answers)
    }

    /// Who asks; of everybody the root first, then users and roles by name.
    fn actors(&self, state: &State) -> Result<Vec<Actor>, Impossible> {
        let account = self.account;
        let nobody = || Impossible::Nobody(account);
        match &self.who {
            _ if state.account(account).is_none() => Err(nobody()),
            Some(Who::Root) => Ok(vec![Actor::root(account, None)]),
            Some(Who::User(name)) => {
                let user = state.user_named(account, name).ok_or_else(nobody)?;
                Ok(vec![given::user(user)])
            }
            Some(Who::Role(name)) => {
                let role = state.role_named(account, name).ok_or_else(nobody)?;
                Ok(vec![given::session(role, self.session_policy.is_some())])
            }
            None => {
                let users = state.users(account, None).map(|user| given::user(user));
                let roles = state.roles(account, None).map(|role| given::session(role, false));
                Ok(std::iter::once(Actor::root(account, None))
                    .chain(users)
                    .chain(roles)
                    .collect())
            }
        }
    }

    /// Each action on each resource that it is checked on.
    fn checks(&self, state: &State) -> Result<Vec<(&'static Action, String)>, Impossible> {
        let mut checks = Vec::new();
        let every = ["*".to_owned()];
        let named: &[String] = if self.actions.is_empty() {
            &every
        } else {
            &self.actions
        };
        for text in named {
            let pattern = ActionPattern::parse(text).ok_or_else(|| Impossible::NoAction(text.clone()))?;
            let is_pattern = text.contains(['*', '?']);
            let before = checks.len();
            for action in catalogue::all().filter(|action| pattern.matches(action.name)) {
                for resource in self.resources_of(action, is_pattern, state)? {
                    checks.push((action, resource));
                    if checks.len() > limits::SIMULATED_CHECKS_MAX {
                        return Err(Impossible::TooMany);
                    }
                }
            }
            if checks.len() == before {
                return Err(Impossible::NoAction(text.clone()));
            }
        }
        Ok(checks)
    }

    /// What an action is to be checked on: of several actions only what fits each, of one all that was named.
    fn resources_of(
        &self,
        action: &'static Action,
        is_pattern: bool,
        state: &State,
    ) -> Result<Vec<String>, Impossible> {
        let only = self.only_resource(action, state);
        if self.resources.is_empty() {
            return match only {
                Some(only) => Ok(vec![only]),
                None if is_pattern => Ok(Vec::new()),
                None => Err(Impossible::NoResource(action.name)),
            };
        }
        let fits = |resource: &&String| {
            let of_kind = |kind: &ResourceKind| Pattern::parse(kind.form()).matches(resource);
            !is_pattern || action.on.iter().any(of_kind)
        };
        Ok(self.resources.iter().filter(fits).cloned().collect())
    }

    /// The resource of an action that can have but one.
    fn only_resource(&self, action: &Action, state: &State) -> Option<String> {
        let account = self.account;
        let region = &state.log()?.region;
        let [kind] = action.on else {
            return action.on.is_empty().then(|| "*".to_owned());
        };
        let arn = match kind {
            ResourceKind::Unscoped => return Some("*".to_owned()),
            ResourceKind::KeyContainer => Arn::keys(region, account),
            ResourceKind::AliasContainer => Arn::aliases(region, account),
            ResourceKind::Account => Arn::identities(account),
            ResourceKind::Log => Arn::log(region, account),
            ResourceKind::Accounts => Arn::accounts(account),
            ResourceKind::RootKeys => Arn::root_keys(account),
            _ => return None,
        };
        Some(arn.to_string())
    }
}

/// The account that a check concerns, and the operator's where it is not the caller's own alone: as calls have it.
fn concerned(
    own: AccountId,
    first: Option<AccountId>,
    action: &Action,
    resource: &str,
) -> (AccountId, Option<AccountId>) {
    let of_daemon = |kind: &ResourceKind| matches!(kind, ResourceKind::Log | ResourceKind::Accounts);
    if action.on.iter().any(of_daemon) {
        return (first.unwrap_or(own), first);
    }
    let of_role = (action.name.replacen(':', "/", 1) == ASSUME_ROLE)
        .then(|| role_of(resource).map(|(account, _)| account))
        .flatten();
    let named = of_role.or_else(|| owner(resource)?.parse().ok()).unwrap_or(own);
    let may_be_named = of_role.is_some() || action.on.contains(&ResourceKind::RootKeys);
    (named, first.filter(|_| may_be_named && named != own))
}

/// The position at which what is supposed happens: behind everything.
fn now(state: &State) -> Seq {
    Seq::new(state.size())
}

/// The name of a policy that is given: `given-N`, or the next one that is free in the account.
fn free_name(account: AccountId, nth: usize, state: &State) -> Option<PolicyName> {
    (nth..nth.saturating_add(1_000))
        .filter_map(|nth| PolicyName::parse(&format!("given-{nth}")).ok())
        .find(|name| {
            let address = crate::projection::PolicyKey::new(account, name);
            state.policy_at(&address).is_none()
        })
}

/// Whether a condition key's value is the request's to say.
fn key_of(name: &str) -> Result<ConditionKey, Impossible> {
    let key = ConditionKey::parse(name)
        .ok_or_else(|| Impossible::Context(name.to_owned(), "there is no such condition key"))?;
    let refused = match &key {
        ConditionKey::Tag(_) => "tags are given apart from the context",
        ConditionKey::PrincipalArn | ConditionKey::AccountId => "it follows from the principal",
        ConditionKey::MfaPresent | ConditionKey::Absent(_) => "no request here ever has a value of it",
        _ => return Ok(key),
    };
    Err(Impossible::Context(name.to_owned(), refused))
}

#[cfg(test)]
mod tests;
