//! Time, passed in (law 7). Event time is unix milliseconds; the wire shows whole seconds in UTC.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// Unix time in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From unix milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Unix milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This time, `millis` later; stops at the end of time instead of wrapping.
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// This time, `millis` earlier; stops at the epoch.
    pub const fn minus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_sub(millis))
    }

    /// The distance to `other` in milliseconds, either way.
    pub const fn abs_diff(self, other: Self) -> u64 {
        self.0.abs_diff(other.0)
    }

    /// Parses `YYYY-MM-DDThh:mm:ssZ` (UTC, whole seconds, from 1970 on), the only form the API accepts.
    pub fn parse_wire(text: &str) -> Option<Self> {
        let time = PrimitiveDateTime::parse(text, WIRE).ok()?.assume_utc();
        // The parser is lenient about signs; the wire is not: what does not print the same is refused.
        let parsed = Self(u64::try_from(time.unix_timestamp()).ok()?.checked_mul(1_000)?);
        (parsed.to_string() == text).then_some(parsed)
    }
}

const WIRE: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// The wire form, `YYYY-MM-DDThh:mm:ssZ`; milliseconds are cut. Times past the year 9999 show as its end.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::try_from(self.0 / 1_000).unwrap_or(i64::MAX).min(LAST_SECOND);
        let time = OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| fmt::Error)?;
        f.write_str(&time.format(WIRE).map_err(|_| fmt::Error)?)
    }
}

/// 9999-12-31T23:59:59Z, the last time with a four-digit year.
const LAST_SECOND: i64 = 253_402_300_799;

/// Reads the time. Wall time may jump; monotonic time only goes forward.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Wall time.
    fn now(&self) -> Timestamp;

    /// Milliseconds since some fixed moment of this process; never goes back, counts suspended time.
    fn monotonic_millis(&self) -> u64;

    /// The same in microseconds, for measurements; a clock that only counts milliseconds says those.
    fn monotonic_micros(&self) -> u64 {
        self.monotonic_millis().saturating_mul(1_000)
    }
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)))
    }

    fn monotonic_millis(&self) -> u64 {
        self.monotonic_micros() / 1_000
    }

    fn monotonic_micros(&self) -> u64 {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Timestamp;

    #[test]
    fn known_dates_parse_and_show() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:34:56Z", 951_827_696),
            ("2016-03-28T03:13:08Z", 1_459_134_788),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            let time = Timestamp::parse_wire(text).unwrap();
            assert_eq!(time.as_millis(), seconds * 1_000, "{text}");
            assert_eq!(time.to_string(), text);
        }
    }

    #[test]
    fn malformed_dates_are_refused() {
        for text in [
            "",
            "2016-03-28 03:13:08Z",
            "2016-03-28T03:13:08",
            "2016-02-30T00:00:00Z",
            "2015-02-29T00:00:00Z",
            "2016-13-01T00:00:00Z",
            "2016-00-01T00:00:00Z",
            "2016-01-01T24:00:00Z",
            "2016-01-01T00:00:60Z",
            "2016-03-28T03:13:08+08:00",
            "+016-03-28T03:13:08Z",
            "2016-03-28T03:13:08.5Z",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(Timestamp::parse_wire(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_second_round_trips(seconds in 0u64..253_402_300_800) {
            let time = Timestamp::from_millis(seconds * 1_000);
            prop_assert_eq!(Timestamp::parse_wire(&time.to_string()), Some(time));
        }
    }
}
