//! ListResourceTags and ListTagResources.

use crate::base::{Answer, ApiError, Arn, KeyId, Tag, TagKey, TagValue, limits};
use crate::domain::{KeyRef, Scope, Unresolved};
use crate::engine::call::{Done, Query};
use crate::engine::tools::Tools;
use crate::projection::{Reader, State};

use super::counted;

/// The tags of one key.
#[derive(Debug)]
pub struct ListResourceTags {
    /// The key; only ids reach here.
    pub key: KeyRef,
}

impl Query for ListResourceTags {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![scope.key_arn(self.key.resolve(scope, reader)?.id)])
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let key = self
            .key
            .resolve(scope, &Reader::new(state))
            .map_err(|unresolved| unresolved.refusal)?;
        let items = key.tags.iter().map(|tag| {
            Answer::new()
                .text("KeyId", key.id.to_string())
                .text("TagKey", tag.key.to_string())
                .text("TagValue", tag.value.to_string())
        });
        Ok(Done {
            answer: Answer::new().list("Tags", "Tag", items),
            recorded: counted(key.tags.len()),
            blob: None,
        })
    }
}

/// A tag that is looked for.
#[derive(Debug)]
pub struct TagFilter {
    /// Its name.
    pub key: TagKey,
    /// Its value, if that matters.
    pub value: Option<TagValue>,
}

/// Where a page ends: after this tag of this key. Shown as `KEY-ID/TAG-NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TagCursor {
    key: KeyId,
    tag: TagKey,
}

impl TagCursor {
    /// Parses what an earlier page gave.
    pub fn parse(text: &str) -> Option<Self> {
        let (key, tag) = text.split_once('/')?;
        Some(Self {
            key: KeyId::parse(key)?,
            tag: TagKey::parse(tag)?,
        })
    }
}

/// Tags across the keys of the account in the region, by key id and tag name.
#[derive(Debug)]
pub struct ListTagResources {
    /// Of which keys; of all of them when none is named.
    pub keys: Vec<KeyRef>,
    /// Which tags; all of them when none is named.
    pub tags: Vec<TagFilter>,
    /// Where the page before ended.
    pub after: Option<TagCursor>,
}

impl ListTagResources {
    fn looks_for(&self, tag: &Tag) -> bool {
        let wanted = |filter: &TagFilter| {
            filter.key == tag.key && filter.value.as_ref().is_none_or(|value| *value == tag.value)
        };
        self.tags.is_empty() || self.tags.iter().any(wanted)
    }

    /// The keys looked at, in the order of their ids.
    fn looked_at(&self, scope: &Scope, state: &State) -> Result<Vec<KeyId>, ApiError> {
        let mut keys: Vec<KeyId> = if self.keys.is_empty() {
            state.keys_newest_first(scope.account, &scope.region).collect()
        } else {
            let reader = Reader::new(state);
            let named = self
                .keys
                .iter()
                .map(|key| key.resolve(scope, &reader).map(|key| key.id));
            named
                .collect::<Result<_, _>>()
                .map_err(|unresolved| unresolved.refusal)?
        };
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }
}

impl Query for ListTagResources {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::keys(&scope.region, scope.account)])
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let keys = self.looked_at(scope, state)?;
        let all = keys.into_iter().filter_map(|id| state.key(id)).flat_map(|key| {
            let tags = key.tags.iter().filter(|tag| self.looks_for(tag));
            tags.map(|tag| {
                let at = TagCursor {
                    key: key.id,
                    tag: tag.key.clone(),
                };
                (at, tag)
            })
        });
        let mut left = all
            .filter(|(at, _)| self.after.as_ref().is_none_or(|after| at > after))
            .peekable();
        let page: Vec<(TagCursor, &Tag)> = left.by_ref().take(limits::TAG_ROWS_PER_PAGE).collect();
        let next = match (page.last(), left.peek()) {
            (Some((end, _)), Some(_)) => format!("{}/{}", end.key, end.tag),
            _ => String::new(),
        };
        let recorded = counted(page.len());
        let items = page.into_iter().map(|(at, tag)| {
            Answer::new()
                .text("ResourceId", at.key.to_string())
                .text("ResourceType", "key")
                .text("TagKey", tag.key.to_string())
                .text("TagValue", tag.value.to_string())
        });
        Ok(Done {
            answer: Answer::new()
                .text("NextToken", next)
                .list("TagResources", "TagResource", items),
            recorded,
            blob: None,
        })
    }
}
