//! How RAM's parameters are read. A fault is named `InvalidParameter.NAME.REASON` (wire contract of RAM, sections 1.3, 1.4).
//!
//! Lists come as one JSON parameter from the newer SDKs (`ResourceNames=["a","b"]`) and numbered from the older ones
//! (`ResourceNames.1=a`); both are read.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::api::operations::read::repeated;
use crate::api::params::Params;
use crate::base::principal::NameFault;
use crate::base::{
    ApiError, Code, GroupName, PolicyName, PolicyVersion, RoleName, Tag, TagKey, TagValue, UserName, limits,
};
use crate::engine::query::marked::{Marked, TagFilters, read_marker};
use crate::engine::{DocumentKind, PolicyRef, check_policy};

pub(super) const TAG_HELP: &str = "JSON: [{\"Key\":\"k\",\"Value\":\"v\"}]; at most 20";
pub(super) const NAMES_HELP: &str = "JSON: [\"a\",\"b\"]; at most 50";

pub(super) const TAG_FILTER_HELP: &str =
    "JSON: [{\"Key\":\"k\",\"Value\":\"v\"}]: only what wears them; Value may be left out";
pub(super) const MARKER_HELP: &str = "from the page before";
pub(super) const MAX_ITEMS_HELP: &str = "1 to 1000; default 100";
pub(super) const USER_HELP: &str = "1 to 64 of A-Z a-z 0-9 . _ - @";
pub(super) const GROUP_HELP: &str = "1 to 64 of A-Z a-z 0-9 . _ -";
pub(super) const ROLE_HELP: &str = "1 to 64 of A-Z a-z 0-9 . _ -";
pub(super) const POLICY_HELP: &str = "1 to 128 of A-Z a-z 0-9 -";
pub(super) const POLICY_TYPE_HELP: &str = "System or Custom";
pub(super) const VERSION_HELP: &str = "v1, v2 and so on";
pub(super) const DOCUMENT_HELP: &str = "the policy, JSON, at most 6144 characters";
pub(super) const TRUST_HELP: &str =
    "the trust policy, JSON, at most 2048 characters: who may assume the role";
pub(super) const COMMENTS_HELP: &str = "free text, at most 128 characters";
pub(super) const DESCRIPTION_HELP: &str = "free text, at most 1024 characters";

/// A name, as `parse` reads it.
pub(super) fn name<T>(
    params: &Params,
    parameter: &'static str,
    parse: impl FnOnce(&str) -> Result<T, NameFault>,
) -> Result<T, ApiError> {
    parsed(parameter, params.required(parameter)?, parse)
}

pub(super) fn parsed<T>(
    parameter: &str,
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, NameFault>,
) -> Result<T, ApiError> {
    parse(text).map_err(|fault| {
        let reason = match fault {
            NameFault::InvalidChars => "InvalidChars",
            NameFault::Length => "Length",
            NameFault::Format => "Format",
        };
        ApiError::invalid_part(format!("{parameter}.{reason}"), &fault.to_string())
    })
}

/// A user.
pub(super) fn user(params: &Params) -> Result<UserName, ApiError> {
    name(params, "UserName", UserName::parse)
}

/// A group.
pub(super) fn group(params: &Params) -> Result<GroupName, ApiError> {
    name(params, "GroupName", GroupName::parse)
}

/// A role.
pub(super) fn role(params: &Params) -> Result<RoleName, ApiError> {
    name(params, "RoleName", RoleName::parse)
}

/// A policy, of whichever type.
pub(super) fn policy(params: &Params) -> Result<PolicyName, ApiError> {
    name(params, "PolicyName", PolicyName::parse)
}

/// A policy with its type.
pub(super) fn policy_ref(params: &Params) -> Result<PolicyRef, ApiError> {
    let kind = params.required("PolicyType")?;
    let make = match kind {
        "System" => PolicyRef::System,
        "Custom" => PolicyRef::Custom,
        _ => {
            return Err(ApiError::invalid_part(
                "PolicyType",
                "it must be System or Custom",
            ));
        }
    };
    policy(params).map(make)
}

/// A version of a policy.
pub(super) fn version(params: &Params) -> Result<PolicyVersion, ApiError> {
    PolicyVersion::parse(params.required("VersionId")?)
        .ok_or_else(|| ApiError::invalid_part("VersionId.Format", "it must be v1, v2 and so on"))
}

/// A description, if there is one; the empty one counts.
pub(super) fn description(params: &Params, parameter: &'static str) -> Result<Option<String>, ApiError> {
    let text = params.get(parameter);
    if text.is_some_and(|text| text.chars().count() > limits::RAM_DESCRIPTION_CHARS_MAX) {
        return Err(ApiError::invalid_part(
            format!("{parameter}.Length"),
            "at most 1024 characters are allowed",
        ));
    }
    Ok(text.map(str::to_owned))
}

