//! Which local users stand for which principals: `local-principals = { 1001 = "user/alice", 1002 = "role/deploy" }`.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::base::{RoleName, UserName};
use crate::engine::LocalPrincipal;

/// A uid, and who that user is.
pub(super) type LocalPrincipals = BTreeMap<u32, LocalPrincipal>;

/// Reads the table.
pub(super) fn principals<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LocalPrincipals, D::Error> {
    let table: BTreeMap<String, String> = Deserialize::deserialize(deserializer)?;
    let read = |(uid, principal): (String, String)| {
        let uid = uid
            .parse()
            .map_err(|_| D::Error::custom(format!("`{uid}` is not the number of a uid")))?;
        let principal = principal_of(&principal).ok_or_else(|| {
            D::Error::custom(format!("`{principal}` is neither `user/NAME` nor `role/NAME`"))
        })?;
        Ok((uid, principal))
    };
    table.into_iter().map(read).collect()
}

fn principal_of(text: &str) -> Option<LocalPrincipal> {
    match text.split_once('/')? {
        ("user", name) => UserName::parse(name).ok().map(LocalPrincipal::User),
        ("role", name) => RoleName::parse(name).ok().map(LocalPrincipal::Role),
        _ => None,
    }
}
