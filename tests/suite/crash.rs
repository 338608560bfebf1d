//! Law 1 on the real binary: the daemon is killed (SIGKILL) under load, at a moment nobody chose, round after round on one
//! data directory. What its callers were told before they lost it must be in the log, and must still hold.
//!
//! A killed process loses what it held in memory, not what it gave to the kernel; torn and lost writes are the simulation's.
//! `CHANCERY_CRASH_ROUNDS` sets the number of rounds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery::base::entropy::{Entropy as _, SystemEntropy, make_array};
use chancery::event::codec::decode_event;
use chancery::event::{Event, Outcome};
use chancery::ledger::SignedEntry;
use chancery_client::ClientError;
use chancery_client::blocking::Client;
use serde_json::Value;

use crate::process::Daemon;

pub const KMS: &str = "2016-01-20";
pub const CHANCERY: &str = "2026-12-01";
const CALLERS: u8 = 8;

/// One answer that a caller got.
#[derive(Debug)]
pub struct Acknowledged {
    pub request: String,
    pub op: String,
    said: Said,
}

/// What the answer promised.
#[derive(Debug)]
enum Said {
    Encrypted { blob: String, plaintext: String },
    KeyMade { key: String },
    KeyDisabled { key: String },
    AliasBound { alias: String, key: String },
    Looked,
    Refused { code: String },
}

#[test]
fn what_was_answered_before_a_kill_is_in_the_log_and_holds() {
    let rounds = std::env::var("CHANCERY_CRASH_ROUNDS").map_or(4, |text| text.parse().unwrap());
    let mut daemon = Daemon::start("warn");
    let first = Client::unix(daemon.socket()).unwrap();
    let key: Arc<str> = text(&call(&first, "CreateKey", &[]).unwrap(), "/KeyMetadata/KeyId").into();
    let mut all = Vec::new();
    for round in 0..rounds {
        // Between some and many answers: early kills meet the first groups, late ones a full pipeline.
        let enough = 20 + usize::from(u16::from_be_bytes(make_array(&SystemEntropy)) % 600);
        let before = all.len();
        all.extend(load_until_killed(&mut daemon, round, &key, enough));
        assert!(all.len() - before >= enough);
        // As the kill left it: nothing has repaired anything yet.
        daemon.log_says_yes(&["verify"]);
        daemon.start_again();
        hold(&daemon, &all);
    }
    daemon.stop();
    daemon.log_says_yes(&["verify"]);
    daemon.log_says_yes(&["replay"]);
}

/// Callers call until the daemon is gone; it is killed as soon as `enough` answers came. All that came is given.
fn load_until_killed(daemon: &mut Daemon, round: usize, key: &Arc<str>, enough: usize) -> Vec<Acknowledged> {
    let (sender, answers) = channel();
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (socket, sender, key) = (daemon.socket(), sender.clone(), Arc::clone(key));
            std::thread::spawn(move || {
                let client = Client::unix(socket).unwrap();
                call_until_gone(&client, &format!("{round}-{caller}"), &key, &sender)
            })
        })
        .collect();
    drop(sender);
    let mut got: Vec<_> = answers.iter().take(enough).collect();
    daemon.kill();
    for caller in callers {
        caller.join().unwrap();
    }
    got.extend(answers.iter());
    got
}

/// What a caller gets in so many turns, one after the other.
pub fn answers(client: &Client, name: &str, key: &str, turns: u32) -> Vec<Acknowledged> {
    let (sender, got) = channel();
    for turn in 0..turns {
        sender
            .send(take_turn(client, name, turn, key, &sender).unwrap())
            .unwrap();
    }
    drop(sender);
    got.iter().collect()
}

/// A caller's life: mostly encryption, now and then a change, a look, and something that is refused.
fn call_until_gone(client: &Client, name: &str, key: &str, answers: &Sender<Acknowledged>) {
    for turn in 0_u32.. {
        match take_turn(client, name, turn, key, answers) {
            Ok(acknowledged) => answers.send(acknowledged).unwrap(),
            Err(ClientError::Unreachable { .. } | ClientError::Interrupted { .. }) => return,
            Err(other) => panic!("{name}, turn {turn}: {other}"),
        }
    }
}

