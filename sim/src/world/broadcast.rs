//! How long notifications take to be serialised, and which overtakes which.
//!
//! The node's wRPC server has two broadcasters that compete for notifications; each serialises before it hands over to the
//! socket. A large notification can therefore be overtaken by later small ones, and now and then one is overtaken because its
//! broadcaster was not scheduled. Source: rusty-kaspa 2.1.0, `kaspad/src/daemon.rs` (two broadcasters), `kaspa-notify`,
//! `notifier` and `broadcaster`.

use std::time::Duration;

use crate::random::Stream;

/// What a broadcaster serialises in a microsecond.
const BYTES_PER_MICROSECOND: u64 = 200;

/// Below this a notification is taken to need no time: most are smaller.
const NO_TIME: Duration = Duration::from_micros(100);

/// One notification in so many waits for its broadcaster to be scheduled, at most for so long.
const STALLED_OF: u64 = 64;
const LONGEST_STALL_US: u64 = 20_000;

/// The broadcasters of one connection's notifications.
#[derive(Debug)]
pub(super) struct Broadcasters {
    stream: Stream,
    /// When each has finished what it took.
    free_at: [Duration; 2],
}

impl Broadcasters {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, free_at: [Duration::ZERO; 2] }
    }

    /// When a notification of that size, handed over now, reaches the socket.
    pub(super) fn ready_at(&mut self, bytes: usize, now: Duration) -> Duration {
        let mut time = Duration::from_micros(bytes as u64 / BYTES_PER_MICROSECOND);
        if self.stream.chance(1, STALLED_OF) {
            time += Duration::from_micros(self.stream.below(LONGEST_STALL_US));
        }
        let [first, second] = &mut self.free_at;
        let next_free = if *first <= *second { first } else { second };
        if time < NO_TIME && *next_free <= now {
            return now;
        }
        let ready_at = now.max(*next_free) + time;
        *next_free = ready_at;
        ready_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Streams;

    #[test]
    fn given_a_large_notification_when_small_ones_follow_then_they_overtake_it_and_a_second_large_one_waits() {
        let mut overtaken = 0;
        for entity in 0..20 {
            let mut broadcasters = Broadcasters::new(Streams::new(1).stream("broadcasters", entity));
            let now = Duration::from_secs(1);
            let large = broadcasters.ready_at(2_000_000, now);
            let small = broadcasters.ready_at(300, now);
            assert!(large >= now + Duration::from_millis(10));
            overtaken += u32::from(small < large);
            let also_large = broadcasters.ready_at(2_000_000, now);
            let third = broadcasters.ready_at(2_000_000, now);
            assert!(third >= large.min(also_large) + Duration::from_millis(10), "two at a time");
        }
        assert!(overtaken >= 18, "{overtaken} of 20");
    }

    #[test]
    fn given_small_notifications_when_many_are_sent_then_few_of_them_stall() {
        let mut broadcasters = Broadcasters::new(Streams::new(1).stream("broadcasters", 0));
        let at = |number: u64| Duration::from_millis(100 * number);
        let stalled = (1..=6_400).filter(|&number| broadcasters.ready_at(300, at(number)) > at(number)).count();
        assert!((60..140).contains(&stalled), "{stalled} of 6,400");
    }
}
