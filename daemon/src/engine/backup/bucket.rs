//! A bucket of an object store that speaks the S3 protocol: AWS, Alibaba OSS, MinIO and others. Where it is and who we are
//! there is said by the usual variables: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION,
//! AWS_ENDPOINT_URL, AWS_VIRTUAL_HOSTED_STYLE_REQUEST.

use std::future::Future;

use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt};

use super::depot::{Depot, DepotError, Object};
use crate::base::limits;

/// The bucket, and the thread's own runtime to speak to it.
#[derive(Debug)]
pub(super) struct Bucket {
    store: AmazonS3,
    prefix: String,
    runtime: tokio::runtime::Runtime,
}

impl Bucket {
    /// The bucket that `rest` names as `BUCKET/PREFIX`; `place` is the whole of what was said.
    pub(super) fn open(place: &str, rest: &str) -> Result<Self, DepotError> {
        let unusable = |reason: String| DepotError::Place {
            place: place.to_owned(),
            reason,
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(unusable("it names no bucket".to_owned()));
        }
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
        let endpoint = |name| std::env::var(name).is_ok_and(|url: String| url.starts_with("http://"));
        // An operator who names an http:// endpoint means it; objects are sealed and requests signed all the same.
        if endpoint("AWS_ENDPOINT_URL") || endpoint("AWS_ENDPOINT") || endpoint("AWS_ENDPOINT_URL_S3") {
            builder = builder.with_allow_http(true);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let prefix = prefix.trim_matches('/');
        Ok(Self {
            store: builder.build().map_err(|error| unusable(error.to_string()))?,
            prefix: if prefix.is_empty() {
                String::new()
            } else {
                format!("{prefix}/")
            },
            runtime: runtime.map_err(|error| unusable(error.to_string()))?,
        })
    }

    fn path(&self, name: &str) -> Path {
        Path::from(format!("{}{name}", self.prefix))
    }

    fn wait<T>(
        &self,
        action: &'static str,
        name: &str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, DepotError> {
        self.runtime.block_on(work).map_err(|error| match error {
            Error::NotFound { .. } => DepotError::Missing(name.to_owned()),
            error => DepotError::Failed {
                action,
                name: name.to_owned(),
                reason: reason(&error.to_string(), &|name| std::env::var_os(name).is_some()),
            },
        })
    }
}

/// What a failure is likely to come from, and the store's own words.
fn reason(error: &str, is_set: &dyn Fn(&str) -> bool) -> String {
    let ways = [
        "AWS_ACCESS_KEY_ID",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ];
    match ways.iter().any(|name| is_set(name)) {
        true => error.to_owned(),
        false => format!("no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY ({error})"),
    }
}

impl Depot for Bucket {
    fn list(&self, prefix: &str) -> Result<Vec<Object>, DepotError> {
        let path = self.path(prefix);
        let below = (!path.as_ref().is_empty()).then_some(&path);
        let objects = self.store.list(below).take(limits::BACKUP_OBJECTS_MAX + 1);
        let found: Vec<_> = self.wait("list", prefix, objects.try_collect())?;
        if found.len() > limits::BACKUP_OBJECTS_MAX {
            return Err(DepotError::TooMany(limits::BACKUP_OBJECTS_MAX));
        }
        let ours = found.into_iter().filter_map(|meta| {
            let name = meta.location.as_ref().strip_prefix(&self.prefix)?.to_owned();
            Some(Object {
                name,
                bytes: meta.size,
            })
        });
        Ok(ours.collect())
    }

    fn get(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, DepotError> {
        let too_large = |bytes| DepotError::TooLarge {
            name: name.to_owned(),
            bytes,
            max: bytes_max,
        };
        let got = self.wait("read", name, self.store.get(&self.path(name)))?;
        let announced = got.meta.size;
        if announced > bytes_max {
            return Err(too_large(announced));
        }
        let mut stream = got.into_stream();
        let mut content = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
        // A store that sends more than it announced is not believed either.
        while let Some(part) = self.wait("read", name, stream.try_next())? {
            if (content.len() + part.len()) as u64 > bytes_max {
                return Err(too_large((content.len() + part.len()) as u64));
            }
            content.extend_from_slice(&part);
        }
        Ok(content)
    }

    fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), DepotError> {
        self.wait("write", name, self.store.put(&self.path(name), bytes.into()))
            .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_gives_no_credentials_is_told_which() {
        let said = reason("Generic S3 error", &|_| false);
        assert!(
            said.contains("AWS_ACCESS_KEY_ID") && said.contains("Generic S3 error"),
            "{said}"
        );
        assert_eq!(
            reason("Generic S3 error", &|name| name == "AWS_ACCESS_KEY_ID"),
            "Generic S3 error"
        );
    }
}
