//! From a check to what Cedar reads: entities and context, and of these only what the set asks for.
//!
//! I1  A value that does not read in its family is left out, so it counts as missing.
//! I2  Nothing here can make Cedar refuse an input: values are already read by the language's own functions, whose
//!     ranges are within Cedar's. Should it refuse all the same, the caller denies.

use std::sync::LazyLock;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression, Schema,
};

use super::glob::Subject;
use super::memo::{Memo, Reading};
use super::needs::Needs;
use super::schema::{kind_of, type_name};
use super::scope::group;
use super::view::{Typed, View};
use crate::policy::catalogue::ResourceKind;
use crate::policy::language::value::{lower, read_address, read_flag};
use crate::policy::language::{ConditionKey, Moment, Number};
use crate::policy::request::{Caller, Check, Who};

/// How much is built.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fill<'a> {
    /// What the slice asks for; it has no action scope.
    Slice,
    /// What a set with action scopes asks for; with a schema, all that the schema demands, and checked against it.
    Whole(Option<&'a Schema>),
}

/// What Cedar decides on.
#[derive(Debug)]
pub(super) struct Inputs {
    /// Who, what, on what, in which context.
    pub request: Request,
    /// The attributes and tags of all three, and the views.
    pub entities: Entities,
}

/// Cedar refused an input (I2).
#[derive(Debug, thiserror::Error)]
#[error("Cedar refuses the inputs of a decision: {0}")]
pub(super) struct Refused(Box<dyn std::error::Error + Send + Sync>);

/// Builds the inputs of one check.
pub(super) fn build(
    needs: &Needs,
    caller: &Caller<'_>,
    check: &Check<'_>,
    memo: &Memo,
    fill: Fill<'_>,
) -> Result<Inputs, Refused> {
    let (full, schema) = match fill {
        Fill::Slice => (false, None),
        Fill::Whole(schema) => (schema.is_some(), schema),
    };
    let principal = uid(&TYPES.caller, "caller");
    let action = uid(&TYPES.action, check.action);
    let resource = uid(TYPES.of_resource(check.resource), check.resource);

    let mut entities = Vec::new();
    if needs.principal || full {
        entities.push(caller_entity(&principal, caller)?);
    }
    if needs.resource || !needs.tags.is_empty() || full {
        entities.push(resource_entity(&resource, needs, check)?);
    }
    for view in View::ALL {
        entities.extend(view_entity(view, needs, check, memo)?);
    }
    // The schema brings the actions itself.
    if let Fill::Whole(None) = fill {
        let service = check.action.split(':').next().unwrap_or_default();
        let parents = [uid(&TYPES.action, &group(service))].into();
        entities.push(Entity::new_no_attrs(action.clone(), parents));
    }
    let context = context(needs, check, memo, full)?;
    Ok(Inputs {
        request: Request::new(principal, action, resource, context, schema).map_err(refused)?,
        entities: Entities::from_entities(entities, schema).map_err(refused)?,
    })
}

fn caller_entity(id: &EntityUid, caller: &Caller<'_>) -> Result<Entity, Refused> {
    // A service stands outside all accounts; what its name looks like must not put it into one.
    let account = match caller.who {
        Who::Service(_) => "",
        Who::Root | Who::User { .. } | Who::Session { .. } => caller.account,
    };
    let attributes = [pair("arn", caller.arn()), pair("account", account.to_owned())];
    Entity::new_with_tags(id.clone(), attributes, [], []).map_err(refused)
}

fn resource_entity(id: &EntityUid, needs: &Needs, check: &Check<'_>) -> Result<Entity, Refused> {
    let attributes = [
        pair("arn", check.resource.to_owned()),
        pair("account", check.owner().unwrap_or_default().to_owned()),
    ];
    let tags = needs.tags.iter().filter_map(|key| {
        let (ConditionKey::Tag(tag), value) = (key, check.conditions.value(key)?) else {
            return None;
        };
        Some(pair(tag, value.into_owned()))
    });
    Entity::new_with_tags(id.clone(), attributes, [], tags).map_err(refused)
}

