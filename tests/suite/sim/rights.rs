//! Who may do what, told from the changes in the log alone and as plainly as it can be said: documents, and who has them.
//!
//! It knows nothing of rows, revisions, compiled policies or remembered decisions. It reads the documents of `papers`
//! and of the system policies attached there, and no more of the language than they use.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chancery::base::{
    AccessKeyId, Code, GroupId, KeyId, PolicyName, PolicyVersion, RoleId, RoleName, Timestamp, UserId,
    UserName,
};
use chancery::event::{Actor, ActorKind, Change, Effect, Event, Holder, Outcome, PolicyRef};
use serde_json::Value;

use super::papers;

/// All that rights follow from.
#[derive(Debug, Clone, Default)]
pub struct Rights {
    users: BTreeMap<UserId, (UserName, BTreeSet<GroupId>)>,
    roles: BTreeMap<RoleId, (RoleName, Arc<Paper>)>,
    sessions: BTreeMap<AccessKeyId, Session>,
    access_keys: BTreeMap<AccessKeyId, (Option<UserId>, bool)>,
    policies: BTreeMap<PolicyName, (PolicyVersion, BTreeMap<PolicyVersion, Arc<Paper>>)>,
    attached: BTreeMap<Holder, BTreeSet<PolicyRef>>,
    of_keys: BTreeMap<KeyId, Arc<Paper>>,
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
    /// It is about keys with this tag alone.
    tag: Option<(String, String)>,
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
            Change::UserCreated(new) => {
                self.users.insert(new.user, (new.name.clone(), BTreeSet::new()));
            }
            Change::UserUpdated(new) => {
                if let (Some(user), Some(name)) = (self.users.get_mut(&new.user), &new.name) {
                    user.0.clone_from(name);
                }
            }
            Change::UserDeleted { user } => {
                self.users.remove(user);
                self.attached.remove(&Holder::User(*user));
            }
            Change::GroupDeleted { group } => {
                self.users.values_mut().for_each(|user| {
                    user.1.remove(group);
                });
                self.attached.remove(&Holder::Group(*group));
            }
            Change::UserJoinedGroup { user, group, .. } => {
                self.users.get_mut(user).map(|(_, groups)| groups.insert(*group));
            }
            Change::UserLeftGroup { user, group } => {
                self.users.get_mut(user).map(|(_, groups)| groups.remove(group));
            }
            Change::RoleCreated(new) => {
                self.roles
                    .insert(new.role, (new.name.clone(), Paper::read(&new.trust)));
            }
            Change::RoleUpdated(new) => {
                if let (Some(role), Some(trust)) = (self.roles.get_mut(&new.role), &new.trust) {
                    role.1 = Paper::read(trust);
                }
            }
            Change::RoleDeleted { role } => {
                self.roles.remove(role);
                self.attached.remove(&Holder::Role(*role));
                self.sessions.retain(|_, session| session.role != *role);
            }
            Change::PolicyCreated(new) => {
                let first = PolicyVersion::FIRST;
                let versions = BTreeMap::from([(first, Paper::read(&new.document))]);
                self.policies.insert(new.name.clone(), (first, versions));
            }
            Change::PolicyDeleted { name, .. } => {
                self.policies.remove(name);
                let gone = PolicyRef::Custom(name.clone());
                self.attached.values_mut().for_each(|policies| {
                    policies.remove(&gone);
                });
            }
            Change::PolicyVersionCreated(new) => {
                if let Some((default, versions)) = self.policies.get_mut(&new.name) {
                    versions.insert(new.version, Paper::read(&new.document));
                    new.dropped.map(|dropped| versions.remove(&dropped));
                    if new.default {
                        *default = new.version;
                    }
                }
            }
            Change::PolicyVersionDeleted { name, version, .. } => {
                self.policies.get_mut(name).map(|(_, all)| all.remove(version));
            }
            Change::PolicyDefaultSet { name, version, .. } => {
                if let Some((default, _)) = self.policies.get_mut(name) {
                    *default = *version;
                }
            }
            Change::PolicyAttached { holder, policy, .. } => {
                let policies = self.attached.entry(*holder).or_default();
                policies.insert(policy.clone());
            }
            Change::PolicyDetached { holder, policy } => {
                self.attached.get_mut(holder).map(|all| all.remove(policy));
            }
            Change::AccessKeyCreated(new) => {
                self.access_keys.insert(new.id.clone(), (new.user, true));
            }
            Change::AccessKeyStatusSet { id, active } => {
                if let Some(key) = self.access_keys.get_mut(id) {
                    key.1 = *active;
                }
            }
            Change::AccessKeyDeleted { id } => {
                self.access_keys.remove(id);
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
            Change::KeyPolicySet { key, document } => {
                self.of_keys.insert(*key, Paper::read(document));
            }
            Change::KeyDestroyed { key } => {
                self.of_keys.remove(key);
            }
            _ => {}
        }
    }

    /// Compares what an event says of its caller's rights with what they were; `tags` are those of a key there.
    pub fn check<'a>(
        &'a self,
        event: &'a Event,
        tags: impl Fn(KeyId) -> Option<&'a BTreeMap<String, String>>,
    ) -> Result<(), String> {
        let actor = &event.actor;
        if !matches!(actor.kind, ActorKind::RamUser | ActorKind::AssumedRole) {
            return Ok(());
        }
        let is_good = self.is_good(actor, event.dec.at);
        if event.dec.effect == Effect::None {
            let gone = [
                Code::UnknownAccessKey,
                Code::InactiveAccessKey,
                Code::ExpiredSecurityToken,
            ];
            let is_gone = matches!(&event.out, Outcome::Error { code, .. }
                if gone.iter().any(|gone| gone.as_str() == code.as_ref()));
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
        let may = self.may(event, &tags);
        match (may, event.dec.effect) {
            (true, Effect::Allow) | (false, Effect::Deny) => Ok(()),
            (false, effect) => Err(format!(
                "law 3: {effect:?} for {actor:?}, who may not do it there"
            )),
            (true, effect) => Err(format!("law 3: {effect:?} for {actor:?}, who may do it there")),
        }
    }

    fn is_good(&self, actor: &Actor, at: Timestamp) -> bool {
        let Some(ak) = &actor.ak else { return false };
        let called = |name: &str| actor.name.as_ref().map(|own| own.as_str()) == Some(name);
        match actor.kind {
            ActorKind::RamUser => {
                let user = actor.user_id();
                let name = user.and_then(|user| self.users.get(&user));
                name.is_some_and(|(name, _)| called(name.as_str()))
                    && self.access_keys.get(ak) == Some(&(user, true))
            }
            _ => self.sessions.get(ak).is_some_and(|session| {
                let role = self.roles.get(&session.role);
                at < session.expires
                    && actor.role_id() == Some(session.role)
                    && role.is_some_and(|(name, _)| called(name.as_str()))
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
            let role = ask.resource.rsplit_once('/').map_or("", |(_, name)| name);
            let named = |(name, _): &&(RoleName, Arc<Paper>)| name.as_str() == role;
            let role = self.roles.values().find(named);
            // A role that is not there has nothing against it: who may assume it is told that it is not.
            role.map_or(Says::Yes, |(_, trust)| trust.says(&ask))
        });
        let ask = Ask { of_key: true, ..ask };
        let of_key = key.and_then(|key| self.of_keys.get(&key));
        let of_key = of_key.map_or(Says::Nothing, |paper| paper.says(&ask));
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
            let groups = self.users.get(&user).map(|(_, groups)| groups.iter().copied());
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
                    let (default, versions) = self.policies.get(name)?;
                    versions.get(default).cloned()
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
        let tag = equals
            .and_then(|equals| equals.iter().next())
            .map(|(key, value)| {
                let name = key.strip_prefix("kms:tag/").unwrap();
                (name.to_owned(), value.as_str().unwrap().to_owned())
            });
        Self {
            denies: clause["Effect"] == "Deny",
            actions: list(&clause["Action"]),
            resources: list(&clause["Resource"]),
            principals: list(&clause["Principal"]["RAM"]),
            tag,
        }
    }

    fn is_about(&self, ask: &Ask<'_>) -> bool {
        let tagged = self.tag.as_ref().is_none_or(|(name, value)| {
            let tags = ask.tags.and_then(|tags| tags.get(name));
            tags == Some(value)
        });
        tagged
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

/// For these, being authenticated is enough.
const OPEN: [&str; 2] = ["kms/DescribeRegions", "sts/GetCallerIdentity"];
