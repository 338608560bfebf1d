//! Several faults at once: the one code that must win. The ladders are in `precedence.txt`.

use chancery::api::table::{self, KMS};
use chancery::base::Code;
use chancery::event::Effect;

use super::bench::{Answer, Bench, Refused};

const LADDERS: &str = include_str!("precedence.txt");

/// What stands for it in the ladders, and what is sent.
struct Cast(Vec<(&'static str, String)>);

impl Cast {
    /// Keys in every state, their blobs, a key with all the tags it can have.
    fn new(bench: &Bench) -> Self {
        let [enabled, disabled, pending, full] = std::array::from_fn(|_| bench.key(&[]));
        let blob = |key: &str| bench.encrypt(key).unwrap().0;
        let blobs = [
            ("$blob", blob(&enabled)),
            ("$disabled-blob", blob(&disabled)),
            ("$pending-blob", blob(&pending)),
        ];
        let bound = [("AliasName", "alias/taken"), ("KeyId", enabled.as_str())];
        bench.ask("CreateAlias", &bound).unwrap();
        bench.ask("DisableKey", &[("KeyId", &disabled)]).unwrap();
        bench.ask("ScheduleKeyDeletion", &[("KeyId", &pending)]).unwrap();
        let tags: Vec<_> = (0..20)
            .map(|n| serde_json::json!({"TagKey": format!("t{n}"), "TagValue": ""}))
            .collect();
        let tags = serde_json::Value::from(tags).to_string();
        bench
            .ask("TagResource", &[("KeyId", &full), ("Tags", &tags)])
            .unwrap();
        let mut cast = blobs.to_vec();
        cast.extend([
            ("$arn", super::bench::text(&bench.metadata(&enabled)["Arn"])),
            ("$nobody", "00000000-0000-4000-8000-000000000000".to_owned()),
            ("$enabled", enabled),
            ("$disabled", disabled),
            ("$pending", pending),
            ("$full", full),
        ]);
        Self(cast)
    }

    fn play<'a>(&'a self, value: &'a str) -> &'a str {
        let found = self.0.iter().find(|(name, _)| *name == value);
        assert!(found.is_some() || !value.starts_with('$'), "{value}");
        found.map_or(value, |(_, sent)| sent)
    }
}

/// One call of a ladder, and what it must come to; none for success.
fn step(bench: &Bench, cast: &Cast, action: &str, rung: &str) -> (Answer, Option<Refused>) {
    let (call, code) = rung.split_once(" -> ").expect("a code");
    let mut words = call.split_whitespace();
    let who = words.next().expect("who");
    let params: Vec<_> = words
        .map(|word| {
            let (name, value) = word.split_once('=').expect("a value");
            (name, cast.play(value))
        })
        .collect();
    let answer = match who {
        "root" => bench.ask(action, &params),
        "stranger" => bench.ask_as_stranger(action, &params),
        other => panic!("who is {other}?"),
    };
    if code == "done" {
        return (answer, None);
    }
    let known = Code::ALL.iter().find(|known| known.as_str() == code);
    let status = known.unwrap_or_else(|| panic!("no such code: {code}")).status();
    (answer, Some((code.to_owned(), u64::from(status))))
}

/// Each operation of the ladders, with its rungs.
fn ladders() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    let paragraphs = LADDERS.split("\n\n").filter(|text| !text.starts_with('#'));
    paragraphs.map(|text| {
        let mut lines = text.lines();
        let action = lines.next().expect("an operation");
        let rungs = lines.map(str::trim).filter(|line| !line.starts_with('#'));
        (action, rungs.collect())
    })
}

#[test]
fn of_several_faults_the_first_in_order_wins() {
    let mut wrong = Vec::new();
    for (action, rungs) in ladders() {
        let bench = Bench::start();
        let cast = Cast::new(&bench);
        for rung in rungs {
            let (answer, expected) = step(&bench, &cast, action, rung);
            let is_right = match &expected {
                None => answer.is_ok(),
                Some(code) => answer.as_ref().err() == Some(code),
            };
            if !is_right {
                wrong.push(format!("{action}: {rung}: {answer:?}"));
            }
        }
        bench.audit();
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_operation_that_takes_parameters_has_its_ladder() {
    let climbed: Vec<_> = ladders().map(|(action, _)| action).collect();
    for row in table::rows().filter(|row| row.product == &KMS && !row.params.is_empty()) {
        assert!(climbed.contains(&row.action), "{} has none", row.action);
    }
}

#[test]
fn a_rehearsal_is_recorded_and_names_no_ciphertext_since_nobody_got_one() {
    let bench = Bench::start();
    let key = bench.key(&[]);
    let blob = bench.encrypt(&key).unwrap().0;
    let before = bench.versions(&key);
    for (action, op, param) in [
        ("GenerateDataKey", "kms/GenerateDataKey", ("KeyId", &key)),
        ("Decrypt", "kms/Decrypt", ("CiphertextBlob", &blob)),
    ] {
        let params = [("DryRun", "true"), (param.0, param.1.as_str())];
        bench.ask(action, &params).unwrap_err();
        let events = bench.events(op);
        let [event] = events.as_slice() else {
            panic!("{events:?}")
        };
        assert_eq!(event.blob, None, "{op}");
        assert!(event.chg.is_empty());
    }
    assert_eq!(bench.versions(&key), before);
    bench.audit();
}

#[test]
fn who_may_make_no_keys_is_denied_whatever_kind_is_asked_for_and_the_denial_is_recorded() {
    let bench = Bench::start();
    for params in [
        ("ProtectionLevel", "HSM"),
        ("Origin", "EXTERNAL"),
        ("KeyUsage", "SIGN/VERIFY"),
    ] {
        bench.ask_as_stranger("CreateKey", &[params]).unwrap_err();
    }
    let events = bench.events("kms/CreateKey");
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| event.dec.effect == Effect::Deny));
}
