//! Users, groups, access keys and the account alias at the front.

use super::accounts::{Root, assert_lawful, founder, open_account};
use super::*;

/// The largest legal calls of users, groups and access keys.
pub(super) fn largest(action: &str) -> Option<Vec<(&'static str, String)>> {
    let user = ("UserName", "u".repeat(64));
    let group = ("GroupName", "g".repeat(64));
    let id = ("UserAccessKeyId", "x".repeat(64));
    // Four bytes in UTF-8, one character to the limit.
    let text = || "\u{10348}".repeat(limits::RAM_COMMENTS_CHARS_MAX);
    let mobile = || format!("8888-{}", "8".repeat(20));
    let email = || format!("a@{}", "\u{10348}".repeat(limits::RAM_COMMENTS_CHARS_MAX - 2));
    Some(match action {
        "CreateUser" => vec![
            user,
            ("DisplayName", text()),
            ("MobilePhone", mobile()),
            ("Email", email()),
            ("Comments", text()),
        ],
        "UpdateUser" => vec![
            user,
            ("NewUserName", "v".repeat(64)),
            ("NewDisplayName", text()),
            ("NewMobilePhone", mobile()),
            ("NewEmail", email()),
            ("NewComments", text()),
        ],
        "GetUser" | "DeleteUser" | "ListGroupsForUser" | "GetLoginProfile" | "DeleteLoginProfile"
        | "GetUserMFAInfo" | "UnbindMFADevice" | "CreateAccessKey" | "ListAccessKeys" => vec![user],
        "CreateGroup" => vec![group, ("Comments", text())],
        "UpdateGroup" => vec![group, ("NewGroupName", "h".repeat(64)), ("NewComments", text())],
        "GetGroup" | "DeleteGroup" | "ListUsersForGroup" => vec![group],
        "AddUserToGroup" | "RemoveUserFromGroup" => vec![user, group],
        "ListUsers" | "ListGroups" => vec![("MaxItems", "1000".to_owned())],
        "UpdateAccessKey" => vec![user, id, ("Status", "Inactive".to_owned())],
        "DeleteAccessKey" | "GetAccessKeyLastUsed" => vec![user, id],
        "SetAccountAlias" => vec![("AccountAlias", "a".repeat(63))],
        "GetAccountAlias" | "ClearAccountAlias" => vec![],
        _ => return None,
    })
}

/// Calls RAM as the local root.
async fn ram(bench: &Bench, action: &str, params: Sent<'_>) -> (u16, serde_json::Value) {
    let all = [&[("Version", "2015-05-01"), ("Action", action)], params].concat();
    bench.send(&LOCAL, &chancery_client::sign::form(&all)).await
}

/// The same, which must succeed.
async fn done(bench: &Bench, action: &str, params: Sent<'_>) -> serde_json::Value {
    let (status, answer) = ram(bench, action, params).await;
    assert_eq!(status, 200, "{action}: {answer}");
    answer
}

async fn ends(bench: &Bench, action: &str, params: Sent<'_>, expected: (u16, &str)) {
    let answer = ram(bench, action, params).await;
    assert_eq!(code(&answer), expected, "{action} {params:?}: {}", answer.1);
}

const BOB: (&str, &str) = ("UserName", "bob");
const OPS: (&str, &str) = ("GroupName", "ops");

/// A user's access key, as its owner has it.
async fn access_key_of_bob(bench: &Bench) -> Root {
    let made = done(bench, "CreateAccessKey", &[BOB]).await;
    let text = |name: &str| made["AccessKey"][name].as_str().unwrap().to_owned();
    assert_eq!(text("Status"), "Active");
    Root {
        account: bench.front.engine.account().to_string(),
        id: text("AccessKeyId"),
        secret: text("AccessKeySecret"),
    }
}