/// `None` if the view would be empty: an absent entity has no tags either.
fn view_entity(view: View, needs: &Needs, check: &Check<'_>, memo: &Memo) -> Result<Option<Entity>, Refused> {
    let mut tags = Vec::new();
    for (_, key) in needs.views.iter().filter(|(of, _)| *of == view) {
        let value = check.conditions.value(key);
        if let Some(value) = value.and_then(|text| read(view, &text, memo)) {
            tags.push((key.canonical().into_owned(), value));
        }
    }
    if tags.is_empty() {
        return Ok(None);
    }
    let id = uid(TYPES.of_view(view), view.id());
    Entity::new_with_tags(id, [], [], tags).map(Some).map_err(refused)
}

fn context(needs: &Needs, check: &Check<'_>, memo: &Memo, full: bool) -> Result<Context, Refused> {
    let typed = needs.typed.iter().filter_map(|typed: &Typed| {
        let value = check.conditions.value(&typed.key())?;
        Some((typed.name().to_owned(), read(typed.view(), &value, memo)?))
    });
    let mut pairs: Vec<_> = typed.collect();
    if full || !needs.globs.is_empty() {
        let held = needs.globs.iter().filter(|glob| match &glob.subject {
            Subject::Resource => glob.pattern.matches(check.resource),
            Subject::Key(key) => check
                .conditions
                .value(key)
                .is_some_and(|value| glob.pattern.matches(&value)),
        });
        let held = held.map(|glob| RestrictedExpression::new_string(glob.to_string()));
        pairs.push(("globs".to_owned(), RestrictedExpression::new_set(held)));
    }
    if pairs.is_empty() {
        return Ok(Context::empty());
    }
    Context::from_pairs(pairs).map_err(refused)
}

/// The text in the view's family; `None` if it does not read (I1).
fn read(view: View, text: &str, memo: &Memo) -> Option<RestrictedExpression> {
    Some(match view {
        View::Text => RestrictedExpression::new_string(text.to_owned()),
        View::Lower => RestrictedExpression::new_string(lower(text)),
        View::Flag => RestrictedExpression::new_bool(read_flag(text)?),
        View::Number => memo.of(Reading::Number(Number::read(text)?)),
        View::Date => memo.of(Reading::Moment(Moment::read(text)?)),
        View::Address => memo.of(Reading::Address(read_address(text)?)),
    })
}

fn pair(name: &str, value: String) -> (String, RestrictedExpression) {
    (name.to_owned(), RestrictedExpression::new_string(value))
}

fn uid(name: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(name.clone(), EntityId::new(id))
}

fn refused(cause: impl std::error::Error + Send + Sync + 'static) -> Refused {
    Refused(Box::new(cause))
}

/// The types of entities, read once: a name costs microseconds to read.
struct Types {
    caller: EntityTypeName,
    action: EntityTypeName,
    resources: Vec<(ResourceKind, EntityTypeName)>,
    views: Vec<(View, EntityTypeName)>,
}

impl Types {
    fn of_resource(&self, arn: &str) -> &EntityTypeName {
        let kind = kind_of(arn);
        let found = self.resources.iter().find(|(other, _)| *other == kind);
        found.map_or(&self.action, |(_, name)| name)
    }

    fn of_view(&self, view: View) -> &EntityTypeName {
        let found = self.views.iter().find(|(other, _)| *other == view);
        found.map_or(&self.action, |(_, name)| name)
    }
}

static TYPES: LazyLock<Types> = LazyLock::new(|| Types {
    caller: named("Caller"),
    action: named("Action"),
    resources: ResourceKind::ALL
        .iter()
        .map(|kind| (*kind, named(type_name(*kind))))
        .collect(),
    views: View::ALL.map(|view| (view, named(view.type_name()))).to_vec(),
});

#[expect(
    clippy::expect_used,
    reason = "the names are constants; every test of this room reads them"
)]
fn named(text: &str) -> EntityTypeName {
    text.parse().expect("a constant identifier")
}
