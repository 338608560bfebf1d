//! Globbing: `*` is any run of characters, `?` exactly one character (a Unicode scalar value). Nothing is escaped, so a
//! literal never holds either.

use std::collections::BTreeMap;
use std::fmt;

use memchr::memmem;

/// One piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Piece {
    /// These characters; never empty, never `*` or `?`.
    Literal(Box<str>),
    /// `*`: any run of characters, also none, also `/` and `:`.
    Any,
    /// `?`: exactly one character.
    One,
}

/// A parsed pattern, in normal form: no two literals in a row, and in a run of wildcards all `?` come before at most
/// one `*` (`*?*` and `?*` match the same texts).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    pieces: Vec<Piece>,
}

impl Pattern {
    /// Every text is a pattern.
    pub fn parse(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let wild = rest.find(is_literal).unwrap_or(rest.len());
            let (run, tail) = rest.split_at(wild);
            pieces.extend(run.matches('?').map(|_| Piece::One));
            if run.contains('*') {
                pieces.push(Piece::Any);
            }
            let end = tail.find(is_wild).unwrap_or(tail.len());
            let (literal, tail) = tail.split_at(end);
            if !literal.is_empty() {
                pieces.push(Piece::Literal(literal.into()));
            }
            rest = tail;
        }
        Self { pieces }
    }

    /// The pieces in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Whether it is `*`: matches every text.
    pub fn is_any(&self) -> bool {
        self.pieces == [Piece::Any]
    }

    /// Whether it holds a `?`.
    pub fn has_one(&self) -> bool {
        self.pieces.contains(&Piece::One)
    }

    /// The one text it matches, if it has no wildcard.
    pub fn literal(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether the whole text fits the pattern.
    ///
    /// The stretches between the stars are found leftmost first, which is enough: a later place leaves less room for
    /// the rest. Each is found in time linear in the text it passes; a stretch with `?` costs one step a character for
    /// every 64 characters of its own. Nothing is ever tried again.
    pub fn matches(&self, text: &str) -> bool {
        let mut stretches = self.pieces.split(|piece| *piece == Piece::Any);
        let Some(first) = stretches.next() else {
            return text.is_empty();
        };
        let Some(mut rest) = strip(first, text) else {
            return false;
        };
        let Some(last) = stretches.next_back() else {
            return rest.is_empty();
        };
        for stretch in stretches {
            let Some(after) = find(stretch, rest) else {
                return false;
            };
            rest = after;
        }
        ends(last, rest)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces.iter().try_for_each(|piece| match piece {
            Piece::Literal(text) => f.write_str(text),
            Piece::Any => f.write_str("*"),
            Piece::One => f.write_str("?"),
        })
    }
}

/// What is left of the text after a stretch (literals and `?`) at its start.
fn strip<'t>(stretch: &[Piece], text: &'t str) -> Option<&'t str> {
    stretch.iter().try_fold(text, |rest, piece| match piece {
        Piece::Literal(literal) => rest.strip_prefix(&**literal),
        Piece::One => {
            let mut chars = rest.chars();
            chars.next().map(|_| chars.as_str())
        }
        Piece::Any => None,
    })
}

/// Whether the text ends with the stretch.
fn ends(stretch: &[Piece], text: &str) -> bool {
    let left = stretch.iter().rev().try_fold(text, |rest, piece| match piece {
        Piece::Literal(literal) => rest.strip_suffix(&**literal),
        Piece::One => {
            let mut chars = rest.chars();
            chars.next_back().map(|_| chars.as_str())
        }
        Piece::Any => None,
    });
    left.is_some()
}

/// What is left of the text after the leftmost place where the stretch stands.
fn find<'t>(stretch: &[Piece], text: &'t str) -> Option<&'t str> {
    match stretch {
        [] => Some(text),
        [Piece::Literal(literal)] => {
            // Both are whole characters, so the bytes can only be found at character borders.
            let start = memmem::find(text.as_bytes(), literal.as_bytes())?;
            text.get(start + literal.len()..)
        }
        _ => find_with_ones(stretch, text),
    }
}

