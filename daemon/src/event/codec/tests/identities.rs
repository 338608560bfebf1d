//! One of each change of an identity.

use super::*;

pub(super) fn every_change() -> Vec<Change> {
    let at = Timestamp::from_millis(1);
    let account: AccountId = "1234567890123456".parse().unwrap();
    let user = UserId::parse("200000000000000007").unwrap();
    let group = GroupId::parse("g-0123456789abcdef").unwrap();
    let role = RoleId::parse("300000000000000007").unwrap();
    let name = PolicyName::parse("p").unwrap();
    let version = PolicyVersion::FIRST.next();
    let tag = Tag {
        key: TagKey::parse("k").unwrap(),
        value: TagValue::parse("v").unwrap(),
    };
    let text = || Some("x".to_owned());
    let entities = vec![Tagged::Role(role), Tagged::Policy(name.clone())];
    vec![
        Change::AccountAliasSet {
            alias: AccountAlias::parse("abc").ok(),
            account,
        },
        Change::AccountAliasSet { alias: None, account },
        Change::UserCreated(UserCreated {
            at,
            name: UserName::parse("u").unwrap(),
            user,
            email: "e".into(),
            mobile: "m".into(),
            account,
            display: "d".into(),
            comments: "c".into(),
        }),
        Change::UserUpdated(UserUpdated {
            at,
            name: UserName::parse("u").ok(),
            user,
            email: text(),
            mobile: text(),
            display: text(),
            comments: text(),
        }),
        Change::UserDeleted { user },
        Change::GroupCreated(GroupCreated {
            at,
            name: GroupName::parse("g").unwrap(),
            group,
            account,
            comments: "c".into(),
        }),
        Change::GroupUpdated(GroupUpdated {
            at,
            name: GroupName::parse("g").ok(),
            group,
            comments: text(),
        }),
        Change::GroupDeleted { group },
        Change::UserJoinedGroup { at, user, group },
        Change::UserLeftGroup { user, group },
        Change::RoleCreated(RoleCreated {
            at,
            name: RoleName::parse("r").unwrap(),
            role,
            tags: vec![tag.clone()],
            trust: "{}".into(),
            account,
            console: true,
            description: "d".into(),
            session_max: 3_600,
        }),
        Change::RoleUpdated(RoleUpdated {
            at,
            role,
            trust: text(),
            console: Some(false),
            description: text(),
            session_max: Some(3_600),
        }),
        Change::RoleDeleted { role },
        Change::PolicyCreated(PolicyCreated {
            at,
            name: name.clone(),
            tags: vec![tag.clone()],
            account,
            document: "{}".into(),
            description: "d".into(),
        }),
        Change::PolicyDescribed {
            at,
            name: name.clone(),
            account,
            description: "d".into(),
        },
        Change::PolicyDeleted {
            name: name.clone(),
            account,
        },
        Change::PolicyVersionCreated(PolicyVersionCreated {
            at,
            name: name.clone(),
            account,
            default: true,
            dropped: Some(PolicyVersion::FIRST),
            version,
            document: "{}".into(),
        }),
        Change::PolicyVersionDeleted {
            at,
            name: name.clone(),
            account,
            version,
        },
        Change::PolicyDefaultSet {
            at,
            name: name.clone(),
            account,
            version,
        },
        Change::PolicyAttached {
            at,
            holder: Holder::Group(group),
            policy: PolicyRef::System(name.clone()),
        },
        Change::PolicyDetached {
            holder: Holder::User(user),
            policy: PolicyRef::Custom(name),
        },
        Change::IdentitiesTagged {
            tags: vec![tag.clone()],
            account,
            entities: entities.clone(),
        },
        Change::IdentitiesUntagged {
            names: Some(vec![tag.key]),
            account,
            entities,
        },
        Change::SessionOpened(SessionOpened {
            at,
            id: AccessKeyId::parse("STS.X").unwrap(),
            name: SessionName::parse("session").unwrap(),
            role,
            policy: text(),
            source: SourceIdentity::parse("who").ok(),
            account,
            expires: at.plus_millis(1),
        }),
        Change::SessionsExpired {
            ids: vec![AccessKeyId::parse("STS.X").unwrap()],
        },
    ]
}
