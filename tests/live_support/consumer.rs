//! What a user of the bridge has: a chain rebuilt from events alone, a checkpoint, a window. It checks of every event what
//! can be checked without the node, and compares the chain with what the node says.

use std::time::Duration;

use bridge::{ChainRef, Checkpoint, Config, L1Bridge, L1Event, Window, wire::Network};
use kaspa_hashes::Hash;

use super::{
    PATIENCE,
    client::{ChainBlock, Client},
    kaspad::{FINALITY_DEPTH, Kaspad},
};

/// A consumer with its bridge.
pub struct Consumer {
    bridge: L1Bridge,
    pub stored: Stored,
    /// Everything that was told in this life, but for blocks.
    pub told: Vec<L1Event>,
    /// The stream has ended.
    pub is_over: bool,
}

/// What outlives the bridge: the consumer's disk.
#[derive(Clone)]
pub struct Stored {
    window: Option<Window>,
    /// The block below the first of `chain`.
    anchor: Option<ChainRef>,
    /// The chain as the events told it; the first block has index 1.
    pub chain: Vec<ChainBlock>,
}

/// What a resumed bridge is given of the chain from root to tip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    Window,
    CheckpointOnly,
}

/// Settings for a bridge to this node, with shorter intervals than the defaults.
pub fn config(node: &Kaspad) -> Config {
    let mut config = Config::new(Network::SIMNET, [node.url().as_str()]).expect("the address is well formed");
    config.finality_depth = Some(FINALITY_DEPTH);
    config.poll_interval = Duration::from_millis(100);
    config.backoff_min = Duration::from_millis(20);
    config.backoff_max = Duration::from_millis(200);
    config
}

impl Stored {
    /// The block up to which everything is stored.
    pub fn tip(&self) -> ChainRef {
        self.window.as_ref().expect("an event was stored").tip()
    }

    /// The newest final block, or the anchor.
    pub fn root(&self) -> ChainRef {
        self.window.as_ref().expect("an event was stored").root()
    }

    /// Number of the last event that was stored.
    pub fn sequence(&self) -> u64 {
        self.window.as_ref().map_or(0, Window::sequence)
    }
}

impl Consumer {
    /// Begins without history.
    pub fn start(config: Config) -> Self {
        let bridge = L1Bridge::start(config).expect("the settings are complete");
        let stored = Stored { window: None, anchor: None, chain: Vec::new() };
        Self { bridge, stored, told: Vec::new(), is_over: false }
    }

    /// Goes on from what an earlier life stored.
    pub fn resume(config: Config, mut stored: Stored, given: Given) -> Self {
        let window = stored.window.take().expect("an event was stored");
        let bytes = window.checkpoint(config.network).expect("the window began with a bridge's anchor").encode();
        let checkpoint = Checkpoint::decode(&bytes).expect("it was just encoded");
        let blocks: Vec<ChainRef> = window.blocks().collect();
        let (window, blocks) = match given {
            Given::Window => (window, Some(blocks.as_slice())),
            Given::CheckpointOnly => (Window::of_checkpoint(&checkpoint), None),
        };
        let bridge = L1Bridge::resume(config, &checkpoint, blocks).expect("the settings and the window are complete");
        stored.window = Some(window);
        Self { bridge, stored, told: Vec::new(), is_over: false }
    }

    /// Ends this life without a word to the bridge.
    pub fn stop(self) -> Stored {
        self.stored
    }

    /// Takes events in until the condition holds.
    ///
    /// # Panics
    /// If it does not within [`PATIENCE`], or if an event does not follow the ones before.
    pub async fn until(&mut self, what: &str, mut condition: impl FnMut(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(!self.is_over, "waited for {what}, but the stream ended; told: {:#?}", self.told);
            let Ok(event) = tokio::time::timeout_at(deadline, self.bridge.next()).await else {
                let told = &self.told[self.told.len().saturating_sub(10)..];
                panic!("waited {PATIENCE:?} for {what} at {:?}; last told: {told:#?}", self.stored.chain.last());
            };
            match event {
                Some(event) => self.take_in(event),
                None => self.is_over = true,
            }
        }
    }

