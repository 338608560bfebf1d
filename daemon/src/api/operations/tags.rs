//! Tags on keys: one at a time, and many at once.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::read::{KEY_ID_HELP, id_only, key_by_id, refuse, repeated};
use crate::api::params::Params;
use crate::api::table::{KMS, Param, Request, Row};
use crate::base::{ApiError, Code, Tag, TagKey, TagValue, limits};
use crate::engine::query::tags::{ListResourceTags, ListTagResources, TagCursor, TagFilter};
use crate::engine::{Class, KeyRef, TagKeys, UntagKeys, Work};

const TAGS_HELP: &str = "JSON: [{\"TagKey\":\"k\",\"TagValue\":\"v\"}]; a key has at most 20";

/// The family's rows.
pub static ROWS: [Row; 6] = [
    Row::new(
        Class::Command,
        (&KMS, "TagResource", "kms/TagResource"),
        "Adds tags to a key; a tag of the same name is replaced.",
        &[
            Param::required("KeyId", KEY_ID_HELP),
            Param::required("Tags", TAGS_HELP),
        ],
        tag_resource,
    ),
    Row::new(
        Class::Command,
        (&KMS, "UntagResource", "kms/UntagResource"),
        "Takes tags off a key; a tag that is not there is no error.",
        &[
            Param::required("KeyId", KEY_ID_HELP),
            Param::required("TagKeys", "JSON: [\"k1\",\"k2\"], or a comma list"),
        ],
        untag_resource,
    ),
    Row::new(
        Class::Query,
        (&KMS, "ListResourceTags", "kms/ListResourceTags"),
        "Lists the tags of a key.",
        &[Param::required("KeyId", KEY_ID_HELP)],
        |request| {
            refuse(request.params, &["SecretName", "CertificateId"])?;
            let key = key_by_id(request.params)?;
            Ok(Work::Query(Box::new(ListResourceTags { key })))
        },
    ),
    Row::new(
        Class::Command,
        (&KMS, "TagResources", "kms/TagResources"),
        "Adds tags to up to 50 keys, to all of them or to none.",
        &[
            Param::required("ResourceType", "key"),
            Param::required("ResourceId.1", "key id; also ResourceId.2 to ResourceId.50")
                .up_to(limits::TAGGED_AT_ONCE_MAX),
            Param::required("Tag.1.Key", "tag name; also Tag.2.Key to Tag.20.Key")
                .up_to(limits::TAGS_PER_RESOURCE_MAX),
            Param::optional("Tag.1.Value", "tag value; also Tag.2.Value to Tag.20.Value")
                .up_to(limits::TAGS_PER_RESOURCE_MAX),
        ],
        tag_resources,
    ),
    Row::new(
        Class::Command,
        (&KMS, "UntagResources", "kms/UntagResources"),
        "Takes tags off up to 50 keys.",
        &[
            Param::required("ResourceType", "key"),
            Param::required("ResourceId.1", "key id; also ResourceId.2 to ResourceId.50")
                .up_to(limits::TAGGED_AT_ONCE_MAX),
            Param::optional("TagKey.1", "tag name; also TagKey.2 to TagKey.20")
                .up_to(limits::TAGS_PER_RESOURCE_MAX),
            Param::optional("All", "true and no TagKey: all tags"),
        ],
        untag_resources,
    ),
    Row::new(
        Class::Query,
        (&KMS, "ListTagResources", "kms/ListTagResources"),
        "Lists tags across keys, 200 a page.",
        &[
            Param::required("ResourceType", "key"),
            Param::optional("ResourceId.1", "key id; also ResourceId.2 to ResourceId.50")
                .up_to(limits::TAGGED_AT_ONCE_MAX),
            Param::optional(
                "Tag.1.Key",
                "only tags of this name; also Tag.2.Key to Tag.20.Key",
            )
            .up_to(limits::TAGS_PER_RESOURCE_MAX),
            Param::optional(
                "Tag.1.Value",
                "and of this value; also Tag.2.Value to Tag.20.Value",
            )
            .up_to(limits::TAGS_PER_RESOURCE_MAX),
            Param::optional("NextToken", "from the page before"),
        ],
        list_tag_resources,
    ),
];

/// A tag as the wire has it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct WireTag {
    tag_key: String,
    #[serde(default)]
    tag_value: String,
}

/// `[{"TagKey":k,"TagValue":v},...]`, at most 20, each name once.
pub(super) fn tags_of_json(name: &str, text: &str) -> Result<Vec<Tag>, ApiError> {
    let wire: Vec<WireTag> = serde_json::from_str(text).map_err(|_| ApiError::invalid(name))?;
    let tags: Option<Vec<Tag>> = wire
        .iter()
        .map(|wire| tag(&wire.tag_key, &wire.tag_value))
        .collect();
    distinct(name, tags.ok_or_else(|| ApiError::invalid(name))?)
}

fn tag(key: &str, value: &str) -> Option<Tag> {
    Some(Tag {
        key: TagKey::parse(key)?,
        value: TagValue::parse(value)?,
    })
}

