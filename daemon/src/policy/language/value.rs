//! Values of conditions, read by family. The same functions read what a policy says and what a request brings, for both
//! evaluators: a value that does not read here is a fault in a policy and counts as missing in a request.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A decimal number in ten-thousandths, the exact range of Cedar's `decimal`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(i64);

impl Number {
    /// Reads `-?digits(.digits{1,4})?` within ±922337203685477.5807; by value, so `5`, `5.0` and `005` are one number.
    pub fn read(text: &str) -> Option<Self> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        if !is_digits(whole) || !is_digits(fraction) || fraction.len() > 4 {
            return None;
        }
        let scale = [1_000, 100, 10, 1].get(fraction.len().checked_sub(1)?)?;
        let fraction = fraction.parse::<i64>().ok()? * scale;
        // Leading zeroes are legal in any number, so the width of the text does not bound its value.
        let whole = whole.bytes().try_fold(0_i64, |sum, b| {
            sum.checked_mul(10)?.checked_add(i64::from(b - b'0'))
        })?;
        let magnitude = whole.checked_mul(10_000)?.checked_add(fraction)?;
        Some(Self(if negative { -magnitude } else { magnitude }))
    }

    /// From ten-thousandths; the lowest integer is out of range, for its text would not read.
    pub fn from_ten_thousandths(value: i64) -> Option<Self> {
        (value != i64::MIN).then_some(Self(value))
    }

    /// The number times ten thousand.
    pub const fn ten_thousandths(self) -> i64 {
        self.0
    }
}

/// Cedar's form: always four decimals.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:04}", magnitude / 10_000, magnitude % 10_000)
    }
}

/// A moment in unix milliseconds, within the years 0001 to 9999 of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

impl Moment {
    /// Reads `YYYY-MM-DDThh:mm[:ss[.f{1,9}]]` with `Z`, `+hh:mm` or `+hhmm`, or `YYYY-MM-DD` (midnight UTC); cut to
    /// milliseconds. No time without its zone, no second 60.
    pub fn read(text: &str) -> Option<Self> {
        let (date, rest) = text.split_at_checked(10)?;
        let (year, month_day) = date.split_once('-')?;
        let (month, day) = month_day.split_once('-')?;
        let year = number(year, 4)?;
        let month = time::Month::try_from(u8::try_from(number(month, 2)?).ok()?).ok()?;
        let day = u8::try_from(number(day, 2)?).ok()?;
        let date = time::Date::from_calendar_date(i32::try_from(year).ok()?, month, day).ok()?;
        let millis = if rest.is_empty() { 0 } else { clock(rest)? };
        let midnight = time::PrimitiveDateTime::new(date, time::Time::MIDNIGHT).assume_utc();
        let moment = midnight
            .unix_timestamp()
            .checked_mul(1_000)?
            .checked_add(millis)?;
        (FIRST_MILLI..=LAST_MILLI)
            .contains(&moment)
            .then_some(Self(moment))
    }

    /// From unix milliseconds, if they lie in range.
    pub fn from_millis(millis: i64) -> Option<Self> {
        (FIRST_MILLI..=LAST_MILLI)
            .contains(&millis)
            .then_some(Self(millis))
    }

    /// Unix milliseconds; negative before 1970.
    pub const fn as_millis(self) -> i64 {
        self.0
    }
}

/// `YYYY-MM-DDThh:mm:ss.mmmZ`, which Cedar reads too.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time =
            time::OffsetDateTime::from_unix_timestamp(self.0.div_euclid(1_000)).map_err(|_| fmt::Error)?;
        let (year, month, day) = time.to_calendar_date();
        let (hour, minute, second) = time.to_hms();
        let (month, milli) = (u8::from(month), self.0.rem_euclid(1_000));
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"
        )
    }
}

