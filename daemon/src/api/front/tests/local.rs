//! Local users who are principals by configuration.

use super::*;
use crate::engine::LocalPrincipal;

const ALICE: Peer = Peer {
    uid: Some(2_001),
    ..LOCAL
};
const DEPLOY: Peer = Peer {
    uid: Some(2_002),
    ..LOCAL
};
const GHOST: Peer = Peer {
    uid: Some(2_003),
    ..LOCAL
};

fn start_with_principals() -> Bench {
    let mut bench = start();
    let user = |name: &str| LocalPrincipal::User(crate::base::UserName::parse(name).unwrap());
    let role = LocalPrincipal::Role(crate::base::RoleName::parse("deploy").unwrap());
    let settings = Settings {
        local_principals: [(2_001, user("alice")), (2_002, role), (2_003, user("ghost"))].into(),
        ..settings()
    };
    bench.front = Front::new(Arc::clone(bench.front.engine()), settings).unwrap();
    bench
}

#[tokio::test]
async fn a_local_user_may_what_the_policies_of_its_principal_say() {
    let bench = start_with_principals();
    let trust = r#"{"Version":"1","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs.aliyuncs.com"},"Action":"sts:AssumeRole"}]}"#;
    for params in [
        &[("Action", "CreateUser"), ("UserName", "alice")][..],
        &[
            ("Action", "CreateRole"),
            ("RoleName", "deploy"),
            ("AssumeRolePolicyDocument", trust),
        ],
    ] {
        assert_eq!(bench.ram(&LOCAL, params).await.0, 200);
    }
    let list = [("Action", "ListKeys")];
    for peer in [&ALICE, &DEPLOY, &GHOST, &STRANGER] {
        assert_eq!(
            code(&bench.kms(peer, &list).await),
            (403, "Forbidden.NoPermission"),
            "{peer:?}"
        );
    }
    for attach in [
        ("AttachPolicyToUser", "UserName", "alice"),
        ("AttachPolicyToRole", "RoleName", "deploy"),
    ] {
        let (action, name, value) = attach;
        let params = [
            ("Action", action),
            ("PolicyType", "System"),
            ("PolicyName", "AliyunKMSReadOnlyAccess"),
            (name, value),
        ];
        assert_eq!(bench.ram(&LOCAL, &params).await.0, 200);
    }
    for peer in [&ALICE, &DEPLOY] {
        assert_eq!(bench.kms(peer, &list).await.0, 200, "{peer:?}");
    }
    for peer in [&GHOST, &STRANGER] {
        assert_eq!(
            code(&bench.kms(peer, &list).await),
            (403, "Forbidden.NoPermission"),
            "{peer:?}"
        );
    }
    let who = bench.sts(&DEPLOY, &[("Action", "GetCallerIdentity")]).await.1;
    let account = bench.front.engine.account();
    assert_eq!(
        who["Arn"],
        format!("acs:ram::{account}:assumed-role/deploy/uid-2002")
    );
}
