//! The proof that authorization allowed one call.

use std::borrow::Cow;

use crate::base::RequestId;

/// Allows the work of one call. Not `Clone`: it goes with the call, and whoever uses a key takes it.
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    call: RequestId,
    by: Vec<Cow<'static, str>>,
}

impl Permit {
    /// Only the policy room issues permits (I1).
    pub(super) const fn issue(call: RequestId, by: Vec<Cow<'static, str>>) -> Self {
        Self { call, by }
    }

    /// The call it was issued for.
    pub const fn call(&self) -> RequestId {
        self.call
    }

    /// The statements that allowed the call, as the event records them.
    pub fn by(&self) -> &[Cow<'static, str>] {
        &self.by
    }
}
