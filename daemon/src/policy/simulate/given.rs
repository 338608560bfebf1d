//! What is supposed, as a state and a request.

use super::{Impossible, Simulation, Who, free_name, key_of, now};
use crate::base::arn::KeyArn;
use crate::base::{AccessKeyId, KeyId, SessionName, Timestamp, limits};
use crate::event::{
    Actor, Change, Element, Holder, Origin, PolicyCreated, PolicyRef, Recorded, SessionOpened,
};
use crate::policy::language::value::read_address;
use crate::policy::language::{ConditionKey, Document, DocumentKind, Moment};
use crate::policy::live::RE_ENCRYPT_TO;
use crate::projection::{Role, State, User};

/// The request, as its event would have it.
#[derive(Debug)]
pub(super) struct Request {
    pub origin: Origin,
    pub at: Timestamp,
    brings: Recorded,
    brings_to: Recorded,
}

impl Request {
    /// What the check of an action sees: that of the destination of ReEncrypt has values of its own.
    pub fn brings_for(&self, action: &str) -> &Recorded {
        if action == "kms:ReEncryptTo" {
            &self.brings_to
        } else {
            &self.brings
        }
    }
}

/// Sorts the condition values: where a request has them.
pub(super) fn request(simulation: &Simulation) -> Result<Request, Impossible> {
    let mut request = Request {
        origin: Origin {
            listener: "simulation".to_owned(),
            ..Origin::default()
        },
        at: simulation.at,
        brings: Recorded::EMPTY,
        brings_to: Recorded::EMPTY,
    };
    for (name, value) in &simulation.context {
        let wrong = |why| Impossible::Context(name.clone(), why);
        match key_of(name)? {
            ConditionKey::CurrentTime => {
                let millis = Moment::read(value).and_then(|moment| u64::try_from(moment.as_millis()).ok());
                let millis = millis.ok_or_else(|| wrong("it must be a time, as 2026-11-01T08:00:00Z"))?;
                request.at = Timestamp::from_millis(millis);
            }
            ConditionKey::SourceIp => {
                read_address(value).ok_or_else(|| wrong("it must be one address"))?;
                request.origin.ip = Some(value.clone());
            }
            ConditionKey::SecureTransport => {
                request.origin.tls = match value.as_str() {
                    "true" => true,
                    "false" => false,
                    _ => return Err(wrong("it must be true or false")),
                };
            }
            ConditionKey::UserAgent => request.origin.agent = Some(value.clone()),
            ConditionKey::AccessId => {
                return Err(wrong("which access key signs is not simulated"));
            }
            key => {
                let name = key.canonical().into_owned();
                let element = Element::Text(value.clone().into());
                request
                    .brings_to
                    .insert(format!("{RE_ENCRYPT_TO}{name}"), element.clone());
                request.brings.insert(name, element);
            }
        }
    }
    Ok(request)
}

pub(super) fn user(row: &User) -> Actor {
    Actor::user(row.account, row.id, row.name.clone(), None)
}

/// A session of a role; one with a policy of its own was opened.
pub(super) fn session(row: &Role, with_policy: bool) -> Actor {
    let mut actor = Actor {
        kind: crate::event::ActorKind::AssumedRole,
        id: Some(crate::event::PrincipalId::Role(row.id)),
        name: Some(row.name.clone().into()),
        ..Actor::root(row.account, None)
    };
    actor.session = SessionName::parse(SESSION).ok();
    actor.ak = AccessKeyId::parse(SESSION_KEY).filter(|_| with_policy);
    actor
}

/// The state with all that is supposed in it (I2).
pub(super) fn suppose(simulation: &Simulation, state: &State) -> Result<State, Impossible> {
    let mut supposed = state.clone();
    let rev = now(state);
    let mut suppose = |change: Change| supposed = supposed.with_change(&change, rev);
    for change in policies(simulation, state)? {
        suppose(change);
    }
    let keys = keys(simulation, state);
    if (!simulation.tags.is_empty() || simulation.key_policy.is_some()) && keys.is_empty() {
        return Err(Impossible::Misplaced(
            "tags and a key policy are of a key: name one of the account among the resources",
        ));
    }
    if let Some(document) = &simulation.key_policy {
        parse(DocumentKind::Resource, "key policy", document)?;
        for key in &keys {
            let document = document.clone();
            suppose(Change::KeyPolicySet { key: *key, document });
        }
    }
    if !simulation.tags.is_empty() {
        let tags = simulation.tags.clone();
        suppose(Change::KeysTagged { keys, tags });
    }
    if let Some(opened) = opened(simulation, state)? {
        suppose(Change::SessionOpened(opened));
    }
    Ok(supposed)
}

