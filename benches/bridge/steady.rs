//! A follower whose chain is as long as it ever becomes, and what comes to it: block after block, and reorgs.

use std::time::Duration;

use bridge::{L1Event, PUBLIC_NETWORK_FINALITY_DEPTH};
use bytes::Bytes;
use dagstorm_benches::{allocator::Meter, clock::timed};
use kaspa_hashes::Hash;

use super::{
    pages::{self, Block, Chain, Shape},
    scene::Scene,
};

/// Chain blocks that are made ready at a time.
const BATCH: u64 = 256;

/// Time between two chain blocks; it only must be shorter than the poll interval.
const BLOCK_INTERVAL: Duration = Duration::from_millis(300);

/// Blocks that a chain block of a reorg merges, and the transactions that it accepts.
const REORG_MERGED: u64 = 2;
const REORG_TRANSACTIONS: u64 = 10;

/// A synced follower whose chain is as long as finality lets it become, and the chain that it follows.
pub struct SteadyState {
    chain: Chain,
    scene: Scene,
    /// Id of the follower's next request.
    next_id: u64,
}

/// The frames of one chain block or reorg.
struct Arrival {
    notification: Bytes,
    reply: Bytes,
}

impl SteadyState {
    /// Also prints what its memory is.
    pub fn measured() -> Self {
        let meter = Meter::start();
        let steady = Self::new();
        let held = steady.scene.held_blocks();
        eprintln!("bridge: {:.1} bytes for each of {held} chain blocks", meter.bytes() as f64 / held as f64);
        steady
    }

    fn new() -> Self {
        let mut chain = Chain::new();
        let mut scene = Scene::new(chain.tip(), chain.tip());
        let mut events = Vec::new();
        while chain.tip().blue_score < PUBLIC_NETWORK_FINALITY_DEPTH + 1_000 {
            let blocks: Vec<_> = (0..100).map(|_| chain.extend(Shape::Slim, 1, 0)).collect();
            let id = scene.asked.take().expect("after a page that moved the chain the next is asked for");
            scene.frame(pages::frame(id, &blocks).into(), &mut events);
            scene.acknowledge(&mut events);
            events.clear();
        }
        // Nothing was announced, so only an empty page is the end.
        let id = scene.asked.take().expect("after a page that moved the chain the next is asked for");
        scene.frame(pages::frame(id, &[]).into(), &mut events);
        assert_eq!(scene.asked, None, "the follower is synced");
        Self { chain, scene, next_id: id + 1 }
    }

    /// The CPU time of `count` chain blocks, without that of making them ready.
    pub fn time_blocks(&mut self, count: u64, transactions: u64) -> Duration {
        let (mut total, mut left) = (Duration::ZERO, count);
        while left > 0 {
            let batch = left.min(BATCH);
            let arrivals: Vec<_> = (0..batch)
                .map(|_| {
                    let block = self.chain.extend(Shape::Mainnet, 3, transactions);
                    self.arrival(&[], &[block])
                })
                .collect();
            total += self.time(arrivals, 4 * BATCH as usize);
            left -= batch;
        }
        total
    }

    /// The CPU time of `count` reorgs that each take back `depth` chain blocks for one more than that, without the time
    /// of making them ready.
    pub fn time_reorgs(&mut self, count: u64, depth: u64) -> Duration {
        let mut fork = self.chain.tip().clone();
        let mut branch: Vec<_> = (0..depth).map(|_| self.reorg_block()).collect();
        let arrival = self.arrival(&[], &branch);
        self.time(vec![arrival], 0);
        let reorgs = (0..count).map(|_| {
            let removed: Vec<Hash> = branch.iter().rev().map(|block| block.hash).collect();
            self.chain.cut_back(fork.clone());
            branch = vec![self.reorg_block()];
            // The next one begins a block higher.
            fork = self.chain.tip().clone();
            branch.extend((0..depth).map(|_| self.reorg_block()));
            let arrival = self.arrival(&removed, &branch);
            branch.remove(0);
            self.time(vec![arrival], 2 * depth as usize)
        });
        reorgs.sum()
    }

    fn reorg_block(&mut self) -> Block {
        self.chain.extend(Shape::Mainnet, REORG_MERGED, REORG_TRANSACTIONS)
    }

    /// The follower asks once for each.
    fn arrival(&mut self, removed: &[Hash], blocks: &[Block]) -> Arrival {
        let id = self.next_id;
        self.next_id += 1;
        Arrival {
            notification: pages::notification(removed.to_vec(), blocks).into(),
            reply: pages::reorg_frame(id, removed, blocks).into(),
        }
    }

    fn time(&mut self, arrivals: Vec<Arrival>, capacity: usize) -> Duration {
        let mut events: Vec<L1Event> = Vec::with_capacity(capacity);
        let (time, ()) = timed(|| {
            for Arrival { notification, reply } in arrivals {
                self.scene.now += BLOCK_INTERVAL;
                self.scene.frame(notification, &mut events);
                self.scene.frame(reply, &mut events);
                self.scene.acknowledge(&mut events);
            }
        });
        assert_eq!(self.scene.tip(), Some(self.chain.tip().hash));
        time
    }
}
