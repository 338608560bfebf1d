//! What a start says of a format that it does not know: that alone, not the way out of damage. `log rebuild` would derive rows
//! that the build which wrote them can't read, and an anchor of a newer format is not lost.

use super::boot::BootError;
use crate::ledger::anchor::AnchorError;
use crate::projection::LoadError;

impl From<AnchorError> for BootError {
    fn from(error: AnchorError) -> Self {
        match error {
            AnchorError::Format(unknown) => Self::Format(unknown),
            other => Self::Anchor(other),
        }
    }
}

impl From<LoadError> for BootError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Format(unknown) => Self::Format(unknown),
            other => Self::Rows(other),
        }
    }
}
