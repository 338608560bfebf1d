//! Automatic rotation: carried out by the daemon when it is due, and only while the key is enabled
//! (wire contract, section 7.3).

use chancery::event::ActorKind;
use serde_json::Value;

use super::bench::{Bench, DAY, refused, text};

const WEEKLY: [(&str, &str); 2] = [("EnableAutomaticRotation", "true"), ("RotationInterval", "7d")];

/// What a key's metadata say of its rotation: AutomaticRotation, RotationInterval, LastRotationDate, NextRotationDate.
fn shown(bench: &Bench, key: &str) -> [Option<String>; 4] {
    let metadata = bench.metadata(key);
    let field = |name: &str| metadata.get(name).and_then(Value::as_str).map(str::to_owned);
    [
        "AutomaticRotation",
        "RotationInterval",
        "LastRotationDate",
        "NextRotationDate",
    ]
    .map(field)
}

fn policy(bench: &Bench, key: &str, enable: &str, interval: &str) {
    let params = [
        ("KeyId", key),
        ("EnableAutomaticRotation", enable),
        ("RotationInterval", interval),
    ];
    bench.ask("UpdateRotationPolicy", &params).unwrap();
}

fn change(bench: &Bench, action: &str, key: &str) {
    bench.ask(action, &[("KeyId", key)]).unwrap();
}

#[test]
fn a_rotation_is_carried_out_when_it_is_due_and_old_versions_still_decrypt() {
    for spec in ["Aliyun_AES_256", "Aliyun_SM4"] {
        let bench = Bench::start();
        let key = bench.key(&[&[("KeySpec", spec)][..], &WEEKLY].concat());
        let made = bench.now();
        let (old, first) = bench.encrypt(&key).unwrap();
        let due = bench.after(7 * DAY);
        let week = Some("604800s".to_owned());
        let expected =
            |state: &str, last, next| [Some(state.to_owned()), week.clone(), Some(last), Some(next)];
        assert_eq!(
            shown(&bench, &key),
            expected("Enabled", made, due.clone()),
            "{spec}"
        );

        bench.pass(7 * DAY - 1);
        bench.keep_house();
        assert_eq!(
            bench.versions(&key),
            std::slice::from_ref(&first),
            "a millisecond early"
        );

        bench.pass(1);
        bench.keep_house();
        let versions = bench.versions(&key);
        assert_eq!(versions.len(), 2);
        assert_eq!(versions[1], first, "newest first");
        assert_eq!(bench.metadata(&key)["PrimaryKeyVersion"], versions[0].as_str());
        assert_eq!(
            shown(&bench, &key),
            expected("Enabled", due, bench.after(7 * DAY))
        );
        assert_eq!(bench.encrypt(&key).unwrap().1, versions[0], "the newest encrypts");
        assert_eq!(bench.decrypt(&old).unwrap(), first, "the blob says who opens it");

        bench.keep_house();
        assert_eq!(bench.versions(&key).len(), 2, "once is enough");
        bench.pass(7 * DAY);
        bench.keep_house();
        assert_eq!(bench.versions(&key).len(), 3, "and again a week later");

        let events = bench.events("chancery/RotateKey");
        assert_eq!(events.len(), 2);
        assert!(events.iter().all(|event| event.actor.kind == ActorKind::System));
        bench.audit();
    }
}

#[test]
fn versions_are_described_one_by_one_and_those_of_other_keys_are_not_found() {
    let bench = Bench::start();
    let (key, other) = (bench.key(&WEEKLY), bench.key(&[]));
    bench.pass(7 * DAY);
    bench.keep_house();
    for version in bench.versions(&key) {
        let params = [("KeyId", key.as_str()), ("KeyVersionId", version.as_str())];
        let described = bench.ask("DescribeKeyVersion", &params).unwrap();
        assert_eq!(described["KeyVersion"]["KeyVersionId"], version.as_str());
        assert_eq!(described["KeyVersion"]["KeyId"], key.as_str());
        let params = [("KeyId", other.as_str()), ("KeyVersionId", version.as_str())];
        let answer = bench.ask("DescribeKeyVersion", &params);
        assert_eq!(answer, refused("Forbidden.KeyVersionNotFound", 404));
    }
}

#[test]
fn a_disabled_key_is_suspended_and_rotated_at_once_when_enabled_overdue() {
    let bench = Bench::start();
    let key = bench.key(&WEEKLY);
    change(&bench, "DisableKey", &key);
    let [state, interval, last, next] = shown(&bench, &key);
    assert_eq!(state.as_deref(), Some("Suspended"));
    assert_eq!(interval.as_deref(), Some("604800s"), "it is kept");
    assert!(last.is_some() && next.is_some());

    bench.pass(30 * DAY);
    bench.keep_house();
    assert_eq!(bench.versions(&key).len(), 1, "suspended");

    change(&bench, "EnableKey", &key);
    bench.keep_house();
    assert_eq!(bench.versions(&key).len(), 2, "one, however many were missed");
    assert_eq!(shown(&bench, &key)[2], Some(bench.now()));
    bench.keep_house();
    assert_eq!(bench.versions(&key).len(), 2);
    bench.audit();
}

#[test]
fn a_key_enabled_before_its_rotation_is_due_waits_for_it() {
    let bench = Bench::start();
    let key = bench.key(&WEEKLY);
    change(&bench, "DisableKey", &key);
    bench.pass(3 * DAY);
    change(&bench, "EnableKey", &key);
    bench.keep_house();
    assert_eq!(bench.versions(&key).len(), 1);
    bench.pass(4 * DAY);
    bench.keep_house();
    assert_eq!(bench.versions(&key).len(), 2);
}

