//! The whole truth about one log, told anew from its bytes: signatures, chain, tree, laws, and every answer ever given.

use std::collections::BTreeMap;

use chancery::base::{Code, Digest, RequestId, Seq, Timestamp};
use chancery::domain::law;
use chancery::event::codec::decode_event;
use chancery::event::{Change, Effect, Event, Outcome};
use chancery::ledger::{
    Checkpoint, EventStore, LogPublicKey, SignedEntry, Tree, leaf_hash, load_tree, verify_batch,
};
use chancery::projection::State;

use super::client::{Acknowledged, Client, Kind, Said};
use super::model::{Life, Model};

/// The states that the writer had, by size, for those sizes at which a group ended.
pub type States = BTreeMap<u64, State>;

/// What the log turned out to be.
#[derive(Debug)]
pub struct Told {
    /// Every event.
    pub events: Vec<Event>,
    /// What callers can see at the end.
    pub model: Model,
}

/// Checks everything that can be told from the log, the rows beside it, and the answers given.
pub fn check(store: &dyn EventStore, states: &States, client: &Client) -> Result<Told, String> {
    let entries = store
        .entries(Seq::GENESIS, usize::MAX, usize::MAX)
        .map_err(|error| error.to_string())?;
    let events = decode(&entries)?;
    check_chain(store, &entries, &events)?;
    let models = check_laws(&events, states)?;
    check_rows(store, states)?;
    check_answers(&entries, &events, &models, client)?;
    let model = models.into_iter().next_back().unwrap_or_default();
    Ok(Told { events, model })
}

fn decode(entries: &[(Seq, Vec<u8>)]) -> Result<Vec<Event>, String> {
    let event = |(seq, bytes): &(Seq, Vec<u8>)| {
        let entry = SignedEntry::parse(bytes).map_err(|error| format!("entry {seq}: {error}"))?;
        decode_event(entry.payload).map_err(|error| format!("entry {seq}: {error}"))
    };
    entries.iter().map(event).collect()
}

/// Positions, predecessors, times, signatures, tree, checkpoints, head.
fn check_chain(store: &dyn EventStore, entries: &[(Seq, Vec<u8>)], events: &[Event]) -> Result<(), String> {
    let Some(Change::LogBegun(begun)) = events.first().and_then(|genesis| genesis.chg.first()) else {
        return Err("the log does not begin".into());
    };
    let mut public = LogPublicKey::try_from(begun.public.as_slice()).map_err(|error| error.to_string())?;
    let mut origin = begun.origin.as_str();
    let checkpoints: BTreeMap<_, _> = store
        .checkpoints()
        .map_err(|error| error.to_string())?
        .into_iter()
        .collect();
    let mut tree = Tree::new();
    let (mut prev, mut time) = (Digest::ZERO, Timestamp::default());
    let mut signed = Vec::with_capacity(entries.len());
    let mut checkpoints_met = 0;
    for (index, ((seq, bytes), event)) in entries.iter().zip(events).enumerate() {
        let entry = SignedEntry::parse(bytes).map_err(|error| error.to_string())?;
        ensure(event.seq.get() == index as u64 && *seq == event.seq, || {
            format!("{seq}: gap")
        })?;
        ensure(event.prev == prev, || format!("{seq}: another predecessor"))?;
        ensure(event.time >= time, || format!("{seq}: time goes back"))?;
        ensure(entry.kid == public.kid(), || format!("{seq}: another key"))?;
        (prev, time) = (Digest::of(entry.payload), event.time);
        signed.push((entry.to_be_signed(begun.log), entry.signature));
        tree.append(leaf_hash(bytes));
        // A new key signs from the next event on; that it is one is signed by the one before it.
        let follows = event.chg.iter().find_map(|change| match change {
            Change::LogKeyRotated(key) => Some((key, origin)),
            Change::EpochBegun(begun) => Some((&begun.key, begun.origin.as_str())),
            _ => None,
        });
        if let Some((key, named)) = follows {
            ensure(verify_batch(&public, &signed), || {
                format!("a signature up to {seq} is wrong")
            })?;
            signed.clear();
            public = LogPublicKey::try_from(key.public.as_slice()).map_err(|error| error.to_string())?;
            origin = named;
        }
        if let Some(note) = checkpoints.get(&tree.size()) {
            let checkpoint = Checkpoint::open(note, origin, &public).map_err(|error| error.to_string())?;
            ensure(checkpoint.root == tree.root(), || {
                format!("{seq}: checkpoint with another root")
            })?;
            checkpoints_met += 1;
        }
    }
    ensure(checkpoints_met == checkpoints.len(), || {
        "a checkpoint past the head".into()
    })?;
    ensure(signed.is_empty() || verify_batch(&public, &signed), || {
        "a signature is wrong".into()
    })?;
    let stored = load_tree(store, tree.size()).map_err(|error| error.to_string())?;
    ensure(stored.root() == tree.root(), || {
        "the stored tree is another".into()
    })?;
    let head = store
        .head()
        .map_err(|error| error.to_string())?
        .ok_or("no head")?;
    ensure(
        (head.size, head.prev, head.time) == (tree.size(), prev, time),
        || format!("{head:?} is not the end of the log"),
    )
}

