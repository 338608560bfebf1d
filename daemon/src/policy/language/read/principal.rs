//! The Principal element of key and trust policies.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::list::{Bare, List};
use super::{Reader, cut};
use crate::policy::language::{DocumentKind, Principal};

pub(super) struct PrincipalSeed<'r>(pub(super) &'r Reader);

impl<'de> DeserializeSeed<'de> for PrincipalSeed<'_> {
    type Value = Vec<Principal>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PrincipalSeed<'_> {
    type Value = Vec<Principal>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object such as {\"RAM\": [\"acs:ram::ACCOUNT:user/NAME\"]}")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let reader = self.0;
        let known = blocks(reader.kind);
        let mut principals = Vec::new();
        let mut seen = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let Some(block) = known.iter().find(|block| **block == name) else {
                return Err(reader.unknown(&name, known));
            };
            if seen.contains(block) {
                return Err(reader.repeated(&name));
            }
            seen.push(block);
            let kind = reader.kind;
            let read = |text: &str| {
                let principal = match name.as_str() {
                    "RAM" => Principal::parse_ram(kind, text),
                    "Service" => Principal::parse_service(text),
                    _ => Principal::parse_federated(text),
                };
                principal.ok_or_else(|| format!("`{}` is no principal of a {kind} under `{name}`", cut(text)))
            };
            let list = List {
                reader,
                what: "principals",
                bare: Bare::default(),
                read,
            };
            principals.extend(reader.element(&mut map, &name, list)?);
        }
        if principals.is_empty() {
            return Err(reader.refuse("`Principal` is empty"));
        }
        Ok(principals)
    }
}

/// Key policies name RAM identities alone.
const fn blocks(kind: DocumentKind) -> &'static [&'static str] {
    match kind {
        DocumentKind::Trust => &["RAM", "Service", "Federated"],
        DocumentKind::Identity | DocumentKind::Session | DocumentKind::Resource => &["RAM"],
    }
}
