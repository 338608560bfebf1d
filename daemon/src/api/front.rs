//! The front: one request from its bytes to its response.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::header::HeaderName;

use super::authenticate::{Caller, Listener, Peer, authenticate};
use super::figures::Figures;
use super::nonce::{NonceLimits, NonceMemory};
use super::params::Params;
use super::record::record;
use super::response::{Refused, WireResponse};
use super::signature::{Presented, Style};
use super::table::{self, Quotas, Request, Row};
use super::wire::{Format, Method, WireRequest, header};
use crate::base::{ApiError, Code, Region, RequestId, limits};
use crate::engine::{Call, Engine, LocalPrincipal, Origin, Scope, Work};

/// What the operator decides about the front.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The regions served; the first one is the default.
    pub regions: Vec<Region>,
    /// The local user who is the account root, if any.
    pub root_uid: Option<u32>,
    /// The local users who are principals of the first account.
    pub local_principals: BTreeMap<u32, LocalPrincipal>,
    /// How many of what an account may have.
    pub quotas: Quotas,
    /// How many nonces are remembered.
    pub nonces: NonceLimits,
}

/// What the listener knows about a request besides its bytes.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The other end.
    pub peer: &'a Peer,
    /// The User-Agent header.
    pub user_agent: Option<&'a str>,
    /// The Host header.
    pub host: Option<&'a str>,
}

/// The front of one engine.
pub struct Front {
    engine: Arc<Engine>,
    nonces: NonceMemory,
    settings: Settings,
    figures: Figures,
}

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Front")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Front {
    /// A front before `engine`. Reads the tail of the log: a nonce that was used before a restart stays used.
    pub fn new(engine: Arc<Engine>, settings: Settings) -> Result<Self, ApiError> {
        let nonces = NonceMemory::new(engine.nonce_key(), settings.nonces);
        let since = engine
            .wall_clock()
            .minus_millis(2 * limits::TIMESTAMP_SKEW_MILLIS_MAX);
        engine.each_recent_nonce(since, |access_key, hash, at| {
            nonces.remember(hash, access_key, at)
        })?;
        Ok(Self {
            engine,
            nonces,
            settings,
            figures: Figures::default(),
        })
    }

    /// What was counted.
    pub const fn figures(&self) -> &Figures {
        &self.figures
    }

    /// The nonces that are remembered.
    pub const fn nonces(&self) -> &NonceMemory {
        &self.nonces
    }

    /// The engine behind it.
    pub const fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Takes one request to its response.
    pub async fn handle(&self, request: WireRequest<'_>, about: &About<'_>) -> WireResponse {
        let rid = self.engine.make_request_id();
        let began = self.engine.monotonic_micros();
        let (method, params) = match request.open() {
            Ok(opened) => opened,
            Err(error) => return self.refused(error, rid, Format::default(), about),
        };
        let style = Style::of(&request, &params);
        let format = match style {
            // Those who sign with headers are always answered in JSON (wire contract, section 1.9).
            Style::Header => Format::Json,
            Style::Parameters | Style::Unsigned => Format::of(&params),
        };
        let row = match operation(style, &request, &params) {
            Ok(row) => row,
            Err(error) => return self.refused(error, rid, format, about),
        };
        let dialect = row.product.dialect;
        let admitted = self.admit(row, method, style, &request, &params, rid, about);
        // The parameters may hold a plaintext: they go before anything is waited for.
        drop(params);
        let call = match admitted {
            Ok(call) => call,
            Err(error) => return self.refused(dialect.word(error), rid, format, about),
        };
        match self.engine.submit(call).await {
            Ok(answered) => {
                let error = answered.reply.result.as_ref().err().map(|error| error.code);
                let micros = self.engine.monotonic_micros().saturating_sub(began);
                self.figures.answered(row, error, micros);
                WireResponse::answered(answered, row, format, about.host.unwrap_or(""))
            }
            Err(code) => self.refused(dialect.word(code.into()), rid, format, about),
        }
    }

    /// A request that the listener itself refuses: too large, too slow.
    pub fn refuse(&self, code: Code, about: &About<'_>) -> WireResponse {
        self.refused(
            code.into(),
            self.engine.make_request_id(),
            Format::default(),
            about,
        )
    }

    fn refused(&self, error: ApiError, rid: RequestId, format: Format, about: &About<'_>) -> WireResponse {
        self.figures.refused(error.code);
        self.engine.count_refusal(&source(about.peer), error.code);
        WireResponse::refused(&Refused(error), rid, format, about.host.unwrap_or(""))
    }

    /// From parameters to a call: the operation exists, the caller is known. From here on everything is recorded.
    #[expect(clippy::too_many_arguments, reason = "one request in its parts, used once")]
    fn admit(
        &self,
        row: &'static Row,
        method: Method,
        style: Style,
        wire: &WireRequest<'_>,
        params: &Params,
        rid: RequestId,
        about: &About<'_>,
    ) -> Result<Call, ApiError> {
        let presented = Presented {
            method,
            wire,
            params,
            style,
            product: row.product.name,
        };
        let caller = authenticate(&self.engine, &self.nonces, &self.settings, about.peer, &presented)?;
        let region = match row.product.global {
            true => Ok(self.default_region().clone()),
            false => self.region(params, caller.region, about.host),
        };
        let Caller { actor, nonce, .. } = caller;
        let scope = Scope {
            account: actor.account,
            region: region.clone().unwrap_or_else(|_| self.engine.region().clone()),
            at: self.engine.now(),
        };
        let read = Request {
            params,
            actor: &actor,
            scope: &scope,
            regions: &self.settings.regions,
            quotas: &self.settings.quotas,
        };
        // Only operations that have the parameter rehearse; to all others it is a stranger.
        let knows_dry_run = row.params.iter().any(|param| param.name == "DryRun");
        let dry_run = if knows_dry_run {
            params.optional_bool("DryRun")
        } else {
            Ok(None)
        };
        let (dry_run, region) = match dry_run {
            Ok(dry_run) => (dry_run.unwrap_or(false), region),
            Err(error) => (false, Err(error)),
        };
        let work = region
            .and_then(|_| (row.handler)(&read))
            .unwrap_or_else(Work::Invalid);
        Ok(Call {
            rid,
            op: row.op,
            open: row.open,
            dry_run,
            lane: row.lane,
            actor,
            origin: origin(about, nonce),
            scope,
            recorded: record(row, params),
            work,
        })
    }

    /// The region that a request means (wire contract, section 3.2).
    fn region(
        &self,
        params: &Params,
        by_signature: Option<&str>,
        host: Option<&str>,
    ) -> Result<Region, ApiError> {
        let served = |text: &str| {
            self.settings
                .regions
                .iter()
                .find(|region| region.as_str() == text)
                .cloned()
        };
        if let Some(text) = params.optional("RegionId").or(by_signature) {
            return served(text)
                .ok_or_else(|| ApiError::invalid_because("RegionId", "this region is not served here"));
        }
        let by_host =
            match host.and_then(region_of_host) {
                Some(text) => Some(served(text).ok_or_else(|| {
                    ApiError::invalid_because("Host", "the region in it is not served here")
                })?),
                None => None,
            };
        Ok(by_host.unwrap_or_else(|| self.default_region().clone()))
    }

    /// The region of those who name none, and of products that have none.
    fn default_region(&self) -> &Region {
        self.settings.regions.first().unwrap_or(self.engine.region())
    }
}

