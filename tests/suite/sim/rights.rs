//! Who may do what, told from the changes in the log alone and as plainly as it can be said: documents, and who has them.
//!
//! It knows nothing of rows, revisions, compiled policies or remembered decisions. It reads the documents of `papers`
//! and of the system policies attached there, and no more of the language than they use.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chancery::base::{
    AccessKeyId, AccountId, Code, GroupId, GroupName, KeyId, PolicyName, PolicyVersion, RoleId, RoleName,
    Tag, TagKey, Timestamp, UserId, UserName,
};
use chancery::event::{
    Actor, ActorKind, Change, Effect, Element, Event, Holder, Outcome, PolicyRef, Recorded, Tagged,
};
use serde_json::Value;

use super::papers;

/// All that rights follow from, and whatever else there is to say of identities.
#[derive(Debug, Clone, Default)]
pub struct Rights {
    /// The account that the log was founded with.
    pub first: Option<AccountId>,
    /// The accounts, and what they call themselves.
    pub accounts: BTreeMap<AccountId, Option<String>>,
    /// The users.
    pub users: BTreeMap<UserId, User>,
    /// The groups.
    pub groups: BTreeMap<GroupId, (AccountId, GroupName)>,
    /// The roles.
    pub roles: BTreeMap<RoleId, Role>,
    sessions: BTreeMap<AccessKeyId, Session>,
    /// The access keys: of which account, of which user if it is one's, and whether they are on.
    pub access_keys: BTreeMap<AccessKeyId, (AccountId, Option<UserId>, bool)>,
    /// The custom policies.
    pub policies: BTreeMap<(AccountId, PolicyName), Policy>,
    /// What is attached to whom.
    pub attached: BTreeMap<Holder, BTreeSet<PolicyRef>>,
    of_keys: BTreeMap<KeyId, (String, Arc<Paper>)>,
}

/// A user.
#[derive(Debug, Clone)]
pub struct User {
    /// Its account.
    pub account: AccountId,
    /// Its name.
    pub name: UserName,
    /// Its groups.
    pub groups: BTreeSet<GroupId>,
}

/// A role.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its account.
    pub account: AccountId,
    /// Its name.
    pub name: RoleName,
    /// Its longest session, seconds.
    pub session_max: u64,
    /// Its trust policy.
    pub trust: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    read: Arc<Paper>,
}

/// A custom policy.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The version in force.
    pub default: PolicyVersion,
    /// Its versions and their texts.
    pub versions: BTreeMap<PolicyVersion, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What it says of itself.
    pub description: String,
    read: BTreeMap<PolicyVersion, Arc<Paper>>,
}

#[derive(Debug, Clone)]
struct Session {
    role: RoleId,
    policy: Option<Arc<Paper>>,
    expires: Timestamp,
}

/// A document, read.
#[derive(Debug, Clone)]
struct Paper(Vec<Clause>);

#[derive(Debug, Clone)]
struct Clause {
    denies: bool,
    actions: Vec<String>,
    resources: Vec<String>,
    principals: Vec<String>,
    /// It is about requests alone that bring this: a condition key and its value.
    condition: Option<(String, String)>,
}

/// What a document says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Yes,
    No,
    Nothing,
}

/// One action on one resource.
struct Ask<'a> {
    actor: &'a Actor,
    action: String,
    resource: &'a str,
    tags: Option<&'a BTreeMap<String, String>>,
    /// What the request says: its parameters, as they were recorded.
    says: &'a Recorded,
    /// Whether the document is a key's: there, the account as such delegates to RAM.
    of_key: bool,
}

impl Rights {
    /// Whether a change has anything to do with rights.
    pub fn concern(change: &Change) -> bool {
        !matches!(
            change,
            Change::KeyEnabled { .. }
                | Change::KeyDisabled { .. }
                | Change::MessagesReserved { .. }
                | Change::MaterialErased { .. }
                | Change::KeysTagged { .. }
        )
    }

