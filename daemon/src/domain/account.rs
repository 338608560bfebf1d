//! Accounts are opened, and their roots get access keys and lose them.
//!
//! Accounts are the operator's business: the root of the account that the log was founded with. An account's root keys
//! are its root's business too.

use super::command::{MadeAccessKey, Reach};
use super::{Command, Decided, Facts, Needs, Refusal, Scope, Unresolved};
use crate::base::answer::SecretText;
use crate::base::{AccessKeyId, AccountId, Answer, Arn, Timestamp, limits};
use crate::event::{AccessKeyCreated, Change, Element, Recorded};
use crate::projection::{Reader, State};

/// Opens an account, with a first access key for its root.
#[derive(Debug)]
pub struct CreateAccount {
    /// What its operator calls it; may be empty.
    pub name: String,
}

impl Command for CreateAccount {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::accounts(scope.account)])
    }

    fn reach(&self, _: &Scope) -> Reach {
        Reach::Daemon
    }

    fn needs(&self) -> Needs {
        Needs::NewAccount
    }

    fn decide(&self, scope: &Scope, state: &State, facts: &Facts) -> Result<Decided, Refusal> {
        if state.accounts().count() >= limits::ACCOUNTS_MAX {
            return Err(Refusal::QuotaReached);
        }
        // A number drawn twice, once in many thousand years: another try draws another one.
        let Facts::NewAccount(account, made) = facts else {
            return Err(Refusal::NoSlot);
        };
        if state.account(*account).is_some() {
            return Err(Refusal::NoSlot);
        }
        let opened = Change::AccountCreated {
            name: self.name.clone(),
            account: *account,
        };
        let name = Some(self.name.clone()).filter(|name| !name.is_empty());
        let answer = Answer::new()
            .text("AccountId", account.to_string())
            .with_some("AccountName", name);
        Ok(handed_over(scope.at, vec![opened], answer, *account, made))
    }
}

/// Makes an access key for an account's root.
#[derive(Debug)]
pub struct RotateRootKey {
    /// Whose; none for the caller's own account.
    pub account: Option<AccountId>,
    /// Whether its other access keys end with the same event.
    pub delete_others: bool,
}

impl Command for RotateRootKey {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        root_keys(self.account, scope, reader).map(|arn| vec![arn])
    }

    fn reach(&self, scope: &Scope) -> Reach {
        Reach::Account(self.account.unwrap_or(scope.account))
    }

    fn needs(&self) -> Needs {
        Needs::NewAccessKey { of_user: false }
    }

    fn decide(&self, scope: &Scope, state: &State, facts: &Facts) -> Result<Decided, Refusal> {
        let account = self.account.unwrap_or(scope.account);
        state.account(account).ok_or(Refusal::AccountNotFound)?;
        let others: Vec<&AccessKeyId> = state.access_keys_of(account, None).map(|row| &row.id).collect();
        if !self.delete_others && others.len() >= limits::ROOT_KEYS_MAX {
            return Err(Refusal::RootKeysReached);
        }
        let Facts::NewAccessKey(made) = facts else {
            return Err(Refusal::NoSlot);
        };
        let answer = Answer::new().text("AccountId", account.to_string());
        let mut decided = handed_over(scope.at, Vec::new(), answer, account, made);
        if self.delete_others {
            let deleted = others
                .into_iter()
                .map(|id| Change::AccessKeyDeleted { id: id.clone() });
            decided.changes.extend(deleted);
        } else {
            let others = others.into_iter().map(ToString::to_string);
            decided.answer = decided.answer.list("OtherAccessKeys", "AccessKeyId", others);
        }
        Ok(decided)
    }
}

/// Deletes an access key of an account's root. The last one too: the operator can make another.
#[derive(Debug)]
pub struct DeleteRootKey {
    /// Whose; none for the caller's own account.
    pub account: Option<AccountId>,
    /// Which.
    pub id: AccessKeyId,
}

impl Command for DeleteRootKey {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        let arn = root_keys(self.account, scope, reader)?;
        let account = self.account.unwrap_or(scope.account);
        match reader.access_key(&self.id) {
            Some(row) if row.account == account && row.user.is_none() => Ok(vec![arn]),
            _ => Err(Unresolved {
                refusal: Refusal::AccessKeyNotFound,
                ask: vec![arn],
            }),
        }
    }

    fn reach(&self, scope: &Scope) -> Reach {
        Reach::Account(self.account.unwrap_or(scope.account))
    }

    fn lessens(&self) -> bool {
        true
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        self.resources(scope, &Reader::new(state))
            .map_err(|unresolved| unresolved.refusal)?;
        Ok(Decided::change(Change::AccessKeyDeleted { id: self.id.clone() }))
    }
}

