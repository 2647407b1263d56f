//! The two profiles on which speed is measured: everything but the size is left to the seed.
//!
//! Eight miners of equal power, a mean delay of 0.4 s at ten blocks a second, one bridge with a state machine on a simulated
//! disk, which stores what came in one to two seconds at once. In each minute a cut and an outage; as in every swarm, half of
//! the kinds of faults exist. Figures are of several seeds, as one may be cheap by luck.

use sim::{random::Streams, workload::WorkloadConfig};

use super::{consumers, faults, weather::Weather};
use crate::{
    economy::EconomyConfig,
    plan::{
        Plan, PlannedBridge, PlannedConsumer, PlannedCut, PlannedHeal, PlannedOutage, PlannedOutageKind, PlannedState,
    },
    scenario::{FOLLOWED_NODE, Profile, Request},
};

/// Shortest storm unless seconds are asked for.
const LEAST_STORM_MS: u64 = 600_000;

/// The usual wildness of a swarm: a calm seed would have hardly any trouble with its disk.
const WILDNESS: u64 = 1;

/// Time in which each kind of outage and cut happens once.
const ROUND_MS: u64 = 60_000;

/// Strikes of one kind of fault in such a time, at most.
const STRIKES: u64 = 1;

/// How long the bridge waits for anything: with the usual times silent connections would keep it from following for much
/// of the run.
const PATIENCE_MS: u64 = 4_000;

/// Adds what the seed draws to an empty plan.
pub(super) fn expand(plan: &mut Plan, streams: &Streams, request: &Request) {
    if request.seconds.is_none() {
        plan.storm_ms = plan.storm_ms.max(LEAST_STORM_MS);
    }
    let is_loaded = request.profile == Profile::Loaded;
    plan.workload = if is_loaded { WorkloadConfig::mixed(10_000, 40) } else { WorkloadConfig::mixed(1_000, 8) };
    plan.economy = Some(economy(is_loaded));
    let mut stream = streams.stream("measured", 0);
    let state = PlannedState {
        write_latency_us: 100 + stream.below(900),
        sync_latency_us: 1_000 + stream.below(9_000),
        commit_interval_ms: 1_000 + stream.below(1_000),
        receipts_below_root: Some(stream.below(60)),
        faults: consumers::disk_faults(
            streams,
            0,
            plan.storm_ms,
            &Weather { wildness: WILDNESS, ..Weather::draw(streams) },
        ),
    };
    plan.bridges = vec![PlannedBridge {
        request_timeout_ms: PATIENCE_MS,
        silence_timeout_ms: PATIENCE_MS,
        connect_timeout_ms: PATIENCE_MS,
        backoff_max_ms: PATIENCE_MS,
        consumer: PlannedConsumer { state: Some(state), ..PlannedConsumer::default() },
        ..PlannedBridge::to_node(FOLLOWED_NODE)
    }];
    let rounds = (plan.storm_ms / ROUND_MS).max(1);
    (0..rounds).for_each(|round| trouble(plan, streams, round));
    plan.faults = faults::of_kinds(plan, streams, STRIKES * rounds, false);
}

/// A cut and an outage of the followed node in each minute, of kinds that the seed draws.
fn trouble(plan: &mut Plan, streams: &Streams, round: u64) {
    let mut stream = streams.stream("measured trouble", round);
    let interval_ms = plan.parameters.block_interval_ms();
    let round_ms = ROUND_MS.min(plan.storm_ms);
    let nodes = plan.topology.hash_shares.len() as u64;
    let at_ms = round * ROUND_MS + stream.below(round_ms / 2);
    let side = vec![FOLLOWED_NODE, 1 + stream.below(nodes - 1) as u32];
    let heal = PlannedHeal::WhenChainGrew { node: FOLLOWED_NODE, chain_blocks: 3 + stream.below(20) };
    plan.topology.cuts.push(PlannedCut { at_ms, side, heal });
    let at_ms = round * ROUND_MS + round_ms / 2 + stream.below(round_ms / 4);
    let until_ms = at_ms + interval_ms * (10 + stream.below(100));
    let kind = match stream.below(4) {
        0 => PlannedOutageKind::Withholding { until_ms },
        1 => PlannedOutageKind::BodiesLag { until_ms },
        2 => PlannedOutageKind::Restart { until_ms },
        _ => {
            let from = 1 + stream.below(nodes - 1) as u32;
            PlannedOutageKind::Resync { from, transition_ms: until_ms - at_ms }
        }
    };
    plan.topology.outages.push(PlannedOutage { node: FOLLOWED_NODE, at_ms, kind });
}

/// Every delivery leaves two accounts behind: few of them, so that there are never more than 1,000 accounts.
fn economy(is_loaded: bool) -> EconomyConfig {
    let (delivery_percent, settlement_percent) = if is_loaded { (0, 1) } else { (2, 3) };
    EconomyConfig {
        customers: 60,
        drones: 60,
        insurers: 10,
        stations: 20,
        delivery_percent,
        settlement_percent,
        ..EconomyConfig::default()
    }
}
