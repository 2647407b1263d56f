//! The end of a run: faults end, the L1 comes to rest, time passes, and everything must be where it belongs.

use std::time::Duration;

use super::{
    Rig,
    breach::{Breach, Broken, Law, require},
    consumer::PathBlock,
};
use crate::{dag::BlockId, node::PAGE_MERGESETS};

impl Rig {
    /// Ends all faults, lets the L1 come to rest and time pass until the follower has what its node has, and still has it
    /// two poll intervals later; at most [`Self::longest_settling`]. A follower that ended in `Fatal` stays as it is.
    ///
    /// # Errors
    /// The first law that the follower breaks; [`Law::Rest`] if it does not arrive.
    pub fn settle(&mut self) -> Result<(), Breach> {
        self.end_faults();
        while let Some(at) = self.network.next_event_at() {
            self.run_for(at.saturating_sub(self.now))?;
        }
        let deadline = self.now + self.longest_settling();
        loop {
            while self.check_rest().is_err() && self.step_until(deadline)? {}
            self.run_for(self.config.poll_interval * 2)?;
            // The end of a connection may have been on its way.
            let arrived = self.check_rest();
            if arrived.is_ok() || self.now >= deadline {
                return arrived.and_then(|()| self.check_economy()).map_err(|broken| broken.at(self.now));
            }
        }
    }

    /// Two rounds over all nodes of whatever the follower may be waiting for, and the pages to fetch.
    pub fn longest_settling(&self) -> Duration {
        let config = &self.config;
        let waits = [config.connect_timeout, config.request_timeout, config.silence_timeout, config.backoff_max];
        let waiting = waits.into_iter().fold(config.poll_interval * 2, Duration::saturating_add);
        let rounds = u32::try_from(2 * (config.nodes.len() + 1)).unwrap_or(u32::MAX);
        let page_blocks = self.network.store().parameters().mergeset_size_limit * PAGE_MERGESETS;
        let pages = self.network.node(self.node_at_rest()).chain().len() / page_blocks.max(1) + 1;
        let longest_ms = self.latencies_ms.iter().copied().max().map_or(0, u64::from);
        let round_trip = Duration::from_millis(2 * longest_ms + 1);
        let round_trips = u32::try_from(4 * pages + 16 * config.nodes.len()).unwrap_or(u32::MAX);
        waiting.saturating_mul(rounds).saturating_add(round_trip.saturating_mul(round_trips))
    }

    /// What is true when the L1 rests and the follower has arrived.
    fn check_rest(&self) -> Result<(), Broken> {
        let dag = self.network.store().dag();
        let view = self.network.node(self.node_at_rest());
        let on_chain = |block: PathBlock| view.is_chain_block(dag, block.id);
        let missing = |what: String| Broken { law: Law::Rest, what };
        let path = self.consumer.path();
        if self.over || self.consumer.root().is_some_and(|root| !on_chain(root)) {
            return self.check_conflict();
        }
        let Some(anchor) = self.follower.anchor() else { return Err(missing("it has no anchor".to_owned())) };
        let Some(anchor_id) = dag.id(&anchor.hash) else { return Err(missing(format!("{anchor:?} does not exist"))) };
        // A follower that resumed names its root.
        let base = path.first().map_or(anchor_id, |block| block.id);
        let expected = self.expected_path(base);
        let found: Vec<BlockId> = path.iter().skip(1).map(|block| block.id).collect();
        require(found == expected, Law::Rest, || {
            format!("the path above {base} is {found:?}, the node's chain {expected:?}")
        })?;
        let tip = path.last().map_or(anchor.hash, |block| block.reference.hash);
        let (ours, synced) = (self.follower.tip().map(|tip| tip.hash), self.consumer.synced());
        require(ours == Some(tip) && synced.is_some(), Law::Rest, || {
            format!("the tip is {tip}, the follower's {ours:?}, synced at {synced:?}")
        })?;
        self.check_root()
    }

    /// The node that the follower should agree with. All nodes agree unless finality keeps them apart; then it is the one that
    /// the follower stays with.
    fn node_at_rest(&self) -> usize {
        self.connected_node().unwrap_or(0)
    }

    /// Nothing above the root is as deep below the tip as what is final.
    fn check_root(&self) -> Result<(), Broken> {
        let (dag, path) = (self.network.store().dag(), self.consumer.path());
        let Some((tip, child)) = path.last().zip(path.get(self.consumer.root + 1)) else { return Ok(()) };
        // Blue scores rise along the path: the lowest block above the root is the deepest.
        let depth = dag.blue_score(tip.id) - dag.blue_score(child.id);
        require(depth < self.finality_depth(), Law::Finality, || {
            format!("{child:?}, the child of the root, is {depth} deep and was never told to be final")
        })
    }

    /// The consumer's root is not on the chain to which all nodes came in the end, or the follower ended before.
    fn check_conflict(&self) -> Result<(), Broken> {
        if self.over {
            let is_told = self.consumer.fatal().is_some() && self.finality_broken;
            return require(is_told, Law::Rest, || format!("it is over with {:?}", self.consumer.fatal()));
        }
        // The anchor, which was no more than a sink, was left: asked for again for ever.
        let left = self.begins_at_sink() && self.consumer.root == 0;
        // Finality keeps the node on a chain that is not heavier than the consumer's: it cannot be told from one that lags.
        let sink = self.network.node(self.node_at_rest()).sink();
        let waits = self.finality_broken && self.is_behind(self.network.store().dag().hash(sink));
        require(left || waits, Law::Rest, || "the root is not on the chain of any node, and it goes on".to_owned())
    }

    /// The node's selected chain above `base`, cut at the confirmations.
    fn expected_path(&self, base: BlockId) -> Vec<BlockId> {
        let (dag, view) = (self.network.store().dag(), self.network.node(self.node_at_rest()));
        let sink = dag.blue_score(view.sink());
        let confirmations = self.config.confirmations;
        let is_deep = |block: &BlockId| confirmations == 0 || sink - dag.blue_score(*block) > confirmations;
        let above = view.chain().iter().copied().filter(|&block| dag.height(block) > dag.height(base));
        above.filter(is_deep).collect()
    }
}
