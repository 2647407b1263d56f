//! The root is the highest chain block that is at least the finality depth below the tip.

use std::time::Duration;

use bridge::{ChainRef, L1Event};

use crate::support::{pair::Pair, settings::config};

const SOON: Duration = Duration::from_millis(100);

fn shallow(depth: u64) -> Pair {
    let mut settings = config(1);
    settings.finality_depth = Some(depth);
    Pair::new(settings)
}

fn finalized(pair: &Pair) -> Vec<ChainRef> {
    let block = |event: &L1Event| if let L1Event::Finalized { block, .. } = event { Some(*block) } else { None };
    pair.events.iter().filter_map(block).collect()
}

fn sync(pair: &mut Pair) {
    pair.start();
    pair.drive_until("synced", Pair::is_synced);
}

#[test]
fn given_a_block_exactly_at_the_finality_depth_when_reached_then_it_is_final_and_one_less_is_not() {
    let mut pair = shallow(10);
    pair.grow(0, 10);
    sync(&mut pair);
    assert!(finalized(&pair).is_empty(), "the anchor is the root already");
    pair.grow(0, 1);
    pair.run_for(SOON);
    let chain = pair.tree.chain(pair.nodes[0].sink);
    assert_eq!(finalized(&pair).iter().map(|root| (root.hash, root.index)).collect::<Vec<_>>(), [(chain[1], 1)]);
}

#[test]
fn given_uneven_scores_when_the_tip_moves_then_the_root_is_the_highest_deep_enough_block() {
    let mut pair = shallow(10);
    let mut tip = pair.tree.genesis();
    // Scores above the first block: 1, 4, 6, 13, 14, 24.
    for step in [1, 3, 2, 7, 1, 10] {
        tip = pair.tree.extend_by(tip, step, step);
        pair.nodes[0].sink = tip;
    }
    sync(&mut pair);
    // Below 24: 14 is 10 deep, 24 itself is not.
    assert_eq!(finalized(&pair).iter().map(|root| root.index).collect::<Vec<_>>(), [5]);
    let last = pair.events.iter().rposition(|event| matches!(event, L1Event::BlockAdded(_)));
    let root = pair.events.iter().position(|event| matches!(event, L1Event::Finalized { .. }));
    assert!(last < root, "the root follows the blocks that made it final");
}

#[test]
fn given_one_block_at_a_time_when_the_chain_grows_then_the_root_follows_one_at_a_time() {
    let mut pair = shallow(10);
    sync(&mut pair);
    for _ in 0..30 {
        pair.grow(0, 1);
        pair.run_for(SOON);
    }
    assert_eq!(finalized(&pair).iter().map(|root| root.index).collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
    assert_eq!(pair.consumer.finalized().len(), 21);
}

#[test]
fn given_a_reorg_to_a_lower_score_when_the_page_was_cut_then_the_root_does_not_move_back() {
    let mut pair = shallow(10);
    pair.grow(0, 40);
    sync(&mut pair);
    let root_index = |pair: &Pair| pair.follower.root().map(|root| root.index);
    assert_eq!(root_index(&pair), Some(30));
    pair.nodes[0].page_limit = 1;
    pair.fork(0, 10, 12);
    let mut lowest = u64::MAX;
    pair.drive_until("followed", |pair| {
        lowest = lowest.min(pair.follower.tip().map_or(0, |tip| tip.index));
        assert!(root_index(pair) >= Some(30));
        pair.tip() == Some(pair.nodes[0].sink)
    });
    assert!(lowest < 35, "the tip was never lower than {lowest}");
    pair.assert_follows(0);
    assert_eq!(root_index(&pair), Some(32));
}
