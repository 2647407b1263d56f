//! How much of the chain is asked of a node at once.
//!
//! The request has no size: the node sends up to ten mergeset limits of merged blocks, however large those are. What bounds
//! a page is a confirmation count that leaves out everything more than a step above the block that is asked from; after
//! that, a lower verbosity. A page that may be large and did not come in time, or at which the node ended the connection, is asked smaller.
//! Pages that come let the size grow again, the later the more often it had to shrink.
//!
//! A node that ends the connection at every page, however small, may be too old to know the request: it answers unknown
//! requests so. It is asked for the one page that costs it nothing, and given up when it does the same.

use super::session::Step;
use crate::{error::DisconnectReason, page::LARGEST_BLUE_SCORE_RISE, wire::Verbosity};

/// The sizes, from the node's own down. No step is too small for one chain block on top of another.
const SIZES: [Size; 5] = [
    Size { step: None, verbosity: Verbosity::Full },
    Size { step: Some(2_048), verbosity: Verbosity::Full },
    Size { step: Some(1_024), verbosity: Verbosity::Full },
    Size { step: Some(LARGEST_BLUE_SCORE_RISE + 1), verbosity: Verbosity::Full },
    Size { step: Some(LARGEST_BLUE_SCORE_RISE + 1), verbosity: Verbosity::Low },
];

/// Pages in a row that must come before a larger one is asked for the first time.
const PAGES_TO_GROW: u32 = 8;

/// Most pages in a row that are waited for.
const MOST_PAGES_TO_GROW: u32 = 1_024;

/// Pages in a row at which the node ended the connection before it is asked whether it knows the request at all.
const CLOSED_UNTIL_PROBE: u32 = 5;

/// Probes at which it did the same before it is given up.
const CLOSED_PROBES: u32 = 3;

/// One step of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    /// Blue score above the block that is asked from; `None` leaves the size to the node.
    pub(super) step: Option<u64>,
    pub(super) verbosity: Verbosity,
}

/// What one node has shown to be able to send.
#[derive(Debug)]
pub(super) struct PageSize {
    position: usize,
    came: u32,
    to_grow: u32,
    /// Pages at which the node ended the connection since the last answer to one.
    closed: u32,
    closed_probes: u32,
}

impl PageSize {
    pub(super) fn new() -> Self {
        Self { position: 0, came: 0, to_grow: PAGES_TO_GROW, closed: 0, closed_probes: 0 }
    }

    pub(super) fn size(&self) -> Size {
        SIZES[self.position.min(SIZES.len() - 1)]
    }

    /// The node answered a page request, if only with a refusal.
    pub(super) fn answered(&mut self) {
        (self.closed, self.closed_probes) = (0, 0);
    }

    /// A page came in time.
    pub(super) fn came(&mut self) {
        self.came += 1;
        if self.came >= self.to_grow {
            self.position = self.position.saturating_sub(1);
            self.came = 0;
        }
    }

    /// The session ended with `reason` while a page was awaited, in `step`. Only a page that may be large is asked smaller.
    /// True if the node has shown by this that it does not know the request; it must show it anew to be believed again.
    pub(super) fn failed(&mut self, reason: &DisconnectReason, step: &Step, may_be_large: bool) -> bool {
        let by_node = match reason {
            DisconnectReason::ClosedByNode | DisconnectReason::ConnectionLost { .. } => true,
            DisconnectReason::MessageTooLarge { .. } | DisconnectReason::RequestTimeout { .. } => false,
            _ => return false,
        };
        match step {
            Step::Probe { .. } if by_node => {
                self.closed_probes += 1;
                if self.closed_probes >= CLOSED_PROBES {
                    self.answered();
                    return true;
                }
            }
            Step::Probe { .. } => {}
            _ => {
                self.closed += u32::from(by_node);
                if !may_be_large {
                    return false;
                }
                self.position = (self.position + 1).min(SIZES.len() - 1);
                self.to_grow = self.to_grow.saturating_mul(2).min(MOST_PAGES_TO_GROW);
                self.came = 0;
            }
        }
        false
    }

    /// Whether the node is to be asked first if it knows the request.
    pub(super) fn wants_probe(&self) -> bool {
        self.closed >= CLOSED_UNTIL_PROBE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOSED: DisconnectReason = DisconnectReason::ClosedByNode;

    #[test]
    fn given_pages_that_fail_when_asked_again_then_each_is_smaller_and_the_last_is_of_lower_verbosity() {
        let mut size = PageSize::new();
        let mut seen = Vec::new();
        for _ in 0..6 {
            seen.push((size.size().step.unwrap_or(u64::MAX), size.size().verbosity));
            size.failed(&CLOSED, &Step::Follow, true);
        }
        assert_eq!(seen[..4].iter().map(|(_, verbosity)| *verbosity).collect::<Vec<_>>(), [Verbosity::Full; 4]);
        assert!(seen[..4].is_sorted_by(|larger, smaller| larger.0 > smaller.0), "{seen:?}");
        assert_eq!(seen[4], (LARGEST_BLUE_SCORE_RISE + 1, Verbosity::Low));
        assert_eq!(seen[5], seen[4]);
    }

    #[test]
    fn given_a_size_that_failed_when_pages_come_then_it_grows_later_each_time() {
        let mut size = PageSize::new();
        let mut needed = Vec::new();
        for _ in 0..10 {
            size.failed(&CLOSED, &Step::Follow, true);
            size.answered();
            let before = size.position;
            let pages = (1..10_000).find(|_| {
                size.came();
                size.position < before
            });
            needed.push(pages.expect("it grows"));
        }
        assert_eq!(needed, [16, 32, 64, 128, 256, 512, 1_024, 1_024, 1_024, 1_024]);
    }

    #[test]
    fn given_a_node_that_closes_at_every_page_when_it_closes_at_the_probe_too_then_it_does_not_know_the_request() {
        let mut size = PageSize::new();
        (0..CLOSED_UNTIL_PROBE).for_each(|_| assert!(!size.failed(&CLOSED, &Step::Follow, true)));
        assert!(size.wants_probe());
        let probe = Step::Probe { sink: kaspa_hashes::Hash::default(), then: Box::new(Step::Follow) };
        let shown: Vec<bool> = (0..CLOSED_PROBES).map(|_| size.failed(&CLOSED, &probe, true)).collect();
        assert_eq!(shown, [false, false, true]);
        // It may be another version the next time.
        assert!(!size.wants_probe());
    }

    #[test]
    fn given_small_pages_when_they_fail_then_the_size_stays() {
        let mut size = PageSize::new();
        (0..CLOSED_UNTIL_PROBE).for_each(|_| assert!(!size.failed(&CLOSED, &Step::Follow, false)));
        assert_eq!(size.size(), SIZES[0]);
        assert!(size.wants_probe());
    }

    #[test]
    fn given_slow_pages_when_they_time_out_then_the_node_is_not_taken_for_an_old_one() {
        let mut size = PageSize::new();
        let after = std::time::Duration::from_secs(30);
        let timeout =
            DisconnectReason::RequestTimeout { operation: crate::wire::Operation::GetVirtualChainFromBlockV2, after };
        (0..100).for_each(|_| assert!(!size.failed(&timeout, &Step::Follow, true)));
        assert!(!size.wants_probe());
    }
}