    /// Follows one change.
    pub fn follow(&mut self, change: &Change) {
        match change {
            Change::AccountCreated { account, .. } => {
                self.first.get_or_insert(*account);
                self.accounts.insert(*account, None);
            }
            Change::AccountAliasSet { account, alias } => {
                self.accounts
                    .insert(*account, alias.as_ref().map(ToString::to_string));
            }
            Change::AccessKeyCreated(new) => {
                self.access_keys
                    .insert(new.id.clone(), (new.account, new.user, true));
            }
            Change::AccessKeyStatusSet { id, active } => {
                if let Some(key) = self.access_keys.get_mut(id) {
                    key.2 = *active;
                }
            }
            Change::AccessKeyDeleted { id } => {
                self.access_keys.remove(id);
            }
            Change::KeyPolicySet { key, document } => {
                self.of_keys
                    .insert(*key, (document.clone(), Paper::read(document)));
            }
            Change::KeyDestroyed { key } => {
                self.of_keys.remove(key);
            }
            Change::SessionOpened(new) => {
                let session = Session {
                    role: new.role,
                    policy: new.policy.as_deref().map(Paper::read),
                    expires: new.expires,
                };
                self.sessions.insert(new.id.clone(), session);
            }
            Change::SessionsExpired { ids } => self.sessions.retain(|id, _| !ids.contains(id)),
            Change::PolicyAttached { holder, policy, .. } => {
                let policies = self.attached.entry(*holder).or_default();
                policies.insert(policy.clone());
            }
            Change::PolicyDetached { holder, policy } => {
                self.attached.get_mut(holder).map(|all| all.remove(policy));
            }
            _ => {
                self.follow_people(change);
                self.follow_policies(change);
            }
        }
    }

    fn follow_people(&mut self, change: &Change) {
        match change {
            Change::UserCreated(new) => {
                let user = User {
                    account: new.account,
                    name: new.name.clone(),
                    groups: BTreeSet::new(),
                };
                self.users.insert(new.user, user);
            }
            Change::UserUpdated(new) => {
                if let (Some(user), Some(name)) = (self.users.get_mut(&new.user), &new.name) {
                    user.name.clone_from(name);
                }
            }
            Change::UserDeleted { user } => {
                self.users.remove(user);
                self.attached.remove(&Holder::User(*user));
            }
            Change::GroupCreated(new) => {
                self.groups.insert(new.group, (new.account, new.name.clone()));
            }
            Change::GroupUpdated(new) => {
                if let (Some(group), Some(name)) = (self.groups.get_mut(&new.group), &new.name) {
                    group.1.clone_from(name);
                }
            }
            Change::GroupDeleted { group } => {
                self.groups.remove(group);
                self.users.values_mut().for_each(|user| {
                    user.groups.remove(group);
                });
                self.attached.remove(&Holder::Group(*group));
            }
            Change::UserJoinedGroup { user, group, .. } => {
                self.users.get_mut(user).map(|user| user.groups.insert(*group));
            }
            Change::UserLeftGroup { user, group } => {
                self.users.get_mut(user).map(|user| user.groups.remove(group));
            }
            Change::RoleCreated(new) => {
                let role = Role {
                    account: new.account,
                    name: new.name.clone(),
                    session_max: new.session_max,
                    trust: new.trust.clone(),
                    tags: pairs(&new.tags).collect(),
                    read: Paper::read(&new.trust),
                };
                self.roles.insert(new.role, role);
            }
            Change::RoleUpdated(new) => {
                if let Some(role) = self.roles.get_mut(&new.role) {
                    role.session_max = new.session_max.unwrap_or(role.session_max);
                    if let Some(trust) = &new.trust {
                        (role.trust, role.read) = (trust.clone(), Paper::read(trust));
                    }
                }
            }
            Change::RoleDeleted { role } => {
                self.roles.remove(role);
                self.attached.remove(&Holder::Role(*role));
                self.sessions.retain(|_, session| session.role != *role);
            }
            _ => {}
        }
    }

