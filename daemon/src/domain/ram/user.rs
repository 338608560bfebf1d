//! Users: made, changed, deleted. A user is made without any right; its id outlasts its name.

use std::sync::Arc;

use crate::base::{Answer, Arn, UserName, limits};
use crate::domain::{Command, Decided, Facts, Needs, Refusal, Scope, Unresolved};
use crate::event::{Change, Element, Recorded, UserCreated, UserUpdated};
use crate::projection::{Reader, State, User};

/// Makes a user.
#[derive(Debug)]
pub struct CreateUser {
    /// Its name.
    pub name: UserName,
    /// What it is called on screens; its name when there is none.
    pub display: Option<String>,
    /// Its telephone number; may be empty.
    pub mobile: String,
    /// Its mail address; may be empty.
    pub email: String,
    /// Free text.
    pub comments: String,
}

impl Command for CreateUser {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        let _bearer = reader.user_named(scope.account, &self.name);
        Ok(vec![Arn::users(scope.account)])
    }

    fn needs(&self) -> Needs {
        Needs::NewUser
    }

    fn decide(&self, scope: &Scope, state: &State, facts: &Facts) -> Result<Decided, Refusal> {
        if state.user_bearing(scope.account, &self.name.folded()).is_some() {
            return Err(Refusal::UserTaken);
        }
        if state.user_count(scope.account) >= limits::USERS_MAX {
            return Err(Refusal::UsersReached);
        }
        // An id drawn twice: another try draws another one.
        let user = match facts {
            Facts::NewUser(user) if state.user(*user).is_none() => *user,
            _ => return Err(Refusal::NoSlot),
        };
        let created = UserCreated {
            at: scope.at,
            name: self.name.clone(),
            user,
            email: self.email.clone(),
            mobile: self.mobile.clone(),
            account: scope.account,
            display: self
                .display
                .clone()
                .unwrap_or_else(|| self.name.as_str().to_owned()),
            comments: self.comments.clone(),
        };
        let row = User::created(&created, crate::base::Seq::GENESIS);
        Ok(Decided {
            changes: vec![Change::UserCreated(created)],
            answer: Answer::new().with("User", described(&row)),
            recorded: identified(&row),
        })
    }
}

/// Changes or renames a user; what is absent stays.
#[derive(Debug)]
pub struct UpdateUser {
    /// Which.
    pub name: UserName,
    /// What it is called from now on: its ARN is another then, so policies that name the old one stop matching.
    pub new_name: Option<UserName>,
    /// What it is called on screens.
    pub display: Option<String>,
    /// Its telephone number.
    pub mobile: Option<String>,
    /// Its mail address.
    pub email: Option<String>,
    /// Free text.
    pub comments: Option<String>,
}

impl Command for UpdateUser {
    // The new name too: policies name users, so whoever takes a name takes what is granted to it.
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        let mut resources = resource(&self.name, scope, reader)?;
        let renamed = self.new_name.iter().filter(|name| **name != self.name);
        resources.extend(renamed.map(|name| Arn::user(scope.account, name)));
        Ok(resources)
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let user = existing(&self.name, scope, state)?;
        let bearer = self
            .new_name
            .as_ref()
            .and_then(|name| state.user_bearing(scope.account, &name.folded()));
        if bearer.is_some_and(|bearer| bearer.id != user.id) {
            return Err(Refusal::UserTaken);
        }
        let updated = UserUpdated {
            at: scope.at,
            // The same name again is no renaming: nobody's rights rest on it.
            name: self.new_name.clone().filter(|name| *name != user.name),
            user: user.id,
            email: self.email.clone(),
            mobile: self.mobile.clone(),
            display: self.display.clone(),
            comments: self.comments.clone(),
        };
        let mut row = User::clone(user);
        row.update(&updated);
        Ok(Decided {
            changes: vec![Change::UserUpdated(updated)],
            answer: Answer::new().with("User", dated(&row)),
            recorded: identified(&row),
        })
    }
}

/// Deletes a user that has nothing left.
#[derive(Debug)]
pub struct DeleteUser {
    /// Which.
    pub name: UserName,
}

impl Command for DeleteUser {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        resource(&self.name, scope, reader)
    }

    fn lessens(&self) -> bool {
        true
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let user = existing(&self.name, scope, state)?;
        if !user.groups.is_empty() {
            return Err(Refusal::UserInGroups);
        }
        if !user.attached.is_empty() {
            return Err(Refusal::UserHasPolicies);
        }
        if state
            .access_keys_of(scope.account, Some(user.id))
            .next()
            .is_some()
        {
            return Err(Refusal::UserHasAccessKeys);
        }
        Ok(Decided {
            changes: vec![Change::UserDeleted { user: user.id }],
            recorded: identified(user),
            ..Decided::default()
        })
    }
}

/// The user of this name; that there is none is told to those alone who may act on it.
pub fn named<'a>(name: &UserName, scope: &Scope, reader: &Reader<'a>) -> Result<&'a Arc<User>, Unresolved> {
    reader.user_named(scope.account, name).ok_or_else(|| Unresolved {
        refusal: Refusal::UserNotFound,
        ask: vec![Arn::user(scope.account, name)],
    })
}

/// The ARN of the user of this name, which must be there.
pub fn resource(name: &UserName, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
    named(name, scope, reader).map(|row| vec![Arn::user(scope.account, &row.name)])
}

/// The user of this name in one state.
pub fn existing<'a>(name: &UserName, scope: &Scope, state: &'a State) -> Result<&'a Arc<User>, Refusal> {
    state.user_named(scope.account, name).ok_or(Refusal::UserNotFound)
}

/// What answers say of a user.
pub fn described(user: &User) -> Answer {
    Answer::new()
        .text("Comments", user.comments.clone())
        .text("CreateDate", user.at.to_string())
        .text("DisplayName", user.display.clone())
        .text("Email", user.email.clone())
        .text("MobilePhone", user.mobile.clone())
        .text("UserId", user.id.to_string())
        .text("UserName", user.name.to_string())
}

/// The same, with the time of the last update.
pub fn dated(user: &User) -> Answer {
    described(user).text("UpdateDate", user.updated.to_string())
}

fn identified(user: &User) -> Recorded {
    let mut recorded = Recorded::default();
    recorded.insert("UserId", Element::text(&user.id.to_string()));
    recorded.insert("UserName", Element::text(user.name.as_str()));
    recorded
}

#[cfg(test)]
mod tests;
