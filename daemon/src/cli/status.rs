//! `chancery status`: one screen about a running daemon.

use std::path::PathBuf;

use serde_json::Value;

use super::action::call;
use super::exit::{Failure, say};
use super::paths::Surroundings;
use super::target::{Place, Target};
use crate::api::table::CHANCERY;
use crate::engine::home::Layout;

/// Show whether the daemon is there, and where its log stands
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Its data directory, to see whether the root access key is still in it [default: as for `serve`]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let place = arguments.target.place()?;
    let answer = call(&arguments.target, &CHANCERY, "GetLogStatus", &[])?;
    let answer: Value = serde_json::from_str(&answer)
        .map_err(|_| Failure::Unreachable("the answer is not one of this protocol".to_owned()))?;
    let mut screen = match &place {
        Place::Socket(path) => format!("running on      unix:{}", path.display()),
        Place::Endpoint(endpoint) => format!("running on      {endpoint}"),
    };
    for (label, field) in [
        ("log", "LogId"),
        ("origin", "Origin"),
        ("public key", "PublicKey"),
        ("events", "Size"),
        ("newest event", "HeadTime"),
        ("its leaf", "HeadLeaf"),
        ("state digest", "StateDigest"),
    ] {
        screen.push_str(&format!("\n{label:<15} {}", shown(answer.get(field))));
    }
    // Only a local daemon's files can be looked at.
    if matches!(place, Place::Socket(_))
        && let Some(file) = access_key_left(arguments)
    {
        screen.push_str(&format!(
            "\nroot access key {} is still there: move it to a safe place",
            file.display()
        ));
    }
    say(&screen)
}

fn shown(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "-".to_owned(),
    }
}

/// The first access key, if it was not moved away yet.
fn access_key_left(arguments: &Arguments) -> Option<PathBuf> {
    let dir = arguments
        .data
        .clone()
        .or_else(|| Surroundings::of_process().data().ok())?;
    let file = Layout::new(dir, None).root_access_key();
    file.exists().then_some(file)
}
