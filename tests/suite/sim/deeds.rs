//! What is done to identities, and by whom: users, groups, roles, policies, access keys and sessions.

use chancery::base::{
    AccessKeyId, AccountId, Answer, GroupName, KeyId, PolicyName, PolicyVersion, RoleName, UserName,
};
use chancery::engine::{Actor, HolderName, PolicyRef};
use chancery::projection::State;

use super::client::{Asked, Client, Kind, Said, Who};
use super::papers;
use super::wire::{Wire, flatten};
use super::world::Dice;

/// A change of who may do what. Documents are named by their place in `papers`.
#[derive(Debug, Clone)]
pub enum Deed {
    /// CreateUser.
    CreateUser(UserName),
    /// UpdateUser, to another name.
    Rename(UserName, UserName),
    /// DeleteUser.
    DeleteUser(UserName),
    /// CreateGroup.
    CreateGroup(GroupName),
    /// DeleteGroup.
    DeleteGroup(GroupName),
    /// AddUserToGroup.
    Join(UserName, GroupName),
    /// RemoveUserFromGroup.
    Leave(UserName, GroupName),
    /// CreateRole, with this trust policy.
    CreateRole(RoleName, usize),
    /// UpdateRole, to this trust policy.
    Trust(RoleName, usize),
    /// DeleteRole.
    DeleteRole(RoleName),
    /// CreatePolicy.
    CreatePolicy(PolicyName, usize),
    /// CreatePolicyVersion; in force or not.
    Version(PolicyName, usize, bool),
    /// SetDefaultPolicyVersion.
    Default(PolicyName, PolicyVersion),
    /// DeletePolicyVersion.
    DropVersion(PolicyName, PolicyVersion),
    /// DeletePolicy; with its attachments or not.
    DeletePolicy(PolicyName, bool),
    /// AttachPolicyToUser and its like.
    Attach(HolderName, PolicyRef),
    /// DetachPolicyFromUser and its like.
    Detach(HolderName, PolicyRef),
    /// CreateAccessKey.
    MakeKey(UserName),
    /// UpdateAccessKey.
    Switch(UserName, AccessKeyId, bool),
    /// DeleteAccessKey.
    DropKey(UserName, AccessKeyId),
    /// AssumeRole, with a session policy or without.
    Assume(RoleName, Option<usize>),
    /// SetKeyPolicy.
    KeyPolicy(KeyId, usize),
}

/// Somebody with an access key, temporary or not.
#[derive(Debug, Clone)]
pub struct Person {
    /// The access key.
    pub ak: AccessKeyId,
    /// Its account.
    pub account: AccountId,
    /// Whether it is a session's.
    pub is_session: bool,
    /// The user it was made for; none for a session and for a root.
    pub user: Option<UserName>,
    /// Who that was when last looked up.
    actor: Option<Actor>,
}

impl Person {
    /// Looks the access key up, as it is done when a request comes in. Who was there once is still believed in: its
    /// request came in before it went.
    fn actor(&mut self, state: &State) -> Option<Actor> {
        let ak = Some(self.ak.clone());
        let found = match (state.access_key(&self.ak), state.session(&self.ak)) {
            (Some(row), _) => match row.user {
                None => Some(Actor::root(row.account, ak)),
                Some(user) => state
                    .user(user)
                    .map(|user| Actor::user(row.account, user.id, user.name.clone(), ak)),
            },
            (None, Some(session)) => state.role(session.role).map(|role| {
                let named = (role.id, role.name.clone());
                let (name, source) = (session.name.clone(), session.source.clone());
                Actor::assumed_role(role.account, named, name, source, ak)
            }),
            (None, None) => None,
        };
        self.actor = found.or(self.actor.take());
        self.actor.clone()
    }
}

impl Client {
    /// Who asks, as the event will name it.
    pub fn actor(&mut self, who: Who, state: &State) -> Actor {
        match who {
            Who::Signed => Actor::root(self.account, Some(self.access_key.clone())),
            Who::Local => Actor::root(self.account, None),
            Who::Nobody => Actor::unmapped(self.account),
            Who::Person(nth) => {
                let actor = self.people.get_mut(nth).and_then(|person| person.actor(state));
                actor.unwrap_or_else(|| Actor::unmapped(self.account))
            }
        }
    }

    /// Somebody of those who have access keys, mostly of the latest.
    pub fn some_person(&self, dice: &mut Dice) -> Option<Who> {
        let latest = self.people.len().saturating_sub(8);
        let from = if dice.once_in(6) { 0 } else { latest };
        dice.index(self.people.len() - from)
            .map(|nth| Who::Person(from + nth))
    }

