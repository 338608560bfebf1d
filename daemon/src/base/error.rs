//! The catalogue: every code a client can see, with its HTTP status and documented text. Codes are permanent.

use std::borrow::Cow;
use std::fmt;

use super::AccessDenied;

/// Whether the same call may succeed later without any change by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The call itself must change, or the state it met.
    Never,
    /// The cause passes.
    Later,
}

macro_rules! catalogue {
    ($($(#[$doc:meta])* $name:ident => ($code:literal, $status:literal, $retry:ident, $text:literal),)*) => {
        /// A code of the catalogue.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// The code on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $code,)* }
            }

            /// Its HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Code::$name => $status,)* }
            }

            /// Whether retrying may help.
            pub const fn retry(self) -> Retry {
                match self { $(Code::$name => Retry::$retry,)* }
            }

            /// The catalogue's text: what events record, and what callers read unless a parameter is named.
            pub const fn text(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }
        }
    };
}

catalogue! {
    /// The action is not in the table of operations.
    InvalidApi => ("InvalidApi.NotFound", 404, Never, "Specified api is not found, please check your url and method."),
    /// A parameter's value is not acceptable.
    InvalidParameter => ("InvalidParameter", 400, Never, "The specified parameter is not valid."),
    /// A required parameter is absent or empty.
    MissingParameter => ("MissingParameter", 400, Never, "A parameter is needed but not provided."),
    /// Query or body can't be parsed.
    UnparsableRequest => ("ParseRequestParameterException", 400, Never, "The request parameters cannot be parsed."),
    /// Neither GET nor POST.
    UnsupportedMethod => ("UnsupportedHTTPMethod", 403, Never, "This http method is not supported."),
    /// The request is larger than any legal call.
    RequestTooLarge => ("InvalidParameter.TooLarge", 413, Never, "The request is larger than this service accepts."),
    /// No such access key.
    UnknownAccessKey => ("InvalidAccessKeyId.NotFound", 404, Never, "Specified access key is not found."),
    /// The access key is switched off.
    InactiveAccessKey => ("Forbidden.AccessKey", 403, Never, "The access key is disabled."),
    /// Parts of the signature are missing or malformed.
    IncompleteSignature => ("IncompleteSignature", 400, Never, "The request signature does not conform to standards."),
    /// A signature method other than the supported ones.
    InvalidSignatureMethod => ("InvalidSignatureMethod", 400, Never, "The specified signature method is not supported."),
    /// The signature is wrong.
    SignatureDoesNotMatch => ("SignatureDoesNotMatch", 400, Never, "Specified signature does not match our calculation."),
    /// The time stamp is absent.
    MissingTimestamp => ("IllegalTimestamp", 400, Never, "The input parameter \"Timestamp\" that is mandatory for processing this request is not supplied."),
    /// The time stamp is malformed.
    MalformedTimestamp => ("InvalidTimeStamp.Format", 400, Never, "Specified time stamp or date value is not well formatted."),
    /// The time stamp is more than 15 minutes off.
    ExpiredTimestamp => ("InvalidTimeStamp.Expired", 400, Never, "Specified time stamp or date value is expired."),
    /// A temporary access key without its token.
    MissingSecurityToken => ("MissingSecurityToken", 400, Never, "SecurityToken is mandatory for this action."),
    /// The security token is none of ours.
    MalformedSecurityToken => ("InvalidSecurityToken.Malformed", 400, Never, "The specified security token is malformed."),
    /// The security token was good until now.
    ExpiredSecurityToken => ("InvalidSecurityToken.Expired", 400, Never, "The specified security token is expired."),
    /// The security token of another access key.
    ForeignSecurityToken => ("InvalidSecurityToken.MismatchWithAccessKey", 400, Never, "The specified security token does not belong to this access key."),
    /// The nonce was used before.
    NonceUsed => ("SignatureNonceUsed", 400, Never, "Specified signature nonce was used already."),
    /// Authorization denied the operation.
    NoPermission => ("Forbidden.NoPermission", 403, Never, "This operation is forbidden by permission system."),
    /// The caller sends more than its share.
    Throttled => ("Rejected.Throttling", 429, Later, "QPS Limit Exceeded"),
    /// A quota or a cryptographic limit is reached.
    LimitExceeded => ("Rejected.LimitExceeded", 400, Never, "The quota of this resource is exceeded."),
    /// A fault of the service.
    Internal => ("InternalFailure", 500, Later, "An internal failure occurred."),
    /// The service can't answer now.
    Unavailable => ("ServiceUnavailableTemporary", 503, Later, "The service is temporarily unavailable."),
    /// No such key in this account and region.
    KeyNotFound => ("Forbidden.KeyNotFound", 404, Never, "The specified Key is not found."),
    /// No such alias in this account and region.
    AliasNotFound => ("Forbidden.AliasNotFound", 404, Never, "The specified Alias is not found."),
    /// No such account.
    AccountNotFound => ("EntityNotExist.Account", 404, Never, "The specified account does not exist."),
    /// No such access key in the account.
    AccessKeyNotFound => ("EntityNotExist.AccessKey", 404, Never, "The specified access key does not exist in this account."),
    /// Not a version of this key.
    KeyVersionNotFound => ("Forbidden.KeyVersionNotFound", 404, Never, "The specified Key version is not found."),
    /// The alias is bound already.
    AliasTaken => ("AliasAlreadyExists", 400, Never, "AliasName Already Exists."),
    /// An alias where only a key id is accepted.
    AliasNotAccepted => ("Unsupported.Alias", 400, Never, "Alias is not valid for this api."),
    /// The key's origin does not fit the operation.
    OriginNotAccepted => ("Unsupported.Origin", 400, Never, "This key origin is not valid for this api."),
    /// The protection level is not to be had here.
    ProtectionLevelNotAccepted => ("Unsupported.ProtectionLevel", 400, Never, "This protection level is not valid for this region"),
    /// The key's spec or usage does not fit the operation.
    UnsupportedOperation => ("UnsupportedOperation", 400, Never, "This action is not supported."),
    /// The key is disabled.
    KeyDisabled => ("Rejected.Disabled", 409, Never, "The request was rejected because the key state is Disabled."),
    /// The key is scheduled for deletion.
    KeyPendingDeletion => ("Rejected.PendingDeletion", 409, Never, "The request was rejected because the key state is PendingDeletion."),
    /// The key's material is not there yet.
    KeyPendingImport => ("Rejected.PendingImport", 409, Never, "The request was rejected because the key state is PendingImport."),
    /// The key is enabled, but its material can't be used now.
    KeyUnavailable => ("Rejected.Unavailable", 409, Later, "The request was rejected because the key state is Unavailable."),
    /// The key's state does not allow the transition.
    StateForbidsChange => ("Rejected.StateModifiedFailed", 409, Never, "Keystate modified failed."),
    /// The client token came with another request before.
    TokenOfAnotherRequest => ("IdempotentParameterMismatch", 400, Never, "The request uses the same client token as a previous, but non-identical request."),
    /// No such user in this account.
    UserNotFound => ("EntityNotExist.User", 404, Never, "The user does not exist."),
    /// No such group in this account.
    GroupNotFound => ("EntityNotExist.Group", 404, Never, "The group does not exist."),
    /// The owner has no such access key.
    UserAccessKeyNotFound => ("EntityNotExist.User.AccessKey", 404, Never, "The user access key does not exist."),
    /// The user is not in the group.
    NotMember => ("EntityNotExist.User.Group", 404, Never, "The user is not in the group."),
    /// Nobody has a password here.
    LoginProfileNotFound => ("EntityNotExist.User.LoginProfile", 404, Never, "The login profile does not exist."),
    /// Nobody has a device here.
    MfaDeviceNotFound => ("EntityNotExist.User.MFADevice", 404, Never, "The MFA device does not exist."),
    /// There is a user of this name.
    UserTaken => ("EntityAlreadyExists.User", 409, Never, "The user does already exist."),
    /// There is a group of this name.
    GroupTaken => ("EntityAlreadyExists.Group", 409, Never, "The group does already exist."),
    /// The user is in the group already.
    MemberAlready => ("EntityAlreadyExists.User.Group", 409, Never, "The user is in the group already."),
    /// Another account is called so.
    AccountAliasTaken => ("EntityAlreadyExists.AccountAlias", 409, Never, "The account alias does already exist."),
    /// A user in groups is not deleted.
    UserInGroups => ("DeleteConflict.User.Group", 409, Never, "The user can not be in any group while deleting the user."),
    /// A user with policies is not deleted.
    UserHasPolicies => ("DeleteConflict.User.Policy", 409, Never, "The user can not have any policy while deleting the user."),
    /// A user with access keys is not deleted.
    UserHasAccessKeys => ("DeleteConflict.User.AccessKey", 409, Never, "The user can not have any access key while deleting the user."),
    /// A group with members is not deleted.
    GroupHasUsers => ("DeleteConflict.Group.User", 409, Never, "The group can not have any user while deleting the group."),
    /// A group with policies is not deleted.
    GroupHasPolicies => ("DeleteConflict.Group.Policy", 409, Never, "The group can not have any policy while deleting the group."),
    /// There are as many users as there may be.
    UsersReached => ("LimitExceeded.User", 409, Never, "The number of users has reached its limit."),
    /// There are as many groups as there may be.
    GroupsReached => ("LimitExceeded.Group", 409, Never, "The number of groups has reached its limit."),
    /// The user is in as many groups as it may be.
    UserGroupsReached => ("LimitExceeded.User.Group", 409, Never, "The number of groups of the user has reached its limit."),
    /// The owner has as many access keys as it may.
    UserAccessKeysReached => ("LimitExceeded.User.AccessKey", 409, Never, "The number of access keys of the user has reached its limit."),
    /// No such role in this account.
    RoleNotFound => ("EntityNotExist.Role", 404, Never, "The role does not exist."),
    /// No such policy of this type.
    PolicyNotFound => ("EntityNotExist.Policy", 404, Never, "The policy does not exist."),
    /// Not a version of this policy.
    PolicyVersionNotFound => ("EntityNotExist.Policy.Version", 404, Never, "The policy version does not exist."),
    /// The policy is not attached to the user.
    UserPolicyNotFound => ("EntityNotExist.User.Policy", 404, Never, "The policy is not attached to the user."),
    /// The policy is not attached to the group.
    GroupPolicyNotFound => ("EntityNotExist.Group.Policy", 404, Never, "The policy is not attached to the group."),
    /// The policy is not attached to the role.
    RolePolicyNotFound => ("EntityNotExist.Role.Policy", 404, Never, "The policy is not attached to the role."),
    /// There is a role of this name.
    RoleTaken => ("EntityAlreadyExists.Role", 409, Never, "The role does already exist."),
    /// There is a policy of this name.
    PolicyTaken => ("EntityAlreadyExists.Policy", 409, Never, "The policy does already exist."),
    /// The policy is attached to the user already.
    UserPolicyTaken => ("EntityAlreadyExists.User.Policy", 409, Never, "The policy is attached to the user already."),
    /// The policy is attached to the group already.
    GroupPolicyTaken => ("EntityAlreadyExists.Group.Policy", 409, Never, "The policy is attached to the group already."),
    /// The policy is attached to the role already.
    RolePolicyTaken => ("EntityAlreadyExists.Role.Policy", 409, Never, "The policy is attached to the role already."),
    /// A role with policies is not deleted.
    RoleHasPolicies => ("DeleteConflict.Role.Policy", 409, Never, "The role can not have any policy while deleting the role."),
    /// A policy of users is not deleted.
    PolicyOfUsers => ("DeleteConflict.Policy.User", 409, Never, "The policy can not be attached to any user while deleting the policy."),
    /// A policy of groups is not deleted.
    PolicyOfGroups => ("DeleteConflict.Policy.Group", 409, Never, "The policy can not be attached to any group while deleting the policy."),
    /// A policy of roles is not deleted.
    PolicyOfRoles => ("DeleteConflict.Policy.Role", 409, Never, "The policy can not be attached to any role while deleting the policy."),
    /// A policy with other versions is not deleted.
    PolicyHasVersions => ("DeleteConflict.Policy.Version", 409, Never, "The policy can not have any version but the default one while deleting the policy."),
    /// The version in force is not deleted.
    PolicyVersionInForce => ("DeleteConflict.Policy.Version.Default", 409, Never, "The default policy version can not be deleted."),
    /// There are as many roles as there may be.
    RolesReached => ("LimitExceeded.Role", 409, Never, "The number of roles has reached its limit."),
    /// There are as many policies as there may be.
    PoliciesReached => ("LimitExceeded.Policy", 409, Never, "The number of policies has reached its limit."),
    /// The policy has as many versions as it may.
    PolicyVersionsReached => ("LimitExceeded.Policy.Version", 409, Never, "The number of policy versions has reached its limit."),
    /// The user has as many policies as it may.
    UserPoliciesReached => ("LimitExceeded.User.Policy", 409, Never, "The number of policies attached to the user has reached its limit."),
    /// The group has as many policies as it may.
    GroupPoliciesReached => ("LimitExceeded.Group.Policy", 409, Never, "The number of policies attached to the group has reached its limit."),
    /// The role has as many policies as it may.
    RolePoliciesReached => ("LimitExceeded.Role.Policy", 409, Never, "The number of policies attached to the role has reached its limit."),
    /// The resource has as many tags as it may.
    TagsReached => ("LimitExceeded.Tag", 409, Never, "The number of tags has reached its limit."),
    /// A policy document can't be read.
    MalformedPolicy => ("MalformedPolicyDocument", 400, Never, "The policy document is not valid."),
    /// What a key or a secret was asked for is not there.
    ResourceNotFound => ("Forbidden.ResourceNotFound", 404, Never, "Resource not found"),
    /// RAM's word for NoPermission.
    RamNoPermission => ("NoPermission", 403, Never, "You are not authorized to do this action."),
    /// RAM's word for an access key that is switched off.
    RamInactiveAccessKey => ("InvalidAccessKeyId.Inactive", 403, Never, "The access key is disabled."),
    /// RAM's word for a caller who sends more than its share.
    RamThrottled => ("Throttling.User", 429, Later, "Request was denied due to user flow control."),
    /// RAM's word for a fault of the service.
    RamInternal => ("InternalError", 500, Later, "The request processing has failed due to some unknown error."),
    /// RAM's word for a service that can't answer now.
    RamUnavailable => ("ServiceUnavailable", 503, Later, "The service is temporarily unavailable."),
    /// The message of a denial leads to no event of this account.
    NoSuchDiagnosis => ("EntityNotExist", 404, Never, "There is no denial that this message belongs to."),
    /// DryRun: a parameter is wrong.
    DryRunInvalid => ("ValidationError", 400, Never, "The request would have failed: a parameter is not valid."),
    /// DryRun: authorization denies.
    DryRunDenied => ("AccessDeniedError", 403, Never, "The request would have been denied by the permission system."),
    /// DryRun: the call would have succeeded.
    DryRunPassed => ("DryRunOperationError", 400, Never, "The request would have succeeded, but DryRun is set."),
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a caller reads when a call fails: a code and a text that never holds a value the caller sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The code.
    pub code: Code,
    /// What the wire appends to the code, without the point between them: the parameter that is wrong, and how
    /// (`UserName.Length`).
    pub part: Option<Cow<'static, str>>,
    /// The text; defaults to the catalogue's.
    pub message: Cow<'static, str>,
    /// Of a denial by policies: what its caller may know of it.
    pub denied: Option<Box<AccessDenied>>,
}

