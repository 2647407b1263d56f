//! A second GHOSTDAG, written from the definition: pasts as sets, anticones counted one by one. Slow and obvious. It shares
//! no code with the store under test but the hash and integer types.

use std::collections::BTreeSet;

use kaspa_hashes::Hash;
use kaspa_math::Uint192;

/// A block of the model; its number is its place in [`Model::blocks`].
pub struct ModelBlock {
    pub hash: Hash,
    pub work: Uint192,
    pub parents: Vec<usize>,
    /// Without the block itself.
    pub past: BTreeSet<usize>,
    pub selected_parent: Option<usize>,
    pub blues: Vec<usize>,
    pub reds: Vec<usize>,
    /// Every blue block of the past.
    pub blue_set: BTreeSet<usize>,
    pub blue_work: Uint192,
    pub daa_score: u64,
}

impl ModelBlock {
    pub fn blue_score(&self) -> u64 {
        self.blue_set.len() as u64
    }
}

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
            past: BTreeSet::new(),
            selected_parent: None,
            blues: Vec::new(),
            reds: Vec::new(),
            blue_set: BTreeSet::new(),
            blue_work: Uint192::ZERO,
            daa_score: 0,
        };
        Self { k, difficulty_window_size, blocks: vec![genesis] }
    }

    pub fn is_ancestor(&self, a: usize, b: usize) -> bool {
        a == b || self.blocks[b].past.contains(&a)
    }

    /// The blocks of `ids` that are in the past of no other of them.
    pub fn maximal(&self, ids: &BTreeSet<usize>) -> Vec<usize> {
        ids.iter().copied().filter(|&id| !ids.iter().any(|&other| self.blocks[other].past.contains(&id))).collect()
    }

    pub fn chain(&self, id: usize) -> Vec<usize> {
        std::iter::successors(Some(id), |&id| self.blocks[id].selected_parent).collect()
    }

    pub fn push(&mut self, hash: Hash, work: Uint192, parents: &[usize]) {
        let mut past: BTreeSet<usize> = parents.iter().copied().collect();
        past.extend(parents.iter().flat_map(|&parent| self.blocks[parent].past.iter().copied()));
        let selected_parent = parents.iter().copied().max_by_key(|&id| self.order(id)).expect("a block has parents");

        let mut mergeset: Vec<usize> = past.difference(&self.blocks[selected_parent].past).copied().collect();
        mergeset.retain(|&id| id != selected_parent);
        mergeset.sort_by_key(|&id| self.order(id));

        let mut blue_set = self.blocks[selected_parent].blue_set.clone();
        blue_set.insert(selected_parent);
        let (mut blues, mut reds) = (vec![selected_parent], Vec::new());
        for candidate in mergeset {
            if blues.len() <= self.k && self.is_blue(candidate, &blue_set) {
                blue_set.insert(candidate);
                blues.push(candidate);
            } else {
                reds.push(candidate);
            }
        }
        let blue_work = blue_set.iter().fold(Uint192::ZERO, |sum, &id| sum + self.blocks[id].work);
        let daa_score = self.daa_score(selected_parent, blues.iter().chain(&reds), blue_set.len() as u64);
        let parents = parents.to_vec();
        let selected_parent = Some(selected_parent);
        self.blocks.push(ModelBlock {
            hash,
            work,
            parents,
            past,
            selected_parent,
            blues,
            reds,
            blue_set,
            blue_work,
            daa_score,
        });
    }

    pub fn order(&self, id: usize) -> (Uint192, [u8; 32]) {
        (self.blocks[id].blue_work, self.blocks[id].hash.as_bytes())
    }

    fn is_blue(&self, candidate: usize, blue_set: &BTreeSet<usize>) -> bool {
        let anticone = self.blue_anticone(candidate, blue_set);
        anticone.len() <= self.k && anticone.iter().all(|&blue| self.blue_anticone(blue, blue_set).len() < self.k)
    }

    fn blue_anticone(&self, id: usize, blue_set: &BTreeSet<usize>) -> Vec<usize> {
        blue_set.iter().copied().filter(|&blue| !self.is_ancestor(blue, id) && !self.is_ancestor(id, blue)).collect()
    }

    fn daa_score<'a>(&self, selected_parent: usize, mergeset: impl Iterator<Item = &'a usize>, blue_score: u64) -> u64 {
        let counts = |id: usize| id != 0 && self.blocks[id].blue_score() + self.difficulty_window_size >= blue_score;
        self.blocks[selected_parent].daa_score + mergeset.filter(|&&id| counts(id)).count() as u64
    }
}
