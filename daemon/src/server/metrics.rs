//! The daemon's figures as OpenMetrics text, for Prometheus and its like.
//!
//! Labels are products, classes, outcome codes and listener kinds: never an id, a name or an address, so the text is no secret
//! and its size does not grow with use. Reading it takes no lock that a request waits for.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::api::Front;
use crate::base::{Distribution, limits};

/// The Content-Type of the text.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The text, as of now.
pub(super) fn text(front: &Arc<Front>) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("chancery");
    registry.register_collector(Box::new(Figures(Arc::clone(front))));
    let mut text = String::with_capacity(TEXT_BYTES_EXPECTED);
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

/// All that there is to show.
#[derive(Debug)]
struct Figures(Arc<Front>);

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut metrics = Metrics(&mut encoder);
        self.daemon(&mut metrics)?;
        self.operations(&mut metrics)?;
        self.log(&mut metrics)?;
        self.door(&mut metrics)?;
        self.room(&mut metrics)
    }
}

impl Figures {
    fn daemon(&self, metrics: &mut Metrics<'_, '_>) -> fmt::Result {
        let engine = self.0.engine();
        let tools = engine.tools();
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        metrics.family("build", "The software.", MetricType::Info, |mut metric| {
            metric.encode_info(&version)
        })?;
        metrics.gauge(
            "uptime_seconds",
            "Seconds since the daemon was started.",
            seconds(tools.figures.uptime_millis(&*tools.clock), MILLIS),
        )?;
        metrics.gauge(
            "ready",
            "Whether calls can be answered: 1, or 0.",
            f64::from(u8::from(engine.readiness().is_ok())),
        )?;
        let held = engine.housekeeper().timers_held(tools);
        metrics.gauge(
            "timers_held",
            "Whether scheduled deletions wait because the clock jumped: 1, or 0.",
            f64::from(u8::from(held)),
        )?;
        metrics.gauge(
            "unguarded",
            "Whether another user holds the name by which a copy of the log would be noticed: 1, or 0.",
            f64::from(u8::from(tools.figures.unguarded.read() > 0)),
        )
    }

    fn operations(&self, metrics: &mut Metrics<'_, '_>) -> fmt::Result {
        let figures = self.0.figures();
        let help = "Operations that were recorded and answered, by outcome code; OK is success.";
        metrics.family("operations", help, MetricType::Counter, |mut metric| {
            for operations in figures.operations() {
                let labels = [
                    ("product", operations.product),
                    ("class", operations.class),
                    ("code", operations.outcome),
                ];
                counter(&mut metric.encode_family(&labels)?, operations.count)?;
            }
            Ok(())
        })?;
        let help = "Requests that were refused before they were anybody's operation, by code.";
        metrics.family("refusals", help, MetricType::Counter, |mut metric| {
            for (code, count) in figures.refusals() {
                counter(&mut metric.encode_family(&[("code", code)])?, count)?;
            }
            Ok(())
        })?;
        let faults = self.0.engine().tools().library.faults.read();
        let help =
            "Checks that were denied because a policy could not be evaluated; alarm on anything but 0.";
        metrics.counter("policy_faults", help, faults)?;
        let help = "Seconds from a whole request to its answer, its event durable.";
        metrics.family(
            "operation_duration_seconds",
            help,
            MetricType::Histogram,
            |mut metric| {
                for (class, latency) in figures.latency() {
                    histogram(&mut metric.encode_family(&[("class", class)])?, &latency, MICROS)?;
                }
                Ok(())
            },
        )
    }

    fn log(&self, metrics: &mut Metrics<'_, '_>) -> fmt::Result {
        let tools = self.0.engine().tools();
        let figures = &tools.figures;
        let applied = tools.published.applied().size();
        let durable = tools.published.durable().head.size;
        metrics.gauge(
            "log_events",
            "Events in the log, on stable storage.",
            durable as f64,
        )?;
        metrics.gauge(
            "log_lag_events",
            "Events that have a place in the order and are not on stable storage yet.",
            applied.saturating_sub(durable) as f64,
        )?;
        metrics.gauge(
            "anchor_lag_events",
            "Events on stable storage that the anchor does not vouch for yet.",
            durable.saturating_sub(figures.anchored.read()) as f64,
        )?;
        metrics.histogram(
            "commit_duration_seconds",
            "Seconds to bring one group of events to stable storage; nearly all of it is the fsync.",
            &figures.commit_micros.read(),
            MICROS,
        )?;
        metrics.gauge(
            "commit_in_flight_seconds",
            "Seconds since the commit in flight began, or 0.",
            seconds(figures.committing_millis(&*tools.clock), MILLIS),
        )?;
        metrics.histogram(
            "group_events",
            "Events in one group commit.",
            &figures.group_events.read(),
            1.0,
        )?;
        metrics.counter(
            "reruns",
            "Calls that ran again because what they had read had changed.",
            figures.reruns.read(),
        )
    }

