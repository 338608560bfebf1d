//! Request parameters: query and form body, decoded into one map (wire contract, section 1.1).
//!
//! I1  No name occurs twice, over query and form together: what was authorized is what is executed.
//! I2  Names and values are UTF-8; each percent-escape is complete.
//! I3  Limits are checked before memory is set aside; decoding never grows, so one buffer of the encoded size holds all text.
//! I4  The buffer holds plaintexts: it is zeroized on drop, never reallocated, and `Debug` shows names and lengths only.
//!
//! Never: interprets a value beyond its syntax, or puts a value into an error.

use std::fmt;
use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::{Zeroize as _, Zeroizing};

use crate::base::limits::{BODY_BYTES_MAX, PARAMETER_NAME_BYTES_MAX, PARAMETERS_MAX};
use crate::base::{ApiError, Code, EncryptionContext, SecretBytes};

/// The parameters of one request, sorted by name in byte order.
pub struct Params {
    /// All names and values, one after the other.
    text: Zeroizing<String>,
    /// Where they are, sorted by name.
    entries: Vec<Entry>,
}

/// One parameter: `name` is `text[start..middle]`, its value `text[middle..end]`.
#[derive(Clone, Copy)]
struct Entry {
    start: usize,
    middle: usize,
    end: usize,
}

impl Params {
    /// Decodes query string and form body. `+` and `%20` are both a space; a name without `=` has an empty value; empty pieces
    /// (`a=1&&b=2`) are skipped.
    pub fn parse(query: Option<&str>, form: Option<&[u8]>) -> Result<Self, ApiError> {
        let sources = [query.unwrap_or("").as_bytes(), form.unwrap_or(&[])];
        let encoded_len = sources.iter().map(|source| source.len()).sum();
        if encoded_len > BODY_BYTES_MAX {
            return Err(Code::RequestTooLarge.into());
        }
        let mut text = Zeroizing::new(Vec::with_capacity(encoded_len));
        let mut entries = Vec::with_capacity(USUAL_COUNT);
        for source in sources {
            decode(source, &mut text, &mut entries)?;
        }
        debug_assert!(text.len() <= encoded_len, "I3");
        let text = String::from_utf8(std::mem::take(&mut *text)).map_err(|error| {
            error.into_bytes().zeroize();
            Code::UnparsableRequest
        })?;
        let mut params = Self {
            text: Zeroizing::new(text),
            entries,
        };
        params.index()?;
        Ok(params)
    }

    /// The value of a parameter, as sent; empty when it was sent empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self
            .entries
            .binary_search_by(|entry| self.name(*entry).cmp(name))
            .ok()?;
        self.entries.get(found).map(|entry| self.value(*entry))
    }

    /// All parameters, names in byte order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.entries
            .iter()
            .map(|entry| (self.name(*entry), self.value(*entry)))
    }

    /// How many parameters there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sorts the entries and refuses what UTF-8 as a whole did not show: names that occur twice (I1), and characters that
    /// begin in one part and end in the next (I2).
    fn index(&mut self) -> Result<(), ApiError> {
        let text = &self.text;
        let whole = |at: usize| text.is_char_boundary(at);
        if !self
            .entries
            .iter()
            .all(|entry| whole(entry.start) && whole(entry.middle))
        {
            return Err(Code::UnparsableRequest.into());
        }
        let name = |entry: &Entry| text.get(entry.start..entry.middle).unwrap_or_default();
        self.entries.sort_unstable_by(|a, b| name(a).cmp(name(b)));
        let twice = self.entries.windows(2).find_map(|pair| match pair {
            [a, b] if name(a) == name(b) => Some(name(a)),
            _ => None,
        });
        match twice {
            None => Ok(()),
            Some(name)
                if name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) =>
            {
                Err(ApiError::invalid_because(name, "it occurs more than once"))
            }
            Some(_) => Err(Code::InvalidParameter.into()),
        }
    }

    fn name(&self, entry: Entry) -> &str {
        self.text.get(entry.start..entry.middle).unwrap_or_default()
    }

    fn value(&self, entry: Entry) -> &str {
        self.text.get(entry.middle..entry.end).unwrap_or_default()
    }
}

