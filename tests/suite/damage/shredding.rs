//! Crypto-shredding, proven on the files: once something is destroyed, no piece of the key that sealed it, and none of that
//! key's own sealed form, is in any file; what it sealed opens for nobody; and the log still proves itself and replays.
//!
//! What can be destroyed is a table (`THINGS`): a new kind of it is a row. Secrets are to be added when there are any.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery::base::SecretBytes;
use chancery::custody::SealingKey;
use chancery_client::blocking::Client;
use serde_json::Value;

use super::faults::{Faults, wait_until};
use super::scene::{self, end_of, files_under};
use crate::crash::{self, call, json, text};
use crate::process::Daemon;

const RAM: &str = "2015-05-01";
const DAY: i64 = 24 * 60 * 60;
/// A piece of so many bytes is no coincidence.
const PIECE: usize = 16;

/// Something that is sealed under a slot of its own, and how it comes and goes.
struct Thing {
    what: &'static str,
    /// Makes it; gives its id, which is in the event that made it.
    make: fn(&Client) -> String,
    /// Has it destroyed, now or when a week has gone by.
    destroy: fn(&Client, &str),
    /// Shows that it can't be used any more.
    is_gone: fn(&Client, &str) -> bool,
}

const THINGS: [Thing; 4] = [
    Thing {
        what: "the version of a key",
        make: make_key,
        destroy: |client, key| {
            let window = [("KeyId", key), ("PendingWindowInDays", "7")];
            call(client, "ScheduleKeyDeletion", &window).unwrap();
        },
        is_gone: |client, key| call(client, "DescribeKey", &[("KeyId", key)]).is_err(),
    },
    Thing {
        what: "the version of a key that was disabled",
        make: |client| {
            let key = make_key(client);
            call(client, "DisableKey", &[("KeyId", &key)]).unwrap();
            key
        },
        destroy: |client, key| {
            let window = [("KeyId", key), ("PendingWindowInDays", "7")];
            call(client, "ScheduleKeyDeletion", &window).unwrap();
        },
        is_gone: |client, key| call(client, "DescribeKey", &[("KeyId", key)]).is_err(),
    },
    Thing {
        what: "the secret of an access key",
        make: |client| {
            json(client.call(RAM, "CreateUser", &[("UserName", "alice")])).unwrap();
            let made = json(client.call(RAM, "CreateAccessKey", &[("UserName", "alice")])).unwrap();
            text(&made, "/AccessKey/AccessKeyId")
        },
        destroy: |client, id| {
            let named = [("UserName", "alice"), ("UserAccessKeyId", id)];
            json(client.call(RAM, "DeleteAccessKey", &named)).unwrap();
        },
        is_gone: |client, id| {
            let listed = client
                .call(RAM, "ListAccessKeys", &[("UserName", "alice")])
                .unwrap();
            !listed.contains(id)
        },
    },
    Thing {
        what: "a log key that another one follows",
        make: |client| text(&rotate_log_key(client), "/RequestId"),
        destroy: |client, _| drop(rotate_log_key(client)),
        // What it signed still verifies, below; itself it can't be asked for at all.
        is_gone: |_, _| true,
    },
];

fn rotate_log_key(client: &Client) -> Value {
    json(client.call(crash::CHANCERY, "RotateLogKey", &[])).unwrap()
}

fn make_key(client: &Client) -> String {
    text(&call(client, "CreateKey", &[]).unwrap(), "/KeyMetadata/KeyId")
}

/// What is looked for: every piece of a slot key, and of its sealed form.
struct Traces {
    what: &'static str,
    slot: (u32, u32),
    key: Vec<u8>,
    sealed: Vec<u8>,
}

impl Traces {
    fn of(what: &'static str, daemon: &Daemon, (slot, generation): (u32, u32)) -> Self {
        let vault = fs::read(daemon.data().join("vault-a")).unwrap();
        let start = 512 + slot as usize * 128;
        let sealed = vault[start + 12..start + 84].to_vec();
        let log = &vault[16..32];
        let aad = [
            b"chancery/slot/v1".as_slice(),
            log,
            &slot.to_be_bytes(),
            &generation.to_be_bytes(),
        ]
        .concat();
        let file = fs::read_to_string(daemon.root_key()).unwrap();
        let root = SecretBytes::new(STANDARD.decode(file.lines().nth(1).unwrap()).unwrap());
        let key = SealingKey::new(&root).unwrap().open(&aad, &sealed).unwrap();
        Self {
            what,
            slot: (slot, generation),
            key: key.expose().to_vec(),
            sealed,
        }
    }
}

