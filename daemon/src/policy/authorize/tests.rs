//! Who is asked by which rule, which layers policies are in, and that a change is the next decision's business.

use super::*;
use crate::base::*;
use crate::event::*;
use crate::projection::State;
use crate::projection::row::Address;

const AT: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn account(n: u8) -> AccountId {
    format!("{:016}", 1_000_000_000_000_000 + u64::from(n))
        .parse()
        .unwrap()
}

fn key_id() -> KeyId {
    KeyId::from_bytes([7; 16])
}

fn key_arn() -> String {
    format!("acs:kms:cn-hangzhou:{}:key/{}", account(1), key_id())
}

fn user_id() -> UserId {
    UserId::parse("200000000000000001").unwrap()
}

fn role_id() -> RoleId {
    RoleId::parse("300000000000000001").unwrap()
}

fn group_id() -> GroupId {
    GroupId::from_bytes(*b"abcdefghijklmnop").unwrap()
}

fn policy(name: &str) -> PolicyName {
    PolicyName::parse(name).unwrap()
}

/// A document of one statement.
fn document(effect: &str, action: &str, rest: &str) -> String {
    format!(
        r#"{{"Version":"1","Statement":[{{"Effect":"{effect}","Action":"{action}","Resource":"*"{rest}}}]}}"#
    )
}

/// A state, and the position of what happens next.
struct World {
    state: State,
    library: Library,
    next: u64,
}

