//! Actions that nothing answers to.

use super::{Notes, Subject};
use crate::policy::catalogue;
use crate::policy::language::{ActionPattern, Actions, Effect};

pub(super) fn look(subject: &Subject<'_>, notes: &mut Notes) {
    let actions = &subject.statement.actions;
    for pattern in actions.patterns() {
        if !catalogue::all().any(|action| pattern.matches(action.name)) {
            unknown(pattern, notes);
        }
    }
    if subject.covered.is_empty() {
        if let Actions::AllBut(_) = actions {
            notes.mistake("it is about no action at all: `NotAction` leaves none".into());
        }
        return;
    }
    let statement = subject.statement;
    let everything = subject.covered.len() == catalogue::all().count()
        && statement.resources.iter().any(|pattern| pattern.is_any())
        && statement.conditions.is_empty();
    if everything && statement.effect == Effect::Allow {
        notes.advice("it allows every action on every resource, without condition".into());
    }
    if everything && statement.effect == Effect::Deny {
        notes.advice("it denies everything to whoever it is attached to".into());
    }
}

fn unknown(pattern: &ActionPattern, notes: &mut Notes) {
    let text = pattern.as_str();
    let service = text.split_once(':').map_or(text, |(service, _)| service);
    let is_wild = |text: &str| text.contains(['*', '?']);
    let near = if is_wild(text) { Vec::new() } else { nearest(text) };
    let hint = match near.as_slice() {
        [] => String::new(),
        names => format!("; did you mean {}?", super::some(names.iter().copied())),
    };
    let known = catalogue::SERVICES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(service));
    if known || is_wild(service) || !near.is_empty() {
        notes.mistake(format!("no action is called `{text}`{hint}"));
    } else {
        notes.advice(format!(
            "`{text}` is of a service that is not here, and matches nothing"
        ));
    }
}

/// The three closest names, if any is close.
fn nearest(text: &str) -> Vec<&'static str> {
    let text = text.to_ascii_lowercase();
    let mut near: Vec<_> = catalogue::all()
        .map(|action| {
            (
                strsim::jaro_winkler(&text, &action.name.to_ascii_lowercase()),
                action.name,
            )
        })
        .filter(|(likeness, _)| *likeness > 0.92)
        .collect();
    near.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    near.into_iter().map(|(_, name)| name).take(3).collect()
}
