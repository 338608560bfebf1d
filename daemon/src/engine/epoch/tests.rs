use std::sync::Arc;

use super::*;
use crate::audit::{StoreSource, verify};
use crate::base::entropy::SystemEntropy;
use crate::base::memory_file::MemoryFile;
use crate::base::time::SystemClock;
use crate::base::{LogId, Region, SecretBytes};
use crate::domain::log_key::RotateLogKey;
use crate::engine::boot::{Core, Founding, found, load_state, resume};
use crate::event::Recorded;
use crate::ledger::Anchor;
use crate::ledger::memory_store::{Contents, FailMode, MemoryStore};

mod lost_key;

struct Machine {
    store: Arc<MemoryStore>,
    mirrors: [MemoryFile; 2],
    anchor: MemoryFile,
}

impl Machine {
    fn storage(&self) -> Storage {
        let [a, b] = &self.mirrors;
        Storage {
            log: Arc::clone(&self.store) as Arc<dyn EventStore>,
            mirrors: [Box::new(a.clone()), Box::new(b.clone())],
            anchor: Box::new(self.anchor.clone()),
        }
    }

    /// A log of two events, its daemon stopped.
    fn founded() -> Self {
        let machine = Self {
            store: Arc::new(MemoryStore::new()),
            mirrors: [MemoryFile::new(), MemoryFile::new()],
            anchor: MemoryFile::new(),
        };
        let founding = Founding {
            name: "test".into(),
            region: Region::parse("cn-hangzhou").unwrap(),
        };
        let core = found(machine.storage(), root(), &world(), &founding, &mut |_| Ok(())).unwrap();
        Offline::new(core).close().unwrap();
        machine
    }

    fn resume(&self) -> Result<Core, BootError> {
        resume(self.storage(), root(), &world())
    }

    /// Gives the log `count` more events, without a new anchor.
    fn grow(&self, count: usize) {
        let mut offline = Offline::new(self.resume().unwrap());
        (0..count).for_each(|_| note(&mut offline).unwrap());
    }

    fn rotate(&self) {
        let mut offline = Offline::new(self.resume().unwrap());
        rotate(&mut offline).unwrap();
        offline.close().unwrap();
    }

    fn accept(&self, missing: Option<u64>) -> Result<State, AcceptError> {
        let confirmed = Confirmed {
            missing,
            ..Confirmed::default()
        };
        self.accept_as(confirmed)
    }

    fn accept_as(&self, confirmed: Confirmed) -> Result<State, AcceptError> {
        accept_loss(self.storage(), &root(), &world(), "the disk died", confirmed)
    }

    /// The process is gone, and with it all that was not synced; the medium is opened again.
    fn crash(&mut self) {
        self.mirrors.iter().for_each(|file| file.crash(|_| false));
        self.anchor.crash(|_| false);
        self.store = Arc::new(self.store.reopen());
    }

    /// The store is put back as it once was, and everything else is left.
    fn put_back(&mut self, contents: Contents) {
        self.store = Arc::new(MemoryStore::with_contents(contents));
    }

    fn size(&self) -> u64 {
        self.store.size().unwrap()
    }

    fn state(&self) -> State {
        load_state(&*self.store).unwrap()
    }

    fn id(&self) -> LogId {
        self.state().log().unwrap().id
    }

    fn epoch(&self) -> String {
        let state = self.state();
        state.log().unwrap().origin.rsplit('/').next().unwrap().to_owned()
    }

    fn last_change(&self) -> Option<Change> {
        let last = Seq::new(self.size() - 1);
        let (_, entry) = self.store.entries(last, 1, usize::MAX).unwrap().remove(0);
        let event = decode_event(SignedEntry::parse(&entry).unwrap().payload).unwrap();
        event.chg.into_iter().next()
    }

    fn epochs_begun(&self) -> usize {
        let entries = self.store.entries(Seq::GENESIS, usize::MAX, usize::MAX).unwrap();
        let begun = entries.iter().filter(|(_, entry)| {
            let event = decode_event(SignedEntry::parse(entry).unwrap().payload).unwrap();
            event.op == BEGIN_EPOCH && !event.chg.is_empty()
        });
        begun.count()
    }

    /// The whole log proves itself, with its anchor.
    #[track_caller]
    fn verified(&self) -> crate::audit::Report {
        let anchor = Some(Box::new(self.anchor.clone()) as _);
        let mut source = StoreSource::new(&*self.store).unwrap().with_anchor(anchor);
        let report = verify(&mut source, &mut |_, _| ()).unwrap();
        assert!(report.is_verified(), "{:#?}", report.problems);
        report
    }
}

