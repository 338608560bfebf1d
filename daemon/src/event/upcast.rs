//! Old events: the one place where what an earlier version wrote is read into today's type.
//!
//! U1  Every payload, of whatever version, begins with a map head of one byte and the entry `"v": version`: no other field
//!     has a name of one letter, so canonical order puts it first. A version is known before anything else is read.
//! U2  A version that was released has a reader here for ever. It gives what that version meant, in today's words; the event
//!     keeps the version that the log says it has.
//! U3  A newer version, and one that never was, is refused by name.
//!
//! To change the event: raise `FORMAT`, copy what the last version looked like to a file of its own beside this one, write
//! the reader from it, add its row to `READERS`, pin its golden files. New changes and new optional fields are a new version
//! too, once the last one was released: an older build would refuse them as malformed, and not say why.

use super::codec::{self, DecodeError};
use super::{Event, FORMAT};
use crate::base::UnknownFormat;

/// Reads a payload of one version.
type Reader = fn(&[u8]) -> Result<Event, DecodeError>;

/// A reader for each version that was ever written.
const READERS: &[(u8, Reader)] = &[(1, codec::decode)];

/// Reads a payload of any version that there was.
pub(super) fn read(payload: &[u8]) -> Result<Event, DecodeError> {
    read_with(READERS, payload)
}

/// Refuses a version that this build does not read, by name (U3).
pub(super) fn check(version: u8) -> Result<(), DecodeError> {
    reader_of(READERS, version).map(|_| ())
}

fn read_with(readers: &[(u8, Reader)], payload: &[u8]) -> Result<Event, DecodeError> {
    reader_of(readers, version_of(payload)?).and_then(|reader| reader(payload))
}

fn reader_of(readers: &[(u8, Reader)], version: u8) -> Result<Reader, DecodeError> {
    if version > FORMAT {
        return Err(UnknownFormat::new("the event", version.into(), FORMAT.into()).into());
    }
    let reader = readers.iter().find(|(known, _)| *known == version);
    reader
        .map(|(_, reader)| *reader)
        .ok_or(DecodeError::NeverWas(version))
}

/// The version that a payload names (U1).
fn version_of(payload: &[u8]) -> Result<u8, DecodeError> {
    match payload {
        [0xa1..=0xb7, 0x61, b'v', version @ 0..=23, ..]
        | [0xa1..=0xb7, 0x61, b'v', 0x18, version @ 24..=255, ..] => Ok(*version),
        _ => Err(DecodeError::Malformed(
            "it does not begin with its version".into(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::base::{Digest, Seq, Timestamp};
    use crate::event::{Actor, Decision, Observation, Origin, Outcome, Recorded};

    /// What a version before the first would have looked like: it knew no decisions and no time of its own.
    #[derive(Debug, Serialize, Deserialize)]
    struct Before {
        v: u8,
        op: String,
        rid: crate::base::RequestId,
        seq: Seq,
        prev: Digest,
        actor: Actor,
    }

    fn read_before(payload: &[u8]) -> Result<Event, DecodeError> {
        let before: Before = codec::decode(payload)?;
        let at = Timestamp::from_millis(0);
        Ok(Event {
            v: before.v,
            op: before.op.into(),
            chg: Vec::new(),
            dec: Decision::none(at),
            obs: Observation::default(),
            out: Outcome::Ok(Recorded::default()),
            req: Recorded::default(),
            res: Vec::new(),
            rid: before.rid,
            seq: before.seq,
            blob: None,
            prev: before.prev,
            time: at,
            actor: before.actor,
            origin: Origin::internal(),
        })
    }

    fn before() -> Vec<u8> {
        codec::encode(&Before {
            v: 0,
            op: "kms/Encrypt".into(),
            rid: crate::base::RequestId::from_bytes([4; 16]),
            seq: Seq::new(7),
            prev: Digest::of(b"prev"),
            actor: Actor::system("1234567890123456".parse().unwrap()),
        })
    }

    #[test]
    fn an_old_event_is_read_into_todays_type() {
        let readers: &[(u8, Reader)] = &[(0, read_before), (1, codec::decode)];
        let event = read_with(readers, &before()).unwrap();
        assert_eq!((event.v, event.seq, &*event.op), (0, Seq::new(7), "kms/Encrypt"));
        // And today's as before.
        let today = codec::encode(&Event { v: 1, ..event });
        assert_eq!(read_with(readers, &today), codec::decode(&today));
        // Strictness is the reader's: what is not canonical is refused in every version.
        let mut trailing = before();
        trailing.push(0);
        assert_eq!(read_with(readers, &trailing), Err(DecodeError::NotCanonical));
    }

    #[test]
    fn a_version_without_a_reader_is_refused_by_name() {
        assert_eq!(read(&before()), Err(DecodeError::NeverWas(0)));
        // A newer one need not decode for it to be named.
        for (head, version) in [(&[2][..], 2), (&[23], 23), (&[0x18, 24], 24), (&[0x18, 255], 255)] {
            let payload = [&[0xa3, 0x61, b'v'], head, b"anything"].concat();
            let unknown = UnknownFormat::new("the event", version, 1);
            assert_eq!(read(&payload), Err(unknown.into()));
        }
        for payload in [
            &[][..],
            &[0xa0],
            &[0xa1, 0x61, b'v'],
            &[0xa1, 0x61, b'w', 1],
            &[0xa1, 0x61, b'v', 0x18, 23],
            &[0x81, 0x61, b'v', 1],
        ] {
            assert!(
                matches!(read(payload), Err(DecodeError::Malformed(_))),
                "{payload:?}"
            );
        }
    }
}
