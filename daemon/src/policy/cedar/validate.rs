//! The last look at a document before it is stored.

use std::sync::Arc;

use cedar_policy::ValidationMode;

use super::compiled::{Compiled, Named};
use super::schema::validator;
use crate::policy::language::Document;

/// Cedar does not accept a translation: a fault of the translation, never of the document's author.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the translation of a policy is refused by Cedar: {0}")]
pub struct Invalid(String);

/// Validates strictly, against the schema. Asked when a document is written, not when it is used: a failure leaves the
/// old version in force and is answered as an internal error.
pub fn validate(document: &Arc<Document>) -> Result<(), Invalid> {
    let set = Compiled::new([Named {
        name: "document".into(),
        document: Arc::clone(document),
    }]);
    let validator = validator().map_err(|fault| Invalid(fault.to_owned()))?;
    let whole = set.whole();
    if whole.broken {
        return Err(Invalid("a statement has no form in Cedar".to_owned()));
    }
    let result = validator.validate(&whole.policies, ValidationMode::Strict);
    let first = result.validation_errors().next().map(ToString::to_string);
    first.map_or(Ok(()), |fault| Err(Invalid(fault)))
}