    /// Takes from an answer what it made: access keys, accounts, keys.
    pub fn meet(&mut self, answer: &Answer, asked: &Asked) -> Option<Said> {
        let flat = flatten(answer);
        let text = |path: &str| flat.get(path);
        let is_of_root = text("RootAccessKey.AccessKeyId").or(text("AccessKeyId"));
        let made = text("AccessKey.AccessKeyId")
            .or(text("Credentials.AccessKeyId"))
            .or(is_of_root);
        if let Some(id) = made {
            // Of a session the role says whose account it is.
            let of_role = text("AssumedRoleUser.Arn").and_then(|arn| arn.split(':').nth(3));
            let named = text("AccountId").map(String::as_str).or(of_role);
            let account = named.map_or(Some(asked.account), |text| text.parse().ok())?;
            let user = asked.wire.as_ref().and_then(|wire| wire.get("UserName"));
            self.people.push(Person {
                ak: AccessKeyId::parse(id)?,
                account,
                is_session: text("Credentials.AccessKeyId").is_some(),
                user: user.and_then(|name| UserName::parse(name).ok()),
                actor: None,
            });
            if !self.accounts.contains(&account) {
                self.accounts.push(account);
            }
        }
        if let Some(key) = text("KeyMetadata.KeyId") {
            let key = KeyId::parse(key)?;
            if !self.keys.contains(&key) {
                self.keys.push(key);
            }
        }
        Some(Said::Flat(flat))
    }

    /// Thinks of something to do to identities: to give, mostly, while there are few people, and to take.
    pub fn think_of_rights(&self, dice: &mut Dice, key: KeyId) -> Kind {
        let (user, group, role, policy) = (user(dice), group(dice), role(dice), policy(dice));
        let version = PolicyVersion::parse(&format!("v{}", 1 + dice.below(4))).unwrap();
        let paper = dice.below(papers::IDENTITY.len() as u64) as usize;
        Kind::Deed(match dice.below(40) {
            0..3 => Deed::CreateUser(user),
            3 => Deed::Rename(user, self::user(dice)),
            4 => Deed::DeleteUser(user),
            5 => Deed::CreateGroup(group),
            6 => Deed::DeleteGroup(group),
            7..10 => Deed::Join(user, group),
            10..12 => Deed::Leave(user, group),
            12 => Deed::CreateRole(role, dice.below(papers::TRUSTS as u64) as usize),
            13 => Deed::Trust(role, dice.below(papers::TRUSTS as u64) as usize),
            14 => Deed::DeleteRole(role),
            15..17 => Deed::CreatePolicy(policy, paper),
            17..19 => Deed::Version(policy, paper, !dice.once_in(3)),
            19 => Deed::Default(policy, version),
            20 => Deed::DropVersion(policy, version),
            21 => Deed::DeletePolicy(policy, dice.once_in(2)),
            22..28 => Deed::Attach(holder(dice), some_policy(dice)),
            28..31 => Deed::Detach(holder(dice), some_policy(dice)),
            31..33 => Deed::MakeKey(user),
            33..36 => match dice.index(self.people.len()).map(|nth| &self.people[nth]) {
                Some(Person {
                    ak, user: Some(user), ..
                }) if dice.once_in(3) => Deed::DropKey(user.clone(), ak.clone()),
                Some(Person {
                    ak, user: Some(user), ..
                }) => Deed::Switch(user.clone(), ak.clone(), !dice.once_in(3)),
                _ => Deed::MakeKey(user),
            },
            36..39 => {
                let narrowed = (!dice.once_in(2)).then(|| dice.below(papers::SESSION.len() as u64) as usize);
                Deed::Assume(role, narrowed)
            }
            _ => Deed::KeyPolicy(key, dice.below(papers::OF_KEYS as u64) as usize),
        })
    }
}

