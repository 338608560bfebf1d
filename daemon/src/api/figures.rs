//! What the front counts: operations by product, class and outcome, how long they took, and refusals.
//!
//! Never: counts by an id, a name or an address; the labels are the table's and the catalogue's own words.

use super::table::{self, Row};
use crate::base::{Code, Distribution, Figure, Histogram};
use crate::engine::Class;

/// The counters of one front.
#[derive(Debug)]
pub struct Figures {
    /// By product, class and outcome, as `place` says.
    operations: Box<[Figure]>,
    /// By class: microseconds from the whole request to the whole answer.
    latency: [Histogram; CLASSES.len()],
    /// By code: requests that became nobody's operation.
    refusals: Box<[Figure]>,
}

/// Operations of one kind with one outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operations {
    /// The product.
    pub product: &'static str,
    /// The class.
    pub class: &'static str,
    /// `OK`, or a code of the catalogue.
    pub outcome: &'static str,
    /// How many.
    pub count: u64,
}

impl Default for Figures {
    fn default() -> Self {
        let figures = |count| (0..count).map(|_| Figure::default()).collect();
        Self {
            operations: figures(table::PRODUCTS.len() * CLASSES.len() * OUTCOMES),
            latency: std::array::from_fn(|_| Histogram::new(&LATENCY_BOUNDS)),
            refusals: figures(Code::ALL.len()),
        }
    }
}

impl Figures {
    /// Counts an operation whose event is durable.
    pub(super) fn answered(&self, row: &Row, error: Option<Code>, micros: u64) {
        if let Some(figure) = place(row, error).and_then(|place| self.operations.get(place)) {
            figure.add(1);
        }
        if let Some(histogram) = self.latency.get(row.class as usize) {
            histogram.record(micros);
        }
    }

    /// Counts a request that was refused before it was anybody's operation.
    pub(super) fn refused(&self, code: Code) {
        if let Some(figure) = self.refusals.get(code as usize) {
            figure.add(1);
        }
    }

    /// Every kind of operation that there was.
    pub fn operations(&self) -> impl Iterator<Item = Operations> {
        let products = table::PRODUCTS.into_iter();
        let kinds = products.flat_map(|product| {
            CLASSES
                .into_iter()
                .flat_map(move |(_, class)| outcomes().map(move |outcome| (product.name, class, outcome)))
        });
        let counted = kinds
            .zip(&*self.operations)
            .map(|((product, class, outcome), figure)| Operations {
                product,
                class,
                outcome,
                count: figure.read(),
            });
        counted.filter(|operations| operations.count > 0)
    }

    /// How long operations took, microseconds, by class.
    pub fn latency(&self) -> impl Iterator<Item = (&'static str, Distribution)> {
        let classes = CLASSES.into_iter().map(|(_, class)| class);
        classes.zip(self.latency.iter().map(Histogram::read))
    }

    /// How many requests were refused, by code.
    pub fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let codes = Code::ALL.iter().map(|code| code.as_str());
        codes
            .zip(self.refusals.iter().map(Figure::read))
            .filter(|(_, count)| *count > 0)
    }
}

/// Where the operations of this kind are counted.
fn place(row: &Row, error: Option<Code>) -> Option<usize> {
    let product = table::PRODUCTS
        .into_iter()
        .position(|product| product == row.product)?;
    let outcome = error.map_or(0, |code| 1 + code as usize);
    Some((product * CLASSES.len() + row.class as usize) * OUTCOMES + outcome)
}

/// The outcomes, in the order in which they are counted.
fn outcomes() -> impl Iterator<Item = &'static str> {
    ["OK"]
        .into_iter()
        .chain(Code::ALL.iter().map(|code| code.as_str()))
}

/// How many they are.
const OUTCOMES: usize = 1 + Code::ALL.len();

/// The classes, in the order in which they are declared.
const CLASSES: [(Class, &str); 3] = [
    (Class::Command, "command"),
    (Class::Use, "use"),
    (Class::Query, "query"),
];

/// Microseconds: from a lone caller on a fast disk to one who gives up.
const LATENCY_BOUNDS: [u64; 14] = [
    100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 102_400, 409_600, 1_638_400, 6_553_600,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_and_every_outcome_has_a_place_of_its_own() {
        for (place, (class, _)) in CLASSES.into_iter().enumerate() {
            assert_eq!(class as usize, place);
        }
        for (place, code) in Code::ALL.iter().enumerate() {
            assert_eq!(*code as usize, place);
        }
        for row in table::rows() {
            for error in [None].into_iter().chain(Code::ALL.iter().copied().map(Some)) {
                let figures = Figures::default();
                figures.answered(row, error, 150);
                let (_, class) = CLASSES[row.class as usize];
                let counted: Vec<_> = figures.operations().collect();
                let expected = Operations {
                    product: row.product.name,
                    class,
                    outcome: error.map_or("OK", Code::as_str),
                    count: 1,
                };
                assert_eq!(counted, [expected]);
                for (name, latency) in figures.latency() {
                    assert_eq!(latency.count(), u64::from(name == class));
                }
            }
        }
    }

    #[test]
    fn refusals_are_counted_by_code_and_are_no_operations() {
        let figures = Figures::default();
        figures.refused(Code::NonceUsed);
        figures.refused(Code::NonceUsed);
        assert_eq!(
            figures.refusals().collect::<Vec<_>>(),
            [("SignatureNonceUsed", 2)]
        );
        assert_eq!(figures.operations().count(), 0);
    }
}
