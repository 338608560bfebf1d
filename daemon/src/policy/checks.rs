//! Policies are asked: each action on each resource, in every layer that has something to say about it.

use std::sync::Arc;

use super::actions::action;
use super::authorize::{ASSUME_ROLE, Denial, Question, Ruling};
use super::cedar::{Answer, Compiled};
use super::language::DocumentKind;
use super::library::{Library, statement};
use super::live::Live;
use super::remember::{Basis, Lasting};
use super::request::{Caller, Check, Who, owner};
use super::verdict::{LayerName, Layers, Standing, combine};
use super::{Permit, explain};
use crate::base::arn::{KeyArn, role_of};
use crate::base::limits;
use crate::event::{Actor, ActorKind, Checked, PrincipalId};
use crate::projection::{Key, Reader};

/// Asks the policies about a user or a session. None when there is no such principal any more.
pub(super) fn ask_policies(
    question: &Question<'_>,
    reader: &Reader<'_>,
    library: &Library,
) -> Option<Ruling> {
    let account = question.actor.account.to_string();
    let asked = Asked {
        question,
        caller: caller(question.actor, &account)?,
        subject: Subject::of(question.actor, reader, library)?,
        reader,
        library,
    };
    // An operation that works with no resource is asked for on the literal `*`.
    let resources = match question.resources {
        [] => &["*"],
        named => named,
    };
    let shown = (limits::STATEMENTS_RECORDED_MAX / resources.len()).max(1);
    // Every check is made, the first denial or not: the event tells them all.
    let checks = resources.iter().enumerate().map(|(nth, resource)| {
        let mut checked = asked.check(nth, resource);
        checked.by.truncate(shown);
        checked
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

/// What stands behind the first check of a question: hands over the layers that it is asked of, who asks, and what. None
/// when there is no such principal.
pub(super) fn examine<T>(
    question: &Question<'_>,
    reader: &Reader<'_>,
    library: &Library,
    look: impl FnOnce(&[(LayerName, Arc<Compiled>)], &Caller<'_>, &Check<'_>) -> T,
) -> Option<T> {
    let account = question.actor.account.to_string();
    let asked = Asked {
        question,
        caller: caller(question.actor, &account)?,
        subject: Subject::of(question.actor, reader, library)?,
        reader,
        library,
    };
    let resource = question.resources.first().copied().unwrap_or("*");
    let action = action(question.op, 0, resource);
    let key = KeyArn::parse(resource).and_then(|arn| reader.key(arn.key));
    let key = key.map(AsRef::as_ref);
    let conditions = asked.conditions(&action, key);
    let check = Check {
        action: &action,
        resource,
        conditions: &conditions,
    };
    let of_role = (question.op == ASSUME_ROLE).then(|| asked.trust_policy(resource));
    let layers = [
        (LayerName::Trust, of_role.flatten()),
        (LayerName::Session, asked.subject.session.clone()),
        (LayerName::Identity, Some(Arc::clone(&asked.subject.identity))),
        (LayerName::Resource, key.and_then(|key| asked.key_policy(key))),
    ];
    let layers: Vec<_> = layers
        .into_iter()
        .filter_map(|(name, layer)| Some((name, layer?)))
        .collect();
    Some(look(&layers, &asked.caller, &check))
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

/// Who policies are asked about, and what they say of it whatever it asks for.
struct Subject {
    /// The id of the user or the role, and of a session that has a policy of its own that session.
    name: String,
    revision: u64,
    identity: Arc<Compiled>,
    session: Option<Arc<Compiled>>,
}

impl Subject {
    fn of(actor: &Actor, reader: &Reader<'_>, library: &Library) -> Option<Self> {
        let id = actor.id?;
        let (revision, mut name) = match id {
            PrincipalId::User(user) => (reader.user(user)?.rev, user.to_string()),
            PrincipalId::Role(role) => (reader.role(role)?.rev, role.to_string()),
        };
        // A local peer may stand for a role without having opened a session.
        let session = match (&actor.ak, actor.kind) {
            (Some(ak), ActorKind::AssumedRole) => {
                let policy = reader.session(ak)?.policy.as_deref();
                policy.map(|policy| (ak, policy))
            }
            _ => None,
        };
        if let Some((ak, _)) = session {
            name = format!("{name}/{ak}");
        }
        Some(Self {
            name,
            revision: revision.get(),
            identity: library.identity(id, revision, reader.state()),
            session: session.map(|(_, text)| library.document(DocumentKind::Session, "session policy", text)),
        })
    }
}

/// One question, and all that it is answered from.
struct Asked<'a> {
    question: &'a Question<'a>,
    caller: Caller<'a>,
    subject: Subject,
    reader: &'a Reader<'a>,
    library: &'a Library,
}

impl Asked<'_> {
    /// The whole outcome of one check; from memory, when nothing that it depends on has changed.
    fn check(&self, nth: usize, resource: &str) -> Checked {
        let action = action(self.question.op, nth, resource);
        // Read in any case: it belongs to the read set.
        let key = KeyArn::parse(resource).and_then(|arn| self.reader.key(arn.key));
        let basis = Basis {
            principal: &self.subject.name,
            principal_revision: self.subject.revision,
            action: &action,
            resource,
            // Its policy is part of the row.
            resource_revision: key.map_or(0, |key| key.rev.get()),
            resource_policy: None,
        };
        // A trust policy is part of another row.
        let may_last = self.question.op != ASSUME_ROLE;
        if let Some(known) = may_last.then(|| self.library.remembered.recall(&basis)).flatten() {
            return known;
        }
        let (checked, lasting) = self.evaluate(&action, resource, key.map(AsRef::as_ref));
        if let Some(lasting) = lasting.filter(|_| may_last) {
            self.library.remembered.keep(&basis, checked.clone(), lasting);
        }
        checked
    }

    fn conditions<'a>(&'a self, action: &'a str, key: Option<&'a Key>) -> Live<'a> {
        Live {
            caller: self.caller,
            actor: self.question.actor,
            origin: self.question.origin,
            at: self.question.at,
            brings: self.question.brings,
            action,
            key,
        }
    }

    fn evaluate(&self, action: &str, resource: &str, key: Option<&Key>) -> (Checked, Option<Lasting>) {
        let conditions = self.conditions(action, key);
        let check = Check {
            action,
            resource,
            conditions: &conditions,
        };
        let of_resource = key.and_then(|key| self.key_policy(key));
        let of_role = (self.question.op == ASSUME_ROLE).then(|| self.trust_policy(resource));
        let ask = |layer: &Arc<Compiled>| self.library.ask(layer, &self.caller, &check);
        let identity = ask(&self.subject.identity);
        let session = self.subject.session.as_ref().map(ask);
        let resources = of_resource.as_ref().map(ask);
        // A role is asked about those alone whose own policies let them assume it: whom it trusts, and whether it is there, is
        // nobody else's business. One that is not there has nothing against it; the call then ends with that.
        let trust = of_role.as_ref().map(|policy| match policy {
            Some(policy) if identity.layer.allows() => ask(policy),
            _ => Answer::absent(),
        });
        let answers = [
            Some(&identity),
            session.as_ref(),
            resources.as_ref(),
            trust.as_ref(),
        ];
        let lasting = Lasting::of(answers.into_iter().flatten());
        let layer = |answer: Answer| answer.layer;
        let layers = Layers {
            trust: trust.map(layer),
            session: session.map(layer),
            identity: layer(identity),
            resource: resources.map(layer),
        };
        let outcome = combine(Standing::of(&self.caller, owner(resource)), layers);
        let compiled = |layer: LayerName| match layer {
            LayerName::Identity => Some(&self.subject.identity),
            LayerName::Session => self.subject.session.as_ref(),
            LayerName::Resource => of_resource.as_ref(),
            LayerName::Trust => of_role.as_ref()?.as_ref(),
        };
        let statements = outcome
            .statements
            .iter()
            .map(|(layer, at)| match compiled(*layer) {
                Some(compiled) => statement(compiled, *at),
                None => String::new(),
            });
        let checked = Checked {
            by: statements.take(limits::STATEMENTS_RECORDED_MAX).collect(),
            act: action.to_owned().into(),
            kind: explain::kind(outcome.kind),
            layer: explain::layer(outcome.layer),
        };
        (checked, lasting)
    }

    fn key_policy(&self, key: &Key) -> Option<Arc<Compiled>> {
        let text = key.policy.as_deref()?;
        Some(self.library.document(DocumentKind::Resource, "key policy", text))
    }

    fn trust_policy(&self, resource: &str) -> Option<Arc<Compiled>> {
        let (account, name) = role_of(resource)?;
        let role = self.reader.role_bearing(account, &name.folded())?;
        Some(
            self.library
                .document(DocumentKind::Trust, "trust policy", &role.trust),
        )
    }
}
