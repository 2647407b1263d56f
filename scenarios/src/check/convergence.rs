//! Property: within the liveness bound after the L1 came to rest, the bridge has its node's sink, or what of the chain has enough
//! confirmations, or has ended as the oracle expects of this plan: in this `Fatal`, not in another, and never without one.
//!
//! Moment: at rest; an end that is never expected, at once. Finds a bridge that hangs on a half-open connection, is not
//! woken for the last block, gives up on a transient error (vprogs ends for good at any error of its first requests), or
//! repeats the same request for ever. False for a while: all the time before.

use std::time::Duration;

use bridge::{FatalError, L1Event};
use sim::{dag::BlockId, network::Network, node::PAGE_MERGESETS, world::host::node_url};

use super::{Breach, Checker, Context};
use crate::{
    fault::{PlannedStranger, StrangerKind},
    oracle::outcome::{self, End, Expected, Followed, Rest},
    plan::{Plan, PlannedState},
};

/// Round trips before the first page: connection, WebSocket, who the node is, two subscriptions, where it stands, two headers.
const HANDSHAKE: usize = 8;

/// Longest time that a simulated node takes for a request, generously.
const LONGEST_SERVICE_TIME: Duration = Duration::from_millis(10);

/// Sessions in which a node must drop the connection at a page before the bridge is sure that it does not know the request.
const SESSIONS_OF_TOO_OLD: u32 = 8;

/// See the module documentation.
#[derive(Debug)]
pub struct Convergence {
    plan: Plan,
    bridge: usize,
    fatal: Option<FatalError>,
}

impl Checker for Convergence {
    fn new(plan: &Plan, bridge: usize) -> Self {
        // Of the faults only those matter here that make a node seem to be what it is not.
        let faults = plan.faults.iter().filter(|fault| outcome::page_drops(&fault.what) > 0).cloned().collect();
        let plan = Plan { faults, ..plan.clone() };
        Self { plan, bridge, fatal: None }
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
        let named = |node: &&u32| fatal.nodes.iter().any(|(url, _)| node_url(**node as usize) == *url);
        if let Some(spared) = self.plan.bridges[self.bridge].nodes.iter().find(|node| !named(node)) {
            return Err(format!("the bridge ended ({fatal}), but it says nothing of node {spared}"));
        }
        let has = Followed::of(context.replica, context.network.store());
        for (url, reason) in &fatal.nodes {
            let Some(node) = self.plan.bridges[self.bridge].nodes.iter().find(|node| node_url(**node as usize) == *url)
            else {
                return Err(format!("the bridge ended ({fatal}), but {url} is none of its nodes"));
            };
            let (network, sinks) = (context.network, context.sinks);
            if let Some(untrue) = outcome::untrue(&self.plan, self.bridge, network, sinks, has, *node, reason) {
                return Err(format!("the bridge ended ({fatal}), but {untrue}"));
            }
        }
        Ok(())
    }

    fn at_rest(&mut self, context: Context<'_>) -> Result<(), String> {
        let Some(Rest { expected, sink, .. }) = context.rest else { return Ok(()) };
        let hash = |block| context.network.store().dag().hash(block);
        // A consumer without a block is at the anchor.
        let sink = hash(*sink);
        let anchor = context.replica.anchor.unwrap_or_else(|| hash(BlockId::GENESIS));
        if context.bridge.consumer.state.is_some() && context.machine.is_none() {
            return Err("the consumer's process does not run".to_owned());
        }
        let (tip, index) = context.replica.tip().map_or((anchor, 0), |tip| (tip.hash, tip.index));
        match (expected, &self.fatal) {
            (Expected::Ends(end @ End::WrongNetwork), Some(fatal)) if !end.is_told_by(fatal) => {
                Err(format!("the bridge ended ({fatal}), but {expected}"))
            }
            // Its reasons were true when it ended, whatever became of its nodes and their chains since.
            (_, Some(_)) => Ok(()),
            (_, None) if context.stream_over => {
                Err(format!("the event stream is over without a Fatal, and {expected}"))
            }
            (Expected::Ends(_), None) => Err(format!("the bridge has not ended, but {expected}")),
            (Expected::Waits, None) => Ok(()),
            (Expected::Converges | Expected::Either { .. }, None) if tip == sink => Ok(()),
            (Expected::Converges | Expected::Either { .. }, None) => {
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
    let followed = &plan.bridges[bridge].nodes;
    let lengths = followed.iter().map(|node| network.node(*node as usize).chain().len());
    let chain_blocks = lengths.max().unwrap_or(0);
    // A page may be followed by a question about the sink and its header.
    let requests = u32::try_from(3 * (chain_blocks / page_blocks + 2) + HANDSHAKE).unwrap_or(u32::MAX);
    // A connection's latency is at most one and a half of the mean, each way.
    let ways = Duration::from_millis(plan.topology.client_latency_ms.saturating_mul(3));
    let round_trip = ways.saturating_add(LONGEST_SERVICE_TIME);
    let nodes = u32::try_from(config.nodes.len()).unwrap_or(u32::MAX);
    let is_too_old =
        |stranger: &&PlannedStranger| stranger.kind == StrangerKind::TooOld && followed.contains(&stranger.node);
    let too_old = u32::try_from(plan.topology.strangers.iter().filter(is_too_old).count()).unwrap_or(u32::MAX);
    let rounds = nodes
        .saturating_add(1)
        .max(2)
        .saturating_add(nodes.saturating_mul(too_old).saturating_mul(SESSIONS_OF_TOO_OLD));
    let waiting = waiting.saturating_add(config.poll_interval).saturating_mul(rounds);
    let restart_ms = plan.bridges[bridge].consumer.state.as_ref().map_or(0, PlannedState::longest_restart_ms);
    let waiting = waiting.saturating_add(Duration::from_millis(restart_ms));
    waiting.saturating_add(round_trip.saturating_mul(requests))
}
