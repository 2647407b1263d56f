//! Laws about more than the path: what nodes are rejected for, how many events wait, how many requests are sent; and when
//! the L1 itself breaks finality.

use std::{cmp::Ordering, time::Duration};

use bridge::{L1Event, RejectReason, follower::Input};
use kaspa_hashes::Hash;

use super::{
    Answered, Rig,
    breach::{Broken, Law, require},
    consumer::Facts,
    link::Delivery,
};
use crate::{
    dag::{BlockId, Dag},
    node::PAGE_MERGESETS,
};

/// Time from the end of a consumer's work on an event to its acknowledgement.
const ACKNOWLEDGEMENT_TIME: Duration = Duration::from_millis(1);

/// Chain requests that a session may need to find its place: from our tip, from the blocks of a locator, and once more.
const CHAIN_REQUESTS_PER_SESSION: u64 = 16;

/// Requests of other kinds that may come with each chain request: sink and header, the tip's or the last block's header.
const REQUESTS_PER_CHAIN_REQUEST: u64 = 4;

/// Requests of other kinds that may come with each session.
const REQUESTS_PER_SESSION: u64 = 12;

impl Rig {
    /// The consumer takes in an event, after it was distorted.
    pub(super) fn tell(&mut self, event: L1Event) -> Result<(), Broken> {
        let events = match &mut self.distortion {
            Some(distortion) => distortion(event),
            None => vec![event],
        };
        for event in events {
            self.count(&event);
            self.check_rejection(&event)?;
            let facts = Facts {
                store: self.network.store(),
                heard: self.heard,
                sink: self.heard.map(|answered| self.heaviest_sink_since(answered)),
                anchor: self.follower.anchor(),
                finality_depth: self.finality_depth(),
                confirmations: self.config.confirmations,
                finality_broken: self.finality_broken,
            };
            self.consumer.take(&event, facts)?;
            if event.sequence().is_none() {
                continue;
            }
            self.disk.store(&event, &self.consumer, self.config.network)?;
            self.check_queue()?;
            if !self.ack_is_due {
                self.ack_is_due = true;
                let at = (self.now + ACKNOWLEDGEMENT_TIME).max(self.faults.no_acks_until);
                self.schedule_at(at, Delivery::Ack);
            }
        }
        Ok(())
    }

    /// The consumer acknowledges what it has, unless it was stopped in the meantime.
    pub(super) fn acknowledge(&mut self) -> Result<(), Broken> {
        if self.faults.no_acks_until > self.now {
            self.schedule_at(self.faults.no_acks_until, Delivery::Ack);
            return Ok(());
        }
        self.ack_is_due = false;
        self.acknowledged = self.consumer.sequence();
        self.input(Input::Ack { sequence: self.acknowledged })
    }

    pub(super) fn finality_depth(&self) -> u64 {
        self.config.finality_depth.unwrap_or(u64::MAX)
    }

    fn count(&mut self, event: &L1Event) {
        let counters = &mut self.counters;
        counters.events += 1;
        match event {
            L1Event::BlockAdded(_) => counters.added += 1,
            L1Event::Reorg(reorg) => {
                counters.reorgs += 1;
                let depth = reorg.old_tip.index.saturating_sub(reorg.fork.index);
                counters.deepest_reorg = counters.deepest_reorg.max(depth);
            }
            L1Event::Connected { .. } => counters.sessions += 1,
            L1Event::NodeRejected { .. } => counters.rejections += 1,
            _ => {}
        }
    }

    /// At most the high-water mark and one page, with a reorg before it and a finalization after it.
    fn check_queue(&self) -> Result<(), Broken> {
        let page = self.network.store().parameters().mergeset_size_limit * PAGE_MERGESETS + 2;
        let waiting = self.consumer.sequence() - self.acknowledged;
        let most = self.config.high_water_mark.saturating_add(page as u64);
        require(waiting <= most, Law::Queue, || format!("{waiting} events are not acknowledged, {most} may be"))
    }

    /// The heaviest sink that the node had since it gave that answer.
    fn heaviest_sink_since(&self, answered: Answered) -> BlockId {
        let dag = self.network.store().dag();
        let later = self.sinks(answered.node).iter().rev().take_while(|(at, _)| *at >= answered.at);
        later.map(|&(_, sink)| sink).fold(answered.sink, |a, b| if dag.compare(a, b).is_gt() { a } else { b })
    }

