//! AssumeRole: a session of a role begins. Nothing of its secret is in its event; whoever opens it gets it once.
//!
//! Two sides have to allow it: the caller's policies, as for every operation, and the trust policy of the role
//! (authorization asks it as a layer of its own). The account's root may assume no role at all.

use std::sync::Arc;

use super::command::MadeSession;
use super::{Command, Decided, Facts, Needs, Reach, Refusal, Scope, Unresolved};
use crate::base::answer::SecretText;
use crate::base::{AccessKeyId, AccountId, Answer, Arn, RoleName, SessionName, SourceIdentity, limits};
use crate::event::{Actor, ActorKind, Change, Element, Recorded, SessionOpened};
use crate::projection::{Reader, Role, State};

/// Opens a session of a role.
#[derive(Debug)]
pub struct AssumeRole {
    /// Who asks.
    pub actor: Actor,
    /// The role's account.
    pub account: AccountId,
    /// The role's name; compared ignoring case.
    pub role: RoleName,
    /// What the caller calls the session.
    pub session: SessionName,
    /// How long it lasts, seconds.
    pub seconds: u64,
    /// The session policy, as sent: the session may do no more than it allows.
    pub policy: Option<String>,
    /// What the trust policy may ask for.
    pub external_id: Option<String>,
    /// Who is behind the session, as the caller says.
    pub source: Option<SourceIdentity>,
}

impl AssumeRole {
    /// The role, if there is one.
    pub fn role<'a>(&self, reader: &Reader<'a>) -> Option<&'a Arc<Role>> {
        reader.role_bearing(self.account, &self.role.folded())
    }

    /// Who is behind the session: once said it goes with every session that follows from it.
    pub fn source(&self) -> Option<&SourceIdentity> {
        self.actor.source.as_ref().or(self.source.as_ref())
    }

    /// What the trust policy may ask for.
    fn conditions(&self) -> Recorded {
        let mut brings = Recorded::default();
        brings.insert("sts:RoleSessionName", Element::text(self.session.as_str()));
        if let Some(id) = &self.external_id {
            brings.insert("sts:ExternalId", Element::Text(id.clone().into()));
        }
        if let Some(source) = self.source() {
            brings.insert("sts:SourceIdentity", Element::text(source.as_str()));
        }
        brings
    }
}

impl Command for AssumeRole {
    fn resources(&self, _: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        match self.role(reader) {
            Some(role) => Ok(vec![Arn::role(self.account, &role.name)]),
            None => Err(Unresolved {
                refusal: Refusal::RoleNotFound,
                ask: vec![Arn::role(self.account, &self.role)],
            }),
        }
    }

    fn reach(&self, _: &Scope) -> Reach {
        Reach::Account(self.account)
    }

    fn brings(&self) -> Recorded {
        self.conditions()
    }

    fn needs(&self) -> Needs {
        Needs::NewSession {
            seconds: self.seconds,
        }
    }

    fn decide(&self, scope: &Scope, state: &State, facts: &Facts) -> Result<Decided, Refusal> {
        if self.actor.kind == ActorKind::Root {
            return Err(Refusal::RootAssumesNoRole);
        }
        let role = self.role(&Reader::new(state)).ok_or(Refusal::RoleNotFound)?;
        if self.seconds > role.session_max {
            return Err(Refusal::SessionTooLong);
        }
        if state
            .sessions_of(role.id)
            .nth(limits::SESSIONS_PER_ROLE_MAX - 1)
            .is_some()
        {
            return Err(Refusal::QuotaReached);
        }
        // An id drawn twice: another try draws another one.
        let made = match facts {
            Facts::NewSession(made) if state.session(&made.id).is_none() => made,
            _ => return Err(Refusal::NoSlot),
        };
        let opened = SessionOpened {
            at: scope.at,
            id: made.id.clone(),
            name: self.session.clone(),
            role: role.id,
            policy: self.policy.clone(),
            source: self.source().cloned(),
            account: role.account,
            expires: made.expires,
        };
        Ok(Decided {
            changes: vec![Change::SessionOpened(opened)],
            answer: self.handed_over(role, made),
            recorded: self.identified(role, made),
        })
    }
}

impl AssumeRole {
    fn handed_over(&self, role: &Role, made: &MadeSession) -> Answer {
        // EXPOSE: copied into the answer to the one who opened the session; both copies are zeroized on drop.
        let copy = |secret: &SecretText| SecretText::new(secret.expose().to_owned());
        let user = Answer::new()
            .text(
                "Arn",
                Arn::role_session(role.account, &role.name, &self.session).to_string(),
            )
            .text("AssumedRoleId", format!("{}:{}", role.id, self.session));
        let credentials = Answer::new()
            .text("AccessKeyId", made.id.to_string())
            .with("AccessKeySecret", copy(&made.secret))
            .text("Expiration", made.expires.to_string())
            .with("SecurityToken", copy(&made.token));
        Answer::new()
            .with("AssumedRoleUser", user)
            .with("Credentials", credentials)
            .with_some("SourceIdentity", self.source().map(ToString::to_string))
    }

