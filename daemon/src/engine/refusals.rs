//! Requests refused before they were anybody's operation: counted, and recorded as one event per source and code in a
//! window, so that a flood of them can't flood the log (law 1).

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::base::{Code, limits};
use crate::event::{Element, Recorded};

/// Refusals since the last time they were recorded.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<BTreeMap<(String, Code), u64>>);

/// Where the refusals go that exceed the number of sources told apart.
const OTHERS: &str = "others";

impl Refusals {
    /// Counts one. `source` is an address or a uid, never anything the request said.
    pub fn count(&self, source: &str, code: Code) {
        let mut counts = self.0.lock();
        let known = counts.contains_key(&(source.to_owned(), code));
        let source = if known || counts.len() < limits::REFUSAL_SOURCES_MAX {
            source
        } else {
            OTHERS
        };
        *counts.entry((source.to_owned(), code)).or_default() += 1;
    }

    /// Takes what was counted, as the recorded parameters of one event each.
    pub fn take(&self) -> Vec<Recorded> {
        let counts = std::mem::take(&mut *self.0.lock());
        let recorded = counts.into_iter().map(|((source, code), count)| {
            let mut recorded = Recorded::default();
            recorded.insert("Code", Element::Text(code.as_str().into()));
            recorded.insert("Count", Element::Number(count));
            recorded.insert("Source", Element::text(&source));
            recorded
        });
        recorded.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_counted_and_sources_are_bounded() {
        let refusals = Refusals::default();
        for n in 0..1_000 {
            refusals.count(&format!("10.0.0.{n}"), Code::SignatureDoesNotMatch);
        }
        let taken = refusals.take();
        assert_eq!(taken.len(), limits::REFUSAL_SOURCES_MAX + 1);
        let total: u64 = taken
            .iter()
            .map(|recorded| match recorded.get("Count") {
                Some(Element::Number(count)) => *count,
                other => panic!("{other:?}"),
            })
            .sum();
        assert_eq!(total, 1_000);
        assert!(refusals.take().is_empty());
    }
}
