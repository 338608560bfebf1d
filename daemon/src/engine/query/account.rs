//! DescribeRegions and DescribeAccountKmsStatus.

use crate::base::{Answer, ApiError, Arn, Region};
use crate::domain::{Scope, Unresolved};
use crate::engine::call::{Done, Query};
use crate::engine::tools::Tools;
use crate::projection::{Reader, State};

/// The regions that this daemon serves.
#[derive(Debug)]
pub struct DescribeRegions {
    /// As configured.
    pub regions: Vec<Region>,
}

impl Query for DescribeRegions {
    fn resources(&self, _: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(Vec::new())
    }

    fn answer(&self, _: &Scope, _: &State, _: &Tools) -> Result<Done, ApiError> {
        let items = self
            .regions
            .iter()
            .map(|region| Answer::new().text("RegionId", region.to_string()));
        Ok(Done::unrecorded(Answer::new().list("Regions", "Region", items)))
    }
}

/// Whether the account may use this service: who hosts it for itself may.
#[derive(Debug)]
pub struct DescribeAccountKmsStatus;

impl Query for DescribeAccountKmsStatus {
    fn resources(&self, _: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(Vec::new())
    }

    fn answer(&self, _: &Scope, _: &State, _: &Tools) -> Result<Done, ApiError> {
        Ok(Done::unrecorded(Answer::new().text("AccountStatus", "Enabled")))
    }
}
