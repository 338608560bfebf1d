//! The arrows of the commit diagram: between which two steps a crash came. Every one has to be met.

use chancery::engine::prepare::Ready;
use chancery::event::codec::decode_event;
use chancery::event::{Change, Event};
use chancery::ledger::SignedEntry;

use super::driver::{Life, Machine};
use super::storage::Device;

/// Where a process was when it ended. At most times it was in several of these places at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arrow {
    /// The vault of a new log is being made; there is no genesis.
    FoundingVault,
    /// Genesis failed, and is not on the medium.
    FoundingLost,
    /// Genesis failed, and is on the medium.
    FoundingKept,
    /// Genesis is durable, its anchor is not.
    FoundingAnchor,
    /// A call is prepared and waits.
    Waiting,
    /// Fresh material is in its slot, synced; its event waits.
    SlotReady,
    /// The same of a rotation.
    RotationReady,
    /// The same of the log's own key.
    LogKeyReady,
    /// Events are applied and not stored.
    Applied,
    /// The same of a rotation.
    RotationApplied,
    /// The same of the log's own key.
    LogKeyApplied,
    /// The group failed, and is not on the medium.
    CommitLost,
    /// The group failed, and is on the medium.
    CommitKept,
    /// The group is durable, nobody has been told.
    Durable,
    /// Some have been told, others not.
    HalfAnswered,
    /// The anchor is behind what is durable.
    AnchorBehind,
    /// The anchor's sector is being written.
    AnchorTorn,
    /// A slot is owed its erasure, and it has not begun.
    ErasureOwed,
    /// The first mirror is being overwritten.
    ErasureInA,
    /// The first mirror is overwritten, the second one is being.
    ErasureInB,
    /// Both are overwritten, and the log does not say so yet.
    Erased,
    /// New slots are being provided.
    Providing,
    /// The state is sealed and not stored.
    Sealed,
    /// The seal is durable, the clean anchor is not.
    SealDurable,
    /// Stopped in order.
    Stopped,
    /// A start repairs the vault.
    StartVault,
    /// A start takes `clean` off the anchor.
    StartAnchor,
}

impl Arrow {
    /// All of them.
    pub const ALL: [Self; 27] = [
        Self::FoundingVault,
        Self::FoundingLost,
        Self::FoundingKept,
        Self::FoundingAnchor,
        Self::Waiting,
        Self::SlotReady,
        Self::RotationReady,
        Self::LogKeyReady,
        Self::Applied,
        Self::RotationApplied,
        Self::LogKeyApplied,
        Self::CommitLost,
        Self::CommitKept,
        Self::Durable,
        Self::HalfAnswered,
        Self::AnchorBehind,
        Self::AnchorTorn,
        Self::ErasureOwed,
        Self::ErasureInA,
        Self::ErasureInB,
        Self::Erased,
        Self::Providing,
        Self::Sealed,
        Self::SealDurable,
        Self::Stopped,
        Self::StartVault,
        Self::StartAnchor,
    ];
}

impl Machine {
    /// Notes that a crash comes here.
    pub fn at(&mut self, arrow: Arrow) {
        *self.tally.arrows.entry(arrow).or_default() += 1;
    }

    /// Notes where the process is that is about to end.
    pub fn note_where(&mut self) {
        let anchored = self.anchored;
        let places = self
            .life
            .as_ref()
            .map_or(Vec::new(), |life| life.places(anchored));
        places.into_iter().for_each(|arrow| self.at(arrow));
    }

    /// Notes that a start failed, by what failed in it.
    pub fn note_start(&mut self, is_new: bool, had_genesis: bool) {
        let arrow = match (is_new, self.disk.failed()) {
            (true, Some((Device::Store, false))) => Arrow::FoundingLost,
            (true, Some((Device::Store, true))) => Arrow::FoundingKept,
            (true, Some((Device::Anchor, _))) if had_genesis => Arrow::FoundingAnchor,
            (true, Some((Device::MirrorA | Device::MirrorB, _))) => Arrow::FoundingVault,
            (false, Some((Device::MirrorA | Device::MirrorB, _))) => Arrow::StartVault,
            (false, Some((Device::Anchor, _))) => Arrow::StartAnchor,
            _ => return,
        };
        self.at(arrow);
    }
}

impl Life {
    /// Whether what is applied and not stored gives a key, or the log, a new version.
    pub fn is_rotating(&self) -> bool {
        let is_one = |event: &Event| {
            let is_one =
                |change: &Change| matches!(change, Change::KeyRotated { .. } | Change::LogKeyRotated(_));
            event.chg.iter().any(is_one)
        };
        self.applied().any(|event| is_one(&event))
    }

    /// The events that are applied and not stored.
    fn applied(&self) -> impl Iterator<Item = Event> {
        let entries = self.staged.iter().flat_map(|step| &step.group.entries);
        entries.filter_map(|entry| decode_event(SignedEntry::parse(&entry.bytes).ok()?.payload).ok())
    }

    fn places(&self, anchored: u64) -> Vec<Arrow> {
        let mut places = Vec::new();
        let mut is_so = |arrow, is_so: bool| {
            if is_so {
                places.push(arrow);
            }
        };
        is_so(Arrow::Waiting, !self.queue.is_empty());
        for input in &self.queue {
            let is_fresh =
                matches!(&input.prepared.result, Ok(Ready::Decide(facts)) if facts.slot().is_some());
            match input.call.op {
                "chancery/RotateKey" => is_so(Arrow::RotationReady, is_fresh),
                "chancery/RotateLogKey" => is_so(Arrow::LogKeyReady, is_fresh),
                _ => is_so(Arrow::SlotReady, is_fresh),
            }
        }
        let staged: Vec<Event> = self.applied().collect();
        let changes = || staged.iter().flat_map(|event| &event.chg);
        is_so(Arrow::Applied, !staged.is_empty());
        is_so(
            Arrow::RotationApplied,
            changes().any(|change| matches!(change, Change::KeyRotated { .. })),
        );
        is_so(
            Arrow::LogKeyApplied,
            changes().any(|change| matches!(change, Change::LogKeyRotated(_))),
        );
        let records = |op: &str| op == "chancery/EraseMaterial";
        let waits = self.queue.iter().any(|input| records(input.call.op));
        let is_recorded = waits || staged.iter().any(|event| records(&event.op));
        let durable = self.tools.published.durable();
        let is_owed = durable.state.erasures().next().is_some();
        is_so(Arrow::Erased, is_owed && is_recorded);
        is_so(Arrow::ErasureOwed, is_owed && !is_recorded);
        is_so(Arrow::AnchorBehind, anchored < durable.head.size);
        places
    }
}
