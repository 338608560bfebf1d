//! A wall clock that lies: nothing is destroyed by it, and service goes on.

use std::collections::BTreeMap;

use chancery_client::blocking::Client;
use serde_json::Value;

use super::faults::{Faults, wait_until};
use super::scene::{self, Scene};
use crate::crash::{self, CHANCERY, call, json, text};
use crate::process::Daemon;

const ERASE: &str = "chancery/EraseMaterial";
const DAY: i64 = 24 * 60 * 60;
const TEN_YEARS: i64 = 3_652 * DAY;

/// How often each operation is in the log.
fn operations(client: &Client) -> BTreeMap<String, usize> {
    let mut operations = BTreeMap::new();
    for event in crash::events(client).into_values().flatten() {
        *operations.entry(event.op.into_owned()).or_default() += 1;
    }
    operations
}

fn count(client: &Client, op: &str) -> usize {
    operations(client).get(op).copied().unwrap_or(0)
}

fn state_of(client: &Client, key: &str) -> String {
    text(
        &call(client, "DescribeKey", &[("KeyId", key)]).unwrap(),
        "/KeyMetadata/KeyState",
    )
}

fn status(client: &Client) -> Value {
    json(client.call(CHANCERY, "GetStatus", &[])).unwrap()
}

fn works(client: &Client, key: &str) {
    let sealed = call(client, "Encrypt", &[("KeyId", key), ("Plaintext", "aGVsbG8=")]).unwrap();
    let blob = text(&sealed, "/CiphertextBlob");
    let opened = call(client, "Decrypt", &[("CiphertextBlob", &blob)]).unwrap();
    assert_eq!(text(&opened, "/Plaintext"), "aGVsbG8=");
}

/// A daemon with a key that is to be destroyed in a week and one that is rotated every week.
struct Timed {
    daemon: Daemon,
    faults: Faults,
    client: Client,
    doomed: String,
    rotating: String,
}

fn timed(scene: &Scene) -> Timed {
    let mut daemon = scene.copy();
    let faults = Faults::over(&mut daemon);
    daemon.start_again();
    let client = Client::unix(daemon.socket()).unwrap();
    let made = || text(&call(&client, "CreateKey", &[]).unwrap(), "/KeyMetadata/KeyId");
    let (doomed, rotating) = (made(), made());
    // What the scene's log is owed is done first.
    wait_until("the erasure of the scene's log key", || {
        count(&client, ERASE) == 1
    });
    let window = [("KeyId", doomed.as_str()), ("PendingWindowInDays", "7")];
    call(&client, "ScheduleKeyDeletion", &window).unwrap();
    let interval = [
        ("KeyId", rotating.as_str()),
        ("EnableAutomaticRotation", "true"),
        ("RotationInterval", "7d"),
    ];
    call(&client, "UpdateRotationPolicy", &interval).unwrap();
    Timed {
        daemon,
        faults,
        client,
        doomed,
        rotating,
    }
}

impl Timed {
    /// Nothing is destroyed, everything works, and whoever looks is told.
    fn is_held(&self) {
        let client = &self.client;
        wait_until("timers are held", || status(client)["TimersHeld"] == true);
        wait_until("the hold is recorded", || {
            count(client, "chancery/HoldTimers") == 1
        });
        let screen = String::from_utf8(self.daemon.client(&["status"]).stdout).unwrap();
        assert!(
            screen.contains("HELD") && screen.contains("clock accept"),
            "{screen}"
        );
        // Housekeeping has come by several times since: once a second it looks at everything that is due.
        wait_until("the rotation that is due", || {
            count(client, "chancery/RotateKey") >= 1
        });
        let uptime = status(client)["UptimeSeconds"].as_u64().unwrap();
        wait_until("some rounds", || {
            status(client)["UptimeSeconds"].as_u64().unwrap() >= uptime + 3
        });
        let operations = operations(client);
        assert_eq!(
            operations.get("chancery/RotateKey"),
            Some(&1),
            "no storm: {operations:?}"
        );
        assert_eq!(operations.get("chancery/DestroyKey"), None, "{operations:?}");
        assert_eq!(operations.get(ERASE), Some(&1), "{operations:?}");
        assert_eq!(state_of(client, &self.doomed), "PendingDeletion");
        works(client, &self.rotating);
    }

    /// An operator has looked at the clock.
    fn is_released_by_accepting(&self) {
        let accepted = self.daemon.client(&["clock", "accept"]);
        assert!(accepted.status.success(), "{accepted:?}");
        let client = &self.client;
        wait_until("the key is destroyed", || count(client, ERASE) == 2);
        assert!(call(client, "DescribeKey", &[("KeyId", &self.doomed)]).is_err());
        assert_eq!(status(client)["TimersHeld"], false);
        works(client, &self.rotating);
    }

    fn ends_well(mut self, scene: &Scene) {
        crash::hold(&self.daemon, &scene.answers);
        self.daemon.stop();
        self.daemon.log_says_yes(&["verify"]);
        self.daemon.log_says_yes(&["replay"]);
    }
}

#[test]
fn ten_years_forward_destroys_nothing_and_service_goes_on() {
    let scene = scene::stopped();
    let timed = timed(scene);
    works(&timed.client, &timed.rotating);
    timed.faults.set_clock_ahead(TEN_YEARS);
    timed.is_held();
    assert_eq!(count(&timed.client, "chancery/ClockJumpedAhead"), 1);
    timed.is_released_by_accepting();
    timed.ends_well(scene);
}

/// The machine was off, or somebody set its clock while it was.
#[test]
fn a_start_ten_years_later_destroys_nothing_and_service_goes_on() {
    let scene = scene::stopped();
    let mut timed = timed(scene);
    timed.daemon.stop();
    timed.faults.set_clock_ahead(TEN_YEARS);
    timed.daemon.start_again();
    timed.client = Client::unix(timed.daemon.socket()).unwrap();
    timed.is_held();
    // A restart is no way around it.
    timed.daemon.kill();
    timed.daemon.start_again();
    timed.client = Client::unix(timed.daemon.socket()).unwrap();
    assert_eq!(status(&timed.client)["TimersHeld"], true);
    assert_eq!(state_of(&timed.client, &timed.doomed), "PendingDeletion");
    timed.is_released_by_accepting();
    timed.ends_well(scene);
}

#[test]
fn backward_is_recorded_and_event_time_stands_still() {
    let scene = scene::stopped();
    let timed = timed(scene);
    let client = &timed.client;
    for (times, ahead) in [(1, -60 * 60), (2, -TEN_YEARS)] {
        timed.faults.set_clock_ahead(ahead);
        wait_until("the step is recorded", || {
            count(client, "chancery/ClockSteppedBack") == times
        });
        works(client, &timed.rotating);
        assert_eq!(state_of(client, &timed.doomed), "PendingDeletion");
        let mut times: Vec<_> = crash::events(client)
            .into_values()
            .flatten()
            .map(|event| (event.seq, event.time))
            .collect();
        times.sort();
        assert!(
            times.is_sorted_by_key(|(_, time)| *time),
            "time never goes back in the log"
        );
    }
    timed.faults.set_clock_ahead(0);
    works(client, &timed.rotating);
    timed.ends_well(scene);
}
