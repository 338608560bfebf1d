//! `chancery account …`: several accounts in one daemon, and the access keys of their roots.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::action::call;
use super::exit::{Failure, say};
use super::target::Target;
use crate::api::table::CHANCERY;

/// Open accounts that can't see each other, and manage the access keys of their roots
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Open an account; its root's access key is shown this once
    ///
    /// Only the operator may: the root of the first account, as which the daemon's own user counts on the socket.
    Create {
        /// What you call it, at most 64 characters
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        #[command(flatten)]
        out: Out,
        #[command(flatten)]
        target: Target,
    },
    /// List the accounts and the ids of their roots' access keys
    List {
        /// Which page, from 1
        #[arg(long, value_name = "N", default_value_t = 1)]
        page: u32,
        #[command(flatten)]
        target: Target,
    },
    /// Rotate or delete the access keys of an account's root
    #[command(subcommand)]
    RootKey(RootKey),
}

#[derive(Debug, clap::Subcommand)]
enum RootKey {
    /// Make another access key, shown this once; the old one works until it is deleted
    Rotate {
        /// Whose [default: your own account; another one takes the operator]
        #[arg(long, value_name = "ACCOUNT-ID")]
        account: Option<String>,
        /// End all other access keys of this root in the same moment: for a key that has leaked
        #[arg(long)]
        delete_others: bool,
        #[command(flatten)]
        out: Out,
        #[command(flatten)]
        target: Target,
    },
    /// Delete an access key for good: its secret is erased
    Delete {
        /// Which
        #[arg(value_name = "ACCESS-KEY-ID")]
        id: String,
        /// Whose [default: your own account; another one takes the operator]
        #[arg(long, value_name = "ACCOUNT-ID")]
        account: Option<String>,
        #[command(flatten)]
        target: Target,
    },
}

/// Where a secret goes.
#[derive(Debug, clap::Args)]
struct Out {
    /// Write the access key to this new file (mode 0600) instead of stdout; --access-key-file takes it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Create { name, out, target } => {
            out.take(|| ask(target, "CreateAccount", &[("AccountName", name.as_deref())]))
        }
        Command::List { page, target } => {
            let page = page.to_string();
            let params = [("PageNumber", Some(page.as_str())), ("PageSize", Some("100"))];
            say(&ask(target, "ListAccounts", &params)?)
        }
        Command::RootKey(RootKey::Rotate {
            account,
            delete_others,
            out,
            target,
        }) => out.take(|| {
            let params = [
                ("AccountId", account.as_deref()),
                ("DeleteOthers", delete_others.then_some("true")),
            ];
            ask(target, "RotateRootKey", &params)
        }),
        Command::RootKey(RootKey::Delete { id, account, target }) => {
            let params = [
                ("RootKeyId", Some(id.as_str())),
                ("AccountId", account.as_deref()),
            ];
            say(&ask(target, "DeleteRootKey", &params)?)
        }
    }
}

fn ask(
    target: &Target,
    action: &str,
    params: &[(&'static str, Option<&str>)],
) -> Result<Zeroizing<String>, Failure> {
    let params: Vec<_> = params
        .iter()
        .filter_map(|(name, value)| Some((*name, (*value)?)))
        .collect();
    call(target, &CHANCERY, action, &params)
}

impl Out {
    /// Makes the file before the call: a secret that is shown once must not be lost to a path that can't be written.
    fn take(&self, answer: impl FnOnce() -> Result<Zeroizing<String>, Failure>) -> Result<(), Failure> {
        let Some(path) = &self.out else {
            return say(&answer()?);
        };
        let mut file = create(path)?;
        let answer = answer().inspect_err(|_| {
            // It is ours and empty; if it stays, the next try says so.
            let _left = std::fs::remove_file(path);
        })?;
        let written = file
            .write_all(answer.as_bytes())
            .and_then(|()| file.write_all(b"\n"))
            .and_then(|()| file.sync_all());
        match written {
            Ok(()) => say(&format!("the access key is in {}", path.display())),
            // The disk is full, or worse: stdout is the last place where the secret can still be had.
            Err(error) => {
                eprintln!(
                    "chancery: can't write `{}`: {error}; the access key goes to stdout",
                    path.display()
                );
                say(&answer)
            }
        }
    }
}

fn create(path: &Path) -> Result<File, Failure> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    file.map_err(|error| Failure::Usage(format!("`{}` can't be made: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn out(path: PathBuf) -> Out {
        Out { out: Some(path) }
    }

    #[test]
    fn an_access_key_goes_into_a_new_private_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.json");
        let answer = || Ok(Zeroizing::new("{}".to_owned()));
        out(path.clone()).take(answer).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{}\n");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        // Nothing is overwritten, and nothing is asked for that could not be kept.
        let again = out(path.clone()).take(|| unreachable!());
        assert!(matches!(again, Err(Failure::Usage(_))));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{}\n");
    }

    #[test]
    fn a_refused_call_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.json");
        let refused = out(path.clone()).take(|| Err(Failure::Refused("{}".to_owned())));
        assert!(refused.is_err());
        assert!(!path.exists());
    }
}
