//! Admission and the full disk, through the whole engine.

use super::*;
use crate::engine::query::log::GetLogStatus;
use crate::engine::reserve::Room;
use crate::engine::reserve::tests::{HandDisk, LIMITS};

fn unknown() -> Work {
    encrypt(KeyId::make(&SystemEntropy))
}

impl Bench {
    async fn try_as(&self, kind: ActorKind, work: Work) -> Result<Result<Answer, ApiError>, Code> {
        let call = self.call("kms/Encrypt", kind, work);
        Ok(self.engine.submit(call).await?.reply.result)
    }
}

/// Refusals that use work finds before its event, and refusals that are decided at it.
#[tokio::test]
async fn refused_operations_are_throttled_and_what_succeeds_goes_on() {
    let bench = start_with(AdmissionLimits {
        refused_burst: 3,
        refused_per_second: 0,
        ..AdmissionLimits::default()
    });
    let key = bench.make_key().await;
    let cancel = || transition(key, Transition::CancelDeletion);
    for work in [unknown(), cancel(), unknown()] {
        assert!(bench.try_as(ActorKind::Root, work).await.unwrap().is_err());
    }
    let size = bench.store.size().unwrap();
    for work in [unknown(), cancel()] {
        let throttled = bench.try_as(ActorKind::Root, work).await.unwrap_err();
        assert_eq!(throttled, Code::Throttled);
    }
    assert_eq!(bench.store.size().unwrap(), size, "a throttled call is no event");
    assert!(bench.try_as(ActorKind::Root, encrypt(key)).await.unwrap().is_ok());
    // Another principal has a bucket of its own.
    let denied = bench.try_as(ActorKind::Unmapped, encrypt(key)).await.unwrap();
    assert_eq!(denied.unwrap_err().code, Code::NoPermission);
}

#[tokio::test]
async fn a_principal_has_its_share_of_the_calls_under_way_and_no_more() {
    let limits = AdmissionLimits {
        calls_at_once: 2,
        ..AdmissionLimits::default()
    };
    let (bench, admission) = (start(), Admission::new(limits));
    let root = bench.call("kms/Encrypt", ActorKind::Root, unknown());
    let mut other = bench.call("kms/Encrypt", ActorKind::Unmapped, unknown());
    other.origin.uid = Some(1_001);
    let system = bench.call("chancery/Note", ActorKind::System, unknown());

    let first = admission.enter(&root).unwrap();
    let _second = admission.enter(&root).unwrap();
    assert_eq!(admission.enter(&root).unwrap_err(), Code::Throttled);
    assert!(admission.enter(&other).is_ok());
    assert!(admission.enter(&system).is_ok());
    drop(first);
    assert!(admission.enter(&root).is_ok());
}

#[tokio::test]
async fn on_a_full_disk_keys_can_be_disabled_and_callers_denied_but_nothing_is_used() {
    let bench = start();
    let key = bench.make_key().await;
    let disk = HandDisk::default();
    disk.set_free(200);
    let reserve = &bench.engine.tools().reserve;
    reserve.watch(Box::new(disk.clone()), LIMITS);
    assert_eq!(reserve.look(), Room::Plenty);
    assert!(bench.ask("kms/Encrypt", encrypt(key)).await.is_ok());

    for (free, room) in [(50, Room::Low), (10, Room::Full)] {
        disk.set_free(free);
        assert_eq!(reserve.look(), room);
        let size = bench.store.size().unwrap();
        for work in [encrypt(key), transition(key, Transition::Enable)] {
            let refused = bench.try_as(ActorKind::Root, work).await.unwrap_err();
            assert_eq!(refused, Code::Unavailable);
        }
        assert_eq!(bench.store.size().unwrap(), size);
        let status = Work::Query(Box::new(GetLogStatus));
        let looked = bench.try_as(ActorKind::Root, status).await;
        assert_eq!(looked.is_ok(), room == Room::Low);
        let denied = bench.try_as(ActorKind::Unmapped, encrypt(key)).await.unwrap();
        assert_eq!(denied.unwrap_err().code, Code::NoPermission);
        let disabled = transition(key, Transition::Disable);
        assert!(bench.try_as(ActorKind::Root, disabled).await.unwrap().is_ok());
    }
    assert_eq!(disk.set_aside_now(), 0);

    disk.set_free(3);
    bench.engine.keep_house().await;
    assert_eq!(reserve.room(), Room::Exhausted);
    let disable = transition(key, Transition::Disable);
    assert_eq!(
        bench.try_as(ActorKind::Root, disable).await.unwrap_err(),
        Code::Unavailable
    );

    disk.set_free(200);
    bench.engine.keep_house().await;
    bench
        .ask("kms/EnableKey", transition(key, Transition::Enable))
        .await
        .unwrap();
    assert!(bench.ask("kms/Encrypt", encrypt(key)).await.is_ok());
    assert_eq!(disk.set_aside_now(), LIMITS.reserve);
}
