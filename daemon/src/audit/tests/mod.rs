//! Each kind of tampering is found and named, and an honest log passes.

pub(crate) mod bench;
mod depths;
mod earlier;
mod export;
mod hindsight;
mod keys;
mod lies;
mod live;
mod rows;
mod upgrade;
mod verdicts;

use bench::{Bench, check, event, stolen};

use super::problem::Fault;
use super::show::{Form, show};
use super::{Report, operations};
use crate::base::{Digest, SecretBytes, Seq};
use crate::ledger::{Checkpoint, LogKey, SignedEntry, sign_entry};

#[track_caller]
fn found(report: &Report, seq: usize, fault: &Fault) {
    let wanted = Seq::new(seq as u64);
    let all = report.problems.first();
    assert!(
        all.iter().any(|p| p.seq == wanted && p.fault == *fault),
        "no `{fault}` at {seq} among {all:#?}"
    );
}

#[test]
fn an_honest_log_verifies() {
    let (bench, _) = Bench::busy();
    let report = check(&mut bench.source());
    assert!(report.is_verified(), "{:#?}", report.problems);
    assert_eq!((report.events, report.signatures), (17, 17));
    assert_eq!(report.checkpoints, 1);
    assert_eq!(report.log, Some(bench.core.writer.chain().log()));
    let head = bench.core.writer.chain().head().leaf;
    let verdict = format!(
        "verified: 17 events of log {}, 1 checkpoints, head {head}; checked: chain, tree, signatures, changes, decisions",
        bench.core.writer.chain().log()
    );
    assert_eq!(report.to_string(), verdict);
    let folded: Vec<_> = report.state.rows().collect();
    assert_eq!(folded, bench.core.writer.state().rows().collect::<Vec<_>>());
    assert!(bench.tampered().check().is_verified());
}

// Method: more events than two tiles hold, with checkpoints by number; then one stored tile is exchanged.
#[test]
fn tiles_and_checkpoints_are_those_of_the_entries() {
    let mut bench = Bench::new();
    (0..1_100).for_each(|_| bench.regions());
    bench.close();
    let mut ticks = Vec::new();
    let report = super::verify(&mut bench.source(), &mut |done, all| ticks.push((done, all))).unwrap();
    assert!(report.is_verified(), "{:#?}", report.problems);
    assert_eq!(report.checkpoints, 2);
    assert_eq!(ticks.last(), Some(&(report.events, report.events)));

    let mut other = Bench::new();
    (0..300).for_each(|_| other.regions());
    let tile = |level, index| {
        use crate::ledger::EventStore;
        other.store.tile(level, index).unwrap()
    };
    let mut swapped = Swapped {
        honest: bench.source(),
        tile: tile(0, 0),
    };
    let report = check(&mut swapped);
    found(&report, 767, &Fault::Tile { level: 0, index: 2 });
    assert_eq!(report.problems.count(), 1);
}

/// A source whose third tile is another.
#[derive(Debug)]
struct Swapped<'a> {
    honest: super::StoreSource<'a>,
    tile: Option<Vec<u8>>,
}

impl super::LogSource for Swapped<'_> {
    fn size(&self) -> u64 {
        self.honest.size()
    }

    fn entries(&mut self, from: Seq, limit: usize) -> Result<Vec<Vec<u8>>, super::SourceError> {
        self.honest.entries(from, limit)
    }

    fn checkpoints(&mut self) -> Result<Vec<super::source::Kept>, super::SourceError> {
        self.honest.checkpoints()
    }

    fn claims(&mut self) -> Result<super::source::Claims, super::SourceError> {
        self.honest.claims()
    }

    fn tile(&mut self, level: u8, index: u64) -> Result<Option<Option<Vec<u8>>>, super::SourceError> {
        if (level, index) == (0, 2) {
            return Ok(Some(self.tile.clone()));
        }
        self.honest.tile(level, index)
    }

    fn anchor(
        &mut self,
        log: crate::base::LogId,
    ) -> Result<Option<Option<crate::ledger::SignedAnchor>>, super::SourceError> {
        self.honest.anchor(log)
    }

    fn rows(
        &mut self,
        from: Option<&crate::event::RowKey>,
        limit: usize,
    ) -> Result<Option<super::source::Rows>, super::SourceError> {
        self.honest.rows(from, limit)
    }

    fn digest(&mut self) -> Result<super::source::ClaimedDigest, super::SourceError> {
        self.honest.digest()
    }
}

