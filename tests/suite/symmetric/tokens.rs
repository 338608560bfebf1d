//! Client tokens: a CreateKey that is sent again within a day makes no second key.

use super::bench::{Bench, DAY, refused, text};

fn create(bench: &Bench, token: &str, description: &str) -> Result<String, super::bench::Refused> {
    let params = [("ClientToken", token), ("Description", description)];
    let made = bench.ask("CreateKey", &params)?;
    Ok(text(&made["KeyMetadata"]["KeyId"]))
}

fn keys(bench: &Bench) -> u64 {
    bench.ask("ListKeys", &[]).unwrap()["TotalCount"]
        .as_u64()
        .unwrap()
}

#[test]
fn the_same_call_with_the_same_token_gives_the_same_key_also_across_a_restart() {
    let bench = Bench::start();
    let key = create(&bench, "t1", "one").unwrap();
    assert_eq!(create(&bench, "t1", "one").unwrap(), key);
    let bench = bench.restart();
    assert_eq!(create(&bench, "t1", "one").unwrap(), key);
    assert_ne!(create(&bench, "t2", "one").unwrap(), key, "another token");
    assert_eq!(keys(&bench), 2);
    bench.audit();
}

#[test]
fn a_token_with_another_request_is_refused_and_makes_nothing() {
    let bench = Bench::start();
    create(&bench, "t1", "one").unwrap();
    fn mismatch<T>() -> Result<T, super::bench::Refused> {
        refused("IdempotentParameterMismatch", 400)
    }
    assert_eq!(create(&bench, "t1", "two"), mismatch());
    let params = [
        ("ClientToken", "t1"),
        ("Description", "one"),
        ("KeySpec", "Aliyun_SM4"),
    ];
    let other = bench.ask("CreateKey", &params);
    assert_eq!(other, mismatch());
    assert_eq!(create(&bench.restart(), "t1", "two"), mismatch());
}

#[test]
fn a_token_belongs_to_its_region() {
    let bench = Bench::start();
    let here = create(&bench, "t1", "one").unwrap();
    let params = [
        ("ClientToken", "t1"),
        ("Description", "one"),
        ("RegionId", "cn-beijing"),
    ];
    let there = bench.ask("CreateKey", &params).unwrap();
    assert_ne!(text(&there["KeyMetadata"]["KeyId"]), here);
}

#[test]
fn a_token_is_good_for_a_day_to_the_millisecond_and_then_for_a_new_key() {
    for late in [0, 1, DAY] {
        let bench = Bench::start();
        let key = create(&bench, "t1", "one").unwrap();
        bench.pass(DAY - 1);
        assert_eq!(create(&bench, "t1", "one").unwrap(), key);
        bench.pass(1 + late);
        let next = create(&bench, "t1", "two").unwrap();
        assert_ne!(next, key);
        assert_eq!(create(&bench, "t1", "two").unwrap(), next, "its day begins anew");
        bench.audit();
    }
}

/// Old tokens go a few at a time, oldest first; one that is used again goes whatever its turn.
#[test]
fn an_expired_token_is_used_again_however_many_older_ones_wait_to_be_forgotten() {
    let bench = Bench::start();
    for n in 0..40 {
        create(&bench, &format!("old{n}"), "").unwrap();
        bench.pass(1);
    }
    let key = create(&bench, "young", "").unwrap();
    bench.pass(2 * DAY);
    assert_ne!(create(&bench, "young", "").unwrap(), key);
    // And all of them go in the end.
    for n in 0..10 {
        create(&bench, &format!("new{n}"), "").unwrap();
    }
    let again = create(&bench, "young", "").unwrap();
    assert_eq!(again, create(&bench, "young", "").unwrap());
    bench.audit();
}

#[test]
fn the_key_of_a_token_is_shown_as_it_is_now() {
    let bench = Bench::start();
    let key = create(&bench, "t1", "one").unwrap();
    bench.ask("DisableKey", &[("KeyId", &key)]).unwrap();
    let params = [("ClientToken", "t1"), ("Description", "one")];
    let again = bench.ask("CreateKey", &params).unwrap();
    assert_eq!(again["KeyMetadata"]["KeyState"], "Disabled");
}

#[test]
fn a_token_of_no_legal_length_is_refused() {
    let bench = Bench::start();
    assert!(create(&bench, &"t".repeat(64), "").is_ok());
    assert_eq!(
        create(&bench, &"t".repeat(65), ""),
        refused("InvalidParameter", 400)
    );
    assert_eq!(keys(&bench), 1);
}
