//! The daemon itself: its log, for those who verify it, its health and its clock.

use crate::api::table::{CHANCERY, Param, Request, Row};
use crate::base::{ApiError, Seq, limits};
use crate::engine::query::log::{GetLogEntries, GetLogStatus, GetVault};
use crate::engine::query::status::GetStatus;
use crate::engine::{AcceptClock, Class, RotateLogKey, Work};

/// The family's rows.
pub static ROWS: [Row; 6] = [
    Row::new(
        Class::Query,
        (&CHANCERY, "GetLogStatus", "chancery/GetLogStatus"),
        "Shows the log's identity, its durable size, the digest of the state there and the newest checkpoints.",
        &[],
        |_| Ok(Work::Query(Box::new(GetLogStatus))),
    ),
    Row::new(
        Class::Query,
        (&CHANCERY, "GetLogEntries", "chancery/GetLogEntries"),
        "Returns signed entries of the log as they are stored.",
        &[
            Param::optional("From", "position of the first entry; default 0"),
            Param::optional("MaxEntries", "1 to 2048; default 2048. A page also ends at 1 MiB"),
        ],
        get_log_entries,
    )
    // A page is up to a mebibyte of reading and encoding.
    .long(),
    Row::new(
        Class::Query,
        (&CHANCERY, "GetVault", "chancery/GetVault"),
        "Returns records of the vault as they are stored, sealed under the root key; `chancery backup` calls it.",
        &[
            Param::optional("From", "the first slot; default 0"),
            Param::optional("MaxRecords", "1 to 4096; default 4096"),
        ],
        get_vault,
    )
    .long(),
    Row::new(
        Class::Query,
        (&CHANCERY, "GetStatus", "chancery/GetStatus"),
        "Shows what an operator must know: uptime, lag, queue, disk, whether timers are held.",
        &[],
        |_| Ok(Work::Query(Box::new(GetStatus))),
    ),
    Row::new(
        Class::Command,
        (&CHANCERY, "AcceptClock", "chancery/AcceptClock"),
        "Says that the wall clock is right: scheduled deletions held after a clock jump run again.",
        &[],
        |_| Ok(Work::Command(Box::new(AcceptClock))),
    ),
    Row::new(
        Class::Command,
        (&CHANCERY, "RotateLogKey", "chancery/RotateLogKey"),
        "Gives the log another signing key; the one before it, which signs that, is erased.",
        &[],
        |_| Ok(Work::Command(Box::new(RotateLogKey))),
    ),
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

fn get_vault(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let max = limits::VAULT_PAGE_RECORDS_MAX;
    let from = params
        .optional_integer("From", 0..=u64::from(u32::MAX))?
        .unwrap_or(0);
    let limit = params.optional_integer("MaxRecords", 1..=max)?.unwrap_or(max);
    Ok(Work::Query(Box::new(GetVault {
        from: u32::try_from(from).unwrap_or(u32::MAX),
        limit: u32::try_from(limit).unwrap_or(u32::MAX),
    })))
}
