//! The bridge: a page read, and followers of pages.

use std::{hint::black_box, time::Duration};

use bridge::{L1Event, PUBLIC_NETWORK_FINALITY_DEPTH};
use bytes::Bytes;

use super::{
    super::{
        pages::{self, Block, Chain, Shape},
        scene::Scene,
        wire_walk::{self, Headers},
    },
    TRANSACTIONS, Work,
};

/// Chain blocks of a page, those that they merge by turns, and those that follow one by one.
const PAGE_CHAIN_BLOCKS: u64 = 100;
const MERGED_BY_TURNS: [u64; 2] = [2, 3];
const FOLLOWED_CHAIN_BLOCKS: u64 = 100;

/// What happens between two chain blocks; it only must be shorter than the poll interval.
const BLOCK_INTERVAL: Duration = Duration::from_millis(300);

/// A page through our reader, from bytes to every item that it lends; nothing is hashed, nothing is followed.
pub fn walk() -> Work {
    let frame = pages::frame(1, &page(&mut Chain::new()));
    // Of each transaction the sum has the length of the payload, an input and two outputs at least.
    let least = PAGE_CHAIN_BLOCKS * MERGED_BY_TURNS[0] * TRANSACTIONS * 103;
    Box::new(move || {
        let walked = wire_walk::frame(black_box(&frame), Headers::Lent);
        Box::new(move || {
            assert!(walked.as_ref().is_ok_and(|&sum| sum as u64 > least), "{walked:?}");
            drop(frame);
        })
    })
}

/// A page as the answer to the first request for one, from bytes to events.
pub fn catch_up() -> Work {
    let mut chain = Chain::new();
    let anchor = chain.tip().clone();
    let blocks = page(&mut chain);
    let sink = chain.tip().hash;
    let mut scene = Scene::new(&anchor, chain.tip());
    let frame: Bytes = pages::frame(asked(&mut scene), &blocks).into();
    Box::new(move || {
        let mut events = Vec::new();
        scene.frame(black_box(frame), &mut events);
        Box::new(move || assert_eq!((scene.tip(), added(&events)), (Some(sink), PAGE_CHAIN_BLOCKS)))
    })
}

/// The blocks of a page as large as those on mainnet.
fn page(chain: &mut Chain) -> Vec<Block> {
    let turns = MERGED_BY_TURNS.into_iter().cycle().zip(0..PAGE_CHAIN_BLOCKS);
    turns.map(|(merged, _)| chain.extend(Shape::Mainnet, merged, merged * TRANSACTIONS)).collect()
}

/// One chain block after another: notification, reply, acknowledgement. The chain is as long as finality allows.
pub fn follow() -> Work {
    let mut chain = Chain::new();
    let mut scene = Scene::new(chain.tip(), chain.tip());
    let mut events = Vec::new();
    // Blocks that merge many, or this would take longer than all else.
    while chain.tip().blue_score < PUBLIC_NETWORK_FINALITY_DEPTH {
        let blocks: Vec<_> = (0..100).map(|_| chain.extend(Shape::Slim, 100, 0)).collect();
        let page = pages::frame(asked(&mut scene), &blocks);
        scene.frame(page.into(), &mut events);
        scene.acknowledge(&mut events);
    }
    // Nothing was announced, so only an empty page is the end.
    let last = asked(&mut scene);
    scene.frame(pages::frame(last, &[]).into(), &mut events);
    let arrivals: Vec<(Bytes, Bytes)> = (1..=FOLLOWED_CHAIN_BLOCKS)
        .map(|number| {
            let blocks = [chain.extend(Shape::Mainnet, 3, TRANSACTIONS)];
            (pages::notification(Vec::new(), &blocks).into(), pages::frame(last + number, &blocks).into())
        })
        .collect();
    let sink = chain.tip().hash;
    events.clear();
    Box::new(move || {
        for (notification, reply) in black_box(arrivals) {
            scene.now += BLOCK_INTERVAL;
            scene.frame(notification, &mut events);
            scene.frame(reply, &mut events);
            scene.acknowledge(&mut events);
        }
        Box::new(move || assert_eq!((scene.tip(), added(&events)), (Some(sink), FOLLOWED_CHAIN_BLOCKS)))
    })
}

fn asked(scene: &mut Scene) -> u64 {
    scene.asked.take().expect("after a page that moved the chain the next is asked for")
}

fn added(events: &[L1Event]) -> u64 {
    events.iter().filter(|event| matches!(event, L1Event::BlockAdded(_))).count() as u64
}
