//! Which daemon a client command talks to, and as whom.

use std::fmt;
use std::path::{Path, PathBuf};

use chancery_client::Credentials;
use chancery_client::blocking::Client;
use serde::Deserialize;

use super::exit::Failure;
use super::paths::Surroundings;

/// The daemon.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Which daemon")]
pub(super) struct Target {
    /// Its Unix socket, where your user is your identity [default: that of a daemon started by the same user; or CHANCERY_SOCKET]
    #[arg(long, value_name = "PATH", global = true, conflicts_with = "endpoint")]
    pub(super) socket: Option<PathBuf>,
    /// Its address, as http://HOST:PORT; calls are signed with an access key [or CHANCERY_ENDPOINT]
    #[arg(long, value_name = "URL", global = true)]
    pub(super) endpoint: Option<String>,
    /// The access key to sign with: root-access-key.json, or what CreateAccessKey or AssumeRole answered [with --endpoint also
    /// ALIBABA_CLOUD_ACCESS_KEY_ID, _SECRET and ALIBABA_CLOUD_SECURITY_TOKEN]
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) access_key_file: Option<PathBuf>,
}

/// Where that is, decided.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    Socket(PathBuf),
    Endpoint(String),
}

/// As messages name it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "unix:{}", path.display()),
            Self::Endpoint(endpoint) => f.write_str(endpoint),
        }
    }
}

impl Target {
    /// Decides: what was said, else the environment, else the default socket.
    pub(super) fn place(&self) -> Result<Place, Failure> {
        self.place_in(variable("CHANCERY_SOCKET"), variable("CHANCERY_ENDPOINT"), || {
            Surroundings::of_process().socket()
        })
    }

    fn place_in(
        &self,
        socket: Option<String>,
        endpoint: Option<String>,
        default: impl FnOnce() -> Result<PathBuf, Failure>,
    ) -> Result<Place, Failure> {
        match (&self.socket, &self.endpoint) {
            (Some(socket), _) => return Ok(Place::Socket(socket.clone())),
            (None, Some(endpoint)) => return Ok(Place::Endpoint(endpoint.clone())),
            (None, None) => {}
        }
        match (socket, endpoint) {
            (Some(_), Some(_)) => Err(Failure::Usage(
                "CHANCERY_SOCKET and CHANCERY_ENDPOINT are both set: say which daemon is meant with --socket or --endpoint"
                    .to_owned(),
            )),
            (Some(socket), None) => Ok(Place::Socket(socket.into())),
            (None, Some(endpoint)) => Ok(Place::Endpoint(endpoint)),
            (None, None) => default().map(Place::Socket),
        }
    }

    /// A client of it.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        match self.place()? {
            // What the environment says is for networks: on a socket one is who one is, unless one says otherwise.
            Place::Socket(path) => {
                let client = Client::unix(path)?;
                Ok(match &self.access_key_file {
                    Some(file) => client.signed_with(read_access_key(file)?),
                    None => client,
                })
            }
            Place::Endpoint(endpoint) => Ok(Client::http(&endpoint, self.credentials()?)?),
        }
    }

    fn credentials(&self) -> Result<Credentials, Failure> {
        if let Some(path) = &self.access_key_file {
            return read_access_key(path);
        }
        let id = variable("ALIBABA_CLOUD_ACCESS_KEY_ID");
        let secret = variable("ALIBABA_CLOUD_ACCESS_KEY_SECRET");
        let credentials = id.zip(secret).map(|(id, secret)| Credentials::new(id, secret));
        let credentials = credentials.ok_or_else(|| {
            Failure::Usage(
                "calls to an endpoint are signed: give --access-key-file FILE (root-access-key.json is one), or set \
                 ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET"
                    .to_owned(),
            )
        })?;
        Ok(match variable("ALIBABA_CLOUD_SECURITY_TOKEN") {
            Some(token) => credentials.with_security_token(token),
            None => credentials,
        })
    }
}

