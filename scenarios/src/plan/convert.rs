//! From a plan to the settings of simulation and bridges.

use std::{
    collections::BTreeSet,
    sync::{Arc, mpsc::Sender},
    time::Duration,
};

use bridge::{Config, StartAt, follower::Follower, wire::Network as NetworkName};
use sim::{
    gossip::{Cut, Heal, Latency, Link},
    network::{History, Network, NetworkConfig, Outage, OutageKind},
    random::Streams,
    trace::Entry,
    workload::PayloadSource,
    world::{WorldConfig, host::node_url},
};
use state::{MachineConfig, ReceiptRetention, authorization::Unchecked};

use super::{
    LONGEST_SHUTDOWN_MS, Plan, PlanError, PlannedBridge, PlannedConsumer, PlannedCut, PlannedHeal, PlannedLatency,
    PlannedLink, PlannedOutage, PlannedOutageKind, SIMULATED_NETWORK,
};
use crate::{
    economy::{self, Economy, EconomyConfig},
    scenario::Scenario,
};

/// Memory for pages of a state machine's database, in bytes: what a storm stores fits.
const CACHE_BYTES: usize = 16 << 20;

impl Plan {
    /// Checks what the format alone cannot.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), PlanError> {
        self.scenario()?;
        self.check_times()?;
        self.check_confirmations()?;
        Network::new(self.network())?;
        self.economy.as_ref().map_or(Ok(()), EconomyConfig::check)?;
        let nodes = self.topology.hash_shares.len();
        if self.bridges.is_empty() {
            return Err(PlanError::NoBridge);
        }
        for (number, bridge) in self.bridges.iter().enumerate() {
            if let Some(node) = bridge.nodes.iter().find(|node| **node as usize >= nodes) {
                return Err(PlanError::BridgeNode { bridge: number, node: *node, nodes });
            }
            if let Err(error) = bridge.network.parse::<NetworkName>() {
                return Err(PlanError::BridgeNetwork { bridge: number, error });
            }
            bridge.consumer.check(number)?;
            let settings = Follower::new(self.bridge(number));
            settings.map_err(|error| PlanError::Bridge { bridge: number, error })?;
        }
        if let Some(stranger) = self.topology.strangers.iter().find(|stranger| stranger.node as usize >= nodes) {
            return Err(PlanError::StrangerNode { node: stranger.node, nodes });
        }
        let mut strange = BTreeSet::new();
        if let Some(stranger) = self.topology.strangers.iter().find(|stranger| !strange.insert(stranger.node)) {
            return Err(PlanError::StrangerTwice { node: stranger.node });
        }
        let mut ids = BTreeSet::new();
        for fault in &self.faults {
            if !ids.insert(fault.id) {
                return Err(PlanError::FaultId { id: fault.id });
            }
            fault.check(self.bridges.len()).map_err(|error| PlanError::Fault { id: fault.id, error })?;
        }
        Ok(())
    }

    /// The scenario whose gates the run must pass.
    ///
    /// # Errors
    /// A name that is not ours.
    pub fn scenario(&self) -> Result<Scenario, PlanError> {
        Scenario::by_name(&self.scenario).ok_or_else(|| PlanError::UnknownScenario { name: self.scenario.clone() })
    }

    /// Time in which blocks are mined and faults strike.
    pub fn storm(&self) -> Duration {
        Duration::from_millis(self.storm_ms)
    }

    /// What the simulated world is made from; everything that happens in it goes to `trace_to`.
    pub fn world(&self, trace_to: Option<Sender<Entry>>) -> WorldConfig {
        let client_latency = Duration::from_millis(self.topology.client_latency_ms);
        let watched_nodes = self.bridges.iter().flat_map(|bridge| bridge.nodes.iter().copied()).collect();
        WorldConfig { network: self.network(), client_latency, watched_nodes, trace_to }
    }

    /// Settings of bridge number `number`.
    pub fn bridge(&self, number: usize) -> Config {
        let planned: &PlannedBridge = &self.bridges[number];
        let urls: Vec<String> = planned.nodes.iter().map(|node| node_url(*node as usize)).collect();
        let network = planned.network.parse().unwrap_or(NetworkName::SIMNET);
        let mut config = Config::new(network, urls.iter().map(String::as_str))
            .expect("addresses of simulated nodes are well formed");
        config.finality_depth = Some(self.parameters.finality_depth);
        config.start = StartAt::PruningPoint;
        config.poll_interval = Duration::from_millis(planned.poll_interval_ms);
        config.connect_timeout = Duration::from_millis(planned.connect_timeout_ms);
        config.request_timeout = Duration::from_millis(planned.request_timeout_ms);
        config.silence_timeout = Duration::from_millis(planned.silence_timeout_ms);
        config.backoff_min = Duration::from_millis(planned.backoff_min_ms);
        config.backoff_max = Duration::from_millis(planned.backoff_max_ms);
        config.high_water_mark = planned.high_water_mark;
        config.confirmations = planned.confirmations;
        config.shutdown_timeout = Duration::from_millis(LONGEST_SHUTDOWN_MS);
        // Bridges that share a seed would return to a restarted node in step.
        config.seed = self.seed.0.wrapping_add(number as u64);
        config
    }

    /// What the state machine behind that bridge is made from; as [`machine`](Self::machine) if there is none.
    pub fn machine_of(&self, bridge: usize) -> MachineConfig {
        let state = self.bridges.get(bridge).and_then(|bridge| bridge.consumer.state.as_ref());
        let kept = state.and_then(|state| state.receipts_below_root);
        let receipts = kept.map_or(ReceiptRetention::Forever, ReceiptRetention::BlocksBelowRoot);
        MachineConfig { receipts, ..self.machine() }
    }

    /// What every state machine of the plan is made from, but for how long it keeps receipts: here for ever.
    pub fn machine(&self) -> MachineConfig {
        let network = SIMULATED_NETWORK.parse().unwrap_or(NetworkName::SIMNET);
        let genesis = self.economy.as_ref().map(|economy| economy::genesis(economy, Streams::new(self.seed.0)));
        MachineConfig {
            authorization: Arc::new(Unchecked),
            genesis: genesis.unwrap_or_default(),
            cache_bytes: CACHE_BYTES,
            ..MachineConfig::new(network)
        }
    }

    /// Where the payloads of the L1's transactions come from; `None` if they mean nothing.
    pub fn payloads(&self) -> Option<Box<dyn PayloadSource>> {
        let economy = self.economy.as_ref()?;
        Some(Box::new(Economy::new(economy, Streams::new(self.seed.0))))
    }

    /// What the L1 is made from.
    pub fn network(&self) -> NetworkConfig {
        NetworkConfig {
            seed: self.seed.0,
            parameters: self.parameters.clone(),
            hash_shares: self.topology.hash_shares.clone(),
            mean_delay: Duration::from_millis(self.topology.mean_delay_ms),
            workload: self.workload.clone(),
            cuts: self.topology.cuts.iter().map(cut).collect(),
            links: self.topology.links.iter().map(link).collect(),
            outages: self.topology.outages.iter().map(outage).collect(),
            history: History::Kept,
            mining_until: self.storm(),
        }
    }
}

