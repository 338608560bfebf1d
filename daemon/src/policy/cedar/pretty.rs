//! The Cedar text of a document, laid out for people.

use std::sync::Arc;

use cedar_policy_formatter::{Config, policies_str_to_pretty};

use super::compiled::{Compiled, Named};
use crate::policy::language::Document;

/// Cedar does not read what was printed: a fault of the translation.
#[derive(Debug, thiserror::Error)]
#[error("Cedar does not read the translation of a policy: {0}")]
pub struct Unreadable(String);

/// A policy for each statement that is about an action of the catalogue; a comment if there is none.
pub fn pretty(name: &str, document: Document) -> Result<String, Unreadable> {
    let set = Compiled::new([Named {
        name: name.into(),
        document: Arc::new(document),
    }]);
    let policies = set.to_cedar();
    if policies.is_empty() {
        return Ok("// no statement is about an action of this daemon\n".to_owned());
    }
    let layout = Config {
        line_width: 110,
        indent_width: 2,
    };
    let text = policies_str_to_pretty(&policies.join("\n\n"), &layout)
        .map_err(|fault| Unreadable(fault.to_string()))?;
    Ok(format!("{}\n", text.trim_end()))
}