impl World {
    /// An account with a key, a user alice in a group crew, and a role ci that trusts the account.
    fn new() -> Self {
        let mut world = Self {
            state: State::default(),
            library: Library::default(),
            next: 0,
        };
        world.happens([
            Change::AccountCreated {
                name: String::new(),
                account: account(1),
            },
            Change::KeyCreated(KeyCreated {
                at: AT,
                key: key_id(),
                spec: KeySpec::Aes256,
                tags: vec![tag("Project", "Apollo")],
                usage: KeyUsage::EncryptDecrypt,
                origin: KeyOrigin::Kms,
                region: Region::parse("cn-hangzhou").unwrap(),
                account: account(1),
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
            Change::UserCreated(UserCreated {
                at: AT,
                name: UserName::parse("alice").unwrap(),
                user: user_id(),
                email: String::new(),
                mobile: String::new(),
                account: account(1),
                display: String::new(),
                comments: String::new(),
            }),
            Change::GroupCreated(GroupCreated {
                at: AT,
                name: GroupName::parse("crew").unwrap(),
                group: group_id(),
                account: account(1),
                comments: String::new(),
            }),
            Change::RoleCreated(RoleCreated {
                at: AT,
                name: RoleName::parse("ci").unwrap(),
                role: role_id(),
                tags: Vec::new(),
                trust: format!(
                    r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Principal":{{"RAM":"acs:ram::{}:root"}},"Action":"sts:AssumeRole"}}]}}"#,
                    account(1)
                ),
                account: account(1),
                console: true,
                description: String::new(),
                session_max: 3_600,
            }),
        ]);
        world
    }

    fn happens(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            self.state = self.state.with_change(&change, Seq::new(self.next));
            self.next += 1;
        }
    }

    fn attaches(&mut self, name: &str, document: String, holder: Holder) {
        self.happens([
            Change::PolicyCreated(PolicyCreated {
                at: AT,
                name: policy(name),
                tags: Vec::new(),
                account: account(1),
                document,
                description: String::new(),
            }),
            Change::PolicyAttached {
                at: AT,
                holder,
                policy: PolicyRef::Custom(policy(name)),
            },
        ]);
    }

    fn ask(&self, actor: &Actor, op: &str, resources: &[&str], brings: &Recorded) -> (Ruling, Vec<RowKey>) {
        let origin = Origin {
            ip: Some("10.1.2.3".into()),
            listener: "tcp".into(),
            ..Origin::default()
        };
        let reader = Reader::new(&self.state);
        let question = Question {
            call: RequestId::from_bytes([1; 16]),
            op,
            actor,
            origin: &origin,
            at: AT,
            account: actor.account,
            operator: None,
            open: false,
            resources,
            brings,
        };
        let ruling = authorize(&question, &reader, &self.library);
        (
            ruling,
            reader.into_reads().into_iter().map(|read| read.row).collect(),
        )
    }

    /// How alice's Encrypt with the key comes out, and by what.
    fn encrypts(&self, actor: &Actor) -> (CheckKind, PolicyLayer, Vec<String>) {
        let key = key_arn();
        let (mut ruling, _) = self.ask(actor, "kms/Encrypt", &[&key], &Recorded::EMPTY);
        assert_eq!(ruling.checks.len(), 1, "{ruling:?}");
        let check = ruling.checks.remove(0);
        assert_eq!(ruling.answer.is_ok(), check.kind == CheckKind::Allow);
        // Once more from memory, and once more afresh: the same.
        let fresh = Self {
            state: self.state.clone(),
            library: Library::default(),
            next: self.next,
        };
        for world in [self, &fresh] {
            let (again, _) = world.ask(actor, "kms/Encrypt", &[&key], &Recorded::EMPTY);
            assert_eq!(again.checks, std::slice::from_ref(&check));
        }
        (check.kind, check.layer, check.by)
    }
}

fn tag(key: &str, value: &str) -> Tag {
    Tag {
        key: TagKey::parse(key).unwrap(),
        value: TagValue::parse(value).unwrap(),
    }
}

fn alice() -> Actor {
    Actor::user(account(1), user_id(), UserName::parse("alice").unwrap(), None)
}

fn session(ak: &str) -> Actor {
    let (role, name) = (
        RoleName::parse("ci").unwrap(),
        SessionName::parse("build").unwrap(),
    );
    Actor::assumed_role(account(1), (role_id(), role), name, None, AccessKeyId::parse(ak))
}

fn allowed(by: &str) -> (CheckKind, PolicyLayer, Vec<String>) {
    (CheckKind::Allow, PolicyLayer::Identity, vec![by.into()])
}

const NOTHING: (CheckKind, PolicyLayer, Vec<String>) =
    (CheckKind::ImplicitDeny, PolicyLayer::Identity, Vec::new());

#[test]
fn a_user_may_what_is_attached_to_it_or_its_group_and_nothing_else() {
    let mut world = World::new();
    assert_eq!(world.encrypts(&alice()), NOTHING);
    world.attaches(
        "use",
        document("Allow", "kms:Encrypt", ""),
        Holder::Group(group_id()),
    );
    assert_eq!(world.encrypts(&alice()), NOTHING);
    world.happens([Change::UserJoinedGroup {
        at: AT,
        user: user_id(),
        group: group_id(),
    }]);
    assert_eq!(world.encrypts(&alice()), allowed("use@v1#0"));
    world.happens([Change::UserLeftGroup {
        user: user_id(),
        group: group_id(),
    }]);
    assert_eq!(world.encrypts(&alice()), NOTHING);
    let system = PolicyRef::System(policy("AliyunKMSCryptoUserAccess"));
    let holder = Holder::User(user_id());
    world.happens([Change::PolicyAttached {
        at: AT,
        holder,
        policy: system.clone(),
    }]);
    assert_eq!(world.encrypts(&alice()).0, CheckKind::Allow);
    world.happens([Change::PolicyDetached {
        holder,
        policy: system,
    }]);
    assert_eq!(world.encrypts(&alice()), NOTHING);
}

#[test]
fn another_version_in_force_decides_from_then_on() {
    let mut world = World::new();
    world.attaches(
        "use",
        document("Allow", "kms:Encrypt", ""),
        Holder::User(user_id()),
    );
    assert_eq!(world.encrypts(&alice()), allowed("use@v1#0"));
    let second = PolicyVersion::FIRST.next();
    world.happens([Change::PolicyVersionCreated(PolicyVersionCreated {
        at: AT,
        name: policy("use"),
        account: account(1),
        default: true,
        dropped: None,
        version: second,
        document: document("Deny", "kms:*", ""),
    })]);
    assert_eq!(
        world.encrypts(&alice()),
        (
            CheckKind::ExplicitDeny,
            PolicyLayer::Identity,
            vec!["use@v2#0".into()]
        )
    );
    world.happens([Change::PolicyDefaultSet {
        at: AT,
        name: policy("use"),
        account: account(1),
        version: PolicyVersion::FIRST,
    }]);
    assert_eq!(world.encrypts(&alice()), allowed("use@v1#0"));
}

#[test]
fn a_tag_condition_sees_the_tags_of_the_moment() {
    let mut world = World::new();
    let condition = r#","Condition":{"StringEqualsIgnoreCase":{"kms:tag/Project":["apollo"]}}"#;
    world.attaches(
        "apollo",
        document("Allow", "kms:Encrypt", condition),
        Holder::User(user_id()),
    );
    assert_eq!(world.encrypts(&alice()), allowed("apollo@v1#0"));
    world.happens([Change::KeysTagged {
        keys: vec![key_id()],
        tags: vec![tag("Project", "Hermes")],
    }]);
    assert_eq!(world.encrypts(&alice()), NOTHING);
    world.happens([Change::KeysTagged {
        keys: vec![key_id()],
        tags: vec![tag("Project", "APOLLO")],
    }]);
    assert_eq!(world.encrypts(&alice()), allowed("apollo@v1#0"));
    world.happens([Change::KeysUntagged {
        keys: vec![key_id()],
        names: None,
    }]);
    assert_eq!(world.encrypts(&alice()), NOTHING);
}

#[test]
fn what_a_request_brings_is_seen_and_never_remembered() {
    let mut world = World::new();
    let condition = r#","Condition":{"StringEquals":{"kms:EncryptionContext:tenant":"a"},"IpAddress":{"acs:SourceIp":"10.0.0.0/8"}}"#;
    world.attaches(
        "tenant",
        document("Allow", "kms:Encrypt", condition),
        Holder::User(user_id()),
    );
    let key = key_arn();
    let with = |value: &'static str| {
        let brings = [("kms:EncryptionContext:tenant", Element::Text(value.into()))];
        let brings: Recorded = brings.into_iter().collect();
        world
            .ask(&alice(), "kms/Encrypt", &[&key], &brings)
            .0
            .answer
            .is_ok()
    };
    assert_eq!([with("a"), with("b"), with("a")], [true, false, true]);
}

