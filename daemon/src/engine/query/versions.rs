//! DescribeKeyVersion and ListKeyVersions.

use super::page::Page;
use crate::base::{Answer, ApiError, Arn, Code, KeyVersionId};
use crate::domain::{KeyRef, Scope, Unresolved};
use crate::engine::call::{Done, Query};
use crate::engine::tools::Tools;
use crate::event::{Element, Recorded};
use crate::projection::{Key, KeyVersion, Reader, State};

/// One version of a key.
#[derive(Debug)]
pub struct DescribeKeyVersion {
    /// The key.
    pub key: KeyRef,
    /// The version; none when what was asked for can be no version.
    pub version: Option<KeyVersionId>,
}

impl Query for DescribeKeyVersion {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![scope.key_arn(self.key.resolve(scope, reader)?.id)])
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let key = self
            .key
            .resolve(scope, &Reader::new(state))
            .map_err(|unresolved| unresolved.refusal)?;
        let version = self
            .version
            .and_then(|id| key.version(id))
            .ok_or(Code::KeyVersionNotFound)?;
        let mut recorded = Recorded::default();
        recorded.insert("KeyId", Element::text(&key.id.to_string()));
        Ok(Done {
            answer: Answer::new().with("KeyVersion", shown(&key, version)),
            recorded,
            blob: None,
        })
    }
}

/// The versions of a key, newest first.
#[derive(Debug)]
pub struct ListKeyVersions {
    /// The key.
    pub key: KeyRef,
    /// Which page of them.
    pub page: Page,
}

impl Query for ListKeyVersions {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![scope.key_arn(self.key.resolve(scope, reader)?.id)])
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let key = self
            .key
            .resolve(scope, &Reader::new(state))
            .map_err(|unresolved| unresolved.refusal)?;
        let (versions, total) = self.page.cut(key.versions.iter().rev());
        let listed = versions.len();
        let items = versions.into_iter().map(|version| shown(&key, version));
        Ok(self.page.end(
            Answer::new().list("KeyVersions", "KeyVersion", items),
            listed,
            total,
        ))
    }
}

fn shown(key: &Key, version: &KeyVersion) -> Answer {
    Answer::new()
        .text("CreationDate", version.at.to_string())
        .text("KeyId", key.id.to_string())
        .text("KeyVersionId", version.id.to_string())
}
