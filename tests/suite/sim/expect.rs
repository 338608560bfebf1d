//! What an operation that is asked for by name must come to: the documented codes, and what its answer has to say.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery::base::{AccessKeyId, AccountId, AliasName, Code, GroupId, KeyId, PolicyName, RoleId, UserId};
use chancery::engine::KeyRef;
use chancery::event::{ActorKind, Event, Holder, PolicyRef};

use super::client::{Cipher, Client};
use super::model::{May, Model};
use super::papers;
use super::rights::{Policy, Role, User};
use super::wire::{Flat, Wire};

/// Versions of a policy, access keys of one owner.
const VERSIONS_MAX: usize = 5;
const ACCESS_KEYS_MAX: usize = 2;

/// One call, as the model looks at it.
struct Call<'a> {
    model: &'a Model,
    wire: &'a Wire,
    event: &'a Event,
    account: AccountId,
    client: &'a Client,
    may: May<'a>,
}

impl Model {
    /// What the answer has to say at least, or the code that it has to be.
    pub fn expect_wire(
        &self,
        wire: &Wire,
        event: &Event,
        client: &Client,
        may: May<'_>,
    ) -> Result<Flat, Code> {
        let call = Call {
            model: self,
            wire,
            event,
            account: event.actor.account,
            client,
            may,
        };
        let is_missing = |name: &str| wire.get(name).is_none();
        if wire
            .row
            .params
            .iter()
            .any(|param| param.required && is_missing(param.name))
        {
            return rehearsed(wire, Err(Code::MissingParameter));
        }
        let family = wire.row.op.split_once('/').map_or("", |(family, _)| family);
        let expected = match family {
            "kms" => call.kms(&client.ciphers),
            "chancery" => call.chancery(),
            _ => call.identities(),
        };
        rehearsed(wire, expected)
    }
}

/// A rehearsal never succeeds, and says so.
fn rehearsed(wire: &Wire, expected: Result<Flat, Code>) -> Result<Flat, Code> {
    if !wire.is_rehearsal() {
        return expected;
    }
    Err(match expected {
        Ok(_) => Code::DryRunPassed,
        Err(Code::NoPermission) => Code::DryRunDenied,
        Err(Code::InvalidParameter | Code::MissingParameter) => Code::DryRunInvalid,
        Err(code) => code,
    })
}

fn has<V: ToString>(path: &str, value: V) -> Result<Flat, Code> {
    Ok(Flat::from([(path.to_owned(), value.to_string())]))
}

fn nothing() -> Result<Flat, Code> {
    Ok(Flat::new())
}