fn root() -> RootKey {
    RootKey::from_secret(SecretBytes::new(vec![7; 32])).unwrap()
}

fn world() -> World {
    World {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    }
}

fn note(offline: &mut Offline) -> Result<(), OfflineError> {
    let note = crate::domain::system::Note;
    offline
        .perform("chancery/Noted", Recorded::default(), note)
        .map(drop)
}

fn rotate(offline: &mut Offline) -> Result<(), OfflineError> {
    offline
        .perform("chancery/ReplaceLogKey", Recorded::default(), RotateLogKey)
        .map(drop)
}

#[test]
fn a_lost_anchor_begins_an_epoch_that_says_so() {
    let lost = Machine {
        anchor: MemoryFile::new(),
        ..Machine::founded()
    };
    assert!(matches!(lost.resume(), Err(BootError::AnchorGone { found: 2 })));
    let counted = lost.accept(Some(1));
    assert!(matches!(counted, Err(AcceptError::Uncounted)), "{counted:?}");
    let before = lost.store.head().unwrap().unwrap();
    lost.accept(None).unwrap();

    let report = lost.verified();
    assert_eq!((report.events, lost.epoch().as_str()), (4, "2"));
    let [turn] = report.turns.as_slice() else {
        panic!("{:?}", report.turns)
    };
    assert_eq!(turn.seq, Seq::new(2));
    let said = turn.to_string();
    assert!(
        said.starts_with("event 2: epoch 2 began (loss accepted: the disk died), with the log key "),
        "{said}"
    );
    let entries = lost.store.entries(Seq::new(2), 1, usize::MAX).unwrap();
    let event = decode_event(SignedEntry::parse(&entries[0].1).unwrap().payload).unwrap();
    let [Change::EpochBegun(begun)] = event.chg.as_slice() else {
        panic!("{event:?}")
    };
    assert_eq!((begun.size, begun.leaf, begun.anchored), (2, before.leaf, None));
    lost.resume().unwrap();
    // Once it is accepted there is nothing more to accept.
    assert!(matches!(lost.accept(None), Err(AcceptError::Nothing(4))));
}

#[test]
fn an_anchor_that_agrees_leaves_nothing_to_accept() {
    let agreeing = Machine::founded();
    let kept = agreeing.anchor.durable();
    assert!(matches!(agreeing.accept(None), Err(AcceptError::Nothing(2))));
    assert!(matches!(agreeing.accept(Some(1)), Err(AcceptError::Nothing(2))));
    assert_eq!((agreeing.anchor.durable(), agreeing.size()), (kept, 2));
}

#[test]
fn missing_events_are_accepted_by_who_can_say_how_many() {
    let mut machine = Machine::founded();
    let short = machine.store.clone_contents();
    machine.grow(3);
    Offline::new(machine.resume().unwrap()).close().unwrap();
    machine.put_back(short);
    let kept = machine.anchor.durable();
    let refused = machine.resume();
    assert!(
        matches!(
            refused,
            Err(BootError::Shortened {
                found: 2,
                anchored: 6,
                signer: ""
            })
        ),
        "{refused:?}"
    );
    for wrong in [None, Some(0), Some(3), Some(5)] {
        let refused = machine.accept(wrong);
        assert!(
            matches!(
                refused,
                Err(AcceptError::Missing {
                    found: 2,
                    anchored: 6,
                    ..
                })
            ),
            "{refused:?}"
        );
    }
    assert_eq!((machine.anchor.durable(), machine.size()), (kept, 2));

    machine.accept(Some(4)).unwrap();
    let report = machine.verified();
    assert_eq!(report.turns[0].epoch.as_ref().unwrap().missing, 4);
    machine.resume().unwrap();
}

/// The end that is lost had a new key in it: what signed the anchor is unknown, and yet it is not passed over.
#[test]
fn an_anchor_of_a_key_that_is_lost_is_evidence_too() {
    let mut machine = Machine::founded();
    let short = machine.store.clone_contents();
    machine.rotate();
    let anchored = machine.size();
    machine.put_back(short);
    let refused = machine.resume();
    assert!(
        matches!(refused, Err(BootError::Shortened { found: 2, signer, .. }) if !signer.is_empty()),
        "{refused:?}"
    );
    assert!(matches!(machine.accept(None), Err(AcceptError::Missing { .. })));
    machine.accept(Some(anchored - 2)).unwrap();
    machine.verified();
    machine.resume().unwrap();
}