#[test]
fn a_flipped_bit_anywhere_is_found_at_its_entry() {
    let (bench, _) = Bench::busy();
    for at in [0, 6, 16] {
        let honest = bench.tampered();
        for byte in 0..honest.entries[at].len() {
            let mut tampered = bench.tampered();
            tampered.entries[at][byte] ^= 1 << (byte % 8);
            let report = tampered.check();
            let first = report.problems.first().first().map(|problem| problem.seq);
            assert_eq!(first, Some(Seq::new(at as u64)), "byte {byte} of entry {at}");
            assert!(
                report
                    .to_string()
                    .starts_with(&format!("DAMAGED at event {at}: "))
            );
        }
    }
}

#[test]
fn a_shortened_log_is_found() {
    let (bench, _) = Bench::busy();
    let mut tampered = bench.tampered();
    tampered.entries.pop();
    let report = tampered.check();
    found(
        &report,
        15,
        &Fault::AnchorBeyond {
            anchored: 17,
            found: 16,
            is_known: true,
        },
    );
    found(&report, 15, &Fault::CheckpointBeyond(17));
    found(&report, 15, &Fault::Claim("head"));

    tampered.anchor = None;
    found(&tampered.check(), 15, &Fault::AnchorMissing);
}

#[test]
fn a_missing_middle_is_found() {
    let (bench, _) = Bench::busy();
    let mut tampered = bench.tampered();
    tampered.entries.remove(5);
    let report = tampered.check();
    found(&report, 5, &Fault::Position(Seq::new(6)));
    found(&report, 5, &Fault::Predecessor);
    assert_eq!(report.problems.first()[0].seq, Seq::new(5));
}

#[test]
fn swapped_entries_are_found() {
    let (bench, _) = Bench::busy();
    let mut tampered = bench.tampered();
    tampered.entries.swap(4, 5);
    let report = tampered.check();
    found(&report, 4, &Fault::Position(Seq::new(5)));
    found(&report, 5, &Fault::Position(Seq::new(4)));
}

#[test]
fn a_signature_of_another_key_is_found() {
    let (bench, _) = Bench::busy();
    let thief = LogKey::from_seed(&SecretBytes::new(vec![9; 32])).unwrap();
    let mut tampered = bench.tampered();
    let honest = SignedEntry::parse(&tampered.entries[16]).unwrap();
    let kid = honest.kid;
    let mut forged = sign_entry(&thief, bench.core.writer.chain().log(), honest.payload);
    tampered.entries[16] = forged.clone();
    found(&tampered.check(), 16, &Fault::KeyId);
    found(&tampered.check(), 16, &Fault::Signature);

    // The key id of the log in front of a foreign signature.
    forged[8..16].copy_from_slice(&kid);
    tampered.entries[16] = forged;
    let report = tampered.check();
    found(&report, 16, &Fault::Signature);
    assert!(!report.problems.first().iter().any(|p| p.fault == Fault::KeyId));
}

// The right key and the right payload, signed as an entry of another log.
#[test]
fn an_entry_of_another_log_is_found() {
    let (bench, _) = Bench::busy();
    let key = stolen(&bench.core);
    let mut tampered = bench.tampered();
    let payload = SignedEntry::parse(&tampered.entries[3]).unwrap().payload.to_vec();
    tampered.entries[3] = sign_entry(&key, crate::base::LogId::from_bytes([1; 16]), &payload);
    found(&tampered.check(), 3, &Fault::Signature);
}

#[test]
fn a_checkpoint_of_another_past_is_found() {
    let (bench, _) = Bench::busy();
    let key = stolen(&bench.core);
    let honest = Checkpoint {
        origin: bench.core.writer.chain().origin().into(),
        size: 9,
        root: Digest::of(b"another past"),
    };
    let mut tampered = bench.tampered();
    tampered.kept.push(super::source::Kept {
        size: Some(9),
        note: honest.sign(&key),
    });
    found(&tampered.check(), 8, &Fault::CheckpointRoot(9));

    tampered.kept[1].size = Some(8);
    found(&tampered.check(), 7, &Fault::CheckpointPlace(9));

    let thief = LogKey::from_seed(&SecretBytes::new(vec![9; 32])).unwrap();
    tampered.kept[1].note = honest.sign(&thief);
    let unsigned = Fault::CheckpointNote(crate::ledger::NoteError::Unsigned);
    found(&tampered.check(), 7, &unsigned);
}

