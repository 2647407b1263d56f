//! Growing a plan in the store and in the model.

use kaspa_hashes::Hash;
use kaspa_math::Uint192;
use sim::dag::{BlockId, Dag, GhostdagParams, Limits, block_work};

use crate::{
    model::{Model, ModelBlock},
    plan::{Growth, Plan},
};

const GENESIS_BITS: u32 = 0x207f_ffff;

pub fn id(number: usize) -> BlockId {
    BlockId(u32::try_from(number).expect("the model holds few blocks"))
}

pub fn ids(numbers: &[usize]) -> Vec<BlockId> {
    numbers.iter().copied().map(id).collect()
}

/// Both, with genesis alone.
pub fn start(plan: &Plan, limits: Limits) -> (Dag, Model) {
    let genesis = hash(0, usize::MAX);
    let Plan { k, difficulty_window_size, .. } = *plan;
    let params = GhostdagParams { k, difficulty_window_size, genesis_daa_score: 0, limits };
    let dag = Dag::new(params, genesis, GENESIS_BITS).expect("the genesis target is valid");
    // The model adds the window to blue scores.
    let model_window = difficulty_window_size.min(1 << 40);
    (dag, Model::new(usize::from(k), model_window, genesis, work(GENESIS_BITS)))
}

/// The next block of the plan, with these parents, not added yet.
pub fn next_block(model: &Model, growth: &Growth, parents: &[usize]) -> ModelBlock {
    model.evaluate(hash(growth.hash_seed, model.blocks.len()), work(growth.bits), parents)
}

/// Grows the whole plan without limits, alternating between direct and previewed insertion.
pub fn grow(plan: &Plan) -> (Dag, Model) {
    let (mut dag, mut model) = start(plan, Limits::NONE);
    for (index, growth) in plan.growth.iter().enumerate() {
        let block = next_block(&model, growth, &plan.parents(&model));
        let parents = ids(&block.parents);
        let preview = dag.preview(&parents).expect("the parents are a known antichain");
        let inserted = if index % 2 == 0 {
            dag.insert(block.hash, &parents, growth.bits)
        } else {
            dag.insert_previewed(block.hash, &parents, growth.bits, preview.clone())
        };
        let id = inserted.expect("the parents are a known antichain");
        assert_eq!(id.index(), index + 1);
        assert_eq!(preview.mergeset_blues(), dag.mergeset_blues(id));
        assert_eq!(preview.mergeset_reds(), dag.mergeset_reds(id));
        assert_eq!((preview.blue_score(), preview.blue_work()), (dag.blue_score(id), dag.blue_work(id)));
        assert_eq!(preview.daa_score(), dag.daa_score(id));
        model.push(block);
    }
    (dag, model)
}

fn hash(seed: u16, number: usize) -> Hash {
    let mut bytes = [0; 32];
    bytes[..2].copy_from_slice(&seed.to_be_bytes());
    bytes[24..].copy_from_slice(&(number as u64).to_be_bytes());
    Hash::from_bytes(bytes)
}

fn work(bits: u32) -> Uint192 {
    block_work(bits).expect("the targets of this test are valid")
}
