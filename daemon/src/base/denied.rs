//! What a caller is told of a denial: fields that say nothing the caller does not know (`AccessDeniedDetail`).

/// A denial, as its caller may see it. Which statements decided, under which conditions, on which resource is in the event
/// alone; `diagnosis` is how those who may read it find that event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessDenied {
    /// The action that was asked for, `kms:Encrypt`.
    pub action: Box<str>,
    /// What kind of principal asked: `SubUser`, `AssumedRoleUser`, `Account`.
    pub principal_type: &'static str,
    /// A user's id, a session's `role:session`.
    pub principal_name: Box<str>,
    /// The account of the principal.
    pub principal_owner: Box<str>,
    /// Whether a statement denies, or merely none allows.
    pub explicit: bool,
    /// The kind of policy that decided.
    pub policy_type: &'static str,
    /// The message that `ram:DecodeDiagnosticMessage` reads; there is none before the event has its place.
    pub diagnosis: Option<Box<str>>,
}

impl AccessDenied {
    /// The fields by their names on the wire, in order.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let kind = if self.explicit {
            "ExplicitDeny"
        } else {
            "ImplicitDeny"
        };
        let known = [
            ("AuthAction", &*self.action),
            ("AuthPrincipalType", self.principal_type),
            ("AuthPrincipalDisplayName", &*self.principal_name),
            ("AuthPrincipalOwnerId", &*self.principal_owner),
            ("NoPermissionType", kind),
            ("PolicyType", self.policy_type),
        ];
        let diagnosis = self.diagnosis.as_deref();
        known
            .into_iter()
            .chain(diagnosis.map(|text| ("EncodedDiagnosticMessage", text)))
    }
}