    fn follow_policies(&mut self, change: &Change) {
        match change {
            Change::PolicyCreated(new) => {
                let first = PolicyVersion::FIRST;
                let policy = Policy {
                    default: first,
                    versions: BTreeMap::from([(first, new.document.clone())]),
                    tags: pairs(&new.tags).collect(),
                    description: new.description.clone(),
                    read: BTreeMap::from([(first, Paper::read(&new.document))]),
                };
                self.policies.insert((new.account, new.name.clone()), policy);
            }
            Change::PolicyDeleted { name, account } => {
                self.policies.remove(&(*account, name.clone()));
            }
            Change::PolicyDescribed {
                name,
                account,
                description,
                ..
            } => {
                if let Some(policy) = self.policies.get_mut(&(*account, name.clone())) {
                    policy.description.clone_from(description);
                }
            }
            Change::PolicyVersionCreated(new) => {
                if let Some(policy) = self.policies.get_mut(&(new.account, new.name.clone())) {
                    policy.versions.insert(new.version, new.document.clone());
                    policy.read.insert(new.version, Paper::read(&new.document));
                    new.dropped.map(|dropped| policy.versions.remove(&dropped));
                    if new.default {
                        policy.default = new.version;
                    }
                }
            }
            Change::PolicyVersionDeleted {
                name,
                account,
                version,
                ..
            } => {
                let policy = self.policies.get_mut(&(*account, name.clone()));
                policy.map(|policy| policy.versions.remove(version));
            }
            Change::PolicyDefaultSet {
                name,
                account,
                version,
                ..
            } => {
                if let Some(policy) = self.policies.get_mut(&(*account, name.clone())) {
                    policy.default = *version;
                }
            }
            Change::IdentitiesTagged {
                tags,
                account,
                entities,
            } => {
                for entity in entities {
                    if let Some(worn) = self.worn(*account, entity) {
                        worn.extend(pairs(tags));
                    }
                }
            }
            Change::IdentitiesUntagged {
                names,
                account,
                entities,
            } => {
                let goes = |name: &str| {
                    let is_named = |names: &Vec<TagKey>| names.iter().any(|other| other.as_str() == name);
                    names.as_ref().is_none_or(is_named)
                };
                for entity in entities {
                    if let Some(worn) = self.worn(*account, entity) {
                        worn.retain(|name, _| !goes(name));
                    }
                }
            }
            _ => {}
        }
    }

    fn worn(&mut self, account: AccountId, entity: &Tagged) -> Option<&mut BTreeMap<String, String>> {
        match entity {
            Tagged::Role(role) => self.roles.get_mut(role).map(|role| &mut role.tags),
            Tagged::Policy(name) => {
                let policy = self.policies.get_mut(&(account, name.clone()));
                policy.map(|policy| &mut policy.tags)
            }
        }
    }

    /// The policy that a key was given.
    pub fn of_key(&self, key: KeyId) -> Option<&str> {
        self.of_keys.get(&key).map(|(text, _)| text.as_str())
    }

