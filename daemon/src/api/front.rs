//! The front: one request from its bytes to its response.

use std::sync::Arc;

use super::authenticate::{Caller, Listener, Peer, authenticate};
use super::figures::Figures;
use super::nonce::NonceMemory;
use super::params::Params;
use super::record::record;
use super::response::{Refused, WireResponse};
use super::table::{self, Quotas, Request, Row};
use super::wire::{Format, Method, WireRequest};
use crate::base::{ApiError, Code, Region, RequestId, limits};
use crate::engine::{Call, Engine, Origin, Scope, Work};

/// What the operator decides about the front.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The regions served; the first one is the default.
    pub regions: Vec<Region>,
    /// The local user who is the account root, if any.
    pub root_uid: Option<u32>,
    /// How many of what an account may have.
    pub quotas: Quotas,
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
        let nonces = NonceMemory::new(engine.nonce_key());
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
        let format = Format::of(&params);
        let admitted = self.admit(method, &params, request.authorization, rid, about);
        // The parameters may hold a plaintext: they go before anything is waited for.
        drop(params);
        let (row, call) = match admitted {
            Ok(admitted) => admitted,
            Err(error) => return self.refused(error, rid, format, about),
        };
        match self.engine.submit(call).await {
            Ok(answered) => {
                let error = answered.reply.result.as_ref().err().map(|error| error.code);
                let micros = self.engine.monotonic_micros().saturating_sub(began);
                self.figures.answered(row, error, micros);
                WireResponse::answered(answered, row.action, format, about.host.unwrap_or(""))
            }
            Err(code) => self.refused(code.into(), rid, format, about),
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
    fn admit(
        &self,
        method: Method,
        params: &Params,
        authorization: Option<&str>,
        rid: RequestId,
        about: &About<'_>,
    ) -> Result<(&'static Row, Call), ApiError> {
        let row = operation(params)?;
        let Caller { actor, nonce } = authenticate(
            &self.engine,
            &self.nonces,
            self.settings.root_uid,
            about.peer,
            method,
            params,
            authorization,
        )?;
        let region = self.region(params, about.host);
        let scope = Scope {
            account: actor.account,
            region: region.clone().unwrap_or_else(|_| self.engine.region().clone()),
            at: self.engine.now(),
        };
        let read = Request {
            params,
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
        let call = Call {
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
        };
        Ok((row, call))
    }

    /// The region that a request means (wire contract, section 3.2).
    fn region(&self, params: &Params, host: Option<&str>) -> Result<Region, ApiError> {
        let served = |text: &str| {
            self.settings
                .regions
                .iter()
                .find(|region| region.as_str() == text)
                .cloned()
        };
        if let Some(text) = params.optional("RegionId") {
            return served(text)
                .ok_or_else(|| ApiError::invalid_because("RegionId", "this region is not served here"));
        }
        let by_host = host.and_then(region_of_host).and_then(served);
        Ok(by_host.unwrap_or_else(|| {
            self.settings
                .regions
                .first()
                .unwrap_or(self.engine.region())
                .clone()
        }))
    }
}

/// The operation that a request names.
fn operation(params: &Params) -> Result<&'static Row, ApiError> {
    let action = params.required("Action")?;
    let version = params.required("Version")?;
    if table::product(version).is_none() {
        return Err(ApiError::invalid("Version"));
    }
    table::find(version, action).ok_or_else(|| Code::InvalidApi.into())
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
