//! What a denial was about, for those who may know it all (authorization reference, section 4.2).

use crate::api::table::{Param, RAM, Request, Row};
use crate::base::ApiError;
use crate::engine::query::diagnosis::DecodeDiagnosticMessage;
use crate::engine::{Class, Work};

/// The family's rows. What it takes to look an event up is a read of the log's file.
pub static ROWS: [Row; 1] = [Row::new(
    Class::Query,
    (&RAM, "DecodeDiagnosticMessage", "ram/DecodeDiagnosticMessage"),
    "Explains a denial: the resource, the conditions, the statements that decided.",
    &[Param::required(
        "EncodedDiagnosticMessage",
        "from the denial's AccessDeniedDetail",
    )],
    decode,
)
.long()];

fn decode(request: &Request<'_>) -> Result<Work, ApiError> {
    let message = request.params.required("EncodedDiagnosticMessage")?.to_owned();
    Ok(Work::Query(Box::new(DecodeDiagnosticMessage { message })))
}
