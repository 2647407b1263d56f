//! Property: within the liveness bound after the L1 came to rest, the bridge has its node's sink, or has ended as the
//! oracle expects of this plan: in this `Fatal`, not in another, and never without one.
//!
//! Moment: at rest; an end that is never expected, at once. Finds a bridge that hangs on a half-open connection, is not
//! woken for the last block, gives up on a transient error (vprogs ends for good at any error of its first requests), or
//! repeats the same request for ever. False for a while: all the time before.

use std::time::Duration;

use bridge::{FatalError, L1Event, RejectReason};
use sim::{dag::BlockId, network::Network, node::PAGE_MERGESETS, world::host::node_url};

use super::{Breach, Checker, Context};
use crate::{
    oracle::outcome::{self, Expected, Rest},
    plan::{Plan, PlannedState},
};

/// Round trips before the first page: connection, WebSocket, who the node is, two subscriptions, where it stands, two headers.
const HANDSHAKE: usize = 8;

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

    fn on_event(&mut self, event: &L1Event, context: Context<'_>) -> Result<(), String> {
        let L1Event::Fatal(fatal) = event else { return Ok(()) };
        self.fatal = Some(fatal.clone());
        let dag = context.network.store().dag();
        let tip = context.replica.tip().and_then(|tip| dag.id(&tip.hash)).unwrap_or(BlockId::GENESIS);
        for (url, reason) in &fatal.nodes {
            let node = (0..context.network.node_count()).find(|&node| node_url(node) == *url);
            if let (Some(node), &RejectReason::Pruned { root, pruning_point }) = (node, reason)
                && let Some(untrue) = outcome::untrue_pruning(context.network, node, tip, root, pruning_point)
            {
                return Err(format!("the bridge ended ({fatal}), but {untrue}"));
            }
        }
        Ok(())
    }

    fn at_rest(&mut self, context: Context<'_>) -> Result<(), String> {
        let Some(Rest { expected, sink, .. }) = context.rest else { return Ok(()) };
        let hash = |block| context.network.store().dag().hash(block);
        // A consumer without a block is at the anchor.
        let (sink, genesis) = (hash(*sink), hash(BlockId::GENESIS));
        if context.bridge.consumer.state.is_some() && context.machine.is_none() {
            return Err("the consumer's process does not run".to_owned());
        }
        match (expected, &self.fatal) {
            (Expected::Ends(end) | Expected::Either { end, .. }, Some(fatal)) if end.is_told_by(fatal) => Ok(()),
            (_, Some(fatal)) => Err(format!("the bridge ended ({fatal}), but {expected}")),
            (_, None) if context.stream_over => {
                Err(format!("the event stream is over without a Fatal, and {expected}"))
            }
            (Expected::Ends(_), None) => Err(format!("the bridge has not ended, but {expected}")),
            (Expected::Converges | Expected::Either { .. }, None) => {
                let (tip, index) = context.replica.tip().map_or((genesis, 0), |tip| (tip.hash, tip.index));
                if tip == sink {
                    return Ok(());
                }
                Err(format!("the consumer is at {tip} (index {index}), its node at {sink}; {expected}"))
            }
        }
    }
}

/// Longest time after the L1 came to rest until bridge number `bridge` of `plan` has what its node has, or has ended: two
/// full rounds of whatever it may be waiting for, and one for each of its nodes, all of which must be asked before the end;
/// and the pages to fetch. A process that died at the end of the storm comes back first.
pub fn liveness_bound(plan: &Plan, bridge: usize, network: &Network) -> Duration {
    let config = plan.bridge(bridge);
    let waiting = config.request_timeout.saturating_add(config.connect_timeout).saturating_add(config.backoff_max);
    let page_blocks = plan.parameters.mergeset_size_limit.max(1) * PAGE_MERGESETS;
    let chain_blocks = network.node(plan.bridges[bridge].nodes[0] as usize).chain().len();
    // A page may be followed by a question about the sink and its header.
    let requests = u32::try_from(3 * (chain_blocks / page_blocks + 2) + HANDSHAKE).unwrap_or(u32::MAX);
    // A connection's latency is at most one and a half of the mean, each way.
    let ways = Duration::from_millis(plan.topology.client_latency_ms.saturating_mul(3));
    let round_trip = ways.saturating_add(LONGEST_SERVICE_TIME);
    let nodes = u32::try_from(config.nodes.len()).unwrap_or(u32::MAX);
    let rounds = nodes.saturating_add(1).max(2);
    let waiting = waiting.saturating_add(config.poll_interval).saturating_mul(rounds);
    let restart_ms = plan.bridges[bridge].consumer.state.as_ref().map_or(0, PlannedState::longest_restart_ms);
    let waiting = waiting.saturating_add(Duration::from_millis(restart_ms));
    waiting.saturating_add(round_trip.saturating_mul(requests))
}
