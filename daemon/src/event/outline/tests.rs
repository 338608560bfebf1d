use proptest::prelude::*;

use super::*;
use crate::base::UnknownFormat;
use crate::event::codec::tests::full_event;
use crate::event::codec::{decode_event, encode};
use crate::event::{Event, FORMAT};

fn outline_of(event: &Event) -> Outline {
    Outline {
        v: event.v,
        seq: event.seq,
        prev: event.prev,
        time: event.time,
        changes: !event.chg.is_empty(),
    }
}

#[test]
fn an_outline_says_what_the_event_says() {
    let mut event = full_event();
    assert_eq!(Outline::read(&encode(&event)), Ok(outline_of(&event)));
    event.chg.clear();
    assert_eq!(Outline::read(&encode(&event)), Ok(outline_of(&event)));
}

#[test]
fn a_newer_format_is_named() {
    let mut event = full_event();
    event.v = FORMAT + 1;
    let unknown = UnknownFormat::new("the event", (FORMAT + 1).into(), FORMAT.into());
    assert_eq!(Outline::read(&encode(&event)), Err(unknown.into()));
    event.v = 0;
    assert_eq!(Outline::read(&encode(&event)), Err(DecodeError::NeverWas(0)));
}

// Each is a map of `v`, `seq`, `prev` and `time`, and in one thing not as RFC 8949 section 4.2.1 wants it.
#[test]
fn other_encodings_are_refused() {
    let prev = [&b"\x64prev\x58\x20"[..], &[7; 32]].concat();
    let whole = |first: &[u8], v: &[u8], seq: &[u8], prev: &[u8], time: &[u8], last: &[u8]| {
        Outline::read(&[first, v, seq, prev, time, last].concat())
    };
    let (v, seq, time) = (
        &b"\x61v\x01"[..],
        &b"\x63seq\x05"[..],
        &b"\x64time\x19\x01\x00"[..],
    );
    assert!(whole(b"\xa4", v, seq, &prev, time, b"").is_ok());
    let not_canonical = Err(DecodeError::NotCanonical);
    assert_eq!(whole(b"\xb8\x04", v, seq, &prev, time, b""), not_canonical);
    assert_eq!(whole(b"\xbf", v, seq, &prev, time, b"\xff"), not_canonical);
    assert_eq!(
        whole(b"\xa4", b"\x61v\x18\x01", seq, &prev, time, b""),
        not_canonical
    );
    assert_eq!(whole(b"\xa4", v, seq, time, &prev, b""), not_canonical);
    assert_eq!(whole(b"\xa5", v, v, seq, &prev, time), not_canonical);
    for (first, seq, last) in [
        (b"\xa4", seq, &b"\x00"[..]),
        (b"\xa3", seq, b""),
        (b"\xa5", seq, b"\x65after\xf7"),
        (b"\xa5", seq, b"\x65after\xfa\x47\x00\x00\x00"),
        (b"\xa5", seq, b"\x65after\xc1\x00"),
        (b"\xa5", seq, b"\x65after\x61\xff"),
        (b"\xa5", seq, b"\x65after\x9b\xff\xff\xff\xff\xff\xff\xff\xff"),
        (b"\xa4", b"\x63seq\x20", b""),
    ] {
        let read = whole(first, v, seq, &prev, time, last);
        assert!(
            matches!(read, Err(DecodeError::Malformed(_))),
            "{read:?} {last:x?}"
        );
    }
    let deep = [&b"\x65after"[..], &[0x81; 4_096], b"\x00"].concat();
    assert!(whole(b"\xa5", v, seq, &prev, time, &deep).is_err());
}

proptest! {
    // I2, near the canonical form: one bit of an event flipped, or its end cut.
    #[test]
    fn whatever_decodes_has_an_outline(at in any::<prop::sample::Index>(), bit in 0..8u8, cut in any::<bool>()) {
        let mut bytes = encode(&full_event());
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 1 << bit;
        }
        if let Ok(event) = decode_event(&bytes) {
            prop_assert_eq!(Outline::read(&bytes), Ok(outline_of(&event)));
        }
    }

    #[test]
    fn no_bytes_break_the_walk(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _either = Outline::read(&bytes);
    }
}
