//! The domain says no, and why. Every refusal has one code of the catalogue.

use super::ram::holder::HolderKind;
use crate::base::{ApiError, Code};
use crate::projection::Lifecycle;

/// Why an operation is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No such key in this account and region.
    KeyNotFound,
    /// No such alias in this account and region.
    AliasNotFound,
    /// The blob names a version that its key does not have.
    KeyVersionNotFound,
    /// The alias is bound already.
    AliasTaken,
    /// No such account.
    AccountNotFound,
    /// The account has no such access key.
    AccessKeyNotFound,
    /// The account's root has as many access keys as it may.
    RootKeysReached,
    /// The key is disabled.
    Disabled,
    /// The key waits for its deletion.
    PendingDeletion,
    /// The key's state does not allow the transition.
    StateForbidsChange,
    /// The key's usage does not fit the operation.
    WrongUsage,
    /// A deletion that is not due.
    NotDue,
    /// A slot that is owed no erasure.
    NotOwed,
    /// The key is protected against deletion.
    Protected,
    /// The key's origin does not allow it.
    OriginForbids,
    /// The protection level is not to be had here.
    ProtectionForbids,
    /// The operation, or a variant of it, is not offered here.
    NotOffered,
    /// There are as many of them as there may be.
    QuotaReached,
    /// The version has encrypted as many messages as it may.
    VersionUsedUp,
    /// The client token was used with another request.
    TokenOfAnotherRequest,
    /// There is no vault slot left for new material.
    NoSlot,
    /// No such user in the account.
    UserNotFound,
    /// No such group in the account.
    GroupNotFound,
    /// There is a user of this name.
    UserTaken,
    /// The account has as many users as it may.
    UsersReached,
    /// The user is in a group.
    UserInGroups,
    /// The user has policies.
    UserHasPolicies,
    /// The user has access keys.
    UserHasAccessKeys,
    /// The owner has no such access key.
    UserAccessKeyNotFound,
    /// The owner has as many access keys as it may.
    UserAccessKeysReached,
    /// There is a group of this name.
    GroupTaken,
    /// The account has as many groups as it may.
    GroupsReached,
    /// The group has members.
    GroupHasUsers,
    /// The group has policies.
    GroupHasPolicies,
    /// The user is in the group already.
    MemberAlready,
    /// The user is not in the group.
    NotMember,
    /// The user is in as many groups as it may be.
    UserGroupsReached,
    /// Another account is called so.
    AccountAliasTaken,
    /// No such role in the account.
    RoleNotFound,
    /// There is a role of this name.
    RoleTaken,
    /// The account has as many roles as it may.
    RolesReached,
    /// The role has policies.
    RoleHasPolicies,
    /// No such policy.
    PolicyNotFound,
    /// There is a policy of this name.
    PolicyTaken,
    /// The account has as many policies as it may.
    PoliciesReached,
    /// The policy is attached.
    PolicyHeld(HolderKind),
    /// The policy has other versions than the one in force.
    PolicyHasVersions,
    /// No such version of the policy.
    PolicyVersionNotFound,
    /// The version is in force.
    PolicyVersionInForce,
    /// The policy has as many versions as it may.
    PolicyVersionsReached,
    /// The policy is not attached.
    NotAttached(HolderKind),
    /// The policy is attached already.
    AttachedAlready(HolderKind),
    /// As many policies are attached as may be.
    AttachmentsReached(HolderKind),
    /// The resource has as many tags as it may.
    TagsReached,
    /// The root of an account may assume no role.
    RootAssumesNoRole,
    /// The session would last longer than the role allows.
    SessionTooLong,
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        if refusal == Refusal::Protected {
            let text = "Keystate modified failed: deletion protection is enabled.";
            return Self::with_message(Code::StateForbidsChange, text);
        }
        if refusal == Refusal::RootKeysReached {
            let text = "The account's root has two access keys already: delete one of them first.";
            return Self::with_message(Code::LimitExceeded, text);
        }
        if refusal == Refusal::RootAssumesNoRole {
            return Self::with_message(Code::NoPermission, "Roles may not be assumed by root accounts.");
        }
        if refusal == Refusal::SessionTooLong {
            return Self::invalid_part("DurationSeconds", "the role allows no session as long as that");
        }
        Self::new(match refusal {
            Refusal::AccountNotFound => Code::AccountNotFound,
            Refusal::AccessKeyNotFound => Code::AccessKeyNotFound,
            Refusal::KeyNotFound => Code::KeyNotFound,
            Refusal::AliasNotFound => Code::AliasNotFound,
            Refusal::KeyVersionNotFound => Code::KeyVersionNotFound,
            Refusal::AliasTaken => Code::AliasTaken,
            Refusal::Disabled => Code::KeyDisabled,
            Refusal::PendingDeletion => Code::KeyPendingDeletion,
            Refusal::StateForbidsChange | Refusal::Protected | Refusal::NotDue | Refusal::NotOwed => {
                Code::StateForbidsChange
            }
            Refusal::OriginForbids => Code::OriginNotAccepted,
            Refusal::ProtectionForbids => Code::ProtectionLevelNotAccepted,
            Refusal::QuotaReached | Refusal::RootKeysReached | Refusal::VersionUsedUp => Code::LimitExceeded,
            Refusal::TokenOfAnotherRequest => Code::TokenOfAnotherRequest,
            Refusal::WrongUsage | Refusal::NotOffered => Code::UnsupportedOperation,
            Refusal::NoSlot => Code::Unavailable,
            Refusal::UserNotFound => Code::UserNotFound,
            Refusal::GroupNotFound => Code::GroupNotFound,
            Refusal::UserTaken => Code::UserTaken,
            Refusal::UsersReached => Code::UsersReached,
            Refusal::UserInGroups => Code::UserInGroups,
            Refusal::UserHasPolicies => Code::UserHasPolicies,
            Refusal::UserHasAccessKeys => Code::UserHasAccessKeys,
            Refusal::UserAccessKeyNotFound => Code::UserAccessKeyNotFound,
            Refusal::UserAccessKeysReached => Code::UserAccessKeysReached,
            Refusal::GroupTaken => Code::GroupTaken,
            Refusal::GroupsReached => Code::GroupsReached,
            Refusal::GroupHasUsers => Code::GroupHasUsers,
            Refusal::GroupHasPolicies => Code::GroupHasPolicies,
            Refusal::MemberAlready => Code::MemberAlready,
            Refusal::NotMember => Code::NotMember,
            Refusal::UserGroupsReached => Code::UserGroupsReached,
            Refusal::AccountAliasTaken => Code::AccountAliasTaken,
            Refusal::RoleNotFound => Code::RoleNotFound,
            Refusal::RoleTaken => Code::RoleTaken,
            Refusal::RolesReached => Code::RolesReached,
            Refusal::RoleHasPolicies => Code::RoleHasPolicies,
            Refusal::PolicyNotFound => Code::PolicyNotFound,
            Refusal::PolicyTaken => Code::PolicyTaken,
            Refusal::PoliciesReached => Code::PoliciesReached,
            Refusal::PolicyHeld(kind) => {
                kind.choose([Code::PolicyOfUsers, Code::PolicyOfGroups, Code::PolicyOfRoles])
            }
            Refusal::PolicyHasVersions => Code::PolicyHasVersions,
            Refusal::PolicyVersionNotFound => Code::PolicyVersionNotFound,
            Refusal::PolicyVersionInForce => Code::PolicyVersionInForce,
            Refusal::PolicyVersionsReached => Code::PolicyVersionsReached,
            Refusal::NotAttached(kind) => kind.choose([
                Code::UserPolicyNotFound,
                Code::GroupPolicyNotFound,
                Code::RolePolicyNotFound,
            ]),
            Refusal::AttachedAlready(kind) => kind.choose([
                Code::UserPolicyTaken,
                Code::GroupPolicyTaken,
                Code::RolePolicyTaken,
            ]),
            Refusal::AttachmentsReached(kind) => kind.choose([
                Code::UserPoliciesReached,
                Code::GroupPoliciesReached,
                Code::RolePoliciesReached,
            ]),
            Refusal::TagsReached => Code::TagsReached,
            Refusal::SessionTooLong => Code::InvalidParameter,
            Refusal::RootAssumesNoRole => Code::NoPermission,
        })
    }
}

/// A key in this state can't be used for cryptography, and this is why.
pub(super) const fn unusable(lifecycle: Lifecycle) -> Option<Refusal> {
    match lifecycle {
        Lifecycle::Enabled => None,
        Lifecycle::Disabled => Some(Refusal::Disabled),
        Lifecycle::PendingDeletion { .. } => Some(Refusal::PendingDeletion),
    }
}