/// The readers that handlers use. Each names the parameter in its error, and never the value. An optional parameter that was
/// sent empty counts as absent: no operation gives the empty text a meaning but one, and that one uses `get`.
impl Params {
    /// The value, if there is one.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// The value, which must be there.
    pub fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.optional(name).ok_or_else(|| ApiError::missing(name))
    }

    /// The value as `parse` reads it, if there is one.
    pub fn optional_as<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let parsed = self
            .optional(name)
            .map(|value| parse(value).ok_or_else(|| ApiError::invalid(name)));
        parsed.transpose()
    }

    /// The value as `parse` reads it.
    pub fn required_as<T>(&self, name: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, ApiError> {
        parse(self.required(name)?).ok_or_else(|| ApiError::invalid(name))
    }

    /// A text of at most `chars_max` characters.
    pub fn optional_text(&self, name: &str, chars_max: usize) -> Result<Option<&str>, ApiError> {
        self.optional(name)
            .map(|value| within(name, value, chars_max))
            .transpose()
    }

    /// A text of at most `chars_max` characters, which must be there.
    pub fn required_text(&self, name: &str, chars_max: usize) -> Result<&str, ApiError> {
        within(name, self.required(name)?, chars_max)
    }

    /// A whole number in decimal digits.
    pub fn optional_integer(&self, name: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, ApiError> {
        self.optional(name)
            .map(|value| integer(name, value, range))
            .transpose()
    }

    /// A whole number in decimal digits, which must be there.
    pub fn required_integer(&self, name: &str, range: RangeInclusive<u64>) -> Result<u64, ApiError> {
        integer(name, self.required(name)?, range)
    }

    /// `true` or `false` in any case.
    pub fn optional_bool(&self, name: &str) -> Result<Option<bool>, ApiError> {
        self.optional(name).map(|value| boolean(name, value)).transpose()
    }

    /// `true` or `false` in any case, which must be there.
    pub fn required_bool(&self, name: &str) -> Result<bool, ApiError> {
        boolean(name, self.required(name)?)
    }

    /// Secret bytes in Base64 (standard alphabet, padded), at most `bytes_max` of them.
    pub fn required_bytes_base64(&self, name: &str, bytes_max: usize) -> Result<SecretBytes, ApiError> {
        base64(name, self.required(name)?, bytes_max).map(SecretBytes::new)
    }

    /// Secret bytes in Base64, if there are any.
    pub fn optional_bytes_base64(
        &self,
        name: &str,
        bytes_max: usize,
    ) -> Result<Option<SecretBytes>, ApiError> {
        let bytes = self
            .optional(name)
            .map(|value| base64(name, value, bytes_max).map(SecretBytes::new));
        bytes.transpose()
    }

    /// Bytes in Base64 that are not secret: ciphertext, signatures, digests.
    pub fn required_blob_base64(&self, name: &str, bytes_max: usize) -> Result<Vec<u8>, ApiError> {
        base64(name, self.required(name)?, bytes_max)
    }

    /// An EncryptionContext; absent is empty.
    pub fn context(&self, name: &str) -> Result<EncryptionContext, ApiError> {
        self.optional_as(name, EncryptionContext::parse)
            .map(Option::unwrap_or_default)
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(name, value)| (name, value.len())))
            .finish()
    }
}

fn within<'a>(name: &str, value: &'a str, chars_max: usize) -> Result<&'a str, ApiError> {
    if value.len() > chars_max && value.chars().count() > chars_max {
        return Err(ApiError::invalid_because(
            name,
            &format!("at most {chars_max} characters are allowed"),
        ));
    }
    Ok(value)
}

fn integer(name: &str, value: &str, range: RangeInclusive<u64>) -> Result<u64, ApiError> {
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    let number = value
        .parse()
        .ok()
        .filter(|number| digits && range.contains(number));
    number.ok_or_else(|| {
        let expected = format!(
            "it must be a whole number from {} to {}",
            range.start(),
            range.end()
        );
        ApiError::invalid_because(name, &expected)
    })
}

fn boolean(name: &str, value: &str) -> Result<bool, ApiError> {
    if value.eq_ignore_ascii_case("true") {
        Ok(true)
    } else if value.eq_ignore_ascii_case("false") {
        Ok(false)
    } else {
        Err(ApiError::invalid_because(name, "it must be true or false"))
    }
}

/// Decodes strictly: no white space, no missing padding, no bits behind the end. The one text for all faults says nothing
/// about the bytes; the size is checked before memory is set aside, and memory is set aside once.
fn base64(name: &str, value: &str, bytes_max: usize) -> Result<Vec<u8>, ApiError> {
    let too_long = || ApiError::invalid_because(name, &format!("at most {bytes_max} bytes are allowed"));
    if value.len() > bytes_max.div_ceil(3).saturating_mul(4) {
        return Err(too_long());
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(value.len()));
    if STANDARD.decode_vec(value, &mut bytes).is_err() {
        return Err(ApiError::invalid_because(name, "it must be Base64"));
    }
    if bytes.len() > bytes_max {
        return Err(too_long());
    }
    Ok(std::mem::take(&mut *bytes))
}

/// Decodes one source into `text` and notes where its parameters are.
fn decode(source: &[u8], text: &mut Vec<u8>, entries: &mut Vec<Entry>) -> Result<(), ApiError> {
    let mut rest = source;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(b"&") {
            rest = after;
            continue;
        }
        let start = text.len();
        let ended;
        (ended, rest) = decode_part(rest, text, true)?;
        let middle = text.len();
        if ended == Some(b'=') {
            (_, rest) = decode_part(rest, text, false)?;
        }
        if middle == start {
            return Err(Code::UnparsableRequest.into());
        }
        if middle - start > PARAMETER_NAME_BYTES_MAX || entries.len() == PARAMETERS_MAX {
            return Err(Code::RequestTooLarge.into());
        }
        let end = text.len();
        entries.push(Entry { start, middle, end });
    }
    Ok(())
}

/// Decodes up to `&`, in a name also up to `=`. Gives the byte that ended it and what follows that byte.
fn decode_part<'a>(
    source: &'a [u8],
    text: &mut Vec<u8>,
    in_name: bool,
) -> Result<(Option<u8>, &'a [u8]), ApiError> {
    let mut rest = source;
    loop {
        let special = |b: &u8| matches!(b, b'%' | b'+' | b'&') || (in_name && *b == b'=');
        let plain_len = rest.iter().position(special).unwrap_or(rest.len());
        let (plain, tail) = rest.split_at_checked(plain_len).unwrap_or((rest, &[]));
        text.extend_from_slice(plain);
        rest = match tail {
            [] => return Ok((None, tail)),
            [b'+', after @ ..] => {
                text.push(b' ');
                after
            }
            [b'%', high, low, after @ ..] => {
                let (high, low) = hex_value(*high)
                    .zip(hex_value(*low))
                    .ok_or(Code::UnparsableRequest)?;
                text.push(high << 4 | low);
                after
            }
            [b'%', ..] => return Err(Code::UnparsableRequest.into()),
            [end, after @ ..] => return Ok((Some(*end), after)),
        };
    }
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Parameters of a usual request; more cost one reallocation of positions, never of text.
const USUAL_COUNT: usize = 24;

#[cfg(test)]
mod tests;
