//! Rotation intervals, `7d` to `730d` (wire contract, section 7.3).

use std::fmt;

use serde::{Deserialize, Serialize};

/// How often a key is rotated, in seconds; shown as `<seconds>s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RotationInterval(u64);

impl RotationInterval {
    const SECONDS_MIN: u64 = 7 * 86_400;
    const SECONDS_MAX: u64 = 730 * 86_400;

    /// Parses `^[1-9][0-9]*[dhms]$`, between 7 and 730 days.
    pub fn parse(text: &str) -> Option<Self> {
        let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let unit = match unit {
            "d" => 86_400,
            "h" => 3_600,
            "m" => 60,
            "s" => 1,
            _ => return None,
        };
        if digits.starts_with('0') || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let seconds = digits.parse::<u64>().ok()?.checked_mul(unit)?;
        (Self::SECONDS_MIN..=Self::SECONDS_MAX)
            .contains(&seconds)
            .then_some(Self(seconds))
    }

    /// The interval in milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.0 * 1_000
    }
}

impl fmt::Display for RotationInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::RotationInterval;

    #[test]
    fn intervals_are_parsed_strictly_and_shown_in_seconds() {
        for (text, shown) in [
            ("7d", "604800s"),
            ("168h", "604800s"),
            ("730d", "63072000s"),
            ("10080m", "604800s"),
            ("31536000s", "31536000s"),
        ] {
            assert_eq!(
                RotationInterval::parse(text).unwrap().to_string(),
                shown,
                "{text}"
            );
        }
        for bad in [
            "",
            "d",
            "6d",
            "731d",
            "07d",
            "7",
            "7D",
            "-7d",
            "+7d",
            "7d7h",
            "7 d",
            "1.5d",
            "99999999999999999999d",
        ] {
            assert_eq!(RotationInterval::parse(bad), None, "{bad}");
        }
    }
}
