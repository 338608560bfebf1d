//! What an upgrade does to policies that stand.

use super::*;
use crate::base::{PolicyName, Seq, Timestamp, UserId, UserName};
use crate::event::{Change, PolicyCreated, UserCreated};

#[test]
fn an_upgrade_tells_which_attached_policies_cover_more_than_before() {
    let at = Timestamp::from_millis(1);
    let account: AccountId = "1000000000000001".parse().unwrap();
    let user = UserId::parse("200000000000000001").unwrap();
    let name = |text: &str| PolicyName::parse(text).unwrap();
    let created = |policy: &str, effect: &str, action: &str| {
        Change::PolicyCreated(PolicyCreated {
            at,
            name: name(policy),
            tags: Vec::new(),
            account,
            document: format!(
                r#"{{"Version":"1","Statement":[{{"Effect":"{effect}","Action":"{action}","Resource":"*"}}]}}"#
            ),
            description: String::new(),
        })
    };
    let attached = |policy: PolicyRef| Change::PolicyAttached {
        at,
        holder: Holder::User(user),
        policy,
    };
    let old = Change::CatalogueAdopted {
        added: crate::policy::catalogue::all()
            .map(|action| action.name.to_owned())
            .filter(|name| !name.starts_with("kms:Generate"))
            .chain(["kms:Retired".to_owned()])
            .collect(),
        removed: Vec::new(),
    };
    let changes = [
        old,
        Change::AccountCreated {
            name: String::new(),
            account,
        },
        Change::UserCreated(UserCreated {
            at,
            name: UserName::parse("alice").unwrap(),
            user,
            email: String::new(),
            mobile: String::new(),
            account,
            display: String::new(),
            comments: String::new(),
        }),
        created("exact", "Allow", "kms:Encrypt"),
        created("wide", "Allow", "kms:*Mac"),
        created("guard", "Deny", "kms:Gen*"),
        created("idle", "Allow", "*"),
        attached(PolicyRef::Custom(name("exact"))),
        attached(PolicyRef::Custom(name("wide"))),
        attached(PolicyRef::Custom(name("guard"))),
        attached(PolicyRef::System(name("AliyunKMSReadOnlyAccess"))),
    ];
    let state = changes
        .iter()
        .zip(0..)
        .fold(State::default(), |state, (change, n)| {
            state.with_change(change, Seq::new(n))
        });
    let news = News::of(&state);
    assert!(
        news.added.contains(&"kms:GenerateMac")
            && news.added.iter().all(|name| name.starts_with("kms:Generate"))
    );
    assert_eq!(news.removed, ["kms:Retired"]);
    let gained = gained(&state, &news.added);
    let told: Vec<_> = gained.iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(
        told,
        ["1000000000000001 guard Deny", "1000000000000001 wide Allow"]
    );
    assert_eq!(
        gained.get("1000000000000001 wide Allow"),
        Some(&Element::text("kms:GenerateMac"))
    );

    // Adopted once, there is no more news.
    let adopted = Change::CatalogueAdopted {
        added: news.added.iter().map(|name| (*name).to_owned()).collect(),
        removed: news.removed,
    };
    let now = News::of(&state.with_change(&adopted, Seq::new(99)));
    assert!(now.added.is_empty() && now.removed.is_empty());
}
