//! Nodes that are not what a bridge looks for: on another network, too old, or not near the tip by their own account.
//! They are so for the whole run, also after the storm, and their part in the L1 is that of any other node.

use bridge::wire::Operation;
use kaspa_consensus_core::network::{NetworkId, NetworkType};
use kaspa_rpc_core::{GetBlockDagInfoResponse, GetServerInfoResponse};
use serde::{Deserialize, Serialize};
use sim::world::{
    interposer::{Message, MessageFate, MessageKind},
    link::LinkControl,
};

use super::response;

/// The version that an old node tells.
const OLD_VERSION: &str = "1.0.0";

/// A node that is not what a bridge looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedStranger {
    /// The node.
    pub node: u32,
    /// What is strange about it.
    pub kind: StrangerKind,
}

/// What is strange about a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StrangerKind {
    /// It says that it is on testnet-10.
    OtherNetwork,
    /// It does not know GetVirtualChainFromBlockV2, and drops the connection there. Source: `workflow-rpc` 0.18,
    /// `server/protocol/borsh.rs`: an unknown operation is a malformed message.
    TooOld,
    /// It says that it is not synced. Source: `kaspa-mining` 2.1.0, `MiningRuleEngine::is_nearly_synced`: so says every node
    /// without peers.
    Unsynced,
}

/// What becomes of a message between a bridge and a node, if the node is among the strangers.
pub(super) fn fate(strangers: &[PlannedStranger], message: &Message<'_>, link: &LinkControl) -> MessageFate {
    // A plan names each node once at most.
    let of_node = strangers.iter().find(|stranger| stranger.node == message.node);
    of_node.map_or(MessageFate::Pass, |stranger| stranger.kind.fate(message, link))
}

impl StrangerKind {
    fn fate(self, message: &Message<'_>, link: &LinkControl) -> MessageFate {
        match (self, message.kind) {
            (Self::TooOld, MessageKind::Request { operation: Some(Operation::GetVirtualChainFromBlockV2), .. }) => {
                link.close();
                MessageFate::Replace(Vec::new())
            }
            (_, MessageKind::Reply { operation: Some(Operation::GetServerInfo), .. }) => {
                response::changed(message, Operation::GetServerInfo, |info: &mut GetServerInfoResponse| {
                    match self {
                        Self::OtherNetwork => info.network_id = other_network(),
                        Self::TooOld => OLD_VERSION.clone_into(&mut info.server_version),
                        Self::Unsynced => info.is_synced = false,
                    }
                    true
                })
            }
            (Self::OtherNetwork, MessageKind::Reply { operation: Some(Operation::GetBlockDagInfo), .. }) => {
                response::changed(message, Operation::GetBlockDagInfo, |info: &mut GetBlockDagInfoResponse| {
                    info.network = other_network();
                    true
                })
            }
            _ => MessageFate::Pass,
        }
    }
}

fn other_network() -> NetworkId {
    NetworkId::with_suffix(NetworkType::Testnet, 10)
}
