//! A page lacks a field of a transaction, anywhere in it: an old node, a lower verbosity than was asked for, or a filter in between.

use kaspa_rpc_core::{RpcChainBlockAcceptedTransactions, RpcOptionalTransaction};
use serde::{Deserialize, Serialize};
use sim::{
    random::Stream,
    world::{
        interposer::{Message, MessageFate},
        link::LinkControl,
    },
};

use super::{
    Drawn, FaultKind, Moment,
    page::{self, Page},
};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElidedDetail {
    /// Which.
    pub field: TransactionField,
    /// Which of the blocks that have one to leave out, counted from 0; the last if there are fewer.
    pub block: u32,
    /// Which of its transactions, counted from 0; the last if there are fewer.
    pub transaction: u32,
}

impl Drawn for ElidedDetail {
    fn draw(stream: &mut Stream) -> Self {
        let field = TransactionField::ALL[stream.below(TransactionField::ALL.len() as u64) as usize];
        Self { field, block: stream.below(8) as u32, transaction: stream.below(4) as u32 }
    }
}

impl FaultKind for ElidedDetail {
    fn moment(&self) -> Moment {
        Moment::Reply
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn fits(&self, message: &Message<'_>) -> bool {
        let block = Page::of(message).and_then(|page| page.block(self.position(&page)?));
        block.is_some_and(|mut block| self.leave_out(&mut block))
    }

    fn on_message(&self, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        page::changed(message, |page| {
            self.position(page).is_some_and(|position| page.change_block(position, |block| self.leave_out(block)))
        })
    }
}

/// A field of an accepted transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "named as in `RpcOptionalTransaction` and `RpcOptionalTransactionVerboseData`")]
pub enum TransactionField {
    Version,
    Inputs,
    Outputs,
    LockTime,
    SubnetworkId,
    Gas,
    Payload,
    StorageMass,
    VerboseData,
    TransactionId,
    Hash,
    ComputeMass,
    BlockHash,
    BlockTime,
}

impl ElidedDetail {
    /// Where the block stands in the page.
    fn position(&self, page: &Page<'_>) -> Option<usize> {
        let blocks = page.received.blocks().enumerate();
        let accepting = blocks.filter_map(|(position, block)| (block.accepted.len() > 0).then_some(position));
        accepting.take(1 + self.block as usize).last()
    }

    /// Whether there was something to leave out.
    fn leave_out(&self, block: &mut RpcChainBlockAcceptedTransactions) -> bool {
        let last = block.accepted_transactions.len().saturating_sub(1);
        let transaction = block.accepted_transactions.get_mut((self.transaction as usize).min(last));
        transaction.is_some_and(|transaction| self.field.leave_out(transaction))
    }
}

impl TransactionField {
    const ALL: [Self; 14] = [
        Self::Version,
        Self::Inputs,
        Self::Outputs,
        Self::LockTime,
        Self::SubnetworkId,
        Self::Gas,
        Self::Payload,
        Self::StorageMass,
        Self::VerboseData,
        Self::TransactionId,
        Self::Hash,
        Self::ComputeMass,
        Self::BlockHash,
        Self::BlockTime,
    ];

    /// Whether the field was there.
    fn leave_out(self, transaction: &mut RpcOptionalTransaction) -> bool {
        let verbose = transaction.verbose_data.as_mut();
        match self {
            Self::Version => transaction.version.take().is_some(),
            Self::Inputs => !std::mem::take(&mut transaction.inputs).is_empty(),
            Self::Outputs => !std::mem::take(&mut transaction.outputs).is_empty(),
            Self::LockTime => transaction.lock_time.take().is_some(),
            Self::SubnetworkId => transaction.subnetwork_id.take().is_some(),
            Self::Gas => transaction.gas.take().is_some(),
            Self::Payload => transaction.payload.take().is_some(),
            Self::StorageMass => transaction.storage_mass.take().is_some(),
            Self::VerboseData => transaction.verbose_data.take().is_some(),
            Self::TransactionId => verbose.is_some_and(|verbose| verbose.transaction_id.take().is_some()),
            Self::Hash => verbose.is_some_and(|verbose| verbose.hash.take().is_some()),
            Self::ComputeMass => verbose.is_some_and(|verbose| verbose.compute_mass.take().is_some()),
            Self::BlockHash => verbose.is_some_and(|verbose| verbose.block_hash.take().is_some()),
            Self::BlockTime => verbose.is_some_and(|verbose| verbose.block_time.take().is_some()),
        }
    }
}
