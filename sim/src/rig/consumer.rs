//! A consumer that believes nothing: it applies every event to its own path and compares it with the DAG, the answers that
//! the follower has, and what it was told before. It shares no code with the bridge.
//!
//! Invariants: `path` begins with the anchor, each entry is the selected parent of the next, and `root` is a position in
//! it; before the first numbered event it is empty.

use std::collections::BTreeMap;

use bridge::{BlockAdded, ChainRef, FatalError, L1Event, Reorg};
use kaspa_hashes::Hash;

use super::{
    Answered,
    breach::{Broken, Law, require},
};
use crate::{block_store::BlockStore, dag::BlockId};

/// What an event is compared with.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) store: &'a BlockStore,
    /// The last answer to a chain request that the follower has.
    pub(super) heard: Option<Answered>,
    /// The heaviest sink that the node which gave it had since then.
    pub(super) sink: Option<BlockId>,
    /// The block on which the follower says that its first numbered event builds.
    pub(super) anchor: Option<ChainRef>,
    pub(super) finality_depth: u64,
    pub(super) confirmations: u64,
    /// The L1 itself reorganised what a node had as final: what was final for one may differ for another.
    pub(super) finality_broken: bool,
}

/// One chain block as the consumer has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathBlock {
    /// Number of the block in the shared store.
    pub id: BlockId,
    /// How the follower names it.
    pub reference: ChainRef,
}

/// The consumer's own copy of what it was told. See the module documentation.
#[derive(Debug, Clone, Default)]
pub struct Consumer {
    pub(super) path: Vec<PathBlock>,
    pub(super) root: usize,
    pub(super) sequence: u64,
    session: Option<u64>,
    synced: Option<Hash>,
    fatal: Option<FatalError>,
    /// By height, every block that was ever final, over all restarts.
    finalized: BTreeMap<u64, BlockId>,
}

impl Consumer {
    /// The applied path from the anchor, which was not announced, to the tip; empty before the first numbered event.
    pub fn path(&self) -> &[PathBlock] {
        &self.path
    }

    /// The last block that is final, or the anchor.
    pub fn root(&self) -> Option<PathBlock> {
        self.path.get(self.root).copied()
    }

    /// The last sequence number.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The session that was announced and has not ended.
    pub fn session(&self) -> Option<u64> {
        self.session
    }

    /// The tip with which the present session was last said to be synced.
    pub fn synced(&self) -> Option<Hash> {
        self.synced
    }

    /// The end, if it was told.
    pub fn fatal(&self) -> Option<&FatalError> {
        self.fatal.as_ref()
    }

    /// It begins again with this path: the bridge that died will not tell the end of its session.
    pub(super) fn restart(&mut self, path: Vec<PathBlock>, root: usize, sequence: u64) {
        (self.path, self.root, self.sequence) = (path, root, sequence);
        (self.session, self.synced, self.fatal) = (None, None, None);
    }