#[tokio::test]
async fn a_user_lives_from_its_making_to_its_deletion() {
    let bench = start();
    let phone = ("MobilePhone", "86-18600008888");
    let made = done(&bench, "CreateUser", &[BOB, phone, ("Comments", "")]).await;
    assert_eq!(made["User"]["DisplayName"], "bob");
    assert_eq!(made["User"]["Email"], "");
    assert!(made["User"].get("UpdateDate").is_none());
    let id = made["User"]["UserId"].as_str().unwrap().to_owned();
    assert_eq!((id.len(), &id[..1]), (18, "2"));
    ends(
        &bench,
        "CreateUser",
        &[("UserName", "BOB")],
        (409, "EntityAlreadyExists.User"),
    )
    .await;

    let rename = [BOB, ("NewUserName", "robert"), ("NewMobilePhone", "")];
    let renamed = done(&bench, "UpdateUser", &rename).await;
    assert_eq!(renamed["User"]["UserId"], id);
    assert_eq!(renamed["User"]["MobilePhone"], "");
    ends(&bench, "GetUser", &[BOB], (404, "EntityNotExist.User")).await;
    ends(&bench, "GetUser", &[], (400, "MissingParameter")).await;
    let robert = ("UserName", "robert");
    let shown = done(&bench, "GetUser", &[robert]).await;
    assert_eq!(shown["User"]["UserName"], "robert");
    ends(
        &bench,
        "GetLoginProfile",
        &[robert],
        (404, "EntityNotExist.User.LoginProfile"),
    )
    .await;
    ends(
        &bench,
        "UnbindMFADevice",
        &[robert],
        (404, "EntityNotExist.User.MFADevice"),
    )
    .await;
    ends(&bench, "GetLoginProfile", &[BOB], (404, "EntityNotExist.User")).await;

    done(&bench, "CreateGroup", &[OPS]).await;
    done(&bench, "AddUserToGroup", &[robert, OPS]).await;
    ends(
        &bench,
        "DeleteUser",
        &[robert],
        (409, "DeleteConflict.User.Group"),
    )
    .await;
    ends(&bench, "DeleteGroup", &[OPS], (409, "DeleteConflict.Group.User")).await;
    let groups = done(&bench, "ListGroupsForUser", &[robert]).await;
    assert_eq!(groups["Groups"]["Group"][0]["GroupName"], "ops");
    let members = done(&bench, "ListUsersForGroup", &[OPS]).await;
    assert_eq!(members["Users"]["User"][0]["UserName"], "robert");
    assert!(members["Users"]["User"][0].get("UserId").is_none());
    done(&bench, "RemoveUserFromGroup", &[robert, OPS]).await;
    done(&bench, "DeleteGroup", &[OPS]).await;
    done(&bench, "DeleteUser", &[robert]).await;
    assert_lawful(&bench);
}

#[tokio::test]
async fn lists_are_paged_by_name_and_survive_what_comes_between() {
    let bench = start();
    for name in ["d", "b", "C", "a"] {
        done(&bench, "CreateUser", &[("UserName", name)]).await;
    }
    let page = done(&bench, "ListUsers", &[("MaxItems", "2")]).await;
    let names = |page: &serde_json::Value| -> Vec<String> {
        let users = page["Users"]["User"].as_array().unwrap();
        users
            .iter()
            .map(|user| user["UserName"].as_str().unwrap().to_owned())
            .collect()
    };
    // Byte order: capitals come first.
    assert_eq!(
        (names(&page), &page["IsTruncated"]),
        (vec!["C".to_owned(), "a".to_owned()], &true.into())
    );
    let marker = page["Marker"].as_str().unwrap();
    done(&bench, "DeleteUser", &[("UserName", "a")]).await;
    done(&bench, "CreateUser", &[("UserName", "aa")]).await;
    let rest = done(&bench, "ListUsers", &[("MaxItems", "9"), ("Marker", marker)]).await;
    assert_eq!(
        (names(&rest), &rest["IsTruncated"]),
        (["aa", "b", "d"].map(str::to_owned).to_vec(), &false.into())
    );
    assert!(rest.get("Marker").is_none());
    ends(
        &bench,
        "ListGroups",
        &[("Marker", marker)],
        (400, "InvalidParameter.Marker"),
    )
    .await;
    ends(
        &bench,
        "ListUsers",
        &[("MaxItems", "1001")],
        (400, "InvalidParameter.MaxItems"),
    )
    .await;
}