/// A copy of the log went on by itself; then the anchor of the other one comes beside it.
#[test]
fn another_past_is_not_accepted() {
    let mut machine = Machine::founded();
    let (short, anchor) = (machine.store.clone_contents(), machine.anchor.durable());
    machine.grow(1);
    Offline::new(machine.resume().unwrap()).close().unwrap();
    let longer = std::mem::replace(&mut machine.anchor, file_of(&anchor));
    machine.put_back(short);
    machine.grow(3);
    machine.anchor = longer;
    let refused = machine.resume();
    assert!(
        matches!(
            refused,
            Err(BootError::Altered {
                found: 5,
                anchored: 4
            })
        ),
        "{refused:?}"
    );
    for missing in [None, Some(1)] {
        let refused = machine.accept(missing);
        assert!(
            matches!(
                refused,
                Err(AcceptError::Offline(OfflineError::Boot(
                    BootError::Altered { .. }
                )))
            ),
            "{refused:?}"
        );
    }
    assert_eq!(machine.size(), 5);
}

fn file_of(bytes: &[u8]) -> MemoryFile {
    use crate::base::disk::BlockFile;

    let file = MemoryFile::new();
    file.write_at(bytes, 0).unwrap();
    file.sync().unwrap();
    file
}

/// Method: the acceptance is cut after each of its writes: to the store, to the vault and to the anchor, persisted or not.
/// Wherever it was cut, the log verifies; either nothing was recorded, or the acceptance was and the next one ends it.
#[test]
fn an_acceptance_that_is_cut_short_is_in_the_log_and_the_next_one_ends_it() {
    let mut recorded_unfinished = 0;
    for anchored in [true, false] {
        for persisted in [false, true] {
            for device in ["store", "anchor", "vault"] {
                for count in 0..8 {
                    let mut machine = Machine::founded();
                    let short = machine.store.clone_contents();
                    if anchored {
                        machine.grow(3);
                        Offline::new(machine.resume().unwrap()).close().unwrap();
                        machine.put_back(short);
                    } else {
                        machine.anchor = MemoryFile::new();
                    }
                    let missing = anchored.then_some(4);
                    match device {
                        "store" if count == 0 => machine.store.fail_next(if persisted {
                            FailMode::Persisted
                        } else {
                            FailMode::NotPersisted
                        }),
                        "store" => continue,
                        "anchor" => machine.anchor.fail_after(count, persisted),
                        _ => machine.mirrors[0].fail_after(count, persisted),
                    }
                    let cut = machine.accept(missing);
                    machine.crash();
                    if cut.is_err() && machine.resume().is_err() {
                        let recorded = machine.epochs_begun();
                        let before = machine.size();
                        // What was accepted needs no second confirmation; what was not, does.
                        let again = if recorded == 1 { None } else { missing };
                        machine.accept(again).unwrap();
                        assert_eq!(machine.epochs_begun(), recorded + 1);
                        assert!(machine.size() > before);
                        recorded_unfinished += recorded;
                    }
                    machine.resume().unwrap();
                    machine.verified();
                    assert!(
                        machine.epochs_begun() >= 1,
                        "{device} {count} {persisted} {anchored}"
                    );
                }
            }
        }
    }
    assert!(
        recorded_unfinished > 0,
        "no cut fell between the event and its anchor"
    );
}

#[test]
fn a_rotation_leaves_one_key_the_anchor_and_the_whole_log_verified() {
    let machine = Machine::founded();
    let first = machine.state().log().unwrap().public.clone();
    let slot = |machine: &Machine| {
        let state = machine.state();
        state
            .internal_key(crate::event::InternalKeyPurpose::LogSigning)
            .unwrap()
            .slot
    };
    let old_slot = slot(&machine);
    machine.rotate();
    machine.grow(2);
    machine.rotate();
    let report = machine.verified();
    assert_eq!((report.turns.len(), machine.epoch().as_str()), (2, "1"));
    assert!(
        report.turns[0]
            .to_string()
            .contains("the log key was rotated to ")
    );
    // The first key is still what a verifier is asked for.
    assert_eq!(report.key, Some(crate::base::Digest::of(first.as_slice())));

    let mut offline = Offline::new(machine.resume().unwrap());
    assert_eq!(offline.state().erasures().count(), 2);
    offline.erase_owed().unwrap();
    offline.close().unwrap();
    assert_eq!(machine.state().erasures().count(), 0);
    machine.verified();
    let core = machine.resume().unwrap();
    assert!(core.tools.vault.key(old_slot).is_err());
    assert!(core.tools.vault.key(slot(&machine)).is_ok());
    machine.verified();
}

