//! Checkpoints: chains of many shapes, what spoils them, and what happens after a resume.

use std::collections::BTreeMap;

use dagstorm_fuzz::checkpoint::{Event, Shape, Step, Stored};

const SHAPE: Shape = Shape { network: 1, blocks: 20, height: 1, rise: 3 };

/// The seeds by name.
pub fn seeds() -> BTreeMap<String, Vec<u8>> {
    let mut seeds = BTreeMap::new();
    let mut add = |name: String, steps: Vec<Step>| seeds.insert(name, Stored { steps }.encode());
    for (number, shape) in shapes().into_iter().enumerate() {
        add(format!("shape-{number}"), vec![Step::Chain(shape)]);
        let events = events().into_iter().map(Step::Event);
        add(format!("shape-{number}-events"), [Step::Chain(shape)].into_iter().chain(events).collect());
        let (bytes, _) = Stored { steps: vec![Step::Chain(shape)] }.on_disk();
        add(format!("bytes-{number}"), vec![Step::Bytes(bytes)]);
    }
    for (number, spoiling) in spoilings().into_iter().enumerate() {
        add(format!("spoiled-{number:02}"), vec![Step::Chain(SHAPE), spoiling]);
    }
    add("empty".to_owned(), vec![Step::Bytes(Vec::new())]);
    add("magic".to_owned(), vec![Step::Bytes(b"L1CP\x01\x00".to_vec())]);
    seeds
}

fn shapes() -> Vec<Shape> {
    let shape = |network, blocks, height, rise| Shape { network, blocks, height, rise };
    vec![SHAPE, shape(0, 0, 0, 0), shape(2, 1, 0, 1), shape(3, 200, 0, 2), shape(0, 255, 255, 255), shape(1, 7, 128, 0)]
}

fn spoilings() -> Vec<Step> {
    let places = [0, 4, 6, 7, 12, 44, 52, 60, 108, 116, 124, 150];
    let mut steps: Vec<Step> = places.into_iter().map(|at| Step::Spoil { at, bits: 1 }).collect();
    steps.extend([116, 120, 44].map(|at| Step::Endless { at }));
    steps.extend([5, 6, 50, 200].map(|at| Step::Cut { at }));
    steps.extend([Step::Append { count: 1 }, Step::Append { count: 48 }]);
    steps.extend([0, 9, 20].map(|at| Step::Drop { at }));
    steps.extend([
        Step::SameHash { at: 5, with: 6 },
        Step::Score { at: 5, by: 0x8001 },
        Step::Score { at: 19, by: 0x9000 },
    ]);
    steps
}

fn events() -> Vec<Event> {
    vec![
        Event::Added { rise: 3 },
        Event::Added { rise: 0 },
        Event::Finalized { place: 2 },
        Event::ReorgBetween { index: 12, score: 30 },
        Event::Added { rise: 900 },
        Event::Reorg { place: 4 },
        Event::Added { rise: 1 },
        Event::FinalizedBetween { index: 3, score: 7 },
        Event::Finalized { place: 1 },
    ]
}
