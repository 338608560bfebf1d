//! The configuration file of `serve`: TOML, every option of it documented in `packaging/chancery.example.toml`.
//!
//! What an argument says goes before the file, and the file before the defaults. A word that is no option is refused with its
//! line, for a misspelt one would silently leave a default in force. No secret stands in it, only where secrets are.

mod local;

use std::fmt;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer};

use local::LocalPrincipals;

use super::exit::Failure;
use super::paths::Surroundings;
use super::process::LogFormat;
use super::serve::{self, Arguments};
use crate::api::nonce::NonceLimits;
use crate::api::table::Quotas;
use crate::base::{Region, limits};
use crate::engine::admission::AdmissionLimits;
use crate::engine::reserve::ReserveLimits;
use crate::server::Limits;

/// All that can be configured. The default is what `serve` does without a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Config {
    data: Data,
    root_key: RootKey,
    listen: Listen,
    limits: ServerLimits,
    admission: AdmissionOptions,
    disk: DiskOptions,
    pub(super) quotas: AccountQuotas,
    pub(super) trace: Trace,
}

/// Where the data is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Data {
    directory: Option<PathBuf>,
    anchor: Option<PathBuf>,
    #[serde(deserialize_with = "regions")]
    regions: Vec<Region>,
}

/// Where its root key is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct RootKey {
    file: Option<PathBuf>,
    passphrase_file: Option<PathBuf>,
}

/// Where to listen, and for whom.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Listen {
    socket: Option<PathBuf>,
    local_root: LocalRoot,
    #[serde(deserialize_with = "local::principals")]
    local_principals: LocalPrincipals,
    #[serde(deserialize_with = "addresses")]
    tcp: Vec<SocketAddr>,
    allow_plaintext: bool,
    #[serde(deserialize_with = "addresses")]
    tls: Vec<SocketAddr>,
    tls_certificate: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    #[serde(deserialize_with = "address")]
    metrics: Option<SocketAddr>,
}

/// Which local user is the account's root on the Unix socket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum LocalRoot {
    /// The one that the daemon runs as.
    #[default]
    Daemon,
    /// None.
    Nobody,
    /// This one.
    Uid(u32),
}

/// What the listeners allow; its default is theirs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct ServerLimits {
    remote_connections: Option<Within<1, 65_535>>,
    local_connections: Option<Within<1, 65_535>>,
    connections_per_address: Option<Within<1, 65_535>>,
    head_seconds: Option<Within<1, 3_600>>,
    body_seconds: Option<Within<1, 3_600>>,
    write_seconds: Option<Within<1, 3_600>>,
    idle_seconds: Option<Within<1, 86_400>>,
    finish_seconds: Option<Within<1, 3_600>>,
}

impl ServerLimits {
    fn settle(self) -> Limits {
        let base = Limits::default();
        let wait = |given: Option<u64>, base| given.map_or(base, Duration::from_secs);
        Limits {
            remote_connections: count(self.remote_connections, base.remote_connections),
            local_connections: count(self.local_connections, base.local_connections),
            connections_per_address: count(self.connections_per_address, base.connections_per_address),
            head: wait(self.head_seconds.map(Within::get), base.head),
            body: wait(self.body_seconds.map(Within::get), base.body),
            write: wait(self.write_seconds.map(Within::get), base.write),
            idle: wait(self.idle_seconds.map(Within::get), base.idle),
            finish: wait(self.finish_seconds.map(Within::get), base.finish),
        }
    }
}

/// What one principal may do; its default is the engine's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct AdmissionOptions {
    refused_burst: Option<Within<1, 1_000_000>>,
    refused_per_second: Option<Within<0, 1_000_000>>,
    calls_at_once: Option<Within<1, { limits::QUEUE_LEN_MAX as u64 }>>,
    nonces_per_access_key: Option<Within<1_000, 1_000_000_000>>,
    nonces: Option<Within<1_000, 4_000_000_000>>,
}

impl AdmissionOptions {
    fn settle(self) -> (AdmissionLimits, NonceLimits) {
        let (calls, nonces) = (AdmissionLimits::default(), NonceLimits::default());
        (
            AdmissionLimits {
                refused_burst: count(self.refused_burst, calls.refused_burst),
                refused_per_second: count(self.refused_per_second, calls.refused_per_second),
                calls_at_once: count(self.calls_at_once, calls.calls_at_once),
            },
            NonceLimits {
                per_access_key: count(self.nonces_per_access_key, nonces.per_access_key),
                total: count(self.nonces, nonces.total),
            },
        )
    }
}