impl Deed {
    /// The call by name, of somebody in this account.
    pub fn wire(&self, account: AccountId) -> Wire {
        let (op, params): (&str, Vec<(&str, String)>) = match self {
            Self::CreateUser(name) => ("ram/CreateUser", vec![("UserName", name.to_string())]),
            Self::Rename(name, new) => (
                "ram/UpdateUser",
                vec![("UserName", name.to_string()), ("NewUserName", new.to_string())],
            ),
            Self::DeleteUser(name) => ("ram/DeleteUser", vec![("UserName", name.to_string())]),
            Self::CreateGroup(name) => ("ram/CreateGroup", vec![("GroupName", name.to_string())]),
            Self::DeleteGroup(name) => ("ram/DeleteGroup", vec![("GroupName", name.to_string())]),
            Self::Join(user, group) => ("ram/AddUserToGroup", pair(user, group)),
            Self::Leave(user, group) => ("ram/RemoveUserFromGroup", pair(user, group)),
            Self::CreateRole(name, which) => (
                "ram/CreateRole",
                vec![
                    ("RoleName", name.to_string()),
                    ("AssumeRolePolicyDocument", papers::trust(*which, account)),
                ],
            ),
            Self::Trust(name, which) => (
                "ram/UpdateRole",
                vec![
                    ("RoleName", name.to_string()),
                    ("NewAssumeRolePolicyDocument", papers::trust(*which, account)),
                ],
            ),
            Self::DeleteRole(name) => ("ram/DeleteRole", vec![("RoleName", name.to_string())]),
            Self::CreatePolicy(name, which) => (
                "ram/CreatePolicy",
                vec![
                    ("PolicyName", name.to_string()),
                    ("PolicyDocument", papers::IDENTITY[*which].into()),
                ],
            ),
            Self::Version(name, which, default) => (
                "ram/CreatePolicyVersion",
                vec![
                    ("PolicyName", name.to_string()),
                    ("PolicyDocument", papers::IDENTITY[*which].into()),
                    ("SetAsDefault", default.to_string()),
                    (
                        "RotateStrategy",
                        "DeleteOldestNonDefaultVersionWhenLimitExceeded".into(),
                    ),
                ],
            ),
            Self::Default(name, version) => ("ram/SetDefaultPolicyVersion", versioned(name, *version)),
            Self::DropVersion(name, version) => ("ram/DeletePolicyVersion", versioned(name, *version)),
            Self::DeletePolicy(name, cascade) => (
                "ram/DeletePolicy",
                vec![
                    ("PolicyName", name.to_string()),
                    ("CascadingDelete", cascade.to_string()),
                ],
            ),
            Self::Attach(holder, policy) => {
                let op = match holder {
                    HolderName::User(_) => "ram/AttachPolicyToUser",
                    HolderName::Group(_) => "ram/AttachPolicyToGroup",
                    HolderName::Role(_) => "ram/AttachPolicyToRole",
                };
                (op, attachment(holder, policy))
            }
            Self::Detach(holder, policy) => {
                let op = match holder {
                    HolderName::User(_) => "ram/DetachPolicyFromUser",
                    HolderName::Group(_) => "ram/DetachPolicyFromGroup",
                    HolderName::Role(_) => "ram/DetachPolicyFromRole",
                };
                (op, attachment(holder, policy))
            }
            Self::MakeKey(user) => ("ram/CreateAccessKey", vec![("UserName", user.to_string())]),
            Self::Switch(user, id, active) => {
                let status = if *active { "Active" } else { "Inactive" };
                let mut params = access_key(user, id);
                params.push(("Status", status.into()));
                ("ram/UpdateAccessKey", params)
            }
            Self::DropKey(user, id) => ("ram/DeleteAccessKey", access_key(user, id)),
            Self::Assume(role, narrowed) => {
                let mut params = vec![
                    ("RoleArn", format!("acs:ram::{account}:role/{role}")),
                    ("RoleSessionName", "session".into()),
                    ("DurationSeconds", "3600".into()),
                ];
                params.extend(narrowed.map(|which| ("Policy", papers::SESSION[which].into())));
                ("sts/AssumeRole", params)
            }
            Self::KeyPolicy(key, which) => (
                "kms/SetKeyPolicy",
                vec![
                    ("KeyId", key.to_string()),
                    ("Policy", papers::of_key(*which, account)),
                ],
            ),
        };
        Wire::new(op, params)
    }
}

type Named = Vec<(&'static str, String)>;

fn pair(user: &UserName, group: &GroupName) -> Named {
    vec![("UserName", user.to_string()), ("GroupName", group.to_string())]
}

fn versioned(name: &PolicyName, version: PolicyVersion) -> Named {
    vec![
        ("PolicyName", name.to_string()),
        ("VersionId", version.to_string()),
    ]
}

fn access_key(user: &UserName, id: &AccessKeyId) -> Named {
    vec![
        ("UserName", user.to_string()),
        ("UserAccessKeyId", id.to_string()),
    ]
}

fn attachment(holder: &HolderName, policy: &PolicyRef) -> Named {
    let holder = match holder {
        HolderName::User(name) => ("UserName", name.to_string()),
        HolderName::Group(name) => ("GroupName", name.to_string()),
        HolderName::Role(name) => ("RoleName", name.to_string()),
    };
    vec![
        holder,
        ("PolicyType", policy.kind().into()),
        ("PolicyName", policy.name().to_string()),
    ]
}

/// Few names, so that calls meet on them.
fn user(dice: &mut Dice) -> UserName {
    UserName::parse(dice.pick::<&str>(&["a", "b", "c"])).unwrap()
}

fn group(dice: &mut Dice) -> GroupName {
    GroupName::parse(dice.pick::<&str>(&["g0", "g1"])).unwrap()
}

fn role(dice: &mut Dice) -> RoleName {
    RoleName::parse(dice.pick::<&str>(&["r0", "r1"])).unwrap()
}

fn policy(dice: &mut Dice) -> PolicyName {
    PolicyName::parse(dice.pick::<&str>(&["p0", "p1", "p2", "p3"])).unwrap()
}

fn holder(dice: &mut Dice) -> HolderName {
    match dice.below(6) {
        0..3 => HolderName::User(user(dice)),
        3 => HolderName::Group(group(dice)),
        _ => HolderName::Role(role(dice)),
    }
}

fn some_policy(dice: &mut Dice) -> PolicyRef {
    if dice.once_in(6) {
        PolicyRef::System(PolicyName::parse(papers::SYSTEM_NAME).unwrap())
    } else {
        PolicyRef::Custom(policy(dice))
    }
}
