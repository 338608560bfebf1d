//! Temporary credentials, and who is asking.

use crate::api::table::{Row, STS};
use crate::engine::query::caller::GetCallerIdentity;
use crate::engine::{Class, Work};

/// The family's rows.
pub static ROWS: [Row; 1] = [Row::new(
    Class::Query,
    (&STS, "GetCallerIdentity", "sts/GetCallerIdentity"),
    "Says who signed this request.",
    &[],
    |request| {
        let actor = request.actor.clone();
        Ok(Work::Query(Box::new(GetCallerIdentity { actor })))
    },
)
// Authentication is enough; no policy can take it away.
.open()];
