//! What is kept is bounded, whoever writes the policies.

use super::*;
use crate::policy::request::{Conditions, Who};

#[derive(Debug)]
struct Nothing;

impl Conditions for Nothing {
    fn value(&self, _: &crate::policy::language::ConditionKey) -> Option<std::borrow::Cow<'_, str>> {
        None
    }
}

/// A set of `statements`, each about names with another letter: each name asked for is another choice of them.
fn greedy(statements: usize) -> Compiled {
    let statement = |n: usize| {
        let letter = char::from(b'a' + u8::try_from(n % 26).unwrap());
        format!(r#"{{"Effect":"Allow","Action":"ram:GetUser","Resource":"acs:ram:*:*:user/*{letter}*{n}"}}"#)
    };
    let all: Vec<String> = (0..statements).map(statement).collect();
    let text = format!(r#"{{"Version":"1","Statement":[{}]}}"#, all.join(","));
    let set = compile(DocumentKind::Identity, vec![("greedy".into(), Some(text))]);
    assert_eq!(set.documents().len(), 1, "it was understood");
    set
}

#[test]
fn a_set_grows_to_a_few_times_its_size_whatever_is_asked_of_it() {
    let library = Library::default();
    let set = greedy(60);
    let caller = Caller {
        account: "1000000000000001",
        who: Who::User { name: "alice" },
    };
    let most = 61 + limits::SLICED_STATEMENTS_PER_STATEMENT * 61 + limits::SLICED_STATEMENTS_ALWAYS + 60;
    for n in 0..2_000_u32 {
        // Another subset of the letters each time, and every number at the end.
        let letters: String = (0..26)
            .filter(|bit| n >> (bit % 11) & 1 == 1)
            .map(|bit| char::from(b'a' + bit))
            .collect();
        let resource = format!("acs:ram::1000000000000001:user/{letters}{}", n % 60);
        let check = Check {
            action: "ram:GetUser",
            resource: &resource,
            conditions: &Nothing,
        };
        let _answer = library.ask(&set, &caller, &check);
        assert!(set.weight() <= most, "{} after {n}", set.weight());
    }
}

#[test]
fn another_revision_displaces_the_one_before() {
    let shelf: Shelf<u8, u64> = Shelf::default();
    for edition in 0..100 {
        shelf.find(1, edition, || greedy(3));
    }
    assert_eq!(shelf.0.read().len(), 1);
    let made = std::cell::Cell::new(false);
    shelf.find(1, 99, || {
        made.set(true);
        greedy(3)
    });
    assert!(!made.get());
}

#[test]
fn the_shelf_is_emptied_when_it_weighs_too_much() {
    let shelf: Shelf<u32, ()> = Shelf::default();
    let one = greedy(60).weight();
    let fit = u32::try_from(limits::COMPILED_STATEMENTS_MAX / one).unwrap();
    for name in 0..fit + 10 {
        shelf.find(name, (), || greedy(60));
        let weight: usize = shelf.0.read().values().map(|(_, kept)| kept.weight()).sum();
        assert!(weight <= limits::COMPILED_STATEMENTS_MAX);
    }
    assert!(shelf.0.read().len() < 20);
}
