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

/// Returns the time that all cores together were busy since boot, with anything; time stolen by the host counts.
pub fn busy() -> Result<Duration> {
    let text = std::fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
    busy_ticks(&text)
        .map(|ticks| Duration::from_millis(ticks * TICK_MS))
        .context("odd /proc/stat")
}

/// proc_stat(5), first line: user, nice, system, idle, iowait, irq, softirq, steal; guest times are in user already.
fn busy_ticks(stat: &str) -> Option<u64> {
    let fields = stat
        .lines()
        .next()?
        .strip_prefix("cpu ")?
        .split_ascii_whitespace()
        .take(8);
    let busy = fields.enumerate().filter(|(n, _)| *n != 3 && *n != 4);
    busy.map(|(_, ticks)| ticks.parse::<u64>().ok()).sum()
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
    fn idle_and_waiting_for_the_disk_are_not_busy() {
        assert_eq!(busy_ticks("cpu  1 2 4 1000 1000 8 16 32 64 64\ncpu0 9"), Some(63));
    }

    #[test]
    fn the_times_of_this_machine_are_readable() {
        assert!(used_by(std::process::id()).is_ok() && busy().is_ok());
    }
}
