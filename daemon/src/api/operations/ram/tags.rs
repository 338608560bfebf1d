//! Tags on roles and custom policies.

use super::read::{NAMES_HELP, TAG_FILTER_HELP, TAG_HELP, parsed, tag_filters, tags, texts};
use crate::api::params::Params;
use crate::api::table::{Param, RAM, Request, Row};
use crate::base::{ApiError, PolicyName, RoleName, TagKey, limits};
use crate::engine::query::identity_tags::{ListIdentityTags, TagCursor, TaggedType};
use crate::engine::{Class, TagIdentities, TaggedNames, UntagIdentities, Work};

const TYPE_HELP: &str = "role or policy";

/// The family's rows.
pub static ROWS: [Row; 3] = [
    Row::new(
        Class::Command,
        (&RAM, "TagResources", "ram/TagResources"),
        "Adds tags to up to 50 roles or custom policies, to all of them or to none.",
        &[
            Param::required("ResourceType", TYPE_HELP),
            Param::required("ResourceNames", NAMES_HELP),
            Param::required("Tag", TAG_HELP),
        ],
        tag,
    ),
    Row::new(
        Class::Command,
        (&RAM, "UntagResources", "ram/UntagResources"),
        "Takes tags off up to 50 roles or custom policies.",
        &[
            Param::required("ResourceType", TYPE_HELP),
            Param::required("ResourceNames", NAMES_HELP),
            Param::optional("TagKeys", "JSON: [\"k1\",\"k2\"]; at most 20"),
            Param::optional("All", "true and no TagKeys: all tags"),
        ],
        untag,
    ),
    Row::new(
        Class::Query,
        (&RAM, "ListTagResources", "ram/ListTagResources"),
        "Lists tags across roles or custom policies.",
        &[
            Param::required("ResourceType", TYPE_HELP),
            Param::optional("ResourceNames", NAMES_HELP),
            Param::optional("Tag", TAG_FILTER_HELP),
            Param::optional("PageSize", "1 to 100; default 20"),
            Param::optional("NextToken", "from the page before"),
        ],
        list,
    ),
];

fn kind(params: &Params) -> Result<TaggedType, ApiError> {
    match params.required("ResourceType")? {
        "role" => Ok(TaggedType::Role),
        "policy" => Ok(TaggedType::Policy),
        _ => Err(ApiError::invalid_part(
            "ResourceType",
            "it must be role or policy",
        )),
    }
}

fn names(params: &Params) -> Result<TaggedNames, ApiError> {
    let parameter = "ResourceNames";
    let kind = kind(params)?;
    let listed = texts(params, parameter, limits::TAGGED_AT_ONCE_MAX)?;
    Ok(match kind {
        TaggedType::Role => {
            let names = listed.iter().map(|name| parsed(parameter, name, RoleName::parse));
            TaggedNames::Roles(names.collect::<Result<_, _>>()?)
        }
        TaggedType::Policy => {
            let names = listed
                .iter()
                .map(|name| parsed(parameter, name, PolicyName::parse));
            TaggedNames::Policies(names.collect::<Result<_, _>>()?)
        }
    })
}

fn needed_names(params: &Params) -> Result<TaggedNames, ApiError> {
    let names = names(params)?;
    if names.is_empty() {
        Err(ApiError::missing("ResourceNames"))
    } else {
        Ok(names)
    }
}

fn tag(request: &Request<'_>) -> Result<Work, ApiError> {
    let names = needed_names(request.params)?;
    let tags = tags(request.params)?;
    if tags.is_empty() {
        return Err(ApiError::missing("Tag"));
    }
    Ok(Work::Command(Box::new(TagIdentities { names, tags })))
}

fn untag(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let names = needed_names(params)?;
    let parameter = "TagKeys";
    let listed = texts(params, parameter, limits::TAGS_PER_RESOURCE_MAX)?;
    let keys: Option<Vec<TagKey>> = listed.iter().map(|key| TagKey::parse(key)).collect();
    let keys = keys.ok_or_else(|| ApiError::invalid_part(parameter, "a name is not acceptable"))?;
    let tags = match (keys.is_empty(), params.optional_bool("All")?.unwrap_or(false)) {
        (true, true) => None,
        (true, false) => return Err(ApiError::missing(parameter)),
        (false, _) => Some(keys),
    };
    Ok(Work::Command(Box::new(UntagIdentities { names, tags })))
}

fn list(request: &Request<'_>) -> Result<Work, ApiError> {
    let params = request.params;
    let kind = kind(params)?;
    let after = params.optional("NextToken").map(|text| {
        TagCursor::parse(text).ok_or_else(|| ApiError::invalid_part("NextToken", "it is none of ours"))
    });
    Ok(Work::Query(Box::new(ListIdentityTags {
        kind,
        names: Some(names(params)?).filter(|names| !names.is_empty()),
        tags: tag_filters(params)?,
        after: after.transpose()?,
        most: params
            .optional_integer("PageSize", 1..=limits::PAGE_SIZE_MAX)?
            .unwrap_or(limits::RAM_TAG_ROWS_DEFAULT),
    })))
}
