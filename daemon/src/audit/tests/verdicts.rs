//! Law 3 with policies: events that lie about what policies said and to whom, signed with the log's own key all the same.

use super::bench::{Bench, check, encrypt, event as decode, transition};
use super::found;
use crate::audit::lawful::Breach;
use crate::audit::problem::Fault;
use crate::base::{AccessKeyId, Code, GroupName, KeyId, PolicyName, RoleName, SessionName, UserName};
use crate::domain::KeyRef;
use crate::domain::lifecycle::Transition;
use crate::domain::ram::access_key::{CreateAccessKey, DeleteAccessKey, KeyOwner, UpdateAccessKey};
use crate::domain::ram::attachment::{AttachPolicy, DetachPolicy};
use crate::domain::ram::group::{AddUserToGroup, CreateGroup, RemoveUserFromGroup};
use crate::domain::ram::holder::HolderName;
use crate::domain::ram::policy::{CreatePolicy, CreatePolicyVersion};
use crate::domain::ram::role::CreateRole;
use crate::domain::ram::user::{CreateUser, UpdateUser};
use crate::domain::sts::AssumeRole;
use crate::engine::call::Work;
use crate::engine::query::keys::DescribeKey;
use crate::event::{
    Actor, CheckKind, Effect, Element, Event, Outcome, PolicyLayer, PolicyRef, PrincipalId, Recorded,
};
use crate::projection::row::Address;

/// Lets encrypt and describe keys, in one context alone, and assume roles.
const LETS: &str = r#"{"Version":"1","Statement":[
    {"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"},
    {"Effect":"Allow","Action":["kms:DescribeKey","sts:AssumeRole"],"Resource":"*"},
    {"Effect":"Deny","Action":"kms:Encrypt","Resource":"*",
     "Condition":{"StringEquals":{"kms:EncryptionContext:tenant":"other"}}}]}"#;
const NOTHING: &str =
    r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}]}"#;

/// A log in which a user and a session did what a policy lets them do, and were denied what it does not.
struct Stage {
    bench: Bench,
    key: KeyId,
    user: Actor,
    session: Actor,
}

