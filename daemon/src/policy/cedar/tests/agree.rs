//! The differential test: plain reading, whole set and slice give one verdict for the same reasons.

use super::generate::{Dice, documents, request};
use crate::policy::cedar::schema::schema;
use crate::policy::cedar::validate::validate;
use crate::policy::cedar::{Compiled, Judge, Named};
use crate::policy::language::Document;
use crate::policy::plain::Plain;
use crate::policy::request::Check;
use crate::policy::verdict::{Evaluator, Layer};

/// Requests asked of each set.
const REQUESTS: u64 = 5;

/// Compares the readings for as many sets as there are seeds. Returns how often something allowed, and something denied.
fn compare(seeds: std::ops::Range<u64>) -> (usize, usize) {
    let judge = Judge::new();
    let schema = schema().unwrap();
    let (mut allowed, mut denied) = (0, 0);
    for seed in seeds {
        let mut dice = Dice::new(seed);
        let named = documents(&mut dice);
        let set = Compiled::new(named.clone());
        for _ in 0..REQUESTS {
            let request = request(&mut dice);
            let check = Check {
                action: request.action,
                resource: &request.resource,
                conditions: &request.conditions,
            };
            let parsed: Vec<&Document> = named.iter().map(|named| &*named.document).collect();
            let plain = Plain.layer(&parsed, &request.caller, &check);
            let slice = judge.decide(&set, &request.caller, &check);
            // The schema's own check of the inputs costs more than the decision.
            let checked = (seed % 8 == 0).then_some(schema);
            let whole = judge.decide_whole(&set, &request.caller, &check, checked);
            let seen = |reading: &str, layer: &Layer, fault: &Option<String>| {
                assert_eq!(
                    *layer,
                    plain,
                    "seed {seed}, {reading} ({fault:?})\n{request:#?}\n{}",
                    set.to_cedar().join("\n")
                );
            };
            seen("slice", &slice.layer, &slice.fault);
            seen("whole", &whole.layer, &whole.fault);
            allowed += usize::from(matches!(plain, Layer::Allowed(_)));
            denied += usize::from(matches!(plain, Layer::Denied(_)));
        }
    }
    (allowed, denied)
}

// Goal: a statement and its translation mean the same, whatever the request looks like. 20,000 cases.
#[test]
fn cedar_decides_what_ram_says_for_the_same_reasons() {
    let cases = 20_000;
    let (allowed, denied) = compare(0..cases / REQUESTS);
    // A generator whose statements hardly ever hold would prove nothing.
    assert!(
        allowed > 1_000 && denied > 1_000,
        "{allowed} allowed, {denied} denied"
    );
}

#[test]
#[ignore = "a million cases: tests/run --full"]
fn cedar_decides_what_ram_says_a_million_times() {
    compare(1_000_000..1_000_000 + 1_000_000 / REQUESTS);
}

// Goal: whatever parses can be stored; a document that its author wrote correctly is never refused by Cedar.
#[test]
fn generated_documents_validate_strictly() {
    for seed in 0..300 {
        let mut dice = Dice::new(seed);
        for Named { document, .. } in documents(&mut dice).into_iter().take(1) {
            assert_eq!(validate(&document), Ok(()), "seed {seed}");
        }
    }
}
