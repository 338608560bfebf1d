//! The log key is lost: with the end of the log that brought it another, or with the vault.

use super::*;
use crate::audit::unproven::Unproven;

fn lost_key() -> Confirmed {
    Confirmed {
        lost_log_key: true,
        ..Confirmed::default()
    }
}

impl Machine {
    /// Rotates the log key as a daemon does: the one before is erased.
    fn rotate_and_erase(&self) {
        let mut offline = Offline::new(self.resume().unwrap());
        rotate(&mut offline).unwrap();
        offline.erase_owed().unwrap();
        offline.close().unwrap();
    }

    fn vault(&self) -> [Vec<u8>; 2] {
        [self.mirrors[0].durable(), self.mirrors[1].durable()]
    }

    /// A log whose vault was put back from before its last rotation; and that vault.
    fn with_an_old_vault() -> (Self, [Vec<u8>; 2]) {
        let mut machine = Self::founded();
        let old = machine.vault();
        machine.rotate_and_erase();
        machine.mirrors = [file_of(&old[0]), file_of(&old[1])];
        (machine, old)
    }

    /// The log verifies, ends with an epoch that no key before it vouches for, says so, and goes on.
    #[track_caller]
    fn goes_on_alone(&self) {
        let report = self.verified();
        let turn = report.turns.last().unwrap();
        assert!(turn.is_alone(), "{turn}");
        assert!(
            turn.to_string()
                .ends_with("signed that itself: the key before it was lost"),
            "{turn}"
        );
        let unproven = Unproven::Alone {
            seq: turn.seq,
            key: turn.key,
        };
        assert!(report.unproven.contains(&unproven), "{:?}", report.unproven);
        self.grow(2);
        self.rotate();
        self.verified();
    }
}

#[test]
fn an_end_that_took_the_log_key_along_is_accepted_by_who_can_count_it() {
    let mut machine = Machine::founded();
    let short = machine.store.clone_contents();
    machine.rotate_and_erase();
    let missing = machine.size() - 2;
    machine.put_back(short);
    assert!(matches!(
        machine.resume(),
        Err(BootError::Shortened { found: 2, .. })
    ));
    assert!(matches!(machine.accept(None), Err(AcceptError::Missing { .. })));
    machine.accept(Some(missing)).unwrap();
    machine.goes_on_alone();
}

#[test]
fn a_vault_from_before_a_rotation_is_refused_as_it_is_and_the_loss_of_the_key_can_be_accepted() {
    let (machine, old) = Machine::with_an_old_vault();
    // One mirror of it alone would be repaired from the other, once it can serve the log.
    let machine = Machine {
        mirrors: [file_of(&old[0]), MemoryFile::new()],
        ..machine
    };
    let refused = machine.resume();
    assert!(matches!(refused, Err(BootError::LogKeyLost(_))), "{refused:?}");
    assert_eq!(machine.vault(), [old[0].clone(), Vec::new()]);
    assert!(matches!(machine.accept(None), Err(AcceptError::Nothing(_))));
    assert_eq!(machine.vault(), [old[0].clone(), Vec::new()]);
    machine.accept_as(lost_key()).unwrap();
    machine.goes_on_alone();
}

#[test]
fn a_key_that_is_there_is_not_given_up() {
    let machine = Machine::founded();
    let anchor = machine.anchor.durable();
    assert!(matches!(
        machine.accept_as(lost_key()),
        Err(AcceptError::Nothing(2))
    ));
    assert_eq!((machine.anchor.durable(), machine.size()), (anchor, 2));

    // With something else lost, the key that is there signs.
    let machine = Machine {
        anchor: MemoryFile::new(),
        ..machine
    };
    machine.accept_as(lost_key()).unwrap();
    assert!(!machine.verified().turns[0].is_alone());
}

#[test]
fn a_lost_key_that_no_missing_event_explains_is_asked_for() {
    let (machine, old) = Machine::with_an_old_vault();
    let machine = Machine {
        anchor: MemoryFile::new(),
        ..machine
    };
    let refused = machine.accept(None);
    assert!(matches!(refused, Err(AcceptError::LogKey(_))), "{refused:?}");
    assert_eq!(machine.vault(), old);
    machine.accept_as(lost_key()).unwrap();
    machine.goes_on_alone();
}

/// What a cut takes away may be more than the anchor knows of: the epoch begins all the same.
#[test]
fn a_cut_that_the_anchor_does_not_know_of_is_a_loss() {
    let machine = Machine::founded();
    let cut = |missing| Confirmed {
        missing,
        cut: true,
        ..Confirmed::default()
    };
    assert!(matches!(
        machine.accept_as(cut(Some(1))),
        Err(AcceptError::Uncounted)
    ));
    machine.accept_as(cut(None)).unwrap();
    let report = machine.verified();
    assert!(report.turns[0].epoch.is_some() && !report.turns[0].is_alone());
}