impl Stage {
    fn new() -> Self {
        let (mut bench, key) = Bench::busy();
        for work in [create_user("a"), create_user("b")] {
            bench.run("ram/CreateUser", work);
        }
        let role = CreateRole {
            name: role_name(),
            trust: format!(
                r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"RAM":["acs:ram::{}:root"]}}}}]}}"#,
                bench.core.account
            ),
            description: String::new(),
            session_max: 3_600,
            console: false,
            tags: Vec::new(),
        };
        bench.run("ram/CreateRole", command(role));
        let group = GroupName::parse("g").unwrap();
        let comments = String::new();
        bench.run(
            "ram/CreateGroup",
            command(CreateGroup {
                name: group.clone(),
                comments,
            }),
        );
        let join = AddUserToGroup {
            user: user_name("b"),
            group,
        };
        bench.run("ram/AddUserToGroup", command(join));
        let policy = CreatePolicy {
            name: policy_name(),
            document: LETS.into(),
            description: String::new(),
            tags: Vec::new(),
        };
        bench.run("ram/CreatePolicy", command(policy));
        let ak = bench.make_access_key("a");
        bench.make_access_key("b");
        let user = bench.user("a", ak);
        // Denied before anything is attached.
        bench.run_by("kms/DescribeKey", &user, describe(key)).unwrap_err();
        for holder in [
            HolderName::User(user_name("a")),
            HolderName::Group(GroupName::parse("g").unwrap()),
            HolderName::Role(role_name()),
        ] {
            bench.attach(holder);
        }
        let session = bench.assume(&user);
        let mut stage = Self {
            bench,
            key,
            user,
            session,
        };
        for actor in [stage.user.clone(), stage.session.clone()] {
            let disable = transition(key, Transition::Disable);
            stage.bench.run_by("kms/DisableKey", &actor, disable).unwrap_err();
            stage
                .bench
                .run_by("kms/DescribeKey", &actor, describe(key))
                .unwrap();
            stage.bench.run_by("kms/Encrypt", &actor, encrypt(key)).unwrap();
        }
        stage
    }

    /// The last event of `op` by `actor`, changed, as the next event of the log. Its time is now, its reads are of now.
    fn event(&self, op: &str, actor: &Actor, change: impl FnOnce(&mut Event)) -> Event {
        let mut events: Vec<_> = self.bench.entries().iter().map(|bytes| decode(bytes)).collect();
        events.retain(|event| event.op == op && event.actor == *actor);
        let mut event = events.pop().unwrap();
        let state = self.bench.core.writer.state();
        (event.time, event.dec.at) = (state.time(), state.time());
        for read in &mut event.obs.read {
            read.revision = state.revision(&read.row);
        }
        event.obs.snap = event.obs.snap.map(|_| state.size());
        change(&mut event);
        event
    }

    fn by_user(&self, op: &str, change: impl FnOnce(&mut Event)) -> Event {
        self.event(op, &self.user, change)
    }

    fn by_session(&self, op: &str, change: impl FnOnce(&mut Event)) -> Event {
        self.event(op, &self.session, change)
    }

    /// Each of these lies is found at its place, by its name.
    #[track_caller]
    fn are_breaches(&self, lies: Vec<(&str, Event, Breach)>) {
        let (events, wanted): (Vec<_>, Vec<_>) = lies
            .into_iter()
            .map(|(what, event, breach)| (event, (what, breach)))
            .unzip();
        let seqs = self.bench.lie(events);
        let report = check(&mut self.bench.source());
        for (seq, (what, breach)) in seqs.iter().zip(wanted) {
            eprintln!("{what}");
            found(
                &report,
                usize::try_from(seq.get()).unwrap(),
                &Fault::Breach(breach),
            );
        }
        let first = report.problems.first().first().map(|problem| problem.seq);
        assert_eq!(first, seqs.first().copied(), "{:#?}", report.problems);
    }
}

impl Bench {
    fn run_by(&mut self, op: &'static str, actor: &Actor, work: Work) -> Result<(), crate::base::ApiError> {
        self.run_with(op, actor.clone(), Recorded::default(), work)
    }

    fn make_access_key(&mut self, user: &str) -> AccessKeyId {
        let owner = KeyOwner::Named(user_name(user));
        self.run("ram/CreateAccessKey", command(CreateAccessKey { owner }));
        let state = self.core.writer.state();
        let row = state.user_named(self.core.account, &user_name(user)).unwrap();
        let mut keys = state.access_keys_of(self.core.account, Some(row.id));
        keys.next().unwrap().id.clone()
    }

    fn user(&self, name: &str, ak: AccessKeyId) -> Actor {
        let row = self
            .core
            .writer
            .state()
            .user_named(self.core.account, &user_name(name));
        Actor::user(self.core.account, row.unwrap().id, user_name(name), Some(ak))
    }

    fn attach(&mut self, holder: HolderName) {
        let op = match holder {
            HolderName::User(_) => "ram/AttachPolicyToUser",
            HolderName::Group(_) => "ram/AttachPolicyToGroup",
            HolderName::Role(_) => "ram/AttachPolicyToRole",
        };
        let policy = custom();
        self.run(op, command(AttachPolicy { holder, policy }));
    }

    fn assume(&mut self, actor: &Actor) -> Actor {
        let account = self.core.account;
        let assume = AssumeRole {
            actor: actor.clone(),
            account,
            role: role_name(),
            session: SessionName::parse("session").unwrap(),
            seconds: 3_600,
            policy: Some(LETS.into()),
            external_id: None,
            source: None,
        };
        let mut recorded = Recorded::default();
        recorded.insert(
            "RoleArn",
            Element::text(&format!("acs:ram::{account}:role/{}", role_name())),
        );
        self.run_with("sts/AssumeRole", actor.clone(), recorded, command(assume))
            .unwrap();
        let Outcome::Ok(said) = self.last_of("sts/AssumeRole").out else {
            panic!("no role assumed");
        };
        let Some(Element::Text(ak)) = said.get("AccessKeyId") else {
            panic!("no session");
        };
        let ak = AccessKeyId::parse(ak).unwrap();
        let row = self.core.writer.state().session(&ak).unwrap();
        Actor::assumed_role(account, (row.role, role_name()), row.name.clone(), None, Some(ak))
    }
}

