//! Law 3: events that the daemon could not have recorded, signed with its own key all the same.

use super::bench::{Bench, check, transition};
use super::found;
use crate::audit::lawful::Breach;
use crate::audit::problem::Fault;
use crate::base::{Code, Digest, KeyId, Seq, Timestamp};
use crate::domain::law::Unlawful;
use crate::domain::lifecycle::Transition;
use crate::event::codec::DecodeError;
use crate::event::{ActorKind, Change, Effect, Event, Outcome, Recorded};

/// A template of each operation, and a log to lie into.
struct Stage {
    bench: Bench,
    key: KeyId,
}

impl Stage {
    fn new() -> Self {
        let (bench, key) = Bench::busy();
        Self { bench, key }
    }

    /// The last honest event of `op`, changed, as the next event of the log. Its time is now.
    fn event(&self, op: &str, change: impl FnOnce(&mut Event)) -> Event {
        let mut event = self.bench.last_of(op);
        let now = self.bench.core.writer.state().time();
        (event.time, event.dec.at) = (now, now);
        change(&mut event);
        event
    }

    #[track_caller]
    fn is_breach(&self, event: Event, breach: Breach) {
        self.is_fault(event, &Fault::Breach(breach));
    }

    #[track_caller]
    fn is_fault(&self, event: Event, fault: &Fault) {
        let seq = self.bench.lie(vec![event])[0];
        let report = check(&mut self.bench.source());
        found(&report, usize::try_from(seq.get()).unwrap(), fault);
        assert_eq!(report.problems.first()[0].seq, seq, "{:#?}", report.problems);
    }
}

#[test]
fn an_honest_event_appended_the_same_way_is_none() {
    let stage = Stage::new();
    let ops = ["kms/Encrypt", "kms/DescribeRegions"];
    let events = ops.map(|op| stage.event(op, |_| ()));
    stage.bench.lie(events.into());
    let report = check(&mut stage.bench.source());
    assert!(report.is_verified(), "{:#?}", report.problems);
}

#[test]
fn a_read_of_another_revision_is_found() {
    let stage = Stage::new();
    let event = stage.event("kms/Encrypt", |event| {
        event.obs.read[0].revision = Some(Seq::new(1));
    });
    let row = format!("key {}", stage.key);
    stage.is_breach(event, Breach::StaleRead(row));
}

#[test]
fn a_use_after_its_key_was_disabled_is_found() {
    let mut stage = Stage::new();
    let used = stage.event("kms/Encrypt", |_| ());
    let key = stage.key;
    stage
        .bench
        .run("kms/DisableKey", transition(key, Transition::Disable));
    let now = stage.bench.core.writer.state().time();
    let late = |change: fn(&mut Event)| {
        let mut event = used.clone();
        (event.time, event.dec.at) = (now, now);
        change(&mut event);
        event
    };
    // As it was read before, with the reads left out, and with the reads brought up to date.
    let before = late(|_| ());
    let without = late(|event| event.obs.read.clear());
    let with = late(|event| event.obs.read[0].revision = Some(Seq::new(17)));
    let seqs = stage.bench.lie(vec![before, without, with]);
    let report = check(&mut stage.bench.source());
    let row = format!("key {key}");
    let breaches = [
        Breach::StaleRead(row.clone()),
        Breach::Unread(row),
        Breach::KeyNotUsable,
    ];
    for (seq, breach) in seqs.iter().zip(breaches) {
        found(
            &report,
            usize::try_from(seq.get()).unwrap(),
            &Fault::Breach(breach),
        );
    }
}

#[test]
fn a_key_destroyed_before_its_time_is_found() {
    let mut stage = Stage::new();
    let key = stage.key;
    let schedule = transition(key, Transition::ScheduleDeletion { days: 7 });
    stage.bench.run("kms/ScheduleKeyDeletion", schedule);
    let scheduled = stage.bench.last_of("kms/ScheduleKeyDeletion");
    let event = stage.event("chancery/DestroyKey", |event| {
        event.chg = vec![Change::KeyDestroyed { key }];
        event.res.clone_from(&scheduled.res);
        event.obs.read.clone_from(&scheduled.obs.read);
        event.obs.read[0].revision = Some(scheduled.seq);
    });
    stage.is_fault(event, &Fault::Unlawful(Unlawful::NotDue));
}

#[test]
fn a_change_that_is_not_the_operations_is_found() {
    let stage = Stage::new();
    let key = stage.key;
    let event = stage.event("kms/DescribeRegions", |event| {
        event.chg = vec![Change::KeyDisabled { key }];
    });
    stage.is_breach(event, Breach::ForeignChange("KeyDisabled"));
}

#[test]
fn a_change_of_another_resource_is_found() {
    let mut stage = Stage::new();
    let other = stage.bench.make_key();
    let event = stage.event("kms/DisableKey", |event| {
        event.chg = vec![Change::KeyDisabled { key: other }];
    });
    stage.is_breach(event, Breach::Unauthorized);
}