/// The same for a stretch with `?`: Shift-And (Baeza-Yates and Gonnet 1992). Bit `i` of the state says that the first
/// `i + 1` places of the stretch end at the character just read.
fn find_with_ones<'t>(stretch: &[Piece], text: &'t str) -> Option<&'t str> {
    let places: Vec<Option<char>> = stretch
        .iter()
        .flat_map(|piece| match piece {
            Piece::Literal(literal) => literal.chars().map(Some).collect(),
            Piece::Any | Piece::One => vec![None],
        })
        .collect();
    let words = places.len().div_ceil(64);
    let mut free = vec![0_u64; words];
    let mut fits: BTreeMap<char, Vec<u64>> = BTreeMap::new();
    for (at, place) in places.iter().enumerate() {
        let bits = match place {
            Some(c) => fits.entry(*c).or_insert_with(|| vec![0; words]),
            None => &mut free,
        };
        if let Some(word) = bits.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }
    let last = places.len().checked_sub(1)?;
    let mut state = vec![0_u64; words];
    for (start, c) in text.char_indices() {
        let fit = fits.get(&c).unwrap_or(&free);
        let mut carry = 1;
        for ((word, fit), free) in state.iter_mut().zip(fit).zip(&free) {
            let next = (*word << 1) | carry;
            carry = *word >> 63;
            *word = next & (fit | free);
        }
        if state
            .get(last / 64)
            .is_some_and(|word| word >> (last % 64) & 1 == 1)
        {
            return text.get(start + c.len_utf8()..);
        }
    }
    None
}

const fn is_wild(c: char) -> bool {
    matches!(c, '*' | '?')
}

const fn is_literal(c: char) -> bool {
    !is_wild(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The meaning, written down as plainly as it can be.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, _) => text.is_empty(),
            (Some(('*', rest)), None) => naive(rest, text),
            (Some(('*', rest)), Some((_, tail))) => naive(rest, text) || naive(pattern, tail),
            (Some(('?', rest)), Some((_, tail))) => naive(rest, tail),
            (Some((c, rest)), Some((d, tail))) => c == d && naive(rest, tail),
            (Some(_), None) => false,
        }
    }

    #[test]
    fn known_patterns_match() {
        for (pattern, text, want) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b", "ab-", false),
            ("a*a", "a", false),
            ("?", "ß", true),
            ("??", "ß", false),
            ("*?", "", false),
            ("db?cred", "db_cred", true),
            ("a.b", "aXb", false),
        ] {
            assert_eq!(Pattern::parse(pattern).matches(text), want, "{pattern} {text}");
        }
    }

    // Backtracking over stars would need years for this one.
    #[test]
    fn many_stars_do_not_explode() {
        let text = "a".repeat(100_000);
        let pattern = Pattern::parse(&"a*".repeat(500));
        assert!(pattern.matches(&text));
        assert!(!Pattern::parse(&format!("{}b", "a*".repeat(500))).matches(&text));
        assert!(!Pattern::parse(&format!("*{}b*", "a".repeat(1_000))).matches(&text));
        assert!(!Pattern::parse(&format!("*{}?b*", "a".repeat(1_000))).matches(&text));
        assert!(!Pattern::parse(&format!("*b{}*", "a?".repeat(3_000))).matches(&text));
        assert!(Pattern::parse(&format!("*{}*", "a?".repeat(3_000))).matches(&text));
    }

    // Stretches longer than one word of the state, with every place tried.
    #[test]
    fn long_stretches_with_ones_are_found_where_they_stand() {
        for length in [1, 63, 64, 65, 128, 200] {
            let stretch = "a?".repeat(length);
            let pattern = Pattern::parse(&format!("*{stretch}c*"));
            let found = format!("b{}c", "ab".repeat(length));
            assert!(pattern.matches(&format!("{found}{}", "ab".repeat(9))), "{length}");
            assert!(!pattern.matches(&found.replace('c', "a")), "{length}");
        }
    }

    proptest! {
        #[test]
        fn globbing_agrees_with_its_definition(pattern in "[ab*?ü]{0,9}", text in "[abü]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let parsed = Pattern::parse(&pattern);
            prop_assert_eq!(parsed.matches(&text), naive(&chars(&pattern), &chars(&text)));
            prop_assert_eq!(Pattern::parse(&parsed.to_string()), parsed);
        }
    }
}