impl PlannedBridge {
    /// A bridge with the default settings.
    pub fn to_node(node: u32) -> Self {
        let defaults = Config::new(NetworkName::SIMNET, []).expect("no address is malformed");
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            nodes: vec![node],
            poll_interval_ms: ms(defaults.poll_interval),
            connect_timeout_ms: ms(defaults.connect_timeout),
            request_timeout_ms: ms(defaults.request_timeout),
            silence_timeout_ms: ms(defaults.silence_timeout),
            backoff_min_ms: ms(defaults.backoff_min),
            backoff_max_ms: ms(defaults.backoff_max),
            high_water_mark: defaults.high_water_mark,
            confirmations: defaults.confirmations,
            network: SIMULATED_NETWORK.to_owned(),
            consumer: PlannedConsumer::default(),
        }
    }
}

fn cut(planned: &PlannedCut) -> Cut {
    Cut {
        at: Duration::from_millis(planned.at_ms),
        side: planned.side.iter().map(|node| *node as usize).collect(),
        heal: match planned.heal {
            PlannedHeal::AtMs(at_ms) => Heal::At(Duration::from_millis(at_ms)),
            PlannedHeal::WhenChainGrew { node, chain_blocks } => {
                Heal::WhenChainGrew { node: node as usize, chain_blocks }
            }
        },
    }
}

fn link(planned: &PlannedLink) -> Link {
    let nodes = |numbers: &[u32]| numbers.iter().map(|node| *node as usize).collect();
    let ms = Duration::from_millis;
    Link {
        between: nodes(&planned.between),
        and: nodes(&planned.and),
        latency: match planned.latency {
            PlannedLatency::ConstantMs(delay_ms) => Latency::Constant { delay: ms(delay_ms) },
            PlannedLatency::MeanMs(mean_ms) => Latency::ShiftedExponential { mean: ms(mean_ms) },
            PlannedLatency::Uniform { least_ms, most_ms } => {
                Latency::Uniform { least: ms(least_ms), most: ms(most_ms) }
            }
        },
    }
}

fn outage(planned: &PlannedOutage) -> Outage {
    let ms = Duration::from_millis;
    Outage {
        node: planned.node as usize,
        at: ms(planned.at_ms),
        kind: match planned.kind {
            PlannedOutageKind::BodiesLag { until_ms } => OutageKind::BodiesLag { until: ms(until_ms) },
            PlannedOutageKind::Withholding { until_ms } => OutageKind::Withholding { until: ms(until_ms) },
            PlannedOutageKind::Restart { until_ms } => OutageKind::Restart { until: ms(until_ms) },
            PlannedOutageKind::Resync { from, transition_ms } => {
                OutageKind::Resync { from: from as usize, transition: ms(transition_ms) }
            }
        },
    }
}
