//! Memory of a long run with cuts whose losing side is merged or left behind for good.

use kaspa_hashes::Hash;
use sim::dag::{BlockId, Dag, GhostdagParams, Limits};

const BITS: u32 = 0x207f_ffff;
const BLOCKS: u64 = 40_000;
/// Blocks from the start of one cut to the start of the next.
const PHASE: u64 = 1000;
/// Length of a cut in blocks.
const CUT: u64 = 200;
/// Number of blocks mined until one is seen.
const DELAY: usize = 4;
/// Number of newest blocks kept.
const KEPT: u32 = 1500;

#[test]
fn given_a_long_run_with_cuts_when_old_blocks_are_dropped_then_memory_and_lanes_stay_flat_and_results_equal() {
    let params = GhostdagParams { k: 10, difficulty_window_size: 264, genesis_daa_score: 0, limits: Limits::NONE };
    let mut dag = Dag::new(params, Hash::from(u64::MAX), BITS).expect("the genesis target is valid");
    let mut whole = dag.clone();
    let mut halves = [Half::default(), Half::default()];
    let mut peaks = [(0, 0); 4];
    for number in 1..=BLOCKS {
        meet(&dag, &mut halves, number);
        // In a cut the left half mines two blocks of three.
        let miner = usize::from(number % PHASE >= PHASE - CUT && number.is_multiple_of(3));
        let parents = halves[miner].tips.clone();
        let id = dag.insert(Hash::from(number), &parents, BITS).expect("nothing needed is dropped");
        let expected = whole.insert(Hash::from(number), &parents, BITS).expect("the parents are an antichain");
        assert_eq!(id, expected);
        assert_eq!(dag.mergeset_blues(id), whole.mergeset_blues(id));
        assert_eq!(dag.mergeset_reds(id), whole.mergeset_reds(id));
        assert_eq!((dag.blue_work(id), dag.daa_score(id)), (whole.blue_work(id), whole.daa_score(id)));
        halves[miner].hear(&dag, id);
        if number % PHASE < PHASE - CUT {
            halves[1] = halves[0].clone();
        }
        if number % 50 == 0 {
            dag.drop_below(BlockId(id.0.saturating_sub(KEPT)));
        }
        let peak = &mut peaks[((number - 1) * 4 / BLOCKS) as usize];
        *peak = (peak.0.max(dag.heap_bytes()), peak.1.max(dag.lane_count()));
    }
    let [(_, _), (bytes, lanes), (_, _), (last_bytes, last_lanes)] = peaks;
    assert!(last_bytes <= bytes + bytes / 20, "{peaks:?}");
    assert!(last_lanes <= lanes + 1 && lanes < 30, "{peaks:?}");
    assert!(whole.heap_bytes() > 8 * last_bytes, "{} bytes without dropping", whole.heap_bytes());
    assert!(whole.lane_count() > 2 * lanes, "{} lanes without dropping", whole.lane_count());
}

/// What one half of the network builds on.
#[derive(Clone)]
struct Half {
    tips: Vec<BlockId>,
    /// Mined, not seen yet.
    underway: Vec<BlockId>,
}

impl Default for Half {
    fn default() -> Self {
        Self { tips: vec![BlockId::GENESIS], underway: Vec::new() }
    }
}

impl Half {
    fn hear(&mut self, dag: &Dag, id: BlockId) {
        self.underway.push(id);
        if self.underway.len() > DELAY {
            let seen = self.underway.remove(0);
            self.add_tip(dag, seen);
        }
    }

    fn add_tip(&mut self, dag: &Dag, id: BlockId) {
        self.tips.retain(|&tip| !dag.is_dag_ancestor(tip, id));
        self.tips.push(id);
    }
}

/// Ends a cut: after every second one the left half learns of the right one's blocks, else these are lost.
fn meet(dag: &Dag, halves: &mut [Half; 2], number: u64) {
    if !number.is_multiple_of(PHASE) || number.is_multiple_of(2 * PHASE) {
        return;
    }
    let right = halves[1].clone();
    for tip in right.tips {
        if !halves[0].tips.iter().any(|&known| dag.is_dag_ancestor(tip, known)) {
            halves[0].add_tip(dag, tip);
        }
    }
}
