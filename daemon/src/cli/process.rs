//! The process itself: what it leaves behind, how many files it may open, where it tells its story.

use std::io::IsTerminal;

use rustix::fs::Mode;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit, umask,
};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// How to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

use super::exit::Failure;

/// What holds for every command, for each may handle a secret: no crash writes memory to disk (law 4), and every file made
/// from here on is the owner's alone.
pub(super) fn leave_nothing_behind() -> Result<(), Failure> {
    umask(Mode::RWXG | Mode::RWXO);
    // One byte, not none: the kernel hands a dump to a program (`|` in core_pattern) whatever the limit, except at this one.
    let one = Rlimit {
        current: Some(1),
        maximum: Some(1),
    };
    setrlimit(Resource::Core, one).map_err(no_dumps)
}

/// Besides, no other process of the same user reads this one's memory. Not for clients: `@/dev/fd/3` could not be opened then.
pub(super) fn harden() -> Result<(), Failure> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(no_dumps)
}

fn no_dumps(error: rustix::io::Errno) -> Failure {
    Failure::No(format!("core dumps can't be switched off: {error}"))
}

/// A panic in a thread of the core ends the process: without its writer, its anchor or its housekeeping a daemon must not
/// look alive. A panic in a request's task ends that request alone.
pub(super) fn end_with_the_core() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        if std::thread::current()
            .name()
            .is_some_and(|name| CORE_THREADS.contains(&name))
        {
            std::process::exit(i32::from(super::exit::CANT_GO_ON));
        }
    }));
}

/// The threads that a daemon can't be without.
const CORE_THREADS: [&str; 3] = ["writer", "anchor", "housekeeper"];

/// Lets the process open as many files as the system allows it, and gives how many: each connection is one.
pub(super) fn raise_file_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    // None: no limit.
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Traces go to stderr. `filter` is a level, or a filter as tracing's EnvFilter reads it.
pub(super) fn trace_to_stderr(filter: &str, format: LogFormat) -> Result<(), Failure> {
    let unusable = |error: String| Failure::Usage(format!("--log-level `{filter}` is not a level: {error}"));
    // A word that is no level would be taken for the name of a target, and nothing would be told.
    let is_word = filter.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_word && filter.parse::<LevelFilter>().is_err() {
        return Err(unusable(
            "it must be error, warn, info, debug or trace".to_owned(),
        ));
    }
    // The store tells its own story at length; its warnings are enough unless asked for.
    let quiet = format!("fjall=warn,lsm_tree=warn,{filter}");
    let filter = EnvFilter::builder()
        .parse(quiet)
        .map_err(|error| unusable(error.to_string()))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let set = match format {
        LogFormat::Text => subscriber
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .try_init(),
        LogFormat::Json => subscriber
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .try_init(),
    };
    set.map_err(|error| Failure::No(format!("traces can't be written: {error}")))
}
