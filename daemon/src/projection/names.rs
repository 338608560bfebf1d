//! The names of one kind of identity, derived from their rows (I4): found ignoring case, listed in byte order.

use std::ops::Bound;

use imbl::{OrdMap, OrdSet};

use crate::base::{AccountId, Folded};

/// Who is called what, account by account. Sets, not maps: what they hold depends on the rows alone, also where a log that
/// no law would have let through gives one name twice.
#[derive(Debug, Clone)]
pub(super) struct Names<N: Ord + Clone, I: Ord + Copy> {
    accounts: OrdMap<AccountId, Of<N, I>>,
    least: I,
}

/// The names of one account.
#[derive(Debug, Clone)]
struct Of<N: Ord + Clone, I: Ord + Copy> {
    written: OrdSet<(N, I)>,
    folded: OrdSet<(Folded, I)>,
}

impl<N: Ord + Clone, I: Ord + Copy> Names<N, I> {
    /// No names. `least` is the id that no other comes before.
    pub(super) fn new(least: I) -> Self {
        Self {
            accounts: OrdMap::new(),
            least,
        }
    }

    pub(super) fn put(&mut self, account: AccountId, (name, folded): (N, Folded), id: I) {
        let of = self.accounts.entry(account).or_insert_with(|| Of {
            written: OrdSet::new(),
            folded: OrdSet::new(),
        });
        of.written.insert((name, id));
        of.folded.insert((folded, id));
    }

    pub(super) fn take(&mut self, account: AccountId, (name, folded): (N, Folded), id: I) {
        if let Some(of) = self.accounts.get_mut(&account) {
            of.written.remove(&(name, id));
            of.folded.remove(&(folded, id));
            if of.written.is_empty() {
                self.accounts.remove(&account);
            }
        }
    }

    /// Who bears a name, ignoring case.
    pub(super) fn bearer(&self, account: AccountId, name: &Folded) -> Option<I> {
        let of = self.accounts.get(&account)?;
        let (found, id) = of.folded.range((name.clone(), self.least)..).next()?;
        (found == name).then_some(*id)
    }

    /// All of an account, by name in byte order, those behind `after` alone.
    pub(super) fn after(&self, account: AccountId, after: Option<N>) -> impl Iterator<Item = I> {
        let from = match &after {
            Some(name) => Bound::Included((name.clone(), self.least)),
            None => Bound::Unbounded,
        };
        self.accounts
            .get(&account)
            .into_iter()
            .flat_map(move |of| of.written.range((from.clone(), Bound::Unbounded)))
            .skip_while(move |(name, _)| Some(name) == after.as_ref())
            .map(|(_, id)| *id)
    }

    /// How many an account has.
    pub(super) fn count(&self, account: AccountId) -> usize {
        self.accounts.get(&account).map_or(0, |of| of.written.len())
    }
}
