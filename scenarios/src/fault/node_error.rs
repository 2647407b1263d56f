//! The node answers with one of the errors that a follower can hear. What is so for a while at a real node is answered for a while.

use std::time::Duration;

use bridge::wire::{Operation, encode};
use serde::{Deserialize, Serialize};
use sim::{
    random::Stream,
    world::{
        interposer::{Message, MessageFate, MessageKind, Parcel},
        link::LinkControl,
    },
};

use super::{Drawn, FaultKind, GoesOn, Later, Moment};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeError {
    /// Which.
    pub error: NodeErrorText,
    /// How long requests of the same kind are answered so; 0: once.
    pub for_ms: u64,
}

impl Drawn for NodeError {
    fn draw(stream: &mut Stream) -> Self {
        let error = NodeErrorText::ALL[stream.below(NodeErrorText::ALL.len() as u64) as usize];
        let for_ms = stream.below(2) * stream.below(15_000);
        Self { error, for_ms: if error.may_last() { for_ms } else { 0 } }
    }
}

impl FaultKind for NodeError {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn fits(&self, message: &Message<'_>) -> bool {
        self.error.is_told_for(message.kind)
    }

    fn goes_on(&self) -> GoesOn {
        match self.for_ms {
            0 => GoesOn::Not,
            for_ms => GoesOn::For(Duration::from_millis(for_ms)),
        }
    }

    fn on_later(&self, _: Later<'_>, message: &Message<'_>, link: &LinkControl) -> MessageFate {
        self.on_message(message, link)
    }

    fn on_message(&self, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        let MessageKind::Reply { id, operation: Some(operation) } = message.kind else { return MessageFate::Pass };
        if !self.error.is_told_for(message.kind) {
            return MessageFate::Pass;
        }
        let bytes = encode::remote_error(id, operation, &self.error.text());
        MessageFate::Replace(vec![Parcel { after: Duration::ZERO, bytes }])
    }
}

/// The errors of `bridge::RemoteError`, by their words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeErrorText {
    /// The hash is unknown, although it is not: the node is behind, or deleted it.
    HeaderUnknown,
    /// The hash is below the retention root, or off its chain.
    BelowRetentionRoot,
    /// IBD with a pruning proof.
    Transitional,
    /// A block's body is missing.
    BodyMissing,
    /// A block's GHOSTDAG data is missing.
    DataMissing,
    /// A spent output was not found.
    UtxoEntryMissing,
    /// Of a lane proof: the block is off the chain.
    NotOnSelectedChain,
    /// As the sync manager says it.
    LowNotOnSelectedChain,
    /// Of a lane proof: the block is below the pruning point.
    TooDeep,
    /// Of a lane proof: the block is genesis.
    IsGenesis,
    /// The node does not serve the request.
    NotImplemented,
    /// What a client makes of a silent node, passed on by something in between.
    TimedOut,
    /// Words that no node has used yet.
    Unknown,
    /// No words at all.
    Empty,
    /// More words than fit a line, with control characters.
    Endless,
}

impl NodeErrorText {
    const ALL: [Self; 15] = [
        Self::HeaderUnknown,
        Self::BelowRetentionRoot,
        Self::Transitional,
        Self::BodyMissing,
        Self::DataMissing,
        Self::UtxoEntryMissing,
        Self::NotOnSelectedChain,
        Self::LowNotOnSelectedChain,
        Self::TooDeep,
        Self::IsGenesis,
        Self::NotImplemented,
        Self::TimedOut,
        Self::Unknown,
        Self::Empty,
        Self::Endless,
    ];

    /// A node that says for a while of every block that it does not know it is no honest one.
    fn may_last(self) -> bool {
        !matches!(self, Self::HeaderUnknown | Self::BelowRetentionRoot)
    }

    /// Whether a node says so in answer to such a request: nobody misses a block who was not asked about one.
    fn is_told_for(self, kind: MessageKind) -> bool {
        let MessageKind::Reply { operation: Some(operation), .. } = kind else { return false };
        match self {
            Self::BelowRetentionRoot | Self::Transitional => operation == Operation::GetVirtualChainFromBlockV2,
            Self::NotImplemented | Self::TimedOut | Self::Unknown | Self::Empty | Self::Endless => true,
            _ => matches!(operation, Operation::GetVirtualChainFromBlockV2 | Operation::GetBlock),
        }
    }

    fn text(self) -> String {
        let hash = "0f".repeat(32);
        match self {
            Self::HeaderUnknown => format!("cannot find header {hash}"),
            Self::BelowRetentionRoot => "the queried hash does not have retention root on its chain".to_owned(),
            Self::Transitional => "consensus is currently in a transitional ibd state".to_owned(),
            Self::BodyMissing => format!("cannot find full block {hash}"),
            Self::DataMissing => format!("some data is missing for block {hash}"),
            Self::UtxoEntryMissing => "consensus converter required UtxoEntry - but was not found".to_owned(),
            Self::NotOnSelectedChain => format!("block {hash} is not in the selected parent chain"),
            Self::LowNotOnSelectedChain => format!("low hash {hash} is not in selected parent chain"),
            Self::TooDeep => format!("block {hash} is too deep (before the current pruning point)"),
            Self::IsGenesis => format!("block {hash} is genesis and has no selected parent"),
            Self::NotImplemented => "Not implemented".to_owned(),
            Self::TimedOut => "RPC request timeout".to_owned(),
            Self::Unknown => "a text that no node has sent yet".to_owned(),
            Self::Empty => String::new(),
            Self::Endless => "no\n\u{1b}[2J".repeat(2_000),
        }
    }
}
