//! What one connection is subscribed to, and the notifications that follow from a change of the sink.

use std::sync::Arc;

use bridge::wire::{Subscription, encode};
use kaspa_hashes::Hash;
use kaspa_rpc_core::{
    Notification, RpcAcceptedTransactionIds, SinkBlueScoreChangedNotification, VirtualChainChangedNotification,
    VirtualDaaScoreChangedNotification,
};

use super::{NodeView, SinkChange};
use crate::block_store::BlockStore;
use crate::dag::BlockId;

/// The subscriptions of one connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Subscriptions {
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
    /// Starts or stops a kind of notification. The last subscription to the virtual chain decides about accepted ids.
    pub fn apply(&mut self, subscription: &Subscription, on: bool) {
        match *subscription {
            Subscription::VirtualChainChanged { include_accepted_transaction_ids } => {
                let ids = if include_accepted_transaction_ids { AcceptedIds::Included } else { AcceptedIds::LeftOut };
                self.virtual_chain = on.then_some(ids);
            }
            Subscription::SinkBlueScoreChanged => self.sink_blue_score = on,
            Subscription::VirtualDaaScoreChanged => self.virtual_daa_score = on,
            Subscription::PruningPointUtxoSetOverride => self.pruning_point_override = on,
            // A kind that the model node does not have is never announced.
            _ => {}
        }
    }

    /// Whether the connection is to be told that the node was reset to another pruning point.
    pub fn wants_pruning_point_override(&self) -> bool {
        self.pruning_point_override
    }

    /// The frames that a resolved virtual sends to this connection, in the node's order. They are due also when nothing
    /// moved. Must be called before the node receives another block.
    ///
    /// Source: `kaspa-consensus`, `virtual_processor::processor` (`resolve_virtual`).
    pub fn notifications(&self, change: &SinkChange, view: &mut NodeView, store: &mut BlockStore) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
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
