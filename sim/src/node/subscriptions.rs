//! What one connection is subscribed to, and the notifications that follow from what happens at its node.
//!
//! Of the node's kinds this is what can happen here: blocks, movements of the selected chain, scores, block templates,
//! resets. The others ([`NodeSubscription::NeverAnnounced`]) are confirmed as in the node, and nothing comes of them.

use std::sync::Arc;

use bridge::wire::{Reader, Subscription, WireError, encode};
use kaspa_hashes::Hash;
use kaspa_rpc_core::{
    BlockAddedNotification, NewBlockTemplateNotification, Notification, PruningPointUtxoSetOverrideNotification,
    RpcAcceptedTransactionIds, SinkBlueScoreChangedNotification, VirtualChainChangedNotification,
    VirtualDaaScoreChangedNotification,
};

use super::{NodeView, SinkChange, rpc};
use crate::block_store::BlockStore;
use crate::dag::BlockId;

/// A kind of notification to start or stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeSubscription {
    /// Blocks whose bodies were processed.
    BlockAdded,
    /// Movements of the selected chain.
    VirtualChainChanged {
        /// Whether notifications shall list the accepted ids.
        include_accepted_transaction_ids: bool,
    },
    /// The blue score of the sink.
    SinkBlueScoreChanged,
    /// The DAA score of the virtual.
    VirtualDaaScoreChanged,
    /// Resets of the node to a new pruning point.
    PruningPointUtxoSetOverride,
    /// A new block can be mined on a new virtual.
    NewBlockTemplate,
    /// A kind that is confirmed and of which nothing ever comes: FinalityConflict and FinalityConflictResolved, which
    /// nothing in the real node emits, and UtxosChanged, which comes from the UTXO index alone.
    NeverAnnounced,
}

/// The subscriptions of one connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Subscriptions {
    block_added: bool,
    new_block_template: bool,
    virtual_chain: Option<AcceptedIds>,
    sink_blue_score: bool,
    virtual_daa_score: bool,
    pruning_point_override: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AcceptedIds {
    Included,
    LeftOut,
}

impl Subscriptions {
    /// Starts or stops a kind of notification. The last subscription to the virtual chain decides about accepted ids,
    /// and stopping it stops it with and without them.
    ///
    /// Source: `kaspa-notify` 2.1.0, `subscription::single`.
    pub fn apply(&mut self, subscription: impl Into<NodeSubscription>, on: bool) {
        match subscription.into() {
            NodeSubscription::BlockAdded => self.block_added = on,
            NodeSubscription::NewBlockTemplate => self.new_block_template = on,
            NodeSubscription::VirtualChainChanged { include_accepted_transaction_ids } => {
                let ids = if include_accepted_transaction_ids { AcceptedIds::Included } else { AcceptedIds::LeftOut };
                self.virtual_chain = on.then_some(ids);
            }
            NodeSubscription::SinkBlueScoreChanged => self.sink_blue_score = on,
            NodeSubscription::VirtualDaaScoreChanged => self.virtual_daa_score = on,
            NodeSubscription::PruningPointUtxoSetOverride => self.pruning_point_override = on,
            NodeSubscription::NeverAnnounced => {}
        }
    }

    /// The frame that tells this connection of a reset to another pruning point, if it wants to know.
    ///
    /// Source: `kaspa-p2p-flows` 2.1.0, `FlowContext::on_pruning_point_utxoset_override`: nothing else emits it.
    pub fn pruning_point_override(&self) -> Option<Vec<u8>> {
        let notification = Notification::PruningPointUtxoSetOverride(PruningPointUtxoSetOverrideNotification {});
        self.pruning_point_override.then(|| encode::notification(&notification))
    }

