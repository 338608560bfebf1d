//! Statements that another one makes superfluous, or takes all effect from.

use super::overlap::within;
use super::{Notes, Subject};
use crate::policy::language::Effect;

pub(super) fn look(subjects: &[Subject<'_>], index: usize, notes: &mut Notes) {
    let Some(subject) = subjects.get(index) else {
        return;
    };
    for (other_index, other) in subjects.iter().enumerate() {
        if other_index == index || !within_statement(subject, other) {
            continue;
        }
        let same_effect = other.statement.effect == subject.statement.effect;
        if same_effect {
            // Of two equal ones only the later is superfluous.
            if other_index < index || !within_statement(other, subject) {
                notes.advice(format!("it adds nothing to Statement[{other_index}]"));
                return;
            }
        } else if other.statement.effect == Effect::Deny {
            notes.mistake(format!(
                "it never has an effect: Statement[{other_index}] denies all of it"
            ));
            return;
        }
    }
}

/// Whether `outer` applies wherever `inner` does.
fn within_statement(inner: &Subject<'_>, outer: &Subject<'_>) -> bool {
    let actions = inner.covered.iter().all(|action| outer.covered.contains(action));
    let (i, o) = (inner.statement, outer.statement);
    let resources = i
        .resources
        .iter()
        .all(|pattern| o.resources.iter().any(|wide| within(pattern, wide)));
    let principals = match (&i.principals, &o.principals) {
        (Some(i), Some(o)) => i.iter().all(|principal| o.contains(principal)),
        _ => true,
    };
    let conditions = o
        .conditions
        .iter()
        .all(|condition| i.conditions.contains(condition));
    actions && resources && principals && conditions
}
