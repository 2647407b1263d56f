//! An L1 at ten blocks a second as one node tells of it. Everything is made and encoded beforehand, so that its memory
//! does not change.
//!
//! Sources: the limit of a page is ten times the mergeset limit in merged blocks
//! (`kaspa_consensus::consensus::Consensus::get_virtual_chain_from_block`), 2,480 on mainnet.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bridge::wire::{Network, Operation, Request, encode};
use kaspa_consensus_core::{
    header::{CompressedParents, Header},
    subnets::SubnetworkId,
};
use kaspa_hashes::Hash;
use kaspa_math::Uint192;
use kaspa_rpc_core::{
    GetBlockDagInfoResponse, GetBlockResponse, GetServerInfoResponse, GetSinkResponse, Notification, PingResponse,
    RpcBlock, RpcChainBlockAcceptedTransactions, RpcOptionalTransaction, RpcOptionalTransactionVerboseData,
    SubscribeResponse, VirtualChainChangedNotification,
};

/// Time between two chain blocks: about three a second.
pub const BLOCK_INTERVAL: Duration = Duration::from_millis(333);

/// Blocks that a chain block merges, by turns: ten in three.
const MERGED_BY_TURNS: [u64; 3] = [3, 3, 4];

/// Merged blocks in the longest page, and the chain blocks that merge them.
const PAGE_MERGED: u64 = 2_480;
pub const PAGE_BLOCKS: usize = PAGE_MERGED as usize * MERGED_BY_TURNS.len() / 10;

/// Transactions that each chain block accepts, and their payload.
pub const TRANSACTIONS: u64 = 5;
pub const PAYLOAD_BYTES: usize = 100;

/// Most bytes of one block in a page.
pub const MOST_BLOCK_BYTES: usize = 2_000;

/// The chain, of which the node knows the blocks up to its sink.
pub struct L1 {
    headers: Vec<Header>,
    encoded: Vec<Vec<u8>>,
    sink: usize,
    asked: BTreeMap<Operation, usize>,
}

impl L1 {
    /// A chain that can grow to `blocks` blocks above the first, of which `known` are there at the start.
    pub fn new(blocks: usize, known: usize) -> Self {
        let mut headers = vec![header(None, 1)];
        for merged in MERGED_BY_TURNS.into_iter().cycle().take(blocks) {
            let parent = headers.last().expect("the first is there");
            headers.push(header(Some(parent.hash), parent.blue_score + merged));
        }
        let encoded: Vec<Vec<u8>> = headers.iter().map(encode_block).collect();
        assert!(encoded.iter().all(|bytes| bytes.len() <= MOST_BLOCK_BYTES));
        Self { headers, encoded, sink: known, asked: BTreeMap::new() }
    }

