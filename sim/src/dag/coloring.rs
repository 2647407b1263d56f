//! GHOSTDAG of one block: selected parent, mergeset, and which of it is blue.
//!
//! The rules are the reference's (`kaspa-consensus`, `processes::ghostdag::protocol::GhostdagManager::ghostdag`), the
//! bookkeeping is not. The mergeset is read off the clock rows instead of being searched. Blues of the selected chain
//! that a candidate may have in its anticone are laid out once for each block, from the selected parent downwards and
//! only as deep as some candidate needs, each with its clock position and its current blue anticone size; a candidate
//! is then one scan over that list. No maps, and no allocation once the buffers have grown.

use kaspa_math::Uint192;

use super::{BlockId, DagError, Ghostdag, GhostdagParams, ghostdag::AnticoneSize, lanes::Position, store::Store};

/// Working memory of GHOSTDAG, reused from block to block; the last result stays in `result`.
#[derive(Clone)]
pub(super) struct Coloring {
    pub(super) result: Ghostdag,
    /// Merged clock of the parents of `result`.
    pub(super) clock: Vec<u32>,
    candidates: Vec<Candidate>,
    /// Blues of the new block; the first is the selected parent.
    own: Vec<Peer>,
    /// Blues merged by the chain blocks in `segments`.
    window: Vec<Peer>,
    segments: Vec<Segment>,
    sizes: KnownSizes,
    own_affected: Vec<usize>,
    window_affected: Vec<usize>,
    /// Whether a block that `result` depends on was dropped.
    reaches_dropped: bool,
}

#[derive(Clone, Copy)]
struct Candidate {
    blue_work: Uint192,
    block: BlockId,
}

/// A blue block that a candidate is compared with.
#[derive(Clone, Copy)]
struct Peer {
    position: Position,
    block: BlockId,
    /// Its blue anticone size in the new block's view so far.
    size: u16,
    changed: bool,
}

/// One chain block's share of the window.
#[derive(Clone, Copy)]
struct Segment {
    chain_block: BlockId,
    end: usize,
}

impl Coloring {
    pub(super) fn new() -> Self {
        Self {
            result: Ghostdag::empty(),
            clock: Vec::new(),
            candidates: Vec::new(),
            own: Vec::new(),
            window: Vec::new(),
            segments: Vec::new(),
            sizes: KnownSizes::default(),
            own_affected: Vec::new(),
            window_affected: Vec::new(),
            reaches_dropped: false,
        }
    }

    /// Computes `result` and `clock` for a block with these parents.
    ///
    /// # Errors
    /// The parents are none, unknown, dropped, repeated, or one is in the past of another; or the mergeset or the blue
    /// window reaches dropped blocks.
    pub(super) fn run(&mut self, store: &Store, params: &GhostdagParams, parents: &[BlockId]) -> Result<(), DagError> {
        let selected_parent = select_parent(store, parents)?;
        store.lanes.merge(parents, &mut self.clock);
        self.start(store, parents, selected_parent);
        self.collect_candidates(store);
        for index in 0..self.candidates.len() {
            let block = self.candidates[index].block;
            match self.blue_anticone_size(store, params.k, block) {
                Some(size) => self.add_blue(store, block, size),
                None => self.result.reds.push(block),
            }
        }
        if self.reaches_dropped {
            return Err(DagError::ReachesDropped { first: store.first() });
        }
        self.finish(store, params);
        Ok(())
    }

    /// Gives back working memory that the store has outgrown downwards.
    pub(super) fn release(&mut self) {
        self.sizes = KnownSizes::default();
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.sizes.entries.capacity() * size_of::<KnownSize>()
    }

    fn start(&mut self, store: &Store, parents: &[BlockId], selected_parent: BlockId) {
        self.result.parents.clear();
        self.result.parents.extend_from_slice(parents);
        self.result.selected_parent = selected_parent;
        self.result.blues.clear();
        self.result.reds.clear();
        self.result.anticone_sizes.clear();
        self.own.clear();
        self.window.clear();
        self.segments.clear();
        self.reaches_dropped = false;
        self.sizes.forget(store.base(), store.len());
        self.own_affected.clear();
        self.window_affected.clear();
        self.add_blue(store, selected_parent, 0);
    }

