//! What a process has used of the processor until now.

use std::io;
use std::time::Duration;

use rustix::process::Pid;

/// The processor time of a process and all its threads, to the kernel's tick, mostly 10 ms.
/// Source: `proc_pid_stat(5)`, `utime` and `stime`.
///
/// # Errors
/// There is no such process.
pub(super) fn processor_time(process: Pid) -> io::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()))?;
    let ticks = ticks(&stat).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// The two are the 12th and the 13th behind the program's name, which may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let (user, system) = (fields.next()?, fields.next()?);
    Some(user.parse::<u64>().ok()? + system.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_anything_in_it_misleads_nobody() {
        let stat = "7 (a) 1 (b) S 1 7 7 0 -1 4194560 158 0 0 0 31 11 0 0 20 0 1 0 9";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("7 (cut"), None);
    }
}