/// A block of addresses; a single address is a block of one. Host bits are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Reads an address or a CIDR block. A block of IPv4-mapped addresses is an IPv4 block and needs a prefix of 96 or
    /// more: a shorter one would mix the families.
    pub fn parse(text: &str) -> Option<Self> {
        let Some((address, prefix)) = text.split_once('/') else {
            return read_address(text).map(Self::single);
        };
        let canonical = prefix == "0" || !prefix.starts_with('0');
        let prefix = canonical.then(|| number(prefix, prefix.len().min(3)))?;
        let prefix = u8::try_from(prefix?).ok()?;
        match address.parse().ok()? {
            IpAddr::V4(v4) => Self::v4(v4, prefix),
            IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                Some(v4) => Self::v4(v4, prefix.checked_sub(96)?),
                None => Self::v6(v6, prefix),
            },
        }
    }

    /// The lowest address of the block.
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// How many leading bits are fixed.
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether the address is in the block. The families never match each other.
    pub fn contains(&self, address: IpAddr) -> bool {
        let masked = match address {
            IpAddr::V4(v4) if self.address.is_ipv4() => Self::v4(v4, self.prefix),
            IpAddr::V6(v6) if self.address.is_ipv6() => Self::v6(v6, self.prefix),
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        };
        masked.is_some_and(|block| block.address == self.address)
    }

    const fn single(address: IpAddr) -> Self {
        let prefix = if address.is_ipv4() { 32 } else { 128 };
        Self { address, prefix }
    }

    fn v4(address: Ipv4Addr, prefix: u8) -> Option<Self> {
        let host = 32_u32.checked_sub(u32::from(prefix))?;
        let bits = address.to_bits() & u32::MAX.checked_shl(host).unwrap_or(0);
        let address = IpAddr::V4(Ipv4Addr::from_bits(bits));
        Some(Self { address, prefix })
    }

    fn v6(address: Ipv6Addr, prefix: u8) -> Option<Self> {
        let host = 128_u32.checked_sub(u32::from(prefix))?;
        let bits = address.to_bits() & u128::MAX.checked_shl(host).unwrap_or(0);
        let address = IpAddr::V6(Ipv6Addr::from_bits(bits));
        Some(Self { address, prefix })
    }
}

/// `10.0.0.0/8`; the prefix always stands.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Reads an address; `::ffff:a.b.c.d` is the IPv4 address. Zones (`%eth0`) and wildcards are none.
pub fn read_address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// Reads `true` or `false`, in any case.
pub fn read_flag(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Both sides of the IgnoreCase operators go through this: Unicode lower-casing, no folding (`ß` is not `ss`).
pub fn lower(text: &str) -> String {
    text.to_lowercase()
}

/// Milliseconds after midnight UTC of `Thh:mm[:ss[.f]]ZONE`; may be negative or past the day.
fn clock(text: &str) -> Option<i64> {
    let text = text.strip_prefix('T')?;
    let (time, zone) = text.split_at(text.find(['Z', '+', '-'])?);
    let mut parts = time.splitn(3, ':');
    let hour = number(parts.next()?, 2).filter(|hour| *hour < 24)?;
    let minute = number(parts.next()?, 2).filter(|minute| *minute < 60)?;
    let (second, fraction) = match parts.next() {
        None => (0, 0),
        Some(seconds) => {
            let (second, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
            if !is_digits(fraction) || fraction.len() > 9 {
                return None;
            }
            // Cut, never rounded: 59.9999 stays in its minute.
            let cut: String = fraction.chars().chain("00".chars()).take(3).collect();
            (number(second, 2).filter(|second| *second < 60)?, number(&cut, 3)?)
        }
    };
    let of_day = ((hour * 60 + minute) * 60 + second) * 1_000 + fraction;
    Some(of_day - offset_minutes(zone)? * 60_000)
}

fn offset_minutes(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hour, minute) = digits.split_once(':').or_else(|| digits.split_at_checked(2))?;
    let hour = number(hour, 2).filter(|hour| *hour < 24)?;
    let minute = number(minute, 2).filter(|minute| *minute < 60)?;
    Some(sign * (hour * 60 + minute))
}

/// Exactly `width` digits.
fn number(text: &str, width: usize) -> Option<i64> {
    (text.len() == width && is_digits(text)).then(|| text.parse().ok())?
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// 0001-01-01T00:00:00Z.
const FIRST_MILLI: i64 = -62_135_596_800_000;
/// 9999-12-31T23:59:59.999Z.
const LAST_MILLI: i64 = 253_402_300_799_999;
