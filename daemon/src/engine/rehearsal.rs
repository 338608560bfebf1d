//! What becomes of a call that only asks whether it would succeed.

use crate::base::{Answer, ApiError, Code};
use crate::event::{Change, Recorded};

/// The outcome of a call that only asked whether it would succeed: never a success, never a change.
pub(super) fn rehearsed(
    result: Result<(Answer, Recorded), ApiError>,
    changes: &mut Vec<Change>,
) -> Result<(Answer, Recorded), ApiError> {
    #[cfg(feature = "canary-bugs")]
    if crate::base::CanaryBug::DryRunActs.is_planted() {
        return result;
    }
    changes.clear();
    Err(match result {
        Ok(_) => Code::DryRunPassed.into(),
        Err(error) => match error.code {
            Code::NoPermission => Code::DryRunDenied.into(),
            Code::InvalidParameter | Code::MissingParameter => ApiError {
                code: Code::DryRunInvalid,
                part: None,
                ..error
            },
            _ => error,
        },
    })
}
