//! Property: within the liveness bound after the L1 came to rest, the bridge has its node's sink, or has ended as the
//! oracle expects of this plan: in this `Fatal`, not in another, and never without one.
//!
//! Moment: at rest; an end that is never expected, at once. Finds a bridge that hangs on a half-open connection, is not
//! woken for the last block, gives up on a transient error (vprogs ends for good at any error of its first requests), or
//! repeats the same request for ever. False for a while: all the time before.

use std::time::Duration;

use bridge::{FatalError, L1Event};
use sim::network::Network;

use super::{Breach, Checker, Context, PAGE_MERGESETS};
use crate::{oracle::outcome::{Expected, Rest}, plan::Plan};

/// Longest time that a simulated node takes for a request, generously.
const LONGEST_SERVICE_TIME: Duration = Duration::from_millis(10);

/// See the module documentation.
#[derive(Debug, Default)]
pub struct Convergence {
    fatal: Option<FatalError>,
}

impl Checker for Convergence {
    fn new(_: &Plan, _: usize) -> Self {
        Self::default()
    }

    fn name(&self) -> &'static str {
        "convergence"
    }

    fn meaning(&self) -> &'static str {
        "in bounded time after the storm the bridge has its node's chain, or has ended as it must"
    }

    fn breach(&self) -> Breach {
        // To end where one must go on, or for a wrong reason, is worse than to be late.
        if self.fatal.is_some() { Breach::Safety } else { Breach::Liveness }
    }

    fn on_event(&mut self, event: &L1Event, _: Context<'_>) -> Result<(), String> {
        if let L1Event::Fatal(fatal) = event {
            self.fatal = Some(fatal.clone());
        }
        Ok(())
    }

    fn at_rest(&mut self, context: Context<'_>) -> Result<(), String> {
        let Some(Rest { expected, sink, .. }) = context.rest else { return Ok(()) };
        let sink = context.network.store().dag().hash(*sink);
        match (expected, &self.fatal) {
            (Expected::Ends(end) | Expected::Either { end, .. }, Some(fatal)) if end.is_told_by(fatal) => Ok(()),
            (_, Some(fatal)) => Err(format!("the bridge ended ({fatal}), but {expected}")),
            (_, None) if context.stream_over => Err(format!("the event stream is over without a Fatal, and {expected}")),
            (Expected::Ends(_), None) => Err(format!("the bridge has not ended, but {expected}")),
            (Expected::Converges | Expected::Either { .. }, None) => match context.replica.tip() {
                Some(tip) if tip.hash == sink => Ok(()),
                tip => Err(format!("the consumer is at {tip:?}, its node at {sink}; {expected}")),
            },
        }
    }
}

/// Longest time after the L1 came to rest until bridge number `bridge` of `plan` has what its node has: two full rounds of
/// whatever it may be waiting for, and the pages to fetch.
pub fn liveness_bound(plan: &Plan, bridge: usize, network: &Network) -> Duration {
    let config = plan.bridge(bridge);
    let waiting = config.request_timeout + config.connect_timeout + config.backoff_max;
    let page_blocks = plan.parameters.mergeset_size_limit.max(1) * PAGE_MERGESETS;
    let chain_blocks = network.node(plan.bridges[bridge].nodes[0] as usize).chain().len();
    // A page may be followed by a question about the sink and its header.
    let requests = u32::try_from(3 * (chain_blocks / page_blocks + 2)).unwrap_or(u32::MAX);
    // A connection's latency is at most one and a half of the mean, each way.
    let round_trip = Duration::from_millis(3 * plan.topology.client_latency_ms) + LONGEST_SERVICE_TIME;
    waiting * 2 + config.poll_interval * 2 + round_trip * requests
}
