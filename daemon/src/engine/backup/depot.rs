//! Where backups are kept: named objects, each written whole or not at all.

use std::fmt::Debug;

use super::directory::Directory;

/// A place for objects. Names are made of `a-z`, `0-9`, `-`, `.` and `/`.
pub trait Depot: Debug {
    /// The objects whose names begin with `prefix`, which ends a part of a name or is empty. In no order.
    fn list(&self, prefix: &str) -> Result<Vec<Object>, DepotError>;

    /// An object's bytes; more than `bytes_max` of them are refused before they are read.
    fn get(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, DepotError>;

    /// Keeps an object. On return it survives power loss, as far as the place can promise that.
    fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), DepotError>;
}

/// An object that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
}

/// Why the place did not do it.
#[derive(Debug, thiserror::Error)]
pub enum DepotError {
    /// The place as it was named is none.
    #[error("`{place}` is no place for backups: {reason}")]
    Place {
        /// What was named.
        place: String,
        /// Why not.
        reason: String,
    },
    /// There is no such object.
    #[error("`{0}` is not there")]
    Missing(String),
    /// There is something, and it is no file.
    #[error("`{0}` is not a regular file: links and pipes in a place for backups are not followed")]
    NoFile(String),
    /// An object is larger than any of its kind.
    #[error("`{name}` has {bytes} bytes, more than the {max} that one may have")]
    TooLarge {
        /// Its name.
        name: String,
        /// Its length.
        bytes: u64,
        /// What is allowed.
        max: u64,
    },
    /// There are too many objects to look at.
    #[error("there are more than {0} objects: name a directory or prefix for these backups alone")]
    TooMany(usize),
    /// The place's own reason.
    #[error("can't {action} `{name}`: {reason}")]
    Failed {
        /// What was tried.
        action: &'static str,
        /// On what.
        name: String,
        /// Why it failed.
        reason: String,
    },
}

/// Opens the place that `text` names: a directory, or `s3://BUCKET/PREFIX`. With `create`, a missing directory is made.
pub fn open(text: &str, create: bool) -> Result<Box<dyn Depot>, DepotError> {
    match text.split_once("://") {
        None => Ok(Box::new(Directory::open(text.as_ref(), create)?)),
        Some(("s3", rest)) => bucket(text, rest),
        Some(_) => Err(DepotError::Place {
            place: text.to_owned(),
            reason: "backups go to a directory or to s3://BUCKET/PREFIX".to_owned(),
        }),
    }
}

#[cfg(feature = "object-storage")]
fn bucket(text: &str, rest: &str) -> Result<Box<dyn Depot>, DepotError> {
    Ok(Box::new(super::bucket::Bucket::open(text, rest)?))
}

#[cfg(not(feature = "object-storage"))]
fn bucket(text: &str, _: &str) -> Result<Box<dyn Depot>, DepotError> {
    Err(DepotError::Place {
        place: text.to_owned(),
        reason: "this chancery was built without object storage".to_owned(),
    })
}