impl ApiError {
    /// The catalogue's error, as it stands.
    pub const fn new(code: Code) -> Self {
        Self {
            code,
            part: None,
            message: Cow::Borrowed(code.text()),
            denied: None,
        }
    }

    /// The same code with another text.
    pub fn with_message(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            part: None,
            message: message.into(),
            denied: None,
        }
    }

    /// `InvalidParameter.PART`: the parameter, and after another point what is wrong with it where the contract says it.
    pub fn invalid_part(part: impl Into<Cow<'static, str>>, expected: &str) -> Self {
        let part = part.into();
        let parameter = part.split('.').next().unwrap_or_default();
        let message = format!("The specified parameter \"{parameter}\" is not valid: {expected}.");
        Self {
            part: Some(part),
            ..Self::with_message(Code::InvalidParameter, message)
        }
    }

    /// The code as the wire has it.
    pub fn wire_code(&self) -> Cow<'static, str> {
        match &self.part {
            None => Cow::Borrowed(self.code.as_str()),
            Some(part) => format!("{}.{part}", self.code.as_str()).into(),
        }
    }

    /// InvalidParameter, naming the parameter.
    pub fn invalid(parameter: &str) -> Self {
        Self::with_message(
            Code::InvalidParameter,
            format!("The specified parameter \"{parameter}\" is not valid."),
        )
    }

    /// InvalidParameter, naming the parameter and what it should be.
    pub fn invalid_because(parameter: &str, expected: &str) -> Self {
        let text = format!("The specified parameter \"{parameter}\" is not valid: {expected}.");
        Self::with_message(Code::InvalidParameter, text)
    }

    /// MissingParameter, naming the parameter.
    pub fn missing(parameter: &str) -> Self {
        let text = format!("The parameter \"{parameter}\" is needed but not provided.");
        Self::with_message(Code::MissingParameter, text)
    }
}

impl From<Code> for ApiError {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.wire_code(), self.message)
    }
}

impl std::error::Error for ApiError {}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn codes_are_distinct() {
        let mut seen = std::collections::BTreeSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.as_str()), "{code} twice");
            assert!((400..600).contains(&code.status()), "{code}");
        }
    }
}