    /// The mergeset without the selected parent by (blue work, hash).
    fn collect_candidates(&mut self, store: &Store) {
        let candidates = &mut self.candidates;
        candidates.clear();
        let first = store.first();
        let mut all_are_retained = true;
        let all_are_held = store.lanes.for_each_beyond(&self.clock, self.result.selected_parent, |block| {
            if block >= first {
                candidates.push(Candidate { blue_work: store.blue_work(block), block });
            } else {
                all_are_retained = false;
            }
        });
        self.reaches_dropped |= !(all_are_held && all_are_retained);
        candidates.sort_unstable_by(|a, b| {
            a.blue_work.cmp(&b.blue_work).then_with(|| store.hash(a.block).cmp(&store.hash(b.block)))
        });
    }

    /// Number of blues in the candidate's anticone if it can be blue, else `None`. Leaves these blues in the affected
    /// lists.
    fn blue_anticone_size(&mut self, store: &Store, k: u16, candidate: BlockId) -> Option<u16> {
        // All other own blues are in the selected parent's anticone: k of them fill it. The scan would find that too.
        if self.own.len() > usize::from(k) {
            return None;
        }
        self.own_affected.clear();
        self.window_affected.clear();
        let row = store.lanes.row(candidate);
        let mut size = scan(&self.own, 0..self.own.len(), row, k, 0, &mut self.own_affected)?;
        let mut start = 0;
        // Every past ends at genesis, so some chain block is in the candidate's past, unless it was dropped. Blues that this chain block or a
        // lower one merged are in the candidate's past as well.
        for depth in 0.. {
            if depth == self.segments.len() && !self.load_next_segment(store, row) {
                break;
            }
            let segment = self.segments[depth];
            if store.lanes.position(segment.chain_block).is_within(row) {
                break;
            }
            size = scan(&self.window, start..segment.end, row, k, size, &mut self.window_affected)?;
            start = segment.end;
        }
        Some(size)
    }

    /// Lays out the blues of the next lower chain block, unless that block is in the past of the block with clock `row`, or
    /// was dropped.
    fn load_next_segment(&mut self, store: &Store, row: &[u32]) -> bool {
        let chain_block = match self.segments.last() {
            None => self.result.selected_parent,
            Some(segment) => match store.chains.selected_parent(segment.chain_block) {
                Some(selected_parent) => selected_parent,
                None => return false,
            },
        };
        let first = store.first();
        // A dropped one is a blue of the chain block above it, and was noticed there.
        if chain_block < first {
            return false;
        }
        if store.lanes.position(chain_block).is_within(row) {
            return false;
        }
        // Sizes nearer to the new block win: they are newer. A block lists a size for each of its own blues, so that all
        // of them are known after this.
        for entry in store.anticone_sizes(chain_block) {
            self.sizes.learn(entry);
        }
        for &block in store.blues(chain_block) {
            if block < first {
                self.reaches_dropped = true;
                continue;
            }
            let peer =
                Peer { position: store.lanes.position(block), block, size: self.sizes.get(block), changed: false };
            self.window.push(peer);
        }
        self.segments.push(Segment { chain_block, end: self.window.len() });
        true
    }

    /// Adds a blue and counts it in the anticones of the affected ones.
    fn add_blue(&mut self, store: &Store, block: BlockId, size: u16) {
        for &index in &self.own_affected {
            self.own[index].size += 1;
        }
        for &index in &self.window_affected {
            let peer = &mut self.window[index];
            peer.size += 1;
            peer.changed = true;
        }
        self.result.blues.push(block);
        self.own.push(Peer { position: store.lanes.position(block), block, size, changed: true });
    }

    fn finish(&mut self, store: &Store, params: &GhostdagParams) {
        let result = &mut self.result;
        let selected_parent = result.selected_parent;
        result.blue_score = store.blue_score(selected_parent) + result.blues.len() as u64;
        result.blue_work =
            result.blues.iter().fold(store.blue_work(selected_parent), |sum, &blue| sum + store.work(blue));
        let changed = self.own.iter().chain(self.window.iter().filter(|peer| peer.changed));
        result.anticone_sizes.extend(changed.map(|peer| AnticoneSize { block: peer.block, size: peer.size }));
        result.daa_score = store.daa_score(selected_parent).saturating_add(daa_increase(store, params, result));
    }
}

