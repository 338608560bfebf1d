//! The same client for programs without a runtime of their own.

use std::path::PathBuf;

use tokio::runtime::{Builder, Runtime};

use crate::{ClientError, Credentials};

/// A client whose calls block the thread. Not for use inside an async runtime.
#[derive(Debug)]
pub struct Client {
    client: crate::Client,
    runtime: Runtime,
}

impl Client {
    /// A client that the daemon knows by its uid; its calls carry no credentials.
    pub fn unix(path: impl Into<PathBuf>) -> Result<Self, ClientError> {
        Self::over(crate::Client::unix(path))
    }

    /// A client that signs its calls; `endpoint` is `http://HOST:PORT` or `HOST:PORT`.
    pub fn http(endpoint: &str, credentials: Credentials) -> Result<Self, ClientError> {
        Self::over(crate::Client::http(endpoint, credentials)?)
    }

    /// The same client, whose calls are signed: over a socket too it is then the access key that says who calls.
    #[must_use]
    pub fn signed_with(self, credentials: Credentials) -> Self {
        Self {
            client: self.client.signed_with(credentials),
            ..self
        }
    }

    /// Calls `action`; see `Client::call` of the crate.
    pub fn call(&self, version: &str, action: &str, params: &[(&str, &str)]) -> Result<String, ClientError> {
        self.runtime.block_on(self.client.call(version, action, params))
    }

    fn over(client: crate::Client) -> Result<Self, ClientError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| ClientError::System {
            cause: error.to_string(),
        })?;
        Ok(Self { client, runtime })
    }
}