impl Call<'_> {
    fn key(&self, name: &str) -> Result<KeyId, Code> {
        let text = self.wire.text(name);
        let named = match AliasName::parse(text) {
            Some(alias) => KeyRef::Alias(alias),
            None => KeyId::parse(text).map_or(KeyRef::Unknown, KeyRef::Id),
        };
        self.model.resolve(&named, self.account, self.may)
    }

    /// A key whose attributes are to be changed.
    fn changeable(&self) -> Result<KeyId, Code> {
        let key = self.key("KeyId")?;
        (self.may)()?;
        match self.model.life(key, self.account)?.is_pending() {
            true => Err(Code::KeyPendingDeletion),
            false => Ok(key),
        }
    }

    fn kms(&self, ciphers: &[Cipher]) -> Result<Flat, Code> {
        let (model, wire, account) = (self.model, self.wire, self.account);
        match wire.row.op {
            "kms/CreateKey" => {
                (self.may)()?;
                match model.made_before(self.event)? {
                    Some(key) => has("KeyMetadata.KeyId", key),
                    None => nothing(),
                }
            }
            "kms/SetDeletionProtection"
            | "kms/UpdateKeyDescription"
            | "kms/SetKeyPolicy"
            | "kms/TagResource"
            | "kms/UntagResource" => self.changeable().and(nothing()),
            "kms/GetKeyPolicy" => {
                let key = self.key("KeyId")?;
                (self.may)()?;
                match model.rights.of_key(key) {
                    Some(text) => has("Policy", text),
                    None => nothing(),
                }
            }
            "kms/DescribeKeyVersion" => {
                let key = self.key("KeyId")?;
                (self.may)()?;
                let versions = &model.about.get(&key).ok_or(Code::Internal)?.versions;
                let asked = wire.text("KeyVersionId");
                match versions.iter().any(|version| version.to_string() == asked) {
                    true => has("KeyVersion.KeyVersionId", asked),
                    false => Err(Code::KeyVersionNotFound),
                }
            }
            "kms/ListAliasesByKeyId" => {
                let key = self.key("KeyId")?;
                (self.may)()?;
                has(
                    "TotalCount",
                    model.aliases.values().filter(|target| **target == key).count(),
                )
            }
            "kms/ListTagResources" => {
                (self.may)()?;
                let named = match wire.get("ResourceId.1") {
                    Some(_) => Some(self.key("ResourceId.1")?),
                    None => None,
                };
                let keys = model.about.iter().filter(|(key, about)| match named {
                    Some(named) => **key == named,
                    None => about.account == account,
                });
                let is_asked = |(name, value): &(&String, &String)| {
                    let is_name = wire.get("Tag.1.Key").is_none_or(|asked| asked == *name);
                    let asked = wire.get("Tag.1.Key").and(wire.get("Tag.1.Value"));
                    is_name && asked.is_none_or(|asked| asked == *value)
                };
                let tags = keys.flat_map(|(_, about)| &about.tags).filter(is_asked);
                has("TagResources.TagResource.#", tags.count().min(200))
            }
            "kms/DescribeAccountKmsStatus" => (self.may)().and(has("AccountStatus", "Enabled")),
            "kms/DescribeRegions" => has("Regions.Region.#", 1),
            "kms/Encrypt" | "kms/GenerateDataKey" => {
                let key = self.key("KeyId")?;
                (self.may)()?;
                model.usable(key, account).and(nothing())
            }
            "kms/Decrypt" | "kms/ReEncrypt" => {
                let blob = STANDARD.decode(wire.text("CiphertextBlob")).unwrap();
                let cipher = ciphers.iter().find(|cipher| cipher.blob == blob);
                let cipher = cipher.ok_or(Code::Internal)?;
                model.life(cipher.key, account)?;
                let destination = match wire.row.op {
                    "kms/ReEncrypt" => Some(self.key("DestinationKeyId")?),
                    _ => None,
                };
                (self.may)()?;
                model.usable(cipher.key, account)?;
                destination.map_or(Ok(()), |key| model.usable(key, account))?;
                match cipher.context {
                    0 => nothing(),
                    _ => Err(Code::InvalidParameter),
                }
            }
            op => panic!("the model knows nothing of {op}"),
        }
    }

    fn chancery(&self) -> Result<Flat, Code> {
        let rights = &self.model.rights;
        let named = match self.wire.get("AccountId") {
            Some(text) => text.parse().unwrap(),
            None => self.account,
        };
        let root_keys = || {
            let own =
                |(account, user, _): &&(AccountId, Option<UserId>, bool)| *account == named && user.is_none();
            rights.access_keys.values().filter(own).count()
        };
        (self.may)()?;
        match self.wire.row.op {
            "chancery/CreateAccount" | "chancery/AcceptClock" | "chancery/SimulatePolicy" => nothing(),
            "chancery/GetLogStatus" | "chancery/GetStatus" | "chancery/GetLogEntries" => nothing(),
            "chancery/GetVault" | "chancery/RotateLogKey" => nothing(),
            "chancery/ListAccounts" => has("TotalCount", rights.accounts.len()),
            "chancery/RotateRootKey" => {
                let makes_room = self.wire.get("DeleteOthers") == Some("true");
                if !rights.accounts.contains_key(&named) {
                    Err(Code::AccountNotFound)
                } else if root_keys() >= ACCESS_KEYS_MAX && !makes_room {
                    Err(Code::LimitExceeded)
                } else {
                    has("AccountId", named)
                }
            }
            "chancery/DeleteRootKey" => {
                if !rights.accounts.contains_key(&named) {
                    return Err(Code::AccountNotFound);
                }
                let id = AccessKeyId::parse(self.wire.text("RootKeyId")).unwrap();
                match rights.access_keys.get(&id) {
                    Some((account, None, _)) if *account == named => nothing(),
                    _ => Err(Code::AccessKeyNotFound),
                }
            }
            op => panic!("the model knows nothing of {op}"),
        }
    }

    fn identities(&self) -> Result<Flat, Code> {
        let op = self.wire.row.op;
        let by_name = op.split_once('/').map_or("", |(_, action)| action);
        match by_name {
            _ if by_name.starts_with("Attach") || by_name.starts_with("Detach") => self.attachment(),
            "ListPoliciesForUser" | "ListPoliciesForGroup" | "ListPoliciesForRole" => self.attachment(),
            _ if by_name.contains("AccessKey") => self.access_keys(),
            _ if by_name.contains("Policy") || by_name.contains("Policies") => self.policies(),
            _ if by_name.ends_with("agResources") => self.tags(),
            _ if by_name.contains("Role") => self.roles(),
            _ if by_name.contains("Group") => self.groups(),
            _ if by_name.contains("User")
                || by_name.contains("LoginProfile")
                || by_name == "UnbindMFADevice" =>
            {
                self.users()
            }
            _ => self.account(),
        }
    }

    fn account(&self) -> Result<Flat, Code> {
        let rights = &self.model.rights;
        (self.may)()?;
        match self.wire.row.op {
            "ram/SetAccountAlias" => {
                let alias = self.wire.text("AccountAlias");
                let others = rights.accounts.iter().filter(|(id, _)| **id != self.account);
                match others.into_iter().any(|(_, of)| of.as_deref() == Some(alias)) {
                    true => Err(Code::AccountAliasTaken),
                    false => nothing(),
                }
            }
            "ram/GetAccountAlias" => {
                let alias = rights.accounts.get(&self.account).cloned().flatten();
                has("AccountAlias", alias.unwrap_or_default())
            }
            "ram/ClearAccountAlias" | "ram/GetSecurityPreference" => nothing(),
            "ram/ListVirtualMFADevices" => has("VirtualMFADevices.VirtualMFADevice.#", 0),
            "ram/DecodeDiagnosticMessage" => {
                // What happened in another account is none of this one's business.
                let message = self.wire.text("EncodedDiagnosticMessage");
                match self.client.diagnoses.get(message) == Some(&self.account) {
                    true => nothing(),
                    false => Err(Code::NoSuchDiagnosis),
                }
            }
            "sts/GetCallerIdentity" => match self.event.actor.kind {
                ActorKind::Unmapped => Err(Code::NoPermission),
                _ => has("AccountId", self.account),
            },
            op => panic!("the model knows nothing of {op}"),
        }
    }

    fn user(&self, name: &str) -> Option<(UserId, &User)> {
        let is = |(_, user): &(&UserId, &User)| user.account == self.account && user.name.as_str() == name;
        let found = self.model.rights.users.iter().find(is);
        found.map(|(id, user)| (*id, user))
    }

    fn group(&self, name: &str) -> Option<GroupId> {
        let mut all = self.model.rights.groups.iter();
        let found = all.find(|(_, (account, of))| *account == self.account && of.as_str() == name);
        found.map(|(id, _)| *id)
    }

    fn role(&self, name: &str, account: AccountId) -> Option<(RoleId, &Role)> {
        let is = |(_, role): &(&RoleId, &Role)| role.account == account && role.name.as_str() == name;
        let found = self.model.rights.roles.iter().find(is);
        found.map(|(id, role)| (*id, role))
    }

    fn policy(&self, name: &str) -> Option<&Policy> {
        let name = PolicyName::parse(name).ok()?;
        self.model.rights.policies.get(&(self.account, name))
    }

    fn users(&self) -> Result<Flat, Code> {
        let rights = &self.model.rights;
        let name = self.wire.text("UserName");
        let found = self.user(name);
        let known = || {
            (self.may)()?;
            found.ok_or(Code::UserNotFound)
        };
        match self.wire.row.op {
            "ram/CreateUser" => {
                (self.may)()?;
                match found {
                    Some(_) => Err(Code::UserTaken),
                    None => has("User.UserName", name),
                }
            }
            "ram/GetUser" if name.is_empty() => match self.event.actor.user_id() {
                Some(own) => {
                    (self.may)()?;
                    has("User.UserId", own)
                }
                None => Err(Code::MissingParameter),
            },
            "ram/GetUser" => known().and_then(|(id, _)| has("User.UserId", id)),
            "ram/UpdateUser" => {
                let (id, _) = known()?;
                let new = self.wire.get("NewUserName").unwrap_or(name);
                match self.user(new).is_some_and(|(other, _)| other != id) {
                    true => Err(Code::UserTaken),
                    false => has("User.UserName", new),
                }
            }
            "ram/DeleteUser" => {
                let (id, user) = known()?;
                if !user.groups.is_empty() {
                    Err(Code::UserInGroups)
                } else if self.attached_to(Holder::User(id)) > 0 {
                    Err(Code::UserHasPolicies)
                } else if rights.access_keys.values().any(|(_, of, _)| *of == Some(id)) {
                    Err(Code::UserHasAccessKeys)
                } else {
                    nothing()
                }
            }
            "ram/ListUsers" => {
                (self.may)()?;
                let own = rights.users.values().filter(|user| user.account == self.account);
                has("Users.User.#", own.count().min(100))
            }
            "ram/GetLoginProfile" | "ram/DeleteLoginProfile" => known().and(Err(Code::LoginProfileNotFound)),
            "ram/GetUserMFAInfo" | "ram/UnbindMFADevice" => known().and(Err(Code::MfaDeviceNotFound)),
            op => panic!("the model knows nothing of {op}"),
        }
    }

    fn groups(&self) -> Result<Flat, Code> {
        let rights = &self.model.rights;
        let (name, user_name) = (self.wire.text("GroupName"), self.wire.text("UserName"));
        let (found, user) = (self.group(name), self.user(user_name));
        let known = || {
            (self.may)()?;
            found.ok_or(Code::GroupNotFound)
        };
        let pair = || {
            (self.may)()?;
            let (_, user) = user.ok_or(Code::UserNotFound)?;
            found.map(|group| (user, group)).ok_or(Code::GroupNotFound)
        };
        let members = |group: GroupId| {
            let is_in = |user: &&User| user.groups.contains(&group);
            rights.users.values().filter(is_in).count()
        };
        match self.wire.row.op {
            "ram/CreateGroup" => {
                (self.may)()?;
                match found {
                    Some(_) => Err(Code::GroupTaken),
                    None => has("Group.GroupName", name),
                }
            }
            "ram/GetGroup" => known().and_then(|id| has("Group.GroupId", id)),
            "ram/UpdateGroup" => {
                let id = known()?;
                let new = self.wire.get("NewGroupName").unwrap_or(name);
                match self.group(new).is_some_and(|other| other != id) {
                    true => Err(Code::GroupTaken),
                    false => has("Group.GroupName", new),
                }
            }
            "ram/DeleteGroup" => {
                let id = known()?;
                if members(id) > 0 {
                    Err(Code::GroupHasUsers)
                } else if self.attached_to(Holder::Group(id)) > 0 {
                    Err(Code::GroupHasPolicies)
                } else {
                    nothing()
                }
            }
            "ram/ListGroups" => {
                (self.may)()?;
                let own = rights
                    .groups
                    .values()
                    .filter(|(account, _)| *account == self.account);
                has("Groups.Group.#", own.count().min(100))
            }
            "ram/AddUserToGroup" => {
                let (user, group) = pair()?;
                match user.groups.contains(&group) {
                    true => Err(Code::MemberAlready),
                    false => nothing(),
                }
            }
            "ram/RemoveUserFromGroup" => {
                let (user, group) = pair()?;
                match user.groups.contains(&group) {
                    true => nothing(),
                    false => Err(Code::NotMember),
                }
            }
            "ram/ListUsersForGroup" => known().and_then(|id| has("Users.User.#", members(id).min(100))),
            "ram/ListGroupsForUser" => {
                (self.may)()?;
                let (_, user) = user.ok_or(Code::UserNotFound)?;
                has("Groups.Group.#", user.groups.len())
            }
            op => panic!("the model knows nothing of {op}"),
        }
    }

    fn roles(&self) -> Result<Flat, Code> {
        let rights = &self.model.rights;
        let name = self.wire.text("RoleName");
        let found = self.role(name, self.account);
        let known = || {
            (self.may)()?;
            found.ok_or(Code::RoleNotFound)
        };
        match self.wire.row.op {
            "ram/CreateRole" => {
                (self.may)()?;
                match found {
                    Some(_) => Err(Code::RoleTaken),
                    None => has("Role.RoleName", name),
                }
            }
            "ram/GetRole" => {
                let (_, role) = known()?;
                has("Role.AssumeRolePolicyDocument", &role.trust)
            }
            "ram/UpdateRole" => {
                let (_, role) = known()?;
                let trust = self.wire.get("NewAssumeRolePolicyDocument");
                has("Role.AssumeRolePolicyDocument", trust.unwrap_or(&role.trust))
            }
            "ram/DeleteRole" => {
                let (id, _) = known()?;
                match self.attached_to(Holder::Role(id)) {
                    0 => nothing(),
                    _ => Err(Code::RoleHasPolicies),
                }
            }
            "ram/ListRoles" => {
                (self.may)()?;
                let asked = named_tags(self.wire);
                let own = rights.roles.values().filter(|role| {
                    role.account == self.account
                        && asked
                            .iter()
                            .all(|(name, value)| role.tags.get(name) == Some(value))
                });
                has("Roles.Role.#", own.count().min(100))
            }
            "sts/AssumeRole" => {
                (self.may)()?;
                let arn = self.wire.text("RoleArn");
                let (account, name) = arn
                    .strip_prefix("acs:ram::")
                    .and_then(|rest| rest.split_once(":role/"))
                    .unwrap();
                let (_, role) = self
                    .role(name, account.parse().unwrap())
                    .ok_or(Code::RoleNotFound)?;
                let seconds = self
                    .wire
                    .get("DurationSeconds")
                    .map_or(3_600, |text| text.parse().unwrap());
                match seconds > role.session_max {
                    true => Err(Code::InvalidParameter),
                    false => nothing(),
                }
            }
            op => panic!("the model knows nothing of {op}"),
        }
    }

    /// What is attached to somebody.
    fn attached_to(&self, holder: Holder) -> usize {
        self.model
            .rights
            .attached
            .get(&holder)
            .map_or(0, |policies| policies.len())
    }

    /// The policy that is named, if there is one.
    fn policy_ref(&self) -> Result<PolicyRef, Code> {
        let name = self.wire.text("PolicyName");
        let parsed = PolicyName::parse(name).unwrap();
        match self.wire.get("PolicyType") {
            Some("System") if name == papers::SYSTEM_NAME => Ok(PolicyRef::System(parsed)),
            Some("Custom") if self.policy(name).is_some() => Ok(PolicyRef::Custom(parsed)),
            _ => Err(Code::PolicyNotFound),
        }
    }

    fn attachment(&self) -> Result<Flat, Code> {
        let (wire, op) = (self.wire, self.wire.row.op);
        (self.may)()?;
        let (holder, codes) = if op.ends_with("User") {
            let user = self.user(wire.text("UserName")).ok_or(Code::UserNotFound)?;
            (
                Holder::User(user.0),
                [Code::UserPolicyTaken, Code::UserPolicyNotFound],
            )
        } else if op.ends_with("Group") {
            let group = self.group(wire.text("GroupName")).ok_or(Code::GroupNotFound)?;
            (
                Holder::Group(group),
                [Code::GroupPolicyTaken, Code::GroupPolicyNotFound],
            )
        } else {
            let role = self
                .role(wire.text("RoleName"), self.account)
                .ok_or(Code::RoleNotFound)?;
            (
                Holder::Role(role.0),
                [Code::RolePolicyTaken, Code::RolePolicyNotFound],
            )
        };
        if op.starts_with("ram/ListPoliciesFor") {
            return has("Policies.Policy.#", self.attached_to(holder));
        }
        let policy = self.policy_ref()?;
        let attached = self.model.rights.attached.get(&holder);
        let is_there = attached.is_some_and(|policies| policies.contains(&policy));
        match (op.starts_with("ram/Attach"), is_there) {
            (true, false) | (false, true) => nothing(),
            (true, true) => Err(codes[0]),
            (false, false) => Err(codes[1]),
        }
    }

    fn policies(&self) -> Result<Flat, Code> {
        let rights = &self.model.rights;
        let name = self.wire.text("PolicyName");
        let version = self.wire.text("VersionId");
        (self.may)()?;
        let own = || self.policy(name).ok_or(Code::PolicyNotFound);
        let holders = |policy: &PolicyRef| {
            let mut kinds = [0, 0, 0];
            for (holder, policies) in &rights.attached {
                let account = match holder {
                    Holder::User(id) => rights.users.get(id).map(|user| user.account),
                    Holder::Group(id) => rights.groups.get(id).map(|(account, _)| *account),
                    Holder::Role(id) => rights.roles.get(id).map(|role| role.account),
                };
                if account == Some(self.account) && policies.contains(policy) {
                    match holder {
                        Holder::User(_) => kinds[0] += 1,
                        Holder::Group(_) => kinds[1] += 1,
                        Holder::Role(_) => kinds[2] += 1,
                    }
                }
            }
            kinds
        };
        match self.wire.row.op {
            "ram/CreatePolicy" => match self.policy(name) {
                Some(_) => Err(Code::PolicyTaken),
                None => has("Policy.DefaultVersion", "v1"),
            },
            "ram/UpdatePolicyDescription" => own().and(has("Policy.PolicyName", name)),
            "ram/DeletePolicy" => {
                let policy = own()?;
                let versions = policy.versions.len();
                match holders(&PolicyRef::Custom(PolicyName::parse(name).unwrap())) {
                    [users, ..] if users > 0 => Err(Code::PolicyOfUsers),
                    [_, groups, _] if groups > 0 => Err(Code::PolicyOfGroups),
                    [_, _, roles] if roles > 0 => Err(Code::PolicyOfRoles),
                    _ if versions > 1 && self.wire.get("CascadingDelete") != Some("true") => {
                        Err(Code::PolicyHasVersions)
                    }
                    _ => nothing(),
                }
            }
            "ram/CreatePolicyVersion" => {
                let versions = own()?.versions.len();
                let makes_room = self
                    .wire
                    .get("RotateStrategy")
                    .is_some_and(|strategy| strategy != "None");
                match versions >= VERSIONS_MAX && !makes_room {
                    true => Err(Code::PolicyVersionsReached),
                    false => nothing(),
                }
            }
            "ram/DeletePolicyVersion" | "ram/SetDefaultPolicyVersion" => {
                let policy = own()?;
                let found = policy.versions.keys().find(|known| known.to_string() == version);
                let found = found.ok_or(Code::PolicyVersionNotFound)?;
                let deletes = self.wire.row.op == "ram/DeletePolicyVersion";
                match deletes && *found == policy.default {
                    true => Err(Code::PolicyVersionInForce),
                    false => nothing(),
                }
            }
            "ram/GetPolicy" => match self.policy_ref()? {
                PolicyRef::System(_) => has("Policy.DefaultVersion", "v1"),
                PolicyRef::Custom(_) => {
                    let policy = own()?;
                    has(
                        "DefaultPolicyVersion.PolicyDocument",
                        &policy.versions[&policy.default],
                    )
                }
            },
            "ram/GetPolicyVersion" => {
                let text = match self.policy_ref()? {
                    PolicyRef::System(_) => (version == "v1").then(|| papers::SYSTEM.to_owned()),
                    PolicyRef::Custom(_) => {
                        let mut all = own()?.versions.iter();
                        let found = all.find(|(known, _)| known.to_string() == version);
                        found.map(|(_, text)| text.clone())
                    }
                };
                has(
                    "PolicyVersion.PolicyDocument",
                    text.ok_or(Code::PolicyVersionNotFound)?,
                )
            }
            "ram/ListPolicyVersions" => match self.policy_ref()? {
                PolicyRef::System(_) => has("PolicyVersions.PolicyVersion.#", 1),
                PolicyRef::Custom(_) => has("PolicyVersions.PolicyVersion.#", own()?.versions.len()),
            },
            "ram/ListPolicies" => match self.wire.get("PolicyType") {
                Some("Custom") => {
                    let asked = named_tags(self.wire);
                    let own = rights.policies.iter().filter(|((account, _), policy)| {
                        *account == self.account
                            && asked
                                .iter()
                                .all(|(name, value)| policy.tags.get(name) == Some(value))
                    });
                    has("Policies.Policy.#", own.count().min(100))
                }
                _ => nothing(),
            },
            "ram/ListEntitiesForPolicy" => {
                let [users, groups, roles] = holders(&self.policy_ref()?);
                Ok(Flat::from([
                    ("Users.User.#".into(), users.to_string()),
                    ("Groups.Group.#".into(), groups.to_string()),
                    ("Roles.Role.#".into(), roles.to_string()),
                ]))
            }
            "ram/GetPasswordPolicy" => nothing(),
            op => panic!("the model knows nothing of {op}"),
        }
    }

    fn access_keys(&self) -> Result<Flat, Code> {
        let rights = &self.model.rights;
        let actor = &self.event.actor;
        // Whose: the user's who is named, the root's that asks, or the user's that asks.
        let owner = match (self.wire.get("UserName"), actor.kind, actor.user_id()) {
            (Some(name), ..) => {
                (self.may)()?;
                Some(self.user(name).ok_or(Code::UserNotFound)?.0)
            }
            (None, ActorKind::Root, _) => None,
            (None, _, Some(own)) => Some(own),
            (None, ..) => return Err(Code::MissingParameter),
        };
        (self.may)()?;
        let is_owners = |(account, user, _): &(AccountId, Option<UserId>, bool)| {
            *account == self.account && *user == owner
        };
        let count = rights.access_keys.values().filter(|key| is_owners(key)).count();
        match self.wire.row.op {
            "ram/CreateAccessKey" if count >= ACCESS_KEYS_MAX => Err(Code::UserAccessKeysReached),
            "ram/CreateAccessKey" => has("AccessKey.Status", "Active"),
            "ram/ListAccessKeys" => has("AccessKeys.AccessKey.#", count),
            _ => {
                let id = AccessKeyId::parse(self.wire.text("UserAccessKeyId")).unwrap();
                match rights.access_keys.get(&id).is_some_and(is_owners) {
                    true => nothing(),
                    false => Err(Code::UserAccessKeyNotFound),
                }
            }
        }
    }

    fn tags(&self) -> Result<Flat, Code> {
        let rights = &self.model.rights;
        (self.may)()?;
        let names: Option<Vec<String>> = self
            .wire
            .get("ResourceNames")
            .map(|text| serde_json::from_str(text).unwrap());
        let of_roles = self.wire.get("ResourceType") == Some("role");
        let worn = |name: &str| match of_roles {
            true => self.role(name, self.account).map(|(_, role)| &role.tags),
            false => self.policy(name).map(|policy| &policy.tags),
        };
        let absent = match of_roles {
            true => Code::RoleNotFound,
            false => Code::PolicyNotFound,
        };
        if names.iter().flatten().any(|name| worn(name).is_none()) {
            return Err(absent);
        }
        if self.wire.row.op != "ram/ListTagResources" {
            return nothing();
        }
        let all: Vec<&BTreeMap<String, String>> = match (&names, of_roles) {
            (Some(names), _) => names.iter().filter_map(|name| worn(name)).collect(),
            (None, true) => {
                let own = rights.roles.values().filter(|role| role.account == self.account);
                own.map(|role| &role.tags).collect()
            }
            (None, false) => {
                let own = rights
                    .policies
                    .iter()
                    .filter(|((account, _), _)| *account == self.account);
                own.map(|(_, policy)| &policy.tags).collect()
            }
        };
        let asked = named_tags(self.wire);
        let is_asked = |(name, value): &(&String, &String)| {
            asked.is_empty() || asked.iter().any(|(n, v)| n == *name && v == *value)
        };
        let count = all.into_iter().flatten().filter(is_asked).count();
        has("TagResources.#", count.min(20))
    }
}

/// The parameter `Tag`: names and values.
fn named_tags(wire: &Wire) -> Vec<(String, String)> {
    let Some(text) = wire.get("Tag") else {
        return Vec::new();
    };
    let tags: serde_json::Value = serde_json::from_str(text).unwrap();
    let text = |tag: &serde_json::Value, name: &str| tag[name].as_str().unwrap_or("").to_owned();
    let all = tags.as_array().unwrap().iter();
    all.map(|tag| (text(tag, "Key"), text(tag, "Value"))).collect()
}
