//! Errors of methods. On the wire they are bare texts, so that the text is what a client depends on: the node's own
//! error types make it wherever there is one.

use kaspa_consensus_core::errors::consensus::ConsensusError;
use kaspa_hashes::Hash;
use kaspa_rpc_core::RpcError;
use kaspa_rpc_core::api::ops::RpcApiOps;
use thiserror::Error;

/// Why a method failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(super) enum Refusal {
    /// As the node refuses it.
    #[error(transparent)]
    Consensus(#[from] ConsensusError),
    /// As the node's RPC service refuses it.
    #[error(transparent)]
    Service(#[from] Box<RpcError>),
    /// The node would answer. The model node has nothing to answer from.
    #[error("the simulated node does not model {operation:?}")]
    NotModelled {
        /// The method.
        operation: RpcApiOps,
    },
}

impl Refusal {
    /// Never seen by this node, or deleted.
    pub(super) const fn unknown(hash: Hash) -> Self {
        Self::Consensus(ConsensusError::HeaderNotFound(hash))
    }

    /// A header kept for pruning proofs, whose GHOSTDAG data was deleted.
    pub(super) const fn no_ghostdag(hash: Hash) -> Self {
        Self::Consensus(ConsensusError::MissingData(hash))
    }

    /// Below the retention root, or beside it.
    ///
    /// Source: `kaspa-consensus`, `Consensus::get_virtual_chain_from_block`.
    pub(super) const fn below_retention_root() -> Self {
        Self::Consensus(ConsensusError::General("the queried hash does not have retention root on its chain"))
    }

    /// The refusal of a method that is not modelled: that of a node with `--unsaferpc` and without `--utxoindex` where
    /// such a node refuses it always.
    pub(super) fn of_method(operation: RpcApiOps) -> Self {
        match operation {
            RpcApiOps::GetHeaders | RpcApiOps::GetSubnetwork | RpcApiOps::ResolveFinalityConflict => {
                RpcError::NotImplemented.into()
            }
            RpcApiOps::GetUtxosByAddresses
            | RpcApiOps::GetBalanceByAddress
            | RpcApiOps::GetBalancesByAddresses
            | RpcApiOps::GetCoinSupply => RpcError::NoUtxoIndex.into(),
            _ => Self::NotModelled { operation },
        }
    }
}

impl From<RpcError> for Refusal {
    fn from(error: RpcError) -> Self {
        Self::Service(Box::new(error))
    }
}