#[test]
fn a_key_policy_allows_by_itself_and_a_deny_in_it_binds() {
    let mut world = World::new();
    let key_policy = |effect: &str| Change::KeyPolicySet {
        key: key_id(),
        document: format!(
            r#"{{"Version":"1","Statement":[{{"Effect":"{effect}","Principal":{{"RAM":["acs:ram::{}:user/alice"]}},"Action":["kms:Encrypt"],"Resource":["*"]}}]}}"#,
            account(1)
        ),
    };
    world.happens([key_policy("Allow")]);
    assert_eq!(
        world.encrypts(&alice()),
        (
            CheckKind::Allow,
            PolicyLayer::Resource,
            vec!["key policy#0".into()]
        )
    );
    world.attaches("use", document("Allow", "kms:*", ""), Holder::User(user_id()));
    world.happens([key_policy("Deny")]);
    assert_eq!(
        world.encrypts(&alice()),
        (
            CheckKind::ExplicitDeny,
            PolicyLayer::Resource,
            vec!["key policy#0".into()]
        )
    );
}

#[test]
fn a_session_may_what_its_role_and_its_own_policy_both_allow() {
    let mut world = World::new();
    world.attaches("use", document("Allow", "kms:*", ""), Holder::Role(role_id()));
    let opened = |ak: &str, policy| {
        Change::SessionOpened(SessionOpened {
            at: AT,
            id: AccessKeyId::parse(ak).unwrap(),
            name: SessionName::parse("build").unwrap(),
            role: role_id(),
            policy,
            source: None,
            account: account(1),
            expires: AT.plus_millis(1_000),
        })
    };
    world.happens([
        opened("STS.wide", None),
        opened("STS.narrow", Some(document("Allow", "kms:Decrypt", ""))),
    ]);
    assert_eq!(world.encrypts(&session("STS.wide")), allowed("use@v1#0"));
    assert_eq!(
        world.encrypts(&session("STS.narrow")),
        (CheckKind::ImplicitDeny, PolicyLayer::Session, Vec::new())
    );
    // A session that nobody opened is nobody.
    let (ruling, _) = world.ask(
        &session("STS.other"),
        "kms/Encrypt",
        &[&key_arn()],
        &Recorded::EMPTY,
    );
    assert_eq!(ruling.answer, Err(Denial::NothingAllows));
}