#[tokio::test]
async fn a_users_access_key_speaks_for_the_user_until_it_is_off_or_gone() {
    let bench = start();
    done(&bench, "CreateUser", &[BOB]).await;
    let key = access_key_of_bob(&bench).await;
    assert_eq!((key.id.len(), &key.id[..4], key.secret.len()), (24, "LTAI", 30));
    let id = ("UserAccessKeyId", key.id.as_str());
    let last_used = async |bench: &Bench| {
        let said = done(bench, "GetAccessKeyLastUsed", &[BOB, id]).await;
        said["AccessKeyLastUsed"]["LastUsedDate"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(last_used(&bench).await, "", "never used");

    // Nothing is allowed to a user at first, in either product.
    let denied = key.kms(&bench, &[("Action", "ListKeys")]).await;
    assert_eq!(code(&denied), (403, "Forbidden.NoPermission"));
    let event = bench.last().1;
    assert_eq!(event.actor.kind, crate::engine::ActorKind::RamUser);
    assert_eq!(event.actor.name.map(String::from).as_deref(), Some("bob"));
    assert_eq!(
        last_used(&bench).await,
        event.dec.at.to_string(),
        "denied calls count"
    );
    let denied = key.call(&bench, "2015-05-01", &[("Action", "ListUsers")]).await;
    assert_eq!(code(&denied), (403, "NoPermission"));
    // Whether somebody is there is not told to who may not look.
    for name in ["bob", "nobody"] {
        let asked = [("Action", "GetUser"), ("UserName", name)];
        let denied = key.call(&bench, "2015-05-01", &asked).await;
        assert_eq!(code(&denied), (403, "NoPermission"), "{name}");
    }

    let off = [BOB, id, ("Status", "Inactive")];
    done(&bench, "UpdateAccessKey", &off).await;
    done(&bench, "UpdateAccessKey", &off).await;
    let refused = key.kms(&bench, &[("Action", "ListKeys")]).await;
    assert_eq!(code(&refused), (403, "Forbidden.AccessKey"));
    let refused = key.call(&bench, "2015-05-01", &[("Action", "ListUsers")]).await;
    assert_eq!(code(&refused), (403, "InvalidAccessKeyId.Inactive"));
    let listed = done(&bench, "ListAccessKeys", &[BOB]).await;
    assert_eq!(listed["AccessKeys"]["AccessKey"][0]["Status"], "Inactive");
    done(&bench, "UpdateAccessKey", &[BOB, id, ("Status", "Active")]).await;
    let denied = key.kms(&bench, &[("Action", "ListKeys")]).await;
    assert_eq!(code(&denied), (403, "Forbidden.NoPermission"));

    ends(
        &bench,
        "DeleteUser",
        &[BOB],
        (409, "DeleteConflict.User.AccessKey"),
    )
    .await;
    done(&bench, "DeleteAccessKey", &[BOB, id]).await;
    let refused = key.kms(&bench, &[("Action", "ListKeys")]).await;
    assert_eq!(code(&refused), (404, "InvalidAccessKeyId.NotFound"));
    ends(
        &bench,
        "GetAccessKeyLastUsed",
        &[BOB, id],
        (404, "EntityNotExist.User.AccessKey"),
    )
    .await;
    done(&bench, "DeleteUser", &[BOB]).await;
    assert_lawful(&bench);
}

/// After a start nothing is remembered: what was is in the log.
#[tokio::test]
async fn the_last_use_of_a_key_is_found_in_the_log_again() {
    let bench = start();
    done(&bench, "CreateUser", &[BOB]).await;
    let key = access_key_of_bob(&bench).await;
    let unused = access_key_of_bob(&bench).await;
    key.kms(&bench, &[("Action", "ListKeys")]).await;
    let at = bench.last().1.dec.at;
    let state = bench.front.engine.tools().published.applied();
    let found = |id: &str| {
        let fresh = crate::engine::LastUsed::new(bench.store.size().unwrap());
        let id = crate::base::AccessKeyId::parse(id).unwrap();
        fresh.of(state.access_key(&id).unwrap(), &*bench.store).unwrap()
    };
    assert_eq!(found(&key.id), Some(at));
    assert_eq!(found(&unused.id), None);
}

#[tokio::test]
async fn root_has_access_keys_of_its_own_that_ram_shows() {
    let bench = start();
    let founder = founder(&bench);
    let listed = done(&bench, "ListAccessKeys", &[]).await;
    assert_eq!(listed["AccessKeys"]["AccessKey"][0]["AccessKeyId"], founder.id);
    let made = done(&bench, "CreateAccessKey", &[]).await;
    let second = made["AccessKey"]["AccessKeyId"].as_str().unwrap();
    ends(
        &bench,
        "CreateAccessKey",
        &[],
        (409, "LimitExceeded.User.AccessKey"),
    )
    .await;
    // The one that signs the call may go, and the last one too.
    let id = |id| ("UserAccessKeyId", id);
    let own = [("Action", "DeleteAccessKey"), id(&*founder.id)];
    assert_eq!(founder.call(&bench, "2015-05-01", &own).await.0, 200);
    assert_eq!(founder.call(&bench, "2015-05-01", &own).await.0, 404);
    done(&bench, "DeleteAccessKey", &[id(second)]).await;
    ends(
        &bench,
        "DeleteAccessKey",
        &[id(second)],
        (404, "EntityNotExist.User.AccessKey"),
    )
    .await;
    assert_lawful(&bench);
}

#[tokio::test]
async fn an_account_alias_is_one_accounts_alone() {
    let bench = start();
    let other = open_account(&bench).await;
    let alias = ("AccountAlias", "acme");
    assert_eq!(done(&bench, "GetAccountAlias", &[]).await["AccountAlias"], "");
    done(&bench, "SetAccountAlias", &[alias]).await;
    let taken = other
        .call(&bench, "2015-05-01", &[("Action", "SetAccountAlias"), alias])
        .await;
    assert_eq!(code(&taken), (409, "EntityAlreadyExists.AccountAlias"));
    assert_eq!(done(&bench, "GetAccountAlias", &[]).await["AccountAlias"], "acme");
    done(&bench, "ClearAccountAlias", &[]).await;
    done(&bench, "ClearAccountAlias", &[]).await;
    assert_lawful(&bench);
}

/// Several faults at once, in the order in which they are told.
#[tokio::test]
async fn faults_are_told_in_order() {
    let bench = start();
    done(&bench, "CreateUser", &[BOB]).await;
    let (long, odd) = ("n".repeat(65), "n n");
    let cases: &[(&str, Sent<'_>, (u16, &str))] = &[
        ("CreateUser", &[], (400, "MissingParameter")),
        ("CreateUser", &[("UserName", "")], (400, "MissingParameter")),
        (
            "CreateUser",
            &[("UserName", odd)],
            (400, "InvalidParameter.UserName.InvalidChars"),
        ),
        (
            "CreateUser",
            &[("UserName", &long)],
            (400, "InvalidParameter.UserName.Length"),
        ),
        // A wrong parameter is told before the name is looked up.
        (
            "CreateUser",
            &[BOB, ("Email", "nowhere")],
            (400, "InvalidParameter.Email.Format"),
        ),
        (
            "CreateUser",
            &[BOB, ("Email", "a@b@c")],
            (400, "InvalidParameter.Email.Format"),
        ),
        (
            "CreateUser",
            &[BOB, ("MobilePhone", "86-186")],
            (400, "InvalidParameter.MobilePhone.Format"),
        ),
        (
            "CreateUser",
            &[BOB, ("DisplayName", "a\u{7}")],
            (400, "InvalidParameter.DisplayName.InvalidChars"),
        ),
        (
            "UpdateUser",
            &[BOB, ("NewUserName", odd)],
            (400, "InvalidParameter.NewUserName.InvalidChars"),
        ),
        ("AddUserToGroup", &[BOB], (400, "MissingParameter")),
        (
            "AddUserToGroup",
            &[("UserName", "x"), OPS],
            (404, "EntityNotExist.User"),
        ),
        ("AddUserToGroup", &[BOB, OPS], (404, "EntityNotExist.Group")),
        (
            "UpdateAccessKey",
            &[BOB, ("UserAccessKeyId", "A"), ("Status", "On")],
            (400, "InvalidParameter.Status"),
        ),
        (
            "UpdateAccessKey",
            &[BOB, ("Status", "Active")],
            (400, "MissingParameter"),
        ),
        (
            "UpdateAccessKey",
            &[BOB, ("UserAccessKeyId", "A"), ("Status", "Active")],
            (404, "EntityNotExist.User.AccessKey"),
        ),
        (
            "SetAccountAlias",
            &[("AccountAlias", "ab")],
            (400, "InvalidParameter.AccountAlias.Length"),
        ),
        (
            "SetAccountAlias",
            &[("AccountAlias", "a--b")],
            (400, "InvalidParameter.AccountAlias.Format"),
        ),
    ];
    for (action, params, expected) in cases {
        ends(&bench, action, params, *expected).await;
    }
}