#[test]
fn an_anchor_of_another_past_is_found() {
    let (bench, _) = Bench::busy();
    let mut tampered = bench.tampered();
    let log = bench.core.writer.chain().log();
    let another = crate::ledger::Anchor {
        leaf: Digest::of(b"another past"),
        ..*tampered.anchor.unwrap().claims()
    };
    tampered.anchor = Some(another.sign(log, 9, &stolen(&bench.core)));
    found(&tampered.check(), 16, &Fault::AnchorLeaf);

    let thief = LogKey::from_seed(&SecretBytes::new(vec![9; 32])).unwrap();
    tampered.anchor = Some(another.sign(log, 9, &thief));
    found(&tampered.check(), 16, &Fault::AnchorUnsigned(17));
}

#[test]
fn what_a_source_claims_is_compared() {
    let (bench, _) = Bench::busy();
    let mut tampered = bench.tampered();
    tampered.claims.log = Some(crate::base::LogId::from_bytes([1; 16]));
    tampered.claims.origin = Some("another".into());
    tampered.claims.public = Some(vec![1; 32]);
    let report = tampered.check();
    found(&report, 0, &Fault::Claim("log id"));
    for name in ["origin", "public key"] {
        found(&report, 16, &Fault::Claim(name));
    }
}

#[test]
fn another_log_behind_the_genesis_of_this_one_is_found() {
    let ((bench, _), (other, _)) = (Bench::busy(), Bench::busy());
    let mut tampered = bench.tampered();
    tampered
        .entries
        .splice(1.., other.tampered().entries.split_off(1));
    let report = tampered.check();
    found(&report, 1, &Fault::Predecessor);
    found(&report, 1, &Fault::Signature);
}

#[test]
fn every_operation_of_the_api_has_a_rule_of_its_class() {
    use crate::engine::Class;
    use operations::Kind;

    for row in crate::api::table::rows() {
        let rule = operations::rule(row.op, false).unwrap_or_else(|| panic!("{} has no rule", row.op));
        let kind = match row.class {
            Class::Command => Kind::Command,
            Class::Use => Kind::Use,
            Class::Query => Kind::Query,
        };
        assert_eq!(
            (rule.kind, rule.open, rule.system),
            (kind, row.open, false),
            "{}",
            row.op
        );
    }
}

#[test]
fn events_are_shown_one_a_line_and_as_json() {
    let (bench, key) = Bench::busy();
    let mut lines = Vec::new();
    let mut list = |form, from: u64, limit| {
        lines.clear();
        let mut emit = |line: &str| {
            lines.push(line.to_owned());
            true
        };
        show(&mut bench.source(), Seq::new(from), limit, form, &mut emit).unwrap();
        lines.clone()
    };
    let all = list(Form::Line, 0, u64::MAX);
    assert_eq!(all.len(), 17);
    let account = bench.core.account;
    let encrypted = &bench.events()[5];
    assert_eq!(
        all[5],
        format!(
            "5 {} root:{account} kms/Encrypt acs:kms:cn-hangzhou:{account}:key/{key} ok {}",
            encrypted.time, encrypted.rid
        )
    );
    assert!(all[8].contains(" failed:Rejected.Disabled "), "{}", all[8]);
    assert!(all[10].contains(" denied:Forbidden.NoPermission "), "{}", all[10]);
    assert_eq!(list(Form::Line, 16, 5).len(), 1);
    assert_eq!(list(Form::Line, 99, 5).len(), 0);

    let json = list(Form::Json, 5, 1);
    let json: serde_json::Value = serde_json::from_str(&json[0]).unwrap();
    assert_eq!(json["seq"], 5);
    assert_eq!(json["rid"], encrypted.rid.to_string());
    assert_eq!(json["blob"], encrypted.blob.unwrap().to_string());
    assert_eq!(json["out"]["ok"]["KeyId"], key.to_string());

    let mut tampered = bench.tampered();
    tampered.entries[2] = b"nonsense".to_vec();
    let mut unreadable = String::new();
    let mut emit = |line: &str| {
        unreadable = line.to_owned();
        true
    };
    show(&mut tampered, Seq::new(2), 1, Form::Line, &mut emit).unwrap();
    assert!(unreadable.starts_with("2 UNREADABLE "), "{unreadable}");
    assert_eq!(event(&tampered.entries[1]).seq, Seq::new(1));
}
