//! Mines through a node's own templates, and spends what it mined. Proof of work is skipped on simnet.
//!
//! Timestamps come from a clock of the miner's own, which is behind the true one and gains 100 ms with each block: that is
//! the block rate of the consensus parameters, so difficulty stays where it is however fast blocks are made.

use std::{
    collections::BTreeSet,
    time::{SystemTime, UNIX_EPOCH},
};

use kaspa_consensus_core::{
    block::Block,
    subnets::SUBNETWORK_ID_NATIVE,
    tx::{Transaction, TransactionInput, TransactionOutpoint, TransactionOutput, UtxoEntry},
};
use kaspa_hashes::Hash;
use kaspa_rpc_core::{
    GetBlockTemplateRequest, GetBlockTemplateResponse, GetUtxosByAddressesRequest, GetUtxosByAddressesResponse,
    RpcAddress, RpcRawBlock, RpcTransaction, SubmitBlockRequest, SubmitBlockResponse, SubmitTransactionRequest,
    SubmitTransactionResponse, api::ops::RpcApiOps,
};

use super::{client::Client, kaspad::Kaspad};

/// Pays to the hash of a script that is only OP_TRUE: whoever shows that script may spend.
const ADDRESS: &str = "kaspasim:pr89wgtzs5f9qphvrqvhhkqcggsua7j4nwc8npqsmxd9hwjmqlx36x509ft6l";

/// Pushes the script OP_TRUE, which [`ADDRESS`] is the hash of.
const SHOW_SCRIPT: [u8; 2] = [0x01, 0x51];

/// Blocks after which a coinbase output may be spent, with some to spare; the consensus parameters say 20.
const COINBASE_MATURITY: u64 = 30;

/// More than any node asks for a transaction with one input and one output.
const FEE: u64 = 1_000_000;

const BLOCK_INTERVAL_MS: u64 = 100;

/// How far in the past a miner's clock starts. Even a thousand blocks later it is still behind the true one, and behind
/// the tip of [`Miner::long_ago`] by more than the 10 minutes that a node demands before it accepts a pruning proof.
const CLOCK_BEHIND_MS: u64 = 1_000_000;

/// Mines on one node.
pub struct Miner {
    client: Client,
    address: RpcAddress,
    /// Time of the first block after genesis.
    clock_start_ms: u64,
    /// Differs from block to block, and between miners; else two of them would make the same block.
    nonce: u64,
    spent: BTreeSet<(Hash, u32)>,
}

impl Miner {
    /// A miner on this node; no two on one network may have the same number.
    pub async fn on(node: &Kaspad, number: u32) -> Self {
        #[expect(clippy::disallowed_methods, reason = "blocks of a real node need real times")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970").as_millis();
        Self {
            client: node.client().await,
            address: ADDRESS.to_owned().try_into().expect("the address has a valid checksum"),
            clock_start_ms: u64::try_from(now).expect("it is not yet the year 584 million") - CLOCK_BEHIND_MS,
            nonce: u64::from(number) << 32,
            spent: BTreeSet::new(),
        }
    }

    /// As [`on`](Self::on), with blocks that are much older.
    pub async fn long_ago(node: &Kaspad, number: u32) -> Self {
        let mut miner = Self::on(node, number).await;
        miner.clock_start_ms -= 2 * CLOCK_BEHIND_MS;
        miner
    }

    /// Mines so many blocks, each on top of all the others that the node knows.
    pub async fn mine(&mut self, blocks: usize) -> Vec<RpcRawBlock> {
        let mut mined = Vec::with_capacity(blocks);
        for _ in 0..blocks {
            let block = self.template().await;
            self.submit(&block).await;
            mined.push(block);
        }
        mined
    }

    /// Mines pairs of blocks that do not know of one another and have the same transactions.
    pub async fn mine_pairs(&mut self, pairs: usize) {
        for _ in 0..pairs {
            let block = self.template().await;
            let mut twin = block.clone();
            twin.header.nonce = self.next_nonce();
            self.submit(&block).await;
            self.submit(&twin).await;
        }
    }

    /// Mines until the sink has at least this blue score.
    pub async fn mine_to(&mut self, blue_score: u64) {
        loop {
            let sink = self.client.sink().await;
            let missing = blue_score.saturating_sub(self.client.blue_score(sink).await);
            if missing == 0 {
                return;
            }
            self.mine(usize::try_from(missing).expect("tests mine few blocks")).await;
        }
    }

    /// Hands a block to the node, which must accept it.
    pub async fn submit(&mut self, block: &RpcRawBlock) {
        let request = SubmitBlockRequest { block: block.clone(), allow_non_daa_blocks: true };
        let answer: SubmitBlockResponse =
            self.client.call(RpcApiOps::SubmitBlock, request).await.expect("the node takes blocks");
        assert!(answer.report.is_success(), "block {} is refused: {:?}", hash_of(block), answer.report);
    }

    /// Has the node's mempool take so many transactions, each of which spends a coinbase output; the next block has them.
    pub async fn pay(&mut self, transactions: usize) {
        let now = self.client.dag_info().await.virtual_daa_score;
        let request = GetUtxosByAddressesRequest { addresses: vec![self.address.clone()] };
        let unspent: GetUtxosByAddressesResponse =
            self.client.call(RpcApiOps::GetUtxosByAddresses, request).await.expect("the node has its UTXO index");
        let mut paid = 0;
        for entry in unspent.entries {
            let output = entry.utxo_entry;
            let outpoint = TransactionOutpoint::new(entry.outpoint.transaction_id, entry.outpoint.index);
            let is_mature = output.is_coinbase && output.block_daa_score + COINBASE_MATURITY <= now;
            if paid == transactions || !is_mature || !self.spent.insert((outpoint.transaction_id, outpoint.index)) {
                continue;
            }
            let transaction = RpcTransaction::from(&spend(outpoint, &output.into()));
            let request = SubmitTransactionRequest { transaction, allow_orphan: false };
            let _: SubmitTransactionResponse =
                self.client.call(RpcApiOps::SubmitTransaction, request).await.expect("the transaction is valid");
            paid += 1;
        }
        assert_eq!(paid, transactions, "too few mature coinbase outputs");
    }

    async fn template(&mut self) -> RpcRawBlock {
        let request = GetBlockTemplateRequest { pay_address: self.address.clone(), extra_data: Vec::new() };
        let template: GetBlockTemplateResponse =
            self.client.call(RpcApiOps::GetBlockTemplate, request).await.expect("the node makes templates");
        let mut block = template.block;
        block.header.nonce = self.next_nonce();
        block.header.timestamp = self.clock_start_ms + block.header.daa_score * BLOCK_INTERVAL_MS;
        block
    }

    fn next_nonce(&mut self) -> u64 {
        self.nonce += 1;
        self.nonce
    }
}

/// The hash of a mined block.
pub fn hash_of(block: &RpcRawBlock) -> Hash {
    Block::try_from(block.clone()).expect("the node made it").hash()
}

fn spend(outpoint: TransactionOutpoint, entry: &UtxoEntry) -> Transaction {
    let input = TransactionInput::new(outpoint, SHOW_SCRIPT.to_vec(), 0, 0);
    let output = TransactionOutput::new(entry.amount - FEE, entry.script_public_key.clone());
    let payload = outpoint.index.to_le_bytes().to_vec();
    Transaction::new(0, vec![input], vec![output], 0, SUBNETWORK_ID_NATIVE, 0, payload)
}
