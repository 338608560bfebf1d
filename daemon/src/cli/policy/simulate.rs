//! `chancery policy simulate`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::replay::account;
use crate::api::table::CHANCERY;
use crate::audit::fold_first;
use crate::base::time::{Clock, SystemClock};
use crate::base::{AccountId, Tag, TagKey, TagValue};
use crate::cli::action;
use crate::cli::exit::{Failure, say};
use crate::cli::log::from::Chosen;
use crate::cli::log::progress::Shown;
use crate::cli::log::{RunError, SourceArgs};
use crate::policy::simulate::{Impossible, Simulated, Simulation, Who};

/// Find out what would be decided, by which statements, and what a denial lacks
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// `root`, `user/NAME` or `role/NAME`; without it, who of the account may
    #[arg(long, value_name = "WHO", value_parser = principal)]
    principal: Option<String>,
    /// An action, or a pattern of several; by default every action that fits the resources
    #[arg(long, value_name = "ACTION")]
    action: Vec<String>,
    /// The ARN of a resource, or `*`; not needed where an action has but one
    #[arg(long, value_name = "ARN")]
    resource: Vec<String>,
    /// A condition value of the request: acs:SourceIp=10.0.0.1
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    context: Vec<(String, String)>,
    /// A tag that the keys among the resources are supposed to have
    #[arg(long, value_name = "KEY=VALUE", value_parser = tag)]
    tag: Vec<Tag>,
    /// A policy that the principal is supposed to have, besides what is attached
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,
    /// The principal is supposed to have these policies alone, and to be in no group
    #[arg(long, requires = "principal")]
    instead: bool,
    /// What is supposed to be the policy of the keys among the resources
    #[arg(long, value_name = "FILE")]
    key_policy: Option<PathBuf>,
    /// What is supposed to be the policy of the session
    #[arg(long, value_name = "FILE")]
    session_policy: Option<PathBuf>,
    /// In the state that the first so many events left, instead of the newest
    #[arg(long, value_name = "EVENTS")]
    as_of: Option<u64>,
    /// Another account than that of the caller, or with --data than that which the log was founded with
    #[arg(long, value_name = "NUMBER", value_parser = account)]
    account: Option<AccountId>,
    /// Show what Cedar decides on
    #[arg(long)]
    cedar: bool,
    /// Everything as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: SourceArgs,
}

const HELP: &str = "\
Answers as the daemon would: by the function that decides about real calls, in the state of a
running daemon (chancery:SimulatePolicy, for the caller's account) or of a log (--data, --as-of,
--account: it is read and folded). Nothing is done and nothing is recorded as a use. Of a denial
it shows the statements that come nearest, and what would have to be otherwise. Not among the
condition values: tags (--tag), and what follows from the principal. acs:CurrentTime is now,
with --as-of the time of the last event; there is no address and no TLS unless the context says
so.

Without --principal it goes over the root, all users and all roles of the account, and lists
those who may.

Exit: 0 all of it is allowed, or without --principal an answer; 1 something is denied; 2 wrong
usage; 3 no daemon answers.

Examples:
  chancery policy simulate --principal user/alice --action kms:Decrypt --resource ARN
  chancery policy simulate --action kms:ScheduleKeyDeletion --resource ARN
  chancery policy simulate --principal role/ci --policy v2.json --instead --resource ARN
  chancery policy simulate --principal user/alice --action kms:ListKeys --data DIR --as-of 1200";

/// Longest file read, bytes: more than any document may have.
const FILE_BYTES_MAX: u64 = 1 << 20;

fn principal(text: &str) -> Result<String, &'static str> {
    Who::parse(text)
        .map(|_| text.to_owned())
        .ok_or("it must be root, user/NAME or role/NAME")
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    text.split_once('=')
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or("it must be KEY=VALUE")
}

fn tag(text: &str) -> Result<Tag, &'static str> {
    text.split_once('=')
        .and_then(|(key, value)| {
            Some(Tag {
                key: TagKey::parse(key)?,
                value: TagValue::parse(value)?,
            })
        })
        .ok_or("it must be KEY=VALUE, as tags are written")
}

/// What is supposed, read from the files.
struct Documents {
    policies: Vec<String>,
    key: Option<String>,
    session: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let read = |file: &PathBuf| super::read(file, FILE_BYTES_MAX);
    let documents = Documents {
        policies: arguments.policy.iter().map(read).collect::<Result<_, _>>()?,
        key: arguments.key_policy.as_ref().map(read).transpose()?,
        session: arguments.session_policy.as_ref().map(read).transpose()?,
    };
    let reads_log =
        arguments.source.data.is_some() || arguments.as_of.is_some() || arguments.account.is_some();
    let answer = if reads_log {
        by_log(arguments, documents)?
    } else {
        by_daemon(arguments, &documents)?
    };
    let checks = answer
        .get("Checks")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let allowed = checks.iter().filter(|check| is_allowed(check)).count();
    if arguments.json {
        say(&format!("{answer:#}"))?;
    } else {
        for line in lines(arguments.principal.is_none(), checks) {
            say(&line)?;
        }
        say(&format!("{allowed} of {} checks allowed", checks.len()))?;
    }
    if arguments.principal.is_none() || allowed == checks.len() {
        Ok(())
    } else {
        Err(Failure::Said(1))
    }
}

