//! Whether two patterns have a text in common, and whether one is within another.

use crate::policy::language::{Pattern, Piece};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Char(char),
    One,
    Any,
}

fn tokens(pattern: &Pattern) -> Vec<Token> {
    pattern
        .pieces()
        .iter()
        .flat_map(|piece| match piece {
            Piece::Literal(text) => text.chars().map(Token::Char).collect(),
            Piece::One => vec![Token::One],
            Piece::Any => vec![Token::Any],
        })
        .collect()
}

/// Whether some text fits both. Costs the product of the lengths.
pub(super) fn overlap(a: &Pattern, b: &Pattern) -> bool {
    let (a, b) = (tokens(a), tokens(b));
    // `row[j]`: the rest of `a` from here and the rest of `b` from `j` have a text in common.
    let mut row = end_row(&b);
    for token in a.iter().rev() {
        let mut next = Vec::with_capacity(b.len() + 1);
        // The end of `b`: only a star of `a` can be left.
        next.push(*token == Token::Any && row.last().copied().unwrap_or(false));
        for (j, other) in b.iter().enumerate().rev() {
            let after_other = next.last().copied().unwrap_or(false);
            let after_token = row.get(j).copied().unwrap_or(false);
            let after_both = row.get(j + 1).copied().unwrap_or(false);
            next.push(match (token, other) {
                (Token::Any, _) | (_, Token::Any) => after_token || after_other,
                (Token::Char(c), Token::Char(d)) => c == d && after_both,
                (Token::One, _) | (_, Token::One) => after_both,
            });
        }
        next.reverse();
        row = next;
    }
    row.first().copied().unwrap_or(false)
}

/// The row for an `a` that is at its end: only stars of `b` may be left.
fn end_row(b: &[Token]) -> Vec<bool> {
    let mut row = vec![true];
    for token in b.iter().rev() {
        let rest = row.last().copied().unwrap_or(false);
        row.push(*token == Token::Any && rest);
    }
    row.reverse();
    row
}

/// Whether every text that fits `inner` fits `outer`; may say no where the answer is yes, never the other way round.
///
/// The text of `inner` is held against `outer`: a `*` or `?` in it can only be taken by a star of `outer`, which then
/// takes whatever stands for it. A `?` of `outer` could take the character `*`, so there only equals count.
pub(super) fn within(inner: &Pattern, outer: &Pattern) -> bool {
    inner == outer || (!outer.has_one() && outer.matches(&inner.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_common_text_is_an_overlap(a in "[ab*?]{0,6}", b in "[ab*?]{0,6}", text in "[ab]{0,6}") {
            let (a, b) = (Pattern::parse(&a), Pattern::parse(&b));
            if a.matches(&text) && b.matches(&text) {
                prop_assert!(overlap(&a, &b));
            }
            prop_assert_eq!(overlap(&a, &b), overlap(&b, &a));
            if within(&a, &b) && a.matches(&text) {
                prop_assert!(b.matches(&text));
            }
        }

        // Two letters and the longest of the patterns suffice to find a witness: a star never needs more than the
        // other side's characters.
        #[test]
        fn an_overlap_has_a_witness(a in "[ab*?]{0,3}", b in "[ab*?]{0,3}") {
            let (a, b) = (Pattern::parse(&a), Pattern::parse(&b));
            let mut texts = vec![String::new()];
            for _ in 0..6 {
                let longer: Vec<_> = texts.iter().flat_map(|t| [format!("{t}a"), format!("{t}b")]).collect();
                texts.extend(longer);
                texts.sort();
                texts.dedup();
            }
            prop_assert_eq!(overlap(&a, &b), texts.iter().any(|t| a.matches(t) && b.matches(t)));
        }
    }
}
