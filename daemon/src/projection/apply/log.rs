//! The fold of what concerns the log itself: its beginning, its keys, its epochs.

use smallvec::SmallVec;

use crate::base::Seq;
use crate::event::{InternalKeyPurpose, LogBegun, NewLogKey, RowFormat, RowKey};
use crate::projection::State;
use crate::projection::row::{Address, Erasure, InternalKey, KeyPeriod, Log, log_row};

impl State {
    pub(super) fn begin_log(&mut self, begun: &LogBegun, rev: Seq) {
        self.log = Some(Log {
            id: begun.log,
            rev,
            keys: vec![KeyPeriod {
                from: Seq::GENESIS,
                origin: Some(begun.origin.clone()),
                public: begun.public.clone(),
            }],
            rows: RowFormat::FIRST,
            origin: begun.origin.clone(),
            public: begun.public.clone(),
            region: begun.region.clone(),
            generation: 0,
        });
    }

    /// The rows that another log key writes: the log's, the key's own, and the erasure that its predecessor is owed.
    pub(super) fn log_key_touches(&self, rows: &mut SmallVec<[RowKey; 4]>) {
        rows.push(log_row());
        rows.push(InternalKeyPurpose::LogSigning.row_key());
        let before = self.internal_key(InternalKeyPurpose::LogSigning);
        rows.extend(before.map(|row| row.slot.row_key()));
    }

    /// Another key signs from the next position on, under another origin when an epoch begins with it. The one before it
    /// has signed its last entry: its slot is owed an erasure (law 5).
    pub(super) fn turn_log_key(&mut self, key: &NewLogKey, origin: Option<&String>, rev: Seq) {
        if let Some(log) = self.log.as_mut() {
            log.rev = rev;
            log.public = key.public.clone();
            if let Some(origin) = origin {
                log.origin.clone_from(origin);
            }
            log.keys.push(KeyPeriod {
                from: rev.next(),
                origin: origin.cloned(),
                public: key.public.clone(),
            });
        }
        let before = self
            .internal_key(InternalKeyPurpose::LogSigning)
            .map(|row| row.slot);
        self.put_internal_key(InternalKey {
            rev,
            slot: key.slot,
            sealed: key.sealed.clone(),
            purpose: InternalKeyPurpose::LogSigning,
        });
        if let Some(slot) = before {
            self.put_erasure(Erasure { rev, slot });
        }
    }
}
