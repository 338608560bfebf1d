//! Single calls, outside all measuring.

use anyhow::{Context, Result, bail};

use crate::load::http::{Connection, Target};
use crate::load::requests::{AccessKey, Call, Requests, Scheme};

/// What the toy is given for a key id: it has one key, whatever it is called; the length is a real one's.
pub const TOY_KEY: &str = "acs:kms:cn-hangzhou:1234567890123456:key/2f7c0b1e-8f43-4d0c-9d6a-5b7e1c3a9f10";

/// Creates a symmetric key through the API, as the socket's peer or signed; returns its id.
pub async fn create_key(target: &Target, access_key: Option<(&AccessKey, Scheme)>) -> Result<String> {
    let call = Call::create_key();
    let mut requests = match access_key {
        Some((key, scheme)) => Requests::signed(&call, key, scheme)?,
        None => Requests::peer(&call),
    };
    let mut request = Vec::new();
    requests.next(&mut request)?;
    let mut connection = Connection::open(target).await?;
    let reply = connection.exchange(&request).await?;
    if reply.status != 200 {
        bail!(
            "CreateKey was answered {}: {}",
            reply.status,
            String::from_utf8_lossy(reply.body)
        );
    }
    let reply: serde_json::Value =
        serde_json::from_slice(reply.body).context("CreateKey's reply is not JSON")?;
    let key_id = reply.pointer("/KeyMetadata/KeyId").and_then(|id| id.as_str());
    key_id
        .map(str::to_owned)
        .context("CreateKey's reply has no KeyId")
}
