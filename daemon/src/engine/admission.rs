//! Admission: no principal can flood the log with refusals, or keep the queue from all others.
//!
//! An operation that is refused is an event like any other, and brings nobody anything. So each principal has a bucket
//! of tokens for them, and a share of the calls that are under way at once. Who exceeds either is told so with 429, and
//! counted; that is no event. What succeeds costs no token, and the daemon's own operations pass freely.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};

use super::call::Call;
use super::prepare::{Prepared, Ready};
use super::tools::Tools;
use crate::base::error::Retry;
use crate::base::{AccountId, ApiError, Code, limits};
use crate::event::{ActorKind, PrincipalId};

/// What one principal may do. The defaults are out of the way of honest callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdmissionLimits {
    /// So many refused operations in a row.
    pub refused_burst: u32,
    /// So many refused operations a second after that; 0 means that a spent bucket is never filled again.
    pub refused_per_second: u32,
    /// So many calls under way at once.
    pub calls_at_once: usize,
}

impl Default for AdmissionLimits {
    fn default() -> Self {
        Self {
            refused_burst: limits::REFUSED_BURST,
            refused_per_second: limits::REFUSED_PER_SECOND,
            calls_at_once: limits::CALLS_AT_ONCE_MAX,
        }
    }
}

/// Who is told apart: the root of an account, whichever access key it signs with, each user and each role, and each local
/// user who is nobody.
type Principal = (ActorKind, AccountId, Option<PrincipalId>, Option<u32>);

/// The admission of one engine.
#[derive(Debug)]
pub(super) struct Admission {
    limits: AdmissionLimits,
    shares: RwLock<HashMap<Principal, Arc<Share>>>,
    /// An account's users, roles and local users past those told apart share one: no account crowds another out.
    others: Mutex<HashMap<AccountId, Arc<Share>>>,
}

/// What one principal has left.
#[derive(Debug)]
struct Share {
    under_way: AtomicUsize,
    bucket: Mutex<Bucket>,
}

/// Tokens in thousandths, and when they were last counted (monotonic milliseconds). Can owe: a command's refusal is
/// known only when its event is made.
#[derive(Debug)]
struct Bucket {
    thousandths: i64,
    at: u64,
}

/// One call's place among those under way; given back on drop.
#[derive(Debug)]
pub(super) struct Seat {
    limits: AdmissionLimits,
    /// None for the daemon itself.
    share: Option<Arc<Share>>,
    has_paid: bool,
}

impl Admission {
    pub(super) fn new(limits: AdmissionLimits) -> Self {
        Self {
            limits,
            shares: RwLock::default(),
            others: Mutex::default(),
        }
    }

    /// Takes a seat for a call, if its principal has one left.
    pub(super) fn enter(&self, call: &Call) -> Result<Seat, Code> {
        let share = match call.actor.kind {
            ActorKind::System => None,
            kind => {
                let uid = call.origin.uid.filter(|_| kind == ActorKind::Unmapped);
                Some(self.share((kind, call.actor.account, call.actor.id, uid)))
            }
        };
        if let Some(share) = &share
            && share.under_way.fetch_add(1, Ordering::Relaxed) >= self.limits.calls_at_once
        {
            share.under_way.fetch_sub(1, Ordering::Relaxed);
            return Err(Code::Throttled);
        }
        Ok(Seat {
            limits: self.limits,
            share,
            has_paid: false,
        })
    }

    fn share(&self, principal: Principal) -> Arc<Share> {
        if let Some(share) = self.shares.read().get(&principal) {
            return Arc::clone(share);
        }
        let mut shares = self.shares.write();
        // Roots are few; who makes users and roles by the thousand shares a line with the last of them.
        let is_one_of_many = principal.2.is_some() || principal.3.is_some();
        if shares.len() >= limits::PRINCIPALS_TOLD_APART_MAX && is_one_of_many {
            let mut others = self.others.lock();
            let share = others
                .entry(principal.1)
                .or_insert_with(|| Arc::new(Share::full(&self.limits)));
            return Arc::clone(share);
        }
        let share = shares
            .entry(principal)
            .or_insert_with(|| Arc::new(Share::full(&self.limits)));
        Arc::clone(share)
    }
}

impl Seat {
    /// Whether a prepared call may go on to the writer. What was made for one that may not is taken back.
    pub(super) fn pass(&mut self, call: &Call, prepared: &Prepared, tools: &Tools) -> Result<(), Code> {
        let passes = self
            .afford(prepared, || tools.clock.monotonic_millis())
            .and_then(|()| tools.reserve.pass(call, prepared));
        passes.inspect_err(|_| super::writer::discard(prepared, tools))
    }

