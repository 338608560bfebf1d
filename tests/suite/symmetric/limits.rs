//! SM4 versions encrypt only so many messages (wire contract, section 7; NIST SP 800-38D, section 8.3). The limits are
//! lowered here, to see both endings.

use chancery::base::{KeyOrigin, KeySpec, KeyUsage, ProtectionLevel};
use chancery::engine::tools::MessageLimits;
use chancery::engine::{CreateKey, Work};
use chancery::event::Change;

use super::bench::{Bench, Given, refused};

const SM4: [(&str, &str); 1] = [("KeySpec", "Aliyun_SM4")];

fn limited(block: u64, rotate: u64, most: u64) -> Bench {
    let messages = MessageLimits { block, rotate, most };
    Bench::start_with(Given {
        messages,
        ..Given::default()
    })
}

/// How many messages the first version encrypts before another one does it.
fn until_rotated(bench: &Bench, key: &str) -> u64 {
    let first = bench.versions(key)[0].clone();
    (0..100)
        .find(|_| bench.encrypt(key).unwrap().1 != first)
        .expect("never rotated")
}

/// A symmetric key of its owner's own material: the one kind that is not rotated. It can't be had through the API yet.
fn key_that_is_never_rotated(bench: &Bench) -> String {
    let create = CreateKey {
        spec: KeySpec::Sm4,
        usage: KeyUsage::EncryptDecrypt,
        origin: KeyOrigin::External,
        protection: ProtectionLevel::Software,
        description: String::new(),
        tags: Vec::new(),
        rotation: None,
        client_token: None,
        quota: None,
    };
    bench
        .submit("kms/CreateKey", Work::Command(Box::new(create)))
        .unwrap();
    let listed = bench.ask("ListKeys", &[]).unwrap();
    super::bench::text(&listed["Keys"]["Key"][0]["KeyId"])
}

#[test]
fn at_the_soft_limit_the_next_message_is_under_a_new_version_and_old_ones_still_open() {
    let bench = limited(3, 6, 12);
    let key = bench.key(&SM4);
    let old = bench.encrypt(&key).unwrap();
    assert_eq!(until_rotated(&bench, &key), 5, "six in all");
    assert_eq!(bench.versions(&key).len(), 2);
    assert_eq!(bench.decrypt(&old.0).unwrap(), old.1);
    assert_eq!(
        until_rotated(&bench, &key),
        5,
        "one was spent in finding out, and the new version has its own count"
    );
    assert_eq!(bench.versions(&key).len(), 3);
    assert_eq!(bench.events("chancery/RotateKey").len(), 2);
    bench.audit();
}

#[test]
fn blocks_are_set_aside_before_they_are_used() {
    let bench = limited(3, 6, 12);
    let key = bench.key(&SM4);
    for _ in 0..4 {
        bench.encrypt(&key).unwrap();
    }
    let reserved: Vec<u64> = bench
        .events("chancery/ReserveMessages")
        .iter()
        .map(|event| match event.chg.as_slice() {
            [Change::MessagesReserved { upto, .. }] => *upto,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(reserved, [3, 6]);
}

#[test]
fn at_the_hard_limit_a_key_that_is_not_rotated_encrypts_no_more_and_still_decrypts() {
    let bench = limited(3, 6, 8);
    let key = key_that_is_never_rotated(&bench);
    let blobs: Vec<String> = (0..8).map(|_| bench.encrypt(&key).unwrap().0).collect();
    for action in ["GenerateDataKey", "GenerateDataKeyWithoutPlaintext"] {
        let answer = bench.ask(action, &[("KeyId", &key)]);
        assert_eq!(answer, refused("Rejected.LimitExceeded", 400), "{action}");
    }
    assert_eq!(bench.encrypt(&key), refused("Rejected.LimitExceeded", 400));
    let params = [
        ("CiphertextBlob", blobs[0].as_str()),
        ("DestinationKeyId", key.as_str()),
    ];
    let answer = bench.ask("ReEncrypt", &params);
    assert_eq!(answer, refused("Rejected.LimitExceeded", 400));
    for blob in &blobs {
        assert!(bench.decrypt(blob).is_ok());
    }
    assert_eq!(bench.versions(&key).len(), 1);
    // Neither does a restart begin the count anew.
    let bench = bench.restart();
    assert_eq!(bench.encrypt(&key), refused("Rejected.LimitExceeded", 400));
    assert!(bench.decrypt(&blobs[0]).is_ok());
    bench.audit();
}

#[test]
fn a_restart_skips_what_was_left_of_a_block_so_no_message_is_counted_twice() {
    let bench = limited(4, 8, 16);
    let key = bench.key(&SM4);
    let first = bench.encrypt(&key).unwrap().1;
    let bench = bench.restart();
    // One block is gone, with one message in it; four more messages are the rest of eight.
    for _ in 0..4 {
        assert_eq!(bench.encrypt(&key).unwrap().1, first);
    }
    assert_ne!(bench.encrypt(&key).unwrap().1, first);
    bench.audit();
}

#[test]
fn every_way_to_encrypt_counts() {
    let bench = limited(1, 3, 6);
    let key = bench.key(&SM4);
    let (blob, first) = bench.encrypt(&key).unwrap();
    let params = [
        ("CiphertextBlob", blob.as_str()),
        ("DestinationKeyId", key.as_str()),
    ];
    bench.ask("ReEncrypt", &params).unwrap();
    let made = bench
        .ask("GenerateDataKeyWithoutPlaintext", &[("KeyId", &key)])
        .unwrap();
    assert_eq!(made["KeyVersionId"], first.as_str());
    let made = bench.ask("GenerateDataKey", &[("KeyId", &key)]).unwrap();
    assert_ne!(made["KeyVersionId"], first.as_str());
}

#[test]
fn messages_under_aes_are_not_counted() {
    let bench = limited(1, 2, 3);
    let key = bench.key(&[]);
    for _ in 0..10 {
        bench.encrypt(&key).unwrap();
    }
    assert_eq!(bench.versions(&key).len(), 1);
    assert!(bench.events("chancery/ReserveMessages").is_empty());
}

#[test]
fn a_disabled_key_is_said_to_be_disabled_and_is_not_rotated_by_being_asked() {
    let bench = limited(1, 1, 2);
    let key = bench.key(&SM4);
    bench.encrypt(&key).unwrap();
    bench.ask("DisableKey", &[("KeyId", &key)]).unwrap();
    assert_eq!(bench.encrypt(&key), refused("Rejected.Disabled", 409));
    assert_eq!(bench.versions(&key).len(), 1);
}
