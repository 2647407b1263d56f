//! Property: no silence, also while the storm lasts: where nothing keeps a bridge from its node, and the node's chain went on,
//! the bridge tells of the chain in bounded time. The bound is one round of whatever it may still be waiting for.
//!
//! Moment: every few seconds of the storm. Finds a bridge that sits out the storm and recovers later: one that waits for a
//! notification that never comes, takes an answered ping for progress, or is woken for the last block only by the next
//! fault. False for a while: whenever something is or was in the way less than the bound ago; the bridge may have ended; its
//! node may lag, or have left what is final for it.

use std::time::Duration;

use bridge::L1Event;
use sim::{dag::BlockId, network::Network, node::Progress as NodeProgress, world::SinkMoved};

use super::{Breach, Checker, Context, Restart};
use crate::{
    fault::StrangerKind,
    oracle::{self, fork, outcome::destination},
    plan::{Plan, PlannedOutageKind, SIMULATED_NETWORK},
};

/// Round trips from the start of an attempt to the first page, and some of a catch-up, generously.
const ROUND_TRIPS: u32 = 32;

/// Time for a node's work in each of them, generously.
const SERVICE_TIME: Duration = Duration::from_millis(10);

/// Time in which a state machine stores a batch, generously: it takes nothing in meanwhile.
const STORING_TIME: Duration = Duration::from_secs(1);

/// Since when nothing was in the way of a bridge, as far as the plan and what struck can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quiet {
    /// The last fault that struck it was over.
    pub since: Duration,
    /// The last fault struck that stays with a session until that ends.
    pub injured_at: Option<Duration>,
}

/// A pause that the bridge announced.
#[derive(Clone, Copy, Debug)]
struct Pause {
    told_at: Duration,
    length: Duration,
}

/// See the module documentation.
#[derive(Debug)]
pub struct Progress {
    bridge: usize,
    /// Bound for a bridge that announced no pause.
    patience: Duration,
    longest_pause: Duration,
    most_pauses: usize,
    /// When the bridge told of the chain last, or was started.
    told_at: Duration,
    /// Pauses announced since then.
    pauses: Vec<Pause>,
    /// The bridge knows the node of its present session.
    is_connected: bool,
    /// When the last session, or attempt to have one, ended.
    alone_at: Duration,
    /// How much later than the bridge told it the consumer may see something.
    lateness: Duration,
    /// When something happens to a node of the bridge, and until when.
    outages: Vec<(Duration, Duration)>,
    /// Its nodes, but for those that no bridge follows.
    nodes: Vec<u32>,
    is_over: bool,
}

impl Checker for Progress {
    fn new(plan: &Plan, bridge: usize) -> Self {
        let (config, planned) = (plan.bridge(bridge), &plan.bridges[bridge]);
        let detection = config.request_timeout.max(config.silence_timeout);
        let patience = detection.saturating_add(config.connect_timeout).saturating_add(config.poll_interval);
        let ms = Duration::from_millis;
        // A connection's latency is at most one and a half of the mean, each way.
        let round_trip = ms(plan.topology.client_latency_ms.saturating_mul(3)).saturating_add(SERVICE_TIME);
        let outages = plan.topology.outages.iter().filter(|outage| planned.nodes.contains(&outage.node));
        let outages = outages.map(|outage| {
            let until_ms = match outage.kind {
                PlannedOutageKind::BodiesLag { until_ms }
                | PlannedOutageKind::Withholding { until_ms }
                | PlannedOutageKind::Restart { until_ms } => until_ms,
                PlannedOutageKind::Resync { transition_ms, .. } => outage.at_ms.saturating_add(transition_ms),
            };
            (ms(outage.at_ms), ms(until_ms.max(outage.at_ms)))
        });
        let is_followed = |node: &&u32| {
            let mut kinds = plan.topology.strangers.iter().filter(|stranger| stranger.node == **node);
            kinds.all(|stranger| stranger.kind == StrangerKind::Unsynced)
        };
        let nodes: Vec<u32> = planned.nodes.iter().filter(is_followed).copied().collect();
        let commit_ms = planned.consumer.state.as_ref().map_or(0, |state| state.commit_interval_ms);
        let lateness = if planned.consumer.state.is_some() { ms(commit_ms).saturating_add(STORING_TIME) } else { Duration::ZERO };
        let patience = patience.saturating_add(ms(commit_ms));
        Self {
            bridge,
            patience: patience.saturating_add(round_trip.saturating_mul(ROUND_TRIPS)),
            longest_pause: config.backoff_max,
            most_pauses: planned.nodes.len() + 1,
            told_at: Duration::ZERO,
            pauses: Vec::new(),
            is_connected: false,
            alone_at: Duration::ZERO,
            lateness,
            outages: outages.collect(),
            is_over: planned.network != SIMULATED_NETWORK || nodes.is_empty(),
            nodes,
        }
    }