/// The pieces that are somewhere in the files, and where.
fn found(home: &Path, of: &[u8]) -> Vec<PathBuf> {
    let pieces: HashSet<&[u8]> = of.windows(PIECE).collect();
    let mut begins = vec![false; 1 << 16];
    for piece in &pieces {
        begins[usize::from(u16::from_be_bytes([piece[0], piece[1]]))] = true;
    }
    let mut found = Vec::new();
    for path in files_under(home) {
        // A socket is no file to read.
        let Ok(bytes) = fs::read(&path) else { continue };
        let bytes = &bytes[..(end_of(&bytes) + PIECE).min(bytes.len())];
        let is_in = bytes
            .windows(PIECE)
            .any(|at| begins[usize::from(u16::from_be_bytes([at[0], at[1]]))] && pieces.contains(at));
        if is_in {
            found.push(path);
        }
    }
    found
}

#[test]
fn what_is_destroyed_leaves_no_byte_of_its_keys_in_any_file() {
    let mut daemon = scene::stopped().copy();
    let faults = Faults::over(&mut daemon);
    daemon.start_again();
    let client = Client::unix(daemon.socket()).unwrap();
    let kept = make_key(&client);
    let sealed = |key: &str| {
        let made = call(&client, "Encrypt", &[("KeyId", key), ("Plaintext", "aGVsbG8=")]).unwrap();
        text(&made, "/CiphertextBlob")
    };
    let doomed_key = make_key(&client);
    let (kept_blob, doomed_blob) = (sealed(&kept), sealed(&doomed_key));
    let mut ids: Vec<String> = THINGS.iter().map(|thing| (thing.make)(&client)).collect();
    // The first one has sealed something.
    ids[0] = doomed_key;
    let traces: Vec<Traces> = THINGS
        .iter()
        .zip(&ids)
        .map(|(thing, id)| Traces::of(thing.what, &daemon, slot_of(&daemon, id)))
        .collect();
    let control = Traces::of("a key that is kept", &daemon, slot_of(&daemon, &kept));

    // The control: while it is there, its sealed form is in both mirrors, and the key itself nowhere.
    for trace in traces.iter().chain([&control]) {
        let places = found(daemon.home(), &trace.sealed);
        assert_eq!(
            places,
            [daemon.data().join("vault-a"), daemon.data().join("vault-b")],
            "{}",
            trace.what
        );
        assert_eq!(
            found(daemon.home(), &trace.key),
            Vec::<PathBuf>::new(),
            "{}",
            trace.what
        );
    }

    for (thing, id) in THINGS.iter().zip(&ids) {
        (thing.destroy)(&client, id);
    }
    // A week goes by, all at once: the clock is not believed until its operator says so.
    faults.set_clock_ahead(8 * DAY);
    wait_until("the hold is recorded", || {
        shown(&daemon)
            .iter()
            .any(|event| event["op"] == "chancery/HoldTimers")
    });
    assert!(daemon.client(&["clock", "accept"]).status.success());
    for (thing, id) in THINGS.iter().zip(&ids) {
        wait_until(thing.what, || (thing.is_gone)(&client, id));
    }
    wait_until("all is erased", || {
        let erased = erased(&daemon);
        traces.iter().all(|trace| erased.contains(&trace.slot))
    });
    assert!(call(&client, "Decrypt", &[("CiphertextBlob", &doomed_blob)]).is_err());
    daemon.stop();

    let nowhere = |daemon: &Daemon, when: &str| {
        for trace in &traces {
            for (form, bytes) in [("slot key", &trace.key), ("sealed slot key", &trace.sealed)] {
                let places = found(daemon.home(), bytes);
                assert!(
                    places.is_empty(),
                    "{when}: a piece of the {form} of {} (slot {:?}) is in {places:?}",
                    trace.what,
                    trace.slot
                );
            }
        }
        assert_eq!(
            found(daemon.home(), &control.sealed).len(),
            2,
            "{when}: what is kept is still there"
        );
    };
    nowhere(&daemon, "after the stop");
    daemon.log_says_yes(&["verify"]);
    daemon.log_says_yes(&["replay"]);
    nowhere(&daemon, "after an audit");

    // Nothing brings it back: not a start, not state made anew from the log.
    daemon.log_says_yes(&["rebuild"]);
    daemon.start_again();
    let client = Client::unix(daemon.socket()).unwrap();
    assert!(call(&client, "Decrypt", &[("CiphertextBlob", &doomed_blob)]).is_err());
    let opened = call(&client, "Decrypt", &[("CiphertextBlob", &kept_blob)]).unwrap();
    assert_eq!(text(&opened, "/Plaintext"), "aGVsbG8=");
    for (thing, id) in THINGS.iter().zip(&ids) {
        assert!((thing.is_gone)(&client, id), "{}", thing.what);
    }
    daemon.kill();
    nowhere(&daemon, "after a kill");
}

