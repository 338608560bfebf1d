//! `chancery keyring`: the root key, and what is sealed below it.

use std::path::PathBuf;

use serde_json::json;

use super::exit::{Failure, say};
use super::start::DataArguments;
use super::{passphrase, process};
use crate::base::disk::{BlockFile, OsFile};
use crate::base::entropy::SystemEntropy;
use crate::custody::{Provider, Vault, root};
use crate::engine::boot::load_state;
use crate::engine::home::Home;
use crate::event::InternalKeyPurpose;

/// Make a root key, or look at what it protects
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Init(InitArguments),
    Status(StatusArguments),
}

/// Make a root key for a log that is only about to be founded
///
/// Keep a copy of the file away from the data: without it nothing can be decrypted. A file that exists is never replaced.
#[derive(Debug, clap::Args)]
struct InitArguments {
    /// The file to make, mode 0600
    #[arg(long, value_name = "PATH")]
    root_key: PathBuf,
    /// Who keeps it: `file` (the file alone opens the data) or `passphrase` (file and passphrase together)
    #[arg(long, value_name = "PROVIDER", default_value = "file", value_parser = ["file", "passphrase"])]
    provider: String,
    /// The passphrase [default: ask at the terminal]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// Show the root key's provider, the vault and the daemon's own keys; the daemon must be stopped
///
/// Opens the vault with the root key, so it also proves that the two belong together, and repairs a damaged mirror from
/// its twin as a start does.
#[derive(Debug, clap::Args)]
struct StatusArguments {
    #[command(flatten)]
    data: DataArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    process::harden()?;
    match &arguments.command {
        Command::Init(arguments) => init(arguments),
        Command::Status(arguments) => status(&arguments.data),
    }
}

fn init(arguments: &InitArguments) -> Result<(), Failure> {
    let provider = Provider::parse(&arguments.provider)
        .ok_or_else(|| Failure::Usage(format!("`{}` is not a provider", arguments.provider)))?;
    let ask = || passphrase::ask_new(arguments.passphrase_file.as_ref());
    root::create(&arguments.root_key, provider, &SystemEntropy, &ask)?;
    let made = json!({ "RootKey": arguments.root_key, "Provider": provider.as_str() });
    say(&format!("{made:#}"))
}

fn status(data: &DataArguments) -> Result<(), Failure> {
    let home = Home::open_existing(data.layout()?)?;
    let state = load_state(&**home.store())?;
    let log = state
        .log()
        .ok_or_else(|| Failure::No("the stored state has no log".to_owned()))?;
    let (root, provider) = data.load_root_key()?;
    let [a, b] = home.layout().vault();
    let open = |path: &PathBuf| -> Result<Box<dyn BlockFile>, Failure> {
        let file = OsFile::open(path)
            .map_err(|error| Failure::No(format!("can't open `{}`: {error}", path.display())))?;
        Ok(Box::new(file))
    };
    let vault =
        Vault::open([open(&a)?, open(&b)?], log.id, root).map_err(|error| Failure::No(error.to_string()))?;
    let filled = vault.filled().len();
    let used = state.slots().count();
    let own_keys = InternalKeyPurpose::ALL.into_iter().filter_map(|purpose| {
        let row = state.internal_key(purpose)?;
        Some(json!({
            "Purpose": purpose.as_str(),
            "Slot": row.slot.to_string(),
            "Whole": vault.key(row.slot).is_ok(),
        }))
    });
    let own_keys: Vec<_> = own_keys.collect();
    let damaged = vault.damaged();
    let shown = json!({
        "LogId": log.id.to_string(),
        "RootKey": { "Path": data.root_key()?, "Provider": provider.as_str() },
        "Vault": {
            "Mirrors": [a, b],
            "SlotsUsed": used,
            "SlotsFree": filled.saturating_sub(used),
            "SlotsDamaged": damaged,
            "RepairedNow": vault.repaired(),
        },
        "OwnKeys": own_keys,
    });
    say(&format!("{shown:#}"))?;
    if damaged.is_empty() {
        Ok(())
    } else {
        Err(Failure::No(
            "slots are damaged in both mirrors: put one of them back from a copy or a backup; RECOVERY.md has the steps".to_owned(),
        ))
    }
}