    /// The nodes are honest: what they are rejected for must be true of them.
    fn check_rejection(&self, event: &L1Event) -> Result<(), Broken> {
        let (node, reason) = match event {
            L1Event::NodeRejected { node, reason, .. } => (node, reason),
            L1Event::Fatal(fatal) => {
                let conflicting = |(node, reason): &(String, RejectReason)| match reason {
                    RejectReason::Conflicting { root } => self.conflicts(node, *root),
                    _ => false,
                };
                let true_of_all = fatal.nodes.len() == self.sinks.len() && fatal.nodes.iter().all(conflicting);
                return require(true_of_all, Law::Rejection, || format!("{fatal}"));
            }
            _ => return Ok(()),
        };
        let is_true = match reason {
            RejectReason::Lagging { sink } => self.is_behind(*sink),
            RejectReason::Conflicting { root } => self.finality_broken && self.conflicts(node, *root),
            RejectReason::AnchorLeft { anchor } => self.begins_at_sink() && self.lacked(node, *anchor),
            // Nodes forget nothing: only a block that the node never had can be refused by one.
            RejectReason::TipRefused { tip, .. } => self.begins_at_sink() && self.lacked(node, *tip),
            RejectReason::Resetting => self.was_transitional,
            RejectReason::UnexpectedReply { .. } => self.replies_repeated,
            _ => false,
        };
        require(is_true, Law::Rejection, || format!("{node} is rejected: {reason}"))
    }

    /// Whether the sink of a node is not heavier than our tip, by blue score where the follower does not know blue work.
    pub(super) fn is_behind(&self, sink: Hash) -> bool {
        let dag = self.network.store().dag();
        // A consumer without a block is at the anchor, and so is the follower.
        let told = self.consumer.path().last().map(|tip| tip.id);
        let tip = told.or_else(|| self.follower.tip().and_then(|tip| dag.id(&tip.hash)));
        let (Some(sink), Some(tip)) = (dag.id(&sink), tip) else { return false };
        dag.compare(sink, tip) != Ordering::Greater || dag.blue_score(sink) <= dag.blue_score(tip)
    }

    /// Whether the node ever lacked the root that it is said to lack, or what is final at our tip although the root was not
    /// moved yet: a consumer may have died between a block and what it made final.
    fn conflicts(&self, address: &str, root: Hash) -> bool {
        let dag = self.network.store().dag();
        let path = self.consumer.path();
        let Some(tip) = path.last().map(|tip| dag.blue_score(tip.id)) else { return false };
        let mut is_deep = path.iter().rev().filter(|block| tip - dag.blue_score(block.id) >= self.finality_depth());
        self.lacked(address, root) || is_deep.next().is_some_and(|block| self.lacked(address, block.reference.hash))
    }

    /// Whether the node ever had a sink on whose chain the block is not.
    fn lacked(&self, address: &str, block: Hash) -> bool {
        let dag = self.network.store().dag();
        let node = self.config.nodes.iter().position(|node| node.as_str() == address);
        let (Some(node), Some(block)) = (node, dag.id(&block)) else { return false };
        self.sinks(node).iter().any(|&(_, sink)| !dag.is_chain_ancestor(block, sink))
    }

    /// A node has another sink: remembers it, and whether it left what was final for a node.
    pub(super) fn remember_sink(&mut self, node: usize) {
        let view = self.network.node(node);
        let (sink, dag) = (view.sink(), self.network.store().dag());
        let is_related =
            dag.is_chain_ancestor(self.highest_final, sink) || dag.is_chain_ancestor(sink, self.highest_final);
        self.finality_broken |= !is_related;
        let last_final = last_final(dag, view.chain(), self.finality_depth());
        if dag.height(last_final) > dag.height(self.highest_final) {
            self.highest_final = last_final;
        }
        if let Some(sinks) = self.sinks.get_mut(node) {
            sinks.push((self.now, sink));
        }
    }

    /// What the follower may ask for in a run like this one:
    ///
    /// - chain requests: two for each block delivered, each announcement and each poll interval, and 16 for each session
    ///   or attempt. A calm run needs far less; the tests that know that theirs is calm say how much.
    /// - others: 4 for each chain request, 12 for each session, and a ping twice in each silence timeout.
    pub(super) fn check_economy(&self) -> Result<(), Broken> {
        let counters = self.counters;
        let polls =
            u64::try_from(self.now.as_nanos() / self.config.poll_interval.as_nanos().max(1)).unwrap_or(u64::MAX);
        let calls = counters.calls + counters.restarts + 1;
        let most = 2 * (counters.added + counters.announcements + polls) + CHAIN_REQUESTS_PER_SESSION * calls;
        require(counters.chain_requests <= most, Law::Economy, || {
            format!("{most} chain requests may be, {counters:?}")
        })?;
        let pings = self.now.as_nanos() / (self.config.silence_timeout.as_nanos() / 2).max(1);
        let most = (1 + REQUESTS_PER_CHAIN_REQUEST) * counters.chain_requests
            + REQUESTS_PER_SESSION * calls
            + u64::try_from(pings).unwrap_or(u64::MAX);
        require(counters.requests <= most, Law::Economy, || format!("{most} requests may be, {counters:?}"))
    }
}

/// The highest block of the chain that is at least so deep below its end; the lowest if none is.
fn last_final(dag: &Dag, chain: &[BlockId], finality_depth: u64) -> BlockId {
    let sink = chain.last().copied().unwrap_or(BlockId::GENESIS);
    // Blue scores rise along the chain.
    let deep = chain.partition_point(|&block| dag.blue_score(sink) - dag.blue_score(block) >= finality_depth);
    deep.checked_sub(1).and_then(|at| chain.get(at)).copied().unwrap_or(BlockId::GENESIS)
}
