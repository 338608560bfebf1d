//! ListTagResources of RAM: one row a tag, across roles or custom policies, by name of the resource and of the tag.

use crate::base::{Answer, ApiError, Arn, Tag, TagKey};
use crate::domain::ram::tags::TaggedNames;
use crate::domain::{Scope, Unresolved};
use crate::engine::call::{Done, Query};
use crate::engine::tools::Tools;
use crate::projection::{Reader, State};

use super::counted;
use super::marked::TagFilters;

/// What is tagged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaggedType {
    /// Roles.
    Role,
    /// Custom policies.
    Policy,
}

impl TaggedType {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::Policy => "policy",
        }
    }
}

/// Where a page ends: after this tag of this resource. Shown as `NAME/TAG-NAME`; no name has a `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TagCursor {
    name: String,
    tag: TagKey,
}

impl TagCursor {
    /// Parses what an earlier page gave.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, tag) = text.split_once('/')?;
        Some(Self {
            name: name.to_owned(),
            tag: TagKey::parse(tag)?,
        })
    }
}

/// Tags across roles or policies.
#[derive(Debug)]
pub struct ListIdentityTags {
    /// Of what.
    pub kind: TaggedType,
    /// Of which; of all of them when none is named.
    pub names: Option<TaggedNames>,
    /// Which tags; all of them when none is named.
    pub tags: TagFilters,
    /// Where the page before ended.
    pub after: Option<TagCursor>,
    /// How many rows at the most.
    pub most: u64,
}

impl ListIdentityTags {
    /// What is looked at: names and tags, by name.
    fn looked_at<'a>(&self, scope: &Scope, state: &'a State) -> Vec<(&'a str, &'a [Tag])> {
        let named = |name: &str| match &self.names {
            None => true,
            Some(TaggedNames::Roles(names)) => names.iter().any(|other| other.as_str() == name),
            Some(TaggedNames::Policies(names)) => names.iter().any(|other| other.as_str() == name),
        };
        let all: Vec<(&str, &[Tag])> = match self.kind {
            TaggedType::Role => state
                .roles(scope.account, None)
                .map(|row| (row.name.as_str(), row.tags.as_slice()))
                .collect(),
            TaggedType::Policy => state
                .policies(scope.account, None)
                .map(|row| (row.name.as_str(), row.tags.as_slice()))
                .collect(),
        };
        all.into_iter().filter(|(name, _)| named(name)).collect()
    }
}

impl Query for ListIdentityTags {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        match (&self.names, self.kind) {
            (Some(names), _) => names.resources(scope, reader),
            (None, TaggedType::Role) => Ok(vec![Arn::roles(scope.account)]),
            (None, TaggedType::Policy) => Ok(vec![Arn::policies(scope.account)]),
        }
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let all = self.looked_at(scope, state).into_iter().flat_map(|(name, tags)| {
            let tags = tags.iter().filter(|tag| self.tags.look_for(tag));
            tags.map(move |tag| (name, tag))
        });
        let behind = |(name, tag): &(&str, &Tag)| {
            self.after
                .as_ref()
                .is_none_or(|after| (*name, &tag.key) > (after.name.as_str(), &after.tag))
        };
        let mut left = all.filter(behind).peekable();
        let most = usize::try_from(self.most).unwrap_or(usize::MAX);
        let page: Vec<(&str, &Tag)> = left.by_ref().take(most).collect();
        let next = page
            .last()
            .filter(|_| left.peek().is_some())
            .map(|(name, tag)| format!("{name}/{}", tag.key));
        let items = page.iter().map(|(name, tag)| {
            Answer::new()
                .text("ResourceName", (*name).to_owned())
                .text("ResourceType", self.kind.as_str())
                .text("TagKey", tag.key.to_string())
                .text("TagValue", tag.value.to_string())
        });
        Ok(Done {
            answer: Answer::new()
                .with_some("NextToken", next)
                .bare_list("TagResources", items),
            recorded: counted(page.len()),
            blob: None,
        })
    }
}
