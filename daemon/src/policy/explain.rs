//! What is said of a decision: to its caller, who learns nothing new from it, and in its event.

use super::verdict::{Kind, LayerName};
use crate::base::AccessDenied;
use crate::event::{Actor, ActorKind, CheckKind, Checked, PolicyLayer, PrincipalId};

/// The check that a denial is ascribed to: the first layer in their order, an explicit one before an implicit one. None
/// when every check allows.
pub fn deciding(checks: &[Checked]) -> Option<&Checked> {
    checks
        .iter()
        .filter(|check| check.kind != CheckKind::Allow)
        .min_by_key(|check| (check.layer, check.kind == CheckKind::ImplicitDeny))
}

/// A denial, as its caller may see it.
pub fn to_caller(actor: &Actor, check: &Checked) -> AccessDenied {
    AccessDenied {
        action: (&*check.act).into(),
        principal_type: principal_type(actor.kind),
        principal_name: principal_name(actor).into(),
        principal_owner: actor.account.to_string().into(),
        explicit: check.kind == CheckKind::ExplicitDeny,
        policy_type: policy_type(check.layer),
        diagnosis: None,
    }
}

/// The kind of a principal, as the wire spells it.
pub const fn principal_type(kind: ActorKind) -> &'static str {
    match kind {
        ActorKind::AssumedRole => "AssumedRoleUser",
        ActorKind::RamUser => "SubUser",
        ActorKind::Root | ActorKind::System | ActorKind::Unmapped => "Account",
    }
}

/// A user's id; of a session `role:session`.
pub fn principal_name(actor: &Actor) -> String {
    let name = actor.name.as_ref().map_or("", |name| name.as_str());
    match (actor.kind, actor.id, &actor.session) {
        (ActorKind::AssumedRole, _, Some(session)) => format!("{name}:{session}"),
        (_, Some(PrincipalId::User(user)), _) => user.to_string(),
        _ => name.to_owned(),
    }
}

/// The kind of policy, as the wire spells it.
pub const fn policy_type(layer: PolicyLayer) -> &'static str {
    match layer {
        PolicyLayer::Trust => "AssumeRolePolicy",
        PolicyLayer::Session => "SessionPolicy",
        PolicyLayer::Identity => "AccountLevelIdentityBasedPolicy",
        PolicyLayer::Resource => "ResourceBasedPolicy",
    }
}

/// How a check came out, as events have it. Roots are never asked about.
pub(super) const fn kind(kind: Kind) -> CheckKind {
    match kind {
        Kind::Root | Kind::Allow => CheckKind::Allow,
        Kind::ImplicitDeny => CheckKind::ImplicitDeny,
        Kind::ExplicitDeny => CheckKind::ExplicitDeny,
    }
}

/// The kind of policy that decided, as events have it.
pub(super) const fn layer(layer: Option<LayerName>) -> PolicyLayer {
    match layer {
        Some(LayerName::Trust) => PolicyLayer::Trust,
        Some(LayerName::Session) => PolicyLayer::Session,
        Some(LayerName::Identity) | None => PolicyLayer::Identity,
        Some(LayerName::Resource) => PolicyLayer::Resource,
    }
}