    /// Compares what an event says of its caller's rights with what they were; `tags` are those of a key there.
    pub fn check<'a>(
        &'a self,
        event: &'a Event,
        tags: impl Fn(KeyId) -> Option<&'a BTreeMap<String, String>>,
    ) -> Result<(), String> {
        let actor = &event.actor;
        if actor.kind == ActorKind::System {
            return Ok(());
        }
        let is_good = self.is_good(actor, event.dec.at);
        if event.dec.effect == Effect::None {
            let is_gone = matches!(&event.out, Outcome::Error { code, .. }
                if GONE.iter().any(|gone| gone.as_str() == code.as_ref()));
            return match is_gone && is_good {
                true => Err(format!("{actor:?} was turned away and is good there")),
                false => Ok(()),
            };
        }
        if !is_good {
            return Err(format!(
                "law 3: {actor:?} is not good there and was not turned away"
            ));
        }
        let may = match actor.kind {
            ActorKind::Root => self.root_may(event),
            ActorKind::Unmapped => OPEN.contains(&event.op.as_ref()),
            _ => self.may(event, &tags),
        };
        match (may, event.dec.effect) {
            (true, Effect::Allow) | (false, Effect::Deny) => Ok(()),
            (false, effect) => Err(format!(
                "law 3: {effect:?} for {actor:?}, who may not do it there"
            )),
            (true, effect) => Err(format!("law 3: {effect:?} for {actor:?}, who may do it there")),
        }
    }

    /// A root may do everything in its own account, but be in a role; the first account's may also look after the daemon.
    fn root_may(&self, event: &Event) -> bool {
        let own = event.actor.account;
        let is_own = |text: &str| text == own.to_string();
        match event.op.as_ref() {
            "sts/AssumeRole" => false,
            _ if self.first == Some(own) => true,
            "chancery/RotateRootKey" | "chancery/DeleteRootKey" => {
                said(&event.req, "AccountId").is_none_or(is_own)
            }
            op => !OF_THE_DAEMON.contains(&op),
        }
    }

    /// Whether the access key that signed is there and on, and belongs to whom the event names.
    pub fn is_good(&self, actor: &Actor, at: Timestamp) -> bool {
        let Some(ak) = &actor.ak else {
            return matches!(actor.kind, ActorKind::Root | ActorKind::Unmapped);
        };
        let called = |name: &str| actor.name.as_ref().map(|own| own.as_str()) == Some(name);
        match actor.kind {
            ActorKind::Root => self.access_keys.get(ak) == Some(&(actor.account, None, true)),
            ActorKind::RamUser => {
                let id = actor.user_id();
                let user = id.and_then(|user| self.users.get(&user));
                user.is_some_and(|user| called(user.name.as_str()))
                    && self.access_keys.get(ak) == Some(&(actor.account, id, true))
            }
            _ => self.sessions.get(ak).is_some_and(|session| {
                let role = self.roles.get(&session.role);
                at < session.expires
                    && actor.role_id() == Some(session.role)
                    && role.is_some_and(|role| called(role.name.as_str()))
            }),
        }
    }

    fn may<'a>(
        &'a self,
        event: &'a Event,
        tags: &impl Fn(KeyId) -> Option<&'a BTreeMap<String, String>>,
    ) -> bool {
        if OPEN.contains(&event.op.as_ref()) {
            return true;
        }
        // What makes roots is roots' alone, and what concerns the daemon is the first account's.
        let is_beyond = OF_THE_DAEMON.contains(&event.op.as_ref()) && self.first != Some(event.actor.account);
        if is_beyond || OF_ROOTS.contains(&event.op.as_ref()) {
            return false;
        }
        let everything = ["*".to_owned()];
        let resources: &[String] = match event.res.as_slice() {
            [] => &everything,
            some => some,
        };
        resources.iter().enumerate().all(|(nth, resource)| {
            let key = resource.split_once(":key/").and_then(|(_, id)| KeyId::parse(id));
            let action = match (event.op.as_ref(), nth, key) {
                ("kms/ReEncrypt", 0, Some(_)) => "kms:ReEncryptFrom".into(),
                ("kms/ReEncrypt", ..) => "kms:ReEncryptTo".into(),
                (op, ..) => op.replace('/', ":"),
            };
            let ask = Ask {
                actor: &event.actor,
                action,
                resource,
                tags: key.and_then(tags),
                says: &event.req,
                of_key: false,
            };
            self.allows(ask, key)
        })
    }

    fn allows(&self, ask: Ask<'_>, key: Option<KeyId>) -> bool {
        let identity = Paper::together(self.identity(ask.actor).iter().map(|paper| paper.says(&ask)));
        let session = ask.actor.ak.as_ref().and_then(|ak| self.sessions.get(ak));
        let session = session.and_then(|session| session.policy.as_ref());
        let session = session.map(|paper| paper.says(&ask));
        let trust = (ask.action == "sts:AssumeRole").then(|| {
            let named =
                |role: &&Role| ask.resource == format!("acs:ram::{}:role/{}", role.account, role.name);
            let role = self.roles.values().find(named);
            // A role that is not there has nothing against it: who may assume it is told that it is not.
            role.map_or(Says::Yes, |role| role.read.says(&ask))
        });
        let ask = Ask { of_key: true, ..ask };
        let of_key = key.and_then(|key| self.of_keys.get(&key));
        let of_key = of_key.map_or(Says::Nothing, |(_, paper)| paper.says(&ask));
        let all = [Some(identity), session, trust, Some(of_key)];
        let granted = match trust {
            Some(trust) => trust == Says::Yes && identity == Says::Yes,
            None => identity == Says::Yes || of_key == Says::Yes,
        };
        granted && session.is_none_or(|says| says == Says::Yes) && !all.contains(&Some(Says::No))
    }

    /// What is attached to somebody and to its groups.
    fn identity(&self, actor: &Actor) -> Vec<Arc<Paper>> {
        let mut holders = Vec::new();
        if let Some(user) = actor.user_id() {
            holders.push(Holder::User(user));
            let groups = self.users.get(&user).map(|user| user.groups.iter().copied());
            holders.extend(groups.into_iter().flatten().map(Holder::Group));
        }
        holders.extend(actor.role_id().map(Holder::Role));
        let attached = holders
            .iter()
            .filter_map(|holder| self.attached.get(holder))
            .flatten();
        attached
            .filter_map(|policy| match policy {
                PolicyRef::System(_) => Some(Paper::read(papers::SYSTEM)),
                PolicyRef::Custom(name) => {
                    let policy = self.policies.get(&(actor.account, name.clone()))?;
                    policy.read.get(&policy.default).cloned()
                }
            })
            .collect()
    }
}

impl Paper {
    fn read(text: &str) -> Arc<Self> {
        let document: Value = serde_json::from_str(text).unwrap();
        let clauses = document["Statement"].as_array().unwrap();
        Arc::new(Self(clauses.iter().map(Clause::read).collect()))
    }

