//! Typed values in Cedar's form, remembered. Making one costs Cedar four microseconds, for it reads the name of the
//! constructor each time; the same few addresses and, under load, the same millisecond come again and again.

use std::collections::HashMap;
use std::net::IpAddr;

use cedar_policy::RestrictedExpression;
use parking_lot::Mutex;

use crate::policy::language::{Moment, Number};

/// A value that reads in its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Reading {
    /// A decimal number.
    Number(Number),
    /// A moment.
    Moment(Moment),
    /// An address.
    Address(IpAddr),
}

/// The values made so far, up to a bound.
#[derive(Debug, Default)]
pub(super) struct Memo {
    made: Mutex<HashMap<Reading, RestrictedExpression>>,
}

impl Memo {
    /// The value in Cedar's form. Depends on nothing but the value, remembered or not.
    pub fn of(&self, reading: Reading) -> RestrictedExpression {
        if let Some(known) = self.made.lock().get(&reading) {
            return known.clone();
        }
        let made = match reading {
            Reading::Number(number) => RestrictedExpression::new_decimal(number.to_string()),
            Reading::Moment(moment) => RestrictedExpression::new_datetime(moment.to_string()),
            Reading::Address(address) => RestrictedExpression::new_ip(address.to_string()),
        };
        let mut values = self.made.lock();
        // Forgetting all is the simplest bound; what is in use is soon there again.
        if values.len() >= VALUES_MAX {
            values.clear();
        }
        values.insert(reading, made.clone());
        made
    }
}

/// Most values remembered, about 300 bytes each.
const VALUES_MAX: usize = 4_096;