/// A kill between the event that destroys and the erasure: the next start finishes it.
#[test]
fn an_erasure_that_a_kill_cut_short_is_finished_by_the_next_start() {
    use super::faults::Fault;
    use rustix::io::Errno;

    for (fault, mirror) in [
        (Fault::KillBeforeSync, "vault-a"),
        (Fault::KillAfterSync, "vault-a"),
        (Fault::KillBeforeSync, "vault-b"),
        (Fault::KillAfterSync, "vault-b"),
        (Fault::SyncFails, "vault-b"),
    ] {
        let mut daemon = scene::stopped().copy();
        let faults = Faults::over(&mut daemon);
        daemon.start_again();
        let client = Client::unix(daemon.socket()).unwrap();
        let thing = &THINGS[2];
        let id = (thing.make)(&client);
        let trace = Traces::of(thing.what, &daemon, slot_of(&daemon, &id));
        faults.plan(fault, Errno::IO, mirror, 0);
        (thing.destroy)(&client, &id);
        wait_until("the fault", || faults.happened() > 0);
        faults.end();
        match fault {
            Fault::SyncFails => drop(daemon.stop()),
            _ => assert_eq!(daemon.ends().code(), None),
        }
        daemon.start_again();
        wait_until("the erasure", || erased(&daemon).contains(&trace.slot));
        daemon.stop();
        for bytes in [&trace.key, &trace.sealed] {
            assert_eq!(
                found(daemon.home(), bytes),
                Vec::<PathBuf>::new(),
                "{fault:?} {mirror}"
            );
        }
        daemon.log_says_yes(&["verify"]);
        daemon.log_says_yes(&["replay"]);
    }
}

/// Events of the log that a running daemon shows.
fn shown(daemon: &Daemon) -> Vec<Value> {
    let output = daemon.client(&["log", "show", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The slots that the log says were erased.
fn erased(daemon: &Daemon) -> HashSet<(u32, u32)> {
    let slots = |event: Value| {
        let slots = event.pointer("/chg/0/MaterialErased/slots").cloned();
        slots.map_or(Vec::new(), |slots| serde_json::from_value(slots).unwrap())
    };
    shown(daemon).into_iter().flat_map(slots).collect()
}

/// The slot in the event that made something with this id.
fn slot_of(daemon: &Daemon, id: &str) -> (u32, u32) {
    let made =
        |event: &&Value| event.to_string().contains(id) && event["chg"].to_string().contains("\"slot\"");
    let events = shown(daemon);
    let event = events
        .iter()
        .find(made)
        .unwrap_or_else(|| panic!("no event made {id}"));
    fn find(value: &Value) -> Option<(u32, u32)> {
        match value {
            Value::Object(fields) => fields.iter().find_map(|(name, value)| match name.as_str() {
                "slot" => serde_json::from_value(value.clone()).ok(),
                _ => find(value),
            }),
            Value::Array(items) => items.iter().find_map(find),
            _ => None,
        }
    }
    find(&event["chg"]).unwrap()
}