    fn name(&self) -> &'static str {
        "progress"
    }

    fn meaning(&self) -> &'static str {
        "where nothing is in its way, a bridge follows its node's chain in bounded time, also in the storm"
    }

    fn breach(&self) -> Breach {
        Breach::Liveness
    }

    fn on_event(&mut self, event: &L1Event, context: Context<'_>) -> Result<(), String> {
        if event.sequence().is_some() {
            self.told_at = context.now;
            self.pauses.clear();
        }
        match event {
            L1Event::Connected { .. } => self.is_connected = true,
            L1Event::NodeRejected { retry_in: Some(pause), .. } if !self.is_connected => {
                self.alone_at = context.now;
                self.pauses.push(Pause { told_at: context.now, length: *pause });
            }
            L1Event::Disconnected { retry_in: Some(pause), .. } | L1Event::Unreachable { retry_in: pause, .. } => {
                (self.is_connected, self.alone_at) = (false, context.now);
                self.pauses.push(Pause { told_at: context.now, length: *pause });
            }
            L1Event::Fatal(_) => self.is_over = true,
            _ => {}
        }
        Ok(())
    }

    fn on_restart(&mut self, _: Restart, context: Context<'_>) -> Result<(), String> {
        (self.told_at, self.is_connected, self.alone_at) = (context.now, false, context.now);
        self.pauses.clear();
        Ok(())
    }

    fn on_look(&mut self, quiet: Quiet, context: Context<'_>) -> Result<(), String> {
        if self.is_over || context.stream_over || self.is_injured(quiet) {
            return Ok(());
        }
        let since = quiet.since.max(self.told_at).max(self.trouble_of_nodes(context.now));
        let deadline = since.saturating_add(self.patience).saturating_add(self.announced(since));
        let Some(seen_at) = context.now.checked_sub(deadline.saturating_sub(since)) else { return Ok(()) };
        if deadline >= context.now || !self.all_nodes_are_ahead(seen_at, context) {
            return Ok(());
        }
        Err(format!(
            "bridge {} told nothing of the chain since {:.3} s, its node's chain went on, and nothing was in the way since {:.3} s",
            self.bridge,
            self.told_at.as_secs_f64(),
            since.as_secs_f64()
        ))
    }
}

impl Progress {
    /// A fault of the present session, or of the attempt to have one, may slow it down as long as it lasts.
    fn is_injured(&self, quiet: Quiet) -> bool {
        quiet.injured_at.is_some_and(|injured_at| injured_at.saturating_add(self.lateness) >= self.alone_at)
    }

    /// The last time until now at which something happened to a node of the bridge.
    fn trouble_of_nodes(&self, now: Duration) -> Duration {
        let begun = self.outages.iter().filter(|(at, _)| *at <= now);
        begun.map(|(_, until)| (*until).min(now)).max().unwrap_or(Duration::ZERO)
    }

    /// The pauses that fall into the time since then, no more of them than a bridge needs to try each of its nodes.
    fn announced(&self, since: Duration) -> Duration {
        let counts = |pause: &&Pause| pause.told_at.saturating_add(pause.length) > since;
        let lengths = self.pauses.iter().filter(counts).map(|pause| pause.length.min(self.longest_pause));
        lengths.take(self.most_pauses).fold(Duration::ZERO, Duration::saturating_add)
    }

    /// Whether each node had a heavier sink than the consumer's tip at `seen_at` already, on a chain that the bridge may
    /// follow, and serves it.
    fn all_nodes_are_ahead(&self, seen_at: Duration, context: Context<'_>) -> bool {
        self.nodes.iter().all(|&node| is_ahead(node, seen_at, context))
    }
}

fn is_ahead(node: u32, seen_at: Duration, context: Context<'_>) -> bool {
    let (network, store) = (context.network, context.network.store());
    let of_node = |moved: &&SinkMoved| moved.node == node && moved.at <= seen_at;
    let Some(seen) = context.sinks.iter().rev().find(of_node) else { return false };
    let dag = store.dag();
    let anchor = context.replica.anchor.unwrap_or_else(|| dag.hash(BlockId::GENESIS));
    let root = context.replica.finalized.map_or(anchor, |root| root.hash);
    let tip = context.replica.tip().map_or(anchor, |tip| tip.hash);
    let (Some(tip), Some(root)) = (dag.id(&tip), dag.id(&root)) else { return false };
    let sink = network.node(node as usize).sink();
    oracle::is_heavier(store, seen.sink, tip)
        && fork(store, sink, root) == root
        && serves(network, node, root)
        && always_leads_on(node, seen_at, tip, context)
}

/// Whether a page of the node would have changed the chain at every moment since then: a heavier sink alone does not bring
/// blocks that wait for confirmations.
fn always_leads_on(node: u32, seen_at: Duration, tip: BlockId, context: Context<'_>) -> bool {
    let (confirmations, store) = (context.bridge.confirmations, context.network.store());
    if confirmations == 0 {
        return true;
    }
    let moves = context.sinks.iter().rev().filter(|moved| moved.node == node);
    let leads_on = |sink: BlockId| destination(store, tip, sink, confirmations) != tip;
    for moved in moves {
        if !leads_on(moved.sink) {
            return false;
        }
        if moved.at <= seen_at {
            return true;
        }
    }
    false
}

/// Whether the node answers as a healthy one, and has not pruned what the bridge has as root.
fn serves(network: &Network, node: u32, root: BlockId) -> bool {
    let view = network.node(node as usize);
    let blue_score = |block: BlockId| network.store().dag().blue_score(block);
    view.progress() == NodeProgress::InSync
        && !view.is_transitional()
        && blue_score(view.pruning_point()) <= blue_score(root)
}