/// The parent with the largest (blue work, hash), after checking that the parents are known, retained and an antichain.
fn select_parent(store: &Store, parents: &[BlockId]) -> Result<BlockId, DagError> {
    let (&first, others) = parents.split_first().ok_or(DagError::NoParents)?;
    if let Some(&parent) = parents.iter().find(|parent| parent.index() >= store.len()) {
        return Err(DagError::UnknownParent { parent, len: store.len() });
    }
    if let Some(&parent) = parents.iter().find(|parent| **parent < store.first()) {
        return Err(DagError::DroppedParent { parent, first: store.first() });
    }
    let mut selected_parent = first;
    for (index, &parent) in others.iter().enumerate() {
        for &earlier in &parents[..=index] {
            // Ids are topological: only the lower one can be in the past of the other.
            let (low, high) = (earlier.min(parent), earlier.max(parent));
            if low == high {
                return Err(DagError::DuplicateParent { parent });
            }
            if store.lanes.is_ancestor(low, high) {
                return Err(DagError::ParentInPastOfParent { parent: low, descendant: high });
            }
        }
        if store.compare(parent, selected_parent).is_gt() {
            selected_parent = parent;
        }
    }
    Ok(selected_parent)
}

/// Adds to `affected` the peers in `range` that are in the anticone of the block with clock `row`, and returns `size` plus
/// their number; `None` as soon as that block cannot be blue. Peers come before the block in consensus order, so
/// that those outside its past are in its anticone.
fn scan(
    peers: &[Peer],
    range: std::ops::Range<usize>,
    row: &[u32],
    k: u16,
    mut size: u16,
    affected: &mut Vec<usize>,
) -> Option<u16> {
    let start = range.start;
    for (offset, peer) in peers[range].iter().enumerate() {
        if peer.position.is_within(row) {
            continue;
        }
        // Either the candidate or the peer would have more than k blues in its anticone.
        if size >= k || peer.size >= k {
            return None;
        }
        size += 1;
        affected.push(start + offset);
    }
    Some(size)
}

/// Number of mergeset blocks that count for the DAA score.
///
/// Source: `kaspa-consensus`, `processes::window::SampledWindowManager::build_block_window` (genesis as selected parent,
/// empty window, blue score threshold) and `processes::difficulty` (`internal_calc_daa_score`).
fn daa_increase(store: &Store, params: &GhostdagParams, result: &Ghostdag) -> u64 {
    let size = result.mergeset_size() as u64;
    if params.difficulty_window_size == 0 {
        return size;
    }
    if result.selected_parent == BlockId::GENESIS {
        return size - 1;
    }
    let lowest_blue_score = result.blue_score.saturating_sub(params.difficulty_window_size);
    if lowest_blue_score == 0 {
        return size;
    }
    let mergeset = result.blues.iter().chain(&result.reds);
    mergeset.filter(|&&block| store.blue_score(block) >= lowest_blue_score).count() as u64
}

/// Blue anticone sizes met while walking down the chain, by block id. An entry is valid if its epoch is the current one:
/// forgetting all costs nothing.
#[derive(Clone, Default)]
struct KnownSizes {
    base: BlockId,
    epoch: u32,
    entries: Vec<KnownSize>,
}

#[derive(Clone, Copy, Default)]
struct KnownSize {
    epoch: u32,
    size: u16,
}

impl KnownSizes {
    /// Forgets all and makes room for the blocks from `base` to below `len`.
    fn forget(&mut self, base: BlockId, len: usize) {
        self.base = base;
        self.entries.resize(len - base.index(), KnownSize::default());
        if self.epoch == u32::MAX {
            self.entries.fill(KnownSize::default());
            self.epoch = 0;
        }
        self.epoch += 1;
    }

    /// Takes a size, unless the block was dropped.
    #[inline]
    fn learn(&mut self, entry: &AnticoneSize) {
        if let Some(known) = self.entries.get_mut(entry.block.offset_from(self.base))
            && known.epoch != self.epoch
        {
            *known = KnownSize { epoch: self.epoch, size: entry.size };
        }
    }

    #[inline]
    fn get(&self, block: BlockId) -> u16 {
        let known = self.entries[block.offset_from(self.base)];
        debug_assert_eq!(known.epoch, self.epoch, "a chain block's blues have known sizes");
        known.size
    }
}
