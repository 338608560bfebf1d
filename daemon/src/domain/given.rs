//! The model that the rules are tested with: given these facts, when this command, then these changes or this refusal.

use super::law::check;
use super::{Command, Facts, MadeAccessKey, Refusal, Scope};
use crate::base::*;
use crate::event::*;
use crate::projection::{Reader, State};

pub(super) const AT: Timestamp = Timestamp::from_millis(1_800_000_000_000);

pub(super) fn scope() -> Scope {
    Scope {
        account: "1000000000000001".parse().unwrap(),
        region: Region::parse("cn-hangzhou").unwrap(),
        at: AT,
    }
}

pub(super) fn key(n: u8) -> KeyId {
    KeyId::from_bytes([n; 16])
}

pub(super) fn version(n: u8) -> KeyVersionAdded {
    KeyVersionAdded {
        id: KeyVersionId::from_bytes([n; 16]),
        slot: SlotRef {
            slot: n.into(),
            generation: 1,
        },
        sealed: vec![n; 72].into(),
    }
}

pub(super) fn created(n: u8) -> Change {
    let scope = scope();
    Change::KeyCreated(KeyCreated {
        at: AT,
        key: key(n),
        spec: KeySpec::Aes256,
        tags: Vec::new(),
        usage: KeyUsage::EncryptDecrypt,
        origin: KeyOrigin::Kms,
        region: scope.region,
        account: scope.account,
        version: version(n),
        rotation: None,
        protection: ProtectionLevel::Software,
        description: String::new(),
    })
}

pub(super) fn account(n: u8) -> AccountId {
    format!("{:016}", 1_000_000_000_000_000 + u64::from(n))
        .parse()
        .unwrap()
}

pub(super) fn opened(n: u8) -> Change {
    Change::AccountCreated {
        name: String::new(),
        account: account(n),
    }
}

/// Access key `n`, of account `of`.
pub(super) fn access_key(n: u8, of: u8) -> Change {
    let made = made(n);
    Change::AccessKeyCreated(AccessKeyCreated {
        at: AT,
        id: made.id,
        slot: made.slot,
        user: None,
        sealed: made.sealed,
        account: account(of),
    })
}

/// Access key `n`, of user `of`.
pub(super) fn access_key_of(n: u8, of: u8) -> Change {
    let Change::AccessKeyCreated(created) = access_key(n, 1) else {
        unreachable!()
    };
    Change::AccessKeyCreated(AccessKeyCreated {
        user: Some(user(of)),
        ..created
    })
}

/// User `n`, of this name.
pub(super) fn user_made(n: u8, name: &str) -> Change {
    Change::UserCreated(UserCreated {
        at: AT,
        name: UserName::parse(name).unwrap(),
        user: user(n),
        email: "e".into(),
        mobile: String::new(),
        account: account(1),
        display: name.into(),
        comments: String::new(),
    })
}

/// Group `n`, of this name.
pub(super) fn grouped(n: u8, name: &str) -> Change {
    Change::GroupCreated(GroupCreated {
        at: AT,
        name: GroupName::parse(name).unwrap(),
        group: group(n),
        account: account(1),
        comments: String::new(),
    })
}

/// User `n` in group `of`.
pub(super) fn joined(n: u8, of: u8) -> Change {
    Change::UserJoinedGroup {
        at: AT,
        user: user(n),
        group: group(of),
    }
}

fn made(n: u8) -> MadeAccessKey {
    MadeAccessKey {
        id: AccessKeyId::parse(&format!("CHK{n}")).unwrap(),
        slot: SlotRef {
            slot: 100 + u32::from(n),
            generation: 1,
        },
        sealed: vec![n; 70].into(),
        secret: crate::base::answer::SecretText::new("secret".into()),
    }
}

/// Log key `n`, proven.
pub(super) fn made_log_key(n: u8) -> super::MadeLogKey {
    super::MadeLogKey {
        slot: SlotRef {
            slot: 50 + u32::from(n),
            generation: 1,
        },
        seed: SecretBytes::new(vec![n; 32]),
        proof: vec![n; 64].into(),
        public: vec![n; 32].into(),
        sealed: vec![n; 72].into(),
    }
}

pub(super) fn user(n: u8) -> UserId {
    UserId::parse(&format!("{:018}", 200_000_000_000_000_000 + u64::from(n))).unwrap()
}

pub(super) fn group(n: u8) -> GroupId {
    GroupId::parse(&format!("g-{n:016}")).unwrap()
}