    /// Applies one event.
    pub(super) fn take(&mut self, event: &L1Event, facts: Facts<'_>) -> Result<(), Broken> {
        require(self.fatal.is_none(), Law::Sessions, || format!("{event:?} follows Fatal"))?;
        if let Some(sequence) = event.sequence() {
            let expected = self.sequence + 1;
            require(sequence == expected, Law::Sequence, || format!("{sequence} came where {expected} was to come"))?;
            self.sequence = sequence;
            self.begin(facts)?;
        }
        match event {
            L1Event::BlockAdded(added) => self.add(added, facts),
            L1Event::Reorg(reorg) => self.cut_back(reorg, facts),
            L1Event::Finalized { block, .. } => self.finalize(*block, facts),
            L1Event::Connected { session, .. } => {
                let before = self.session.replace(*session);
                require(before.is_none(), Law::Sessions, || format!("session {session} begins inside {before:?}"))
            }
            L1Event::Disconnected { session, .. } => {
                self.synced = None;
                let before = self.session.take();
                require(before == Some(*session), Law::Sessions, || format!("session {session} ends inside {before:?}"))
            }
            L1Event::Synced { tip } => {
                self.synced = Some(tip.hash);
                let ours = self.path.last().map(|block| block.reference);
                require(ours.is_none_or(|ours| ours == *tip), Law::Sessions, || {
                    format!("synced at {tip:?}, not {ours:?}")
                })
            }
            L1Event::Fatal(fatal) => {
                self.fatal = Some(fatal.clone());
                require(self.session.is_none(), Law::Sessions, || "Fatal before Disconnected".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// The first numbered event tells that the anchor stays.
    fn begin(&mut self, facts: Facts<'_>) -> Result<(), Broken> {
        if !self.path.is_empty() {
            return Ok(());
        }
        let anchor = facts.anchor.and_then(|anchor| Some((anchor, facts.store.dag().id(&anchor.hash)?)));
        let Some((reference, id)) = anchor.filter(|(anchor, _)| anchor.index == 0) else {
            let what = format!("the first numbered event builds on {:?}", facts.anchor);
            return Err(Broken { law: Law::Path, what });
        };
        self.path.push(PathBlock { id, reference });
        Ok(())
    }

    fn add(&mut self, added: &BlockAdded, facts: Facts<'_>) -> Result<(), Broken> {
        let dag = facts.store.dag();
        let Some(tip) = self.path.last().copied() else { return Ok(()) };
        let Some(id) = dag.id(&added.block.hash) else {
            return Err(Broken { law: Law::Truth, what: format!("no node ever had {:?}", added.block) });
        };
        let follows = added.parent == tip.reference.hash
            && dag.selected_parent(id) == Some(tip.id)
            && added.block.index == tip.reference.index + 1;
        require(follows, Law::Path, || {
            format!("{:?} on {:?} does not follow the tip {tip:?}", added.block, added.parent)
        })?;
        check_truth(added, id, facts.store)?;
        self.check_guarantee(id, facts)?;
        let full = facts.heard.is_some_and(|answered| answered.full);
        require(added.verified || !full, Law::Truth, || {
            format!("{:?} came at full verbosity unverified", added.block)
        })?;
        let depth = facts.heard.map_or(0, |answered| dag.blue_score(answered.sink) - dag.blue_score(id));
        require(facts.confirmations == 0 || depth > facts.confirmations, Law::Confirmations, || {
            format!("{:?} was delivered at depth {depth}, {} are asked for", added.block, facts.confirmations)
        })?;
        self.path.push(PathBlock { id, reference: added.block });
        Ok(())
    }

    /// The path below its tip follows selected parents, so that it is a prefix of a chain if the tip is on it.
    fn check_guarantee(&self, tip: BlockId, facts: Facts<'_>) -> Result<(), Broken> {
        let dag = facts.store.dag();
        let on_chain = |answered: Answered| dag.chain_ancestor_at(answered.sink, dag.height(tip)) == Some(tip);
        require(facts.heard.is_some_and(on_chain), Law::Guarantee, || {
            let sink = facts.heard.map(|answered| dag.hash(answered.sink));
            format!("{} is not on the chain of {sink:?}, the sink when the node answered", dag.hash(tip))
        })
    }

    fn cut_back(&mut self, reorg: &Reorg, facts: Facts<'_>) -> Result<(), Broken> {
        let tip = self.path.last().map(|block| block.reference);
        let is_tip = tip == Some(reorg.old_tip);
        require(is_tip, Law::Reorg, || format!("{:?} is given as the tip, which is {tip:?}", reorg.old_tip))?;
        let dag = facts.store.dag();
        let heavier = |sink, tip: &PathBlock| dag.compare(sink, tip.id).is_gt();
        let believed = facts.sink.zip(self.path.last()).is_some_and(|(sink, tip)| heavier(sink, tip));
        require(believed, Law::Reorg, || format!("a node whose sink is not heavier than {tip:?} is believed"))?;
        let at = self.place(reorg.fork).filter(|&at| at >= self.root && at + 1 < self.path.len());
        let Some(at) = at else {
            let what = format!("{:?} is not between root and tip", reorg.fork);
            return Err(Broken { law: Law::Reorg, what });
        };
        let cut: Vec<Hash> = self.path.drain(at + 1..).rev().map(|block| block.reference.hash).collect();
        let as_told = if reorg.removed_known { cut == reorg.removed } else { reorg.removed.is_empty() };
        require(as_told, Law::Reorg, || format!("the removed blocks are not those above the fork: {reorg:?}"))?;
        match self.path.last() {
            Some(fork) => self.check_guarantee(fork.id, facts),
            None => Ok(()),
        }
    }

    fn finalize(&mut self, block: ChainRef, facts: Facts<'_>) -> Result<(), Broken> {
        let Some(at) = self.place(block).filter(|&at| at > self.root) else {
            let what = format!("{block:?} is not above the root and on the path");
            return Err(Broken { law: Law::Finality, what });
        };
        let dag = facts.store.dag();
        let Some(tip) = self.path.last() else { return Ok(()) };
        let depth_of = |block: PathBlock| dag.blue_score(tip.id) - dag.blue_score(block.id);
        let depth = depth_of(self.path[at]);
        require(depth >= facts.finality_depth, Law::Finality, || format!("{block:?} is only {depth} deep"))?;
        let child = self.path.get(at + 1).map(|&child| depth_of(child));
        require(child.is_none_or(|depth| depth < facts.finality_depth), Law::Finality, || {
            format!("the child of {block:?} is {child:?} deep and not final")
        })?;
        for block in &self.path[self.root..=at] {
            let before = *self.finalized.entry(dag.height(block.id)).or_insert(block.id);
            let same = before == block.id || facts.finality_broken;
            require(same, Law::Finality, || format!("{} was final, now it is {block:?}", dag.hash(before)))?;
        }
        self.root = at;
        Ok(())
    }

    /// Where in the path the block is.
    fn place(&self, block: ChainRef) -> Option<usize> {
        let first = self.path.first()?.reference.index;
        let at = usize::try_from(block.index.checked_sub(first)?).ok()?;
        (self.path.get(at)?.reference == block).then_some(at)
    }
}

fn check_truth(added: &BlockAdded, id: BlockId, store: &BlockStore) -> Result<(), Broken> {
    let dag = store.dag();
    let found = (added.block.blue_score, added.daa_score, added.timestamp_ms);
    let truth = (dag.blue_score(id), dag.daa_score(id), store.timestamp(id));
    require(found == truth, Law::Truth, || {
        format!("(blue score, DAA score, timestamp) of {:?} are {truth:?}, told as {found:?}", added.block)
    })?;
    let (found, count) = (added.accepted.len(), store.accepted_by(id).len());
    require(found == count, Law::Truth, || format!("{:?} accepts {count} transactions, told {found}", added.block))?;
    for ((found, truth), index) in added.accepted.iter().zip(store.accepted_by(id)).zip(0..) {
        let (id, truth) = (store.transaction_id(truth.transaction), store.transaction_fields(truth.transaction));
        let equal = found.id == id
            && found.acceptance_index == index
            && found.subnetwork_id == truth.subnetwork_id.into_bytes()
            && found.payload == truth.payload;
        require(equal, Law::Truth, || format!("transaction {index} of {:?} is {id}, told as {found:?}", added.block))?;
    }
    Ok(())
}
