//! A bridge that tells what a test says, and a L1 for it to tell of.

use std::time::Duration;

use bridge::{BlockAdded, ChainRef, L1Event, Reorg};
use kaspa_hashes::Hash;
use scenarios::{
    check::Context,
    consumer::Replica,
    coverage::{Coverage, Point, Watch},
    oracle::{self, Walk},
    plan::PlannedBridge,
    scenario::Scenario,
};
use sim::{
    dag::BlockId,
    gossip::{Cut, Heal},
    network::{History, Network, NetworkConfig},
    params::ParameterSet,
    workload::WorkloadConfig,
    world::{ChainAnswer, Counters},
};

/// An L1 in which nothing was mined yet.
pub fn empty_network() -> Network {
    Network::new(Scenario::Steady.plan(1, 1).network()).expect("the scenario makes a possible network")
}

/// A bridge that tells what a test says, with a watch behind it.
pub struct Scene<'a> {
    network: &'a Network,
    pub bridge: PlannedBridge,
    pub answers: Vec<ChainAnswer>,
    pub waiting: u64,
    pub now: Duration,
    replica: Replica,
    oracle: Walk,
    watch: Watch,
    pub coverage: Coverage,
    sequence: u64,
}

impl<'a> Scene<'a> {
    /// A scene at the anchor, genesis, on this L1.
    pub fn new(network: &'a Network) -> Self {
        Self {
            network,
            bridge: PlannedBridge::to_node(0),
            answers: Vec::new(),
            waiting: 0,
            now: Duration::ZERO,
            replica: Replica::default(),
            oracle: Walk::new(),
            watch: Watch::default(),
            coverage: Coverage::default(),
            sequence: 0,
        }
    }

    /// Each point as often as it was reached.
    pub fn reached(&self) -> Vec<Point> {
        Point::ALL.iter().flat_map(|&point| (0..self.coverage.count(point)).map(move |_| point)).collect()
    }

    /// A measure of what the watch remembers.
    pub fn watch_size(&self) -> usize {
        format!("{:?}", self.watch).len()
    }

    /// Lets the watch look at the present state.
    pub fn look(&mut self, look: impl FnOnce(&mut Watch, Context<'_>, &mut Coverage)) {
        let context = Context {
            replica: &self.replica,
            oracle: &self.oracle,
            rest: None,
            network: self.network,
            sinks: &[],
            answers: &self.answers,
            bridge: &self.bridge,
            counters: Counters::default(),
            waiting: self.waiting,
            machine: None,
            stream_over: false,
            now: self.now,
        };
        look(&mut self.watch, context, &mut self.coverage);
    }

    /// As a run does it: the oracle goes to the new tip, the watch looks, the consumer applies.
    pub fn tell(&mut self, event: &L1Event) {
        let tip = match event {
            L1Event::BlockAdded(added) => Some(added.block.hash),
            L1Event::Reorg(reorg) => Some(reorg.fork.hash),
            _ => None,
        };
        if let Some(tip) = tip.and_then(|tip| self.network.store().dag().id(&tip)) {
            self.oracle.go_to(self.network.store(), tip);
        }
        self.look(|watch, context, coverage| watch.on_event(event, context, coverage));
        self.replica.apply(event);
    }

    fn anchor(&self) -> Hash {
        self.network.store().dag().hash(BlockId::GENESIS)
    }

    /// A block is added to the tip.
    pub fn add(&mut self, hash: Hash, blue_score: u64) {
        self.sequence += 1;
        let index = self.replica.blocks().len() as u64 + 1;
        let parent = self.replica.tip().map_or(self.anchor(), |tip| tip.hash);
        self.tell(&L1Event::BlockAdded(BlockAdded {
            sequence: self.sequence,
            block: ChainRef { hash, index, blue_score },
            parent,
            daa_score: 0,
            timestamp_ms: 0,
            accepted: Vec::new(),
            verified: true,
        }));
    }

    /// So many blocks are removed.
    pub fn remove(&mut self, count: usize) {
        self.sequence += 1;
        let (kept, removed) = self.replica.blocks().split_at(self.replica.blocks().len() - count);
        let fork = kept.last().map_or(ChainRef { hash: self.anchor(), index: 0, blue_score: 0 }, |fork| fork.block);
        let removed = removed.iter().rev().map(|block| block.block.hash).collect();
        let old_tip = self.replica.tip().expect("there is a block to remove");
        self.tell(&L1Event::Reorg(Reorg { sequence: self.sequence, fork, old_tip, removed, removed_known: true }));
    }

    /// The block of that index is final.
    pub fn finalize(&mut self, index: usize) {
        self.sequence += 1;
        let block = self.replica.blocks()[index - 1].block;
        self.tell(&L1Event::Finalized { sequence: self.sequence, block });
    }

    /// A block that exists is added to the tip.
    pub fn add_real(&mut self, block: BlockId) {
        let dag = self.network.store().dag();
        self.add(dag.hash(block), dag.blue_score(block));
    }

    /// From here on blocks come from an answer of `node`, whose sink was `sink`.
    pub fn answer(&mut self, node: u32, sink: BlockId) {
        self.answers.push(ChainAnswer { at: self.now, node, sink });
    }
}

/// Two halves of a network that do not meet again after 5 s.
pub struct Halves {
    pub network: Network,
    /// Where the chains part.
    pub fork: BlockId,
    /// The chains of nodes 0 and 3 above genesis.
    pub left: Vec<BlockId>,
    pub right: Vec<BlockId>,
}

/// Both after 80 s.
pub fn halves(workload: WorkloadConfig) -> Halves {
    let config = NetworkConfig {
        seed: 2,
        parameters: ParameterSet::storm(),
        hash_shares: vec![1; 4],
        mean_delay: Duration::from_millis(500),
        workload,
        cuts: vec![Cut { at: Duration::from_secs(5), side: vec![0, 1], heal: Heal::At(Duration::from_secs(100)) }],
        links: Vec::new(),
        outages: Vec::new(),
        history: History::Kept,
        mining_until: Duration::from_secs(80),
    };
    let mut network = Network::new(config).expect("the configuration is valid");
    while network.next_event_at().is_some_and(|at| at < Duration::from_secs(80)) {
        network.step().expect("a short run never fills the store");
    }
    let store = network.store();
    let chain = |node: usize| {
        let below = |&block: &BlockId| oracle::selected_parent(store, block);
        let mut chain: Vec<BlockId> = std::iter::successors(Some(network.node(node).sink()), below).collect();
        chain.pop();
        chain.reverse();
        chain
    };
    let (left, right) = (chain(0), chain(3));
    let fork = oracle::fork(store, network.node(0).sink(), network.node(3).sink());
    Halves { network, fork, left, right }
}

impl Halves {
    /// A scene at the last of the first `count` blocks of the left chain, which came from no answer that is known.
    pub fn scene_after(&self, count: usize) -> Scene<'_> {
        let mut scene = Scene::new(&self.network);
        self.left[..count].iter().for_each(|&block| scene.add_real(block));
        scene.coverage = Coverage::default();
        scene
    }

    pub fn height_of_fork(&self) -> usize {
        1 + self.left.iter().position(|&block| block == self.fork).expect("the halves knew each other for 5 s")
    }
}
