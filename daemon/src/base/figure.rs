//! Numbers that running threads write and a monitor reads: relaxed atomics, nothing else.
//!
//! A reader may see one figure a moment older than another; each is exact by itself. None of them is part of the state.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows, or one that is set.
#[derive(Debug, Default)]
pub struct Figure(AtomicU64);

impl Figure {
    /// Adds `count`.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Takes `count` away; what was not added before must not be.
    pub fn subtract(&self, count: u64) {
        self.0.fetch_sub(count, Ordering::Relaxed);
    }

    /// Sets it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The number.
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How often a measured number was at most each of some bounds. Recording is two relaxed additions.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One more than there are bounds: the last has what is above all of them.
    buckets: Box<[Figure]>,
    sum: Figure,
}

/// What a histogram showed when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// The bounds.
    pub bounds: &'static [u64],
    /// How many lie in each bucket, not cumulated; the last has what is above all bounds.
    pub counts: Vec<u64>,
    /// The sum of everything recorded.
    pub sum: u64,
}

impl Histogram {
    /// An empty histogram; `bounds` ascend.
    pub fn new(bounds: &'static [u64]) -> Self {
        let buckets = (0..=bounds.len()).map(|_| Figure::default());
        Self {
            bounds,
            buckets: buckets.collect(),
            sum: Figure::default(),
        }
    }

    /// Records one measurement.
    pub fn record(&self, value: u64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.add(1);
        }
        self.sum.add(value);
    }

    /// Reads it.
    pub fn read(&self) -> Distribution {
        Distribution {
            bounds: self.bounds,
            counts: self.buckets.iter().map(Figure::read).collect(),
            sum: self.sum.read(),
        }
    }
}

impl Distribution {
    /// How many measurements.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// A bound that `percent` of the measurements do not exceed: the upper end of their bucket. None when there are no
    /// measurements, or the bound lies above all buckets.
    pub fn percentile(&self, percent: u64) -> Option<u64> {
        let count = self.count();
        let wanted = (count * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let place = self.counts.iter().position(|bucket| {
            seen += bucket;
            seen >= wanted
        });
        self.bounds.get(place?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_is_counted_in_the_first_bucket_that_holds_it() {
        let histogram = Histogram::new(&[10, 100]);
        for value in [0, 10, 11, 100, 101, 5_000] {
            histogram.record(value);
        }
        let read = histogram.read();
        assert_eq!(read.counts, [2, 2, 2]);
        assert_eq!((read.count(), read.sum), (6, 5_222));
    }

    #[test]
    fn percentiles_are_the_upper_ends_of_buckets() {
        let histogram = Histogram::new(&[1, 2, 4]);
        assert_eq!(histogram.read().percentile(50), None);
        for value in [1, 1, 2, 3] {
            histogram.record(value);
        }
        let read = histogram.read();
        assert_eq!(read.percentile(50), Some(1));
        assert_eq!(read.percentile(75), Some(2));
        assert_eq!(read.percentile(99), Some(4));
        histogram.record(1_000);
        assert_eq!(histogram.read().percentile(99), None);
    }
}
