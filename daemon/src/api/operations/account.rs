//! The account and its regions.

use crate::api::table::{KMS, Row};
use crate::engine::query::account::{DescribeAccountKmsStatus, DescribeRegions};
use crate::engine::{Class, Work};

/// The family's rows.
pub static ROWS: [Row; 2] = [
    Row::new(
        Class::Query,
        (&KMS, "DescribeRegions", "kms/DescribeRegions"),
        "Lists the regions that this daemon serves.",
        &[],
        |request| {
            let regions = request.regions.to_vec();
            Ok(Work::Query(Box::new(DescribeRegions { regions })))
        },
    )
    // Authentication is enough; no policy can take it away.
    .open(),
    Row::new(
        Class::Query,
        (&KMS, "DescribeAccountKmsStatus", "kms/DescribeAccountKmsStatus"),
        "Says whether the account may use this service.",
        &[],
        |_| Ok(Work::Query(Box::new(DescribeAccountKmsStatus))),
    ),
];
