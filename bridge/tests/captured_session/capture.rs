//! A captured session: what the node sent, and which of its frames answered what.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use bridge::wire::{Notification, Operation, Reply, Request, ServerFrame, Subscription, Verbosity};
use kaspa_hashes::Hash;
use serde_json::Value;

/// Place of the request's id in a reply: behind the tag that there is one.
pub const ID: std::ops::Range<usize> = 1..9;

/// One frame from the node.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at: Duration,
    pub bytes: Vec<u8>,
    /// The question, if it is the reply to one that a follower can ask.
    pub answers: Option<Request>,
}

/// The frames from the node, in their order.
#[derive(Clone, Debug)]
pub struct Capture {
    pub sent: Vec<Sent>,
}

impl Capture {
    /// The frames from the node up to a line of the file.
    pub fn read(name: &str, last_line: usize) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/wrpc");
        let text = fs::read_to_string(folder.join(name)).expect("the captures are in the project");
        let (mut asked, mut sent) = (BTreeMap::new(), Vec::new());
        for line in text.lines().take(last_line) {
            let record: Value = serde_json::from_str(line).expect("a record a line");
            let bytes = hex::decode(record["hex"].as_str().expect("a frame")).expect("hexadecimal digits");
            if record["dir"] == "c2s" {
                // Questions that a follower never asks have no `Request`.
                if let Ok((id, request)) = Request::parse(&bytes) {
                    asked.insert(id, request);
                }
                continue;
            }
            let at = Duration::from_millis(record["t_ms"].as_u64().expect("a time"));
            let answers = match ServerFrame::parse(&bytes).expect("the node's frames can be read") {
                ServerFrame::Reply(reply) => asked.get(&reply.id).copied(),
                ServerFrame::Notification(_) => None,
            };
            sent.push(Sent { at, bytes, answers });
        }
        Self { sent }
    }

    /// The chain as the notifications tell it, from the first block that was announced, with the ids of the transactions
    /// that each block accepts. What is removed below that block is left out.
    pub fn announced_chain(&self) -> Vec<(Hash, Vec<Hash>)> {
        let mut chain: Vec<(Hash, Vec<Hash>)> = Vec::new();
        for sent in &self.sent {
            let Ok(ServerFrame::Notification(Notification::VirtualChainChanged(change))) =
                ServerFrame::parse(&sent.bytes)
            else {
                continue;
            };
            for removed in change.removed.iter() {
                assert!(chain.pop().is_none_or(|(last, _)| last == removed));
            }
            for (added, accepted) in change.added.iter().zip(change.accepted) {
                assert_eq!(added, accepted.accepting_block_hash);
                chain.push((added, accepted.transaction_ids.iter().collect()));
            }
        }
        chain
    }
}

impl Sent {
    /// Whether it came unasked.
    pub fn is_notification(&self) -> bool {
        matches!(ServerFrame::parse(&self.bytes), Ok(ServerFrame::Notification(_)))
    }

    /// Whether this is what the node would answer to `request` too.
    ///
    /// A page without blocks, and an error, are the same at every verbosity; a header that was asked for with the
    /// transactions of its block is the same without; a subscription is granted with accepted ids and without. No
    /// confirmation is as good as none asked for.
    pub fn is_answer_to(&self, request: &Request) -> bool {
        let Some(answers) = &self.answers else { return false };
        match (answers, request) {
            (
                Request::GetVirtualChainFromBlockV2 { start_hash, verbosity, min_confirmation_count },
                Request::GetVirtualChainFromBlockV2 {
                    start_hash: asked,
                    verbosity: Verbosity::Full,
                    min_confirmation_count: confirmations,
                },
            ) => {
                let same = min_confirmation_count.unwrap_or(0) == confirmations.unwrap_or(0);
                start_hash == asked && same && (*verbosity == Verbosity::Full || self.has_no_blocks())
            }
            (Request::GetBlock { hash, .. }, Request::GetBlock { hash: asked, .. }) => hash == asked,
            (
                Request::Subscribe(Subscription::VirtualChainChanged { .. }),
                Request::Subscribe(Subscription::VirtualChainChanged { .. }),
            ) => true,
            (answers, request) => answers == request,
        }
    }

    /// The frame with another id.
    pub fn with_id(&self, id: u64) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes[ID].copy_from_slice(&id.to_le_bytes());
        bytes
    }

    fn has_no_blocks(&self) -> bool {
        let Ok(ServerFrame::Reply(reply)) = ServerFrame::parse(&self.bytes) else { return false };
        match reply.decode(Operation::GetVirtualChainFromBlockV2) {
            Ok(Ok(Reply::ChainPage(page))) => page.removed.is_empty() && page.added.is_empty(),
            Ok(Err(_)) => true,
            _ => false,
        }
    }
}