    fn identified(&self, role: &Role, made: &MadeSession) -> Recorded {
        let mut recorded = Recorded::default();
        recorded.insert("RoleId", Element::text(&role.id.to_string()));
        recorded.insert("AccessKeyId", Element::text(made.id.as_str()));
        recorded.insert("Expiration", Element::text(&made.expires.to_string()));
        recorded
    }
}

/// Forgets sessions that have ended: the daemon's own operation.
#[derive(Debug)]
pub struct ForgetSessions {
    /// Their temporary access keys.
    pub ids: Vec<AccessKeyId>,
}

impl Command for ForgetSessions {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::log(&scope.region, scope.account)])
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        // Some may be gone with their roles since they were looked for.
        let ended = |id: &&AccessKeyId| state.session(id).is_some_and(|row| row.expires <= scope.at);
        let ids: Vec<_> = self.ids.iter().filter(ended).cloned().collect();
        if ids.is_empty() {
            return Ok(Decided::nothing());
        }
        Ok(Decided::change(Change::SessionsExpired { ids }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::given::{AT, When, given, role, role_created, scope, user};
    use super::*;
    use crate::base::UserName;

    fn request(actor: Actor, seconds: u64) -> AssumeRole {
        AssumeRole {
            actor,
            account: scope().account,
            role: RoleName::parse("DEPLOY").unwrap(),
            session: SessionName::parse("ci-1").unwrap(),
            seconds,
            policy: Some("{}".into()),
            external_id: None,
            source: SourceIdentity::parse("alice").ok(),
        }
    }

    fn alice() -> Actor {
        Actor::user(scope().account, user(1), UserName::parse("alice").unwrap(), None)
    }

    #[test]
    fn a_session_ends_when_it_says_and_stands_for_the_role_as_it_is_written() {
        let state = given([role_created(1, "Deploy")]);
        let changes = state.when(&request(alice(), 900)).unwrap();
        let [Change::SessionOpened(opened)] = &changes[..] else {
            panic!("{changes:?}")
        };
        assert_eq!((opened.role, opened.expires), (role(1), AT.plus_millis(900_000)));
        let arns = request(alice(), 900)
            .resources(&scope(), &Reader::new(&state))
            .unwrap();
        assert_eq!(arns[0].as_str(), "acs:ram::1000000000000001:role/Deploy");
    }

    #[test]
    fn root_assumes_no_role_and_no_session_outlasts_what_the_role_allows() {
        let state = given([role_created(1, "Deploy")]);
        assert_eq!(
            state.when(&request(Actor::root(scope().account, None), 900)),
            Err(Refusal::RootAssumesNoRole)
        );
        assert_eq!(state.when(&request(alice(), 3_601)), Err(Refusal::SessionTooLong));
        assert_eq!(given([]).when(&request(alice(), 900)), Err(Refusal::RoleNotFound));
    }

    #[test]
    fn a_role_has_so_many_sessions_at_a_time_and_no_more() {
        let session = |n: usize| {
            Change::SessionOpened(SessionOpened {
                at: AT,
                id: AccessKeyId::parse(&format!("STS.{n}")).unwrap(),
                name: SessionName::parse("ci-1").unwrap(),
                role: role(1),
                policy: None,
                source: None,
                account: scope().account,
                expires: AT.plus_millis(900_000),
            })
        };
        let facts = |count| {
            [role_created(1, "Deploy")]
                .into_iter()
                .chain((0..count).map(session))
        };
        let one_left = given(facts(limits::SESSIONS_PER_ROLE_MAX - 1));
        assert!(one_left.when(&request(alice(), 900)).is_ok());
        let full = given(facts(limits::SESSIONS_PER_ROLE_MAX));
        assert_eq!(full.when(&request(alice(), 900)), Err(Refusal::QuotaReached));
    }

    #[test]
    fn a_source_identity_goes_with_every_session_that_follows() {
        let name = RoleName::parse("first").unwrap();
        let session = SessionName::parse("s1").unwrap();
        let source = SourceIdentity::parse("bob").ok();
        let chained = Actor::assumed_role(scope().account, (role(1), name), session, source.clone(), None);
        assert_eq!(request(chained, 900).source(), source.as_ref());
        assert_eq!(
            request(alice(), 900).source().map(SourceIdentity::as_str),
            Some("alice")
        );
    }

    #[test]
    fn only_sessions_that_have_ended_are_forgotten() {
        let facts = [role_created(1, "Deploy")];
        let opened = given(facts.clone()).when(&request(alice(), 900)).unwrap();
        let state = given(facts.into_iter().chain(opened));
        let ids: Vec<_> = state.sessions_of(role(1)).cloned().collect();
        assert_eq!(ids.len(), 1);
        assert_eq!(state.when(&ForgetSessions { ids }), Ok(vec![]), "it goes on");
    }
}
