//! `chancery policy replay`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::audit::hindsight::{Changed, FailOn, Hindsight, hindsight};
use crate::base::{AccountId, PolicyName, Timestamp};
use crate::cli::exit::{Failure, say};
use crate::cli::log::from::Chosen;
use crate::cli::log::progress::Shown;
use crate::cli::log::{RunError, SourceArgs};
use crate::event::Change;
use crate::policy::language::{Moment, Statement};
use crate::policy::proposal::{HolderName, Proposal};

/// Decide every recorded operation again, as if a policy had said something else
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The document that is proposed; `-` is stdin
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// The custom policy that it would replace, or become [default: the name of the file]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Also attach it to `user/NAME`, `group/NAME` or `role/NAME`, from its beginning
    #[arg(long, value_name = "WHO", value_parser = holder)]
    attach_to: Option<HolderName>,
    /// The account [default: the one that the log was founded with]
    #[arg(long, value_name = "NUMBER", value_parser = account)]
    account: Option<AccountId>,
    /// Count decisions from then on alone: `2026-11-01` or `2026-11-01T08:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Which changes make the answer no
    #[arg(long, value_enum, default_value_t = Fail::Any)]
    fail_on: Fail,
    /// Everything as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: SourceArgs,
}

/// Which changes make the answer no.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Fail {
    /// What was allowed and would be denied
    NewlyDenied,
    /// What was denied and would be allowed
    NewlyAllowed,
    /// Either
    Any,
}

const HELP: &str = "\
Reads the whole log, of a stopped daemon (--data) or a running one, and decides each recorded
operation of users and sessions again: in the state of that moment, with its attachments and
tags, at its time, from its address, with what it brought; only the proposed document is in
force instead of the policy's own. Roots are not subject to policies: their operations are
counted and nothing else. Each kind of difference is listed once, with its count, its first and
last event and some request ids; then come the totals, the statements of the proposal that
decided nothing, and those of the version in force that never did.

A replay proves nothing about requests that never came. It follows no consequences: what an
operation that would be denied has made is there all the same. It believes the log as it is:
`chancery log verify` says whether it deserves that.

Exit: 0 nothing differs, or nothing that --fail-on names; 1 it does, or the log can't be read to
its end; 2 wrong usage or a document that is refused; 3 no daemon answers.

Examples:
  chancery policy replay --policy apollo-v2.json --name apollo --data /var/lib/chancery
  chancery policy replay --policy no-deletion.json --attach-to group/developers
  chancery policy replay --policy apollo.json --fail-on newly-denied --since 2026-11-01 --json";

/// Longest file read, bytes: more than any document may have.
const FILE_BYTES_MAX: u64 = 1 << 20;

fn holder(text: &str) -> Result<HolderName, &'static str> {
    HolderName::parse(text).ok_or("it must be user/NAME, group/NAME or role/NAME")
}

pub(super) fn account(text: &str) -> Result<AccountId, &'static str> {
    text.parse().map_err(|_| "an account is a number of 16 digits")
}

