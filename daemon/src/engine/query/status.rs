//! GetStatus: what an operator must know of a running daemon. What it says of the log is what is durable.

use crate::base::{Answer, ApiError, Arn, Code, limits};
use crate::domain::{Reach, Scope, Unresolved};
use crate::engine::call::{Done, Query};
use crate::engine::figures::ConnectionFigures;
use crate::engine::tools::Tools;
use crate::projection::{Reader, State};

/// The daemon's state of health.
#[derive(Debug)]
pub struct GetStatus;

impl Query for GetStatus {
    fn reach(&self, _: &Scope) -> Reach {
        Reach::Daemon
    }

    fn diagnoses(&self) -> bool {
        true
    }

    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::log(&scope.region, scope.account)])
    }

    fn answer(&self, _: &Scope, _: &State, tools: &Tools) -> Result<Done, ApiError> {
        // The order matters: what is applied is read last, so that it is never behind what is durable.
        let durable = tools.published.durable();
        let applied = tools.published.applied().size();
        let log = durable.state.log().ok_or(Code::Internal)?;
        let figures = &tools.figures;
        let size = durable.head.size;
        let commits = figures.commit_micros.read();
        let connections = figures.connections.each();
        let sum = |figure: fn(&ConnectionFigures) -> u64| -> u64 {
            connections.iter().map(|(_, figures)| figure(figures)).sum()
        };
        let has_disk = figures.disk_total.read() > 0;
        Ok(Done::unrecorded(
            Answer::new()
                .text("Software", concat!("chancery ", env!("CARGO_PKG_VERSION")))
                .text("StartTime", figures.started.to_string())
                .number("UptimeSeconds", figures.uptime_millis(&*tools.clock) / 1_000)
                .text("LogId", log.id.to_string())
                .text("Origin", log.origin.clone())
                .base64("PublicKey", log.public.as_slice())
                .number("Size", size)
                .text("HeadLeaf", durable.head.leaf.to_string())
                .text("HeadTime", durable.head.time.to_string())
                .text("StateDigest", durable.state.digest().short().to_string())
                .number("LagEvents", applied.saturating_sub(size))
                .number("AnchorLagEvents", size.saturating_sub(figures.anchored.read()))
                .boolean("TimersHeld", durable.state.hold().is_some())
                .boolean("Unguarded", figures.unguarded.read() > 0)
                .number("QueuedCalls", figures.queued.read())
                .number("QueuedCallsMax", limits::QUEUE_LEN_MAX as u64)
                .with_some("CommitMicrosP50", commits.percentile(50))
                .with_some("CommitMicrosP99", commits.percentile(99))
                .number("FreeSlots", tools.free.len() as u64)
                .number("OwedErasures", durable.state.erasures().count() as u64)
                .number("OpenConnections", sum(|figures| figures.open.read()))
                .number("TurnedAwayConnections", sum(|figures| figures.turned_away.read()))
                .number("RememberedNonces", figures.nonces.read())
                .text("DiskRoom", tools.reserve.room().as_str())
                .number("DiskReserveBytes", tools.reserve.held_bytes())
                .with_some("DiskFreeBytes", has_disk.then(|| figures.disk_free.read()))
                .with_some("DiskTotalBytes", has_disk.then(|| figures.disk_total.read())),
        ))
    }
}
