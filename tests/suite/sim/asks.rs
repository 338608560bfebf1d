//! What is asked for by name: any operation of the table, with parameters that make it meet others.

use chancery::api::table::{Row, rows};
use chancery::base::{AliasName, Region};

use super::client::{Client, Kind};
use super::papers;
use super::wire::Wire;
use super::world::Dice;

/// Asked for by kinds of their own, which know more of what is answered; here only what these don't do.
const BY_KIND: [&str; 16] = [
    "kms/CancelKeyDeletion",
    "kms/CreateAlias",
    "kms/DeleteAlias",
    "kms/DescribeKey",
    "kms/DisableKey",
    "kms/EnableKey",
    "kms/GenerateDataKeyWithoutPlaintext",
    "kms/ListAliases",
    "kms/ListKeys",
    "kms/ListKeyVersions",
    "kms/ListResourceTags",
    "kms/ScheduleKeyDeletion",
    "kms/TagResources",
    "kms/UntagResources",
    "kms/UpdateAlias",
    "kms/UpdateRotationPolicy",
];

/// Of these only rehearsals: their ciphertexts are kept account of elsewhere.
const REHEARSED: [&str; 4] = [
    "kms/Decrypt",
    "kms/Encrypt",
    "kms/GenerateDataKey",
    "kms/ReEncrypt",
];

/// Accounts that are opened besides the first; each makes everything rarer.
const ACCOUNTS_MAX: usize = 2;

impl Client {
    /// Any operation of the table.
    pub fn think_of_any(&self, dice: &mut Dice) -> Kind {
        let all: Vec<&'static Row> = rows().filter(|row| !BY_KIND.contains(&row.op)).collect();
        let row = match *dice.pick(&all) {
            // It ends a hold, and what comes of holds is worth looking at.
            row if row.op == "chancery/AcceptClock" && !dice.once_in(6) => dice.pick(&all),
            row if row.op == "chancery/CreateAccount" && self.accounts.len() > ACCOUNTS_MAX => {
                dice.pick(&all)
            }
            row => row,
        };
        if row.op == "chancery/CreateAccount" && self.accounts.len() > ACCOUNTS_MAX {
            return Kind::Regions;
        }
        Kind::Wire(self.ask_for(row, dice))
    }

    /// An operation with parameters: those that it needs, and the others now and then.
    pub fn ask_for(&self, row: &'static Row, dice: &mut Dice) -> Wire {
        let mut wire = Wire {
            row,
            params: Default::default(),
        };
        for param in row.params {
            if !(param.required || dice.once_in(2)) {
                continue;
            }
            if let Some(value) = self.value(row.op, param.name, dice) {
                wire.params.insert(param.name.into(), value);
            }
        }
        self.straighten(&mut wire, dice);
        wire
    }

