//! Events as lines: who did what to what, and how it ended.

use super::readable::{json, json_text, printable};
use super::source::{LogSource, SourceError};
use crate::base::{PrincipalName, Seq, SessionName};
use crate::event::codec::decode_event;
use crate::event::{Actor, ActorKind, Effect, Event, Outcome};
use crate::ledger::SignedEntry;

/// In what form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One line for people.
    Line,
    /// One line of JSON.
    Json,
    /// JSON over many lines.
    Pretty,
}

/// Hands the events from `from` on, `limit` at most, to `emit` in this form. An entry that can't be read shows as one
/// that can't be read; nothing is verified. Returns how many there were; `emit` ends it by answering false.
pub fn show(
    source: &mut dyn LogSource,
    from: Seq,
    limit: u64,
    form: Form,
    emit: &mut dyn FnMut(&str) -> bool,
) -> Result<u64, SourceError> {
    let end = source.size().min(from.get().saturating_add(limit));
    let mut next = from;
    let mut shown = 0;
    while next.get() < end {
        let left = usize::try_from(end - next.get()).unwrap_or(usize::MAX);
        let page = source.entries(next, left.min(PAGE_ENTRIES))?;
        if page.is_empty() {
            return Err(SourceError::Damaged("an entry is missing"));
        }
        for bytes in page {
            if !emit(&one(next, &bytes, form)) {
                return Ok(shown);
            }
            shown += 1;
            next = next.next();
        }
    }
    Ok(shown)
}

fn one(seq: Seq, bytes: &[u8], form: Form) -> String {
    let event = SignedEntry::parse(bytes)
        .map_err(|error| error.to_string())
        .and_then(|entry| decode_event(entry.payload).map_err(|error| error.to_string()));
    match (event, form) {
        (Ok(event), Form::Line) => line(&event),
        (Ok(event), _) => json_text(&json(&event), form == Form::Pretty),
        (Err(error), Form::Line) => format!("{seq} UNREADABLE {error}"),
        (Err(error), _) => json_text(
            &serde_json::json!({"seq": seq.get(), "unreadable": error}),
            form == Form::Pretty,
        ),
    }
}

/// `seq time actor op resources outcome request-id`.
pub fn line(event: &Event) -> String {
    let resources = if event.res.is_empty() {
        "-".to_owned()
    } else {
        event.res.join(",")
    };
    let outcome = match &event.out {
        Outcome::Ok(_) => "ok".to_owned(),
        Outcome::Error { code, .. } if event.dec.effect == Effect::Deny => format!("denied:{code}"),
        Outcome::Error { code, .. } => format!("failed:{code}"),
    };
    let fields = format!(
        "{} {} {} {} {resources} {outcome} {}",
        event.seq,
        event.time,
        actor(&event.actor),
        event.op,
        event.rid
    );
    printable(&fields)
}

fn actor(actor: &Actor) -> String {
    let name = actor.name.as_ref().map_or("", PrincipalName::as_str);
    let kind = match actor.kind {
        ActorKind::Root => "root".to_owned(),
        ActorKind::RamUser => format!("user/{name}"),
        ActorKind::AssumedRole => {
            let session = actor.session.as_ref().map_or("", SessionName::as_str);
            format!("role/{name}/{session}")
        }
        ActorKind::System => "system".to_owned(),
        ActorKind::Unmapped => "unmapped".to_owned(),
    };
    match &actor.ak {
        Some(access_key) => format!("{kind}:{}:{access_key}", actor.account),
        None => format!("{kind}:{}", actor.account),
    }
}

const PAGE_ENTRIES: usize = 512;
