//! What is done to identities, and by whom: users, groups, roles, policies, access keys and sessions.

use chancery::base::{
    AccessKeyId, AccountId, Answer, GroupName, KeyId, PolicyName, PolicyVersion, RoleName, SessionName,
    UserName, Value,
};
use chancery::domain::Command;
use chancery::engine::SetKeyPolicy;
use chancery::engine::{
    Actor, AddUserToGroup, AssumeRole, AttachPolicy, CreateAccessKey, CreateGroup, CreatePolicy,
    CreatePolicyVersion, CreateRole, CreateUser, DeleteAccessKey, DeleteGroup, DeletePolicy,
    DeletePolicyVersion, DeleteRole, DeleteUser, DetachPolicy, Element, HolderName, KeyOwner, KeyRef,
    PolicyRef, Recorded, RemoveUserFromGroup, SetDefaultPolicyVersion, UpdateAccessKey, UpdateRole,
    UpdateUser, Work,
};
use chancery::projection::State;

use super::client::{Client, Kind, Said, Who};
use super::papers;
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
    /// The user it was made for; none for a session.
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
            (Some(row), _) => row
                .user
                .and_then(|user| state.user(user))
                .map(|user| Actor::user(row.account, user.id, user.name.clone(), ak)),
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

    /// Takes from an answer whom it made an access key for.
    pub fn meet(&mut self, deed: &Deed, answer: &Answer) -> Option<Said> {
        let (part, user) = match deed {
            Deed::MakeKey(user) => ("AccessKey", Some(user.clone())),
            Deed::Assume(..) => ("Credentials", None),
            _ => return Some(Said::Done),
        };
        let Value::Object(part) = answer.get(part)? else {
            return None;
        };
        let ak = AccessKeyId::parse(part.get("AccessKeyId")?.as_text()?)?;
        self.people.push(Person {
            ak,
            user,
            actor: None,
        });
        Some(Said::Done)
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
    /// The call, with the parameters that its event has to show.
    pub fn work(&self, account: AccountId, actor: &Actor) -> (&'static str, Work, Recorded) {
        let mut shown = Recorded::default();
        let (op, work) = match self.clone() {
            Self::CreateUser(name) => command(
                "ram/CreateUser",
                CreateUser {
                    name,
                    display: None,
                    mobile: String::new(),
                    email: String::new(),
                    comments: String::new(),
                },
            ),
            Self::Rename(name, to) => command(
                "ram/UpdateUser",
                UpdateUser {
                    name,
                    new_name: Some(to),
                    display: None,
                    mobile: None,
                    email: None,
                    comments: None,
                },
            ),
            Self::DeleteUser(name) => command("ram/DeleteUser", DeleteUser { name }),
            Self::CreateGroup(name) => {
                let comments = String::new();
                command("ram/CreateGroup", CreateGroup { name, comments })
            }
            Self::DeleteGroup(name) => command("ram/DeleteGroup", DeleteGroup { name }),
            Self::Join(user, group) => command("ram/AddUserToGroup", AddUserToGroup { user, group }),
            Self::Leave(user, group) => {
                command("ram/RemoveUserFromGroup", RemoveUserFromGroup { user, group })
            }
            Self::CreateRole(name, which) => command(
                "ram/CreateRole",
                CreateRole {
                    name,
                    trust: papers::trust(which, account),
                    description: String::new(),
                    session_max: 3_600,
                    console: false,
                    tags: Vec::new(),
                },
            ),
            Self::Trust(name, which) => command(
                "ram/UpdateRole",
                UpdateRole {
                    name,
                    trust: Some(papers::trust(which, account)),
                    description: None,
                    session_max: None,
                    console: None,
                },
            ),
            Self::DeleteRole(name) => command("ram/DeleteRole", DeleteRole { name }),
            Self::CreatePolicy(name, which) => command(
                "ram/CreatePolicy",
                CreatePolicy {
                    name,
                    document: papers::IDENTITY[which].into(),
                    description: String::new(),
                    tags: Vec::new(),
                },
            ),
            Self::Version(name, which, default) => command(
                "ram/CreatePolicyVersion",
                CreatePolicyVersion {
                    name,
                    document: papers::IDENTITY[which].into(),
                    default,
                    rotate: true,
                },
            ),
            Self::Default(name, version) => command(
                "ram/SetDefaultPolicyVersion",
                SetDefaultPolicyVersion { name, version },
            ),
            Self::DropVersion(name, version) => {
                command("ram/DeletePolicyVersion", DeletePolicyVersion { name, version })
            }
            Self::DeletePolicy(name, cascade) => command("ram/DeletePolicy", DeletePolicy { name, cascade }),
            Self::Attach(holder, policy) => {
                let op = match holder {
                    HolderName::User(_) => "ram/AttachPolicyToUser",
                    HolderName::Group(_) => "ram/AttachPolicyToGroup",
                    HolderName::Role(_) => "ram/AttachPolicyToRole",
                };
                command(op, AttachPolicy { holder, policy })
            }
            Self::Detach(holder, policy) => {
                let op = match holder {
                    HolderName::User(_) => "ram/DetachPolicyFromUser",
                    HolderName::Group(_) => "ram/DetachPolicyFromGroup",
                    HolderName::Role(_) => "ram/DetachPolicyFromRole",
                };
                command(op, DetachPolicy { holder, policy })
            }
            Self::MakeKey(user) => {
                let owner = KeyOwner::Named(user);
                command("ram/CreateAccessKey", CreateAccessKey { owner })
            }
            Self::Switch(user, id, active) => {
                let owner = KeyOwner::Named(user);
                command("ram/UpdateAccessKey", UpdateAccessKey { owner, id, active })
            }
            Self::DropKey(user, id) => {
                let owner = KeyOwner::Named(user);
                command("ram/DeleteAccessKey", DeleteAccessKey { owner, id })
            }
            Self::Assume(role, narrowed) => {
                shown.insert(
                    "RoleArn",
                    Element::text(&format!("acs:ram::{account}:role/{role}")),
                );
                let assume = AssumeRole {
                    actor: actor.clone(),
                    account,
                    role,
                    session: SessionName::parse("session").unwrap(),
                    seconds: 3_600,
                    policy: narrowed.map(|which| papers::SESSION[which].into()),
                    external_id: None,
                    source: None,
                };
                command("sts/AssumeRole", assume)
            }
            Self::KeyPolicy(key, which) => {
                let (key, document) = (KeyRef::Id(key), papers::of_key(which, account));
                command("kms/SetKeyPolicy", SetKeyPolicy { key, document })
            }
        };
        (op, work, shown)
    }
}

fn command(op: &'static str, command: impl Command + 'static) -> (&'static str, Work) {
    (op, Work::Command(Box::new(command)))
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
