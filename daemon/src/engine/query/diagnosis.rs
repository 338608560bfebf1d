//! DecodeDiagnosticMessage: the whole of a denial, read from its event.

use crate::base::{Answer, ApiError, Arn, Code, Seq, Value};
use crate::domain::{Scope, Unresolved};
use crate::engine::call::{Done, Query};
use crate::engine::diagnosis::decode;
use crate::engine::tools::Tools;
use crate::event::codec::decode_event;
use crate::event::{CheckKind, Checked, Element, Event, InternalKeyPurpose};
use crate::ledger::cose::SignedEntry;
use crate::policy::explain;
use crate::projection::{Reader, State};

/// Explains a denial to those who may read policies.
#[derive(Debug)]
pub struct DecodeDiagnosticMessage {
    /// The message, as the denial had it.
    pub message: String,
}

impl Query for DecodeDiagnosticMessage {
    fn resources(&self, _: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(Vec::new())
    }

    fn answer(&self, scope: &Scope, _: &State, tools: &Tools) -> Result<Done, ApiError> {
        let key = tools.internal_key(InternalKeyPurpose::Diagnostics)?;
        let seq = decode(&key, &self.message).ok_or(Code::NoSuchDiagnosis)?;
        let event = find(seq, tools)?;
        // What happened in another account is none of this one's business.
        let denied = explain::deciding(&event.dec.chk).filter(|_| event.actor.account == scope.account);
        let (nth, denied) = denied
            .and_then(|denied| {
                let nth = event.dec.chk.iter().position(|check| check == denied)?;
                Some((nth, denied))
            })
            .ok_or(Code::NoSuchDiagnosis)?;
        let resource = event.res.get(nth).map_or("*", String::as_str);
        let caller = explain::to_caller(&event.actor, denied);
        let principal = Answer::new()
            .text("AuthPrincipalDisplayName", caller.principal_name.to_string())
            .text("AuthPrincipalOwnerId", caller.principal_owner.to_string())
            .text("AuthPrincipalType", caller.principal_type);
        let decoded = Answer::new()
            .text("AuthAction", denied.act.to_string())
            .bare_list("AuthConditions", conditions(&event))
            .with("AuthPrincipal", principal)
            .text("AuthResource", resource.to_owned())
            .boolean("ExplicitDeny", caller.explicit)
            .bare_list("MatchedPolicies", matched(denied))
            .text("NoPermissionPolicyType", caller.policy_type);
        Ok(Done::unrecorded(
            Answer::new().with("DecodedDiagnosticMessage", decoded),
        ))
    }
}

fn find(seq: Seq, tools: &Tools) -> Result<Event, ApiError> {
    let page = tools.log.entries(seq, 1, usize::MAX).map_err(|error| {
        tracing::error!(%error, "the log can't be read");
        Code::Internal
    })?;
    let (_, bytes) = page.into_iter().next().ok_or(Code::NoSuchDiagnosis)?;
    let event = SignedEntry::parse(&bytes).map(|entry| decode_event(entry.payload));
    match event {
        Ok(Ok(event)) => Ok(event),
        Ok(Err(_)) | Err(_) => Err(Code::Internal.into()),
    }
}

/// What conditions could see of the request, as far as the event has it.
fn conditions(event: &Event) -> Vec<Answer> {
    let origin = &event.origin;
    let secure = origin.tls || origin.listener == "unix";
    let general = [
        ("acs:CurrentTime", Some(event.dec.at.to_string())),
        ("acs:SourceIp", origin.ip.clone()),
        ("acs:SecureTransport", Some(secure.to_string())),
        ("acs:UserAgent", origin.agent.clone()),
    ];
    let general = general.into_iter().filter_map(|(key, value)| Some((key, value?)));
    let brought = event.dec.ctx.iter().filter_map(|(key, element)| match element {
        Element::Text(text) => Some((key, text.to_string())),
        Element::Bool(_) | Element::Number(_) | Element::Digest(..) => None,
    });
    let shown = general.chain(brought).map(|(key, value)| {
        Answer::new()
            .text("ConditionKey", key.to_owned())
            .bare_list("ConditionValues", [Value::from(value)])
    });
    shown.collect()
}

/// The statements that denied, a policy each.
fn matched(denied: &Checked) -> Vec<Answer> {
    let effect = match denied.kind {
        CheckKind::ExplicitDeny | CheckKind::ImplicitDeny => "Deny",
        CheckKind::Allow => "Allow",
    };
    let shown = denied.by.iter().map(|statement| {
        let (policy, _index) = statement.rsplit_once('#').unwrap_or((statement, ""));
        let (name, version) = policy.split_once('@').unwrap_or((policy, ""));
        let is_system = crate::policy::system::find(name).is_some();
        Answer::new()
            .text("AttachedScope", "Account")
            .text("Effect", effect)
            .text("PolicyIdentifier", statement.clone())
            .text("PolicyType", if is_system { "System" } else { "Custom" })
            .with_some(
                "PolicyVersion",
                (!is_system && !version.is_empty()).then(|| version.to_owned()),
            )
    });
    shown.collect()
}