    /// The chain from the first block to the sink.
    pub fn chain(&self) -> impl Iterator<Item = Hash> + '_ {
        self.headers.iter().take(self.sink + 1).map(|header| header.hash)
    }

    /// Index of the highest block that is so deep below the one with index `tip`; 0 if none is.
    pub fn deepest_final(&self, tip: usize, finality_depth: u64) -> usize {
        let final_score = self.headers[tip].blue_score.saturating_sub(finality_depth);
        self.headers.partition_point(|header| header.blue_score <= final_score).saturating_sub(1)
    }

    /// How often this was asked.
    pub fn asked(&self, operation: Operation) -> usize {
        self.asked.get(&operation).copied().unwrap_or(0)
    }

    /// How many requests there were.
    pub fn requests(&self) -> usize {
        self.asked.values().sum()
    }

    /// The next block becomes the sink; the frame that tells of it.
    pub fn mine(&mut self) -> Vec<u8> {
        self.sink += 1;
        encode::notification(&Notification::VirtualChainChanged(VirtualChainChangedNotification {
            removed_chain_block_hashes: Arc::default(),
            added_chain_block_hashes: Arc::new(vec![self.headers[self.sink].hash]),
            accepted_transaction_ids: Arc::default(),
        }))
    }

    /// The frame that answers a frame of the bridge.
    pub fn answer(&mut self, frame: &[u8]) -> Vec<u8> {
        let (id, request) = Request::parse(frame).expect("the follower writes well-formed requests");
        let operation = request.operation();
        *self.asked.entry(operation).or_insert(0) += 1;
        match request {
            Request::GetServerInfo => encode::reply(id, operation, &self.server_info()),
            Request::Subscribe(_) => encode::reply(id, operation, &SubscribeResponse::new(1)),
            Request::GetBlockDagInfo => encode::reply(id, operation, &self.dag_info()),
            Request::GetSink => encode::reply(id, operation, &GetSinkResponse::new(self.headers[self.sink].hash)),
            Request::GetBlock { hash, .. } => {
                let header = (&self.headers[self.place(hash)]).into();
                let block = RpcBlock { header, transactions: Vec::new(), verbose_data: None };
                encode::reply(id, operation, &GetBlockResponse { block })
            }
            Request::GetVirtualChainFromBlockV2 { start_hash, min_confirmation_count, .. } => {
                self.page(id, self.place(start_hash), min_confirmation_count.unwrap_or(0))
            }
            Request::Ping => encode::reply(id, operation, &PingResponse {}),
            ref other => panic!("{other:?}"),
        }
    }

    fn page(&self, id: u64, low: usize, confirmations: u64) -> Vec<u8> {
        let (start, sink) = (self.headers[low].blue_score, self.headers[self.sink].blue_score);
        let fits = |header: &&Header| header.blue_score - start <= PAGE_MERGED;
        let eligible = |header: &&Header| confirmations == 0 || sink - header.blue_score > confirmations;
        let above = self.headers[low + 1..=self.sink].iter();
        let added: Vec<Hash> = above.take_while(fits).take_while(eligible).map(|header| header.hash).collect();
        let blocks = &self.encoded[low + 1..=low + added.len()];
        encode::chain_page(id, &[], &added, blocks.iter().map(Vec::as_slice))
    }

    fn place(&self, hash: Hash) -> usize {
        self.headers.iter().position(|header| header.hash == hash).expect("only blocks of the chain are asked for")
    }

    fn server_info(&self) -> GetServerInfoResponse {
        GetServerInfoResponse {
            rpc_api_version: 1,
            rpc_api_revision: 0,
            server_version: "2.1.0".to_owned(),
            network_id: Network::SIMNET.into(),
            has_utxo_index: false,
            is_synced: true,
            virtual_daa_score: self.headers[self.sink].daa_score,
        }
    }

    fn dag_info(&self) -> GetBlockDagInfoResponse {
        let sink = &self.headers[self.sink];
        GetBlockDagInfoResponse {
            network: Network::SIMNET.into(),
            block_count: sink.blue_score,
            header_count: sink.blue_score,
            tip_hashes: vec![sink.hash],
            difficulty: 1.0,
            past_median_time: sink.timestamp,
            virtual_parent_hashes: vec![sink.hash],
            pruning_point_hash: self.headers[0].hash,
            virtual_daa_score: sink.daa_score,
            sink: sink.hash,
        }
    }
}

fn header(parent: Option<Hash>, blue_score: u64) -> Header {
    let parents: Vec<Vec<Hash>> = parent.map(|parent| vec![vec![parent]]).unwrap_or_default();
    Header::new_finalized(
        1,
        CompressedParents::try_from(parents).expect("one level is few"),
        Hash::from_u64_word(1),
        Hash::from_u64_word(2),
        Hash::from_u64_word(3),
        1_700_000_000_000 + 100 * blue_score,
        0x207f_ffff,
        blue_score,
        blue_score,
        Uint192::from_u64(blue_score),
        blue_score,
        Hash::from_u64_word(4),
    )
}

fn encode_block(header: &Header) -> Vec<u8> {
    encode::chain_block(&RpcChainBlockAcceptedTransactions {
        chain_block_header: header.clone().into(),
        accepted_transactions: (0..TRANSACTIONS).map(|number| transaction(header, number)).collect(),
    })
}

fn transaction(header: &Header, number: u64) -> RpcOptionalTransaction {
    RpcOptionalTransaction {
        version: Some(0),
        inputs: Vec::new(),
        outputs: Vec::new(),
        lock_time: Some(0),
        subnetwork_id: Some(SubnetworkId::from_byte(0)),
        gas: Some(0),
        payload: Some(vec![number as u8; PAYLOAD_BYTES]),
        storage_mass: Some(0),
        verbose_data: Some(RpcOptionalTransactionVerboseData {
            transaction_id: Some(Hash::from_u64_word(header.blue_score << 8 | number)),
            hash: Some(Hash::from_u64_word(number)),
            compute_mass: Some(1),
            block_hash: Some(header.hash),
            block_time: Some(header.timestamp),
        }),
    }
}
