//! A story that makes a bridge tell everything that it can.

use std::{future::Future, time::Duration};

use bridge::{Config, L1Bridge, L1Event, wire::Network};
use tokio::time::timeout;

use crate::{
    server::{SocketNode, closed_port},
    support::{consumer::Consumer, node::Answer},
};

/// Finality depth of the story.
pub const FINALITY: u64 = 10;

/// What happened, as the consumer and the nodes know it.
pub struct Story {
    pub consumer: Consumer,
    pub accepted: usize,
    /// Blue score and timestamp of the last block.
    pub tip_blue_score: u64,
    pub tip_timestamp_ms: u64,
    pub blocks: usize,
    pub finalizations: usize,
    pub closed_url: String,
    pub url: String,
}

impl Story {
    pub fn take(&mut self, event: &L1Event) {
        self.consumer.take(event);
        match event {
            L1Event::BlockAdded(added) => {
                self.blocks += 1;
                self.accepted += added.accepted.len();
                (self.tip_blue_score, self.tip_timestamp_ms) = (added.block.blue_score, added.timestamp_ms);
            }
            L1Event::Finalized { .. } => self.finalizations += 1,
            _ => {}
        }
    }

    /// Follows until `is_last`; acknowledges everything.
    pub async fn follow(&mut self, bridge: &mut L1Bridge, mut is_last: impl FnMut(&L1Event, &Consumer) -> bool) {
        loop {
            let event = soon(bridge.next()).await.expect("the stream goes on");
            self.take(&event);
            if let Some(sequence) = event.sequence() {
                bridge.ack(sequence).expect("it was delivered");
            }
            if is_last(&event, &self.consumer) {
                return;
            }
        }
    }
}

/// Waits, but not for ever.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), future).await.expect("never")
}

/// A closed port, then a node: 20 blocks, a reorg of 3, a reset, a lost connection, a shutdown.
pub async fn story() -> Story {
    let node = SocketNode::new();
    node.grow(20);
    let server = node.serve().await;
    let (closed_url, url) = (format!("ws://{}", closed_port().await), server.url());
    let mut config = Config::new(Network::SIMNET, [closed_url.as_str(), &url]).expect("the addresses are usable");
    config.finality_depth = Some(FINALITY);
    config.poll_interval = Duration::from_millis(10);
    (config.backoff_min, config.backoff_max) = (Duration::from_millis(5), Duration::from_millis(10));
    let mut bridge = L1Bridge::start(config).expect("the configuration is usable");
    let mut story = Story {
        consumer: Consumer::new(FINALITY),
        accepted: 0,
        tip_blue_score: 0,
        tip_timestamp_ms: 0,
        blocks: 0,
        finalizations: 0,
        closed_url,
        url,
    };
    let at = |tip| move |_: &L1Event, consumer: &Consumer| consumer.path().last() == Some(&tip);
    let tip = node.with(|_, node| node.sink);
    story.follow(&mut bridge, at(tip)).await;
    let tip = node.with(|tree, node| {
        let fork = tree.below(node.sink, 3);
        let branch = tree.grow(fork, 5);
        node.sink = branch[4];
        node.sink
    });
    story.follow(&mut bridge, at(tip)).await;
    node.with(|_, node| node.transitional = true);
    story.follow(&mut bridge, |event, _| matches!(event, L1Event::NodeRejected { .. })).await;
    node.with(|_, node| {
        node.transitional = false;
        node.tamper(|_, answer| *answer = Answer::HangUp);
    });
    story.follow(&mut bridge, |event, _| matches!(event, L1Event::Disconnected { .. })).await;
    node.with(|_, node| node.tamper = None);
    story.follow(&mut bridge, |event, _| matches!(event, L1Event::Synced { .. })).await;
    bridge.shutdown();
    while let Some(event) = soon(bridge.next()).await {
        story.take(&event);
    }
    story
}

/// Runs to the end on a runtime of its own.
pub fn run<R>(future: impl Future<Output = R>) -> R {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}