/// Folds a log, and asks in the state that comes of it.
fn by_log(arguments: &Arguments, documents: Documents) -> Result<Value, Failure> {
    let size = arguments.as_of.unwrap_or(u64::MAX);
    let chosen = Chosen::open(&arguments.source).map_err(RunError::from)?;
    let (folded, whole) = chosen.with(|source| {
        let whole = source.size();
        let mut shown = Shown::start("folded");
        (
            fold_first(source, size, &mut |done, all| shown.at(done, all)),
            whole,
        )
    })?;
    let (state, unreadable) = folded.map_err(RunError::from)?;
    if !unreadable.is_empty() {
        return Err(Failure::No(format!(
            "DAMAGED at {unreadable}: nothing can be asked"
        )));
    }
    if let Some(size) = arguments.as_of.filter(|size| *size > whole || *size == 0) {
        return Err(Failure::Usage(format!(
            "there is no state after {size} events: the log has {whole}"
        )));
    }
    let first = state.first_account().map(|first| first.id);
    let account = arguments
        .account
        .or(first)
        .ok_or_else(|| Failure::No("there is no account at that place of the log".to_owned()))?;
    let at = match arguments.as_of {
        Some(_) => state.time(),
        None => SystemClock.now(),
    };
    let simulation = Simulation {
        who: arguments.principal.as_deref().and_then(Who::parse),
        actions: arguments.action.clone(),
        resources: arguments.resource.clone(),
        context: arguments.context.iter().cloned().collect(),
        tags: arguments.tag.clone(),
        policies: documents.policies,
        instead: arguments.instead,
        key_policy: documents.key,
        session_policy: documents.session,
        cedar: arguments.cedar,
        ..Simulation::of(account, at)
    };
    let answers: Result<Vec<Simulated>, Impossible> = simulation.run(&state);
    let answers = answers.map_err(|impossible| Failure::Usage(impossible.to_string()))?;
    Ok(json!({"AsOf": state.size(), "Checks": answers}))
}

/// Asks a running daemon.
fn by_daemon(arguments: &Arguments, documents: &Documents) -> Result<Value, Failure> {
    let mut params: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: &str| params.push((name.to_owned(), value.to_owned()));
    if let Some(principal) = &arguments.principal {
        add("Principal", principal);
    }
    for (list, name) in [
        (&arguments.action, "Action"),
        (&arguments.resource, "Resource"),
        (&documents.policies, "PolicyDocument"),
    ] {
        for (nth, value) in list.iter().enumerate() {
            add(&format!("{name}.{}", nth + 1), value);
        }
    }
    let context: BTreeMap<_, _> = arguments.context.iter().cloned().collect();
    if !context.is_empty() {
        add("Context", &json!(context).to_string());
    }
    if !arguments.tag.is_empty() {
        let tags = arguments.tag.iter();
        let tags: Vec<Value> = tags
            .map(|tag| json!({"TagKey": tag.key.as_str(), "TagValue": tag.value.as_str()}))
            .collect();
        add("Tags", &json!(tags).to_string());
    }
    for (name, is_said) in [("Instead", arguments.instead), ("Cedar", arguments.cedar)] {
        if is_said {
            add(name, "true");
        }
    }
    for (name, text) in [
        ("KeyPolicy", &documents.key),
        ("SessionPolicy", &documents.session),
    ] {
        if let Some(text) = text {
            add(name, text);
        }
    }
    let params: Vec<(&str, &str)> = params
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let answer =
        action::call(&arguments.source.target, &CHANCERY, "SimulatePolicy", &params).map_err(misused)?;
    serde_json::from_str(&answer)
        .map_err(|_| Failure::Unreachable("the daemon's answer can't be read".to_owned()))
}

/// A question that makes no sense is wrong usage, whoever finds out.
fn misused(failure: Failure) -> Failure {
    let Failure::Refused(error) = &failure else {
        return failure;
    };
    let error: Value = serde_json::from_str(error).unwrap_or_default();
    if text(&error, "Code").starts_with("InvalidParameter") {
        return Failure::Usage(text(&error, "Message").to_owned());
    }
    failure
}

fn is_allowed(check: &Value) -> bool {
    check.get("Allowed").and_then(Value::as_bool).unwrap_or(false)
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn texts(of: &Value, name: &str) -> Vec<String> {
    let all = list(of, name).iter().filter_map(Value::as_str);
    all.map(str::to_owned).collect()
}

/// All lines but the last; of everybody, only of those who may.
fn lines(of_everybody: bool, checks: &[Value]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut cedar: Vec<String> = Vec::new();
    for check in checks {
        if of_everybody && !is_allowed(check) {
            continue;
        }
        describe(check, &mut lines);
        for document in texts(check, "Cedar") {
            if !cedar.contains(&document) {
                cedar.push(document);
            }
        }
    }
    lines.extend(cedar.iter().map(|document| document.trim_end().to_owned()));
    lines
}

fn describe(check: &Value, lines: &mut Vec<String>) {
    let (verdict, by) = match (is_allowed(check), text(check, "Rule")) {
        (true, "") => ("ALLOW", format!("by {}", text(check, "Layer"))),
        (true, rule) => ("ALLOW", format!("by rule: {rule}")),
        (false, "") => (
            "DENY",
            format!("{} by {}", text(check, "Kind"), text(check, "Layer")),
        ),
        (false, rule) => ("DENY", format!("by rule: {rule}")),
    };
    lines.push(format!(
        "{verdict} {} {} on {}, {by}",
        text(check, "Principal"),
        text(check, "Action"),
        text(check, "Resource")
    ));
    for told in list(check, "Statements") {
        lines.push(format!(
            "  decided by {}: {}",
            text(told, "Name"),
            text(told, "Text")
        ));
    }
    for told in list(check, "Misses") {
        lines.push(format!(
            "  not {}: {} ({})",
            text(told, "Name"),
            text(told, "Text"),
            texts(told, "Why").join("; ")
        ));
    }
    lines.extend(
        texts(check, "Advice")
            .iter()
            .map(|advice| format!("  to change: {advice}")),
    );
    let missing = texts(check, "Missing");
    if !missing.is_empty() {
        lines.push(format!("  without a value: {}", missing.join(", ")));
    }
}
