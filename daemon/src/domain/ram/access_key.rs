//! Access keys of users, and of the account's root as RAM sees them: made, switched off and on, deleted.
//!
//! A secret leaves once, in the answer that makes it. A deleted key's slot is owed an erasure.

use crate::base::answer::SecretText;
use crate::base::{AccessKeyId, Answer, Arn, UserId, UserName, limits};
use crate::domain::{Command, Decided, Facts, Needs, Refusal, Scope, Unresolved};
use crate::event::{AccessKeyCreated, Change, Element, Recorded};
use crate::projection::{AccessKey, Reader, State};

/// Whose access keys are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyOwner {
    /// The account's root's.
    Root,
    /// The user's who asks.
    Caller(UserId),
    /// The user's of this name.
    Named(UserName),
}

impl KeyOwner {
    /// The user, if it is one, and what a caller has to be allowed on.
    pub fn resolve(&self, scope: &Scope, reader: &Reader<'_>) -> Result<(Option<UserId>, Arn), Unresolved> {
        let user = match self {
            Self::Root => {
                reader.account(scope.account).ok_or(Refusal::AccountNotFound)?;
                return Ok((None, Arn::root_keys(scope.account)));
            }
            Self::Caller(id) => reader.user(*id).ok_or(Refusal::UserNotFound)?,
            Self::Named(name) => super::user::named(name, scope, reader)?,
        };
        Ok((Some(user.id), Arn::user(scope.account, &user.name)))
    }

    /// The same in one state.
    pub fn find(&self, scope: &Scope, state: &State) -> Result<Option<UserId>, Refusal> {
        self.resolve(scope, &Reader::new(state))
            .map(|(user, _)| user)
            .map_err(|unresolved| unresolved.refusal)
    }

    /// One of its access keys, with what a caller has to be allowed on. That it is not there is told to those alone who are.
    pub fn key<'a>(
        &self,
        id: &AccessKeyId,
        scope: &Scope,
        reader: &Reader<'a>,
    ) -> Result<(&'a AccessKey, Arn), Unresolved> {
        let (user, arn) = self.resolve(scope, reader)?;
        match reader.access_key(id) {
            Some(row) if row.account == scope.account && row.user == user => Ok((row, arn)),
            _ => Err(Unresolved {
                refusal: Refusal::UserAccessKeyNotFound,
                ask: vec![arn],
            }),
        }
    }
}

/// Makes an access key.
#[derive(Debug)]
pub struct CreateAccessKey {
    /// Whose.
    pub owner: KeyOwner,
}

impl Command for CreateAccessKey {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        self.owner.resolve(scope, reader).map(|(_, arn)| vec![arn])
    }

    fn needs(&self) -> Needs {
        Needs::NewAccessKey {
            of_user: self.owner != KeyOwner::Root,
        }
    }

    fn decide(&self, scope: &Scope, state: &State, facts: &Facts) -> Result<Decided, Refusal> {
        let user = self.owner.find(scope, state)?;
        let most = match user {
            Some(_) => limits::ACCESS_KEYS_OF_USER_MAX,
            None => limits::ROOT_KEYS_MAX,
        };
        if state.access_keys_of(scope.account, user).count() >= most {
            return Err(Refusal::UserAccessKeysReached);
        }
        let made = match facts {
            Facts::NewAccessKey(made) if state.access_key(&made.id).is_none() => made,
            _ => return Err(Refusal::NoSlot),
        };
        let created = AccessKeyCreated {
            at: scope.at,
            id: made.id.clone(),
            slot: made.slot,
            user,
            sealed: made.sealed.clone(),
            account: scope.account,
        };
        // EXPOSE: copied into the answer to its owner; both copies are zeroized on drop.
        let secret = SecretText::new(made.secret.expose().to_owned());
        let answer = Answer::new()
            .text("AccessKeyId", made.id.to_string())
            .with("AccessKeySecret", secret)
            .text("CreateDate", scope.at.to_string())
            .text("Status", "Active");
        Ok(Decided {
            changes: vec![Change::AccessKeyCreated(created)],
            answer: Answer::new().with("AccessKey", answer),
            recorded: identified(&made.id, user),
        })
    }
}

/// Switches an access key on or off. Its present status again is a success.
#[derive(Debug)]
pub struct UpdateAccessKey {
    /// Whose.
    pub owner: KeyOwner,
    /// Which.
    pub id: AccessKeyId,
    /// Whether it is to be good.
    pub active: bool,
}