#[test]
fn a_failure_that_changes_something_is_found() {
    let stage = Stage::new();
    let key = stage.key;
    let event = stage.event("kms/DisableKey", |event| {
        event.chg = vec![Change::KeyDisabled { key }];
        event.out = Outcome::from(&Code::Internal.into());
    });
    stage.is_breach(event, Breach::FailedChange);
}

// The caller was told that the key is disabled, and it is not.
#[test]
fn a_success_that_did_nothing_is_found() {
    let stage = Stage::new();
    let event = stage.event("kms/DisableKey", |event| event.chg.clear());
    stage.is_breach(event, Breach::NothingDone);
}

#[test]
fn a_success_for_somebody_who_is_denied_is_found() {
    let stage = Stage::new();
    let event = stage.event("kms/Encrypt", |event| event.actor.kind = ActorKind::Unmapped);
    stage.is_breach(event, Breach::Decision);

    let stage = Stage::new();
    let event = stage.event("kms/Encrypt", |event| {
        event.dec.effect = Effect::None;
        event.dec.by.clear();
    });
    stage.is_breach(event, Breach::NotAllowed);
}

#[test]
fn a_denial_of_somebody_who_is_allowed_is_found() {
    let stage = Stage::new();
    let event = stage.event("kms/Encrypt", |event| {
        event.dec.effect = Effect::Deny;
        event.dec.by = vec!["nothing allows it".into()];
        event.out = Outcome::from(&Code::NoPermission.into());
        event.blob = None;
    });
    stage.is_breach(event, Breach::Decision);
}

#[test]
fn an_operation_of_the_daemon_by_somebody_else_is_found() {
    let stage = Stage::new();
    let event = stage.event("chancery/SealState", |event| {
        event.actor.kind = ActorKind::Root;
        event.dec.by = vec!["account root".into()];
    });
    stage.is_breach(event, Breach::Actor);

    let stage = Stage::new();
    let event = stage.event("kms/DescribeRegions", |event| event.op = "kms/Unheard".into());
    stage.is_breach(event, Breach::UnknownOperation);
}

#[test]
fn a_resource_of_another_account_is_found() {
    let stage = Stage::new();
    let event = stage.event("kms/Encrypt", |event| {
        event.res = vec![format!("acs:kms:cn-hangzhou:1000000000000001:key/{}", stage.key)];
    });
    stage.is_breach(event, Breach::Resource);
}

#[test]
fn an_admission_out_of_its_time_is_found() {
    let stage = Stage::new();
    let event = stage.event("kms/Encrypt", |event| {
        event.dec.at = event.time.plus_millis(1);
    });
    stage.is_breach(event, Breach::AdmittedLater);

    let stage = Stage::new();
    let event = stage.event("kms/Encrypt", |event| {
        event.dec.at = event.time.minus_millis(2_001);
    });
    stage.is_breach(event, Breach::AdmittedLongBefore);

    // A query's place is its snapshot: it may have been admitted before all that was recorded meanwhile.
    let stage = Stage::new();
    let event = stage.event("kms/DescribeRegions", |event| {
        event.dec.at = Timestamp::from_millis(1);
    });
    stage.bench.lie(vec![event]);
    assert!(check(&mut stage.bench.source()).is_verified());
}

#[test]
fn a_snapshot_of_the_future_is_found() {
    let stage = Stage::new();
    let event = stage.event("kms/DescribeRegions", |event| event.obs.snap = Some(18));
    stage.is_breach(event, Breach::Snapshot);
}

#[test]
fn a_digest_of_another_state_is_found() {
    let stage = Stage::new();
    let event = stage.event("chancery/SealState", |event| {
        event.chg = vec![Change::StateSealed {
            digest: Digest::of(b"another"),
        }];
    });
    stage.is_fault(event, &Fault::Unlawful(Unlawful::Digest));
}

#[test]
fn a_use_that_does_not_say_what_it_used_is_found() {
    let stage = Stage::new();
    let event = stage.event("kms/Encrypt", |event| event.blob = None);
    stage.is_breach(event, Breach::UseUnnamed);

    let stage = Stage::new();
    let event = stage.event("kms/Encrypt", |event| {
        event.out = Outcome::Ok(Recorded::default())
    });
    stage.is_breach(event, Breach::UseUnnamed);
}

#[test]
fn a_second_beginning_is_found() {
    let stage = Stage::new();
    let event = stage.event("chancery/BeginLog", |_| ());
    stage.is_fault(event, &Fault::Unlawful(Unlawful::BegunTwice));
}

#[test]
fn a_version_that_never_was_is_found() {
    let stage = Stage::new();
    let event = stage.event("kms/DescribeRegions", |event| event.v = 0);
    stage.is_fault(event, &Fault::Payload(DecodeError::NeverWas(0)));
}
