//! RAM and STS at the front: their own words for faults, no regions, and what is known and not served.

use super::*;

/// The largest legal calls of RAM and STS.
pub(super) fn largest(action: &str) -> Option<Vec<(&'static str, String)>> {
    Some(match action {
        "ListVirtualMFADevices" | "GetPasswordPolicy" | "GetSecurityPreference" | "GetCallerIdentity" => {
            vec![]
        }
        _ => return None,
    })
}

impl Bench {
    async fn product(&self, peer: &Peer, version: &str, params: Sent<'_>) -> (u16, serde_json::Value) {
        let all = [&[("Version", version)], params].concat();
        self.send(peer, &chancery_client::sign::form(&all)).await
    }

    async fn ram(&self, peer: &Peer, params: Sent<'_>) -> (u16, serde_json::Value) {
        self.product(peer, "2015-05-01", params).await
    }

    async fn sts(&self, peer: &Peer, params: Sent<'_>) -> (u16, serde_json::Value) {
        self.product(peer, "2015-04-01", params).await
    }
}

#[tokio::test]
async fn a_denial_has_the_products_own_word() {
    let bench = start();
    let denied = bench.ram(&STRANGER, &[("Action", "GetPasswordPolicy")]).await;
    assert_eq!(code(&denied), (403, "NoPermission"));
    let denied = bench.kms(&STRANGER, &[("Action", "ListKeys")]).await;
    assert_eq!(code(&denied), (403, "Forbidden.NoPermission"));
}

#[tokio::test]
async fn global_products_look_at_no_region() {
    let bench = start();
    let elsewhere = [("Action", "GetCallerIdentity"), ("RegionId", "mars-1")];
    let (status, answer) = bench.sts(&LOCAL, &elsewhere).await;
    assert_eq!(status, 200, "{answer}");
    let account = bench.front.engine.account().to_string();
    assert_eq!(answer["Arn"], format!("acs:ram::{account}:root"));
    assert_eq!(answer["IdentityType"], "Account");
    assert_eq!(answer["PrincipalId"], account);
    let list = bench.ram(&LOCAL, &[("Action", "ListVirtualMFADevices")]).await;
    assert_eq!(
        list.1["VirtualMFADevices"],
        serde_json::json!({"VirtualMFADevice": []})
    );
}

#[tokio::test]
async fn what_sdks_know_and_nobody_serves_is_no_operation() {
    let bench = start();
    let size = bench.store.size().unwrap();
    for (version, action, expected) in [
        ("2015-05-01", "CreateLoginProfile", (400, "UnsupportedOperation")),
        ("2015-04-01", "AssumeRoleWithSAML", (400, "UnsupportedOperation")),
        ("2015-05-01", "GetAccountSummary", (404, "InvalidApi.NotFound")),
        // The same name in another product is another operation.
        ("2015-05-01", "ListKeys", (404, "InvalidApi.NotFound")),
        ("2016-01-20", "GetCallerIdentity", (404, "InvalidApi.NotFound")),
    ] {
        let answer = bench.product(&REMOTE, version, &[("Action", action)]).await;
        assert_eq!(code(&answer), expected, "{action}");
    }
    assert_eq!(bench.store.size().unwrap(), size);
}
