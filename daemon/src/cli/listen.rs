//! The listeners of `chancery serve`: bound here, or handed down by the service manager.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::Signal;

use super::exit::Failure;
use super::paths::Surroundings;
use super::serve::ListenArguments;
use crate::server::listener::{BoundListener, adopt_tcp, adopt_tls, adopt_unix, bind_tls};
use crate::server::manager::{Handed, Notify, Socket};
use crate::server::tls::Tls;
use crate::server::{bind_tcp, bind_unix};

/// All listeners, the Unix socket first, and the certificate that is to be looked after.
pub(super) async fn listeners(
    arguments: &ListenArguments,
    handed: Vec<Handed>,
) -> Result<(Vec<BoundListener>, Option<Arc<Tls>>), Failure> {
    let tls = certificate(arguments)?;
    let mut listeners = Vec::new();
    for Handed { name, socket } in handed {
        listeners.push(match socket {
            Socket::Unix(unix) => adopt_unix(unix)?,
            Socket::Tcp(tcp) if name.starts_with("tls") => adopt_tls(tcp, needed(tls.as_ref())?)?,
            Socket::Tcp(tcp) => adopt_tcp(tcp, arguments.allow_plaintext)?,
        });
    }
    if let Some(socket) = own_socket(arguments, &listeners)? {
        listeners.insert(0, bind_unix(&socket)?);
    }
    for address in &arguments.addresses {
        listeners.push(bind_tcp(*address, arguments.allow_plaintext).await?);
    }
    for address in &arguments.tls_addresses {
        listeners.push(bind_tls(*address, needed(tls.as_ref())?).await?);
    }
    Ok((listeners, tls))
}

/// The socket to be bound here: the one that is asked for, or the default if none was handed down.
fn own_socket(arguments: &ListenArguments, handed: &[BoundListener]) -> Result<Option<PathBuf>, Failure> {
    let Some(socket) = &arguments.socket else {
        let has_local = handed.iter().any(BoundListener::is_local);
        return if has_local {
            Ok(None)
        } else {
            Surroundings::of_process().socket().map(Some)
        };
    };
    let is_handed = handed
        .iter()
        .any(|listener| listener.to_string() == format!("unix:{}", socket.display()));
    Ok((!is_handed).then(|| socket.clone()))
}

fn certificate(arguments: &ListenArguments) -> Result<Option<Arc<Tls>>, Failure> {
    match (&arguments.tls_cert, &arguments.tls_key) {
        (Some(certificate), Some(key)) => Tls::open(certificate, key)
            .map(|tls| Some(Arc::new(tls)))
            .map_err(|error| Failure::No(error.to_string())),
        // clap asks for both or none.
        _ => Ok(None),
    }
}

fn needed(tls: Option<&Arc<Tls>>) -> Result<Arc<Tls>, Failure> {
    tls.cloned().ok_or_else(|| {
        Failure::Usage(
            "a TLS listener needs a certificate: give --tls-cert FILE and --tls-key FILE".to_owned(),
        )
    })
}

/// Renews the certificate when its files change, and at once on SIGHUP; ends with the process.
pub(super) async fn look_after(tls: Option<Arc<Tls>>, mut hangup: Signal, notify: Notify) {
    loop {
        let fresh = async {
            match &tls {
                Some(tls) => tls.keep_fresh().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = fresh => {}
            said = hangup.recv() => match (&tls, said) {
                (_, None) => return,
                (tls, Some(())) => {
                    notify.reloading();
                    match tls {
                        Some(tls) => tls.tell(&tls.reload()),
                        None => tracing::info!("SIGHUP: there is no certificate to renew"),
                    }
                    notify.ready();
                }
            }
        }
    }
}