    fn door(&self, metrics: &mut Metrics<'_, '_>) -> fmt::Result {
        let connections = self.0.engine().tools().figures.connections.each();
        let help = "Open connections, by listener.";
        metrics.family("connections", help, MetricType::Gauge, |mut metric| {
            for (listener, figures) in connections {
                let labels = [("listener", listener)];
                let mut metric = metric.encode_family(&labels)?;
                metric.encode_gauge(&(figures.open.read() as f64))?;
            }
            Ok(())
        })?;
        let help = "Connections that found no place, by listener.";
        metrics.family(
            "connections_turned_away",
            help,
            MetricType::Counter,
            |mut metric| {
                for (listener, figures) in connections {
                    counter(
                        &mut metric.encode_family(&[("listener", listener)])?,
                        figures.turned_away.read(),
                    )?;
                }
                Ok(())
            },
        )?;
        let help = "Idle connections that made room for another one, by listener.";
        metrics.family(
            "connections_made_room",
            help,
            MetricType::Counter,
            |mut metric| {
                for (listener, figures) in connections {
                    counter(
                        &mut metric.encode_family(&[("listener", listener)])?,
                        figures.made_room.read(),
                    )?;
                }
                Ok(())
            },
        )?;
        let nonces = self.0.nonces();
        metrics.gauge(
            "nonces",
            "Nonces of signed requests that are remembered.",
            nonces.len() as f64,
        )?;
        metrics.gauge(
            "nonces_max",
            "So many may be; further signed requests are throttled.",
            nonces.limits().total as f64,
        )?;
        metrics.gauge(
            "nonces_bytes",
            "Bytes of memory that they take.",
            nonces.bytes() as f64,
        )
    }

    fn room(&self, metrics: &mut Metrics<'_, '_>) -> fmt::Result {
        let tools = self.0.engine().tools();
        let figures = &tools.figures;
        metrics.gauge(
            "queue_calls",
            "Calls that wait for the writer.",
            figures.queued.read() as f64,
        )?;
        metrics.gauge(
            "queue_calls_max",
            "So many may wait; more are throttled.",
            limits::QUEUE_LEN_MAX as f64,
        )?;
        metrics.gauge(
            "free_slots",
            "Vault slots provided ahead: new keys that need no further disk write.",
            tools.free.len() as f64,
        )?;
        metrics.gauge(
            "owed_erasures",
            "Vault slots whose material the log says is destroyed and that are not yet overwritten.",
            tools.published.durable().state.erasures().count() as f64,
        )?;
        metrics.gauge(
            "disk_room",
            "Room on the disk: 0 plenty, 1 low (work with keys is refused), 2 full (on the reserve), 3 exhausted.",
            f64::from(tools.reserve.room() as u8),
        )?;
        metrics.gauge(
            "disk_reserve_bytes",
            "Bytes set aside for a full disk; 0 when they are released.",
            tools.reserve.held_bytes() as f64,
        )?;
        // Until somebody has looked, there is nothing to say.
        if figures.disk_total.read() > 0 {
            metrics.gauge(
                "disk_free_bytes",
                "Bytes that the data directory's file system has for the daemon.",
                figures.disk_free.read() as f64,
            )?;
            metrics.gauge(
                "disk_size_bytes",
                "Bytes that the data directory's file system has in all.",
                figures.disk_total.read() as f64,
            )?;
        }
        Ok(())
    }
}

/// Writes one family after the other.
struct Metrics<'a, 'b>(&'a mut DescriptorEncoder<'b>);

impl Metrics<'_, '_> {
    fn family(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        write: impl FnOnce(MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        write(self.0.encode_descriptor(name, help, None, kind)?)
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.family(name, help, MetricType::Gauge, |mut metric| {
            metric.encode_gauge(&value)
        })
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.family(name, help, MetricType::Counter, |mut metric| {
            counter(&mut metric, value)
        })
    }

    fn histogram(&mut self, name: &str, help: &str, values: &Distribution, units_of_one: f64) -> fmt::Result {
        self.family(name, help, MetricType::Histogram, |mut metric| {
            histogram(&mut metric, values, units_of_one)
        })
    }
}

fn counter(metric: &mut MetricEncoder<'_>, value: u64) -> fmt::Result {
    metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
}

/// `units_of_one`: how many of the recorded units are one of the shown.
fn histogram(metric: &mut MetricEncoder<'_>, values: &Distribution, units_of_one: f64) -> fmt::Result {
    let bounds = values.bounds.iter().map(|bound| *bound as f64 / units_of_one);
    let buckets: Vec<(f64, u64)> = bounds
        .chain([f64::INFINITY])
        .zip(values.counts.iter().copied())
        .collect();
    metric.encode_histogram::<NoLabelSet>(values.sum as f64 / units_of_one, values.count(), &buckets, None)
}

fn seconds(count: u64, units_of_one: f64) -> f64 {
    count as f64 / units_of_one
}

const MILLIS: f64 = 1_000.0;
const MICROS: f64 = 1_000_000.0;

/// Set aside at once; it has some 9 KiB.
const TEXT_BYTES_EXPECTED: usize = 16 << 10;
