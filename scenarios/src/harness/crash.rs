//! Where the process of a consumer dies: between two events, or at a point in the middle of its own code.
//!
//! A death in the middle is a panic that no hook sees and that the storm catches: the stack is unwound, and what is left of the
//! consumer gets a new process.

use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    time::Duration,
};

use sim::random::Stream;

/// Most numbered events from one death to the next, where a run is to see what comes after it.
const MOST_EVENTS_BETWEEN: u64 = 200;

/// The same where the next process dies soon, with the backlog of the pause before it.
const MOST_EVENTS_SOON: u64 = 12;

/// Most points passed before the one to die at.
const MOST_POINTS: u64 = 6;

/// Shortest time and width of the time until the next process starts.
const PAUSE_MS: (u64, u64) = (20, 1_480);

thread_local! {
    /// Points that this thread may still pass; `None` if it may pass all.
    static POINTS_LEFT: Cell<Option<u64>> = const { Cell::new(None) };
}

/// A point at which the process of a consumer may die in a storm: between two writes, before a commit, after it. Call it in the
/// store that your test puts under the consumer. Outside of a storm it does nothing.
///
/// It does not return where the process dies: the stack is unwound as by a panic, up to the storm. Do not catch that.
pub fn crash_point() {
    let Some(left) = POINTS_LEFT.get() else { return };
    if left == 0 {
        POINTS_LEFT.set(None);
        panic::resume_unwind(Box::new(Died));
    }
    POINTS_LEFT.set(Some(left - 1));
}

/// The payload of the panic that ends a process.
struct Died;

/// Calls `act`, in which the process dies at the point after the next `points`, if it gets there. What is left of them; `None`
/// if it died.
///
/// # Panics
/// If `act` does.
pub(super) fn until_death(points: Option<u64>, act: impl FnOnce()) -> Option<Option<u64>> {
    POINTS_LEFT.set(points);
    // What is in the middle of a change belongs to the dead process: of that only what it stored is looked at again.
    let ended = panic::catch_unwind(AssertUnwindSafe(act));
    let left = POINTS_LEFT.take();
    match ended {
        Ok(()) => Some(left),
        Err(payload) if payload.is::<Died>() => None,
        Err(payload) => panic::resume_unwind(payload),
    }
}

/// How the process of a consumer dies next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Death {
    /// Numbered events that it still takes in before the one that it dies over.
    pub(super) events: u64,
    /// Points that it passes before the one that it dies at; `None` if it dies when it has taken the event in.
    pub(super) points: Option<u64>,
    /// Time until the next process starts.
    pub(super) pause: Duration,
}

/// The deaths of one consumer's processes, one after the other.
pub(super) struct Deaths {
    /// `None` if none dies.
    stream: Option<Stream>,
}

impl Deaths {
    pub(super) fn new(stream: Option<Stream>) -> Self {
        Self { stream }
    }

    /// The death of the next process.
    pub(super) fn draw(&mut self) -> Option<Death> {
        let stream = self.stream.as_mut()?;
        let most = if stream.chance(1, 3) { MOST_EVENTS_SOON } else { MOST_EVENTS_BETWEEN };
        let events = stream.below(most);
        let points = stream.below(MOST_POINTS + 1).checked_sub(1);
        let (least, width) = PAUSE_MS;
        Some(Death { events, points, pause: Duration::from_millis(least + stream.below(width)) })
    }
}

#[cfg(test)]
mod tests {
    use sim::random::Streams;

    use super::*;

    fn passed(points: Option<u64>) -> (u64, Option<Option<u64>>) {
        let mut passed = 0;
        let ended = until_death(points, || {
            for _ in 0..3 {
                crash_point();
                passed += 1;
            }
        });
        (passed, ended)
    }

    #[test]
    fn given_a_number_of_points_when_passed_then_it_dies_at_the_next_or_has_the_rest_left() {
        assert_eq!(passed(Some(0)), (0, None));
        assert_eq!(passed(Some(2)), (2, None));
        assert_eq!(passed(Some(5)), (3, Some(Some(2))));
        assert_eq!(passed(None), (3, Some(None)));
        crash_point();
    }

    #[test]
    #[should_panic(expected = "a bug of its own")]
    fn given_a_panic_of_its_own_when_it_happens_then_it_is_no_death() {
        until_death(Some(1), || panic!("a bug of its own"));
    }

    #[test]
    fn given_a_seed_when_deaths_are_drawn_then_some_are_soon_and_some_at_points() {
        let mut deaths = Deaths::new(Some(Streams::new(1).stream("test", 0)));
        let drawn: Vec<Death> = (0..50).filter_map(|_| deaths.draw()).collect();
        assert_eq!(drawn.len(), 50);
        assert!(drawn.iter().any(|death| death.events < MOST_EVENTS_SOON));
        assert!(drawn.iter().any(|death| death.events > MOST_EVENTS_SOON));
        assert!(drawn.iter().any(|death| death.points.is_none()));
        assert!(drawn.iter().any(|death| death.points == Some(0)));
        assert_eq!(Deaths::new(None).draw(), None);
    }
}