fn command(command: impl crate::domain::Command + 'static) -> Work {
    Work::Command(Box::new(command))
}

fn create_user(name: &str) -> Work {
    command(CreateUser {
        name: user_name(name),
        display: None,
        mobile: String::new(),
        email: String::new(),
        comments: String::new(),
    })
}

fn describe(key: KeyId) -> Work {
    Work::Query(Box::new(DescribeKey { key: KeyRef::Id(key) }))
}

fn user_name(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

fn role_name() -> RoleName {
    RoleName::parse("r").unwrap()
}

fn policy_name() -> PolicyName {
    PolicyName::parse("lets").unwrap()
}

fn custom() -> PolicyRef {
    PolicyRef::Custom(policy_name())
}

fn be_denied(event: &mut Event) {
    event.dec.effect = Effect::Deny;
    event.out = Outcome::from(&Code::NoPermission.into());
    event.blob = None;
}

#[test]
fn honest_events_of_users_and_sessions_are_none() {
    let stage = Stage::new();
    let ops = ["kms/Encrypt", "kms/DescribeKey", "kms/DisableKey"];
    let mut events: Vec<_> = ops.iter().map(|op| stage.by_user(op, |_| ())).collect();
    events.extend(ops.iter().map(|op| stage.by_session(op, |_| ())));
    let assumed = stage.by_user("sts/AssumeRole", |_| ());
    assert_eq!(assumed.dec.chk[0].layer, PolicyLayer::Trust);
    stage.bench.lie(events);
    let report = check(&mut stage.bench.source());
    assert!(report.is_verified(), "{:#?}", report.problems);
}

#[test]
fn a_lie_about_statements_is_found() {
    let stage = Stage::new();
    let used = |change: fn(&mut Event)| stage.by_user("kms/Encrypt", change);
    let allowed = used(|_| ());
    assert_eq!(allowed.dec.chk[0].by, ["lets@v1#0"]);
    let of_session = |change: fn(&mut Event)| stage.by_session("kms/Encrypt", change);
    stage.are_breaches(vec![
        (
            "no statement",
            used(|e| e.dec.chk[0].by.clear()),
            Breach::Decision,
        ),
        ("no check", used(|e| e.dec.chk.clear()), Breach::Decision),
        (
            "one check more",
            used(|e| e.dec.chk.push(e.dec.chk[0].clone())),
            Breach::Decision,
        ),
        (
            "a statement that is not there",
            used(|e| e.dec.chk[0].by = vec!["lets@v1#7".into()]),
            Breach::Decision,
        ),
        (
            "a version that is not in force",
            used(|e| e.dec.chk[0].by = vec!["lets@v2#0".into()]),
            Breach::Decision,
        ),
        (
            "a statement about something else",
            used(|e| e.dec.chk[0].by = vec!["lets@v1#1".into()]),
            Breach::Decision,
        ),
        (
            "one statement more",
            used(|e| e.dec.chk[0].by.push("lets@v1#1".into())),
            Breach::Decision,
        ),
        (
            "another layer",
            used(|e| e.dec.chk[0].layer = PolicyLayer::Resource),
            Breach::Decision,
        ),
        (
            "another action",
            used(|e| e.dec.chk[0].act = "kms:Decrypt".into()),
            Breach::Decision,
        ),
        (
            "the rule of the root",
            used(|e| e.dec.by = vec!["account root".into()]),
            Breach::Decision,
        ),
        (
            "a session without its policy",
            of_session(|e| e.dec.chk[0].by.truncate(1)),
            Breach::Decision,
        ),
        (
            "another context",
            used(|e| {
                e.dec
                    .ctx
                    .insert("kms:EncryptionContext:tenant", Element::text("other"));
            }),
            Breach::Decision,
        ),
    ]);
}

#[test]
fn a_lie_about_the_outcome_is_found() {
    let stage = Stage::new();
    let allow: fn(&mut Event) = |event| {
        event.dec.effect = Effect::Allow;
        event.dec.chk[0].kind = CheckKind::Allow;
        event.out = Outcome::Ok(Recorded::default());
    };
    stage.are_breaches(vec![
        (
            "a denial of a user told as a success",
            stage.by_user("kms/DisableKey", allow),
            Breach::Decision,
        ),
        (
            "a denial of a session told as a success",
            stage.by_session("kms/DisableKey", allow),
            Breach::Decision,
        ),
        (
            "denied and done",
            stage.by_user("kms/Encrypt", |event| event.dec.effect = Effect::Deny),
            Breach::NotAllowed,
        ),
        (
            "a success told as a denial",
            stage.by_user("kms/Encrypt", |event| {
                be_denied(event);
                event.dec.chk[0].kind = CheckKind::ImplicitDeny;
                event.dec.chk[0].by.clear();
            }),
            Breach::Decision,
        ),
        (
            "a denial by a statement that is not there",
            stage.by_user("kms/DisableKey", |event| {
                event.dec.chk[0].kind = CheckKind::ExplicitDeny;
                event.dec.chk[0].by = vec!["lets@v1#2".into()];
            }),
            Breach::Decision,
        ),
        (
            "a denial that somebody else was told of",
            stage.by_user("kms/DisableKey", |event| {
                event.out = Outcome::from(&Code::KeyNotFound.into());
            }),
            Breach::DeniedOtherwise,
        ),
        (
            "a denial that nobody made",
            stage.by_user("kms/DisableKey", |event| {
                event.dec.effect = Effect::None;
                event.dec.chk.clear();
            }),
            Breach::DeniedOtherwise,
        ),
    ]);
}

#[test]
fn a_lie_about_the_principal_is_found() {
    let stage = Stage::new();
    let used = |change: &dyn Fn(&mut Event)| stage.by_user("kms/Encrypt", change);
    let seen = |change: &dyn Fn(&mut Event)| stage.by_user("kms/DescribeKey", change);
    let of_session = |change: &dyn Fn(&mut Event)| stage.by_session("kms/Encrypt", change);
    let state = stage.bench.core.writer.state();
    let account = stage.bench.core.account;
    let b = state.user_named(account, &user_name("b")).unwrap().id;
    let other_key = state.access_keys_of(account, Some(b)).next().unwrap().id.clone();
    let named_b = |event: &mut Event| event.actor.name = Some(user_name("b").into());
    let before = state.size() - 1;
    stage.are_breaches(vec![
        ("another name", used(&named_b), Breach::AccessKey),
        ("another name in a query", seen(&named_b), Breach::AccessKey),
        (
            "another name in a query from before",
            seen(&|event| {
                named_b(event);
                event.obs.snap = Some(before);
            }),
            Breach::AccessKey,
        ),
        (
            "another id",
            used(&|event| event.actor.id = Some(PrincipalId::User(b))),
            Breach::AccessKey,
        ),
        (
            "another's access key",
            used(&|event| event.actor.ak = Some(other_key.clone())),
            Breach::AccessKey,
        ),
        (
            "an access key of nobody",
            used(&|event| event.actor.ak = AccessKeyId::parse("LTAI00000000000000000000")),
            Breach::AccessKey,
        ),
        (
            "another session name",
            of_session(&|event| event.actor.session = SessionName::parse("another").ok()),
            Breach::AccessKey,
        ),
        (
            "a session after its end",
            of_session(&|event| {
                event.dec.at = event.dec.at.plus_millis(3_600_001);
                event.time = event.dec.at;
            }),
            Breach::AccessKey,
        ),
    ]);
    let stage = Stage::new();
    let unread = stage.by_user("kms/Encrypt", |event| {
        let row = stage.user.user_id().unwrap().row_key();
        event.obs.read.retain(|read| read.row != row);
    });
    let row = stage.user.user_id().unwrap().row_key();
    let breach = Breach::Unread(crate::audit::readable::row(&row));
    stage.are_breaches(vec![("a user that was not looked up", unread, breach)]);
}

#[test]
fn a_query_from_before_an_attachment_is_found() {
    let stage = Stage::new();
    let events = stage.bench.events();
    let attached = events
        .iter()
        .find(|event| event.op == "ram/AttachPolicyToUser")
        .unwrap()
        .seq
        .get();
    let on = |snap| stage.by_user("kms/DescribeKey", |event| event.obs.snap = Some(snap));
    let honest = on(attached + 1);
    stage.bench.lie(vec![honest]);
    assert!(check(&mut stage.bench.source()).is_verified());
    stage.are_breaches(vec![("from before", on(attached), Breach::Decision)]);
}

/// Takes a right from the first user.
type Revocation = fn(&mut Bench, &Actor);

/// A use that was allowed once, told again after each way to lose the right.
#[test]
fn a_use_after_a_revocation_is_found() {
    let revocations: [(&str, Revocation); 5] = [
        ("detached", |bench, _| {
            let holder = HolderName::User(user_name("a"));
            let policy = custom();
            bench.run(
                "ram/DetachPolicyFromUser",
                command(DetachPolicy { holder, policy }),
            );
        }),
        ("another version", |bench, _| {
            let version = CreatePolicyVersion {
                name: policy_name(),
                document: NOTHING.into(),
                default: true,
                rotate: false,
            };
            bench.run("ram/CreatePolicyVersion", command(version));
        }),
        ("access key off", |bench, user| {
            let update = UpdateAccessKey {
                owner: KeyOwner::Named(user_name("a")),
                id: user.ak.clone().unwrap(),
                active: false,
            };
            bench.run("ram/UpdateAccessKey", command(update));
        }),
        ("access key deleted", |bench, user| {
            let delete = DeleteAccessKey {
                owner: KeyOwner::Named(user_name("a")),
                id: user.ak.clone().unwrap(),
            };
            bench.run("ram/DeleteAccessKey", command(delete));
        }),
        ("renamed", |bench, _| {
            let update = UpdateUser {
                name: user_name("a"),
                new_name: Some(user_name("c")),
                display: None,
                mobile: None,
                email: None,
                comments: None,
            };
            bench.run("ram/UpdateUser", command(update));
        }),
    ];
    for (what, revoke) in revocations {
        let mut stage = Stage::new();
        let user = stage.user.clone();
        revoke(&mut stage.bench, &user);
        // The reads are brought up to date: only who may do what gives it away.
        let event = stage.by_user("kms/Encrypt", |_| ());
        let breach = match what {
            "detached" | "another version" => Breach::Decision,
            _ => Breach::AccessKey,
        };
        stage.are_breaches(vec![(what, event, breach)]);
    }
    // Through its group.
    let mut stage = Stage::new();
    let ak = {
        let state = stage.bench.core.writer.state();
        let b = state
            .user_named(stage.bench.core.account, &user_name("b"))
            .unwrap();
        let mut keys = state.access_keys_of(stage.bench.core.account, Some(b.id));
        keys.next().unwrap().id.clone()
    };
    let member = stage.bench.user("b", ak);
    stage
        .bench
        .run_by("kms/Encrypt", &member, encrypt(stage.key))
        .unwrap();
    let leave = RemoveUserFromGroup {
        user: user_name("b"),
        group: GroupName::parse("g").unwrap(),
    };
    stage.bench.run("ram/RemoveUserFromGroup", command(leave));
    let event = stage.event("kms/Encrypt", &member, |_| ());
    stage.are_breaches(vec![("left the group", event, Breach::Decision)]);
}
