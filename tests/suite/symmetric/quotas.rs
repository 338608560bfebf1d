//! The cloud's commercial quotas: off unless the operator sets them, and per region.

use chancery::api::table::Quotas;

use super::bench::{Answer, Bench, DAY, Given, refused};

fn with(quotas: Quotas) -> Bench {
    Bench::start_with(Given {
        quotas,
        ..Given::default()
    })
}

fn bind(bench: &Bench, name: &str, key: &str) -> Answer {
    bench.ask("CreateAlias", &[("AliasName", name), ("KeyId", key)])
}

#[test]
fn keys_have_a_quota_that_a_destroyed_key_gives_back() {
    let bench = with(Quotas {
        keys: Some(2),
        ..Quotas::default()
    });
    let first = bench.key(&[]);
    bench.key(&[]);
    let full = || refused("Rejected.LimitExceeded", 400);
    assert_eq!(bench.ask("CreateKey", &[]), full());
    let params = [("KeyId", first.as_str()), ("PendingWindowInDays", "7")];
    bench.ask("ScheduleKeyDeletion", &params).unwrap();
    assert_eq!(
        bench.ask("CreateKey", &[]),
        full(),
        "it is there until it is gone"
    );
    bench.pass(7 * DAY);
    bench.keep_house();
    bench.key(&[]);
    assert_eq!(bench.ask("CreateKey", &[]), full());
    // Another region has a quota of its own.
    bench.key(&[("RegionId", "cn-beijing")]);
    bench.audit();
}

#[test]
fn a_repeated_call_is_answered_at_the_quota_too() {
    let bench = with(Quotas {
        keys: Some(1),
        ..Quotas::default()
    });
    let token = [("ClientToken", "t1")];
    let key = bench.key(&token);
    assert_eq!(bench.key(&token), key);
}

#[test]
fn aliases_have_a_quota_and_being_taken_comes_first() {
    let bench = with(Quotas {
        aliases: Some(1),
        ..Quotas::default()
    });
    let key = bench.key(&[]);
    bind(&bench, "alias/a", &key).unwrap();
    assert_eq!(
        bind(&bench, "alias/b", &key),
        refused("Rejected.LimitExceeded", 400)
    );
    assert_eq!(bind(&bench, "alias/a", &key), refused("AliasAlreadyExists", 400));
    bench.ask("DeleteAlias", &[("AliasName", "alias/a")]).unwrap();
    bind(&bench, "alias/b", &key).unwrap();
}

#[test]
fn by_default_there_is_no_quota() {
    let bench = Bench::start();
    let key = bench.key(&[]);
    // The cloud's would be 300.
    for n in 0..310 {
        bind(&bench, &format!("alias/{n}"), &key).unwrap();
    }
}
