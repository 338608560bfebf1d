//! Questions about policies, put to a running daemon and to the log that it leaves.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Daemon, Said, chancery, local, run};

/// A daemon whose account has two keys, alice with the policy `app`, and bob with nothing.
struct Account<'a> {
    dir: &'a Path,
    daemon: Daemon,
    hermes: String,
    apollo: String,
}

const APP: &str = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}]}"#;

impl<'a> Account<'a> {
    fn new(dir: &'a Path) -> Self {
        let daemon = Daemon::start(dir);
        let key = |project: &str| {
            let tags = json!([{"TagKey": "Project", "TagValue": project}]).to_string();
            let made = local(dir, &["kms", "CreateKey", "--Tags", &tags], "").json();
            made["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
        };
        let (hermes, apollo) = (key("hermes"), key("apollo"));
        let ram = |line: &[&str]| local(dir, &[&["ram"], line].concat(), "").json();
        for name in ["alice", "bob"] {
            ram(&["CreateUser", "--UserName", name]);
            let made = ram(&["CreateAccessKey", "--UserName", name]);
            std::fs::write(dir.join(name), made["AccessKey"].to_string()).unwrap();
        }
        ram(&["CreatePolicy", "--PolicyName", "app", "--PolicyDocument", APP]);
        let line = "AttachPolicyToUser --PolicyType Custom --PolicyName app --UserName alice";
        ram(&line.split(' ').collect::<Vec<_>>());
        Self {
            dir,
            daemon,
            hermes,
            apollo,
        }
    }

    /// A call as one of the users.
    fn call(&self, who: &str, line: &[&str]) -> Said {
        let mut command = chancery(self.dir);
        command.args(line).args(["--access-key-file", who]);
        run(command.env("CHANCERY_ENDPOINT", &self.daemon.endpoint), "")
    }

    fn encrypts(&self, who: &str, key: &str) -> bool {
        let id = key.rsplit('/').next().unwrap();
        let line = ["kms", "Encrypt", "--KeyId", id, "--Plaintext", "aGVsbG8="];
        self.call(who, &line).code == 0
    }

    fn describes(&self, who: &str, key: &str) -> bool {
        let id = key.rsplit('/').next().unwrap();
        self.call(who, &["kms", "DescribeKey", "--KeyId", id]).code == 0
    }

    fn ask(&self, line: &[&str]) -> Said {
        policy(self.dir, line)
    }
}

fn policy(dir: &Path, line: &[&str]) -> Said {
    local(dir, &[&["policy"], line].concat(), "")
}

fn document(dir: &Path, name: &str, statements: &Value) {
    let text = json!({"Version": "1", "Statement": statements}).to_string();
    std::fs::write(dir.join(name), text).unwrap();
}

#[test]
fn a_simulation_says_who_may_what_and_what_a_denial_lacks() {
    let temporary = TempDir::new().unwrap();
    let dir = temporary.path();
    let account = Account::new(dir);
    let decrypt = |key| {
        [
            "simulate",
            "--principal",
            "user/alice",
            "--action",
            "kms:Decrypt",
            "--resource",
            key,
            "--policy",
            "more.json",
        ]
    };
    let wants = json!({"StringEquals": {"kms:tag/Project": "apollo"}});
    document(
        dir,
        "more.json",
        &json!([{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*", "Condition": wants}]),
    );
    let denied = account.ask(&decrypt(&account.hermes));
    assert_eq!(denied.code, 1, "{}", denied.stderr);
    for words in [
        "DENY acs:ram::",
        ":user/alice kms:Decrypt on acs:kms:",
        "to change: given-1@v1#0 would allow it, but kms:tag/Project is `hermes`, the statement wants StringEquals `apollo`",
        "\n0 of 1 checks allowed\n",
    ] {
        assert!(denied.stdout.contains(words), "{words} in\n{}", denied.stdout);
    }
    let allowed = account.ask(&decrypt(&account.apollo));
    assert_eq!(allowed.code, 0);
    assert!(
        allowed
            .stdout
            .contains("decided by given-1@v1#0: {\"Effect\":\"Allow\"")
    );

    // What is simulated is what happens: the same question, asked and done.
    let encrypt = ["--action", "kms:Encrypt", "--resource", &account.hermes];
    for (who, may) in [("alice", true), ("bob", false)] {
        let principal = format!("user/{who}");
        let asked = account.ask(&[&["simulate", "--principal", &principal], &encrypt[..]].concat());
        assert_eq!(asked.code, i32::from(!may), "{}", asked.stderr);
        assert_eq!(account.encrypts(who, &account.hermes), may);
    }
    let everybody = account.ask(&[&["simulate"], &encrypt[..]].concat());
    assert_eq!(everybody.code, 0);
    let may: Vec<_> = everybody
        .stdout
        .lines()
        .filter(|line| line.starts_with("ALLOW"))
        .map(|line| line.split(' ').nth(1).unwrap().rsplit(':').next().unwrap())
        .collect();
    assert_eq!(may, ["root", "user/alice"]);
    assert!(everybody.stdout.ends_with("2 of 3 checks allowed\n"));

    // What can't be asked is wrong usage, whoever finds out.
    let nobody = account.ask(&[
        "simulate",
        "--principal",
        "user/carol",
        "--action",
        "kms:ListKeys",
    ]);
    assert_eq!(nobody.code, 2, "{}", nobody.stderr);
    assert!(nobody.stderr.contains("no such principal"), "{}", nobody.stderr);

    // To ask takes a permission of its own.
    let line = ["chancery", "SimulatePolicy", "--Principal", "user/bob"];
    let refused = account.call("alice", &line);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("chancery:SimulatePolicy"),
        "{}",
        refused.stderr
    );

    // From the log: the same answer field by field, and another one for before the attachment.
    let question = [
        &["simulate", "--principal", "user/alice", "--cedar", "--json"],
        &encrypt[..],
    ]
    .concat();
    let live: Value = serde_json::from_str(&account.ask(&question).stdout).unwrap();
    assert!(live["Checks"][0]["Cedar"][0].as_str().unwrap().contains("permit"));
    account.daemon.stop();
    let from_log: Value =
        serde_json::from_str(&policy(dir, &[&question[..], &["--data", "data"]].concat()).stdout).unwrap();
    assert_eq!(live["Checks"], from_log["Checks"]);
    let verified = local(dir, &["log", "verify", "--data", "data"], "");
    assert_eq!(
        verified.code, 0,
        "a simulation is an event like any other: {}",
        verified.stderr
    );
    // Genesis, two keys, two users with access keys, the policy: the attachment is event 8.
    let before = policy(
        dir,
        &[&question[..], &["--data", "data", "--as-of", "8"]].concat(),
    );
    assert_eq!(before.code, 1, "{}", before.stderr);
    let before: Value = serde_json::from_str(&before.stdout).unwrap();
    assert_eq!(
        (&before["AsOf"], &before["Checks"][0]["Kind"]),
        (&json!(8), &json!("ImplicitDeny"))
    );
}

#[test]
fn a_replay_lists_exactly_what_comes_out_otherwise() {
    let temporary = TempDir::new().unwrap();
    let dir = temporary.path();
    let account = Account::new(dir);
    let (hermes, apollo) = (account.hermes.clone(), account.apollo.clone());
    // Everything that the users do: who, what, with which key, how it comes out, how it would.
    let proposed = |who: &str, action: &str, key: &str| match action {
        "kms:Encrypt" => who == "alice" && key == apollo,
        _ => who == "alice" && key == hermes,
    };
    let mut counted = std::collections::BTreeMap::new();
    let mut decided = 0;
    for round in 0..2 {
        for who in ["alice", "bob"] {
            for key in [&hermes, &apollo] {
                let mut note = |action: &str, old: bool| {
                    decided += 1;
                    let new = proposed(who, action, key);
                    if old != new {
                        let change = (who.to_owned(), action.to_owned(), key.clone(), old);
                        *counted.entry(change).or_insert(0_u64) += 1;
                    }
                };
                note("kms:Encrypt", account.encrypts(who, key));
                if round == 0 {
                    note("kms:DescribeKey", account.describes(who, key));
                }
            }
        }
    }
    document(
        dir,
        "v2.json",
        &json!([
            {"Effect": "Allow", "Action": "kms:Encrypt", "Resource": format!("acs:kms:*:*:{}", apollo.rsplit(':').next().unwrap())},
            {"Effect": "Allow", "Action": "kms:DescribeKey", "Resource": &hermes},
            {"Effect": "Deny", "Action": "kms:ScheduleKeyDeletion", "Resource": "*"}
        ]),
    );
    let line = ["replay", "--policy", "v2.json", "--name", "app"];
    let said = account.ask(&line);
    assert_eq!(said.code, 1, "{}", said.stderr);
    let verdict = said.stdout.lines().last().unwrap();
    assert_eq!(
        verdict,
        format!("DIFFERS: 3 of {decided} decisions: 2 newly denied, 1 newly allowed")
    );
    assert!(
        said.stdout.contains("statement 2 took part in no decision"),
        "{}",
        said.stdout
    );

    let json = |said: &Said| serde_json::from_str::<Value>(&said.stdout).unwrap();
    let live = json(&account.ask(&[&line[..], &["--json"]].concat()));
    let mut listed = std::collections::BTreeMap::new();
    for change in live["Changes"].as_array().unwrap() {
        let text = |name: &str| change[name].as_str().unwrap().to_owned();
        let who = text("Principal").rsplit('/').next().unwrap().to_owned();
        let old = text("Old") == "Allow";
        assert_ne!(old, text("New") == "Allow");
        let key = (who, text("Action"), text("Resource"), old);
        assert_eq!(listed.insert(key, change["Count"].as_u64().unwrap()), None);
        assert!(!change["Requests"].as_array().unwrap().is_empty());
    }
    assert_eq!(listed, counted);
    assert_eq!(live["Decided"], decided);
    assert_eq!(live["Exercised"], json!([2, 1, 0]));

    // What makes the answer no can be chosen; what says the same makes none.
    std::fs::write(dir.join("same.json"), APP).unwrap();
    let same = account.ask(&["replay", "--policy", "same.json", "--name", "app"]);
    assert_eq!(same.code, 0, "{}", same.stdout);
    assert!(
        same.stdout
            .ends_with(&format!("equal: all {decided} decisions come out as they did\n"))
    );
    let for_bob = ["replay", "--policy", "same.json", "--attach-to", "user/bob"];
    let for_bob = |rest: &[&str]| account.ask(&[&for_bob[..], rest].concat());
    assert_eq!(for_bob(&["--fail-on", "newly-denied"]).code, 0);
    let widened = for_bob(&["--fail-on", "newly-allowed"]);
    assert_eq!(widened.code, 1);
    assert!(widened.stdout.contains("4 newly allowed"), "{}", widened.stdout);

    // The log of the stopped daemon says the same; a policy that never was, a broken document and nobody are told apart.
    account.daemon.stop();
    let stopped = policy(dir, &[&line[..], &["--json", "--data", "data"]].concat());
    assert_eq!((&json(&stopped)["Changes"], stopped.code), (&live["Changes"], 1));
    std::fs::write(dir.join("bad.json"), "{}").unwrap();
    for (line, code, words) in [
        (
            &["replay", "--policy", "v2.json", "--data", "data"][..],
            2,
            "never was a custom policy `v2`",
        ),
        (
            &[
                "replay", "--policy", "bad.json", "--name", "app", "--data", "data",
            ],
            2,
            "refused",
        ),
        (&["replay", "--policy", "v2.json"], 3, "can't be reached"),
        (
            &[
                "simulate",
                "--principal",
                "user/x",
                "--action",
                "kms:Encrypt",
                "--resource",
                "*",
            ],
            3,
            "is the daemon running?",
        ),
        (
            &[
                "simulate",
                "--principal",
                "user/x",
                "--action",
                "kms:ListKeys",
                "--data",
                "data",
            ],
            2,
            "no such principal",
        ),
        (
            &["simulate", "--principal", "x", "--data", "data"],
            2,
            "role/NAME",
        ),
    ] {
        let said = policy(dir, line);
        assert_eq!(
            (said.code, said.stdout.as_str()),
            (code, ""),
            "{line:?}: {}",
            said.stderr
        );
        assert!(said.stderr.contains(words), "{words} in {}", said.stderr);
    }
}
