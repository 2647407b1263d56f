//! What a consumer must be when nothing more comes: the same as one that was told the final chain straight, and the same
//! again after one more restart.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use bridge::{Checkpoint, L1Event, Window};

use super::{Consumer, history::History};
use crate::{
    check::Failure,
    run::seat::{Seat, Seated},
};

/// The general oracle.
const DIGEST: (&str, &str) = (
    "consumer-digest",
    "whatever happened on the way, the consumer has what one has that was told the final chain straight",
);

/// The other half of [`STORE`](super::process::STORE).
const RESTART: (&str, &str) = ("consumer-restart", "a consumer that has stored everything loses nothing in a restart");

/// Characters of two texts that are shown around the first one in which they differ.
const SHOWN: usize = 80;

/// What the process of a consumer and the end of the run share.
pub(super) struct Rest<C> {
    pub(super) seat: Seat,
    pub(super) make: Arc<dyn Fn() -> C + Send + Sync>,
    pub(super) crashes: bool,
    /// The consumer; `None` while its process is dead.
    pub(super) consumer: RefCell<Option<C>>,
    /// What it was told; `None` before the first numbered event.
    pub(super) history: RefCell<Option<History>>,
}

impl<C: Consumer> Seated for Rc<Rest<C>> {
    fn check_at_rest(&self) -> Result<(), Failure> {
        let consumer = self.consumer.borrow_mut().take();
        let Some(consumer) = consumer else {
            return Err(self.seat.failure(RESTART, "the consumer's process does not run".to_owned()));
        };
        self.seat.note(format!("ends with {}", digest_of(&consumer)));
        let (found, straight) = (consumer.digest(), self.told_straight()?.digest());
        if found != straight {
            let [found, straight] = around_difference(&format!("{found:?}"), &format!("{straight:?}"));
            return Err(self.seat.failure(DIGEST, format!("after the storm it has {found}, told straight {straight}")));
        }
        if self.crashes {
            let restarted = consumer.restart().digest();
            if restarted != found {
                let [found, restarted] = around_difference(&format!("{found:?}"), &format!("{restarted:?}"));
                let message = format!("before the restart it has {found}, after it {restarted}");
                return Err(self.seat.failure(RESTART, message));
            }
        }
        Ok(())
    }
}

impl<C: Consumer> Rest<C> {
    /// A new consumer that is told the final chain and nothing else.
    fn told_straight(&self) -> Result<C, Failure> {
        let mut consumer = (self.make)();
        let history = self.history.borrow();
        let Some(history) = history.as_ref() else { return Ok(consumer) };
        let network = self.seat.config().network;
        consumer.on_status(&L1Event::Connected {
            session: 1,
            node: "a straight replay".to_owned(),
            server_version: String::new(),
            network,
        });
        let mut window = Window::new(history.anchor());
        for event in history.straight(self.seat.plan().parameters.finality_depth) {
            let failed = |error: String| self.seat.failure(DIGEST, format!("the chain cannot be replayed: {error}"));
            window.apply(&event).map_err(|error| failed(error.to_string()))?;
            let after: Checkpoint = window.checkpoint(network).map_err(|error| failed(error.to_string()))?;
            consumer.on_event(&event, &after);
        }
        consumer.on_status(&L1Event::Synced { tip: window.tip() });
        consumer.on_idle();
        Ok(consumer)
    }
}

/// What the consumer has, in a form that enters the trace.
pub(super) fn digest_of<C: Consumer>(consumer: &C) -> String {
    let digest = blake3::hash(format!("{:?}", consumer.digest()).as_bytes());
    format!("digest {}", &digest.to_hex()[..16])
}

/// Two texts, each as far as is needed to see where they begin to differ.
fn around_difference(first: &str, second: &str) -> [String; 2] {
    let same = first.chars().zip(second.chars()).take_while(|(first, second)| first == second).count();
    let skipped = same.saturating_sub(SHOWN / 2);
    [first, second].map(|text| {
        let mut shown: String = text.chars().skip(skipped).take(SHOWN).collect();
        if skipped > 0 {
            shown.insert_str(0, "... ");
        }
        if text.chars().count() > skipped + SHOWN {
            shown.push_str(" ...");
        }
        shown
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_two_long_texts_that_differ_late_when_shown_then_the_difference_is_seen() {
        let (first, second) = (format!("{}1{}", "x".repeat(500), "y".repeat(500)), format!("{}2", "x".repeat(500)));
        let [first, second] = around_difference(&first, &second);
        assert!(first.starts_with("... x") && first.contains("x1y") && first.ends_with("y ..."), "{first}");
        assert!(second.ends_with("x2"), "{second}");
        assert_eq!(around_difference("3", "4"), ["3".to_owned(), "4".to_owned()]);
    }
}
