//! Another software than the one that last wrote the log: it may know more actions, and then a wildcard in a policy that was
//! attached long ago stands for more than its author saw.

use std::collections::BTreeSet;

use super::service::Engine;
use super::tools::Tools;
use crate::base::AccountId;
use crate::domain::system::{AdoptCatalogue, AdoptRowFormat, News};
use crate::event::{Element, Holder, PolicyRef, Recorded, RowFormat};
use crate::policy::language::{Document, DocumentKind, Effect};
use crate::policy::system;
use crate::projection::{PolicyKey, State};

impl Engine {
    /// Has the rows encoded as this software does, when the one before it did otherwise. The event and all rows are one
    /// group: a crash leaves either the old rows and their digest, or the new ones and the event that says so.
    pub async fn adopt_row_format(&self) {
        let tools: &Tools = self.tools();
        let format = RowFormat::LATEST;
        if tools.published.applied().row_format() >= format {
            return;
        }
        let work = AdoptRowFormat { format };
        let call = self
            .housekeeper()
            .call("chancery/AdoptRowFormat", Recorded::default(), work, tools);
        self.record(vec![call]).await;
    }

    /// Records what this software knows that the one before did not, and which attached policies gained which actions by it.
    /// Done once, before the first caller is let in.
    pub async fn adopt_catalogue(&self) {
        let tools: &Tools = self.tools();
        let state = tools.published.applied();
        let news = News::of(&state);
        if news.added.is_empty() && news.removed.is_empty() {
            return;
        }
        let recorded = gained(&state, &news.added);
        if !recorded.is_empty() {
            tracing::warn!(
                "policies that are attached cover actions that they did not before: see the event AdoptCatalogue"
            );
        }
        let call = self
            .housekeeper()
            .call("chancery/AdoptCatalogue", recorded, AdoptCatalogue, tools);
        self.record(vec![call]).await;
    }
}

/// The attached policies whose statements cover added actions, each with these, up to a bound; the rest is counted.
fn gained(state: &State, added: &[&'static str]) -> Recorded {
    let mut recorded = Recorded::default();
    let mut uncounted = 0;
    for (account, policy) in attached(state) {
        let Some(document) = document(state, account, &policy) else {
            continue;
        };
        for effect in [Effect::Allow, Effect::Deny] {
            let statements = || {
                document
                    .statements()
                    .iter()
                    .filter(|statement| statement.effect == effect)
            };
            let covered = added
                .iter()
                .filter(|action| statements().any(|statement| statement.actions.cover(action)));
            let covered: Vec<&str> = covered.copied().collect();
            if covered.is_empty() {
                continue;
            }
            if recorded.iter().count() < POLICIES_NAMED_MAX {
                let (PolicyRef::System(name) | PolicyRef::Custom(name)) = &policy;
                recorded.insert(
                    format!("{account} {name} {effect}"),
                    Element::text(&covered.join(" ")),
                );
            } else {
                uncounted += 1;
            }
        }
    }
    if uncounted > 0 {
        recorded.insert("...", Element::Number(uncounted));
    }
    recorded
}

/// Policies named in one event; each takes some 700 bytes at the most.
const POLICIES_NAMED_MAX: usize = 64;

/// Every policy that somebody has.
fn attached(state: &State) -> BTreeSet<(AccountId, PolicyRef)> {
    let mut all = BTreeSet::new();
    for account in state.accounts().map(|row| row.id) {
        let users = state.users(account, None).map(|user| Holder::User(user.id));
        let groups = state.groups(account, None).map(|group| Holder::Group(group.id));
        let roles = state.roles(account, None).map(|role| Holder::Role(role.id));
        for holder in users.chain(groups).chain(roles) {
            let policies = state.attached_to(holder).iter().map(|row| row.policy.clone());
            all.extend(policies.map(|policy| (account, policy)));
        }
    }
    all
}

fn document(state: &State, account: AccountId, policy: &PolicyRef) -> Option<Document> {
    let text = match policy {
        PolicyRef::System(name) => system::find(name.as_str())?.document,
        PolicyRef::Custom(name) => {
            let row = state.policy_at(&PolicyKey::new(account, name))?;
            return Document::parse(DocumentKind::Identity, &row.in_force()?.document).ok();
        }
    };
    Document::parse(DocumentKind::Identity, text).ok()
}

#[cfg(test)]
mod tests;
