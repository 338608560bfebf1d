//! How a row is encoded, format by format. Which one is in force is part of the state: the log's own row names it.
//!
//! That one row keeps the first encoding in every format, so that it can be read before the format is known.
//! A format that was in force stays here for ever: a replay makes its bytes again (I2).

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::base::UnknownFormat;
use crate::event::RowFormat;
use crate::event::codec::{self, DecodeError};

/// Encodes a row.
pub(super) fn encode<T: Serialize>(format: RowFormat, row: &T) -> Vec<u8> {
    match format.number() {
        #[cfg(test)]
        2 => [tests::MARK, &codec::encode(row)].concat(),
        _ => codec::encode(row),
    }
}

/// Decodes a row strictly, as `encode` would have written it.
pub(super) fn decode<T: Serialize + DeserializeOwned>(
    format: RowFormat,
    bytes: &[u8],
) -> Result<T, DecodeError> {
    match format.number() {
        #[cfg(test)]
        2 => match bytes.strip_prefix(tests::MARK) {
            Some(row) => codec::decode_row(row),
            None => Err(DecodeError::NotCanonical),
        },
        _ => codec::decode_row(bytes),
    }
}

/// The format that the log's own row names; an error when this build does not know it. What is no such row names none:
/// decoding it will say so.
pub(super) fn named_by(log_row: &[u8]) -> Result<(), UnknownFormat> {
    /// The one field that every version of that row has, or leaves out for the first format.
    #[derive(Deserialize)]
    struct Named {
        rows: u8,
    }
    match ciborium::from_reader::<Named, _>(log_row) {
        Ok(Named { rows }) => RowFormat::try_from(rows).map(drop),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