    fn afford(&mut self, prepared: &Prepared, now: impl Fn() -> u64) -> Result<(), Code> {
        let Some(share) = &self.share else {
            return Ok(());
        };
        match &prepared.result {
            Ok(Ready::Done(_)) => Ok(()),
            // It may be refused where it is decided: who has no token left does not get there.
            Ok(Ready::Decide(_)) if share.has_token(&self.limits, now()) => Ok(()),
            Err(error) if self.has_paid || !costs(error) => Ok(()),
            Err(_) if share.has_token(&self.limits, now()) => {
                share.pay();
                self.has_paid = true;
                Ok(())
            }
            Ok(Ready::Decide(_)) | Err(_) => Err(Code::Throttled),
        }
    }

    /// The call is answered.
    pub(super) fn answered<T>(&mut self, result: &Result<T, ApiError>) {
        if let (Some(share), Err(error)) = (&self.share, result)
            && !self.has_paid
            && costs(error)
        {
            share.pay();
            self.has_paid = true;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(share) = &self.share {
            share.under_way.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Neither the service's own failures nor a rehearsal that went well cost anything.
fn costs(error: &ApiError) -> bool {
    error.code != Code::DryRunPassed && error.code.retry() == Retry::Never
}

impl Share {
    fn full(limits: &AdmissionLimits) -> Self {
        Self {
            under_way: AtomicUsize::new(0),
            bucket: Mutex::new(Bucket {
                thousandths: i64::from(limits.refused_burst) * 1_000,
                at: 0,
            }),
        }
    }

    fn has_token(&self, limits: &AdmissionLimits, now: u64) -> bool {
        let mut bucket = self.bucket.lock();
        // So many a second are so many thousandths a millisecond.
        let passed = i64::try_from(now.saturating_sub(bucket.at)).unwrap_or(i64::MAX);
        let earned = passed.saturating_mul(i64::from(limits.refused_per_second));
        let most = i64::from(limits.refused_burst) * 1_000;
        bucket.thousandths = bucket.thousandths.saturating_add(earned).min(most);
        bucket.at = bucket.at.max(now);
        bucket.thousandths >= 1_000
    }

    fn pay(&self) {
        let mut bucket = self.bucket.lock();
        bucket.thousandths = bucket.thousandths.saturating_sub(1_000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: AdmissionLimits = AdmissionLimits {
        refused_burst: 2,
        refused_per_second: 10,
        calls_at_once: 2,
    };

    #[test]
    fn a_bucket_is_filled_by_time_up_to_its_brim_and_can_owe() {
        let share = Share::full(&LIMITS);
        for _ in 0..3 {
            share.pay();
        }
        // One token owed: a tenth of a second pays the debt, another one earns a token.
        assert!(!share.has_token(&LIMITS, 0));
        assert!(!share.has_token(&LIMITS, 100));
        assert!(share.has_token(&LIMITS, 200));
        // A clock that goes back earns nothing.
        share.pay();
        assert!(!share.has_token(&LIMITS, 150));
        assert!(!share.has_token(&LIMITS, 200));
        assert!(share.has_token(&LIMITS, 1_000_000));
        share.pay();
        share.pay();
        assert!(!share.has_token(&LIMITS, 1_000_000));
    }

    #[test]
    fn who_makes_principals_by_the_thousand_shares_with_itself_alone() {
        let admission = Admission::new(LIMITS);
        let accounts: [AccountId; 2] =
            ["1000000000000001", "1000000000000002"].map(|text| text.parse().unwrap());
        let user = |account: AccountId, n: usize| {
            let id = crate::base::UserId::parse(&(200_000_000_000_000_000 + n as u64).to_string());
            (ActorKind::RamUser, account, id.map(PrincipalId::User), None)
        };
        let [crowd, quiet] = accounts;
        for n in 0..limits::PRINCIPALS_TOLD_APART_MAX {
            admission.share(user(crowd, n));
        }
        let past = limits::PRINCIPALS_TOLD_APART_MAX;
        let (one, two) = (
            admission.share(user(crowd, past)),
            admission.share(user(crowd, past + 1)),
        );
        assert!(Arc::ptr_eq(&one, &two));
        assert!(!Arc::ptr_eq(&one, &admission.share(user(quiet, past))));
        // A root always has its own.
        let root = (ActorKind::Root, quiet, None, None);
        assert!(!Arc::ptr_eq(
            &admission.share(root),
            &admission.share(user(quiet, past))
        ));
    }

    #[test]
    fn failures_of_the_service_and_rehearsals_cost_nothing() {
        for (code, expected) in [
            (Code::NoPermission, true),
            (Code::InvalidParameter, true),
            (Code::DryRunPassed, false),
            (Code::Unavailable, false),
        ] {
            assert_eq!(costs(&code.into()), expected, "{code}");
        }
    }
}
