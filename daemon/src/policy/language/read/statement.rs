//! One statement: which elements may stand depends on the kind of document.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::list::{Bare, List, Text};
use super::{Reader, condition, cut, principal};
use crate::policy::language::{
    ActionPattern, Actions, DocumentKind, Effect, Pattern, Piece, Statement, dialect,
};

pub(super) struct StatementSeed<'r>(pub(super) &'r Reader);

impl<'de> DeserializeSeed<'de> for StatementSeed<'_> {
    type Value = Statement;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for StatementSeed<'_> {
    type Value = Statement;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a statement, an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let reader = self.0;
        let known = elements(reader.kind);
        let (mut sid, mut effect, mut conditions) = (None, None, None);
        let (mut actions, mut resources, mut principals) = (None, None, None);
        while let Some(name) = map.next_key::<String>()? {
            if !known.contains(&name.as_str()) {
                return Err(misplaced(reader, &name, known));
            }
            match name.as_str() {
                "Sid" => {
                    let text = reader.element(&mut map, &name, Text("a string"))?;
                    if text.chars().count() > dialect::SID_CHARS_MAX {
                        let most = dialect::SID_CHARS_MAX;
                        return Err(reader.refuse(format_args!("`Sid` is longer than {most} characters")));
                    }
                    reader.once(&mut sid, &name, text)?;
                }
                "Effect" => {
                    let text = reader.element(&mut map, &name, Text("`Allow` or `Deny`"))?;
                    let Some(read) = Effect::parse(&text) else {
                        let text = cut(&text);
                        return Err(
                            reader.refuse(format_args!("`Effect` is `{text}`, not `Allow` or `Deny`"))
                        );
                    };
                    reader.once(&mut effect, &name, read)?;
                }
                "Action" | "NotAction" => {
                    let list = reader.element(&mut map, &name, action_list(reader))?;
                    let only = name == "Action";
                    let list = if only {
                        Actions::Only(list)
                    } else {
                        Actions::AllBut(list)
                    };
                    match actions.replace(list) {
                        None => {}
                        Some(Actions::Only(_)) if only => return Err(reader.repeated(&name)),
                        Some(Actions::AllBut(_)) if !only => return Err(reader.repeated(&name)),
                        Some(_) => return Err(reader.refuse("`Action` and `NotAction` exclude each other")),
                    }
                }
                "Resource" => {
                    let list = reader.element(&mut map, &name, resource_list(reader))?;
                    reader.once(&mut resources, &name, list)?;
                }
                "Principal" => {
                    let list = reader.element(&mut map, &name, principal::PrincipalSeed(reader))?;
                    reader.once(&mut principals, &name, list)?;
                }
                _ => {
                    let list = reader.element(&mut map, &name, condition::ConditionSeed(reader))?;
                    reader.once(&mut conditions, &name, list)?;
                }
            }
        }
        let missing = |name: &str| reader.refuse(format_args!("`{name}` is missing"));
        let required = |name: &str| known.contains(&name);
        if resources.is_none() && required("Resource") {
            return Err(missing("Resource"));
        }
        if principals.is_none() && required("Principal") {
            return Err(missing("Principal"));
        }
        Ok(Statement {
            sid,
            effect: effect.ok_or_else(|| missing("Effect"))?,
            actions: actions.ok_or_else(|| missing("Action"))?,
            resources: resources.unwrap_or_default(),
            principals,
            conditions: conditions.unwrap_or_default(),
        })
    }
}

const fn elements(kind: DocumentKind) -> &'static [&'static str] {
    match kind {
        DocumentKind::Identity | DocumentKind::Session => {
            &["Sid", "Effect", "Action", "NotAction", "Resource", "Condition"]
        }
        DocumentKind::Resource => &["Sid", "Effect", "Principal", "Action", "Resource", "Condition"],
        DocumentKind::Trust => &["Sid", "Effect", "Principal", "Action", "Condition"],
    }
}

fn misplaced<E: serde::de::Error>(reader: &Reader, name: &str, known: &[&str]) -> E {
    let kind = reader.kind;
    match name {
        "NotResource" | "NotPrincipal" => reader.refuse(format_args!("`{name}` is not part of the language")),
        "Principal" | "NotAction" | "Resource" => reader.refuse(format_args!(
            "`{name}` has no place in this document (read as: {kind})"
        )),
        _ => reader.unknown(name, known),
    }
}

fn action_list(reader: &Reader) -> List<'_, impl FnMut(&str) -> Result<ActionPattern, String>> {
    let kind = reader.kind;
    let read = move |text: &str| {
        let Some(action) = ActionPattern::parse(text) else {
            return Err(format!(
                "`{}` is no action; one reads `kms:Encrypt` or `kms:List*`",
                cut(text)
            ));
        };
        match kind {
            DocumentKind::Trust if !text.eq_ignore_ascii_case(dialect::ASSUME_ROLE) => Err(format!(
                "`{}` is not `{}`, the only action of a trust policy",
                cut(text),
                dialect::ASSUME_ROLE
            )),
            DocumentKind::Resource if !is_kms(&action) => Err(format!(
                "`{}` does not start with `kms:`, as actions of key policies do",
                cut(text)
            )),
            _ => Ok(action),
        }
    };
    List {
        reader,
        what: "actions",
        bare: Bare::default(),
        read,
    }
}

fn is_kms(action: &ActionPattern) -> bool {
    matches!(action.folded().pieces(), [Piece::Literal(text), ..] if text.starts_with("kms:"))
}

fn resource_list(reader: &Reader) -> List<'_, impl FnMut(&str) -> Result<Pattern, String>> {
    let kind = reader.kind;
    let read = move |text: &str| {
        if text == "*" {
            return Ok(Pattern::parse(text));
        }
        if kind == DocumentKind::Resource {
            return Err(format!(
                "`{}` is not `*`, the only resource of a key policy",
                cut(text)
            ));
        }
        let colons = text.bytes().filter(|b| *b == b':').count();
        if !text.starts_with("acs:") || colons < 4 {
            let example = "acs:kms:*:*:key/*";
            return Err(format!(
                "`{}` is no resource; one is `*` or reads `{example}`",
                cut(text)
            ));
        }
        if text.chars().count() > dialect::RESOURCE_CHARS_MAX {
            return Err(format!(
                "the resource is longer than {} characters",
                dialect::RESOURCE_CHARS_MAX
            ));
        }
        Ok(Pattern::parse(text))
    };
    List {
        reader,
        what: "resources",
        bare: Bare::default(),
        read,
    }
}
