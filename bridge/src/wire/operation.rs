//! Operation numbers of requests and notifications. Source: `kaspa-rpc-core` 2.1.0, `RpcApiOps`.

use super::WireError;

/// A method of the node that this crate calls and the simulated node serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Operation {
    /// Start a kind of notification on this connection.
    Subscribe = 3,
    /// Stop a kind of notification on this connection.
    Unsubscribe = 4,
    /// Nothing; shows that the connection lives.
    Ping = 110,
    /// API version, server version and network of the node.
    GetServerInfo = 114,
    /// Hash of the node's sink.
    GetSink = 120,
    /// Header of one block, with or without its transactions.
    GetBlock = 126,
    /// Tips, sink, virtual parents and pruning point of the node.
    GetBlockDagInfo = 131,
    /// What left and what joined the selected chain since a block, with accepted transactions.
    GetVirtualChainFromBlockV2 = 151,
}

impl Operation {
    /// The number on the wire.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl TryFrom<u8> for Operation {
    type Error = WireError;

    /// # Errors
    /// [`WireError::UnknownOperation`], also for operations that a node has and this crate does not use.
    fn try_from(code: u8) -> Result<Self, WireError> {
        Ok(match code {
            3 => Self::Subscribe,
            4 => Self::Unsubscribe,
            110 => Self::Ping,
            114 => Self::GetServerInfo,
            120 => Self::GetSink,
            126 => Self::GetBlock,
            131 => Self::GetBlockDagInfo,
            151 => Self::GetVirtualChainFromBlockV2,
            unknown => return Err(WireError::UnknownOperation(unknown)),
        })
    }
}

/// A kind of notification that this crate reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum NotificationKind {
    /// The selected chain was re-evaluated; it may not have moved.
    VirtualChainChanged = 61,
    /// The blue score of the sink changed.
    SinkBlueScoreChanged = 65,
    /// The DAA score of the virtual changed.
    VirtualDaaScoreChanged = 66,
    /// The node was reset to a new pruning point.
    PruningPointUtxoSetOverride = 67,
}

impl NotificationKind {
    /// The number on the wire.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl TryFrom<u8> for NotificationKind {
    type Error = WireError;

    /// # Errors
    /// [`WireError::UnknownOperation`], also for kinds that a node has and this crate does not read.
    fn try_from(code: u8) -> Result<Self, WireError> {
        Ok(match code {
            61 => Self::VirtualChainChanged,
            65 => Self::SinkBlueScoreChanged,
            66 => Self::VirtualDaaScoreChanged,
            67 => Self::PruningPointUtxoSetOverride,
            unknown => return Err(WireError::UnknownOperation(unknown)),
        })
    }
}

#[cfg(test)]
mod tests {
    use kaspa_rpc_core::api::ops::RpcApiOps;

    use super::*;

    #[test]
    fn given_every_code_when_read_then_it_means_the_same_operation_as_in_the_node() {
        for code in 0..=u8::MAX {
            let node = borsh::from_slice::<RpcApiOps>(&[code]).ok().map(|operation| format!("{operation:?}"));
            if let Ok(ours) = Operation::try_from(code) {
                assert_eq!(Some(format!("{ours:?}")), node);
                assert_eq!(ours.code(), code);
            }
            if let Ok(ours) = NotificationKind::try_from(code) {
                assert_eq!(Some(format!("{ours:?}Notification")), node);
                assert_eq!(ours.code(), code);
            }
        }
    }
}