fn moment(text: &str) -> Result<Timestamp, &'static str> {
    Moment::read(text)
        .and_then(|moment| u64::try_from(moment.as_millis()).ok())
        .map(Timestamp::from_millis)
        .ok_or("it must be a date, or a date and time with its zone: 2026-11-01T08:00:00Z")
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let text = super::read(&arguments.policy, FILE_BYTES_MAX)?;
    let name = name(arguments)?;
    let found = Chosen::open(&arguments.source)
        .map_err(RunError::from)?
        .with(|source| {
            let account = match arguments.account {
                Some(account) => account,
                None => founded_with(source)?,
            };
            let attach_to = arguments.attach_to.clone();
            let proposal = Proposal::new(account, name, text, attach_to);
            let mut proposal = proposal.map_err(|fault| {
                Failure::Usage(format!("{}: refused: {fault}", arguments.policy.display()))
            })?;
            let mut shown = Shown::start("decided again");
            let since = arguments.since.unwrap_or_default();
            let found = hindsight(source, &mut proposal, since, &mut |done, all| {
                shown.at(done, all);
            });
            Ok::<_, Failure>((found.map_err(RunError::from)?, proposal))
        })?;
    let (found, proposal) = found?;
    if !proposal.is_met() && found.problems.is_empty() {
        return Err(Failure::Usage(nobody(&proposal)));
    }
    if arguments.json {
        say(&format!("{:#}", object(&found, &proposal)))?;
    } else {
        for line in lines(&found, &proposal) {
            say(&line)?;
        }
        say(&found.to_string())?;
    }
    let fail_on = match arguments.fail_on {
        Fail::NewlyDenied => FailOn::NewlyDenied,
        Fail::NewlyAllowed => FailOn::NewlyAllowed,
        Fail::Any => FailOn::Any,
    };
    if found.passes(fail_on) {
        Ok(())
    } else {
        Err(Failure::Said(1))
    }
}

/// The policy's name: as said, else that of the file.
fn name(arguments: &Arguments) -> Result<PolicyName, Failure> {
    let stem = arguments.policy.file_stem().and_then(|stem| stem.to_str());
    let said = arguments.name.as_deref().or(stem).unwrap_or_default();
    PolicyName::parse(said)
        .map_err(|_| Failure::Usage(format!("`{said}` is no name for a policy: give one with --name")))
}

/// The account that the first event opened.
fn founded_with(source: &mut dyn crate::audit::LogSource) -> Result<AccountId, Failure> {
    let account = crate::audit::hindsight::first_event(source).map_err(RunError::from)?;
    let opened = account.iter().flat_map(|event| &event.chg);
    let mut opened = opened.filter_map(|change| match change {
        Change::AccountCreated { account, .. } => Some(*account),
        _ => None,
    });
    opened
        .next()
        .ok_or_else(|| Failure::No("the first event opens no account: the log is damaged".to_owned()))
}

fn nobody(proposal: &Proposal) -> String {
    let name = proposal.name();
    match proposal.attach_to() {
        Some(who) => format!("there never was a {who}, nor a custom policy `{name}`: nothing would change"),
        None => format!(
            "there never was a custom policy `{name}`: name one with --name, or say with --attach-to who would have it"
        ),
    }
}

/// The lines before the verdict.
fn lines(found: &Hindsight, proposal: &Proposal) -> Vec<String> {
    let mut lines: Vec<String> = found.changes.iter().map(line).collect();
    if found.not_listed > 0 {
        lines.push(format!("... and {} more of other kinds", found.not_listed));
    }
    lines.push(format!(
        "{} events: {} decided again, {} unchanged, {} newly denied, {} newly allowed; {} not subject to policies, {} ended \
         undecided",
        found.events,
        found.decided,
        found.unchanged,
        found.newly_denied,
        found.newly_allowed,
        found.not_subject,
        found.undecided
    ));
    if found.earlier > 0 {
        lines.push(format!("{} events are earlier and not counted", found.earlier));
    }
    if found.irreproducible > 0 {
        lines.push(format!(
            "{} decisions come out otherwise than recorded without the proposal already",
            found.irreproducible
        ));
    }
    for at in found.unexercised() {
        let text = proposal.document().statements().get(at).map(printed);
        lines.push(format!(
            "statement {at} took part in no decision: {}",
            text.unwrap_or_default()
        ));
    }
    for statement in &found.unused {
        lines.push(format!(
            "{statement}, which it would replace, took part in no recorded decision"
        ));
    }
    lines
}