/// The root keys of an account that exists. Only who may act on them learns that it does not.
fn root_keys(account: Option<AccountId>, scope: &Scope, reader: &Reader<'_>) -> Result<Arn, Unresolved> {
    let account = account.unwrap_or(scope.account);
    let arn = Arn::root_keys(account);
    match reader.account(account) {
        Some(_) => Ok(arn),
        None => Err(Unresolved {
            refusal: Refusal::AccountNotFound,
            ask: vec![arn],
        }),
    }
}

/// The fresh access key, in the log sealed, in the answer for the only time in the clear.
fn handed_over(
    at: Timestamp,
    mut changes: Vec<Change>,
    answer: Answer,
    account: AccountId,
    made: &MadeAccessKey,
) -> Decided {
    changes.push(Change::AccessKeyCreated(AccessKeyCreated {
        at,
        id: made.id.clone(),
        slot: made.slot,
        user: None,
        sealed: made.sealed.clone(),
        account,
    }));
    // EXPOSE: copied into the answer to its owner; both copies are zeroized on drop.
    let secret = SecretText::new(made.secret.expose().to_owned());
    let mut recorded = Recorded::default();
    recorded.insert("AccountId", Element::text(&account.to_string()));
    recorded.insert("AccessKeyId", Element::text(made.id.as_str()));
    Decided {
        changes,
        answer: answer
            .text("AccessKeyId", made.id.to_string())
            .with("AccessKeySecret", secret),
        recorded,
    }
}

#[cfg(test)]
mod tests {
    use super::super::given::{When, access_key, account, given, opened};
    use super::*;

    fn rotate(account: Option<AccountId>, delete_others: bool) -> RotateRootKey {
        RotateRootKey {
            account,
            delete_others,
        }
    }

    fn deleted(n: u8) -> Change {
        let Change::AccessKeyCreated(made) = access_key(n, 1) else {
            unreachable!()
        };
        Change::AccessKeyDeleted { id: made.id }
    }

    #[test]
    fn an_account_opens_with_a_root_key_of_its_own() {
        let name = "ci".to_owned();
        let changes = given([]).when(&CreateAccount { name: name.clone() }).unwrap();
        let opened = Change::AccountCreated {
            name,
            account: account(9),
        };
        assert_eq!(changes, [opened, access_key(9, 9)]);
    }

    #[test]
    fn a_root_has_two_keys_at_most_unless_the_new_one_ends_the_others() {
        let one = given([access_key(1, 1)]);
        assert_eq!(one.when(&rotate(None, false)), Ok(vec![access_key(9, 1)]));
        let two = given([access_key(1, 1), access_key(2, 1)]);
        assert_eq!(two.when(&rotate(None, false)), Err(Refusal::RootKeysReached));
        assert_eq!(
            two.when(&rotate(None, true)),
            Ok(vec![access_key(9, 1), deleted(1), deleted(2)])
        );
    }

    #[test]
    fn the_keys_of_other_accounts_stay() {
        let state = given([opened(2), access_key(1, 1), access_key(2, 2)]);
        let other = Some(account(2));
        assert_eq!(
            state.when(&rotate(other, true)),
            Ok(vec![access_key(9, 2), deleted(2)])
        );
        assert_eq!(
            state.when(&rotate(Some(account(3)), true)),
            Err(Refusal::AccountNotFound)
        );
    }

    #[test]
    fn a_root_key_is_deleted_under_its_own_account_alone() {
        let state = given([opened(2), access_key(1, 1), access_key(2, 2)]);
        let Change::AccessKeyDeleted { id } = deleted(2) else {
            unreachable!()
        };
        let delete = |account| DeleteRootKey {
            account,
            id: id.clone(),
        };
        assert_eq!(state.when(&delete(Some(account(2)))), Ok(vec![deleted(2)]));
        assert_eq!(state.when(&delete(None)), Err(Refusal::AccessKeyNotFound));
        assert_eq!(
            state.when(&delete(Some(account(3)))),
            Err(Refusal::AccountNotFound)
        );
    }
}