fn take_turn(
    client: &Client,
    name: &str,
    turn: u32,
    key: &str,
    answers: &Sender<Acknowledged>,
) -> Result<Acknowledged, ClientError> {
    match turn % 16 {
        // Not too often: a log has so many keys, and the state keeps them all.
        1 if turn % 64 == 1 => rotate_log_key(client),
        3 => make_and_disable(client, answers),
        5 => bind_alias(client, &format!("alias/crash/{name}/{turn}"), key),
        7 => data_key(client, key),
        9 => look(client, key),
        11 => refused(client),
        _ => encrypt(client, key),
    }
}

pub fn encrypt(client: &Client, key: &str) -> Result<Acknowledged, ClientError> {
    let mut plaintext = [0; 64];
    SystemEntropy.fill(&mut plaintext);
    let plaintext = STANDARD.encode(plaintext);
    let answer = call(client, "Encrypt", &[("KeyId", key), ("Plaintext", &plaintext)])?;
    let blob = text(&answer, "/CiphertextBlob");
    Ok(acknowledged(
        "Encrypt",
        &answer,
        Said::Encrypted { blob, plaintext },
    ))
}

fn data_key(client: &Client, key: &str) -> Result<Acknowledged, ClientError> {
    let answer = call(client, "GenerateDataKey", &[("KeyId", key)])?;
    let said = Said::Encrypted {
        blob: text(&answer, "/CiphertextBlob"),
        plaintext: text(&answer, "/Plaintext"),
    };
    Ok(acknowledged("GenerateDataKey", &answer, said))
}

/// Two answers: the first one counts too when the second one does not come.
fn make_and_disable(client: &Client, answers: &Sender<Acknowledged>) -> Result<Acknowledged, ClientError> {
    let made = call(client, "CreateKey", &[])?;
    let key = text(&made, "/KeyMetadata/KeyId");
    let said = Said::KeyMade { key: key.clone() };
    answers.send(acknowledged("CreateKey", &made, said)).unwrap();
    let disabled = call(client, "DisableKey", &[("KeyId", &key)])?;
    Ok(acknowledged("DisableKey", &disabled, Said::KeyDisabled { key }))
}

fn bind_alias(client: &Client, alias: &str, key: &str) -> Result<Acknowledged, ClientError> {
    let answer = call(client, "CreateAlias", &[("AliasName", alias), ("KeyId", key)])?;
    let said = Said::AliasBound {
        alias: alias.to_owned(),
        key: key.to_owned(),
    };
    Ok(acknowledged("CreateAlias", &answer, said))
}

fn look(client: &Client, key: &str) -> Result<Acknowledged, ClientError> {
    let answer = call(client, "DescribeKey", &[("KeyId", key)])?;
    Ok(acknowledged("DescribeKey", &answer, Said::Looked))
}

/// What follows, the anchor included, is signed by another key; the old one is erased while others go on.
fn rotate_log_key(client: &Client) -> Result<Acknowledged, ClientError> {
    let answer = json(client.call(CHANCERY, "RotateLogKey", &[]))?;
    Ok(Acknowledged {
        op: "chancery/RotateLogKey".to_owned(),
        ..acknowledged("", &answer, Said::Looked)
    })
}

/// A denial is an operation too: it leaves after its event is durable.
fn refused(client: &Client) -> Result<Acknowledged, ClientError> {
    match call(client, "EnableKey", &[("KeyId", "nobody")]) {
        Err(ClientError::Api { code, request_id, .. }) => Ok(Acknowledged {
            request: request_id,
            op: "kms/EnableKey".to_owned(),
            said: Said::Refused { code },
        }),
        Err(other) => Err(other),
        Ok(answer) => panic!("a key that does not exist was enabled: {answer}"),
    }
}