/// What is done while the disk fills up; its default is the engine's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct DiskOptions {
    low_mebibytes: Option<Within<1, 1_048_576>>,
    full_mebibytes: Option<Within<1, 1_048_576>>,
    exhausted_mebibytes: Option<Within<1, 1_048_576>>,
    reserve_mebibytes: Option<Within<0, 1_048_576>>,
}

impl DiskOptions {
    fn settle(self) -> Result<ReserveLimits, Failure> {
        let base = ReserveLimits::default();
        let bytes = |given: Option<u64>, base| given.map_or(base, |mebibytes| mebibytes << 20);
        let limits = ReserveLimits {
            low: bytes(self.low_mebibytes.map(Within::get), base.low),
            full: bytes(self.full_mebibytes.map(Within::get), base.full),
            exhausted: bytes(self.exhausted_mebibytes.map(Within::get), base.exhausted),
            reserve: bytes(self.reserve_mebibytes.map(Within::get), base.reserve),
        };
        if limits.exhausted < limits.full && limits.full < limits.low {
            return Ok(limits);
        }
        Err(Failure::Usage(
            "disk.exhausted-mebibytes must be less than disk.full-mebibytes, and that less than disk.low-mebibytes".to_owned(),
        ))
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Within<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> Within<MIN, MAX> {
    const fn get(self) -> u64 {
        self.0
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Within<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(deserializer)?;
        let within = u64::try_from(number)
            .ok()
            .filter(|number| (MIN..=MAX).contains(number));
        within
            .map(Self)
            .ok_or_else(|| D::Error::custom(format_args!("{number} is not from {MIN} to {MAX}")))
    }
}

/// What is given, or the default.
fn count<T: TryFrom<u64>, const MIN: u64, const MAX: u64>(given: Option<Within<MIN, MAX>>, base: T) -> T {
    given
        .and_then(|given| T::try_from(given.get()).ok())
        .unwrap_or(base)
}

/// The cloud's commercial quotas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct AccountQuotas {
    keys: Option<u64>,
    aliases: Option<u64>,
}

/// What is told on stderr, and how.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Trace {
    level: String,
    format: LogFormat,
}

impl Default for Trace {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Text,
        }
    }
}

/// What `serve` is to do, decided: arguments over file over defaults.
#[derive(Debug)]
pub(super) struct Settled {
    /// The arguments, filled up.
    pub(super) arguments: Arguments,
    /// What to tell on stderr.
    pub(super) level: String,
    /// And how.
    pub(super) format: LogFormat,
    /// The local user who is the account's root.
    pub(super) root_uid: Option<u32>,
    /// Who the other local users are.
    pub(super) local_principals: LocalPrincipals,
    /// What the listeners allow.
    pub(super) limits: Limits,
    /// What one principal may do.
    pub(super) admission: AdmissionLimits,
    /// How many nonces are remembered.
    pub(super) nonces: NonceLimits,
    /// What is done while the disk fills up.
    pub(super) reserve: ReserveLimits,
    /// How many of what an account may have.
    pub(super) quotas: Quotas,
}