impl Command for UpdateAccessKey {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        self.owner.key(&self.id, scope, reader).map(|(_, arn)| vec![arn])
    }

    fn lessens(&self) -> bool {
        !self.active
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let reader = Reader::new(state);
        let (row, _) = self
            .owner
            .key(&self.id, scope, &reader)
            .map_err(|unresolved| unresolved.refusal)?;
        if row.active == self.active {
            return Ok(Decided::nothing());
        }
        Ok(Decided {
            changes: vec![Change::AccessKeyStatusSet {
                id: self.id.clone(),
                active: self.active,
            }],
            recorded: identified(&self.id, row.user),
            ..Decided::default()
        })
    }
}

/// Deletes an access key, active or not; the one that signs the request too, and root's last one.
#[derive(Debug)]
pub struct DeleteAccessKey {
    /// Whose.
    pub owner: KeyOwner,
    /// Which.
    pub id: AccessKeyId,
}

impl Command for DeleteAccessKey {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        self.owner.key(&self.id, scope, reader).map(|(_, arn)| vec![arn])
    }

    fn lessens(&self) -> bool {
        true
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let reader = Reader::new(state);
        let (row, _) = self
            .owner
            .key(&self.id, scope, &reader)
            .map_err(|unresolved| unresolved.refusal)?;
        Ok(Decided {
            changes: vec![Change::AccessKeyDeleted { id: self.id.clone() }],
            recorded: identified(&self.id, row.user),
            ..Decided::default()
        })
    }
}

fn identified(id: &AccessKeyId, user: Option<UserId>) -> Recorded {
    let mut recorded = Recorded::default();
    recorded.insert("AccessKeyId", Element::text(id.as_str()));
    if let Some(user) = user {
        recorded.insert("UserId", Element::text(&user.to_string()));
    }
    recorded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::given::{When, access_key, access_key_of, given, user, user_made};

    fn named() -> KeyOwner {
        KeyOwner::Named(UserName::parse("bob").unwrap())
    }

    fn id(n: u8) -> AccessKeyId {
        let Change::AccessKeyCreated(made) = access_key(n, 1) else {
            unreachable!()
        };
        made.id
    }

    fn create(owner: KeyOwner) -> CreateAccessKey {
        CreateAccessKey { owner }
    }

    fn switch(n: u8, active: bool) -> UpdateAccessKey {
        UpdateAccessKey {
            owner: named(),
            id: id(n),
            active,
        }
    }

    fn delete(owner: KeyOwner, n: u8) -> DeleteAccessKey {
        DeleteAccessKey { owner, id: id(n) }
    }

    #[test]
    fn a_user_has_two_keys_at_the_most_however_it_is_named() {
        let one = given([user_made(1, "bob"), access_key_of(1, 1)]);
        for owner in [named(), KeyOwner::Caller(user(1))] {
            assert_eq!(one.when(&create(owner)), Ok(vec![access_key_of(9, 1)]));
        }
        let two = given([user_made(1, "bob"), access_key_of(1, 1), access_key_of(2, 1)]);
        assert_eq!(two.when(&create(named())), Err(Refusal::UserAccessKeysReached));
        assert_eq!(given([]).when(&create(named())), Err(Refusal::UserNotFound));
        // Root's are counted apart.
        assert_eq!(two.when(&create(KeyOwner::Root)), Ok(vec![access_key(9, 1)]));
    }

    #[test]
    fn a_key_is_switched_and_its_present_status_is_a_success() {
        let state = given([user_made(1, "bob"), access_key_of(1, 1)]);
        let off = Change::AccessKeyStatusSet {
            id: id(1),
            active: false,
        };
        assert_eq!(state.when(&switch(1, true)), Ok(vec![]));
        assert_eq!(state.when(&switch(1, false)), Ok(vec![off.clone()]));
        let state = given([user_made(1, "bob"), access_key_of(1, 1), off]);
        assert_eq!(state.when(&switch(1, false)), Ok(vec![]));
        assert_eq!(state.when(&switch(2, true)), Err(Refusal::UserAccessKeyNotFound));
    }

    #[test]
    fn a_key_is_found_under_its_own_owner_alone() {
        let state = given([
            user_made(1, "bob"),
            user_made(2, "eve"),
            access_key_of(1, 1),
            access_key(2, 1),
        ]);
        let deleted = |n| Ok(vec![Change::AccessKeyDeleted { id: id(n) }]);
        let unknown = Err(Refusal::UserAccessKeyNotFound);
        assert_eq!(state.when(&delete(named(), 1)), deleted(1));
        assert_eq!(state.when(&delete(KeyOwner::Root, 1)), unknown);
        assert_eq!(state.when(&delete(KeyOwner::Caller(user(2)), 1)), unknown);
        assert_eq!(state.when(&delete(named(), 2)), unknown);
        assert_eq!(state.when(&delete(KeyOwner::Root, 2)), deleted(2));
    }
}
