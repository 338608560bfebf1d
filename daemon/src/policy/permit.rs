//! The proof that authorization allowed one call.

use crate::base::RequestId;

/// Allows the work of one call. Not `Clone`: it goes with the call, and whoever uses a key takes it.
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    call: RequestId,
}

impl Permit {
    /// Only the policy room issues permits (I1).
    pub(super) const fn issue(call: RequestId) -> Self {
        Self { call }
    }

    /// The call it was issued for.
    pub const fn call(&self) -> RequestId {
        self.call
    }
}