#[test]
fn assuming_a_role_takes_both_sides() {
    let mut world = World::new();
    let role = format!("acs:ram::{}:role/ci", account(1));
    let assumes =
        |world: &World, actor: &Actor| world.ask(actor, "sts/AssumeRole", &[&role], &Recorded::EMPTY).0;
    let denied = assumes(&world, &alice());
    assert_eq!(
        (denied.checks[0].kind, denied.checks[0].layer),
        (CheckKind::ImplicitDeny, PolicyLayer::Identity)
    );
    world.attaches(
        "assume",
        document("Allow", "sts:AssumeRole", ""),
        Holder::User(user_id()),
    );
    assert!(assumes(&world, &alice()).answer.is_ok());
    world.happens([Change::RoleUpdated(RoleUpdated {
        at: AT,
        role: role_id(),
        trust: Some(
            r#"{"Version":"1","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs.aliyuncs.com"},"Action":"sts:AssumeRole"}]}"#
                .into(),
        ),
        console: None,
        description: None,
        session_max: None,
    })]);
    let denied = assumes(&world, &alice());
    assert_eq!(
        (denied.checks[0].kind, denied.checks[0].layer),
        (CheckKind::ImplicitDeny, PolicyLayer::Trust)
    );
    let root = Actor::root(account(1), None);
    assert_eq!(assumes(&world, &root).answer, Err(Denial::RootAssumes));
}

#[test]
fn no_policy_makes_a_root_or_reaches_into_another_account() {
    let mut world = World::new();
    world.attaches("all", document("Allow", "*", ""), Holder::User(user_id()));
    let origin = Origin::default();
    let ask = |op: &str, concerned: u8, resource: &str| {
        let question = Question {
            call: RequestId::from_bytes([1; 16]),
            op,
            actor: &alice(),
            origin: &origin,
            at: AT,
            account: account(concerned),
            operator: Some(account(1)),
            open: false,
            resources: &[resource],
            brings: &Recorded::EMPTY,
        };
        authorize(&question, &Reader::new(&world.state), &world.library)
            .answer
            .is_ok()
    };
    let (own, other) = (Arn::root_keys(account(1)), Arn::root_keys(account(2)));
    assert!(!ask("chancery/RotateRootKey", 1, own.as_str()));
    assert!(!ask("chancery/DeleteRootKey", 1, own.as_str()));
    assert!(!ask(
        "chancery/CreateAccount",
        1,
        Arn::accounts(account(1)).as_str()
    ));
    assert!(!ask("chancery/RotateRootKey", 2, other.as_str()));
    assert!(!ask("kms/Encrypt", 2, other.as_str()));
    // What concerns the daemon is policy like everything else, in the operator's account.
    let log = Arn::log(&Region::parse("cn-hangzhou").unwrap(), account(1));
    assert!(ask("chancery/GetLogStatus", 1, log.as_str()));
    assert!(!ask("chancery/GetVault", 1, log.as_str()));
    // A role can be lent across accounts, if it trusts the caller; one that is not there has nothing against it.
    assert!(ask("sts/AssumeRole", 2, "acs:ram::1000000000000002:role/none"));
}