fn distinct(name: &str, tags: Vec<Tag>) -> Result<Vec<Tag>, ApiError> {
    if tags.len() > limits::TAGS_PER_RESOURCE_MAX {
        return Err(Code::LimitExceeded.into());
    }
    let names: BTreeSet<&TagKey> = tags.iter().map(|tag| &tag.key).collect();
    if names.len() == tags.len() {
        Ok(tags)
    } else {
        Err(ApiError::invalid_because(name, "a tag is named twice"))
    }
}

/// Only keys are tagged here: secrets and certificates are not offered yet.
fn one_key(params: &Params) -> Result<Vec<KeyRef>, ApiError> {
    refuse(params, &["SecretName", "CertificateId"])?;
    Ok(vec![key_by_id(params)?])
}

fn tag_resource(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let text = params.required("Tags")?;
    let keys = one_key(params)?;
    let tags = tags_of_json("Tags", text)?;
    Ok(Work::Command(Box::new(TagKeys { keys, tags })))
}

fn untag_resource(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let text = params.required("TagKeys")?;
    let keys = one_key(params)?;
    let listed: Vec<String> = match text.starts_with('[') {
        true => serde_json::from_str(text).map_err(|_| ApiError::invalid("TagKeys"))?,
        false => text.split(',').map(|name| name.trim().to_owned()).collect(),
    };
    let names = tag_names("TagKeys", listed.iter().map(String::as_str))?;
    Ok(Work::Command(Box::new(UntagKeys {
        keys,
        names: Some(names),
    })))
}

fn tag_names<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Result<Vec<TagKey>, ApiError> {
    let names: Option<Vec<TagKey>> = names.map(TagKey::parse).collect();
    let names = names.ok_or_else(|| ApiError::invalid(name))?;
    if names.len() > limits::TAGS_PER_RESOURCE_MAX {
        Err(ApiError::invalid(name))
    } else {
        Ok(names)
    }
}

/// The keys of a call on many; `ResourceType` must say that they are keys.
fn many_keys(params: &Params) -> Result<Vec<KeyRef>, ApiError> {
    match params.required("ResourceType")? {
        "key" => {}
        "secret" => {
            return Err(ApiError::with_message(
                Code::UnsupportedOperation,
                "secrets are not supported.",
            ));
        }
        _ => return Err(ApiError::invalid("ResourceType")),
    }
    let ids = repeated(params, "ResourceId", "", limits::TAGGED_AT_ONCE_MAX)?;
    ids.into_iter().map(|id| id_only("ResourceId", id)).collect()
}

fn many_tags(params: &Params) -> Result<Vec<(TagKey, Option<TagValue>)>, ApiError> {
    let names = repeated(params, "Tag", ".Key", limits::TAGS_PER_RESOURCE_MAX)?;
    let tag = |(at, name): (usize, &str)| {
        let key = TagKey::parse(name).ok_or_else(|| ApiError::invalid(&format!("Tag.{}.Key", at + 1)))?;
        let parameter = format!("Tag.{}.Value", at + 1);
        let value = params
            .get(&parameter)
            .map(|v| TagValue::parse(v).ok_or_else(|| ApiError::invalid(&parameter)));
        Ok((key, value.transpose()?))
    };
    names.into_iter().enumerate().map(tag).collect()
}

fn tag_resources(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let keys = needed(many_keys(params)?, "ResourceId.1")?;
    let named = needed(many_tags(params)?, "Tag.1.Key")?;
    let mut tags = Vec::with_capacity(named.len());
    for (key, value) in named {
        let value = value.or_else(|| TagValue::parse("")).ok_or(Code::Internal)?;
        tags.push(Tag { key, value });
    }
    let tags = distinct("Tag", tags)?;
    Ok(Work::Command(Box::new(TagKeys { keys, tags })))
}

fn untag_resources(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let keys = needed(many_keys(params)?, "ResourceId.1")?;
    let listed = repeated(params, "TagKey", "", limits::TAGS_PER_RESOURCE_MAX)?;
    let names = match (listed.is_empty(), params.optional_bool("All")?.unwrap_or(false)) {
        (true, true) => None,
        (true, false) => return Err(ApiError::missing("TagKey.1")),
        (false, _) => Some(tag_names("TagKey", listed.into_iter())?),
    };
    Ok(Work::Command(Box::new(UntagKeys { keys, names })))
}

fn list_tag_resources(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let keys = many_keys(params)?;
    let tags = many_tags(params)?
        .into_iter()
        .map(|(key, value)| TagFilter { key, value })
        .collect();
    let after = params.optional_as("NextToken", TagCursor::parse)?;
    Ok(Work::Query(Box::new(ListTagResources { keys, tags, after })))
}

fn needed<T>(items: Vec<T>, name: &str) -> Result<Vec<T>, ApiError> {
    if items.is_empty() {
        Err(ApiError::missing(name))
    } else {
        Ok(items)
    }
}