    fn says(&self, ask: &Ask<'_>) -> Says {
        Self::together(
            self.0
                .iter()
                .map(|clause| match (clause.is_about(ask), clause.denies) {
                    (false, _) => Says::Nothing,
                    (true, false) => Says::Yes,
                    (true, true) => Says::No,
                }),
        )
    }

    /// One no outweighs every yes.
    fn together(all: impl Iterator<Item = Says>) -> Says {
        all.fold(Says::Nothing, |so_far, says| match (so_far, says) {
            (Says::No, _) | (_, Says::No) => Says::No,
            (Says::Yes, _) | (_, Says::Yes) => Says::Yes,
            _ => Says::Nothing,
        })
    }
}

impl Clause {
    fn read(clause: &Value) -> Self {
        let list = |value: &Value| match value {
            Value::String(one) => vec![one.clone()],
            Value::Array(all) => all.iter().map(|one| one.as_str().unwrap().to_owned()).collect(),
            _ => Vec::new(),
        };
        let equals = clause["Condition"]["StringEquals"].as_object();
        let condition = equals
            .and_then(|equals| equals.iter().next())
            .map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned()));
        Self {
            denies: clause["Effect"] == "Deny",
            actions: list(&clause["Action"]),
            resources: list(&clause["Resource"]),
            principals: list(&clause["Principal"]["RAM"]),
            condition,
        }
    }

    fn is_about(&self, ask: &Ask<'_>) -> bool {
        let holds = self.condition.as_ref().is_none_or(|(key, value)| {
            let brought = match key.split_once('/') {
                Some((_, tag)) => ask.tags.and_then(|tags| tags.get(tag)).map(String::as_str),
                // Once said who is behind a session, that goes with every session that follows.
                None if key == "sts:SourceIdentity" && ask.actor.source.is_some() => {
                    ask.actor.source.as_ref().map(|source| source.as_str())
                }
                None => said(ask.says, key.trim_start_matches("sts:")),
            };
            brought == Some(value.as_str())
        });
        holds
            && self.actions.iter().any(|pattern| fits(pattern, &ask.action))
            && (self.resources.is_empty() || self.resources.iter().any(|pattern| fits(pattern, ask.resource)))
            && (self.principals.is_empty() || self.principals.iter().any(|who| self.is_meant(who, ask)))
    }

    fn is_meant(&self, who: &str, ask: &Ask<'_>) -> bool {
        let (_, who) = who.split_once("acs:ram::").unwrap();
        let (account, who) = who.split_once(':').unwrap();
        let name = ask.actor.name.as_ref().map_or("", |name| name.as_str());
        let own = match ask.actor.kind {
            ActorKind::RamUser => format!("user/{name}"),
            _ => format!("role/{name}"),
        };
        let delegates = ask.of_key && !self.denies;
        account == ask.actor.account.to_string() && (who == own || (who == "root" && !delegates))
    }
}

/// Whether `text` is what `pattern` says; a star stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len()).any(|at| text.get(at..).is_some_and(|text| fits(rest, text)))
        }),
    }
}

/// What the request said for a parameter, if it was recorded.
pub fn said<'a>(recorded: &'a Recorded, name: &str) -> Option<&'a str> {
    match recorded.get(name)? {
        Element::Text(text) => Some(text),
        _ => None,
    }
}

/// Tags as names and values.
pub fn pairs(tags: &[Tag]) -> impl Iterator<Item = (String, String)> {
    tags.iter()
        .map(|tag| (tag.key.to_string(), tag.value.to_string()))
}

/// What callers hear whose access key is not there, off, or of a session that has ended.
pub const GONE: [Code; 3] = [
    Code::UnknownAccessKey,
    Code::InactiveAccessKey,
    Code::ExpiredSecurityToken,
];
/// For roots alone, whatever policies say.
const OF_ROOTS: [&str; 4] = [
    "chancery/GetVault",
    "chancery/CreateAccount",
    "chancery/RotateRootKey",
    "chancery/DeleteRootKey",
];
/// What concerns all accounts, or none.
const OF_THE_DAEMON: [&str; 8] = [
    "chancery/AcceptClock",
    "chancery/CreateAccount",
    "chancery/GetLogEntries",
    "chancery/GetLogStatus",
    "chancery/GetStatus",
    "chancery/GetVault",
    "chancery/ListAccounts",
    "chancery/RotateLogKey",
];
/// For these, being authenticated is enough.
const OPEN: [&str; 2] = ["kms/DescribeRegions", "sts/GetCallerIdentity"];
