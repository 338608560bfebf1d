//! The Condition element: operators, each with its keys, each with its values.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::list::{Bare, List};
use super::{Reader, Step, cut};
use crate::policy::language::{Condition, ConditionKey, Operator, Values, dialect};

pub(super) struct ConditionSeed<'r>(pub(super) &'r Reader);

impl<'de> DeserializeSeed<'de> for ConditionSeed<'_> {
    type Value = Vec<Condition>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ConditionSeed<'_> {
    type Value = Vec<Condition>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of operators")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let reader = self.0;
        let mut conditions: Vec<Condition> = Vec::new();
        let mut seen = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let Some(operator) = Operator::parse(&name) else {
                return Err(unknown(reader, &name));
            };
            if seen.contains(&operator) {
                return Err(reader.repeated(&name));
            }
            seen.push(operator);
            conditions.extend(reader.element(&mut map, &name, KeysSeed { reader, operator })?);
        }
        if conditions.is_empty() {
            return Err(reader.refuse("`Condition` is empty; leave it out to mean `always`"));
        }
        Ok(conditions)
    }
}

fn unknown<E: serde::de::Error>(reader: &Reader, name: &str) -> E {
    let shown = cut(name);
    if name.ends_with("IfExists") || name == "Null" {
        return reader.refuse(format_args!(
            "`{shown}`: the language has no IfExists and no Null"
        ));
    }
    if name.starts_with("ForAnyValue:") || name.starts_with("ForAllValues:") {
        return reader.refuse(format_args!("`{shown}`: the language has no set operators"));
    }
    let alike = Operator::ALL
        .iter()
        .find(|operator| operator.name().eq_ignore_ascii_case(name));
    match alike {
        Some(operator) => reader.refuse(format_args!("`{shown}` is no operator; write `{operator}`")),
        None => reader.refuse(format_args!("`{shown}` is no operator")),
    }
}

struct KeysSeed<'r> {
    reader: &'r Reader,
    operator: Operator,
}

impl<'de> DeserializeSeed<'de> for KeysSeed<'_> {
    type Value = Vec<Condition>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for KeysSeed<'_> {
    type Value = Vec<Condition>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of condition keys")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let (reader, operator) = (self.reader, self.operator);
        let (numbers, flags) = dialect::takes_bare(operator.family());
        let mut seen = BTreeSet::new();
        let mut conditions = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let Some(key) = ConditionKey::parse(&name) else {
                return Err(reader.refuse(format_args!("`{}` is no condition key", cut(&name))));
            };
            // After case-normalising: `acs:SourceIp` and `acs:sourceip` are one key.
            if !seen.insert(key.clone()) {
                return Err(reader.repeated(&name));
            }
            let list = List {
                reader,
                what: "values",
                bare: Bare { numbers, flags },
                read: |text: &str| match Values::parse(operator, vec![text.into()]) {
                    Ok(_) => Ok(Box::from(text)),
                    Err(text) => Err(format!("`{}` is no value of {operator}", cut(&text))),
                },
            };
            let texts = reader.element(&mut map, &name, list)?;
            reader.enter(Step::Element(name.into()));
            let values = Values::parse(operator, texts)
                .map_err(|text| reader.refuse(format_args!("`{}` is no value of {operator}", cut(&text))))?;
            reader.leave();
            conditions.push(Condition {
                operator,
                key,
                values,
            });
        }
        if conditions.is_empty() {
            return Err(reader.refuse(format_args!("`{operator}` has no condition key")));
        }
        Ok(conditions)
    }
}
