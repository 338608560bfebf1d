//! `chancery status`: one screen about a running daemon, and what its operator should do.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;

use super::action::call;
use super::exit::{Failure, say};
use super::paths::Surroundings;
use super::target::{Place, Target};
use crate::api::table::CHANCERY;
use crate::engine::home::Layout;

/// Show whether the daemon is there, how it is, and what to do about it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Its data directory, to see whether the root access key is still in it [default: as for `serve`, on the default socket]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Lines that begin with `!` ask for something to be done. `chancery chancery GetStatus` says the same as JSON, for programs.";

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let place = arguments.target.place()?;
    let answer = call(&arguments.target, &CHANCERY, "GetStatus", &[])?;
    let answer: Value = serde_json::from_str(&answer)
        .map_err(|_| Failure::Unreachable("the answer is not one of this protocol".to_owned()))?;
    let mut screen = screen(&place.to_string(), &Status(&answer));
    if let Some(file) = access_key_left(arguments, &place) {
        let file = file.display();
        screen.push_str(&format!(
            "\n! root access key: {file} is still there: move it to a safe place"
        ));
    }
    say(&screen)
}

/// The answer to GetStatus.
struct Status<'a>(&'a Value);

impl Status<'_> {
    fn text(&self, field: &str) -> &str {
        self.0.get(field).and_then(Value::as_str).unwrap_or("-")
    }

    fn number(&self, field: &str) -> Option<u64> {
        self.0.get(field).and_then(Value::as_u64)
    }

    fn count(&self, field: &str) -> u64 {
        self.number(field).unwrap_or(0)
    }

    fn is(&self, field: &str) -> bool {
        self.0.get(field).and_then(Value::as_bool).unwrap_or(false)
    }
}

fn screen(place: &str, status: &Status<'_>) -> String {
    let held = status.is("TimersHeld");
    let mut screen = String::new();
    for (label, value) in [
        ("running on", place.to_owned()),
        (
            "software",
            format!(
                "{}, up {} since {}",
                status.text("Software"),
                duration(status.count("UptimeSeconds")),
                status.text("StartTime")
            ),
        ),
        ("log", status.text("LogId").to_owned()),
        ("origin", status.text("Origin").to_owned()),
        ("public key", status.text("PublicKey").to_owned()),
        (
            "events",
            format!(
                "{}, the newest at {}",
                status.count("Size"),
                status.text("HeadTime")
            ),
        ),
        ("its leaf", status.text("HeadLeaf").to_owned()),
        ("state digest", status.text("StateDigest").to_owned()),
        (
            "behind",
            format!(
                "{} events not on disk yet, {} not in the anchor yet",
                status.count("LagEvents"),
                status.count("AnchorLagEvents")
            ),
        ),
        ("commits", commits(status)),
        (
            "queue",
            format!(
                "{} of {} calls",
                status.count("QueuedCalls"),
                status.count("QueuedCallsMax")
            ),
        ),
        (
            "vault",
            format!(
                "{} slots ready, {} erasures owed",
                status.count("FreeSlots"),
                status.count("OwedErasures")
            ),
        ),
        (
            "connections",
            format!(
                "{} open, {} turned away",
                status.count("OpenConnections"),
                status.count("TurnedAwayConnections")
            ),
        ),
        (
            "nonces",
            format!("{} remembered", status.count("RememberedNonces")),
        ),
        ("timers", if held { "HELD" } else { "run" }.to_owned()),
        ("disk", disk(status)),
    ] {
        // Writing to a string does not fail.
        let _written = writeln!(screen, "{label:<15} {value}");
    }
    for advice in advice(status) {
        let _written = writeln!(screen, "! {advice}");
    }
    screen.truncate(screen.trim_end().len());
    screen
}

fn commits(status: &Status<'_>) -> String {
    match (status.number("CommitMicrosP50"), status.number("CommitMicrosP99")) {
        (Some(half), Some(most)) => format!("half within {}, 99% within {}", short(half), short(most)),
        (Some(half), None) => format!("half within {}, some take over 6 s", short(half)),
        _ => "-".to_owned(),
    }
}

fn disk(status: &Status<'_>) -> String {
    match (status.number("DiskFreeBytes"), status.number("DiskTotalBytes")) {
        (Some(free), Some(total)) => format!(
            "{} free of {} ({}%), {} in reserve",
            bytes(free),
            bytes(total),
            percent(free, total),
            bytes(status.count("DiskReserveBytes"))
        ),
        _ => "-".to_owned(),
    }
}

/// What the operator should do, most urgent first.
fn advice(status: &Status<'_>) -> Vec<String> {
    let mut advice = Vec::new();
    if status.is("TimersHeld") {
        advice.push(
            "timers: the clock jumped, so that scheduled deletions wait for a day of agreement; look at the machine's clock, \
             then say `chancery clock accept`"
                .to_owned(),
        );
    }
    if status.is("Unguarded") {
        advice.push(
            "guard: another user of this machine holds the name by which a copy of this log would be noticed; `ss -xlp | grep \
             chancery/log` shows who. Until he lets go of it, make sure that no copy of the data directory is served"
                .to_owned(),
        );
    }
    let room = status.text("DiskRoom");
    if matches!(room, "low" | "full" | "exhausted") {
        let refused = match room {
            "low" => "work with keys is refused",
            "full" => "only denials, disabling and deletions are done, on the reserve",
            _ => "every call is refused",
        };
        advice.push(format!("disk: it is {room}, {refused}; make room on it"));
    } else if let (Some(free), Some(total)) =
        (status.number("DiskFreeBytes"), status.number("DiskTotalBytes"))
        && (free < DISK_FREE_LOW || percent(free, total) < DISK_FREE_LOW_PERCENT)
    {
        advice.push(format!(
            "disk: {} are left; a full disk stops every operation, for nothing is answered that is not recorded",
            bytes(free)
        ));
    }
    if status.count("AnchorLagEvents") > ANCHOR_LAG_HIGH {
        advice.push("anchor: it is far behind; is its disk answering?".to_owned());
    }
    if status.count("QueuedCalls") * 2 > status.count("QueuedCallsMax") {
        advice.push("queue: more than half full; callers will be throttled".to_owned());
    }
    advice
}

