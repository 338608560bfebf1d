//! Tags on roles and custom policies: on several at once, on all of them or on none.

use crate::base::{Arn, PolicyName, RoleName, Tag, TagKey, limits};
use crate::domain::{Command, Decided, Facts, Refusal, Scope, Unresolved};
use crate::event::{Change, Tagged};
use crate::projection::{Reader, State};

use super::{policy, role};

/// Roles or policies by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaggedNames {
    /// Roles.
    Roles(Vec<RoleName>),
    /// Custom policies.
    Policies(Vec<PolicyName>),
}

/// One of them, and what it wears.
pub type Wearing<'a> = (Tagged, &'a [Tag]);

impl TaggedNames {
    /// Whether none is named.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Roles(names) => names.is_empty(),
            Self::Policies(names) => names.is_empty(),
        }
    }

    /// The resources of an operation on all of them; one that does not exist is told to those who may act on all.
    pub fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        let (arns, absent): (Vec<Arn>, Option<Refusal>) = match self {
            Self::Roles(names) => {
                let arns = names.iter().map(|name| Arn::role(scope.account, name)).collect();
                let absent = |name: &RoleName| role::named(name, scope, reader).err();
                (arns, names.iter().find_map(absent).map(|none| none.refusal))
            }
            Self::Policies(names) => {
                let arns = names
                    .iter()
                    .map(|name| Arn::policy(scope.account, name))
                    .collect();
                let absent = |name: &PolicyName| policy::named(name, scope, reader).err();
                (arns, names.iter().find_map(absent).map(|none| none.refusal))
            }
        };
        match absent {
            None => Ok(arns),
            Some(refusal) => Err(Unresolved { refusal, ask: arns }),
        }
    }

    /// Each of them once, however often it was named.
    pub fn wearing<'a>(&self, scope: &Scope, state: &'a State) -> Result<Vec<Wearing<'a>>, Refusal> {
        let mut all: Vec<Wearing<'a>> = match self {
            Self::Roles(names) => {
                let one = |name| {
                    role::existing(name, scope, state).map(|row| (Tagged::Role(row.id), row.tags.as_slice()))
                };
                names.iter().map(one).collect::<Result<_, _>>()?
            }
            Self::Policies(names) => {
                let one = |name| {
                    policy::existing(name, scope, state)
                        .map(|row| (Tagged::Policy(row.name.clone()), row.tags.as_slice()))
                };
                names.iter().map(one).collect::<Result<_, _>>()?
            }
        };
        all.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        all.dedup_by(|(a, _), (b, _)| a == b);
        Ok(all)
    }
}

/// Tags roles or policies; a tag of the same name is replaced.
#[derive(Debug)]
pub struct TagIdentities {
    /// Which.
    pub names: TaggedNames,
    /// With what; names are distinct.
    pub tags: Vec<Tag>,
}

impl Command for TagIdentities {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        self.names.resources(scope, reader)
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let all = self.names.wearing(scope, state)?;
        for (_, worn) in &all {
            let new = self
                .tags
                .iter()
                .filter(|tag| !worn.iter().any(|other| other.key == tag.key));
            if worn.len() + new.count() > limits::TAGS_PER_RESOURCE_MAX {
                return Err(Refusal::TagsReached);
            }
        }
        let changed = all
            .into_iter()
            .filter(|(_, worn)| self.tags.iter().any(|tag| !worn.contains(tag)));
        let entities: Vec<Tagged> = changed.map(|(entity, _)| entity).collect();
        if entities.is_empty() {
            return Ok(Decided::nothing());
        }
        Ok(Decided::change(Change::IdentitiesTagged {
            tags: self.tags.clone(),
            account: scope.account,
            entities,
        }))
    }
}

/// Takes tags off roles or policies; a tag that is not there is no error.
#[derive(Debug)]
pub struct UntagIdentities {
    /// Which.
    pub names: TaggedNames,
    /// Which tags; none for all of them.
    pub tags: Option<Vec<TagKey>>,
}

impl Command for UntagIdentities {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        self.names.resources(scope, reader)
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let goes = |tag: &Tag| self.tags.as_ref().is_none_or(|names| names.contains(&tag.key));
        let all = self.names.wearing(scope, state)?;
        let changed = all.into_iter().filter(|(_, worn)| worn.iter().any(goes));
        let entities: Vec<Tagged> = changed.map(|(entity, _)| entity).collect();
        if entities.is_empty() {
            return Ok(Decided::nothing());
        }
        Ok(Decided::change(Change::IdentitiesUntagged {
            names: self.tags.clone(),
            account: scope.account,
            entities,
        }))
    }
}
