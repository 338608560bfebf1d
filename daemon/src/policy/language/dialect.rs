//! What the sources leave open, decided here and nowhere else, so that an observation of the real service changes one
//! line and one vector. Authorization reference, sections 1 and 6.

use super::document::DocumentKind;
use super::{Family, Operator};

/// The only version of the language.
pub const VERSION: &str = "1";

/// Longest action pattern, bytes.
pub const ACTION_BYTES_MAX: usize = 256;

/// Longest resource pattern, characters.
pub const RESOURCE_CHARS_MAX: usize = 1_024;

/// Longest Sid, characters. Any text: the documented default Sid, `kms default key policy`, has blanks.
pub const SID_CHARS_MAX: usize = 128;

/// Longest principal, bytes.
pub const PRINCIPAL_BYTES_MAX: usize = 512;

/// Longest name of a condition key, bytes: the longest prefix and a context key.
pub const CONDITION_KEY_BYTES_MAX: usize = 1_024;

/// Most statements of a document.
pub const STATEMENTS_MAX: usize = 100;

/// Most values of one list.
pub const VALUES_MAX: usize = 500;

/// Deepest nesting of a document. The grammar itself ends at six.
pub const DEPTH_MAX: usize = 8;

/// The bare name of an operation that is authorised as two actions, in lower case.
pub const RE_ENCRYPT: &str = "kms:reencrypt";

/// The two actions, in lower case.
pub const RE_ENCRYPT_ACTIONS: [&str; 2] = ["kms:reencryptfrom", "kms:reencryptto"];

/// The only action of a trust policy.
pub const ASSUME_ROLE: &str = "sts:AssumeRole";

/// Services whose condition keys are all known: an unknown key of theirs is a typing error, which in a Deny would be
/// silent. Keys of other services are accepted and never present.
pub const KNOWN_SERVICES: [&str; 6] = ["acs", "kms", "ram", "sts", "actiontrail", "chancery"];

/// The size limit of a document's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextLimit {
    /// Unicode characters.
    Chars(usize),
    /// Bytes of UTF-8.
    Bytes(usize),
}

/// How long a document may be. Counted on the text as received, before parsing.
pub const fn text_limit(kind: DocumentKind) -> TextLimit {
    match kind {
        DocumentKind::Identity => TextLimit::Chars(6_144),
        DocumentKind::Session | DocumentKind::Trust => TextLimit::Chars(2_048),
        DocumentKind::Resource => TextLimit::Bytes(32_768),
    }
}

/// Whether a condition holds when the request has no value for its key, or none that reads in the operator's family:
/// positive operators fail, negated ones hold, so a Deny written with a negated operator fails closed.
pub const fn holds_without_value(operator: Operator) -> bool {
    operator.is_negated()
}

/// Whether a bare JSON number or boolean may stand for its text under operators of this family.
pub const fn takes_bare(family: Family) -> (bool, bool) {
    (matches!(family, Family::Numeric), matches!(family, Family::Bool))
}
