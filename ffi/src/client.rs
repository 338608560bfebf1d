//! The client itself.

use std::path::PathBuf;
use std::time::SystemTime;

use crate::transport::Transport;
use crate::{ClientError, Credentials, sign};

/// A client of one daemon. Cheap to share (`&Client` from many tasks): each call in flight has a connection of its own.
///
/// Needs a tokio runtime with IO and time; `blocking::Client` brings its own.
#[derive(Debug)]
pub struct Client {
    transport: Transport,
    credentials: Option<Credentials>,
}

impl Client {
    /// A client that the daemon knows by its uid; its calls carry no credentials.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self {
            transport: Transport::unix(path.into()),
            credentials: None,
        }
    }

    /// A client that signs its calls; `endpoint` is `http://HOST:PORT` or `HOST:PORT`.
    pub fn http(endpoint: &str, credentials: Credentials) -> Result<Self, ClientError> {
        Ok(Self {
            transport: Transport::http(endpoint)?,
            credentials: Some(credentials),
        })
    }

    /// The same client, whose calls are signed: over a socket too it is then the access key that says who calls.
    #[must_use]
    pub fn signed_with(self, credentials: Credentials) -> Self {
        Self {
            credentials: Some(credentials),
            ..self
        }
    }

    /// Calls `action` of the product with this API version (`2016-01-20` is kms) and gives the JSON body of the answer.
    ///
    /// Never calls twice by itself: after `Interrupted` the call may have been carried out.
    pub async fn call(
        &self,
        version: &str,
        action: &str,
        params: &[(&str, &str)],
    ) -> Result<String, ClientError> {
        let mut all = Vec::with_capacity(params.len() + 10);
        all.extend([("Action", action), ("Format", "JSON"), ("Version", version)]);
        all.extend_from_slice(params);
        let form = match &self.credentials {
            Some(credentials) => sign::signed_form(&all, credentials, SystemTime::now())?,
            None => sign::form(&all),
        };
        let answer = self.transport.post(form).await?;
        if answer.status == 200 {
            return Ok(answer.body);
        }
        Err(ClientError::from_body(
            self.transport.endpoint(),
            answer.status,
            &answer.body,
        ))
    }
}

#[cfg(test)]
mod tests;
