//! How a command ends when it does not end well.

use std::io::Write;
use std::process::ExitCode;

use chancery_client::ClientError;

use crate::custody::RootError;
use crate::engine::boot::BootError;
use crate::engine::home::HomeError;
use crate::server::BindError;

/// Why a command failed, by what the caller can do about it (I1).
#[derive(Debug)]
pub(super) enum Failure {
    /// The answer is no. Says why.
    No(String),
    /// The API refused; its error as JSON.
    Refused(String),
    /// The command can't be what was meant.
    Usage(String),
    /// clap's own words, help and suggestions included.
    Arguments(clap::Error),
    /// No daemon answered.
    Unreachable(String),
    /// A running daemon can't go on.
    Fatal(String),
    /// The command has said it all, and this is its exit code.
    Said(u8),
}

impl Failure {
    /// Says it, and gives the exit code.
    pub(super) fn report(self) -> ExitCode {
        if let Self::Arguments(error) = self {
            error.exit();
        }
        let (code, text) = self.into_parts();
        // Nothing can be said to a closed stderr.
        let _closed = match text.as_str() {
            "" => Ok(()),
            json if json.starts_with('{') => writeln!(std::io::stderr(), "{json}"),
            text => writeln!(std::io::stderr(), "chancery: {text}"),
        };
        ExitCode::from(code)
    }

    /// The exit code, and what is to be said.
    pub(super) fn into_parts(self) -> (u8, String) {
        match self {
            Self::No(text) | Self::Refused(text) => (1, text),
            Self::Usage(text) => (2, text),
            Self::Arguments(error) => (2, error.to_string()),
            Self::Unreachable(text) => (3, text),
            Self::Fatal(text) => (CANT_GO_ON, text),
            Self::Said(code) => (code, String::new()),
        }
    }
}

/// The daemon can't go on (sysexits: EX_SOFTWARE).
pub(super) const CANT_GO_ON: u8 = 70;

impl From<clap::Error> for Failure {
    fn from(error: clap::Error) -> Self {
        Self::Arguments(error)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Api { body, .. } => Self::Refused(pretty(&body)),
            ClientError::InvalidEndpoint { .. } => Self::Usage(error.to_string()),
            ClientError::Unreachable { .. } => Self::Unreachable(format!(
                "{error}\nis the daemon running? `chancery serve` starts it; --socket or --endpoint names another one"
            )),
            ClientError::Interrupted { .. } => Self::Unreachable(format!(
                "{error}\nthe call may have been carried out: look before calling again"
            )),
            ClientError::Foreign { .. } | ClientError::System { .. } => Self::Unreachable(error.to_string()),
        }
    }
}

impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Self {
        Self::No(error.to_string())
    }
}

impl From<BootError> for Failure {
    fn from(error: BootError) -> Self {
        Self::No(error.to_string())
    }
}

impl From<RootError> for Failure {
    fn from(error: RootError) -> Self {
        Self::No(error.to_string())
    }
}

impl From<BindError> for Failure {
    fn from(error: BindError) -> Self {
        match error {
            BindError::Plaintext(_) => Self::Usage(error.to_string()),
            _ => Self::No(error.to_string()),
        }
    }
}

/// JSON for people and programs alike; what is not JSON stays as it is.
pub(super) fn pretty(json: &str) -> String {
    serde_json::from_str::<serde_json::Value>(json)
        .and_then(|value| serde_json::to_string_pretty(&value))
        .unwrap_or_else(|_| json.to_owned())
}

/// Writes an answer to stdout. A reader that has gone away (`| head`) is no failure.
pub(super) fn say(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::No(format!("can't write the answer: {error}")))
        }
        _ => Ok(()),
    }
}
