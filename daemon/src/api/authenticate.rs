//! Who is asking: a signature made with an access key, or the local peer that the kernel vouches for.

use std::net::IpAddr;

use super::front::Settings;
use super::nonce::NonceMemory;
use super::signature::{Presented, SignedRequest, Style};
use super::temporary::{by_session, refuse_token};
use crate::base::{ApiError, Code};
use crate::engine::{Actor, Engine};

/// What a connection came in on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// The Unix socket.
    Unix,
    /// TCP without encryption, loopback unless the operator says otherwise.
    Tcp,
    /// TCP with TLS.
    Tls,
}

impl Listener {
    /// Its name in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unix => "unix",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// What it came in on.
    pub listener: Listener,
    /// Its address, for TCP and TLS.
    pub ip: Option<IpAddr>,
    /// Its user, for the Unix socket.
    pub uid: Option<u32>,
    /// Its process, for the Unix socket.
    pub pid: Option<u32>,
}

/// A caller who is known.
#[derive(Debug)]
pub(super) struct Caller<'a> {
    pub actor: Actor,
    /// The region that the signature is good for, where it says so.
    pub region: Option<&'a str>,
    /// Keyed hash of the signature's nonce.
    pub nonce: Option<u64>,
}

/// The uid that stands for users who have none here (`overflowuid`): it could be anybody's.
const OVERFLOW_UID: u32 = 65_534;

/// Finds out who is asking, in the order of the wire contract's section 2.
pub(super) fn authenticate<'a>(
    engine: &Engine,
    nonces: &NonceMemory,
    settings: &Settings,
    peer: &Peer,
    presented: &Presented<'a>,
) -> Result<Caller<'a>, ApiError> {
    if presented.style != Style::Unsigned {
        return signed(engine, nonces, presented);
    }
    let uid = peer.uid.ok_or_else(|| ApiError::missing("AccessKeyId"))?;
    let actor = match settings.local_principals.get(&uid) {
        _ if uid == OVERFLOW_UID => Actor::unmapped(engine.account()),
        _ if settings.root_uid == Some(uid) => Actor::root(engine.account(), None),
        Some(principal) => engine.local_actor(uid, principal),
        None => Actor::unmapped(engine.account()),
    };
    Ok(Caller {
        actor,
        region: None,
        nonce: None,
    })
}

fn signed<'a>(
    engine: &Engine,
    nonces: &NonceMemory,
    presented: &Presented<'a>,
) -> Result<Caller<'a>, ApiError> {
    let request = SignedRequest::parse(presented)?;
    if request.access_key.is_temporary() {
        return by_session(engine, nonces, request);
    }
    let known = engine
        .access_key(&request.access_key)
        .ok_or(Code::UnknownAccessKey)?;
    if !known.active {
        return Err(Code::InactiveAccessKey.into());
    }
    // The raw clock, not the log's: a stamp is compared with the time of day.
    let now = engine.wall_clock();
    let stamp = request.stamp(now)?;
    request.verify(&known.secret)?;
    let hash = nonces.hash(&request.access_key, request.nonce);
    nonces.admit(hash, &request.access_key, stamp, now)?;
    engine.tools().figures.nonces.set(nonces.len() as u64);
    refuse_token(engine, &request)?;
    Ok(Caller {
        region: request.region,
        actor: known.actor,
        nonce: Some(hash),
    })
}
