//! What a replay knows of each operation: a row each. An operation that is added to the API gets a row here as well.

mod identity;

use crate::base::limits;

/// What kind of event an operation leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It begins the log: event 0 and no other.
    Begin,
    /// It may change the state.
    Command,
    /// It works with a key.
    Use,
    /// It looks.
    Query,
}

/// Whose business an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The caller's own account's.
    Own,
    /// The account's that its parameter `AccountId` names, else the caller's own.
    Named,
    /// The account's of the role that its parameter `RoleArn` names.
    Role,
    /// The daemon's: the operator's alone.
    Daemon,
}

/// One operation, as its events must be.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Product and action.
    pub op: &'static str,
    /// What kind it is.
    pub kind: Kind,
    /// Whether being authenticated is enough.
    pub open: bool,
    /// Whose business it is.
    pub reach: Reach,
    /// Whether the daemon alone may do it.
    pub system: bool,
    /// The changes that it may make.
    pub changes: &'static [&'static str],
    /// Whether a success makes one; otherwise the state may already have been what was asked for.
    pub always: bool,
    /// How many it makes at the most.
    pub most: usize,
    /// Whether it is made while a log is restored and nobody else is there: it concerns all that it changes, and rests on no row
    /// that another could change meanwhile.
    pub restores: bool,
}

/// Every operation but those on identities.
pub static RULES: &[Rule] = &[
    // With a client token that was used before, it makes nothing; with a new one, the token is noted too.
    Rule {
        most: 3,
        ..perhaps(
            "kms/CreateKey",
            &["KeyCreated", "ClientTokenUsed", "ClientTokensExpired"],
        )
    },
    perhaps("kms/UpdateKeyDescription", &["KeyDescribed"]),
    perhaps("kms/SetDeletionProtection", &["DeletionProtectionSet"]),
    perhaps("kms/UpdateRotationPolicy", &["RotationPolicySet"]),
    perhaps("kms/TagResource", &["KeysTagged"]),
    perhaps("kms/TagResources", &["KeysTagged"]),
    perhaps("kms/UntagResource", &["KeysUntagged"]),
    perhaps("kms/UntagResources", &["KeysUntagged"]),
    perhaps("kms/EnableKey", &["KeyEnabled"]),
    perhaps("kms/DisableKey", &["KeyDisabled"]),
    always("kms/ScheduleKeyDeletion", &["KeyDeletionScheduled"]),
    always("kms/CancelKeyDeletion", &["KeyDeletionCancelled"]),
    always("kms/CreateAlias", &["AliasBound"]),
    perhaps("kms/UpdateAlias", &["AliasMoved"]),
    always("kms/DeleteAlias", &["AliasUnbound"]),
    plain("kms/Encrypt", Kind::Use),
    plain("kms/Decrypt", Kind::Use),
    plain("kms/ReEncrypt", Kind::Use),
    plain("kms/GenerateDataKey", Kind::Use),
    plain("kms/GenerateDataKeyWithoutPlaintext", Kind::Use),
    plain("kms/DescribeKey", Kind::Query),
    plain("kms/ListKeys", Kind::Query),
    plain("kms/ListAliases", Kind::Query),
    plain("kms/ListAliasesByKeyId", Kind::Query),
    plain("kms/DescribeKeyVersion", Kind::Query),
    plain("kms/ListKeyVersions", Kind::Query),
    plain("kms/ListResourceTags", Kind::Query),
    plain("kms/ListTagResources", Kind::Query),
    plain("kms/DescribeAccountKmsStatus", Kind::Query),
    Rule {
        open: true,
        ..plain("kms/DescribeRegions", Kind::Query)
    },
    reaching(Reach::Daemon, plain("chancery/GetLogStatus", Kind::Query)),
    reaching(Reach::Daemon, plain("chancery/GetLogEntries", Kind::Query)),
    reaching(Reach::Daemon, plain("chancery/GetVault", Kind::Query)),
    reaching(Reach::Daemon, plain("chancery/GetStatus", Kind::Query)),
    plain("chancery/SimulatePolicy", Kind::Query),
    reaching(
        Reach::Daemon,
        perhaps("chancery/AcceptClock", &["TimersReleased"]),
    ),
    reaching(Reach::Daemon, always("chancery/RotateLogKey", &["LogKeyRotated"])),
    reaching(Reach::Daemon, plain("chancery/ListAccounts", Kind::Query)),
    Rule {
        most: 2,
        reach: Reach::Daemon,
        ..always("chancery/CreateAccount", &["AccountCreated", "AccessKeyCreated"])
    },
    Rule {
        most: 1 + limits::ROOT_KEYS_MAX,
        reach: Reach::Named,
        ..always(
            "chancery/RotateRootKey",
            &["AccessKeyCreated", "AccessKeyDeleted"],
        )
    },
    reaching(
        Reach::Named,
        always("chancery/DeleteRootKey", &["AccessKeyDeleted"]),
    ),
    Rule {
        kind: Kind::Begin,
        ..system(
            "chancery/BeginLog",
            &[
                "LogBegun",
                "AccountCreated",
                "InternalKeyCreated",
                "AccessKeyCreated",
            ],
        )
    },
    system("chancery/ReplaceLogKey", &["LogKeyRotated"]),
    system("chancery/BeginEpoch", &["EpochBegun"]),
    system("chancery/SealState", &["StateSealed"]),
    system("chancery/EraseMaterial", &["MaterialErased"]),
    system("chancery/DestroyKey", &["KeyDestroyed"]),
    Rule {
        most: limits::RESTORE_CHANGES_MAX,
        restores: true,
        ..system(
            "chancery/ReapplyEvidence",
            &[
                "KeyDestructionReapplied",
                "KeyDisabled",
                "KeyDeletionScheduled",
                "KeyDeletionCancelled",
                "DeletionProtectionSet",
                "AccessKeyDeleted",
                "AccessKeyStatusSet",
                "PolicyDetached",
                "PolicyDeleted",
                "UserLeftGroup",
                "UserDeleted",
                "GroupDeleted",
                "RoleDeleted",
            ],
        )
    },
    Rule {
        always: false,
        ..system("chancery/AdoptCatalogue", &["CatalogueAdopted"])
    },
    Rule {
        always: false,
        ..system("chancery/AdoptRowFormat", &["RowFormatAdopted"])
    },
    Rule {
        always: false,
        ..system("chancery/HoldTimers", &["TimersHeld"])
    },
    Rule {
        always: false,
        ..system("chancery/ReleaseTimers", &["TimersReleased"])
    },
    Rule {
        always: false,
        ..system("chancery/RotateKey", &["KeyRotated"])
    },
    Rule {
        always: false,
        ..system("chancery/ReserveMessages", &["MessagesReserved"])
    },
    // Two of the daemon's notes by name; all others are covered by `NOTE`.
    note("chancery/RefuseRequests"),
    note("chancery/ClockSteppedBack"),
];

