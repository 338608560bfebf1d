//! Tags on keys (wire contract, section 9.2).

use std::sync::Arc;

use super::key::changeable;
use super::{Command, Decided, Facts, KeyRef, Refusal, Scope, Unresolved};
use crate::base::{Arn, KeyId, Tag, TagKey, limits};
use crate::event::{Change, Element, Recorded};
use crate::projection::{Key, Reader, State};

/// Tags keys, all of them or none.
#[derive(Debug)]
pub struct TagKeys {
    /// Which; only ids reach here.
    pub keys: Vec<KeyRef>,
    /// With what; names are distinct.
    pub tags: Vec<Tag>,
}

impl Command for TagKeys {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        arns(&self.keys, scope, reader)
    }

    fn brings(&self) -> Recorded {
        request_tags(&self.tags).collect()
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let keys = all_changeable(&self.keys, scope, state)?;
        for key in &keys {
            let new = self
                .tags
                .iter()
                .filter(|tag| !key.tags.iter().any(|other| other.key == tag.key));
            if key.tags.len() + new.count() > limits::TAGS_PER_RESOURCE_MAX {
                return Err(Refusal::QuotaReached);
            }
        }
        let keys = ids(keys
            .iter()
            .filter(|key| self.tags.iter().any(|tag| !key.tags.contains(tag))));
        if keys.is_empty() {
            return Ok(Decided::nothing());
        }
        let tags = self.tags.clone();
        Ok(Decided::change(Change::KeysTagged { keys, tags }))
    }
}

/// Tags that a request sends, as conditions see them.
pub(super) fn request_tags(tags: &[Tag]) -> impl Iterator<Item = (String, Element)> {
    tags.iter().map(|tag| {
        let value = tag.value.as_str().to_owned();
        (
            format!("acs:RequestTag/{}", tag.key.as_str()),
            Element::Text(value.into()),
        )
    })
}

/// Takes tags off keys; a tag that is not there is no error.
#[derive(Debug)]
pub struct UntagKeys {
    /// Which; only ids reach here.
    pub keys: Vec<KeyRef>,
    /// Which tags; none for all of them.
    pub names: Option<Vec<TagKey>>,
}

impl Command for UntagKeys {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        arns(&self.keys, scope, reader)
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let keys = all_changeable(&self.keys, scope, state)?;
        let wearing = |key: &&Arc<Key>| {
            key.tags
                .iter()
                .any(|tag| self.names.as_ref().is_none_or(|names| names.contains(&tag.key)))
        };
        let keys = ids(keys.iter().filter(wearing));
        if keys.is_empty() {
            return Ok(Decided::nothing());
        }
        let names = self.names.clone();
        Ok(Decided::change(Change::KeysUntagged { keys, names }))
    }
}

fn arns(keys: &[KeyRef], scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
    keys.iter()
        .map(|key| Ok(scope.key_arn(key.resolve(scope, reader)?.id)))
        .collect()
}

fn all_changeable(keys: &[KeyRef], scope: &Scope, state: &State) -> Result<Vec<Arc<Key>>, Refusal> {
    keys.iter().map(|key| changeable(key, scope, state)).collect()
}

/// Each key once, however often it was named.
fn ids<'a>(keys: impl Iterator<Item = &'a Arc<Key>>) -> Vec<KeyId> {
    let distinct: std::collections::BTreeSet<KeyId> = keys.map(|key| key.id).collect();
    distinct.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::given::{When, created, given, key};
    use super::*;
    use crate::base::TagValue;

    fn tags(count: usize, prefix: &str) -> Vec<Tag> {
        let tag = |n| Tag {
            key: TagKey::parse(&format!("{prefix}{n}")).unwrap(),
            value: TagValue::parse("v").unwrap(),
        };
        (0..count).map(tag).collect()
    }

    fn tag(keys: &[u8], tags: Vec<Tag>) -> TagKeys {
        TagKeys {
            keys: keys.iter().map(|n| KeyRef::Id(key(*n))).collect(),
            tags,
        }
    }

    #[test]
    fn a_resource_has_twenty_tags_at_most_and_a_known_name_is_replaced() {
        let full = given([
            created(1),
            Change::KeysTagged {
                keys: vec![key(1)],
                tags: tags(20, "a"),
            },
        ]);
        assert_eq!(full.when(&tag(&[1], tags(1, "b"))), Err(Refusal::QuotaReached));
        assert_eq!(full.when(&tag(&[1], tags(20, "a"))), Ok(vec![]), "as they are");
        let replaced = vec![Tag {
            value: TagValue::parse("w").unwrap(),
            ..tags(1, "a").remove(0)
        }];
        assert!(full.when(&tag(&[1], replaced)).is_ok());
    }

    #[test]
    fn tagging_several_keys_is_all_or_nothing() {
        let state = given([created(1), created(2)]);
        let both = state.when(&tag(&[2, 1, 2], tags(1, "a"))).unwrap();
        assert_eq!(
            both,
            [Change::KeysTagged {
                keys: vec![key(1), key(2)],
                tags: tags(1, "a")
            }]
        );
        assert_eq!(state.when(&tag(&[1, 7], tags(1, "a"))), Err(Refusal::KeyNotFound));
    }

    #[test]
    fn untagging_names_only_the_keys_that_wear_the_tag() {
        let state = given([
            created(1),
            created(2),
            Change::KeysTagged {
                keys: vec![key(1)],
                tags: tags(2, "a"),
            },
        ]);
        let untag = |names| UntagKeys {
            keys: vec![KeyRef::Id(key(1)), KeyRef::Id(key(2))],
            names,
        };
        let names = Some(vec![TagKey::parse("a0").unwrap(), TagKey::parse("zz").unwrap()]);
        let changes = state.when(&untag(names.clone())).unwrap();
        assert_eq!(
            changes,
            [Change::KeysUntagged {
                keys: vec![key(1)],
                names
            }]
        );
        assert_eq!(
            state.when(&untag(Some(vec![TagKey::parse("zz").unwrap()]))),
            Ok(vec![])
        );
        let bare = given(
            [
                created(1),
                Change::KeysTagged {
                    keys: vec![key(1)],
                    tags: tags(2, "a"),
                },
            ]
            .into_iter()
            .chain(state.when(&untag(None)).unwrap()),
        );
        assert!(bare.key(key(1)).unwrap().tags.is_empty());
    }
}