/// What a user is called on screens, if it is said; the empty one counts.
pub(super) fn display(params: &Params, parameter: &'static str) -> Result<Option<String>, ApiError> {
    let text = short_text(params, parameter)?;
    if text
        .as_deref()
        .is_some_and(|text| text.chars().any(char::is_control))
    {
        return Err(ApiError::invalid_part(
            format!("{parameter}.InvalidChars"),
            "no control characters are allowed",
        ));
    }
    Ok(text)
}

/// Comments, if there are some; the empty ones count.
pub(super) fn comments(params: &Params, parameter: &'static str) -> Result<Option<String>, ApiError> {
    short_text(params, parameter)
}

/// A telephone number: country, hyphen, number; the empty one counts.
pub(super) fn mobile(params: &Params, parameter: &'static str) -> Result<Option<String>, ApiError> {
    let digits = |text: &str, most: usize| text.len() <= most && text.bytes().all(|b| b.is_ascii_digit());
    let is_number = |text: &str| {
        let parts = text.split_once('-');
        parts.is_some_and(|(country, number)| {
            !country.is_empty() && number.len() >= 4 && digits(country, 4) && digits(number, 20)
        })
    };
    formatted(params, parameter, is_number)
}

/// A mail address: one `@` with text on both sides; the empty one counts.
pub(super) fn email(params: &Params, parameter: &'static str) -> Result<Option<String>, ApiError> {
    let is_address = |text: &str| {
        let parts = text.split_once('@');
        let plain =
            text.chars().count() <= limits::RAM_COMMENTS_CHARS_MAX && !text.chars().any(char::is_control);
        plain && parts.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'))
    };
    formatted(params, parameter, is_address)
}

fn formatted(
    params: &Params,
    parameter: &'static str,
    is_good: impl Fn(&str) -> bool,
) -> Result<Option<String>, ApiError> {
    match params.get(parameter) {
        Some(text) if !text.is_empty() && !is_good(text) => Err(ApiError::invalid_part(
            format!("{parameter}.Format"),
            "it is not of the form it must have",
        )),
        text => Ok(text.map(str::to_owned)),
    }
}

fn short_text(params: &Params, parameter: &'static str) -> Result<Option<String>, ApiError> {
    let text = params.get(parameter);
    if text.is_some_and(|text| text.chars().count() > limits::RAM_COMMENTS_CHARS_MAX) {
        return Err(ApiError::invalid_part(
            format!("{parameter}.Length"),
            "at most 128 characters are allowed",
        ));
    }
    Ok(text.map(str::to_owned))
}

/// A policy document, kept as it was sent. Nothing that does not read is ever stored.
pub(super) fn policy_document(parameter: &str, kind: DocumentKind, text: &str) -> Result<String, ApiError> {
    let most = match kind {
        DocumentKind::Trust => limits::TRUST_POLICY_CHARS_MAX,
        _ => limits::POLICY_CHARS_MAX,
    };
    if text.chars().count() > most {
        return Err(ApiError::invalid_part(
            format!("{parameter}.Length"),
            &format!("at most {most} characters are allowed"),
        ));
    }
    check_policy(kind, text).map_err(|fault| {
        ApiError::with_message(
            Code::MalformedPolicy,
            format!("The policy is not valid: {fault}."),
        )
    })?;
    Ok(text.to_owned())
}

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

/// The tags that are looked for.
pub(super) fn tag_filters(params: &Params) -> Result<TagFilters, ApiError> {
    named_tags(params).map(TagFilters)
}

/// Which page of the list of an operation: behind the name that `parse` reads from the marker.
pub(super) fn marked<N>(
    params: &Params,
    list: &'static str,
    parse: impl FnOnce(&str) -> Option<N>,
) -> Result<Marked<N>, ApiError> {
    let after = params.optional("Marker").map(|marker| {
        let name = read_marker(list, marker).and_then(|name| parse(&name));
        name.ok_or_else(|| ApiError::invalid_part("Marker", "it is none of this operation's"))
    });
    let most = params.optional_integer("MaxItems", 1..=limits::MAX_ITEMS_MAX);
    let most = most.map_err(|error| ApiError {
        part: Some("MaxItems".into()),
        ..error
    })?;
    Ok(Marked {
        list,
        after: after.transpose()?,
        most: usize::try_from(most.unwrap_or(limits::MAX_ITEMS_DEFAULT)).unwrap_or(usize::MAX),
    })
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