    /// The frames that a resolved virtual sends to this connection: the blocks whose bodies were processed before it,
    /// then what it changed, in the node's order. They are due also when nothing moved. Must be called before the
    /// node receives another block.
    ///
    /// In the node a block's verbose data is looked up while the virtual is resolved, and says what is true before or
    /// after it; here it is always after.
    ///
    /// Source: `kaspa-consensus` 2.1.0, `pipeline::body_processor::processor`, `virtual_processor::processor`
    /// (`resolve_virtual`).
    pub fn notifications(&self, change: &SinkChange, view: &mut NodeView, store: &mut BlockStore) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        if self.block_added {
            frames.extend(change.blocks.iter().map(|&block| {
                let block = Arc::new(rpc::rpc_block(view, store, block, true));
                encode::notification(&Notification::BlockAdded(BlockAddedNotification { block }))
            }));
        }
        if self.new_block_template {
            frames.push(encode::notification(&Notification::NewBlockTemplate(NewBlockTemplateNotification {})));
        }
        if self.sink_blue_score {
            let notification = SinkBlueScoreChangedNotification { sink_blue_score: change.sink_blue_score };
            frames.push(encode::notification(&Notification::SinkBlueScoreChanged(notification)));
        }
        if self.virtual_daa_score {
            let virtual_daa_score = view.virtual_block(store.dag_mut()).daa_score();
            let notification = VirtualDaaScoreChangedNotification { virtual_daa_score };
            frames.push(encode::notification(&Notification::VirtualDaaScoreChanged(notification)));
        }
        if let Some(ids) = self.virtual_chain {
            let notification = Notification::VirtualChainChanged(chain_changed(change, store, ids));
            frames.push(encode::notification(&notification));
        }
        frames
    }
}

fn chain_changed(change: &SinkChange, store: &BlockStore, ids: AcceptedIds) -> VirtualChainChangedNotification {
    let hashes = |blocks: &[BlockId]| -> Vec<Hash> { blocks.iter().map(|&block| store.dag().hash(block)).collect() };
    let accepted = match ids {
        AcceptedIds::LeftOut => Vec::new(),
        AcceptedIds::Included => change
            .added
            .iter()
            .map(|&block| RpcAcceptedTransactionIds {
                accepting_block_hash: store.dag().hash(block),
                accepted_transaction_ids: store.accepted_ids(block).collect(),
            })
            .collect(),
    };
    VirtualChainChangedNotification {
        removed_chain_block_hashes: Arc::new(hashes(&change.removed)),
        added_chain_block_hashes: Arc::new(hashes(&change.added)),
        accepted_transaction_ids: Arc::new(accepted),
    }
}

impl NodeSubscription {
    /// Reads the Borsh form of `kaspa-notify`'s `Scope`, whose variants have no struct version.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match reader.u8("subscription scope")? {
            0 => Self::BlockAdded,
            1 => Self::VirtualChainChanged { include_accepted_transaction_ids: reader.bool("accepted ids flag")? },
            2 | 3 => Self::NeverAnnounced,
            4 => {
                read_addresses(reader)?;
                Self::NeverAnnounced
            }
            5 => Self::SinkBlueScoreChanged,
            6 => Self::VirtualDaaScoreChanged,
            7 => Self::PruningPointUtxoSetOverride,
            8 => Self::NewBlockTemplate,
            value => return Err(WireError::BadTag { what: "subscription scope", value: u32::from(value) }),
        })
    }
}

/// Passes over the addresses of a UtxosChanged subscription. Source: `kaspa-addresses`, `Prefix`, `Version`,
/// `Address::try_new`.
fn read_addresses(reader: &mut Reader<'_>) -> Result<(), WireError> {
    const LARGEST_PREFIX: u8 = 3;
    const SMALLEST_ADDRESS: usize = 1 + 1 + 4 + 32;
    for _ in 0..reader.count("addresses", SMALLEST_ADDRESS)? {
        let prefix = reader.u8("address prefix")?;
        if prefix > LARGEST_PREFIX {
            return Err(WireError::BadTag { what: "address prefix", value: u32::from(prefix) });
        }
        let length = match reader.u8("address version")? {
            0 | 8 => 32,
            1 => 33,
            value => return Err(WireError::BadTag { what: "address version", value: u32::from(value) }),
        };
        let payload = reader.byte_string("address payload")?;
        if payload.len() != length {
            return Err(WireError::Truncated { what: "address payload", needed: length, left: payload.len() });
        }
    }
    Ok(())
}

impl From<&Subscription> for NodeSubscription {
    fn from(subscription: &Subscription) -> Self {
        match *subscription {
            Subscription::VirtualChainChanged { include_accepted_transaction_ids } => {
                Self::VirtualChainChanged { include_accepted_transaction_ids }
            }
            Subscription::SinkBlueScoreChanged => Self::SinkBlueScoreChanged,
            Subscription::VirtualDaaScoreChanged => Self::VirtualDaaScoreChanged,
            Subscription::PruningPointUtxoSetOverride => Self::PruningPointUtxoSetOverride,
            _ => Self::NeverAnnounced,
        }
    }
}

impl From<&NodeSubscription> for NodeSubscription {
    fn from(subscription: &NodeSubscription) -> Self {
        *subscription
    }
}
