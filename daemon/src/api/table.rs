//! The table of operations: a row an operation. Adding one means a row, a handler in its family's file, its tests.

use crate::base::{ApiError, Dialect, Region};
use crate::engine::{Actor, Class, Lane, Scope, Work};

use super::known;
use super::operations;
use super::params::Params;

/// A product of the API; the parameter `Version` names it.
#[derive(Debug, PartialEq, Eq)]
pub struct Product {
    /// Its name in events, policies and on the command line.
    pub name: &'static str,
    /// Its version on the wire.
    pub version: &'static str,
    /// What it is for.
    pub summary: &'static str,
    /// Whether it has no regions: what a request says of one is not looked at.
    pub global: bool,
    /// Its words for faults.
    pub dialect: Dialect,
    /// Operations that its SDKs know, besides those that are served: they are refused by another name than strangers.
    pub knows: &'static [&'static str],
}

/// Key management, as Alibaba Cloud KMS has it.
pub static KMS: Product = Product {
    name: "kms",
    version: "2016-01-20",
    summary: "keys, aliases and cryptography (Alibaba Cloud KMS API)",
    global: false,
    dialect: Dialect::Kms,
    knows: &known::ACTIONS,
};

/// Who there is and what they may do, as Alibaba Cloud RAM has it.
pub static RAM: Product = Product {
    name: "ram",
    version: "2015-05-01",
    summary: "users, groups, roles and policies (Alibaba Cloud RAM API)",
    global: true,
    dialect: Dialect::Ram,
    // There is no console to sign in to, and no other service to link a role to.
    knows: &[
        "BindMFADevice",
        "ChangePassword",
        "CreateLoginProfile",
        "CreateServiceLinkedRole",
        "CreateVirtualMFADevice",
        "DeleteServiceLinkedRole",
        "DeleteVirtualMFADevice",
        "GetServiceLinkedRoleTemplate",
        "SetPasswordPolicy",
        "SetSecurityPreference",
        "UpdateLoginProfile",
    ],
};

/// Temporary credentials, as Alibaba Cloud STS has it.
pub static STS: Product = Product {
    name: "sts",
    version: "2015-04-01",
    summary: "temporary credentials (Alibaba Cloud STS API)",
    global: true,
    dialect: Dialect::Ram,
    knows: &["AssumeRoleWithOIDC", "AssumeRoleWithSAML"],
};

/// What only this daemon has.
pub static CHANCERY: Product = Product {
    name: "chancery",
    version: "2026-12-01",
    summary: "the log, the clock and the daemon itself",
    global: false,
    dialect: Dialect::Kms,
    knows: &[],
};

/// Every product.
pub static PRODUCTS: [&Product; 4] = [&KMS, &RAM, &STS, &CHANCERY];

/// One parameter of an operation.
#[derive(Debug)]
pub struct Param {
    /// Its name; case counts.
    pub name: &'static str,
    /// Whether the operation needs it.
    pub required: bool,
    /// Whether its value goes into the event (I3).
    pub recorded: bool,
    /// How many there may be: of `Name.1` also `Name.2` and so on; 1 for all whose name has no number.
    pub most: usize,
    /// What it is, for people: values, default, limits.
    pub help: &'static str,
}

impl Param {
    /// A parameter that is needed, and recorded.
    pub const fn required(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            required: true,
            recorded: true,
            most: 1,
            help,
        }
    }

    /// A parameter that may be left out, and is recorded.
    pub const fn optional(name: &'static str, help: &'static str) -> Self {
        Self {
            required: false,
            ..Self::required(name, help)
        }
    }

    /// The same parameter, which is the first of up to `most`.
    #[must_use]
    pub const fn up_to(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// Its other names, if there may be several: `Name.2`, `Name.3` and so on.
    pub fn more_names(&self) -> impl Iterator<Item = String> {
        (2..=self.most).map(|n| self.name.replacen(".1", &format!(".{n}"), 1))
    }

    /// The same parameter, of which the event says the length alone.
    #[must_use]
    pub const fn unrecorded(self) -> Self {
        Self {
            recorded: false,
            ..self
        }
    }
}

