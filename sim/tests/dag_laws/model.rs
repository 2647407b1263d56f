//! A second GHOSTDAG, written from the definition: pasts as sets, anticones counted one by one. Slow and obvious. It shares
//! no code with the store under test but the hash and integer types.

use kaspa_hashes::Hash;
use kaspa_math::Uint192;

/// A set of block numbers below 128.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct BlockSet(u128);

impl BlockSet {
    pub fn contains(self, id: usize) -> bool {
        self.0 >> id & 1 == 1
    }

    pub fn insert(&mut self, id: usize) {
        assert!(id < 128, "the model's sets hold no block {id}");
        self.0 |= 1 << id;
    }

    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Ascending.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = usize> {
        (0..128).filter(move |&id| self.contains(id))
    }
}

impl FromIterator<usize> for BlockSet {
    fn from_iter<I: IntoIterator<Item = usize>>(ids: I) -> Self {
        let mut set = Self::default();
        ids.into_iter().for_each(|id| set.insert(id));
        set
    }
}

/// A block of the model; its number is its place in [`Model::blocks`].
#[derive(Clone)]
pub struct ModelBlock {
    pub hash: Hash,
    pub work: Uint192,
    pub parents: Vec<usize>,
    /// Without the block itself.
    pub past: BlockSet,
    pub selected_parent: Option<usize>,
    pub blues: Vec<usize>,
    pub reds: Vec<usize>,
    /// Every blue block of the past.
    pub blue_set: BlockSet,
    pub blue_work: Uint192,
    pub daa_score: u64,
}

impl ModelBlock {
    pub fn blue_score(&self) -> u64 {
        self.blue_set.len() as u64
    }

    pub fn mergeset(&self) -> impl Iterator<Item = usize> {
        self.blues.iter().chain(&self.reds).copied()
    }
}

#[derive(Clone)]
pub struct Model {
    pub k: usize,
    pub difficulty_window_size: u64,
    pub blocks: Vec<ModelBlock>,
}

impl Model {
    pub fn new(k: usize, difficulty_window_size: u64, genesis: Hash, work: Uint192) -> Self {
        let genesis = ModelBlock {
            hash: genesis,
            work,
            parents: Vec::new(),
            past: BlockSet::default(),
            selected_parent: None,
            blues: Vec::new(),
            reds: Vec::new(),
            blue_set: BlockSet::default(),
            blue_work: Uint192::ZERO,
            daa_score: 0,
        };
        Self { k, difficulty_window_size, blocks: vec![genesis] }
    }

    /// Whether `a` is in the past of `b` or equal.
    pub fn is_ancestor(&self, a: usize, b: usize) -> bool {
        a == b || self.blocks[b].past.contains(a)
    }

    /// The blocks of `ids` that are in the past of no other of them.
    pub fn maximal(&self, ids: BlockSet) -> Vec<usize> {
        let pasts = ids.iter().fold(BlockSet::default(), |pasts, id| pasts.union(self.blocks[id].past));
        ids.without(pasts).iter().collect()
    }

    /// The selected chain of a block, itself first, genesis last.
    pub fn chain(&self, id: usize) -> Vec<usize> {
        std::iter::successors(Some(id), |&id| self.blocks[id].selected_parent).collect()
    }

    /// What a block with these parents is, without adding it.
    pub fn evaluate(&self, hash: Hash, work: Uint192, parents: &[usize]) -> ModelBlock {
        let mut past: BlockSet = parents.iter().copied().collect();
        past = parents.iter().fold(past, |past, &parent| past.union(self.blocks[parent].past));
        let selected_parent = parents.iter().copied().max_by_key(|&id| self.order(id)).expect("a block has parents");

        let mut mergeset: Vec<usize> = past.without(self.blocks[selected_parent].past).iter().collect();
        mergeset.retain(|&id| id != selected_parent);
        mergeset.sort_by_key(|&id| self.order(id));

        let mut blue_set = self.blocks[selected_parent].blue_set;
        blue_set.insert(selected_parent);
        let (mut blues, mut reds) = (vec![selected_parent], Vec::new());
        for candidate in mergeset {
            if self.is_blue(candidate, blue_set) {
                blue_set.insert(candidate);
                blues.push(candidate);
            } else {
                reds.push(candidate);
            }
        }
        let blue_work = blue_set.iter().fold(Uint192::ZERO, |sum, id| sum + self.blocks[id].work);
        let mergeset = blues.iter().chain(&reds).copied();
        let daa_score = self.daa_score(selected_parent, mergeset, blue_set.len() as u64);
        let parents = parents.to_vec();
        let selected_parent = Some(selected_parent);
        ModelBlock { hash, work, parents, past, selected_parent, blues, reds, blue_set, blue_work, daa_score }
    }

    pub fn push(&mut self, block: ModelBlock) {
        self.blocks.push(block);
    }

    /// By blue work, then hash.
    pub fn order(&self, id: usize) -> (Uint192, [u8; 32]) {
        (self.blocks[id].blue_work, self.blocks[id].hash.as_bytes())
    }

    /// The highest block of a selected chain with a blue score below the given one; genesis if there is none.
    pub fn chain_ancestor_below(&self, id: usize, blue_score: u64) -> usize {
        self.chain(id).into_iter().find(|&id| self.blocks[id].blue_score() < blue_score).unwrap_or(0)
    }

    pub fn merge_depth_root(&self, block: &ModelBlock, merge_depth: u64) -> usize {
        let blue_score = block.blue_score().saturating_sub(merge_depth);
        self.chain_ancestor_below(block.blues[0], blue_score)
    }

    /// Reds that do not have the merge depth root in their past, and the blues that excuse each of them.
    pub fn old_reds(&self, block: &ModelBlock, merge_depth: u64) -> Vec<(usize, Vec<usize>)> {
        let root = self.merge_depth_root(block, merge_depth);
        let old = block.reds.iter().copied().filter(|&red| !self.is_ancestor(root, red));
        let excuses = |red: usize| {
            let mut blues = block.blues.clone();
            blues.retain(|&blue| self.is_ancestor(red, blue) && self.chain(blue).contains(&root));
            blues
        };
        old.map(|red| (red, excuses(red))).collect()
    }

    /// Whether the blues and `candidate` are still a k-cluster: no blue has more than k others in its anticone.
    fn is_blue(&self, candidate: usize, mut blue_set: BlockSet) -> bool {
        blue_set.insert(candidate);
        let affected = self.blue_anticone(candidate, blue_set);
        affected.len() <= self.k && affected.iter().all(|blue| self.blue_anticone(blue, blue_set).len() <= self.k)
    }

    fn blue_anticone(&self, id: usize, blue_set: BlockSet) -> BlockSet {
        blue_set.iter().filter(|&blue| !self.is_ancestor(blue, id) && !self.is_ancestor(id, blue)).collect()
    }

    /// Genesis is never counted: it is in a mergeset only as selected parent.
    fn daa_score(&self, selected_parent: usize, mergeset: impl Iterator<Item = usize>, blue_score: u64) -> u64 {
        let counts = |id: usize| id != 0 && self.blocks[id].blue_score() + self.difficulty_window_size >= blue_score;
        self.blocks[selected_parent].daa_score + mergeset.filter(|&id| counts(id)).count() as u64
    }
}
