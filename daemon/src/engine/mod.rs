//! The room where the others meet: a call becomes an event, an event becomes state, and only then there is an answer.
//!
//! I1  One writer owns the order. `Writer::step` is a plain function of its inputs: threads, tokio and the store only
//!     drive it, so the simulation can.
//! I2  An answer leaves sealed and is opened by the receipt of its own event (law 1).
//! I3  A call whose read set no longer holds at its place in the order runs again, from authorization on (law 3).
//! I4  `Published::durable` is never ahead of the disk; whatever leaves without a receipt reads it.
//!
//! Never: speaks a protocol, knows an algorithm, decides a rule.

mod access_keys;
pub mod admission;
pub mod anchoring;
pub mod backup;
pub mod boot;
mod boot_error;
mod boot_format;
mod boot_tail;
pub mod call;
pub mod cipher;
pub mod clock;
pub mod diagnosis;
pub mod epoch;
mod evidence;
pub mod figures;
pub mod founding;
pub mod home;
pub mod housekeeping;
mod last_used;
mod local;
mod log_key;
pub mod offline;
pub mod prepare;
mod principal;
pub mod published;
pub mod query;
mod recent;
pub mod refusals;
mod rehearsal;
pub mod reserve;
pub mod service;
pub mod temporary;
pub mod tools;
pub mod twin;
mod upgrade;
pub mod writer;

// What the api room needs of the rooms below; it imports none of them itself.
pub use crate::crypto::pool::Lane;
pub use crate::domain::account::{CreateAccount, DeleteRootKey, RotateRootKey};
pub use crate::domain::alias::{CreateAlias, DeleteAlias, UpdateAlias};
pub use crate::domain::client_token::ClientToken;
pub use crate::domain::key::{CreateKey, CreateUnsupportedKey, DescribeAs, ProtectFromDeletion};
pub use crate::domain::key_policy::SetKeyPolicy;
pub use crate::domain::lifecycle::{ChangeLifecycle, Transition};
pub use crate::domain::log_key::RotateLogKey;
pub use crate::domain::ram::access_key::{CreateAccessKey, DeleteAccessKey, KeyOwner, UpdateAccessKey};
pub use crate::domain::ram::alias::SetAccountAlias;
pub use crate::domain::ram::attachment::{AttachPolicy, DetachPolicy};
pub use crate::domain::ram::group::{
    AddUserToGroup, CreateGroup, DeleteGroup, RemoveUserFromGroup, UpdateGroup,
};
pub use crate::domain::ram::holder::HolderName;
pub use crate::domain::ram::policy::{
    CreatePolicy, CreatePolicyVersion, DeletePolicy, DeletePolicyVersion, DescribePolicyAs,
    SetDefaultPolicyVersion,
};
pub use crate::domain::ram::role::{CreateRole, DeleteRole, UpdateRole};
pub use crate::domain::ram::tags::{TagIdentities, TaggedNames, UntagIdentities};
pub use crate::domain::ram::user::{CreateUser, DeleteUser, UpdateUser};
pub use crate::domain::rotation::UpdateRotationPolicy;
pub use crate::domain::sts::AssumeRole;
pub use crate::domain::system::AcceptClock;
pub use crate::domain::tags::{TagKeys, UntagKeys};
pub use crate::domain::{KeyRef, Refusal, Scope};
pub use crate::event::{Actor, ActorKind, Element, Origin, PolicyRef, Recorded};
pub use crate::policy::language::DocumentKind;
pub use crate::policy::simulate::{Simulation, Who};
pub use call::{Call, Class, Work};
pub use figures::{Figures, Unready};
pub use last_used::LastUsed;
pub use local::LocalPrincipal;
pub use service::{Answered, Engine, Reply};

use crate::policy::language::{Document, Fault};

/// Whether a policy reads; nothing that does not is ever stored.
pub fn check_policy(kind: DocumentKind, text: &str) -> Result<(), Fault> {
    Document::parse(kind, text).map(drop)
}