fn line(changed: &Changed) -> String {
    let mut line = format!(
        "{} {} on {}: {} -> {}, {} times, event {} ({})",
        changed.principal,
        changed.action,
        changed.resource,
        changed.old,
        changed.new,
        changed.count,
        changed.first.0,
        changed.first.1
    );
    // Writing to a text does not fail.
    if changed.count > 1 {
        let _written = write!(line, " to {} ({})", changed.last.0, changed.last.1);
    }
    if !changed.by.is_empty() {
        let how = match (changed.new, changed.new == "ImplicitDeny") {
            (_, true) => "was allowed",
            ("Allow", _) => "would be allowed",
            _ => "would be denied",
        };
        let _written = write!(line, "; {how} by {}", shown(&changed.by));
    }
    let requests: Vec<_> = changed.requests.iter().map(ToString::to_string).collect();
    let _written = write!(line, "; requests {}", requests.join(", "));
    line
}

/// Statements as people know them: the proposal has no version yet.
fn shown(by: &[String]) -> String {
    by.join(", ").replace(PROPOSED, "@proposed#")
}

/// How the proposal's version stands in decisions.
const PROPOSED: &str = "@v4294967295#";

fn printed(statement: &Statement) -> String {
    serde_json::to_string(statement).unwrap_or_default()
}

fn object(found: &Hindsight, proposal: &Proposal) -> Value {
    let changes: Vec<Value> = found
        .changes
        .iter()
        .map(|changed| {
            let place = |(seq, at): (crate::base::Seq, Timestamp)| json!({"Event": seq.get(), "Time": at.to_string()});
            let requests: Vec<_> = changed.requests.iter().map(ToString::to_string).collect();
            json!({
                "Principal": changed.principal,
                "Action": changed.action,
                "Resource": changed.resource,
                "Old": changed.old,
                "New": changed.new,
                "Count": changed.count,
                "First": place(changed.first),
                "Last": place(changed.last),
                "Statements": changed.by.iter().map(|by| by.replace(PROPOSED, "@proposed#")).collect::<Vec<_>>(),
                "Requests": requests,
            })
        })
        .collect();
    let statements = proposal.document().statements();
    let unexercised: Vec<Value> = found
        .unexercised()
        .filter_map(|at| Some(json!({"Index": at, "Statement": statements.get(at)?})))
        .collect();
    json!({
        "Verdict": found.to_string(),
        "Events": found.events,
        "Decided": found.decided,
        "Unchanged": found.unchanged,
        "NewlyDenied": found.newly_denied,
        "NewlyAllowed": found.newly_allowed,
        "NotSubject": found.not_subject,
        "Undecided": found.undecided,
        "Earlier": found.earlier,
        "Irreproducible": found.irreproducible,
        "NotListed": found.not_listed,
        "Changes": changes,
        "Exercised": found.exercised,
        "Unexercised": unexercised,
        "Unused": found.unused,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{PolicyVersion, Seq};

    #[test]
    fn a_proposed_statement_is_shown_without_its_version() {
        let by = [format!("apollo@{}#1", PolicyVersion::LAST), "old@v1#0".to_owned()];
        assert_eq!(shown(&by), "apollo@proposed#1, old@v1#0");
    }

    #[test]
    fn a_line_has_all_that_is_needed_to_look_it_up() {
        let at = Timestamp::from_millis(1_800_000_000_000);
        let changed = Changed {
            principal: "acs:ram::1:user/alice".into(),
            action: "kms:Encrypt".into(),
            resource: "acs:kms:r:1:key/k".into(),
            old: "Allow",
            new: "ImplicitDeny",
            count: 2,
            first: (Seq::new(7), at),
            last: (Seq::new(9), at),
            by: vec!["use@v1#0".into()],
            requests: vec![crate::base::RequestId::from_bytes([1; 16])],
        };
        let line = line(&changed);
        for part in [
            "acs:ram::1:user/alice kms:Encrypt on acs:kms:r:1:key/k: Allow -> ImplicitDeny, 2 times",
            "event 7 (2027-01-15T08:00:00Z) to 9",
            "was allowed by use@v1#0; requests 01010101",
        ] {
            assert!(line.contains(part), "{part} in {line}");
        }
    }
}