impl Config {
    /// Reads a file. Relative paths in it start at its own directory.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let unusable = |cause: &dyn fmt::Display| {
            Failure::Usage(format!(
                "the configuration `{}` can't be used: {cause}",
                path.display()
            ))
        };
        let meta = path.metadata().map_err(|error| unusable(&error))?;
        if meta.mode() & WRITABLE_BY_ALL != 0 {
            return Err(unusable(
                &"every user may write to it, and so decide what this daemon does: `chmod o-w` it",
            ));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unusable(&error))?;
        let mut config = Self::parse(&text).map_err(|error| unusable(&error))?;
        let dir = path.parent().unwrap_or(Path::new(""));
        config.each_path(|path| *path = dir.join(&path));
        Ok(config)
    }

    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    fn each_path(&mut self, change: impl FnMut(&mut PathBuf)) {
        let paths = [
            &mut self.data.directory,
            &mut self.data.anchor,
            &mut self.root_key.file,
            &mut self.root_key.passphrase_file,
            &mut self.listen.socket,
            &mut self.listen.tls_certificate,
            &mut self.listen.tls_key,
        ];
        paths.into_iter().flatten().for_each(change);
    }

    /// Puts the arguments over the file that they name, and that over the defaults.
    pub(super) fn settle(arguments: &Arguments) -> Result<Settled, Failure> {
        let config = match &arguments.config {
            Some(path) => Self::read(path)?,
            None => Self::default(),
        };
        let default_root_key = || Surroundings::of_process().root_key(None);
        config.under(arguments.clone(), default_root_key)
    }

    fn under(
        self,
        mut arguments: Arguments,
        default_root_key: impl FnOnce() -> Result<PathBuf, Failure>,
    ) -> Result<Settled, Failure> {
        let Self {
            data,
            root_key,
            listen,
            limits,
            admission,
            disk,
            quotas,
            trace,
        } = self;
        let (given, regions) = (&mut arguments.data, &mut arguments.regions.regions);
        fill(&mut given.data, data.directory);
        fill(&mut given.anchor, data.anchor);
        fill(&mut given.root_key, root_key.file);
        fill(&mut given.passphrase_file, root_key.passphrase_file);
        // The key stands beside the data only where `--data` is all that was said.
        if arguments.config.is_some() && given.root_key.is_none() {
            given.root_key = Some(default_root_key()?);
        }
        if regions.is_empty() {
            *regions = data.regions;
        }
        let given = &mut arguments.listen;
        fill(&mut given.socket, listen.socket);
        fill(&mut given.metrics, listen.metrics);
        if given.addresses.is_empty() {
            given.addresses = listen.tcp;
        }
        given.allow_plaintext |= listen.allow_plaintext;
        if given.tls_addresses.is_empty() {
            given.tls_addresses = listen.tls;
        }
        // They belong together: a certificate from here and a key from there would not.
        if given.tls_cert.is_none() {
            (given.tls_cert, given.tls_key) = (listen.tls_certificate, listen.tls_key);
        }
        if given.tls_cert.is_some() != given.tls_key.is_some() {
            let text = "listen.tls-certificate and listen.tls-key belong together: give both or none";
            return Err(Failure::Usage(text.to_owned()));
        }
        let root_uid = match listen.local_root {
            _ if given.no_local_root => None,
            LocalRoot::Daemon => Some(rustix::process::geteuid().as_raw()),
            LocalRoot::Nobody => None,
            LocalRoot::Uid(uid) => Some(uid),
        };
        let (admission, nonces) = admission.settle();
        Ok(Settled {
            level: arguments.log_level.clone().unwrap_or(trace.level),
            format: arguments.log_format.unwrap_or(trace.format),
            arguments,
            root_uid,
            local_principals: listen.local_principals,
            limits: limits.settle(),
            admission,
            nonces,
            reserve: disk.settle()?,
            quotas: Quotas {
                keys: quotas.keys,
                aliases: quotas.aliases,
            },
        })
    }
}

fn fill<T>(given: &mut Option<T>, configured: Option<T>) {
    if given.is_none() {
        *given = configured;
    }
}

impl<'de> Deserialize<'de> for LocalRoot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;

        impl Visitor<'_> for Words {
            type Value = LocalRoot;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"daemon\", \"nobody\" or a uid")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<LocalRoot, E> {
                match text {
                    "daemon" => Ok(LocalRoot::Daemon),
                    "nobody" => Ok(LocalRoot::Nobody),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_i64<E: serde::de::Error>(self, uid: i64) -> Result<LocalRoot, E> {
                u32::try_from(uid)
                    .map(LocalRoot::Uid)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(uid), &self))
            }

            fn visit_u64<E: serde::de::Error>(self, uid: u64) -> Result<LocalRoot, E> {
                u32::try_from(uid)
                    .map(LocalRoot::Uid)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Unsigned(uid), &self))
            }
        }

        deserializer.deserialize_any(Words)
    }
}

fn regions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Region>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let parsed = texts.iter().map(|text| {
        Region::parse(text)
            .ok_or_else(|| D::Error::custom(format_args!("`{text}` is no region: 1 to 64 of a-z, 0-9 and -")))
    });
    parsed.collect()
}

fn addresses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SocketAddr>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let parsed = texts
        .iter()
        .map(|text| serve::address(text).map_err(D::Error::custom));
    parsed.collect()
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    serve::address(&text).map(Some).map_err(D::Error::custom)
}

/// The bit of the mode that lets others write.
const WRITABLE_BY_ALL: u32 = 0o002;

#[cfg(test)]
mod tests;
