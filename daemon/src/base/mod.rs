//! The vocabulary every room shares: ids, names, ARNs, secret bytes, time, entropy, limits, the error catalogue.
//!
//! Imports no other room. Everything here is a value or a trait; nothing does IO except the real clock,
//! the real entropy source and the real files, which only `main` builds (law 7).

pub mod answer;
pub mod arn;
#[cfg(feature = "canary-bugs")]
pub mod canary_bugs;
pub mod context;
pub mod denied;
pub mod dialect;
pub mod digest;
pub mod disk;
pub mod entropy;
pub mod error;
pub mod figure;
pub mod format;
pub mod id;
pub mod interval;
pub mod limits;
pub mod memory_file;
pub mod name;
pub mod principal;
pub mod secret;
pub mod spec;
pub mod tag;
pub mod time;

pub use answer::{Answer, SecretText, Value};
pub use arn::Arn;
#[cfg(feature = "canary-bugs")]
pub use canary_bugs::CanaryBug;
pub use context::EncryptionContext;
pub use denied::AccessDenied;
pub use dialect::Dialect;
pub use digest::Digest;
pub use error::{ApiError, Code};
pub use figure::{Distribution, Figure, Histogram};
pub use format::UnknownFormat;
pub use id::{AccessKeyId, AccountId, KeyId, KeyVersionId, LogId, RequestId, Seq, SlotRef};
pub use interval::RotationInterval;
pub use name::{AliasName, Region};
pub use principal::{
    AccountAlias, Folded, GroupId, GroupName, NameFault, PolicyName, PolicyVersion, PrincipalName, RoleId,
    RoleName, SessionName, SourceIdentity, UserId, UserName,
};
pub use secret::SecretBytes;
pub use spec::{KeyOrigin, KeySpec, KeyUsage, ProtectionLevel};
pub use tag::{Tag, TagKey, TagValue};
pub use time::Timestamp;
