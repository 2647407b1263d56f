//! What was captured from a node, and what the frames of a node, real or modelled, have in them.

// Each test file is a crate of its own and uses a part of this.
#![allow(dead_code)]

pub mod shape;

use std::{collections::BTreeMap, fs, path::Path};

use bridge::wire::{FrameKind, Reader, ServerHeader};
use kaspa_hashes::Hash;
use kaspa_rpc_core::api::ops::RpcApiOps;
use serde_json::Value;
use sim::node::NodeRequest;

use self::shape::Fields;

pub const CAPTURES: [&str; 3] =
    ["kaspad-2.1.0-simnet.jsonl", "kaspad-2.1.0-simnet-node-reset.jsonl", "kaspad-2.1.0-simnet-calls.jsonl"];

/// What a method gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Fields(Fields),
    /// The text of its error.
    Refused(String),
}

/// A request of a capture and the outcome of its reply.
pub struct Conversation {
    /// The request's frame.
    pub frame: Vec<u8>,
    pub request: NodeRequest,
    pub outcome: Outcome,
}

/// The requests of a capture with their outcomes, and the notifications by their number, in order.
pub struct Capture {
    pub conversations: Vec<Conversation>,
    pub notifications: Vec<(u8, Fields)>,
}

impl Conversation {
    /// What is asked for, without saying about which block.
    pub fn kind(&self) -> String {
        match self.request {
            NodeRequest::GetBlock { include_transactions, .. } => format!("GetBlock, {include_transactions}"),
            NodeRequest::GetVirtualChainFromBlock {
                include_accepted_transaction_ids: ids,
                min_confirmation_count: count,
                ..
            } => format!("V1, {ids}, {count:?}"),
            NodeRequest::GetVirtualChainFromBlockV2 { verbosity, min_confirmation_count: count, .. } => {
                format!("V2, {verbosity:?}, {count:?}")
            }
            NodeRequest::GetBlocks { include_blocks, include_transactions, .. } => {
                format!("GetBlocks, {include_blocks}, {include_transactions}")
            }
            ref other => format!("{other:?}"),
        }
    }

    /// The same request about another block, if it is about one.
    pub fn about(&self, block: Hash) -> Option<Vec<u8>> {
        // Header, envelope, struct version; an option's tag in GetBlocks.
        let at = match self.request {
            NodeRequest::GetBlock { .. }
            | NodeRequest::GetVirtualChainFromBlock { .. }
            | NodeRequest::GetVirtualChainFromBlockV2 { .. } => 10 + 4 + 2,
            NodeRequest::GetBlocks { .. } => 10 + 4 + 2 + 1,
            _ => return None,
        };
        let mut frame = self.frame.clone();
        frame[at..at + 32].copy_from_slice(block.as_ref());
        Some(frame)
    }
}

/// Reads a capture.
pub fn capture(name: &str) -> Capture {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/wrpc").join(name);
    let text = fs::read_to_string(path).expect("the captures are part of the workspace");
    let mut asked = BTreeMap::new();
    let mut capture = Capture { conversations: Vec::new(), notifications: Vec::new() };
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).expect("a capture has one JSON object a line");
        let frame = hex::decode(record["hex"].as_str().expect("a frame is a text")).expect("a frame is hexadecimal");
        if record["dir"] == "c2s" {
            let (id, request) = NodeRequest::parse(&frame).expect("a node was asked this, and answered");
            asked.insert(id, (frame, request));
        } else if frame[0] == 0 {
            capture.notifications.push(notification(&frame));
        } else {
            let (id, outcome) = reply(&frame);
            let (frame, request) = asked.remove(&id).expect("a reply answers a request");
            capture.conversations.push(Conversation { frame, request, outcome });
        }
    }
    capture
}

/// A request frame with a content in its envelope.
pub fn request_frame(id: u64, operation: RpcApiOps, content: &[u8]) -> Vec<u8> {
    let mut frame = vec![1];
    frame.extend(id.to_le_bytes());
    frame.push(operation as u8);
    frame.extend((content.len() as u32).to_le_bytes());
    frame.extend(content);
    frame
}

/// The content of a successful reply after its struct version.
pub fn content(id: u64, reply: &[u8], operation: RpcApiOps) -> Reader<'_> {
    let mut reader = Reader::new(reply);
    let header = ServerHeader::read(&mut reader).expect("a reply has a header");
    let expected = ServerHeader { id: Some(id), kind: FrameKind::Success, operation: Some(operation as u8) };
    assert_eq!(header, expected);
    assert_eq!(reader.u8("result"), Ok(1));
    let mut content = reader.last_envelope("reply").expect("a reply has one envelope");
    content.u16("version").expect("a content has a version");
    content
}

/// The id of a reply and what the method gave.
pub fn reply(frame: &[u8]) -> (u64, Outcome) {
    let mut reader = Reader::new(frame);
    let header = ServerHeader::read(&mut reader).expect("a frame has a header");
    assert_eq!(header.kind, FrameKind::Success);
    let (id, operation) = (header.id.expect("a reply has an id"), header.operation.expect("and its operation"));
    let is_ok = reader.bool("result").expect("a reply has a result");
    if !is_ok {
        assert_eq!(reader.u8("error"), Ok(13), "all errors of methods are texts");
        let text = reader.text("error").expect("a text").to_owned();
        assert_eq!(reader.left(), 0);
        return (id, Outcome::Refused(text));
    }
    let shape = shape::reply(operation).unwrap_or_else(|| panic!("a layout is missing for operation {operation}"));
    let content = reader.last_envelope("reply").expect("a reply has one envelope");
    (id, Outcome::Fields(walk(&shape, content)))
}

/// The number of a notification and what it has.
pub fn notification(frame: &[u8]) -> (u8, Fields) {
    let mut reader = Reader::new(frame);
    let header = ServerHeader::read(&mut reader).expect("a frame has a header");
    assert_eq!((header.id, header.kind), (None, FrameKind::Notification));
    let operation = header.operation.expect("a notification has a number");
    let shape = shape::notification(operation).unwrap_or_else(|| panic!("a layout is missing for {operation}"));
    let content = reader.last_envelope("notification").expect("a notification has one envelope");
    (operation, walk(&shape, content))
}

fn walk(shape: &shape::Shape, mut content: Reader<'_>) -> Fields {
    let mut fields = Fields::default();
    let bytes = content.take(content.left(), "content").expect("as many as there are");
    shape.walk(bytes, &mut fields).unwrap_or_else(|error| panic!("{error}"));
    fields
}