#[test]
fn a_key_that_waits_for_its_deletion_is_suspended_and_rotated_when_it_is_kept_after_all() {
    let bench = Bench::start();
    let key = bench.key(&WEEKLY);
    let params = [("KeyId", key.as_str()), ("PendingWindowInDays", "366")];
    bench.ask("ScheduleKeyDeletion", &params).unwrap();
    assert_eq!(shown(&bench, &key)[0].as_deref(), Some("Suspended"));
    bench.pass(8 * DAY);
    bench.keep_house();
    assert_eq!(bench.versions(&key).len(), 1);
    change(&bench, "CancelKeyDeletion", &key);
    bench.keep_house();
    assert_eq!(bench.versions(&key).len(), 2);
    assert_eq!(shown(&bench, &key)[0].as_deref(), Some("Enabled"));
}

#[test]
fn a_shorter_interval_that_is_past_already_rotates_at_once() {
    let bench = Bench::start();
    let key = bench.key(&[]);
    policy(&bench, &key, "true", "365d");
    bench.pass(8 * DAY);
    bench.keep_house();
    assert_eq!(bench.versions(&key).len(), 1);
    policy(&bench, &key, "true", "168h");
    bench.keep_house();
    assert_eq!(bench.versions(&key).len(), 2);
    assert_eq!(shown(&bench, &key)[1].as_deref(), Some("604800s"));
}

#[test]
fn without_a_policy_nothing_rotates_and_nothing_is_shown() {
    let bench = Bench::start();
    let key = bench.key(&WEEKLY);
    // The interval is ignored, whatever it says.
    policy(&bench, &key, "false", "soon");
    let [state, interval, last, next] = shown(&bench, &key);
    assert_eq!((state.as_deref(), interval, next), (Some("Disabled"), None, None));
    assert!(last.is_some());
    bench.pass(800 * DAY);
    bench.keep_house();
    assert_eq!(bench.versions(&key).len(), 1);
}

#[test]
fn a_rotation_that_fell_due_while_the_daemon_was_down_is_carried_out_after_the_start() {
    let bench = Bench::start();
    let key = bench.key(&WEEKLY);
    let (old, first) = bench.encrypt(&key).unwrap();
    bench.pass(6 * DAY);
    let bench = bench.restart();
    bench.keep_house();
    assert_eq!(bench.versions(&key).len(), 1);
    bench.pass(DAY);
    let bench = bench.restart();
    bench.keep_house();
    assert_eq!(bench.versions(&key).len(), 2);
    let bench = bench.restart();
    assert_eq!(bench.decrypt(&old).unwrap(), first);
    assert_ne!(bench.encrypt(&key).unwrap().1, first);
    bench.audit();
}

#[test]
fn many_due_rotations_are_carried_out_over_several_rounds() {
    let bench = Bench::start();
    let keys: Vec<String> = (0..100).map(|_| bench.key(&WEEKLY)).collect();
    bench.pass(7 * DAY);
    bench.keep_house();
    bench.keep_house();
    for key in &keys {
        assert_eq!(bench.versions(key).len(), 2, "{key}");
    }
}

#[test]
fn a_rotated_key_that_is_destroyed_takes_all_its_versions_along() {
    let bench = Bench::start();
    let key = bench.key(&WEEKLY);
    let old = bench.encrypt(&key).unwrap().0;
    bench.pass(7 * DAY);
    bench.keep_house();
    let new = bench.encrypt(&key).unwrap().0;
    let params = [("KeyId", key.as_str()), ("PendingWindowInDays", "7")];
    bench.ask("ScheduleKeyDeletion", &params).unwrap();
    bench.pass(7 * DAY);
    bench.keep_house();
    bench.keep_house();
    for blob in [old, new] {
        assert_eq!(bench.decrypt(&blob), refused("Forbidden.KeyNotFound", 404));
    }
    let erased = bench.events("chancery/EraseMaterial");
    assert_eq!(erased.len(), 1);
    let slots = match erased[0].chg.as_slice() {
        [chancery::event::Change::MaterialErased { slots }] => slots.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(slots, 2, "one slot a version");
    bench.audit();
}

/// The user guide, 9.3: manual rotation is another key behind the same alias.
#[test]
fn manual_rotation_moves_an_alias_and_old_blobs_open_under_their_own_key() {
    let bench = Bench::start();
    let (first, second) = (bench.key(&[]), bench.key(&[]));
    let alias = |key| [("AliasName", "alias/app"), ("KeyId", key)];
    bench.ask("CreateAlias", &alias(&first)).unwrap();
    let encrypt = || {
        let params = [("KeyId", "alias/app"), ("Plaintext", "aGVsbG8=")];
        let made = bench.ask("Encrypt", &params).unwrap();
        (text(&made["CiphertextBlob"]), text(&made["KeyId"]))
    };
    let (old, by) = encrypt();
    assert_eq!(by, first);
    bench.ask("UpdateAlias", &alias(&second)).unwrap();
    assert_eq!(encrypt().1, second);
    assert_eq!(
        bench.ask("Decrypt", &[("CiphertextBlob", &old)]).unwrap()["KeyId"],
        first.as_str()
    );
    change(&bench, "DisableKey", &first);
    assert_eq!(bench.decrypt(&old), refused("Rejected.Disabled", 409));
}
