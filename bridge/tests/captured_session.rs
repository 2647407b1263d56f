//! The events of sessions that a real node had, as snapshots of one line an event.
//!
//! The frames are those of kaspad 2.1.0 in `tests/vectors/wrpc`. Notifications come in their order and at their time. Each
//! answer is a captured reply to the same question, with the id of our request in it: the newest since the last
//! notification, or else the next. What the capture of the session lacks comes from elsewhere, and only this:
//!
//! - who the node is, and the header of the first block: the node's replies in the other captures;
//! - the header of the sink at the start: the one in the captured page that ends at this sink;
//! - after the last captured page, that there is nothing above its last block.

#[path = "captured_session/capture.rs"]
mod capture;
#[path = "captured_session/replay.rs"]
mod replay;

use std::time::Duration;

use bridge::{
    Config, L1Event,
    wire::{Network, Request},
};
use kaspa_hashes::Hash;

use self::{capture::Capture, replay::Replay};

const LIVE: &str = "kaspad-2.1.0-simnet.jsonl";
const RESET: &str = "kaspad-2.1.0-simnet-node-reset.jsonl";
const CALLS: &str = "kaspad-2.1.0-simnet-calls.jsonl";

/// Of the captured network, `kaspad-2.1.0-simnet.params.json`.
const FINALITY_DEPTH: u64 = 200;

fn config() -> Config {
    let mut config = Config::new(Network::SIMNET, ["ws://127.0.0.1:17510"]).expect("the address is well formed");
    config.finality_depth = Some(FINALITY_DEPTH);
    config
}

/// The path that the events describe, with the ids of the transactions that each block accepts.
fn path(events: &[(Duration, L1Event)]) -> Vec<(Hash, Vec<Hash>)> {
    let mut path = Vec::new();
    for (_, event) in events {
        match event {
            L1Event::BlockAdded(added) => {
                path.push((added.block.hash, added.accepted.iter().map(|transaction| transaction.id).collect()));
            }
            L1Event::Reorg(reorg) => path.truncate(usize::try_from(reorg.fork.index).expect("few blocks")),
            _ => {}
        }
    }
    path
}

/// After the last page of this capture the node announces blocks whose headers nobody asked for: the session ends there.
const LAST_PAGE_OF_LIVE: usize = 214;

#[test]
fn given_a_captured_session_with_a_reorg_when_followed_then_these_are_the_events() {
    let capture = Capture::read(LIVE, LAST_PAGE_OF_LIVE);
    let announced = capture.announced_chain();
    let mut replay = Replay::new(config(), capture, vec![Capture::read(CALLS, usize::MAX)]);
    replay.run();
    assert_eq!(replay.captured_pages, 4, "from the first block, and from the tip after each page");
    let ours = path(&replay.events);
    assert!(ours.ends_with(&announced), "the path ends as the notifications tell, of which no event is made");
    assert_eq!((ours.len(), announced.len()), (100 + 10 + 70, 10 + 70));
    insta::assert_snapshot!("reorg", replay.report());
}

/// The sink in the first DAG info after the reset.
const SINK_AFTER_RESET: &str = "4039f26859a3ad017454e9bca6bdd8f9de32a0561f6fbb60a079ca3708d6eb84";

/// The capturing client asked every 30 ms or so.
const POLL_INTERVAL: Duration = Duration::from_millis(25);

#[test]
fn given_a_captured_reset_when_followed_then_these_are_the_events() {
    let mut config = config();
    config.poll_interval = POLL_INTERVAL;
    let capture = Capture::read(RESET, usize::MAX);
    let others = vec![Capture::read(LIVE, usize::MAX), Capture::read(CALLS, usize::MAX)];
    let mut replay = Replay::new(config, capture, others);
    replay.run();
    assert!(replay.captured_pages > 50, "{} pages", replay.captured_pages);
    // It has given up the first block, and is about to begin at the new pruning point. The capture ends here: nobody asked
    // this node for a header after the reset.
    assert_eq!(
        replay.open_question(),
        Some(Request::GetBlock { hash: SINK_AFTER_RESET.parse().expect("64 digits"), include_transactions: false })
    );
    assert_eq!(path(&replay.events), [], "a jump of the notifications is not believed");
    insta::assert_snapshot!("node_reset", replay.report());
}