fn short(micros: u64) -> String {
    if micros < 1_000 {
        format!("{micros} us")
    } else {
        format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100)
    }
}

fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or(0)
}

fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["MiB", "GiB", "TiB", "PiB"];
    let mut tenths = count.saturating_mul(10) >> 20;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths >>= 10;
        unit += 1;
    }
    let unit = UNITS.get(unit).unwrap_or(&"");
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// The first access key, if it was not moved away yet. The data directory is the one that was named; a daemon on the
/// default socket is taken to have the default one, any other could have it anywhere.
fn access_key_left(arguments: &Arguments, place: &Place) -> Option<PathBuf> {
    let dir = match &arguments.data {
        Some(dir) => dir.clone(),
        None => {
            let defaults = Surroundings::of_process();
            let is_default = defaults.socket().ok().map(Place::Socket).as_ref() == Some(place);
            is_default.then(|| defaults.data().ok()).flatten()?
        }
    };
    let file = Layout::new(dir, None).root_access_key();
    file.exists().then_some(file)
}

/// Less room than this asks for a word, bytes: an hour of full speed at some 1 KiB an event.
const DISK_FREE_LOW: u64 = 4 << 30;
/// And so does less of the whole than this.
const DISK_FREE_LOW_PERCENT: u64 = 5;
/// An anchor that is written every 100 ms is not further behind than this.
const ANCHOR_LAG_HIGH: u64 = 10_000;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn healthy() -> Value {
        json!({
            "Software": "chancery 1.2.3", "StartTime": "2026-12-01T00:00:00Z", "UptimeSeconds": 277_500,
            "LogId": "L", "Origin": "chancery/L/1", "PublicKey": "cHVi", "Size": 12, "HeadLeaf": "aa",
            "HeadTime": "2026-12-04T05:05:00Z", "StateDigest": "bb", "LagEvents": 0, "AnchorLagEvents": 3,
            "TimersHeld": false, "QueuedCalls": 1, "QueuedCallsMax": 4096, "CommitMicrosP50": 800,
            "CommitMicrosP99": 3200, "FreeSlots": 256, "OwedErasures": 0,
            "OpenConnections": 7, "TurnedAwayConnections": 0, "RememberedNonces": 5, "DiskRoom": "plenty",
            "DiskReserveBytes": 64 << 20, "DiskFreeBytes": 30_u64 << 30, "DiskTotalBytes": 40_u64 << 30,
        })
    }

    fn with(field: &str, value: Value) -> Value {
        let mut status = healthy();
        status[field] = value;
        status
    }

    #[test]
    fn a_healthy_daemon_fits_one_screen_and_asks_for_nothing() {
        let screen = screen("unix:/s", &Status(&healthy()));
        assert!(
            screen.lines().count() <= 20 && !screen.contains("\n!"),
            "{screen}"
        );
        for line in [
            "running on      unix:/s",
            "software        chancery 1.2.3, up 3 d 5 h since 2026-12-01T00:00:00Z",
            "events          12, the newest at 2026-12-04T05:05:00Z",
            "behind          0 events not on disk yet, 3 not in the anchor yet",
            "commits         half within 800 us, 99% within 3.2 ms",
            "queue           1 of 4096 calls",
            "vault           256 slots ready, 0 erasures owed",
            "timers          run",
            "connections     7 open, 0 turned away",
            "nonces          5 remembered",
            "disk            30.0 GiB free of 40.0 GiB (75%), 64.0 MiB in reserve",
        ] {
            assert!(screen.lines().any(|found| found == line), "{line} in\n{screen}");
        }
    }

    #[test]
    fn what_needs_a_hand_is_said_with_the_way_out() {
        for (status, words) in [
            (with("TimersHeld", true.into()), "`chancery clock accept`"),
            (with("Unguarded", true.into()), "make sure that no copy"),
            (with("DiskFreeBytes", (1_u64 << 30).into()), "1.0 GiB are left"),
            (with("DiskRoom", "low".into()), "work with keys is refused"),
            (with("DiskRoom", "full".into()), "on the reserve"),
            (with("DiskTotalBytes", (30_u64 << 40).into()), "disk: "),
            (
                with("AnchorLagEvents", 1_000_000.into()),
                "is its disk answering?",
            ),
            (with("QueuedCalls", 4_000.into()), "throttled"),
        ] {
            let screen = screen("h", &Status(&status));
            let asks: Vec<_> = screen.lines().filter(|line| line.starts_with("! ")).collect();
            assert!(asks.len() == 1 && asks[0].contains(words), "{screen}");
        }
    }

    #[test]
    fn amounts_read_well() {
        assert_eq!(bytes(0), "0.0 MiB");
        assert_eq!(bytes((5 << 30) + (1 << 29)), "5.5 GiB");
        assert_eq!(bytes(3 << 40), "3.0 TiB");
        assert_eq!(duration(59), "59 s");
        assert_eq!(duration(3_599), "59 min");
        assert_eq!(duration(7_260), "2 h 1 min");
        assert_eq!(short(50), "50 us");
        assert_eq!(short(12_800), "12.8 ms");
    }
}
