//! From two documents to a proof or a counterexample.
//!
//! I1  Proved is said only when the solver has answered for every kind of request, of both claims.
//! I2  A counterexample is shown only after the plain reading has confirmed it.

use std::path::Path;

use cedar_policy::RequestEnv;

use super::super::check::Kind;
use super::Arguments;
use super::solver::{Answer, Asked};
use crate::cli::exit::{Failure, say};
use crate::policy::catalogue::ResourceKind;
use crate::policy::cedar::proof::{Claim, Pair, Seen, Sides, Unusable, Witness, reality};
use crate::policy::language::Document;

/// Longest file read, bytes: more than any document may have.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// How often one kind of request is asked about again, when its counterexample is none.
const RETRIES_MAX: usize = 12;

/// What came of it.
#[derive(Debug)]
enum Outcome {
    /// For so many kinds of request; so many counterexamples were set aside that nobody can send.
    Proved { environments: usize, aside: Vec<String> },
    /// By this request.
    Refuted { claim: Claim, witness: Box<Witness> },
    /// Neither, for these kinds of request.
    Open(Vec<String>),
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let old = document(arguments, &arguments.old)?;
    let new = document(arguments, &arguments.new)?;
    let outcome = compare(arguments, old, new)?;
    let (lines, code) = report(arguments, &outcome);
    for line in lines {
        say(&line)?;
    }
    if code == 0 {
        Ok(())
    } else {
        Err(Failure::Said(code))
    }
}

fn document(arguments: &Arguments, path: &Path) -> Result<Document, Failure> {
    let text = super::super::read(path, FILE_BYTES_MAX)?;
    Document::parse(arguments.kind.into(), &text)
        .map_err(|fault| Failure::No(format!("{}: refused: {fault}", path.display())))
}

fn compare(arguments: &Arguments, old: Document, new: Document) -> Result<Outcome, Failure> {
    let pair = Pair::new(arguments.kind.into(), old, new);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Unreachable(format!("can't talk to a solver: {error}")))?;
    runtime.block_on(prove(arguments, &pair))
}

async fn prove(arguments: &Arguments, pair: &Pair) -> Result<Outcome, Failure> {
    let on = match arguments.kind {
        Kind::Key => Some(ResourceKind::Key),
        Kind::Secret => Some(ResourceKind::Secret),
        Kind::Identity | Kind::Session | Kind::Trust => None,
    };
    let mut solver = Asked::start(&arguments.solver)?;
    let environments = pair.environments(on).map_err(usage)?;
    let (mut aside, mut open) = (Vec::new(), Vec::new());
    for claim in pair.claims(arguments.alone) {
        for environment in &environments {
            let settled = settle(&mut solver, &arguments.solver, pair, claim, environment).await?;
            match settled {
                Settled::Proved(0) => {}
                Settled::Proved(_) => aside.push(shown(environment)),
                Settled::Refuted(witness) => return Ok(Outcome::Refuted { claim, witness }),
                Settled::Open(why) => open.push(format!("{}: {why}", shown(environment))),
            }
        }
    }
    if open.is_empty() {
        Ok(Outcome::Proved {
            environments: environments.len(),
            aside,
        })
    } else {
        Ok(Outcome::Open(open))
    }
}

/// One claim about one kind of request.
enum Settled {
    /// After so many counterexamples that were none.
    Proved(usize),
    Refuted(Box<Witness>),
    Open(String),
}

async fn settle(
    solver: &mut Asked,
    program: &Path,
    pair: &Pair,
    claim: Claim,
    environment: &RequestEnv,
) -> Result<Settled, Failure> {
    let schema = Pair::schema().map_err(usage)?;
    let mut sides = pair.sides(claim).map_err(usage)?;
    for tried in 0..=RETRIES_MAX {
        let found = match solver.ask(program, &sides, environment, schema).await? {
            Answer::Proved => return Ok(Settled::Proved(tried)),
            Answer::Open(why) => return Ok(Settled::Open(why)),
            Answer::Refuted(found) => found,
        };
        let seen = Seen::of(pair, &found.request, &found.entities);
        if let Some(witness) = Witness::find(pair, claim, environment, &seen) {
            return Ok(Settled::Refuted(Box::new(witness)));
        }
        // Nobody can send it. What every request fulfils is said but once: it makes questions longer.
        if tried == 0 {
            for policy in reality(pair, environment).map_err(usage)? {
                add(&mut sides, policy)?;
            }
        } else if let Some(policy) = seen.exclusion(tried).map_err(usage)? {
            add(&mut sides, policy)?;
        } else {
            break;
        }
    }
    Ok(Settled::Open(
        "the solver finds only requests that nobody can make".to_owned(),
    ))
}

fn add(sides: &mut Sides, policy: cedar_policy::Policy) -> Result<(), Failure> {
    sides
        .new
        .add(policy)
        .map_err(|fault| Failure::Usage(format!("the question can't be put: {fault}")))
}

fn usage(fault: Unusable) -> Failure {
    Failure::Usage(fault.to_string())
}

/// `kms:Encrypt on Key`.
fn shown(environment: &RequestEnv) -> String {
    format!(
        "{} on {}",
        environment.action().id().unescaped(),
        environment.resource()
    )
}

/// The lines to say, and the exit code.
fn report(arguments: &Arguments, outcome: &Outcome) -> (Vec<String>, u8) {
    let (old, new) = (arguments.old.display(), arguments.new.display());
    match outcome {
        Outcome::Proved { environments, aside } => {
            let mut lines = vec![format!(
                "proved: {new} is no more permissive than {old} ({environments} kinds of request)"
            )];
            if !aside.is_empty() {
                lines.push(format!(
                    "set aside as requests that nobody can make: {}",
                    aside.join(", ")
                ));
            }
            (lines, 0)
        }
        Outcome::Refuted { claim, witness } => {
            let what = match claim {
                Claim::Allows => "allows what the other does not",
                Claim::Denies => "no longer denies what the other denies, so another policy may allow it",
            };
            let mut lines = vec![
                format!("refuted: {new} {what}"),
                format!("  caller    {}", witness.caller),
                format!("  action    {}", witness.action),
                format!("  resource  {}", witness.resource),
            ];
            lines.extend(
                witness
                    .values
                    .iter()
                    .map(|(key, value)| format!("  {key} = {value}")),
            );
            lines.push(format!("{old}: {}", witness.old));
            lines.push(format!("{new}: {}", witness.new));
            lines.push("checked: the plain reading of both documents says the same".to_owned());
            (lines, 1)
        }
        Outcome::Open(kinds) => {
            let head = format!("not proved: whether {new} is more permissive than {old} stays open for");
            let kinds = kinds.iter().map(|kind| format!("  {kind}"));
            (std::iter::once(head).chain(kinds).collect(), 1)
        }
    }
}

#[cfg(test)]
mod tests;