/// What a handler sees of a request.
#[derive(Debug)]
pub struct Request<'a> {
    /// Its parameters.
    pub params: &'a Params,
    /// Who asks.
    pub actor: &'a Actor,
    /// Account, region, admission time.
    pub scope: &'a Scope,
    /// The regions that this daemon serves.
    pub regions: &'a [Region],
    /// How many of what an account may have.
    pub quotas: &'a Quotas,
}

/// The cloud's commercial quotas, per account and region; none means no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Keys.
    pub keys: Option<u64>,
    /// Aliases.
    pub aliases: Option<u64>,
}

/// Reads the parameters of one operation; parses everything, decides nothing.
pub type Handler = fn(&Request<'_>) -> Result<Work, ApiError>;

/// One operation.
#[derive(Debug)]
pub struct Row {
    /// Its product.
    pub product: &'static Product,
    /// Its name; case counts.
    pub action: &'static str,
    /// Product and action, as events name it.
    pub op: &'static str,
    /// What kind of operation it is.
    pub class: Class,
    /// Where its work runs.
    pub lane: Lane,
    /// Whether being authenticated is enough.
    pub open: bool,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// Its parameters.
    pub params: &'static [Param],
    /// Reads them.
    pub handler: Handler,
}

impl Row {
    /// A row whose work is short and asks for permission.
    pub const fn new(
        class: Class,
        (product, action, op): (&'static Product, &'static str, &'static str),
        summary: &'static str,
        params: &'static [Param],
        handler: Handler,
    ) -> Self {
        Self {
            product,
            action,
            op,
            class,
            lane: Lane::Short,
            open: false,
            summary,
            params,
            handler,
        }
    }

    /// The same row, whose work may wait for a disk or takes long.
    #[must_use]
    pub const fn long(self) -> Self {
        Self {
            lane: Lane::Long,
            ..self
        }
    }

    /// The same row, for which being authenticated is enough.
    #[must_use]
    pub const fn open(self) -> Self {
        Self { open: true, ..self }
    }
}

/// Every operation, by family.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    operations::FAMILIES.iter().copied().flatten()
}

/// The operation of this name in the product of this version.
pub fn find(version: &str, action: &str) -> Option<&'static Row> {
    rows().find(|row| row.action == action && row.product.version == version)
}

/// The product of this version.
pub fn product(version: &str) -> Option<&'static Product> {
    PRODUCTS.into_iter().find(|product| product.version == version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_distinct_and_events_name_them_whole() {
        let mut seen = std::collections::BTreeSet::new();
        for row in rows() {
            assert!(seen.insert(row.op), "{} twice", row.op);
            assert_eq!(row.op, format!("{}/{}", row.product.name, row.action));
            assert!(
                row.summary.ends_with('.'),
                "{}: the summary is a sentence",
                row.op
            );
        }
    }

    #[test]
    fn policies_know_every_operation() {
        for row in rows() {
            // The one operation that asks for two actions, neither of its own name.
            let actions = match row.op {
                "kms/ReEncrypt" => vec!["kms:ReEncryptFrom".to_owned(), "kms:ReEncryptTo".to_owned()],
                op => vec![op.replacen('/', ":", 1)],
            };
            for action in actions {
                let known = crate::policy::catalogue::find(&action);
                assert!(known.is_some_and(|known| known.name == action), "{action}");
            }
        }
    }

    #[test]
    fn secrets_are_never_recorded() {
        let secret = ["Plaintext", "CiphertextBlob", "Recipient", "SecurityToken"];
        for param in rows().flat_map(|row| row.params) {
            assert!(
                !(param.recorded && secret.contains(&param.name)),
                "{}",
                param.name
            );
        }
    }
}
