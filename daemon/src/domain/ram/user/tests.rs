use super::*;
use crate::domain::given::{AT, When, access_key_of, given, grouped, joined, user, user_made};
use crate::event::{Holder, PolicyRef};

fn name(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

fn create(text: &str) -> CreateUser {
    CreateUser {
        name: name(text),
        display: None,
        mobile: String::new(),
        email: String::new(),
        comments: String::new(),
    }
}

fn update(text: &str, new: Option<&str>) -> UpdateUser {
    UpdateUser {
        name: name(text),
        new_name: new.map(name),
        display: None,
        mobile: None,
        email: Some(String::new()),
        comments: None,
    }
}

fn delete(text: &str) -> DeleteUser {
    DeleteUser { name: name(text) }
}

fn attached() -> Change {
    Change::PolicyAttached {
        at: AT,
        holder: Holder::User(user(1)),
        policy: PolicyRef::System(crate::base::PolicyName::parse("ReadOnlyAccess").unwrap()),
    }
}

#[test]
fn a_user_is_called_as_its_name_unless_it_says_otherwise() {
    let changes = given([]).when(&create("Bob")).unwrap();
    let [Change::UserCreated(created)] = changes.as_slice() else {
        panic!("{changes:?}")
    };
    assert_eq!((created.display.as_str(), created.user), ("Bob", user(9)));
}

#[test]
fn a_name_is_taken_whatever_its_case_and_found_as_it_is_written() {
    let state = given([user_made(1, "Bob")]);
    assert_eq!(state.when(&create("bOB")), Err(Refusal::UserTaken));
    assert_eq!(state.when(&delete("bob")), Err(Refusal::UserNotFound));
    assert_eq!(
        state.when(&delete("Bob")),
        Ok(vec![Change::UserDeleted { user: user(1) }])
    );
}

#[test]
fn a_user_is_renamed_to_what_nobody_else_is_called() {
    let state = given([user_made(1, "bob"), user_made(2, "eve")]);
    assert_eq!(state.when(&update("bob", Some("EVE"))), Err(Refusal::UserTaken));
    assert_eq!(state.when(&update("zoe", None)), Err(Refusal::UserNotFound));
    for (new, expected) in [("Bob", Some("Bob")), ("bob", None), ("zoe", Some("zoe"))] {
        let changes = state.when(&update("bob", Some(new))).unwrap();
        let [Change::UserUpdated(updated)] = changes.as_slice() else {
            panic!("{changes:?}")
        };
        assert_eq!(updated.name, expected.map(name), "{new}");
        assert_eq!(updated.email.as_deref(), Some(""), "cleared, not left alone");
    }
}

#[test]
fn a_user_with_something_left_is_not_deleted_and_says_what_in_order() {
    let steps = [
        (
            vec![user_made(1, "bob"), access_key_of(1, 1)],
            Refusal::UserHasAccessKeys,
        ),
        (
            vec![user_made(1, "bob"), access_key_of(1, 1), attached()],
            Refusal::UserHasPolicies,
        ),
        (
            vec![
                user_made(1, "bob"),
                access_key_of(1, 1),
                attached(),
                grouped(1, "g"),
                joined(1, 1),
            ],
            Refusal::UserInGroups,
        ),
    ];
    for (facts, refusal) in steps {
        assert_eq!(given(facts).when(&delete("bob")), Err(refusal));
    }
}

#[test]
fn whoever_takes_another_name_needs_the_right_to_it() {
    let state = given([user_made(1, "Bob")]);
    let asks = |new: Option<&str>| -> Vec<String> {
        let reader = Reader::new(&state);
        let arns = update("Bob", new)
            .resources(&crate::domain::given::scope(), &reader)
            .unwrap();
        arns.iter().map(ToString::to_string).collect()
    };
    let (bob, ghost) = (
        "acs:ram::1000000000000001:user/Bob",
        "acs:ram::1000000000000001:user/ghost",
    );
    assert_eq!(asks(None), [bob]);
    assert_eq!(asks(Some("Bob")), [bob]);
    assert_eq!(asks(Some("ghost")), [bob, ghost]);
}
