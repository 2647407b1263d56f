//! The block store: one fixed-size record for each block, and arenas for what varies in length.
//!
//! Invariants: ids are dense and topological (a block's parents have lower ids); a record's ranges start where the
//! previous record's end; offsets fit 32 bits. `base <= first < len`: blocks below `first` are dropped, those from `base`
//! on are still held in memory, and every table starts at `base`. Blue scores and DAA scores less that of genesis are at most the number
//! of blocks and fit 32 bits too.

use std::cmp::Ordering;

use kaspa_hashes::Hash;
use kaspa_math::Uint192;
use rustc_hash::FxHashMap;

use super::{
    BlockId, DagError, Ghostdag,
    chain::SelectedChains,
    dropping::{drop_front, is_worth_releasing},
    ghostdag::AnticoneSize,
    lanes::Lanes,
    work::WorkTable,
};

#[derive(Clone, Copy)]
struct Record {
    blue_work: Uint192,
    blue_score: u32,
    /// DAA score less that of genesis.
    daa_score: u32,
    work_index: u32,
    parents_start: u32,
    mergeset_start: u32,
    blue_count: u32,
    sizes_start: u32,
}

/// All blocks and what was computed for them.
#[derive(Clone)]
pub(super) struct Store {
    pub(super) lanes: Lanes,
    pub(super) chains: SelectedChains,
    works: WorkTable,
    genesis_daa_score: u64,
    base: BlockId,
    first: BlockId,
    hashes: Vec<Hash>,
    ids: FxHashMap<Hash, BlockId>,
    records: Vec<Record>,
    parents: Vec<BlockId>,
    /// For each block its blues, then its reds.
    mergesets: Vec<BlockId>,
    anticone_sizes: Vec<AnticoneSize>,
}

impl Store {
    /// A store with genesis alone. Genesis has blue score and blue work 0 and an empty mergeset.
    ///
    /// Source: `kaspa-consensus`, `GhostdagManager::genesis_ghostdag_data`.
    pub(super) fn new(genesis: Hash, genesis_bits: u32, genesis_daa_score: u64) -> Result<Self, DagError> {
        let mut works = WorkTable::default();
        let work_index = works.intern(genesis_bits)?;
        let record = Record {
            blue_work: Uint192::ZERO,
            blue_score: 0,
            daa_score: 0,
            work_index,
            parents_start: 0,
            mergeset_start: 0,
            blue_count: 0,
            sizes_start: 0,
        };
        Ok(Self {
            lanes: Lanes::genesis(),
            chains: SelectedChains::genesis(),
            works,
            genesis_daa_score,
            base: BlockId::GENESIS,
            first: BlockId::GENESIS,
            hashes: vec![genesis],
            ids: FxHashMap::from_iter([(genesis, BlockId::GENESIS)]),
            records: vec![record],
            parents: Vec::new(),
            mergesets: Vec::new(),
            anticone_sizes: Vec::new(),
        })
    }