/// The keys of the account among the resources.
fn keys(simulation: &Simulation, state: &State) -> Vec<KeyId> {
    let named = simulation.resources.iter().filter_map(|arn| KeyArn::parse(arn));
    let own = |key: KeyId| {
        state
            .key(key)
            .is_some_and(|row| row.account == simulation.account)
    };
    let mut keys: Vec<KeyId> = named.map(|arn| arn.key).filter(|key| own(*key)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The changes that attach what is given, and detach what there is if that is meant.
fn policies(simulation: &Simulation, state: &State) -> Result<Vec<Change>, Impossible> {
    let account = simulation.account;
    if simulation.policies.is_empty() && !simulation.instead {
        return Ok(Vec::new());
    }
    let nobody = || Impossible::Nobody(account);
    let holder = match &simulation.who {
        Some(Who::User(name)) => Holder::User(state.user_named(account, name).ok_or_else(nobody)?.id),
        Some(Who::Role(name)) => Holder::Role(state.role_named(account, name).ok_or_else(nobody)?.id),
        Some(Who::Root) => return Err(Impossible::Misplaced("roots need no policies, and have none")),
        None => {
            return Err(Impossible::Misplaced(
                "policies are somebody's: name the principal",
            ));
        }
    };
    let mut changes = Vec::new();
    if simulation.instead {
        let attached = state.attached_to(holder).iter();
        changes.extend(attached.map(|row| Change::PolicyDetached {
            holder,
            policy: row.policy.clone(),
        }));
        if let Holder::User(user) = holder {
            let groups = state.user(user).into_iter().flat_map(|row| &row.groups);
            changes.extend(groups.map(|membership| Change::UserLeftGroup {
                user,
                group: membership.group,
            }));
        }
    }
    let at = simulation.at;
    let mut known = state.clone();
    if simulation.policies.len() > limits::SIMULATED_POLICIES_MAX {
        return Err(TOO_MANY_POLICIES);
    }
    for (nth, document) in simulation.policies.iter().enumerate() {
        parse(DocumentKind::Identity, &format!("policy {}", nth + 1), document)?;
        let name = free_name(account, nth + 1, &known).ok_or(TOO_MANY_POLICIES)?;
        let created = Change::PolicyCreated(PolicyCreated {
            at,
            name: name.clone(),
            tags: Vec::new(),
            account,
            document: document.clone(),
            description: String::new(),
        });
        known = known.with_change(&created, now(state));
        changes.push(created);
        changes.push(Change::PolicyAttached {
            at,
            holder,
            policy: PolicyRef::Custom(name),
        });
    }
    Ok(changes)
}

/// The session that a policy is given for.
fn opened(simulation: &Simulation, state: &State) -> Result<Option<SessionOpened>, Impossible> {
    let Some(policy) = &simulation.session_policy else {
        return Ok(None);
    };
    parse(DocumentKind::Session, "session policy", policy)?;
    let Some(Who::Role(name)) = &simulation.who else {
        return Err(Impossible::Misplaced(
            "sessions are of roles: name one as the principal",
        ));
    };
    let account = simulation.account;
    let role = state
        .role_named(account, name)
        .ok_or(Impossible::Nobody(account))?;
    let names = AccessKeyId::parse(SESSION_KEY).zip(SessionName::parse(SESSION).ok());
    Ok(names.map(|(id, name)| SessionOpened {
        at: simulation.at,
        id,
        name,
        role: role.id,
        policy: Some(policy.clone()),
        source: None,
        account,
        expires: simulation.at.plus_millis(1),
    }))
}

fn parse(kind: DocumentKind, name: &str, text: &str) -> Result<(), Impossible> {
    match Document::parse(kind, text) {
        Ok(_) => Ok(()),
        Err(fault) => Err(Impossible::Document(name.to_owned(), fault)),
    }
}

const TOO_MANY_POLICIES: Impossible = Impossible::Misplaced("there are too many policies: at most 10");

/// What the simulated session is called.
const SESSION: &str = "simulated";
/// Its access key, which no session has.
const SESSION_KEY: &str = "STS.simulated";