/// Every event in the state just before it (laws 2 and 3). Gives the model after each.
fn check_laws(events: &[Event], states: &States) -> Result<Vec<Model>, String> {
    let mut state = State::default();
    let mut model = Model::default();
    let mut models = vec![model.clone()];
    for event in events {
        let told = |what: String| format!("event {} ({}): {what}", event.seq, event.op);
        check_one(event, &state, &model).map_err(told)?;
        // A query was decided on its snapshot.
        let snap = event.obs.snap.and_then(|snap| models.get(snap as usize));
        snap.unwrap_or(&model).check_rights(event).map_err(told)?;
        let mut left = state.clone();
        for change in &event.chg {
            law::check(&left, event.dec.at, change).map_err(|error| told(error.to_string()))?;
            left = left.with_change(change, event.seq);
            model.follow(change, event.dec.at).map_err(told)?;
        }
        model.note(event);
        state.apply(event);
        models.push(model.clone());
        if let Some(then) = states.get(&state.size()) {
            ensure(
                then.digest() == state.digest() && then.time() == state.time(),
                || told("the fold is not the state that was there".into()),
            )?;
            if state.size() % 16 == 0 || state.size() == events.len() as u64 {
                ensure(then.rows().eq(state.rows()), || {
                    told("the rows are not those that were there".into())
                })?;
            }
        }
    }
    Ok(models)
}

fn check_one(event: &Event, state: &State, model: &Model) -> Result<(), String> {
    ensure(event.dec.at <= event.time, || "admitted after its time".into())?;
    for read in &event.obs.read {
        let now = state.revision(&read.row);
        ensure(now == read.revision, || {
            format!("law 3: {read:?} was read, {now:?} is there")
        })?;
    }
    ensure(event.obs.snap.is_none_or(|snap| snap <= event.seq.get()), || {
        "a snapshot of the future".into()
    })?;
    let Outcome::Ok(recorded) = &event.out else {
        return ensure(event.chg.is_empty(), || "failed, and changed something".into());
    };
    ensure(event.dec.effect == Effect::Allow, || {
        "done without permission".into()
    })?;
    if event.blob.is_some() {
        let key = match recorded.get("KeyId") {
            Some(chancery::event::Element::Text(key)) => chancery::base::KeyId::parse(key),
            _ => None,
        };
        let key = key.ok_or("a use that names no key")?;
        let life = model.keys.get(&key);
        ensure(life == Some(&Life::Enabled), || {
            format!("law 3: {key} was used and is {life:?}")
        })?;
    }
    Ok(())
}

/// The rows beside the log are those of the fold, byte for byte (law 2), and so is the digest.
fn check_rows(store: &dyn EventStore, states: &States) -> Result<(), String> {
    let size = store.size().map_err(|error| error.to_string())?;
    let Some(state) = states.get(&size) else {
        return Ok(());
    };
    let rows = store.rows(None, usize::MAX).map_err(|error| error.to_string())?;
    ensure(rows.into_iter().eq(state.rows()), || {
        "the stored rows are not the state's".into()
    })?;
    let digest = store.digest().map_err(|error| error.to_string())?;
    ensure(digest == Some(state.digest().to_bytes()), || {
        "the stored digest is not the state's".into()
    })
}

/// Every answer given is in the log, at its place, with its outcome, and is the answer that was due there (law 1).
fn check_answers(
    entries: &[(Seq, Vec<u8>)],
    events: &[Event],
    models: &[Model],
    client: &Client,
) -> Result<(), String> {
    let mut places: BTreeMap<RequestId, Seq> = BTreeMap::new();
    for event in events {
        if let Some(other) = places.insert(event.rid, event.seq) {
            return Err(format!(
                "request {} is at {other} and at {}",
                event.rid, event.seq
            ));
        }
    }
    for acknowledged in &client.acknowledged {
        let index = acknowledged.seq.get() as usize;
        let (Some((_, bytes)), Some(event)) = (entries.get(index), events.get(index)) else {
            return Err(format!(
                "law 1: {acknowledged:?} was acknowledged and is not in the log"
            ));
        };
        let told = |what: &str| format!("law 1: {acknowledged:?}, but {what}: {event:?}");
        ensure(leaf_hash(bytes) == acknowledged.leaf, || {
            told("the log holds another entry")
        })?;
        ensure(event.rid == acknowledged.asked.rid, || {
            told("the log holds another request")
        })?;
        ensure(agree(acknowledged, event), || {
            told("the log holds another outcome")
        })?;
        let place = event.obs.snap.unwrap_or(event.seq.get()) as usize;
        models[place]
            .check(acknowledged, event, client)
            .map_err(|what| format!("event {}: {what}", event.seq))?;
    }
    Ok(())
}

/// Whether the event says what the answer said.
fn agree(acknowledged: &Acknowledged, event: &Event) -> bool {
    match (&acknowledged.outcome, &event.out) {
        (Err(code), Outcome::Error { code: recorded, .. }) => Code::as_str(*code) == recorded.as_ref(),
        (Ok(said), Outcome::Ok(_)) => match (said, &acknowledged.asked.kind) {
            (Said::Made(key), Kind::Create | Kind::CreateWith(..)) => {
                matches!(event.chg.as_slice(), [Change::KeyCreated(created)] if created.key == *key)
            }
            (Said::Blob(digest), _) => event.blob == Some(*digest),
            _ => true,
        },
        _ => false,
    }
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}