    /// Takes events in until the tip is the node's sink.
    pub async fn until_at_sink(&mut self, client: &mut Client) {
        let sink = client.sink().await;
        self.until(&format!("the sink {sink}"), |consumer| consumer.tip_hash() == Some(sink)).await;
    }

    /// As [`until_at_sink`](Self::until_at_sink), and until the newest block that is the finality depth below the tip was
    /// told to be final.
    pub async fn until_settled(&mut self, client: &mut Client) {
        self.until_at_sink(client).await;
        let tip = self.stored.tip().blue_score;
        let is_final = |block: &&ChainBlock| tip - block.blue_score >= FINALITY_DEPTH;
        let newest_final = self.stored.chain.iter().rfind(is_final).map_or(self.anchor().hash, |block| block.hash);
        self.until("finality", |consumer| consumer.stored.root().hash == newest_final).await;
    }

    /// The chain from index `from` on must be what the node says it is, block by block and id by id.
    pub async fn must_agree_from(&self, from: u64, client: &mut Client) {
        let below =
            usize::try_from(from).expect("tests have short chains").checked_sub(1).expect("index 0 is not told");
        let base = match below.checked_sub(1) {
            Some(parent) => self.stored.chain[parent].hash,
            None => self.anchor().hash,
        };
        let theirs = client.chain_above(base).await;
        let ours = &self.stored.chain[below..];
        for (index, (ours, theirs)) in (from..).zip(ours.iter().zip(&theirs)) {
            assert_eq!(ours, theirs, "block {index}: told on the left, the node's on the right");
        }
        assert_eq!(ours.len(), theirs.len(), "blocks told and blocks of the node, from block {from}");
    }

    /// The whole chain must be what the node says it is.
    pub async fn must_agree(&self, client: &mut Client) {
        self.must_agree_from(1, client).await;
    }

    /// The block on which the first event built.
    pub fn anchor(&self) -> ChainRef {
        self.stored.anchor.expect("an event was told")
    }

    /// Hash of the tip, if anything was told.
    pub fn tip_hash(&self) -> Option<Hash> {
        self.stored.chain.last().map(|block| block.hash)
    }

    fn take_in(&mut self, event: L1Event) {
        let Some(sequence) = event.sequence() else {
            self.told.push(event);
            return;
        };
        let stored = &mut self.stored;
        let window = stored.window.get_or_insert_with(|| {
            let anchor = self.bridge.anchor().expect("it is known before the first numbered event");
            stored.anchor = Some(anchor);
            Window::new(anchor)
        });
        // Checks the number and that the event follows our chain.
        window.apply(&event).unwrap_or_else(|error| panic!("{error}: {event:?}"));
        match &event {
            L1Event::BlockAdded(added) => {
                assert_eq!(added.block.index, stored.chain.len() as u64 + 1);
                let positions = added.accepted.iter().map(|transaction| transaction.acceptance_index);
                assert!(positions.eq(0..added.accepted.len() as u32), "nothing is filtered: {added:?}");
                stored.chain.push(ChainBlock {
                    hash: added.block.hash,
                    blue_score: added.block.blue_score,
                    daa_score: added.daa_score,
                    timestamp_ms: added.timestamp_ms,
                    accepted: added.accepted.iter().map(|transaction| transaction.id).collect(),
                });
            }
            L1Event::Reorg(reorg) => {
                let kept = usize::try_from(reorg.fork.index).expect("tests have short chains");
                let removed = stored.chain.split_off(kept);
                if reorg.removed_known {
                    let removed: Vec<Hash> = removed.iter().rev().map(|block| block.hash).collect();
                    assert_eq!(reorg.removed, removed, "tip first, down to the fork");
                }
                self.told.push(event);
            }
            L1Event::Finalized { .. } => self.told.push(event),
            other => unreachable!("{other:?} has no number"),
        }
        self.bridge.ack(sequence).expect("the event was delivered");
    }

    /// Every reorg told in this life.
    pub fn reorgs(&self) -> impl Iterator<Item = &bridge::Reorg> {
        self.told.iter().filter_map(|event| if let L1Event::Reorg(reorg) = event { Some(reorg) } else { None })
    }
}
