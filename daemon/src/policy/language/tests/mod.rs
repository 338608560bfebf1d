//! The language, from its text: what is refused and where, and what comes back from what.

mod generate;
mod refused;
mod values;

use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_printed_parses_to_the_same(document in generate::document()) {
        let (kind, text) = document;
        let parsed = Document::parse(kind, &text).map_err(|fault| TestCaseError::fail(format!("{fault}: {text}")))?;
        let printed = serde_json::to_string(&parsed).unwrap();
        // The normal form may be longer than the text that was within its limit.
        if let Ok(again) = Document::parse(kind, &printed) {
            prop_assert_eq!(&again, &parsed);
        } else {
            prop_assert!(printed.chars().count() > 2_048, "{}", printed);
        }
    }

    #[test]
    fn any_text_is_a_document_or_a_fault(text in "\\PC{0,200}", kind in generate::kind()) {
        let _parsed = Document::parse(kind, &text);
    }

    // One byte of a good document is replaced, removed or doubled: it parses or it does not, and a fault has a place
    // in the text.
    #[test]
    fn a_mutated_document_is_a_document_or_a_fault(
        (kind, text) in generate::document(),
        at in any::<prop::sample::Index>(),
        with in "[\\PC]{0,2}",
    ) {
        let chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len());
        let mutated: String = chars[..at].iter().copied().chain(with.chars()).chain(chars[at + 1..].iter().copied()).collect();
        if let Err(fault) = Document::parse(kind, &mutated) {
            let lines = mutated.split('\n').count();
            prop_assert!(fault.line <= lines, "{}", fault);
            prop_assert!(fault.column <= mutated.chars().count() + 1, "{}", fault);
            prop_assert!(fault.message.chars().count() < 400, "{}", fault);
        }
    }

    #[test]
    fn names_of_keys_read_back(key in generate::key()) {
        let parsed = ConditionKey::parse(&key).unwrap();
        prop_assert_eq!(ConditionKey::parse(&parsed.canonical()), Some(parsed));
    }
}
