//! Policies are asked: each action on each resource, in every layer that has something to say about it.

use std::borrow::Cow;
use std::sync::Arc;

use super::actions::action;
use super::authorize::{ASSUME_ROLE, Denial, Question, Ruling};
use super::language::DocumentKind;
use super::cedar::Compiled;
use super::library::{self, Library};
use super::live::Live;
use super::request::{Caller, Check, Who, owner};
use super::verdict::{Kind, Layer, LayerName, Layers, Outcome, Standing, combine};
use super::{Permit, explain};
use crate::base::arn::KeyArn;
use crate::base::limits;
use crate::event::{Actor, ActorKind, Checked, PrincipalId};
use crate::projection::{Key, Reader, Role};

/// Who policies are asked about, with what they say of it in general.
struct Subject {
    identity: Arc<Compiled>,
    session: Option<Arc<Compiled>>,
}

/// Asks the policies about a user or a session. None when there is no such principal any more.
pub(super) fn ask_policies(question: &Question<'_>, reader: &Reader<'_>, library: &Library) -> Option<Ruling> {
    let account = question.actor.account.to_string();
    let caller = caller(question.actor, &account)?;
    let subject = Subject::of(question.actor, reader, library)?;
    // An operation that works with no resource is asked for on the literal `*`.
    let resources = match question.resources {
        [] => &["*"],
        named => named,
    };
    let shown = (limits::STATEMENTS_RECORDED_MAX / resources.len()).max(1);
    // Every check is made, the first denial or not: the event tells them all.
    let checks = resources.iter().enumerate().map(|(nth, resource)| {
        let action = action(question.op, nth, resource);
        let asked = subject.check(question, &caller, (&action, resource), reader, library);
        asked.recorded(action, shown)
    });
    let checks: Vec<Checked> = checks.collect();
    let answer = match explain::deciding(&checks) {
        None => Ok(Permit::issue(question.call)),
        Some(denied) => {
            let denied = explain::to_caller(question.actor, denied);
            Err(Denial::Policies(Box::new(denied)))
        }
    };
    Some(Ruling {
        checks,
        by: Vec::new(),
        answer,
    })
}

/// A principal as policies see it.
fn caller<'a>(actor: &'a Actor, account: &'a str) -> Option<Caller<'a>> {
    let name = actor.name.as_ref()?.as_str();
    let who = match actor.kind {
        ActorKind::RamUser => Who::User { name },
        ActorKind::AssumedRole => Who::Session {
            role: name,
            session: actor.session.as_ref()?.as_str(),
        },
        ActorKind::Root | ActorKind::System | ActorKind::Unmapped => return None,
    };
    Some(Caller { account, who })
}

impl Subject {
    fn of(actor: &Actor, reader: &Reader<'_>, library: &Library) -> Option<Self> {
        let revision = match actor.id? {
            PrincipalId::User(id) => reader.user(id)?.rev,
            PrincipalId::Role(id) => reader.role(id)?.rev,
        };
        // A local peer may stand for a role without having opened a session.
        let session = match (&actor.ak, actor.kind) {
            (Some(ak), ActorKind::AssumedRole) => reader.session(ak)?.policy.as_deref(),
            _ => None,
        };
        Some(Self {
            identity: library.identity(actor.id?, revision, reader.state()),
            session: session.map(|text| library.document(DocumentKind::Session, "session policy", text)),
        })
    }

    fn check(
        &self,
        question: &Question<'_>,
        caller: &Caller<'_>,
        (action, resource): (&str, &str),
        reader: &Reader<'_>,
        library: &Library,
    ) -> Asked {
        let key = KeyArn::parse(resource).and_then(|arn| reader.key(arn.key));
        let conditions = Live {
            caller: *caller,
            actor: question.actor,
            origin: question.origin,
            at: question.at,
            brings: question.brings,
            action,
            key: key.map(AsRef::as_ref),
        };
        let check = Check {
            action,
            resource,
            conditions: &conditions,
        };
        let of_resource = key.and_then(|key| key_policy(key, library));
        let trust = (question.op == ASSUME_ROLE).then(|| trust_policy(resource, reader, library));
        let of_trust = |compiled: &Option<Arc<Compiled>>| match compiled {
            Some(compiled) => library.ask(compiled, caller, &check).0,
            // No such role: it trusts nobody.
            None => Layer::Silent,
        };
        let layers = Layers {
            trust: trust.as_ref().map(of_trust),
            session: self.session.as_ref().map(|session| library.ask(session, caller, &check).0),
            identity: library.ask(&self.identity, caller, &check).0,
            resource: of_resource.as_ref().map(|policy| library.ask(policy, caller, &check).0),
        };
        // What the daemon itself owns is the operator's: its users are at home there, if policies let them.
        let owner = owner(resource).filter(|_| question.operator != Some(question.actor.account));
        let outcome = combine(Standing::of(caller, owner), layers);
        let named = |layer: &LayerName| match layer {
            LayerName::Identity => Some(&self.identity),
            LayerName::Session => self.session.as_ref(),
            LayerName::Resource => of_resource.as_ref(),
            LayerName::Trust => trust.as_ref()?.as_ref(),
        };
        let statements = outcome.statements.iter().filter_map(|(layer, statement)| {
            let compiled = named(layer)?;
            Some(library::statement(compiled, *statement))
        });
        Asked {
            statements: statements.collect(),
            outcome,
        }
    }
}

/// One check, and the statements that decided it, by name.
struct Asked {
    outcome: Outcome,
    statements: Vec<String>,
}

impl Asked {
    fn recorded(self, act: Cow<'static, str>, shown: usize) -> Checked {
        let mut by = self.statements;
        by.truncate(shown);
        Checked {
            by,
            act,
            kind: explain::kind(self.outcome.kind),
            layer: explain::layer(self.outcome.layer),
        }
    }
}

fn key_policy(key: &Key, library: &Library) -> Option<Arc<Compiled>> {
    let text = key.policy.as_deref()?;
    Some(library.document(DocumentKind::Resource, "key policy", text))
}

fn trust_policy(resource: &str, reader: &Reader<'_>, library: &Library) -> Option<Arc<Compiled>> {
    let role: &Role = reader.role_by_arn(resource)?;
    Some(library.document(DocumentKind::Trust, "trust policy", &role.trust))
}
