//! What the daemon records of its own doing: erased slots, and things that only have to be known.

use super::{Command, Decided, Facts, Reach, Refusal, Scope, Unresolved};
use crate::base::{Arn, SlotRef};
use crate::event::{Change, RowFormat};
use crate::policy::catalogue;
use crate::projection::{Reader, State};

/// Records that slots owed an erasure were overwritten.
#[derive(Debug)]
pub struct RecordErasure {
    /// Which.
    pub slots: Vec<SlotRef>,
}

impl Command for RecordErasure {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::log(&scope.region, scope.account)])
    }

    fn decide(&self, _: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let owed: std::collections::BTreeSet<SlotRef> = state.erasures().collect();
        if self.slots.is_empty() || !self.slots.iter().all(|slot| owed.contains(slot)) {
            return Err(Refusal::NotOwed);
        }
        Ok(Decided::change(Change::MaterialErased {
            slots: self.slots.clone(),
        }))
    }
}

/// Records something that changes nothing: refused requests, a clock that stepped, a start or a stop.
/// What happened is in the operation's name and its recorded parameters.
#[derive(Debug)]
pub struct Note;

impl Command for Note {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::log(&scope.region, scope.account)])
    }

    fn decide(&self, _: &Scope, _: &State, _: &Facts) -> Result<Decided, Refusal> {
        Ok(Decided::nothing())
    }
}

/// Records which actions the software knows, when those are not the ones of the software before it.
#[derive(Debug)]
pub struct AdoptCatalogue;

impl Command for AdoptCatalogue {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::log(&scope.region, scope.account)])
    }

    fn decide(&self, _: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let news = News::of(state);
        if news.added.is_empty() && news.removed.is_empty() {
            return Ok(Decided::nothing());
        }
        Ok(Decided::change(Change::CatalogueAdopted {
            added: news.added.into_iter().map(str::to_owned).collect(),
            removed: news.removed,
        }))
    }
}

/// Has the rows encoded in another way from here on.
#[derive(Debug)]
pub struct AdoptRowFormat {
    /// How.
    pub format: RowFormat,
}

impl Command for AdoptRowFormat {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::log(&scope.region, scope.account)])
    }

    fn decide(&self, _: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        Ok(if self.format > state.row_format() {
            Decided::change(Change::RowFormatAdopted { format: self.format })
        } else {
            Decided::nothing()
        })
    }
}

/// How the software's actions differ from those that the log knows of.
#[derive(Debug, Default)]
pub struct News {
    /// Actions that are new.
    pub added: Vec<&'static str>,
    /// Actions that are gone.
    pub removed: Vec<String>,
}

impl News {
    /// Compares.
    pub fn of(state: &State) -> Self {
        let known = state.catalogue().map_or(&[][..], |catalogue| &catalogue.actions);
        let now: std::collections::BTreeSet<&str> = catalogue::all().map(|action| action.name).collect();
        Self {
            added: now
                .iter()
                .filter(|name| !known.iter().any(|old| old == *name))
                .copied()
                .collect(),
            removed: known
                .iter()
                .filter(|old| !now.contains(old.as_str()))
                .cloned()
                .collect(),
        }
    }
}

/// Holds irreversible timers: the wall clock jumped, or stood still for too long.
#[derive(Debug)]
pub struct HoldTimers;

impl Command for HoldTimers {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::log(&scope.region, scope.account)])
    }

    fn decide(&self, _: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        Ok(match state.hold() {
            None => Decided::change(Change::TimersHeld),
            Some(_) => Decided::nothing(),
        })
    }
}

/// Lets irreversible timers run again: the clocks have agreed for long enough, or an operator says that the wall clock
/// is right.
#[derive(Debug)]
pub struct AcceptClock;

impl Command for AcceptClock {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::log(&scope.region, scope.account)])
    }

    fn reach(&self, _: &Scope) -> Reach {
        Reach::Daemon
    }

    fn decide(&self, _: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        Ok(match state.hold() {
            Some(_) => Decided::change(Change::TimersReleased),
            None => Decided::nothing(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::given::{AT, When, created, given, key};
    use super::super::law::{Unlawful, check};
    use super::super::lifecycle::DestroyKey;
    use super::*;
    use crate::event::Change::{KeyDeletionScheduled, KeyDestroyed, TimersHeld, TimersReleased};

    fn due() -> Vec<Change> {
        let scheduled = KeyDeletionScheduled {
            key: key(1),
            delete_at: AT,
        };
        vec![created(1), scheduled]
    }

    #[test]
    fn a_key_that_is_due_is_not_destroyed_while_timers_are_held() {
        let destroy = DestroyKey { key: key(1) };
        let held = given(due().into_iter().chain([TimersHeld]));
        assert_eq!(held.when(&destroy), Err(Refusal::NotDue));
        let destroyed = KeyDestroyed { key: key(1) };
        assert_eq!(check(&held, AT, &destroyed), Err(Unlawful::Held));

        let released = given(due().into_iter().chain([TimersHeld, TimersReleased]));
        assert_eq!(released.when(&destroy), Ok(vec![destroyed]));
    }

    #[test]
    fn a_hold_begins_once_and_an_accepted_clock_ends_it() {
        assert_eq!(given([]).when(&HoldTimers), Ok(vec![TimersHeld]));
        assert_eq!(given([]).when(&AcceptClock), Ok(vec![]));
        assert_eq!(given([TimersHeld]).when(&HoldTimers), Ok(vec![]));
        assert_eq!(given([TimersHeld]).when(&AcceptClock), Ok(vec![TimersReleased]));
    }
}