/// The operation that a request names.
fn operation(style: Style, wire: &WireRequest<'_>, params: &Params) -> Result<&'static Row, ApiError> {
    let action = named(style, wire, params, "Action", &header::ACTION)?;
    let version = named(style, wire, params, "Version", &header::VERSION)?;
    let product = table::product(version).ok_or_else(|| ApiError::invalid("Version"))?;
    table::find(version, action).ok_or_else(|| {
        if product.knows.contains(&action) {
            Code::UnsupportedOperation.into()
        } else {
            Code::InvalidApi.into()
        }
    })
}

/// What a parameter names, or the header that stands for it. A version 1.0 signature covers parameters alone, so beside one
/// the header is not even looked at: the v1 SDKs send it too, and anybody on the way could change it.
fn named<'a>(
    style: Style,
    wire: &WireRequest<'a>,
    params: &'a Params,
    parameter: &'static str,
    header: &HeaderName,
) -> Result<&'a str, ApiError> {
    let by_parameter = params.optional(parameter);
    let by_header = match style {
        Style::Header => wire.header(header)?,
        // A local peer signs nothing: the header is but another place for the name.
        Style::Unsigned if by_parameter.is_none() => wire.header(header)?,
        Style::Unsigned | Style::Parameters => None,
    };
    match (by_parameter, by_header.filter(|text| !text.is_empty())) {
        (Some(one), Some(other)) if one != other => Err(ApiError::invalid_because(
            parameter,
            "the header says something else",
        )),
        (Some(text), _) | (None, Some(text)) => Ok(text),
        (None, None) => Err(ApiError::missing(parameter)),
    }
}

/// The second label of `kms.REGION.…` and `kms-vpc.REGION.…`.
fn region_of_host(host: &str) -> Option<&str> {
    let rest = host
        .strip_prefix("kms.")
        .or_else(|| host.strip_prefix("kms-vpc."))?;
    rest.split_once('.').map(|(region, _)| region)
}

fn origin(about: &About<'_>, nonce: Option<u64>) -> Origin {
    let peer = about.peer;
    Origin {
        ip: peer.ip.map(|ip| ip.to_string()),
        pid: peer.pid,
        tls: peer.listener == Listener::Tls,
        uid: peer.uid,
        agent: about.user_agent.map(cut_agent),
        nonce,
        listener: peer.listener.as_str().into(),
    }
}

fn cut_agent(agent: &str) -> String {
    let mut end = agent.len().min(limits::USER_AGENT_BYTES_MAX);
    while !agent.is_char_boundary(end) {
        end -= 1;
    }
    agent.get(..end).unwrap_or_default().to_owned()
}

/// Where a refusal is counted: the address, or the local user.
fn source(peer: &Peer) -> String {
    match (peer.ip, peer.uid) {
        (Some(ip), _) => ip.to_string(),
        (None, Some(uid)) => format!("uid {uid}"),
        (None, None) => peer.listener.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests;
