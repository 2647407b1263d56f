//! Property: attempts and requests are bounded at every time, not only in sum. After the end of a session or of an attempt
//! the bridge pauses as long as it says; what it says grows with every failure, from half of the shortest pause to the
//! longest; and no attempt is made that follows no end. In any few seconds it sends no more requests than the blocks that it
//! delivers, its polls and its sessions need. To a bridge that waits for confirmations each move of a sink counts as a block.
//!
//! Moment: every event of a connection, and every few seconds of the storm. Finds a bridge that calls a node that accepts
//! and closes in a tight loop, sends the request that its node just refused at once again, or asks once for each
//! notification. False for a while: never. A consumer that takes its time gets events late: for one only the pauses that are
//! said are looked at, and `economy` sums up in the end.

use std::time::Duration;

use bridge::L1Event;
use sim::world::Counters;

use super::{Checker, Context, Restart, progress::Quiet};
use crate::plan::Plan;

/// Requests that one page may need: itself, the header of its last block, and the node's sink with its header.
const PER_PAGE: u64 = 4;

/// Requests that a session needs until it follows, and may need to find its place.
const PER_SESSION: u64 = 24;

/// Requests that may be under way when the counting of a stretch begins.
const UNDER_WAY: u64 = 8;

/// See the module documentation.
#[derive(Debug)]
pub struct Rate {
    shortest_pause: Duration,
    longest_pause: Duration,
    nodes: u32,
    is_prompt: bool,
    /// Failures in a row.
    failures: u32,
    /// When the next attempt may begin.
    next_at: Duration,
    in_session: bool,
    /// Ends of sessions and attempts that were told.
    ends: u64,
    /// Processes that were started.
    starts: u64,
    /// What was counted when the present stretch began.
    stretch: Stretch,
}

#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    began_at: Duration,
    asked: Counters,
    added: u64,
}

impl Checker for Rate {
    fn new(plan: &Plan, bridge: usize) -> Self {
        let (config, planned) = (plan.bridge(bridge), &plan.bridges[bridge]);
        Self {
            shortest_pause: config.backoff_min.min(config.backoff_max),
            longest_pause: config.backoff_max,
            nodes: u32::try_from(planned.nodes.len()).unwrap_or(u32::MAX).max(1),
            is_prompt: planned.consumer.is_prompt(),
            failures: 0,
            next_at: Duration::ZERO,
            in_session: false,
            ends: 0,
            starts: 1,
            stretch: Stretch::default(),
        }
    }

    fn name(&self) -> &'static str {
        "rate"
    }

    fn meaning(&self) -> &'static str {
        "pauses between attempts are kept and grow, and requests are few in every few seconds"
    }

    fn on_event(&mut self, event: &L1Event, context: Context<'_>) -> Result<(), String> {
        match event {
            L1Event::Connected { .. } => {
                self.check_attempt(context)?;
                self.in_session = true;
                if !self.is_prompt {
                    // How long the session lasted cannot be told from events that come late: it may end the row.
                    self.failures = 0;
                }
            }
            L1Event::Unreachable { retry_in, .. } => {
                self.check_attempt(context)?;
                self.check_end(*retry_in, context.now)?;
            }
            // In a session its end is told besides.
            L1Event::NodeRejected { retry_in: Some(retry_in), .. } if !self.in_session => {
                self.check_attempt(context)?;
                self.check_end(*retry_in, context.now)?;
            }
            L1Event::Disconnected { retry_in, .. } => {
                self.in_session = false;
                if let Some(retry_in) = retry_in {
                    self.check_end(*retry_in, context.now)?;
                }
            }
            L1Event::BlockAdded(_) | L1Event::Reorg(_) => self.failures = 0,
            _ => {}
        }
        Ok(())
    }

    fn on_restart(&mut self, _: Restart, context: Context<'_>) -> Result<(), String> {
        self.starts += 1;
        (self.failures, self.next_at, self.in_session) = (0, context.now, false);
        Ok(())
    }

    fn on_look(&mut self, _: Quiet, context: Context<'_>) -> Result<(), String> {
        let now = Stretch { began_at: context.now, asked: context.counters, added: context.replica.added };
        let before = std::mem::replace(&mut self.stretch, now);
        if !self.is_prompt {
            return Ok(());
        }
        let elapsed_ms = u64::try_from((now.began_at - before.began_at).as_millis()).unwrap_or(u64::MAX);
        let polls = elapsed_ms / context.bridge.poll_interval_ms.max(1) + 1;
        let (added, sessions) = (now.added - before.added, now.asked.attempts - before.asked.attempts);
        let added = added.max(context.moves_in_vain(before.began_at));
        let allowed = PER_PAGE * (added + polls) + PER_SESSION * (sessions + 1) + UNDER_WAY;
        let requests = now.asked.requests - before.asked.requests;
        if requests > allowed {
            return Err(format!(
                "{requests} requests in {elapsed_ms} ms for {added} delivered blocks, {polls} polls and {sessions} attempts; \
                 {allowed} are allowed"
            ));
        }
        Ok(())
    }
}

impl Rate {
    /// The fate of an attempt is told.
    fn check_attempt(&self, context: Context<'_>) -> Result<(), String> {
        if !self.is_prompt {
            return Ok(());
        }
        if context.now < self.next_at {
            return Err(format!(
                "an attempt was made before the announced pause was over at {:.3} s",
                self.next_at.as_secs_f64()
            ));
        }
        let (attempts, allowed) = (context.counters.attempts, self.ends + self.starts);
        if attempts > allowed {
            return Err(format!("attempt {attempts} was made after {} ends and {} starts", self.ends, self.starts));
        }
        Ok(())
    }

    /// A session or an attempt ended, and this pause is announced.
    fn check_end(&mut self, pause: Duration, now: Duration) -> Result<(), String> {
        // A session that lasted longer than the longest pause may have answered, and so have ended the row.
        if now.saturating_sub(self.next_at) > self.longest_pause {
            self.failures = 0;
        }
        let rounds = self.failures / self.nodes;
        let grown = self.shortest_pause.saturating_mul(1_u32.checked_shl(rounds).unwrap_or(u32::MAX));
        let least = grown.min(self.longest_pause) / 2;
        if pause < least || pause > self.longest_pause {
            return Err(format!(
                "a pause of {pause:?} is announced after {} failures in a row; it must be between {least:?} and {:?}",
                self.failures, self.longest_pause
            ));
        }
        self.failures = self.failures.saturating_add(1);
        self.ends += 1;
        self.next_at = now.saturating_add(pause);
        Ok(())
    }
}
