//! The daemon itself: its log, for those who verify it, and its clock.

use crate::api::table::{CHANCERY, Param, Request, Row};
use crate::base::{ApiError, Seq, limits};
use crate::engine::query::log::{GetLogEntries, GetLogStatus};
use crate::engine::{AcceptClock, Class, Lane, Work};

/// The family's rows.
pub static ROWS: [Row; 3] = [
    Row {
        product: &CHANCERY,
        action: "GetLogStatus",
        op: "chancery/GetLogStatus",
        class: Class::Query,
        lane: Lane::Short,
        open: false,
        summary: "Shows the log's identity, its durable size, the digest of the state there and the newest checkpoints.",
        params: &[],
        handler: |_| Ok(Work::Query(Box::new(GetLogStatus))),
    },
    Row {
        product: &CHANCERY,
        action: "GetLogEntries",
        op: "chancery/GetLogEntries",
        class: Class::Query,
        // A page is up to a mebibyte of reading and encoding.
        lane: Lane::Long,
        open: false,
        summary: "Returns signed entries of the log as they are stored.",
        params: &[
            Param::optional("From", "position of the first entry; default 0"),
            Param::optional("MaxEntries", "1 to 2048; default 2048. A page also ends at 1 MiB"),
        ],
        handler: get_log_entries,
    },
    Row {
        product: &CHANCERY,
        action: "AcceptClock",
        op: "chancery/AcceptClock",
        class: Class::Command,
        lane: Lane::Short,
        open: false,
        summary: "Says that the wall clock is right: scheduled deletions held after a clock jump run again.",
        params: &[],
        handler: |_| Ok(Work::Command(Box::new(AcceptClock))),
    },
];

fn get_log_entries(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let from = params.optional_integer("From", 0..=u64::MAX)?.unwrap_or(0);
    let limit = params
        .optional_integer("MaxEntries", 1..=limits::LOG_PAGE_ENTRIES_MAX)?
        .unwrap_or(limits::LOG_PAGE_ENTRIES_MAX);
    Ok(Work::Query(Box::new(GetLogEntries {
        from: Seq::new(from),
        limit,
    })))
}
