//! What a build says of a format that it does not know: one text for everything that is stored.

use std::borrow::Cow;
use std::fmt;

/// Something stored in a format that this build does not know.
///
/// The rule behind it (daemon/formats/README.md): what is stored names its format before anything else that could be
/// read differently, so a build that is too old can say which one it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownFormat {
    /// What it is: `the vault`.
    pub what: Cow<'static, str>,
    /// The format it names.
    pub found: u32,
    /// The newest format that this build knows.
    pub known: u32,
    /// The software that wrote it, where it says so.
    pub by: Option<String>,
}

impl UnknownFormat {
    /// Nothing is known of the software that wrote it.
    pub const fn new(what: &'static str, found: u32, known: u32) -> Self {
        Self {
            what: Cow::Borrowed(what),
            found,
            known,
            by: None,
        }
    }
}

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            found,
            known,
            by,
        } = self;
        write!(f, "{what} has format {found}, and this build ({SOFTWARE}) knows ")?;
        match known {
            1 => f.write_str("format 1")?,
            more => write!(f, "formats 1 to {more}")?,
        }
        match by {
            Some(by) => write!(f, ": it was written by {by}; use that version, or a newer one"),
            None => f.write_str(": use the version of chancery that wrote it, or a newer one"),
        }
    }
}

impl std::error::Error for UnknownFormat {}

/// This build, as it names itself in what it writes.
pub const SOFTWARE: &str = concat!("chancery ", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_both_versions_and_the_way_out() {
        let unknown = UnknownFormat::new("the vault", 2, 1);
        assert_eq!(
            unknown.to_string(),
            format!(
                "the vault has format 2, and this build ({SOFTWARE}) knows format 1: \
                 use the version of chancery that wrote it, or a newer one"
            )
        );
        let signed = UnknownFormat {
            by: Some("chancery 9.1.0".into()),
            ..UnknownFormat::new("the data directory", 4, 3)
        };
        assert_eq!(
            signed.to_string(),
            format!(
                "the data directory has format 4, and this build ({SOFTWARE}) knows formats 1 to 3: \
                 it was written by chancery 9.1.0; use that version, or a newer one"
            )
        );
    }
}
