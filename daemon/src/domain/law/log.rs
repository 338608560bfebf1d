//! Which log key and which epoch may follow. Whether the new key proves itself, and whose leaf hash an epoch names, is the
//! audit's to check: it has the entries.

use super::{Unlawful, present};
use crate::event::{EpochBegun, NewLogKey};
use crate::projection::State;

/// Another key for a log that has one: of the right form, and never used before, so that a key tells its positions.
pub(super) fn key(state: &State, new: &NewLogKey) -> Result<(), Unlawful> {
    let log = present(state.log())?;
    let is_whole = new.public.as_slice().len() == 32 && new.proof.as_slice().len() == 64;
    if is_whole && log.keys.iter().all(|period| period.public != new.public) {
        Ok(())
    } else {
        Err(Unlawful::LogKey)
    }
}

/// The next epoch, of the log as it ends here.
pub(super) fn epoch(state: &State, begun: &EpochBegun) -> Result<(), Unlawful> {
    key(state, &begun.key)?;
    let follows = present(state.log())?
        .next_epoch()
        .is_some_and(|(origin, epoch)| (origin.as_str(), epoch) == (begun.origin.as_str(), begun.epoch));
    let ends_here = begun.size == state.size() && begun.anchored.is_none_or(|said| said > begun.size);
    if follows && ends_here {
        Ok(())
    } else {
        Err(Unlawful::Epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::given::{AT, given};
    use super::super::check;
    use super::*;
    use crate::base::{Digest, LogId, Region, Seq, SlotRef};
    use crate::event::{Change, EpochCause, EpochSigner, InternalKeyPurpose, LogBegun};

    const LOG: LogId = LogId::from_bytes([1; 16]);

    fn slot(slot: u32) -> SlotRef {
        SlotRef { slot, generation: 1 }
    }

    fn begun() -> [Change; 2] {
        [
            Change::LogBegun(LogBegun {
                log: LOG,
                format: 1,
                origin: format!("name/{LOG}/1"),
                public: vec![1; 32].into(),
                region: Region::parse("cn-hangzhou").unwrap(),
                software: "s".into(),
            }),
            Change::InternalKeyCreated {
                slot: slot(1),
                sealed: vec![1; 40].into(),
                purpose: InternalKeyPurpose::LogSigning,
            },
        ]
    }

    fn made(n: u8) -> NewLogKey {
        NewLogKey {
            slot: slot(n.into()),
            proof: vec![n; 64].into(),
            public: vec![n; 32].into(),
            sealed: vec![n; 40].into(),
        }
    }

    fn next(state: &State) -> EpochBegun {
        EpochBegun {
            key: made(9),
            leaf: Digest::of(b"leaf"),
            size: state.size(),
            cause: EpochCause::LossAccepted,
            epoch: 2,
            origin: format!("name/{LOG}/2"),
            reason: "r".into(),
            signer: EpochSigner::Before,
            anchored: None,
        }
    }

    #[test]
    fn another_key_takes_over_after_its_event_and_the_old_one_is_owed_an_erasure() {
        let state = given(begun());
        let rotated = Change::LogKeyRotated(made(2));
        assert_eq!(check(&state, AT, &rotated), Ok(()));
        let after = given(begun().into_iter().chain([rotated]));
        let log = after.log().unwrap();
        assert_eq!(log.public, made(2).public);
        assert_eq!(log.origin, format!("name/{LOG}/1"));
        let periods: Vec<_> = log.keys.iter().map(|p| (p.from, p.public.clone())).collect();
        assert_eq!(
            periods,
            [
                (Seq::GENESIS, vec![1; 32].into()),
                (Seq::new(after.size()), vec![2; 32].into())
            ]
        );
        assert_eq!(after.erasures().collect::<Vec<_>>(), [slot(1)]);
        let key = after.internal_key(InternalKeyPurpose::LogSigning).unwrap();
        assert_eq!((key.slot, &key.sealed), (slot(2), &made(2).sealed));
    }

    #[test]
    fn a_key_comes_once_and_whole() {
        let state = given(begun().into_iter().chain([Change::LogKeyRotated(made(2))]));
        let used = NewLogKey {
            slot: slot(3),
            ..made(2)
        };
        let first = NewLogKey {
            public: vec![1; 32].into(),
            ..made(3)
        };
        let short = NewLogKey {
            public: vec![3; 31].into(),
            ..made(3)
        };
        let unproven = NewLogKey {
            proof: vec![3; 63].into(),
            ..made(3)
        };
        for key in [used, first, short, unproven] {
            let rotated = Change::LogKeyRotated(key);
            assert_eq!(check(&state, AT, &rotated), Err(Unlawful::LogKey), "{rotated:?}");
        }
        // The slot of the key before is taken as long as it is owed its erasure.
        let early = NewLogKey {
            slot: slot(1),
            ..made(3)
        };
        assert_eq!(
            check(&state, AT, &Change::LogKeyRotated(early)),
            Err(Unlawful::SlotTaken)
        );
        assert_eq!(
            check(&given([]), AT, &Change::LogKeyRotated(made(2))),
            Err(Unlawful::Missing)
        );
    }

    #[test]
    fn an_epoch_follows_the_one_before_it() {
        let state = given(begun());
        let right = next(&state);
        assert_eq!(check(&state, AT, &Change::EpochBegun(right.clone())), Ok(()));
        let more = EpochBegun {
            anchored: Some(right.size + 1),
            ..right.clone()
        };
        assert_eq!(check(&state, AT, &Change::EpochBegun(more)), Ok(()));
        for wrong in [
            EpochBegun {
                epoch: 3,
                ..right.clone()
            },
            EpochBegun {
                origin: format!("name/{LOG}/3"),
                ..right.clone()
            },
            EpochBegun {
                origin: format!("other/{LOG}/2"),
                ..right.clone()
            },
            EpochBegun {
                size: right.size - 1,
                ..right.clone()
            },
            EpochBegun {
                anchored: Some(right.size),
                ..right.clone()
            },
        ] {
            let wrong = Change::EpochBegun(wrong);
            assert_eq!(check(&state, AT, &wrong), Err(Unlawful::Epoch), "{wrong:?}");
        }
        let after = given(begun().into_iter().chain([Change::EpochBegun(right.clone())]));
        assert_eq!(after.log().unwrap().origin, right.origin);
        assert_eq!(
            after.log().unwrap().keys.last().unwrap().origin,
            Some(right.origin)
        );
    }
}