/// Method: a rotation and what follows it are cut after each write to store, vault and anchor. A start finds a log that goes
/// on with the key that its state names, and the whole of it verifies.
#[test]
fn a_rotation_cut_anywhere_leaves_a_log_that_goes_on() {
    let (mut old, mut new) = (0, 0);
    for persisted in [false, true] {
        for device in ["store", "anchor", "first mirror", "second mirror"] {
            for count in 0..10 {
                let mut machine = Machine::founded();
                let first = machine.state().log().unwrap().public.clone();
                let cut = |machine: &Machine| -> Result<(), OfflineError> {
                    let mut offline = Offline::new(machine.resume()?);
                    match device {
                        "store" if count == 0 => machine.store.fail_next(if persisted {
                            FailMode::Persisted
                        } else {
                            FailMode::NotPersisted
                        }),
                        "store" => {}
                        "anchor" => machine.anchor.fail_after(count, persisted),
                        "first mirror" => machine.mirrors[0].fail_after(count, persisted),
                        _ => machine.mirrors[1].fail_after(count, persisted),
                    }
                    rotate(&mut offline)?;
                    offline.erase_owed()?;
                    offline.close().map(drop)
                };
                let _cut = cut(&machine);
                machine.crash();
                let mut offline = Offline::new(machine.resume().unwrap());
                note(&mut offline).unwrap();
                offline.erase_owed().unwrap();
                offline.close().unwrap();
                let report = machine.verified();
                let rotated = machine.state().log().unwrap().public != first;
                assert_eq!(report.turns.len(), usize::from(rotated));
                assert_eq!(machine.state().erasures().count(), 0);
                if rotated { new += 1 } else { old += 1 }
            }
        }
    }
    assert!(old > 0 && new > 0, "{old} cuts before the event, {new} after it");
}

/// The anchor is behind the new key's event when the process dies: it is read with the key of its own size.
#[test]
fn an_anchor_of_the_old_key_is_good_until_the_new_one_writes() {
    let mut machine = Machine::founded();
    let mut offline = Offline::new(machine.resume().unwrap());
    let before = machine.anchor.durable();
    rotate(&mut offline).unwrap();
    drop(offline);
    machine.crash();
    assert_eq!(machine.anchor.durable(), before);
    assert!(matches!(machine.last_change(), Some(Change::LogKeyRotated(_))));
    let core = machine.resume().unwrap();
    assert_eq!(core.log_key.public(), core.writer.chain().public());
    machine.verified();
}

/// A key that was stolen before its rotation makes nobody believe anything after it.
#[test]
fn the_old_key_signs_nothing_any_more() {
    let machine = Machine::founded();
    let core = machine.resume().unwrap();
    let (stolen, _) = crate::engine::log_key::unseal(&core.tools.vault, core.writer.state()).unwrap();
    drop(core);
    machine.rotate();
    let anchor = Anchor {
        size: machine.size() + 5,
        leaf: crate::base::Digest::of(b"x"),
        clean: true,
    };
    let mut file = crate::ledger::AnchorFile::open(Box::new(machine.anchor.clone()), machine.id()).unwrap();
    file.write(&anchor, &stolen).unwrap();
    assert!(machine.resume().is_err());
}

/// What a restore does: the epoch, then what belongs to it, then the anchor. Before the anchor no daemon starts on it.
#[test]
fn an_epoch_is_begun_with_what_belongs_to_it() {
    let mut machine = Machine::founded();
    machine.grow(2);
    machine.anchor = MemoryFile::new();
    let why = Why {
        cause: EpochCause::Restored,
        reason: "the machine burnt down",
        anchored: Some(9),
    };
    let mut offline = begin(machine.storage(), root(), &world(), &why).unwrap();
    note(&mut offline).unwrap();
    assert!(machine.resume().is_err());
    let state = offline.close().unwrap();
    assert_eq!(state.size(), machine.size());
    machine.resume().unwrap();
    let report = machine.verified();
    let begun = report.turns[0].epoch.clone().unwrap();
    assert_eq!((begun.number, begun.cause, begun.missing), (2, "restored", 5));

    // A reason that fits no event begins nothing.
    let before = machine.size();
    let long = "x".repeat(limits::ENTRY_BYTES_MAX);
    let why = Why { reason: &long, ..why };
    assert!(matches!(
        begin(machine.storage(), root(), &world(), &why),
        Err(OfflineError::NoEpoch)
    ));
    assert_eq!(machine.size(), before);
}
