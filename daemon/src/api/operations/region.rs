//! Regions.

use crate::api::table::{KMS, Row};
use crate::engine::query::regions::DescribeRegions;
use crate::engine::{Class, Lane, Work};

/// The family's row.
pub static ROWS: [Row; 1] = [Row {
    product: &KMS,
    action: "DescribeRegions",
    op: "kms/DescribeRegions",
    class: Class::Query,
    lane: Lane::Short,
    // Authentication is enough; no policy can take it away.
    open: true,
    summary: "Lists the regions that this daemon serves.",
    params: &[],
    handler: |request| {
        let regions = request.regions.to_vec();
        Ok(Work::Query(Box::new(DescribeRegions { regions })))
    },
}];
