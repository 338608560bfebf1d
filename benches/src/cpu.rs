//! Processor time of a process, from `/proc`.

use std::time::Duration;

use anyhow::{Context, Result};

/// Returns user plus system time of all threads of `pid`, ended threads included.
pub fn used_by(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    ticks(&text)
        .map(|ticks| Duration::from_millis(ticks * TICK_MS))
        .with_context(|| format!("odd {path}"))
}

/// utime + stime, fields 14 and 15 of proc_pid_stat(5). The second field is the program's name in parentheses and may
/// hold anything, so counting starts behind the last parenthesis, at field 3.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(14 - 3);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// Linux reports these fields in USER_HZ, which is 100 in the ABI of every architecture the daemon is built for.
const TICK_MS: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 7 5 0 0 20 0 3 0 12345 0 0";
        assert_eq!(ticks(stat), Some(12));
    }

    #[test]
    fn own_time_is_readable() {
        assert!(used_by(std::process::id()).is_ok());
    }
}