    /// Number of blocks ever, which is the next id.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.base.index() + self.records.len()
    }

    /// The lowest retained block.
    #[inline]
    pub(super) fn first(&self) -> BlockId {
        self.first
    }

    /// The lowest block held in memory.
    #[inline]
    pub(super) fn base(&self) -> BlockId {
        self.base
    }

    pub(super) fn id(&self, hash: &Hash) -> Option<BlockId> {
        self.ids.get(hash).copied().filter(|&id| id >= self.first)
    }

    #[inline]
    pub(super) fn hash(&self, id: BlockId) -> Hash {
        self.hashes[id.offset_from(self.base)]
    }

    #[inline]
    pub(super) fn blue_work(&self, id: BlockId) -> Uint192 {
        self.record(id).blue_work
    }

    #[inline]
    pub(super) fn blue_score(&self, id: BlockId) -> u64 {
        u64::from(self.record(id).blue_score)
    }

    pub(super) fn daa_score(&self, id: BlockId) -> u64 {
        // No network's genesis comes near 2^64.
        self.genesis_daa_score.saturating_add(u64::from(self.record(id).daa_score))
    }

    pub(super) fn bits(&self, id: BlockId) -> u32 {
        self.works.bits(self.record(id).work_index)
    }

    #[inline]
    pub(super) fn work(&self, id: BlockId) -> Uint192 {
        self.works.work(self.record(id).work_index)
    }

    #[inline]
    pub(super) fn parents(&self, id: BlockId) -> &[BlockId] {
        let end = self.record_after(id).map_or(self.parents.len(), |next| next.parents_start as usize);
        &self.parents[self.record(id).parents_start as usize..end]
    }

    #[inline]
    pub(super) fn blues(&self, id: BlockId) -> &[BlockId] {
        let record = self.record(id);
        let start = record.mergeset_start as usize;
        &self.mergesets[start..start + record.blue_count as usize]
    }

    pub(super) fn reds(&self, id: BlockId) -> &[BlockId] {
        let record = self.record(id);
        let end = self.record_after(id).map_or(self.mergesets.len(), |next| next.mergeset_start as usize);
        &self.mergesets[record.mergeset_start as usize + record.blue_count as usize..end]
    }

    /// Blue anticone sizes that changed or first appeared with this block: one for each of its mergeset blues, and one
    /// for each older blue that has one of these in its anticone.
    #[inline]
    pub(super) fn anticone_sizes(&self, id: BlockId) -> &[AnticoneSize] {
        let end = self.record_after(id).map_or(self.anticone_sizes.len(), |next| next.sizes_start as usize);
        &self.anticone_sizes[self.record(id).sizes_start as usize..end]
    }

    /// By (blue work, hash). Hashes are compared as bytes from the first, as the derived order of `Hash` does.
    ///
    /// Source: `kaspa-consensus`, `processes::ghostdag::ordering::SortableBlock`.
    #[inline]
    pub(super) fn compare(&self, a: BlockId, b: BlockId) -> Ordering {
        self.blue_work(a)
            .cmp(&self.blue_work(b))
            .then_with(|| self.hashes[a.offset_from(self.base)].cmp(&self.hashes[b.offset_from(self.base)]))
    }

    /// Adds a block. `result` is GHOSTDAG of `parents`, `clock` the merged clock of `parents`. Changes nothing on error.
    pub(super) fn push(
        &mut self,
        hash: Hash,
        bits: u32,
        result: &Ghostdag,
        clock: &[u32],
    ) -> Result<BlockId, DagError> {
        let id = self.next_id(result, clock)?;
        let work_index = self.works.intern(bits)?;
        let record = Record {
            blue_work: result.blue_work,
            blue_score: result.blue_score as u32,
            daa_score: result.daa_score.saturating_sub(self.genesis_daa_score) as u32,
            work_index,
            parents_start: self.parents.len() as u32,
            mergeset_start: self.mergesets.len() as u32,
            blue_count: result.blues.len() as u32,
            sizes_start: self.anticone_sizes.len() as u32,
        };
        self.lanes.push(id, result.selected_parent, &result.parents, clock);
        self.chains.push(result.selected_parent);
        self.hashes.push(hash);
        self.ids.insert(hash, id);
        self.records.push(record);
        self.parents.extend_from_slice(&result.parents);
        self.mergesets.extend_from_slice(&result.blues);
        self.mergesets.extend_from_slice(&result.reds);
        self.anticone_sizes.extend_from_slice(&result.anticone_sizes);
        Ok(id)
    }

    /// Drops the blocks below `id`, but never the newest. Returns whether memory was given back.
    pub(super) fn drop_below(&mut self, id: BlockId) -> bool {
        // Ids are 32 bits and genesis is there, hence this is an id.
        let newest = BlockId(self.len() as u32 - 1);
        self.first = self.first.max(id.min(newest));
        let dropped = self.first.offset_from(self.base);
        let is_due = is_worth_releasing(dropped, self.records.len());
        if is_due {
            self.release(dropped);
        }
        is_due
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.lanes.heap_bytes()
            + self.chains.heap_bytes()
            + self.works.heap_bytes()
            + self.hashes.capacity() * size_of::<Hash>()
            // The map allocates one control byte a slot and fills at most seven slots of eight.
            + self.ids.capacity() * 8 / 7 * (size_of::<(Hash, BlockId)>() + 1)
            + self.records.capacity() * size_of::<Record>()
            + (self.parents.capacity() + self.mergesets.capacity()) * size_of::<BlockId>()
            + self.anticone_sizes.capacity() * size_of::<AnticoneSize>()
    }

    /// Gives back the memory of the blocks from `base` to below `first`, of which there are `dropped`.
    fn release(&mut self, dropped: usize) {
        for (hash, id) in self.hashes.iter().zip(self.base.0..self.first.0) {
            if let Some(id_of_hash) = self.ids.remove(hash)
                && id_of_hash != BlockId(id)
            {
                // The hash was dropped and then inserted again.
                self.ids.insert(*hash, id_of_hash);
            }
        }
        if self.ids.capacity() > 4 * self.ids.len() {
            self.ids.shrink_to(2 * self.ids.len());
        }
        // The newest block is retained, so there is a record at `dropped`.
        let Record { parents_start, mergeset_start, sizes_start, .. } = self.records[dropped];
        drop_front(&mut self.hashes, dropped);
        drop_front(&mut self.records, dropped);
        drop_front(&mut self.parents, parents_start as usize);
        drop_front(&mut self.mergesets, mergeset_start as usize);
        drop_front(&mut self.anticone_sizes, sizes_start as usize);
        for record in &mut self.records {
            record.parents_start -= parents_start;
            record.mergeset_start -= mergeset_start;
            record.sizes_start -= sizes_start;
        }
        self.lanes.release_below(self.first);
        self.chains.release_below(self.first);
        if self.works.len() > self.records.len() {
            self.works.retain(self.records.iter_mut().map(|record| &mut record.work_index));
        }
        self.base = self.first;
    }

    /// The id of the next block, if all offsets behind it fit 32 bits.
    fn next_id(&self, result: &Ghostdag, clock: &[u32]) -> Result<BlockId, DagError> {
        let full = DagError::Full { len: self.len() };
        let ends = [
            self.len() + 1,
            self.parents.len() + result.parents.len(),
            self.mergesets.len() + result.mergeset_size(),
            self.anticone_sizes.len() + result.anticone_sizes.len(),
        ];
        let all_fit = ends.into_iter().all(|end| u32::try_from(end).is_ok()) && self.lanes.has_room_for(clock);
        if all_fit { Ok(BlockId(self.len() as u32)) } else { Err(full) }
    }

    #[inline]
    fn record(&self, id: BlockId) -> &Record {
        debug_assert!(id >= self.first, "block {id} was dropped, the lowest retained one is {}", self.first);
        &self.records[id.offset_from(self.base)]
    }

    #[inline]
    fn record_after(&self, id: BlockId) -> Option<&Record> {
        self.records.get(id.offset_from(self.base) + 1)
    }
}
