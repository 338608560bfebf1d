//! Resources that no action of the statement is checked on, and actions that are checked on none of the resources.

use super::overlap::overlap;
use super::{Notes, Subject};
use crate::policy::catalogue::{Action, ResourceKind};
use crate::policy::language::Pattern;

pub(super) fn look(subject: &Subject<'_>, notes: &mut Notes) {
    let resources = &subject.statement.resources;
    for resource in resources {
        if colons(resource) > 4 {
            notes.mistake(format!(
                "`{resource}` matches nothing: resource names have four colons"
            ));
        } else if !subject.covered.iter().any(|action| checked_on(action, resource)) {
            notes.mistake(format!(
                "`{resource}` matches nothing that its actions are checked on"
            ));
        }
    }
    // Only what is named outright: that a wildcard also takes actions of other resources is its nature.
    let named = |action: &&&Action| {
        subject
            .statement
            .actions
            .patterns()
            .iter()
            .any(|pattern| !pattern.as_str().contains(['*', '?']) && pattern.matches(action.name))
    };
    for action in subject.covered.iter().filter(named) {
        let name = action.name;
        if action.on.is_empty() {
            notes.advice(format!("`{name}` needs no permission, and no Deny stops it"));
        } else if !resources.is_empty() && !resources.iter().any(|resource| checked_on(action, resource)) {
            let on: Vec<_> = action.on.iter().map(|kind| kind.form()).collect();
            let on = super::some(on);
            notes.mistake(format!(
                "`{name}` is checked on {on}, which no resource here matches"
            ));
        }
    }
}

fn checked_on(action: &Action, resource: &Pattern) -> bool {
    action.on.iter().any(|kind| match kind {
        // Checked against the literal text `*`.
        ResourceKind::Unscoped => resource.matches("*"),
        kind => resource.is_any() || overlap_by_field(&resource.to_string(), kind.form()),
    })
}

/// Field by field: no field of a resource name holds a colon, so a star that crosses one crosses nothing real.
fn overlap_by_field(pattern: &str, form: &str) -> bool {
    pattern
        .splitn(5, ':')
        .zip(form.splitn(5, ':'))
        .all(|(pattern, form)| overlap(&Pattern::parse(pattern), &Pattern::parse(form)))
}

fn colons(pattern: &Pattern) -> usize {
    pattern.to_string().matches(':').count()
}