/// What the daemon records of itself without changing anything, whatever it is called.
static NOTE: Rule = note("");

/// The rule of `op`; none for an operation that this build does not know. The daemon's own notes need no row.
pub fn rule(op: &str, by_system: bool) -> Option<&'static Rule> {
    RULES
        .iter()
        .chain(identity::RULES)
        .find(|rule| rule.op == op)
        .or_else(|| (by_system && op.starts_with("chancery/")).then_some(&NOTE))
}

const fn plain(op: &'static str, kind: Kind) -> Rule {
    Rule {
        op,
        kind,
        open: false,
        reach: Reach::Own,
        system: false,
        changes: &[],
        always: false,
        most: 1,
        restores: false,
    }
}

const fn reaching(reach: Reach, rule: Rule) -> Rule {
    Rule { reach, ..rule }
}

const fn perhaps(op: &'static str, changes: &'static [&'static str]) -> Rule {
    Rule {
        changes,
        ..plain(op, Kind::Command)
    }
}

const fn always(op: &'static str, changes: &'static [&'static str]) -> Rule {
    Rule {
        always: true,
        ..perhaps(op, changes)
    }
}

const fn system(op: &'static str, changes: &'static [&'static str]) -> Rule {
    Rule {
        system: true,
        ..always(op, changes)
    }
}

const fn note(op: &'static str) -> Rule {
    Rule {
        system: true,
        ..plain(op, Kind::Command)
    }
}
