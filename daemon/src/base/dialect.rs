//! What products call the same fault. The rooms below the wire know one catalogue; a product that has its own word for a
//! fault (wire contract of RAM, STS and ActionTrail, section 1.3) gets it where its answer is written.

use super::{ApiError, Code};

/// The words of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// KMS, and what is this daemon's own.
    Kms,
    /// RAM, STS and ActionTrail.
    Ram,
}

impl Dialect {
    /// The product's word for a code of the catalogue.
    pub const fn code(self, code: Code) -> Code {
        match (self, code) {
            (Self::Ram, Code::NoPermission) => Code::RamNoPermission,
            (Self::Ram, Code::InactiveAccessKey) => Code::RamInactiveAccessKey,
            (Self::Ram, Code::Throttled) => Code::RamThrottled,
            (Self::Ram, Code::Internal) => Code::RamInternal,
            (Self::Ram, Code::Unavailable) => Code::RamUnavailable,
            (Self::Ram | Self::Kms, code) => code,
        }
    }

    /// The product's word for an error. A text that says more than the catalogue's stays.
    #[must_use]
    pub fn word(self, error: ApiError) -> ApiError {
        let code = self.code(error.code);
        let message = if error.message == error.code.text() {
            code.text().into()
        } else {
            error.message
        };
        ApiError {
            code,
            message,
            ..error
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_product_has_its_own_word_and_texts_that_say_more_stay() {
        let said = |error: ApiError| Dialect::Ram.word(error);
        assert_eq!(said(Code::NoPermission.into()), Code::RamNoPermission.into());
        let more = ApiError::with_message(Code::NoPermission, "because");
        assert_eq!(said(more).to_string(), "NoPermission: because");
        let kept = ApiError::invalid_part("UserName.Length", "it is too long");
        assert_eq!(said(kept.clone()), kept);
        for code in Code::ALL {
            assert_eq!(Dialect::Kms.word((*code).into()), (*code).into());
            assert_eq!(Dialect::Ram.code(*code).retry(), code.retry(), "{code}");
        }
    }
}
