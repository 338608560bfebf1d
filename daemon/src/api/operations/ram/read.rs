//! How RAM's parameters are read. A fault is named `InvalidParameter.NAME.REASON` (wire contract of RAM, sections 1.3, 1.4).
//!
//! Lists come as one JSON parameter from the newer SDKs (`ResourceNames=["a","b"]`) and numbered from the older ones
//! (`ResourceNames.1=a`); both are read.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::api::operations::read::repeated;
use crate::api::params::Params;
use crate::base::{ApiError, Tag, TagKey, TagValue, limits};

pub(super) const TAG_HELP: &str = "JSON: [{\"Key\":\"k\",\"Value\":\"v\"}]; at most 20";
pub(super) const NAMES_HELP: &str = "JSON: [\"a\",\"b\"]; at most 50";

/// A list of texts, at most `most`, in either form. Absent is empty.
pub(super) fn texts(params: &Params, name: &'static str, most: usize) -> Result<Vec<String>, ApiError> {
    let Some(json) = params.optional(name) else {
        let numbered = repeated(params, name, "", most)?;
        return Ok(numbered.into_iter().map(str::to_owned).collect());
    };
    let texts: Vec<String> = serde_json::from_str(json)
        .map_err(|_| ApiError::invalid_part(name, "it must be a JSON list of texts"))?;
    if texts.len() > most {
        return Err(ApiError::invalid_part(
            name,
            &format!("at most {most} are accepted"),
        ));
    }
    Ok(texts)
}

/// A tag as the wire has it, whole or only its name.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct WireTag {
    key: String,
    value: Option<String>,
}

/// What is asked of a tag, or given to a resource: a name, and a value where there is one.
pub(super) type NamedTag = (TagKey, Option<TagValue>);

/// The parameter `Tag`, in either form: at most 20, each name once. Absent is empty.
pub(super) fn named_tags(params: &Params) -> Result<Vec<NamedTag>, ApiError> {
    let invalid = |expected: &str| ApiError::invalid_part("Tag", expected);
    let wire: Vec<WireTag> = match params.optional("Tag") {
        Some(json) => serde_json::from_str(json)
            .map_err(|_| invalid("it must be a JSON list of objects with Key and Value"))?,
        None => {
            let names = repeated(params, "Tag", ".Key", limits::TAGS_PER_RESOURCE_MAX)?;
            let tag = |(at, key): (usize, &str)| WireTag {
                key: key.to_owned(),
                value: params.get(&format!("Tag.{}.Value", at + 1)).map(str::to_owned),
            };
            names.into_iter().enumerate().map(tag).collect()
        }
    };
    if wire.len() > limits::TAGS_PER_RESOURCE_MAX {
        return Err(invalid("at most 20 are accepted"));
    }
    let mut tags = Vec::with_capacity(wire.len());
    for tag in wire {
        let key = TagKey::parse(&tag.key);
        let value = tag.value.as_deref().map(TagValue::parse);
        match (key, value) {
            (Some(key), None) => tags.push((key, None)),
            (Some(key), Some(Some(value))) => tags.push((key, Some(value))),
            _ => return Err(invalid("a name or a value is not acceptable")),
        }
    }
    let distinct: BTreeSet<&TagKey> = tags.iter().map(|(key, _)| key).collect();
    if distinct.len() < tags.len() {
        return Err(invalid("a tag is named twice"));
    }
    Ok(tags)
}

/// The tags that a resource is to wear; a tag without a value has the empty one.
pub(super) fn tags(params: &Params) -> Result<Vec<Tag>, ApiError> {
    let tag = |(key, value): NamedTag| {
        let value = value.or_else(|| TagValue::parse(""))?;
        Some(Tag { key, value })
    };
    let tags: Option<Vec<Tag>> = named_tags(params)?.into_iter().map(tag).collect();
    tags.ok_or_else(|| ApiError::invalid_part("Tag", "a value is not acceptable"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        Params::parse(Some(query), None).unwrap()
    }

    fn code(result: Result<impl std::fmt::Debug, ApiError>) -> String {
        result.unwrap_err().wire_code().into_owned()
    }

    #[test]
    fn lists_are_read_in_both_forms() {
        for query in ["N=[\"a\",\"b\"]", "N.1=a&N.2=b"] {
            assert_eq!(texts(&params(query), "N", 2).unwrap(), ["a", "b"], "{query}");
            assert!(texts(&params(query), "N", 1).is_err(), "{query}");
        }
        assert!(texts(&params("x=1"), "N", 2).unwrap().is_empty());
        assert_eq!(code(texts(&params("N=a"), "N", 2)), "InvalidParameter.N");
        assert!(texts(&params("N.1=a&N.3=b"), "N", 2).is_err(), "a gap");
    }

    #[test]
    fn tags_are_read_in_both_forms_and_named_once() {
        for query in [
            "Tag=[{\"Key\":\"k\",\"Value\":\"v\"},{\"Key\":\"l\"}]",
            "Tag.1.Key=k&Tag.1.Value=v&Tag.2.Key=l",
        ] {
            let read = tags(&params(query)).unwrap();
            let shown: Vec<_> = read
                .iter()
                .map(|tag| format!("{}={}", tag.key, tag.value))
                .collect();
            assert_eq!(shown, ["k=v", "l="], "{query}");
        }
        for query in [
            "Tag=[{\"Key\":\"k\"},{\"Key\":\"k\"}]",
            "Tag={\"Key\":\"k\"}",
            "Tag=[{\"Key\":\"acs:k\"}]",
            "Tag=[{\"TagKey\":\"k\"}]",
        ] {
            assert_eq!(code(tags(&params(query))), "InvalidParameter.Tag", "{query}");
        }
    }
}