    /// A value for a parameter; none to leave it out.
    fn value(&self, op: &str, name: &str, dice: &mut Dice) -> Option<String> {
        let some = |dice: &mut Dice, of: &[&str]| Some(dice.pick::<&str>(of).to_string());
        let key = |dice: &mut Dice| self.some_key(dice).map(|key| key.to_string());
        match (op, name) {
            ("kms/UntagResource", "TagKeys") => some(dice, &[r#"["a"]"#, r#"["b","c"]"#, "a,b"]),
            ("ram/UntagResources", "TagKeys") => some(dice, &[r#"["a"]"#, r#"["b","c"]"#]),
            ("sts/AssumeRole", "Policy") => some(dice, &papers::SESSION),
            (_, "KeyId" | "DestinationKeyId") => match dice.below(8) {
                0 if REHEARSED.contains(&op) => some(dice, &ALIASES),
                _ => key(dice),
            },
            (_, "ResourceId.1") => key(dice),
            (_, "Plaintext") => Some("cGxhaW4=".into()),
            (_, "CiphertextBlob") => self.some_blob(dice),
            (_, "EncryptionContext" | "SourceEncryptionContext" | "DestinationEncryptionContext") => None,
            (_, "NumberOfBytes" | "KeySpec" | "KeyUsage" | "Origin" | "ProtectionLevel") => None,
            (_, "EnableAutomaticRotation" | "RotationInterval" | "Filters" | "Marker" | "MaxItems") => None,
            (_, "NextToken" | "PageNumber" | "PageSize" | "ResourceGroupId" | "ProtectedResourceArn") => None,
            (_, "DryRun") => Some("true".into()),
            ("kms/TagResource" | "kms/CreateKey", "Tags") => some(
                dice,
                &[
                    r#"[{"TagKey":"a","TagValue":"1"}]"#,
                    r#"[{"TagKey":"b","TagValue":"2"}]"#,
                ],
            ),
            (_, "Tag.1.Key") => some(dice, &["a", "b", "c"]),
            (_, "Tag.1.Value") => some(dice, &["1", "2"]),
            (_, "ClientToken") => some(dice, &["t0", "t1", "t2"]),
            (_, "Description" | "NewDescription" | "Comments" | "NewComments" | "DisplayName") => {
                some(dice, &["one", "another"])
            }
            (_, "NewDisplayName" | "DeletionProtectionDescription") => some(dice, &["one", "another"]),
            (_, "MobilePhone" | "NewMobilePhone") => some(dice, &["86-18600008888"]),
            (_, "Email" | "NewEmail") => some(dice, &["a@example.com", "b@example.com"]),
            (_, "EnableDeletionProtection") => some(dice, &["true", "false", "false"]),
            (_, "KeyVersionId") => self.some_version(dice),
            ("kms/SetKeyPolicy", "Policy") => {
                let which = dice.below(papers::OF_KEYS as u64) as usize;
                Some(papers::of_key(which, self.account))
            }
            (_, "PolicyName") if op.starts_with("kms/") => Some("default".into()),
            (_, "PolicyName") => some(dice, &["p0", "p1", "p2", "p3"]),
            (_, "PolicyType") => some(dice, &["Custom", "Custom", "System"]),
            (_, "PolicyDocument") => some(dice, &papers::IDENTITY),
            (_, "VersionId") => some(dice, &["v1", "v2", "v3", "v4"]),
            (
                _,
                "SetAsDefault" | "CascadingDelete" | "All" | "AllowConsoleLogin" | "NewAllowConsoleLogin",
            ) => some(dice, &["true", "false"]),
            (_, "RotateStrategy") => some(dice, &["None", "DeleteOldestNonDefaultVersionWhenLimitExceeded"]),
            (_, "UserName") => some(dice, &["a", "b", "c"]),
            (_, "NewUserName") => dice.once_in(4).then(|| dice.pick(&["a", "b", "c"]).to_string()),
            (_, "GroupName") => some(dice, &["g0", "g1"]),
            (_, "NewGroupName") => dice.once_in(4).then(|| dice.pick(&["g0", "g1"]).to_string()),
            (_, "RoleName") => some(dice, &["r0", "r1"]),
            (_, "AssumeRolePolicyDocument" | "NewAssumeRolePolicyDocument") => {
                let which = dice.below(papers::TRUSTS as u64) as usize;
                Some(papers::trust(which, *dice.pick(&self.accounts)))
            }
            (_, "MaxSessionDuration" | "NewMaxSessionDuration") => some(dice, &["3600", "7200"]),
            (_, "RoleArn") => {
                let (account, role) = (dice.pick(&self.accounts), dice.pick(&["r0", "r1"]));
                Some(format!("acs:ram::{account}:role/{role}"))
            }
            (_, "RoleSessionName") => some(dice, &["session", "another"]),
            (_, "DurationSeconds") => some(dice, &["900", "3600", "7200"]),
            (_, "ExternalId") => some(dice, &["partner", "stranger"]),
            (_, "SourceIdentity") => some(dice, &["alice", "mallory"]),
            (_, "Tag") => some(
                dice,
                &[r#"[{"Key":"a","Value":"1"}]"#, r#"[{"Key":"b","Value":"2"}]"#],
            ),
            ("ram/ListTagResources" | "ram/TagResources" | "ram/UntagResources", "ResourceType") => {
                some(dice, &["role", "policy"])
            }
            (_, "ResourceType") => Some("key".into()),
            (_, "ResourceNames") => None,
            (_, "UserAccessKeyId") => self.some_access_key(dice, true),
            (_, "RootKeyId") => self.some_access_key(dice, false),
            (_, "Status") => some(dice, &["Active", "Active", "Inactive"]),
            (_, "AccountAlias") => some(dice, &["our-house", "their-house"]),
            (_, "AccountName") => some(dice, &["another"]),
            (_, "AccountId") => Some(dice.pick(&self.accounts).to_string()),
            (_, "DeleteOthers") => None,
            (_, "From") => Some(dice.below(40).to_string()),
            (_, "MaxEntries" | "MaxRecords") => Some((1 + dice.below(20)).to_string()),
            (_, "EncodedDiagnosticMessage") => {
                let nth = dice.index(self.diagnoses.len());
                let some = nth.and_then(|nth| self.diagnoses.keys().nth(nth));
                Some(some.map_or("nothing".to_owned(), Clone::clone))
            }
            (_, "Action.1") => some(dice, &["kms:Encrypt", "kms:Decrypt"]),
            (_, "Resource.1") => Some("*".into()),
            (_, "Principal") => some(dice, &["root"]),
            (_, "Instead" | "Cedar" | "Context" | "PolicyDocument.1" | "KeyPolicy" | "SessionPolicy") => None,
            ("chancery/SimulatePolicy", "Tags") => None,
            _ => panic!("{op} has a parameter that the simulation knows nothing of: {name}"),
        }
    }

    /// What depends on more than one parameter.
    fn straighten(&self, wire: &mut Wire, dice: &mut Dice) {
        let op = wire.row.op;
        let is_system = wire.get("PolicyType") == Some("System");
        if is_system && wire.params.contains_key("PolicyName") {
            wire.params
                .insert("PolicyName".into(), papers::SYSTEM_NAME.into());
        }
        if op == "kms/SetDeletionProtection" {
            let key = self.some_key(dice).map(|key| key.to_string());
            wire.params.extend(key.map(|key| ("KeyId".into(), key)));
        }
        // Everything at once is too much to say.
        if op == "chancery/SimulatePolicy" {
            for (name, value) in [
                ("Action.1", "kms:Encrypt"),
                ("Resource.1", "*"),
                ("Principal", "root"),
            ] {
                wire.params.entry(name.into()).or_insert(value.into());
            }
            let key = self.some_key(dice).map(|key| key.to_string()).unwrap_or_default();
            let arn = format!("acs:kms:{}:{}:key/{key}", self.region, self.account);
            wire.params.insert("Resource.1".into(), arn);
        }
        if REHEARSED.contains(&op) {
            wire.params.insert("DryRun".into(), "true".into());
        }
        if op == "kms/CreateKey" {
            let token = dice.pick(&["t0", "t1", "t2"]).to_string();
            wire.params.insert("ClientToken".into(), token);
        }
        if op.starts_with("ram/") && wire.row.params.iter().any(|param| param.name == "ResourceNames") {
            let names: &[&str] = match wire.get("ResourceType") {
                Some("role") => &[r#"["r0"]"#, r#"["r0","r1"]"#],
                _ => &[r#"["p0"]"#, r#"["p1","p2"]"#],
            };
            if op != "ram/ListTagResources" || dice.once_in(2) {
                wire.params
                    .insert("ResourceNames".into(), dice.pick::<&str>(names).to_string());
            }
        }
        // The list of tags to take off, or all of them.
        if op == "ram/UntagResources" && wire.get("TagKeys").is_none() {
            wire.params.insert("All".into(), "true".into());
        }
        // Whose access key it is goes with it, mostly.
        if let Some(id) = wire.get("UserAccessKeyId").map(str::to_owned)
            && !dice.once_in(6)
        {
            let owner = self.people.iter().find(|person| person.ak.as_str() == id);
            match owner.and_then(|person| person.user.as_ref()) {
                Some(user) => drop(wire.params.insert("UserName".into(), user.to_string())),
                None => drop(wire.params.remove("UserName")),
            }
        }
        if let Some(id) = wire.get("RootKeyId").map(str::to_owned) {
            let owner = self.people.iter().find(|person| person.ak.as_str() == id);
            if let Some(owner) = owner {
                wire.params.insert("AccountId".into(), owner.account.to_string());
            }
        }
        // The root of the first account keeps the access key that everybody signs with here.
        if op == "chancery/RotateRootKey" && dice.once_in(2) {
            let other = *dice.pick(&self.accounts);
            if other != self.account {
                wire.params.insert("AccountId".into(), other.to_string());
                wire.params.insert("DeleteOthers".into(), "true".into());
            }
        }
    }

    /// An access key of somebody's, or an unknown one; never the one that the first account's root signs with.
    fn some_access_key(&self, dice: &mut Dice, of_users: bool) -> Option<String> {
        let fit: Vec<_> = self
            .people
            .iter()
            .filter(|person| !person.is_session && person.user.is_some() == of_users)
            .collect();
        let nth = dice.index(fit.len());
        Some(nth.map_or("LTAI5tUnknownUnknownUnkn".to_owned(), |nth| {
            fit[nth].ak.to_string()
        }))
    }

    fn some_blob(&self, dice: &mut Dice) -> Option<String> {
        use base64::Engine as _;
        let nth = dice.index(self.ciphers.len())?;
        Some(base64::engine::general_purpose::STANDARD.encode(&self.ciphers[nth].blob))
    }

    /// The version of some ciphertext; also where it is no version of the key that is asked about.
    fn some_version(&self, dice: &mut Dice) -> Option<String> {
        let nth = dice.index(self.ciphers.len());
        let blob = nth.and_then(|nth| chancery::crypto::blob::Blob::parse(&self.ciphers[nth].blob).ok());
        Some(blob.map_or("none".to_owned(), |blob| blob.version().to_string()))
    }
}

const ALIASES: [&str; 3] = ["alias/a", "alias/b", "alias/c"];

#[test]
fn every_parameter_of_every_operation_is_known() {
    let client = Client::new(
        "1000000000000001".parse().unwrap(),
        Region::parse("cn-hangzhou").unwrap(),
        chancery::base::AccessKeyId::parse("LTAI5tUnknownUnknownUnkn").unwrap(),
    );
    assert!(ALIASES.iter().all(|name| AliasName::parse(name).is_some()));
    let mut dice = Dice::new(1, 0);
    for row in rows().filter(|row| !BY_KIND.contains(&row.op)) {
        for param in row.params {
            let _value = client.value(row.op, param.name, &mut dice);
        }
        for _ in 0..8 {
            client.ask_for(row, &mut dice);
        }
    }
}
