//! Which actions of the catalogue a statement is about.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::policy::catalogue;
use crate::policy::language::Actions;

/// The actions of a statement, as a Cedar policy names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every action there is.
    Everything,
    /// These: an action by its name, all actions of a service by its group, `kms:*`.
    These(Vec<String>),
}

impl Scope {
    /// The expansion of the patterns against the catalogue.
    ///
    /// A list of actions costs Cedar half a microsecond for each member and decision, a group one microsecond, so a
    /// service that is covered completely is named as such.
    pub fn of(actions: &Actions) -> Self {
        let mut names = Vec::new();
        let mut everything = true;
        for service in catalogue::SERVICES {
            let members = catalogue::all().filter(|action| action.service() == *service);
            let covered: Vec<_> = members
                .clone()
                .filter(|action| actions.cover(action.name))
                .collect();
            if covered.len() == members.count() {
                names.push(group(service));
            } else {
                everything = false;
                names.extend(covered.into_iter().map(|action| action.name.to_owned()));
            }
        }
        if everything {
            Self::Everything
        } else {
            Self::These(names)
        }
    }
}

/// The group of all actions of a service.
pub fn group(service: &str) -> String {
    format!("{service}:*")
}

/// Whether the name is that of a group. No action's name holds a star.
pub fn is_group(name: &str) -> bool {
    name.ends_with(":*")
}

/// The place of an action in the catalogue. Exact: what asks for a decision is a row of a table, not a caller's text.
pub fn index(action: &str) -> Option<usize> {
    PLACES.get(action).copied()
}

static PLACES: LazyLock<HashMap<&'static str, usize>> = LazyLock::new(|| {
    let places = catalogue::all().enumerate();
    places.map(|(place, action)| (action.name, place)).collect()
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::language::ActionPattern;

    fn scope(patterns: &[&str], but: bool) -> Scope {
        let parse = |text: &&str| ActionPattern::parse(text).unwrap();
        let patterns = patterns.iter().map(parse).collect();
        Scope::of(&if but {
            Actions::AllBut(patterns)
        } else {
            Actions::Only(patterns)
        })
    }

    fn these(names: &[&str]) -> Scope {
        Scope::These(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn a_whole_service_is_its_group() {
        assert_eq!(scope(&["*"], false), Scope::Everything);
        assert_eq!(scope(&["kms:*"], false), these(&["kms:*"]));
        assert_eq!(
            scope(&["kms:*", "ram:*"], true),
            these(&["sts:*", "actiontrail:*", "chancery:*"])
        );
    }

    #[test]
    fn wildcards_stand_for_members() {
        assert_eq!(
            scope(&["kms:*crypt"], false),
            these(&[
                "kms:Encrypt",
                "kms:Decrypt",
                "kms:AsymmetricEncrypt",
                "kms:AsymmetricDecrypt",
                "kms:CertificatePublicKeyEncrypt",
                "kms:CertificatePrivateKeyDecrypt",
            ])
        );
        assert_eq!(
            scope(&["kms:reencrypt"], false),
            these(&["kms:ReEncryptFrom", "kms:ReEncryptTo"])
        );
        assert_eq!(scope(&["oss:GetObject"], false), these(&[]));
    }
}
