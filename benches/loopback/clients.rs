//! The ways to catch up with a node. Each ends with the same list of blocks.

use std::net::SocketAddr;

#[cfg(feature = "client")]
use bridge::wire::Verbosity;
use bridge::{Config, L1Bridge, L1Event, PUBLIC_NETWORK_FINALITY_DEPTH, wire::Network};
use kaspa_hashes::Hash;

/// A chain block and what it accepts.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// Identity of the block.
    pub hash: Hash,
    /// Id and payload of each transaction.
    pub accepted: Vec<(Hash, Vec<u8>)>,
}

/// A way to catch up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// `L1Bridge`, which asks for Full verbosity, hashes every header and checks that each block continues the chain.
    Bridge,
    /// A plain loop over `kaspa-wrpc-client`, without any check.
    #[cfg(feature = "client")]
    PlainLoop(Verbosity),
}

impl Client {
    /// All of them: the plain loop at the verbosity of the bridge, and at the lowest that has the ids.
    #[cfg(feature = "client")]
    pub const ALL: &[Self] = &[Self::Bridge, Self::PlainLoop(Verbosity::Full), Self::PlainLoop(Verbosity::Low)];

    /// The one that needs no feature.
    #[cfg(not(feature = "client"))]
    pub const ALL: &[Self] = &[Self::Bridge];

    /// Its part of an id.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bridge => "client=bridge",
            #[cfg(feature = "client")]
            Self::PlainLoop(Verbosity::Full) => "client=kaspa-wrpc-client,verbosity=full",
            #[cfg(feature = "client")]
            Self::PlainLoop(_) => "client=kaspa-wrpc-client,verbosity=low",
        }
    }

    /// Follows from the node's pruning point until there is nothing more. The connection ends with the runtime at the latest.
    pub async fn catch_up(self, address: SocketAddr) -> Vec<Block> {
        match self {
            Self::Bridge => bridge(address).await,
            #[cfg(feature = "client")]
            Self::PlainLoop(verbosity) => plain::catch_up(address, verbosity).await,
        }
    }
}

async fn bridge(address: SocketAddr) -> Vec<Block> {
    let mut config = Config::new(Network::SIMNET, [format!("ws://{address}").as_str()]).expect("well formed");
    config.finality_depth = Some(PUBLIC_NETWORK_FINALITY_DEPTH);
    let mut bridge = L1Bridge::start(config).expect("the settings are complete");
    let mut blocks = Vec::new();
    while let Some(event) = bridge.next().await {
        let sequence = event.sequence();
        match event {
            L1Event::BlockAdded(added) => {
                assert!(added.verified, "the node tells everything");
                let accepted = added.accepted.into_iter().map(|transaction| (transaction.id, transaction.payload));
                blocks.push(Block { hash: added.block.hash, accepted: accepted.collect() });
            }
            L1Event::Synced { .. } => return blocks,
            L1Event::Connected { .. } | L1Event::CatchingUp { .. } | L1Event::Finalized { .. } => {}
            trouble => panic!("the node is well and at rest: {trouble:?}"),
        }
        if let Some(sequence) = sequence {
            bridge.ack(sequence).expect("the event was delivered");
        }
    }
    panic!("a bridge does not end by itself");
}

#[cfg(feature = "client")]
mod plain {
    use std::{net::SocketAddr, sync::Arc};

    use kaspa_rpc_core::{RpcDataVerbosityLevel, RpcOptionalTransaction, api::rpc::RpcApi};
    use kaspa_wrpc_client::{KaspaRpcClient, WrpcEncoding, client::ConnectOptions};

    use super::{Block, Hash, Verbosity};

    pub async fn catch_up(address: SocketAddr, verbosity: Verbosity) -> Vec<Block> {
        let verbosity = match verbosity {
            Verbosity::None => RpcDataVerbosityLevel::None,
            Verbosity::Low => RpcDataVerbosityLevel::Low,
            Verbosity::High => RpcDataVerbosityLevel::High,
            Verbosity::Full => RpcDataVerbosityLevel::Full,
        };
        let url = format!("ws://{address}");
        let client = KaspaRpcClient::new(WrpcEncoding::Borsh, Some(&url), None, None, None).expect("well formed");
        client.connect(Some(ConnectOptions::blocking_fallback())).await.expect("the node listens");
        let mut tip = client.get_block_dag_info().await.expect("the node answers").pruning_point_hash;
        let mut blocks = Vec::new();
        loop {
            let page = client.get_virtual_chain_from_block_v2(tip, Some(verbosity), None).await;
            let page = page.expect("the node answers");
            assert!(page.removed_chain_block_hashes.is_empty(), "the node is at rest");
            let Some(last) = page.added_chain_block_hashes.last() else { return blocks };
            tip = *last;
            for block in Arc::unwrap_or_clone(page.chain_block_accepted_transactions) {
                let hash = block.chain_block_header.hash.expect("at every verbosity");
                let accepted = block.accepted_transactions.into_iter().map(id_and_payload).collect();
                blocks.push(Block { hash, accepted });
            }
        }
    }

    fn id_and_payload(transaction: RpcOptionalTransaction) -> (Hash, Vec<u8>) {
        let id = transaction.verbose_data.and_then(|data| data.transaction_id);
        (id.expect("from Low on"), transaction.payload.expect("at every verbosity"))
    }
}
