//! CPU time, which other processes on the machine do not stretch as they do the time on the wall.

use std::{hint::black_box, time::Duration};

use rustix::time::{ClockId, clock_gettime};

/// CPU time of this thread so far. A raw system call, because libc's clock belongs to the simulation in this process.
pub fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// CPU time of `work`, without that of dropping what it made, and what it made.
pub fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = thread_cpu_time();
    let made = black_box(work());
    (thread_cpu_time() - start, made)
}

/// The least of so many runs of `work`: what is slower met something else that runs on the machine.
pub fn fastest<T>(rounds: usize, mut work: impl FnMut() -> T) -> Duration {
    (0..rounds).map(|_| timed(&mut work).0).min().unwrap_or_default()
}
