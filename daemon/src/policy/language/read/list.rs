//! Texts and lists of texts: a single value and a one-element array mean the same.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};

use super::{Reader, Step};
use crate::policy::language::dialect;

/// One text; the words say what for.
pub(super) struct Text(pub(super) &'static str);

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Box<str>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Text {
    type Value = Box<str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(text.into())
    }
}

/// Which bare JSON values may stand for their text.
#[derive(Clone, Copy, Default)]
pub(super) struct Bare {
    pub(super) numbers: bool,
    pub(super) flags: bool,
}

/// A text or an array of texts, each read by `read` as it comes; never empty.
pub(super) struct List<'r, F> {
    pub(super) reader: &'r Reader,
    pub(super) what: &'static str,
    pub(super) bare: Bare,
    pub(super) read: F,
}

impl<'de, T, F: FnMut(&str) -> Result<T, String>> DeserializeSeed<'de> for List<'_, F> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<F> List<'_, F> {
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let also = match (self.bare.numbers, self.bare.flags) {
            (true, _) => " or number",
            (_, true) => " or boolean",
            (false, false) => "",
        };
        write!(f, "{}, a string{also} or an array of them", self.what)
    }
}

macro_rules! scalars {
    () => {
        fn visit_str<E: serde::de::Error>(mut self, text: &str) -> Result<Self::Value, E> {
            self.take(text)
        }

        fn visit_bool<E: serde::de::Error>(mut self, flag: bool) -> Result<Self::Value, E> {
            match self.bare().flags {
                true => self.take(if flag { "true" } else { "false" }),
                false => Err(E::invalid_type(serde::de::Unexpected::Bool(flag), &self)),
            }
        }

        fn visit_u64<E: serde::de::Error>(mut self, number: u64) -> Result<Self::Value, E> {
            match self.bare().numbers {
                true => self.take(&number.to_string()),
                false => Err(E::invalid_type(
                    serde::de::Unexpected::Unsigned(number),
                    &self,
                )),
            }
        }

        fn visit_i64<E: serde::de::Error>(mut self, number: i64) -> Result<Self::Value, E> {
            match self.bare().numbers {
                true => self.take(&number.to_string()),
                false => Err(E::invalid_type(
                    serde::de::Unexpected::Signed(number),
                    &self,
                )),
            }
        }

        // Exact: `inexact_number` let only fractions of at most 15 digits pass, and those print as they were written.
        fn visit_f64<E: serde::de::Error>(mut self, number: f64) -> Result<Self::Value, E> {
            match self.bare().numbers {
                true => self.take(&number.to_string()),
                false => Err(E::invalid_type(serde::de::Unexpected::Float(number), &self)),
            }
        }
    };
}

impl<T, F: FnMut(&str) -> Result<T, String>> List<'_, F> {
    const fn bare(&self) -> Bare {
        self.bare
    }

    fn take<E: serde::de::Error>(&mut self, text: &str) -> Result<Vec<T>, E> {
        (self.read)(text)
            .map(|value| vec![value])
            .map_err(|fault| self.reader.refuse(fault))
    }
}

impl<'de, T, F: FnMut(&str) -> Result<T, String>> Visitor<'de> for List<'_, F> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Self::expecting(self, f)
    }

    scalars!();

    fn visit_seq<S: SeqAccess<'de>>(mut self, mut items: S) -> Result<Self::Value, S::Error> {
        let mut values = Vec::new();
        loop {
            self.reader.enter(Step::Item(values.len()));
            match items.next_element_seed(Item(&mut self))? {
                Some(_) if values.len() >= dialect::VALUES_MAX => {
                    return Err(self
                        .reader
                        .refuse(format_args!("more than {} values", dialect::VALUES_MAX)));
                }
                Some(value) => values.push(value),
                None => break,
            }
            self.reader.leave();
        }
        self.reader.leave();
        if values.is_empty() {
            return Err(self.reader.refuse("the list is empty"));
        }
        Ok(values)
    }
}

/// One item of a list.
struct Item<'l, 'r, F>(&'l mut List<'r, F>);

impl<T, F: FnMut(&str) -> Result<T, String>> Item<'_, '_, F> {
    const fn bare(&self) -> Bare {
        self.0.bare
    }

    fn take<E: serde::de::Error>(&mut self, text: &str) -> Result<T, E> {
        (self.0.read)(text).map_err(|fault| self.0.reader.refuse(fault))
    }
}

impl<'de, T, F: FnMut(&str) -> Result<T, String>> DeserializeSeed<'de> for Item<'_, '_, F> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<T, F: FnMut(&str) -> Result<T, String>> Visitor<'_> for Item<'_, '_, F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    scalars!();
}