/// An access key file: the access key itself, or an answer that has one.
#[derive(Deserialize)]
#[serde(untagged)]
enum AccessKeyFile {
    Plain(AccessKey),
    #[serde(rename_all = "PascalCase")]
    Created {
        access_key: AccessKey,
    },
    #[serde(rename_all = "PascalCase")]
    Assumed {
        credentials: AccessKey,
    },
}

/// What an access key must have; there may be more beside it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AccessKey {
    access_key_id: String,
    access_key_secret: String,
    /// Of a temporary access key.
    #[serde(default)]
    security_token: String,
}

fn read_access_key(path: &Path) -> Result<Credentials, Failure> {
    let unusable = |cause: String| {
        Failure::Usage(format!(
            "`{}` is not usable as an access key: {cause}",
            path.display()
        ))
    };
    let bytes = zeroize::Zeroizing::new(std::fs::read(path).map_err(|error| unusable(error.to_string()))?);
    // serde_json's own words may quote the text.
    let file: AccessKeyFile = serde_json::from_slice(&bytes)
        .map_err(|_| unusable("it must be JSON with AccessKeyId and AccessKeySecret".to_owned()))?;
    let (AccessKeyFile::Plain(key)
    | AccessKeyFile::Created { access_key: key }
    | AccessKeyFile::Assumed { credentials: key }) = file;
    let credentials = Credentials::new(key.access_key_id, key.access_key_secret);
    Ok(match key.security_token {
        token if token.is_empty() => credentials,
        token => credentials.with_security_token(token),
    })
}

/// A variable that is set to something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(target: &Target, socket: Option<&str>, endpoint: Option<&str>) -> Result<Place, Failure> {
        target.place_in(socket.map(str::to_owned), endpoint.map(str::to_owned), || {
            Ok("/default.sock".into())
        })
    }

    #[test]
    fn arguments_go_before_the_environment_and_that_before_the_default() {
        let nothing = Target::default();
        assert_eq!(
            place(&nothing, None, None).unwrap(),
            Place::Socket("/default.sock".into())
        );
        assert_eq!(
            place(&nothing, Some("/e.sock"), None).unwrap(),
            Place::Socket("/e.sock".into())
        );
        assert_eq!(
            place(&nothing, None, Some("h:1")).unwrap(),
            Place::Endpoint("h:1".into())
        );
        let said = Target {
            endpoint: Some("said:2".into()),
            ..Target::default()
        };
        assert_eq!(
            place(&said, Some("/e.sock"), Some("h:1")).unwrap(),
            Place::Endpoint("said:2".into())
        );
    }

    #[test]
    fn two_variables_that_disagree_are_no_answer() {
        let both = place(&Target::default(), Some("/e.sock"), Some("h:1"));
        assert!(matches!(both, Err(Failure::Usage(_))));
    }

    #[test]
    fn answers_that_hold_an_access_key_are_access_key_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.json");
        for (text, id) in [
            (
                r#"{"AccountId": "1", "AccessKeyId": "A", "AccessKeySecret": "s"}"#,
                "A",
            ),
            (
                r#"{"AccessKey": {"AccessKeyId": "B", "AccessKeySecret": "s", "Status": "Active"}, "RequestId": "r"}"#,
                "B",
            ),
            (
                r#"{"Credentials": {"AccessKeyId": "STS.C", "AccessKeySecret": "s", "SecurityToken": "t"}}"#,
                "STS.C",
            ),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read_access_key(&path).ok().unwrap().access_key_id(), id);
        }
    }

    #[test]
    fn an_unreadable_access_key_is_named_and_never_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.json");
        std::fs::write(&path, r#"{"AccessKeyId": "LTAIx", "AccessKeySecret": 12345}"#).unwrap();
        let Err(Failure::Usage(text)) = read_access_key(&path) else {
            panic!("it was accepted");
        };
        assert!(text.contains("key.json") && !text.contains("12345"), "{text}");
    }
}
