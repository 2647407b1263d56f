//! The requests that a bridge sends, named in plans.

use bridge::wire::Operation;
use serde::{Deserialize, Serialize};
use sim::{random::Stream, world::interposer::MessageKind};

/// A request that a bridge sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskedOperation {
    /// How the chain goes on.
    Page,
    /// One block.
    Block,
    /// Hash of the sink.
    Sink,
    /// The outline of the DAG.
    DagInfo,
    /// Who the node is.
    ServerInfo,
    /// To be told of changes.
    Subscribe,
    /// Whether the node lives.
    Ping,
}

impl AskedOperation {
    /// A page half of the time: of the others, few are sent.
    pub(super) fn draw(stream: &mut Stream) -> Self {
        const OTHERS: [AskedOperation; 6] = [
            AskedOperation::Block,
            AskedOperation::Sink,
            AskedOperation::DagInfo,
            AskedOperation::ServerInfo,
            AskedOperation::Subscribe,
            AskedOperation::Ping,
        ];
        let other = OTHERS[stream.below(OTHERS.len() as u64) as usize];
        if stream.chance(1, 2) { Self::Page } else { other }
    }

    /// Below how many repetitions a node that drops the connection there is drawn: one that does so at every page, also the
    /// smallest, three times in a row is rightly taken for one that knows no pages.
    pub(super) fn most_times(self) -> u64 {
        match self {
            Self::Page => 2,
            _ => 4,
        }
    }

    /// Whether the message is such a request.
    pub(super) fn is_asked_by(self, kind: MessageKind) -> bool {
        let MessageKind::Request { operation: Some(operation), .. } = kind else { return false };
        operation
            == match self {
                Self::Page => Operation::GetVirtualChainFromBlockV2,
                Self::Block => Operation::GetBlock,
                Self::Sink => Operation::GetSink,
                Self::DagInfo => Operation::GetBlockDagInfo,
                Self::ServerInfo => Operation::GetServerInfo,
                Self::Subscribe => Operation::Subscribe,
                Self::Ping => Operation::Ping,
            }
    }
}
