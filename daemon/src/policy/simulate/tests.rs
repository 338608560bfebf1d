//! A simulation says what `authorize` says, and a denial what it lacks.

use super::*;
use crate::base::*;
use crate::event::*;

const AT: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn account_id() -> AccountId {
    "1000000000000001".parse().unwrap()
}

fn key_id() -> KeyId {
    KeyId::from_bytes([7; 16])
}

fn arn() -> String {
    format!("acs:kms:cn-hangzhou:{}:key/{}", account_id(), key_id())
}

fn document(statements: &str) -> String {
    format!(r#"{{"Version":"1","Statement":[{statements}]}}"#)
}

fn tagged(project: &str) -> Vec<Tag> {
    vec![Tag {
        key: TagKey::parse("Project").unwrap(),
        value: TagValue::parse(project).unwrap(),
    }]
}

const APOLLO: &str = r#"{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"kms:tag/Project":"apollo"}}}"#;
const AT_HOME: &str = r#"{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*","Condition":{"IpAddress":{"acs:SourceIp":"10.0.0.0/8"}}}"#;
const NO_DELETION: &str = r#"{"Effect":"Deny","Action":"kms:ScheduleKeyDeletion","Resource":"*"}"#;

/// An account with a key of project hermes, alice who has a policy, bob who has none, and a role ci that has all of KMS.
fn world() -> State {
    let account = account_id();
    let user = |n: u64, name: &str| {
        Change::UserCreated(UserCreated {
            at: AT,
            name: UserName::parse(name).unwrap(),
            user: UserId::parse(&(200_000_000_000_000_000 + n).to_string()).unwrap(),
            email: String::new(),
            mobile: String::new(),
            account,
            display: String::new(),
            comments: String::new(),
        })
    };
    let role = RoleId::parse("300000000000000001").unwrap();
    let trust = format!(
        r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Principal":{{"RAM":"acs:ram::{account}:user/alice"}},"Action":"sts:AssumeRole"}}]}}"#
    );
    let policy = |name: &str, document: String| {
        Change::PolicyCreated(PolicyCreated {
            at: AT,
            name: PolicyName::parse(name).unwrap(),
            tags: Vec::new(),
            account,
            document,
            description: String::new(),
        })
    };
    let attached = |name: &str, holder| Change::PolicyAttached {
        at: AT,
        holder,
        policy: PolicyRef::Custom(PolicyName::parse(name).unwrap()),
    };
    let alice = Holder::User(UserId::parse("200000000000000001").unwrap());
    let changes = [
        Change::LogBegun(LogBegun {
            log: LogId::from_bytes([1; 16]),
            format: 1,
            origin: "test".into(),
            public: vec![0; 32].into(),
            region: Region::parse("cn-hangzhou").unwrap(),
            software: String::new(),
        }),
        Change::AccountCreated {
            name: String::new(),
            account,
        },
        Change::KeyCreated(KeyCreated {
            at: AT,
            key: key_id(),
            spec: KeySpec::Aes256,
            tags: tagged("hermes"),
            usage: KeyUsage::EncryptDecrypt,
            origin: KeyOrigin::Kms,
            region: Region::parse("cn-hangzhou").unwrap(),
            account,
            version: KeyVersionAdded {
                id: KeyVersionId::from_bytes([7; 16]),
                slot: SlotRef {
                    slot: 1,
                    generation: 1,
                },
                sealed: vec![0; 72].into(),
            },
            rotation: None,
            protection: ProtectionLevel::Software,
            description: String::new(),
        }),
        user(1, "alice"),
        user(2, "bob"),
        Change::RoleCreated(RoleCreated {
            at: AT,
            name: RoleName::parse("ci").unwrap(),
            role,
            tags: Vec::new(),
            trust,
            account,
            console: false,
            description: String::new(),
            session_max: 3_600,
        }),
        policy("app", document(&[APOLLO, AT_HOME, NO_DELETION].join(","))),
        attached("app", alice),
        policy(
            "all",
            document(r#"{"Effect":"Allow","Action":"kms:*","Resource":"*"}"#),
        ),
        attached("all", Holder::Role(role)),
    ];
    let mut state = State::default();
    for change in &changes {
        // The account is the first: its revision is that of genesis.
        state = state.with_change(change, Seq::GENESIS);
    }
    state
}

fn ask(who: &str, action: &str, resource: &str) -> Simulation {
    Simulation {
        who: Who::parse(who),
        actions: vec![action.to_owned()],
        resources: vec![resource.to_owned()],
        ..Simulation::of(account_id(), AT)
    }
}

fn one(simulation: &Simulation) -> Simulated {
    let mut answers = simulation.run(&world()).unwrap();
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

#[test]
fn a_denial_says_what_would_have_to_be_otherwise() {
    let denied = one(&ask("user/alice", "kms:Decrypt", &arn()));
    assert_eq!(
        (denied.allowed, denied.kind, denied.layer),
        (false, "ImplicitDeny", "AccountLevelIdentityBasedPolicy")
    );
    assert_eq!(
        denied.advice,
        [
            "app@v1#0 would allow it, but kms:tag/Project is `hermes`, the statement wants StringEquals `apollo`"
        ]
    );
    // The tag that it lacks, supposed: allowed, by the statement that was nearest.
    let mut supposed = ask("user/alice", "kms:Decrypt", &arn());
    supposed.tags = tagged("apollo");
    let allowed = one(&supposed);
    assert!(allowed.allowed && allowed.advice.is_empty() && allowed.misses.is_empty());
    assert_eq!(allowed.statements[0].name, "app@v1#0");
    assert!(allowed.statements[0].text.contains("kms:tag/Project"));
}

#[test]
fn a_missing_condition_value_is_named_and_can_be_given() {
    let mut simulation = ask("user/alice", "kms:Encrypt", &arn());
    let denied = one(&simulation);
    assert_eq!(denied.missing, ["acs:SourceIp"]);
    assert!(
        denied.advice[0].contains("the request has no acs:SourceIp"),
        "{denied:?}"
    );
    simulation
        .context
        .insert("acs:sourceip".into(), "10.1.2.3".into());
    assert!(one(&simulation).allowed);
    simulation
        .context
        .insert("acs:sourceip".into(), "192.0.2.1".into());
    assert!(!one(&simulation).allowed);
}

#[test]
fn an_explicit_denial_names_its_statement_and_no_near_miss() {
    let denied = one(&ask("user/alice", "kms:ScheduleKeyDeletion", &arn()));
    assert_eq!(denied.kind, "ExplicitDeny");
    assert_eq!(denied.statements[0].name, "app@v1#2");
    assert!(denied.misses.is_empty() && denied.advice[0].starts_with("app@v1#2 denies it"));
}

#[test]
fn nothing_attached_means_attach_something() {
    let denied = one(&ask("user/bob", "kms:Decrypt", &arn()));
    assert_eq!(
        denied.advice,
        [
            "no statement that acs:ram::1000000000000001:user/bob has allows kms:Decrypt: attach a policy that does"
        ]
    );
    let mut supposed = ask("user/bob", "kms:Decrypt", &arn());
    supposed.policies = vec![document(
        r#"{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"}"#,
    )];
    let allowed = one(&supposed);
    assert_eq!(allowed.statements[0].name, "given-1@v1#0");
}

#[test]
fn policies_stand_beside_or_instead_of_what_is_attached() {
    let mut simulation = ask("user/alice", "kms:ScheduleKeyDeletion", &arn());
    simulation.policies = vec![document(r#"{"Effect":"Allow","Action":"kms:*","Resource":"*"}"#)];
    assert_eq!(one(&simulation).kind, "ExplicitDeny");
    simulation.instead = true;
    assert!(one(&simulation).allowed);
    simulation.policies.clear();
    assert_eq!(one(&simulation).kind, "ImplicitDeny");
}

#[test]
fn a_key_policy_and_a_session_policy_can_be_supposed() {
    let mut simulation = ask("role/ci", "kms:Decrypt", &arn());
    assert!(one(&simulation).allowed);
    simulation.session_policy = Some(document(
        r#"{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}"#,
    ));
    let denied = one(&simulation);
    assert_eq!((denied.allowed, denied.layer), (false, "SessionPolicy"));
    let mut simulation = ask("user/bob", "kms:Decrypt", &arn());
    simulation.key_policy = Some(document(&format!(
        r#"{{"Effect":"Allow","Principal":{{"RAM":"acs:ram::{}:user/bob"}},"Action":"kms:Decrypt","Resource":"*"}}"#,
        account_id()
    )));
    let allowed = one(&simulation);
    assert_eq!((allowed.allowed, allowed.layer), (true, "ResourceBasedPolicy"));
}

#[test]
fn everybody_is_gone_over_and_roots_need_no_policy() {
    let mut simulation = ask("root", "kms:ScheduleKeyDeletion", &arn());
    assert_eq!(one(&simulation).rule, "account root");
    simulation.who = None;
    let answers = simulation.run(&world()).unwrap();
    let may: Vec<_> = answers
        .iter()
        .filter(|answer| answer.allowed)
        .map(|answer| answer.principal.rsplit(':').next().unwrap())
        .collect();
    assert_eq!((answers.len(), may), (4, vec!["root", "role/ci"]));
}

#[test]
fn patterns_ask_for_what_fits_the_resource() {
    let answers = ask("role/ci", "kms:*Key", &arn()).run(&world()).unwrap();
    let asked: Vec<_> = answers.iter().map(|answer| answer.action.as_str()).collect();
    assert!(
        asked.contains(&"kms:EnableKey") && asked.contains(&"kms:DescribeKey"),
        "{asked:?}"
    );
    assert!(!asked.contains(&"kms:CreateKey"), "that is asked of all keys");
    assert!(answers.iter().all(|answer| answer.allowed));
    // One resource alone: it need not be said.
    let mut simulation = ask("role/ci", "kms:ListKeys", "");
    simulation.resources.clear();
    assert_eq!(
        one(&simulation).resource,
        "acs:kms:cn-hangzhou:1000000000000001:key"
    );
    simulation.actions = vec!["kms:Decrypt".into()];
    assert_eq!(
        simulation.run(&world()),
        Err(Impossible::NoResource("kms:Decrypt"))
    );
    simulation.actions = vec!["kms:Nothing".into()];
    assert!(matches!(simulation.run(&world()), Err(Impossible::NoAction(_))));
}

#[test]
fn trust_is_asked_of_the_role() {
    let role = format!("acs:ram::{}:role/ci", account_id());
    let mut simulation = ask("user/bob", "sts:AssumeRole", &role);
    simulation.policies = vec![document(
        r#"{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}"#,
    )];
    let denied = one(&simulation);
    assert_eq!(denied.layer, "AssumeRolePolicy");
    assert!(
        denied.advice[0].contains("it is about other callers"),
        "{denied:?}"
    );
    simulation.who = Who::parse("user/alice");
    assert!(one(&simulation).allowed);
}

#[test]
fn what_can_not_be_supposed_is_said() {
    let context = |key: &str, value: &str| {
        let mut simulation = ask("user/alice", "kms:Decrypt", &arn());
        simulation.context.insert(key.into(), value.into());
        simulation.run(&world()).unwrap_err().to_string()
    };
    assert!(context("kms:tag/Project", "x").contains("apart from the context"));
    assert!(context("acs:MFAPresent", "true").contains("ever has a value"));
    assert!(context("kms:Nothing", "x").contains("no such condition key"));
    assert!(context("acs:SourceIp", "10.0.0.0/8").contains("one address"));
    let mut simulation = ask("root", "kms:Decrypt", &arn());
    simulation.policies = vec![document(NO_DELETION)];
    assert!(matches!(simulation.run(&world()), Err(Impossible::Misplaced(_))));
    simulation.who = Who::parse("user/nobody");
    assert_eq!(simulation.run(&world()), Err(Impossible::Nobody(account_id())));
    simulation.who = Who::parse("user/alice");
    simulation.policies = vec!["{}".into()];
    assert!(matches!(simulation.run(&world()), Err(Impossible::Document(..))));
    simulation.policies.clear();
    simulation.actions.clear();
    simulation.resources = vec![arn(); 200];
    assert_eq!(simulation.run(&world()), Err(Impossible::TooMany));
}

/// The state that was asked about is another's: nothing of what was supposed may be in it afterwards.
#[test]
fn nothing_is_left_of_what_was_supposed() {
    let state = world();
    let before: Vec<_> = state.rows().collect();
    let mut simulation = ask("role/ci", "kms:Decrypt", &arn());
    simulation.tags = tagged("apollo");
    simulation.policies = vec![document(NO_DELETION)];
    simulation.session_policy = Some(document(APOLLO));
    simulation.cedar = true;
    let answers = simulation.run(&state).unwrap();
    assert!(answers[0].allowed && answers[0].cedar.iter().any(|text| text.contains("permit")));
    assert_eq!(state.rows().collect::<Vec<_>>(), before);
}