#[test]
fn who_may_not_assume_roles_learns_nothing_of_any() {
    let world = World::new();
    let told = |role: &str, of: u8| {
        let arn = format!("acs:ram::{}:role/{role}", account(of));
        let (ruling, _) = world.ask(&alice(), "sts/AssumeRole", &[&arn], &Recorded::EMPTY);
        ruling.answer.unwrap_err()
    };
    let there = told("ci", 1);
    assert_eq!(there, told("none", 1));
    assert!(
        matches!(there, Denial::Policies(denied) if denied.policy_type == "AccountLevelIdentityBasedPolicy")
    );
}

#[test]
fn every_check_of_an_operation_must_allow_and_each_is_told() {
    let mut world = World::new();
    world.attaches(
        "from",
        document("Allow", "kms:ReEncryptFrom", ""),
        Holder::User(user_id()),
    );
    let key = key_arn();
    let (ruling, reads) = world.ask(&alice(), "kms/ReEncrypt", &[&key, &key], &Recorded::EMPTY);
    let told: Vec<_> = ruling
        .checks
        .iter()
        .map(|check| (&*check.act, check.kind))
        .collect();
    assert_eq!(
        told,
        [
            ("kms:ReEncryptFrom", CheckKind::Allow),
            ("kms:ReEncryptTo", CheckKind::ImplicitDeny)
        ]
    );
    let Err(Denial::Policies(denied)) = ruling.answer else {
        panic!("{ruling:?}")
    };
    assert_eq!(
        (&*denied.action, denied.principal_type),
        ("kms:ReEncryptTo", "SubUser")
    );
    assert_eq!(&*denied.principal_name, "200000000000000001");
    // The decision rests on the user's row and the key's (law 3).
    assert_eq!(reads, [user_id().row_key(), key_id().row_key()]);
}

#[test]
fn an_operation_without_resource_is_asked_for_on_everything() {
    let mut world = World::new();
    world.attaches(
        "some",
        document("Allow", "kms:Describe*", ""),
        Holder::User(user_id()),
    );
    let (ruling, _) = world.ask(&alice(), "kms/DescribeAccountKmsStatus", &[], &Recorded::EMPTY);
    assert!(ruling.answer.is_ok(), "{ruling:?}");
}

#[test]
fn root_rules_its_own_account_alone() {
    let world = World::new();
    let ask = |of: u8, concerned: u8, operator: Option<u8>, open| {
        let origin = Origin::default();
        let question = Question {
            call: RequestId::from_bytes([1; 16]),
            op: "kms/Any",
            actor: &Actor::root(account(of), None),
            origin: &origin,
            at: AT,
            account: account(concerned),
            operator: operator.map(account),
            open,
            resources: &[],
            brings: &Recorded::EMPTY,
        };
        authorize(&question, &Reader::new(&world.state), &world.library).by
    };
    assert_eq!(ask(1, 1, None, false), ["account root"]);
    assert_eq!(ask(1, 2, None, false), ["nothing allows it"]);
    assert_eq!(ask(1, 2, Some(1), false), ["operator"]);
    assert_eq!(ask(2, 1, Some(1), false), ["nothing allows it"]);
    assert_eq!(ask(2, 1, None, true), ["authentication alone"]);
}

#[test]
fn an_unmapped_peer_may_do_nothing_but_what_is_open() {
    let world = World::new();
    let nobody = Actor::unmapped(account(1));
    let (ruling, _) = world.ask(&nobody, "kms/ListKeys", &[], &Recorded::EMPTY);
    assert_eq!(ruling.answer, Err(Denial::NothingAllows));
}
