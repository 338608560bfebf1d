use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

const WINDOW: u64 = TIMESTAMP_SKEW_MILLIS_MAX;
const MINUTE: u64 = 60_000;
/// Some time well after the epoch.
const T: u64 = 1_600_000_000_000;

fn memory() -> NonceMemory {
    capped(1_000, 10_000)
}

fn capped(per_access_key: usize, total: usize) -> NonceMemory {
    let limits = NonceLimits {
        per_access_key,
        total,
    };
    NonceMemory::new(&SecretBytes::new(vec![7; 32]), limits)
}

fn key(name: &str) -> AccessKeyId {
    AccessKeyId::parse(name).unwrap()
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

#[test]
fn a_nonce_is_admitted_once_an_access_key() {
    let memory = memory();
    assert_eq!(memory.admit(1, &key("a"), at(T), at(T)), Ok(()));
    assert_eq!(memory.admit(1, &key("a"), at(T), at(T)), Err(NonceError::Used));
    assert_eq!(memory.admit(1, &key("b"), at(T), at(T)), Ok(()));
    assert_eq!(memory.admit(2, &key("a"), at(T), at(T)), Ok(()));
    assert_eq!(memory.len(), 3);
}

#[test]
fn a_nonce_is_refused_for_thirty_minutes_also_under_another_stamp() {
    for start in [T, T + 1, T + MINUTE - 1] {
        let memory = memory();
        assert_eq!(memory.admit(1, &key("a"), at(start - WINDOW), at(start)), Ok(()));
        for later in [1, MINUTE, 15 * MINUTE, 30 * MINUTE] {
            let now = start + later;
            assert_eq!(
                memory.admit(1, &key("a"), at(now), at(now)),
                Err(NonceError::Used),
                "{later}"
            );
        }
        let now = start + 33 * MINUTE;
        assert_eq!(memory.admit(1, &key("a"), at(now), at(now)), Ok(()));
    }
}

#[test]
fn the_oldest_and_newest_stamps_of_the_window_are_admitted_for_hours() {
    let memory = memory();
    for minute in 0..200 {
        let now = T + minute * MINUTE + minute * 311 % MINUTE;
        for (hash, stamp) in [
            (minute * 3, now - WINDOW),
            (minute * 3 + 1, now),
            (minute * 3 + 2, now + WINDOW),
        ] {
            assert_eq!(
                memory.admit(hash, &key("a"), at(stamp), at(now)),
                Ok(()),
                "{minute}"
            );
        }
    }
    // Steps of a minute and a little: up to two of them fall into one minute.
    assert!(memory.len() <= 3 * 34, "{}", memory.len());
}

#[test]
fn a_clock_set_back_does_not_reopen_the_past() {
    let memory = memory();
    let first = (1, at(T));
    assert_eq!(memory.admit(first.0, &key("a"), first.1, at(T)), Ok(()));
    let later = T + 2 * 60 * MINUTE;
    assert_eq!(memory.admit(2, &key("a"), at(later), at(later)), Ok(()));
    // The first is forgotten by now; with the clock back, its stamp would be fresh again.
    assert_eq!(
        memory.admit(first.0, &key("a"), first.1, at(T)),
        Err(NonceError::Forgotten)
    );
    assert_eq!(
        memory.admit(3, &key("a"), at(T), at(T)),
        Err(NonceError::Forgotten)
    );
    // What is newer than anything forgotten is admitted, once.
    assert_eq!(memory.admit(4, &key("a"), at(T + 1_000), at(T)), Ok(()));
    assert_eq!(
        memory.admit(4, &key("a"), at(T + 1_000), at(T)),
        Err(NonceError::Used)
    );
}

#[test]
fn at_the_cap_one_access_key_is_throttled_and_others_are_not() {
    let memory = capped(2, 100);
    for hash in [1, 2] {
        assert_eq!(memory.admit(hash, &key("a"), at(T), at(T)), Ok(()));
    }
    assert_eq!(memory.admit(3, &key("a"), at(T), at(T)), Err(NonceError::Full));
    assert_eq!(memory.admit(1, &key("a"), at(T), at(T)), Err(NonceError::Used));
    assert_eq!(memory.admit(3, &key("b"), at(T), at(T)), Ok(()));
    let later = T + 33 * MINUTE;
    assert_eq!(memory.admit(3, &key("a"), at(later), at(later)), Ok(()));
}

#[test]
fn all_access_keys_together_hold_no_more_than_the_total_until_it_is_forgotten() {
    let memory = capped(2, 3);
    for (hash, who) in [(1, "a"), (2, "a"), (3, "b")] {
        assert_eq!(memory.admit(hash, &key(who), at(T), at(T)), Ok(()));
    }
    assert_eq!(memory.admit(4, &key("c"), at(T), at(T)), Err(NonceError::Full));
    assert_eq!(memory.len(), 3);
    // Nobody of these calls again: the first call of a minute sweeps them out all the same.
    let later = at(T + 33 * MINUTE);
    assert_eq!(memory.admit(4, &key("c"), later, later), Ok(()));
    assert_eq!(memory.len(), 1);
}

// Goal: what the limits promise. Method: a second of 20,000 requests in each minute, for two hours.
#[test]
fn a_busy_access_key_is_never_full_and_its_memory_stays_bounded() {
    let memory = capped(20_000 * 33, 20_000 * 33);
    let (mut most, busy) = (0, key("busy"));
    for minute in 0..120 {
        let now = at(T + minute * MINUTE);
        for n in 0..20_000 {
            let hash = memory.hash(&busy, &format!("{minute} {n}"));
            assert_eq!(memory.admit(hash, &busy, now, now), Ok(()));
        }
        if minute < 32 {
            continue;
        }
        let bytes = memory.shard(&busy).lock().memories[&busy].hashes.bytes();
        most = most.max(bytes / memory.len());
        let replayed = memory.hash(&busy, &format!("{minute} 7"));
        assert_eq!(memory.admit(replayed, &busy, now, now), Err(NonceError::Used));
    }
    assert!(memory.len() <= 20_000 * 32);
    assert!(most <= 12, "{most} bytes a nonce");
}

#[test]
fn nonces_of_the_log_are_refused_after_a_start() {
    let memory = memory();
    memory.refuse_up_to(at(T - WINDOW));
    memory.remember(1, &key("a"), at(T - MINUTE));
    memory.remember(1, &key("a"), at(T - MINUTE));
    assert_eq!(memory.len(), 1);
    assert_eq!(
        memory.admit(1, &key("a"), at(T - MINUTE), at(T)),
        Err(NonceError::Used)
    );
    assert_eq!(
        memory.admit(2, &key("a"), at(T - WINDOW), at(T)),
        Err(NonceError::Forgotten)
    );
    assert_eq!(
        memory.admit(2, &key("b"), at(T - WINDOW), at(T)),
        Err(NonceError::Forgotten)
    );
    assert_eq!(memory.admit(2, &key("a"), at(T - WINDOW + 1), at(T)), Ok(()));
}

#[test]
fn access_keys_that_fell_silent_cost_nothing() {
    let memory = memory();
    for n in 0..100 {
        assert_eq!(memory.admit(n, &key(&format!("k{n}")), at(T), at(T)), Ok(()));
    }
    let later = at(T + 33 * MINUTE);
    for n in 0..100 {
        let _ = memory.admit(1_000 + n, &key(&format!("l{n}")), later, later);
    }
    let kept = |shard: &Mutex<Shard>| shard.lock().memories.len();
    assert_eq!(memory.shards.iter().map(kept).sum::<usize>(), 100);
}

#[test]
fn hashes_depend_on_the_key_the_access_key_and_the_nonce() {
    let one = memory();
    let two = NonceMemory::new(&SecretBytes::new(vec![8; 32]), NonceLimits::default());
    let hash = one.hash(&key("ab"), "c");
    assert_eq!(hash, memory().hash(&key("ab"), "c"));
    assert_ne!(hash, two.hash(&key("ab"), "c"));
    assert_ne!(hash, one.hash(&key("a"), "bc"));
    assert_ne!(hash, one.hash(&key("ab"), "d"));
}

#[test]
fn refusals_have_their_codes() {
    for (error, code) in [
        (NonceError::Used, Code::NonceUsed),
        (NonceError::Full, Code::Throttled),
        (NonceError::Forgotten, Code::ExpiredTimestamp),
    ] {
        assert_eq!(ApiError::from(error).code, code);
    }
}

proptest! {
    /// Forward in time, the memory is a plain set of what arrived in the last 32 minutes.
    #[test]
    fn forward_in_time_it_equals_a_plain_set(
        calls in proptest::collection::vec((0u64..12, 0usize..3, 0u64..=2 * WINDOW, 0u64..8 * MINUTE), 0..150),
    ) {
        let memory = capped(5, 1_000);
        let keys = [key("a"), key("b"), key("q")];
        let mut admitted: Vec<(u64, usize, u64)> = Vec::new();
        let mut now = T;
        for (hash, who, skew, step) in calls {
            now += step;
            let live = |&(_, owner, then): &(u64, usize, u64)| owner == who && then / MINUTE + 32 > now / MINUTE;
            let used = admitted.iter().any(|entry| live(entry) && entry.0 == hash);
            let expected = if used {
                Err(NonceError::Used)
            } else if admitted.iter().filter(|entry| live(entry)).count() >= 5 {
                Err(NonceError::Full)
            } else {
                admitted.push((hash, who, now));
                Ok(())
            };
            let stamp = at(now - WINDOW + skew);
            prop_assert_eq!(memory.admit(hash, &keys[who], stamp, at(now)), expected);
        }
    }

    /// Wherever the clock jumps, one signed request (access key, nonce, stamp) is admitted once (I1).
    #[test]
    fn no_request_is_admitted_twice_whatever_the_clock_does(
        requests in proptest::collection::vec((0usize..3, 0u64..180 * MINUTE), 1..8),
        calls in proptest::collection::vec((any::<prop::sample::Index>(), 0u64..180 * MINUTE), 0..200),
    ) {
        let memory = memory();
        let keys = [key("a"), key("b"), key("q")];
        let mut admitted = HashSet::new();
        for (which, clock) in calls {
            let request = which.index(requests.len());
            let (who, stamp) = requests[request];
            if stamp.abs_diff(clock) > WINDOW {
                continue;
            }
            let answer = memory.admit(request as u64, &keys[who], at(T + stamp), at(T + clock));
            prop_assert!(answer.is_err() || admitted.insert(request), "{request} twice");
        }
    }
}
