//! From nothing to a chain of 100,000 blocks, page after page: time and memory for each of them.

use std::time::Duration;

use bridge::L1Event;
use bytes::Bytes;
use dagstorm_benches::{allocator::Meter, clock::timed};

use super::{
    pages::{self, Chain},
    scene::Scene,
};

/// Followers that get the same pages by turns: the fastest is stated.
const FOLLOWERS: usize = 3;

/// Transactions in each merged block.
const TRANSACTIONS: u64 = 1;

/// Lets followers catch up with a chain of at least so many blocks and prints what it cost. Making the pages is not timed.
pub fn run(id: &str, chain_blocks: u64) {
    let mut chain = Chain::new();
    let mut followers: [_; FOLLOWERS] = std::array::from_fn(|_| (Duration::ZERO, Scene::new(chain.tip(), chain.tip())));
    let (mut blocks, mut bytes, mut pages) = (0, 0, 0_u64);
    while blocks < chain_blocks {
        let page = chain.longest_page(TRANSACTIONS);
        let asked = followers[0].1.asked.expect("the follower asks for the next page");
        let frame: Bytes = pages::frame(asked, &page).into();
        blocks += page.len() as u64;
        bytes += frame.len();
        pages += 1;
        drop(page);
        for (time, scene) in &mut followers {
            assert_eq!(scene.asked.take(), Some(asked));
            *time += follow(scene, frame.clone());
        }
        assert!(followers.iter().all(|(_, scene)| scene.tip() == Some(chain.tip().hash)));
    }
    let held = followers[0].1.held_blocks();
    let times = followers.map(|(time, scene)| (time, memory(scene)));
    let Some((time, memory)) = times.into_iter().min() else { return };
    eprintln!(
        "{id}: {blocks} chain blocks in {pages} pages of together {} MB in {:.2} s of CPU time: {:.2} us and {:.1} bytes \
         a chain block",
        bytes / 1_000_000,
        time.as_secs_f64(),
        time.as_secs_f64() * 1e6 / blocks as f64,
        memory as f64 / held as f64,
    );
}

/// The time of one page and its acknowledgement; dropping the events is the consumer's.
fn follow(scene: &mut Scene, frame: Bytes) -> Duration {
    let mut events: Vec<L1Event> = Vec::new();
    timed(|| {
        scene.frame(frame, &mut events);
        scene.acknowledge(&mut events);
    })
    .0
}

/// What the follower gives back when it is dropped.
fn memory(scene: Scene) -> i64 {
    let meter = Meter::start();
    drop(scene);
    -meter.bytes()
}