/// All that was ever answered is in the log, once and as answered, and is still so.
pub fn hold(daemon: &Daemon, all: &[Acknowledged]) {
    let client = Client::unix(daemon.socket()).unwrap();
    let events = events(&client);
    let broken: Vec<_> = all.iter().filter_map(|one| broken(&events, one)).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    for Acknowledged { request, said, .. } in all {
        still_so(&client, request, said);
    }
    // The positive control: an answer that was never given, and one that was another, are noticed.
    let made_up = Acknowledged {
        request: "00000000-0000-4000-8000-000000000000".to_owned(),
        op: "kms/DescribeKey".to_owned(),
        said: Said::Looked,
    };
    let another = all.first().map(|first| Acknowledged {
        request: first.request.clone(),
        op: first.op.clone(),
        said: Said::Refused {
            code: "Forbidden.NoPermission".to_owned(),
        },
    });
    for lie in [Some(made_up), another].into_iter().flatten() {
        assert!(self::broken(&events, &lie).is_some(), "{}", lie.request);
    }
}

/// How the log contradicts an answer, if it does.
fn broken(events: &BTreeMap<String, Vec<Event>>, answer: &Acknowledged) -> Option<String> {
    let Acknowledged { request, op, said } = answer;
    let Some([event]) = events.get(request).map(Vec::as_slice) else {
        return Some(format!(
            "{op} {request} was answered and is not one event of the log"
        ));
    };
    let as_answered = match (&event.out, said) {
        (Outcome::Error { code, .. }, Said::Refused { code: answered }) => code == answered,
        (Outcome::Ok(_), Said::Refused { .. }) | (Outcome::Error { .. }, _) => false,
        (Outcome::Ok(_), _) => true,
    };
    (event.op != *op || !as_answered)
        .then(|| format!("{op} {request} was answered otherwise than the log has it: {event:?}"))
}

fn still_so(client: &Client, request: &str, said: &Said) {
    let described = |name: &str| call(client, "DescribeKey", &[("KeyId", name)]).unwrap();
    match said {
        Said::Encrypted { blob, plaintext } => {
            let opened = call(client, "Decrypt", &[("CiphertextBlob", blob)]).unwrap();
            assert_eq!(text(&opened, "/Plaintext"), *plaintext, "{request}");
        }
        Said::KeyMade { key } => {
            // A DisableKey whose answer was lost may have been carried out: either state is lawful without the answer.
            let state = text(&described(key), "/KeyMetadata/KeyState");
            assert!(state == "Enabled" || state == "Disabled", "{request}: {state}");
        }
        Said::KeyDisabled { key } => {
            assert_eq!(
                text(&described(key), "/KeyMetadata/KeyState"),
                "Disabled",
                "{request}"
            );
        }
        Said::AliasBound { alias, key } => {
            assert_eq!(text(&described(alias), "/KeyMetadata/KeyId"), *key, "{request}");
        }
        Said::Looked | Said::Refused { .. } => {}
    }
}

/// The whole log, as an auditor fetches it, by request id.
pub fn events(client: &Client) -> BTreeMap<String, Vec<Event>> {
    let mut events: BTreeMap<String, Vec<Event>> = BTreeMap::new();
    let mut size = 0_u64;
    loop {
        let from = size.to_string();
        let page = json(client.call(CHANCERY, "GetLogEntries", &[("From", &from)])).unwrap();
        let entries = page.pointer("/Entries/Entry").unwrap().as_array().unwrap();
        // Each page is an operation itself, and so lengthens the log behind its end.
        for entry in entries {
            let entry = STANDARD.decode(entry.as_str().unwrap()).unwrap();
            let event = decode_event(SignedEntry::parse(&entry).unwrap().payload).unwrap();
            events.entry(event.rid.to_string()).or_default().push(event);
            size += 1;
        }
        if size >= page["Size"].as_u64().unwrap() {
            return events;
        }
    }
}

fn acknowledged(action: &str, answer: &Value, said: Said) -> Acknowledged {
    Acknowledged {
        request: text(answer, "/RequestId"),
        op: format!("kms/{action}"),
        said,
    }
}

pub fn call(client: &Client, action: &str, params: &[(&str, &str)]) -> Result<Value, ClientError> {
    json(client.call(KMS, action, params))
}

pub fn json(answer: Result<String, ClientError>) -> Result<Value, ClientError> {
    answer.map(|body| serde_json::from_str(&body).unwrap())
}

pub fn text(answer: &Value, pointer: &str) -> String {
    let value = answer.pointer(pointer).and_then(Value::as_str);
    value
        .unwrap_or_else(|| panic!("no {pointer} in {answer}"))
        .to_owned()
}