pub(super) fn role(n: u8) -> RoleId {
    RoleId::parse(&format!("{:018}", 300_000_000_000_000_000 + u64::from(n))).unwrap()
}

pub(super) fn made_session(n: u8, seconds: u64) -> super::MadeSession {
    let secret = || crate::base::answer::SecretText::new("secret".into());
    super::MadeSession {
        id: AccessKeyId::parse(&format!("STS.{n:0>25}")).unwrap(),
        expires: AT.plus_millis(seconds * 1_000),
        secret: secret(),
        token: secret(),
    }
}

pub(super) fn role_created(n: u8, name: &str) -> Change {
    Change::RoleCreated(RoleCreated {
        at: AT,
        name: RoleName::parse(name).unwrap(),
        role: role(n),
        tags: Vec::new(),
        trust: "{}".into(),
        account: scope().account,
        console: true,
        description: String::new(),
        session_max: limits::SESSION_SECONDS_DEFAULT,
    })
}

pub(super) fn policy_name(text: &str) -> PolicyName {
    PolicyName::parse(text).unwrap()
}

pub(super) fn policy_created(name: &str) -> Change {
    Change::PolicyCreated(PolicyCreated {
        at: AT,
        name: policy_name(name),
        tags: Vec::new(),
        account: scope().account,
        document: "{}".into(),
        description: String::new(),
    })
}

pub(super) fn name(text: &str) -> AliasName {
    AliasName::parse(text).unwrap()
}

pub(super) fn bound(alias: &str, n: u8) -> Change {
    let scope = scope();
    Change::AliasBound {
        key: key(n),
        alias: name(alias),
        region: scope.region,
        account: scope.account,
    }
}

/// The state after these facts, one event each.
pub(super) fn given(facts: impl IntoIterator<Item = Change>) -> State {
    let opened = Change::AccountCreated {
        name: String::new(),
        account: scope().account,
    };
    let mut state = State::default();
    for change in std::iter::once(opened).chain(facts) {
        // Long ago, but for a destruction, which comes when its window has ended.
        let at = match change {
            Change::KeyDestroyed { .. } => AT.plus_millis(400 * limits::DAY_MILLIS),
            _ => AT.minus_millis(400 * limits::DAY_MILLIS),
        };
        check(&state, at, &change).expect("the facts are lawful");
        state.apply(&event(&state, vec![change]));
    }
    state
}

pub(super) fn event(state: &State, chg: Vec<Change>) -> Event {
    Event {
        v: FORMAT,
        op: "test/Given".into(),
        chg,
        dec: Decision::none(AT),
        obs: Observation::default(),
        out: Outcome::Ok(Recorded::default()),
        req: Recorded::default(),
        res: Vec::new(),
        rid: RequestId::from_bytes([0; 16]),
        seq: Seq::new(state.size()),
        blob: None,
        prev: Digest::ZERO,
        time: AT,
        actor: Actor::system(scope().account),
        origin: Origin::internal(),
    }
}

pub(super) trait When {
    /// Resolves and decides, as the engine does; every change that comes out must be lawful.
    fn when(&self, command: &dyn Command) -> Result<Vec<Change>, Refusal>;
}

impl When for State {
    fn when(&self, command: &dyn Command) -> Result<Vec<Change>, Refusal> {
        let scope = scope();
        command
            .resources(&scope, &Reader::new(self))
            .map_err(|unresolved| unresolved.refusal)?;
        let facts = match command.needs() {
            super::Needs::Nothing => Facts::Nothing,
            super::Needs::NewKey(_) => Facts::NewKey(key(9), version(9)),
            super::Needs::NewVersion(..) => Facts::NewVersion(version(9)),
            super::Needs::NewAccount => Facts::NewAccount(account(9), made(9)),
            super::Needs::NewAccessKey { .. } => Facts::NewAccessKey(made(9)),
            super::Needs::NewLogKey => Facts::NewLogKey(made_log_key(9)),
            super::Needs::NewUser => Facts::NewUser(user(9)),
            super::Needs::NewGroup => Facts::NewGroup(group(9)),
            super::Needs::NewRole => Facts::NewRole(role(9)),
            super::Needs::NewSession { seconds } => Facts::NewSession(made_session(9, seconds)),
        };
        let decided = command.decide(&scope, self, &facts)?;
        let mut left = self.clone();
        for change in &decided.changes {
            check(&left, AT, change).expect("decide makes lawful changes only");
            left = left.with_change(change, Seq::new(left.size()));
        }
        Ok(decided.changes)
    }
}
