//! What a payload says of the request's arrival, read without making an event of it: as `outline` reads its place.
//!
//! A start reads the last half hour of the log by this, millions of events of a busy daemon. So of what it passes over it looks
//! at the lengths alone; `outline` and `log verify` are who check.

use super::codec::DecodeError;
use super::upcast;
use super::walk::{Walk, malformed};
use crate::base::Timestamp;

/// When a request came, and how it was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival<'a> {
    /// The event's time, unix milliseconds.
    pub time: Timestamp,
    /// Admission time, unix milliseconds.
    pub at: Timestamp,
    /// The access key that signed the request, if one did.
    pub access_key: Option<&'a str>,
    /// Keyed hash of the signature nonce, if there was one.
    pub nonce: Option<u64>,
}

impl<'a> Arrival<'a> {
    /// Reads a payload. Every payload that `codec::decode_event` accepts is accepted, and says the same.
    pub fn read(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut walk = Walk::of(payload)?;
        let (mut v, mut time, mut at, mut access_key, mut nonce) = (None, None, None, None, None);
        walk.map(|walk, name| match name {
            b"\x61v" => walk.number().map(|number| v = u8::try_from(number).ok()),
            b"\x64time" => walk.number().map(|number| time = Some(number)),
            b"\x63dec" => walk.map(|walk, name| match name {
                b"\x62at" => walk.number().map(|number| at = Some(number)),
                _ => walk.pass(),
            }),
            b"\x65actor" => walk.map(|walk, name| match name {
                b"\x62ak" => walk.str().map(|text| access_key = Some(text)),
                _ => walk.pass(),
            }),
            b"\x66origin" => walk.map(|walk, name| match name {
                b"\x65nonce" => walk.number().map(|number| nonce = Some(number)),
                _ => walk.pass(),
            }),
            _ => walk.pass(),
        })?;
        walk.end()?;
        upcast::check(v.ok_or_else(|| malformed("no version"))?)?;
        Ok(Self {
            time: Timestamp::from_millis(time.ok_or_else(|| malformed("no time"))?),
            at: Timestamp::from_millis(at.ok_or_else(|| malformed("no decision"))?),
            access_key,
            nonce,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UnknownFormat;
    use crate::event::codec::encode;
    use crate::event::codec::tests::full_event;
    use crate::event::{Event, FORMAT};

    fn agrees(event: &Event) {
        let payload = encode(event);
        let arrival = Arrival::read(&payload).unwrap();
        assert_eq!(arrival.time, event.time);
        assert_eq!(arrival.at, event.dec.at);
        assert_eq!(
            arrival.access_key.map(str::to_owned),
            event.actor.ak.as_ref().map(ToString::to_string)
        );
        assert_eq!(arrival.nonce, event.origin.nonce);
    }

    #[test]
    fn an_arrival_says_what_the_event_says() {
        let mut event = full_event();
        assert!(event.actor.ak.is_some() && event.origin.nonce.is_some());
        agrees(&event);
        event.origin.nonce = None;
        agrees(&event);
        event.actor.ak = None;
        agrees(&event);
    }

    #[test]
    fn a_newer_format_and_bytes_behind_the_map_are_refused() {
        let mut event = full_event();
        let mut longer = encode(&event);
        longer.push(0);
        assert!(Arrival::read(&longer).is_err());
        event.v = FORMAT + 1;
        let unknown = UnknownFormat::new("the event", (FORMAT + 1).into(), FORMAT.into());
        assert_eq!(Arrival::read(&encode(&event)), Err(unknown.into()));
    }
}
