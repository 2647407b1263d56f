//! A node without I/O that does what a test tells it: it answers the follower's requests from a [`Tree`], and every
//! answer may be tampered with before it is encoded.
//!
//! Order of checks, limits and texts as in `kaspa-rpc-service` and `kaspa-consensus` 2.1.0.

use std::{collections::BTreeSet, sync::Arc};

use bridge::wire::{Network, Operation, Request, Verbosity, encode};
use kaspa_consensus_core::header::Header;
use kaspa_hashes::Hash;
use kaspa_rpc_core::{
    GetBlockDagInfoResponse, GetBlockResponse, GetServerInfoResponse, GetSinkResponse, Notification, PingResponse,
    PruningPointUtxoSetOverrideNotification, RpcBlock, RpcChainBlockAcceptedTransactions, SubscribeResponse,
    UnsubscribeResponse, VirtualChainChangedNotification,
};

use super::tree::Tree;

/// The text of a node whose consensus is being replaced.
pub const TRANSITIONAL: &str = "consensus is currently in a transitional ibd state";

/// The text of a node that does not serve history from a block that it knows.
pub const BELOW_RETENTION: &str = "the queried hash does not have retention root on its chain";

/// What a node does about an attempt to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The connection opens.
    Open,
    /// The connection is refused.
    Refuses,
    /// Nothing happens.
    Hangs,
}

/// An answer before it becomes bytes.
#[derive(Debug)]
pub enum Answer {
    ServerInfo(GetServerInfoResponse),
    Subscribed,
    Unsubscribed,
    Pong,
    DagInfo(GetBlockDagInfoResponse),
    Sink(Hash),
    Block(Box<Header>),
    Page(Page),
    /// A remote error with this text.
    Error(String),
    /// These bytes instead of an answer.
    Raw(Vec<u8>),
    /// Nothing is sent.
    Silence,
    /// The connection is closed.
    HangUp,
}

/// A chain page before it becomes bytes.
#[derive(Clone, Debug)]
pub struct Page {
    pub removed: Vec<Hash>,
    pub added: Vec<Hash>,
    pub blocks: Vec<RpcChainBlockAcceptedTransactions>,
}

/// What may change an answer.
pub trait Tamper: FnMut(&Request, &mut Answer) + Send {}

impl<F: FnMut(&Request, &mut Answer) + Send> Tamper for F {}

/// One node: a view of the tree and the present connection's subscription.
pub struct ScriptedNode {
    pub network: Network,
    pub api_version: u16,
    pub sink: Hash,
    pub pruning_point: Hash,
    /// Blocks that it never saw, or has no more.
    pub unknown: BTreeSet<Hash>,
    /// Most chain blocks in one page.
    pub page_limit: usize,
    pub transitional: bool,
    pub door: Door,
    /// Whether chain notifications leave it.
    pub notifies: bool,
    /// Whether the present connection asked for chain notifications.
    pub subscribed: bool,
    pub tamper: Option<Box<dyn Tamper>>,
}

impl ScriptedNode {
    /// An honest node on simnet whose sink and pruning point are the first block.
    pub fn new(tree: &Tree) -> Self {
        Self {
            network: Network::SIMNET,
            api_version: 1,
            sink: tree.genesis(),
            pruning_point: tree.genesis(),
            unknown: BTreeSet::new(),
            page_limit: 100,
            transitional: false,
            door: Door::Open,
            notifies: true,
            subscribed: false,
            tamper: None,
        }
    }

    /// From now on every answer goes through `tamper`.
    pub fn tamper(&mut self, tamper: impl Tamper + 'static) {
        self.tamper = Some(Box::new(tamper));
    }

    /// Moves the sink; returns the frame of the notification if it is to be sent.
    pub fn set_sink(&mut self, tree: &Tree, sink: Hash) -> Option<Vec<u8>> {
        let (removed, added) = tree.route(self.sink, sink);
        self.sink = sink;
        (self.subscribed && self.notifies).then(|| chain_changed(&removed, &added))
    }

    /// The answer to a request frame; `None` inside [`Answer::Silence`] and [`Answer::HangUp`] terms is the caller's.
    pub fn answer(&mut self, tree: &Tree, request: &Request) -> Answer {
        let mut answer = self.honest(tree, request);
        if let Some(tamper) = &mut self.tamper {
            tamper(request, &mut answer);
        }
        answer
    }

    fn honest(&mut self, tree: &Tree, request: &Request) -> Answer {
        let unknown = |hash: Hash| Answer::Error(format!("cannot find header {hash}"));
        match *request {
            Request::GetServerInfo => Answer::ServerInfo(self.server_info(tree)),
            Request::GetBlockDagInfo => Answer::DagInfo(self.dag_info(tree)),
            Request::GetSink => Answer::Sink(self.sink),
            Request::Ping => Answer::Pong,
            Request::Subscribe(_) => {
                self.subscribed = true;
                Answer::Subscribed
            }
            Request::GetBlock { hash, .. } if !self.knows(tree, hash) => unknown(hash),
            Request::GetBlock { hash, .. } => Answer::Block(Box::new(tree.header(hash).clone())),
            Request::GetVirtualChainFromBlockV2 { .. } if self.transitional => Answer::Error(TRANSITIONAL.to_owned()),
            Request::GetVirtualChainFromBlockV2 { start_hash, .. } if !self.knows(tree, start_hash) => {
                unknown(start_hash)
            }
            Request::GetVirtualChainFromBlockV2 { start_hash, min_confirmation_count, verbosity } => {
                let mut answer = self.page(tree, start_hash, min_confirmation_count.unwrap_or(0));
                if let Answer::Page(page) = &mut answer {
                    page.blocks.iter_mut().for_each(|block| strip(block, verbosity));
                }
                answer
            }
            _ => Answer::Unsubscribed,
        }
    }

    fn page(&self, tree: &Tree, low: Hash, confirmations: u64) -> Answer {
        if !tree.chain(low).contains(&self.pruning_point) {
            return Answer::Error(BELOW_RETENTION.to_owned());
        }
        let (removed, mut added) = tree.route(low, self.sink);
        added.truncate(self.page_limit);
        if confirmations > 0 {
            added.retain(|&hash| tree.score(self.sink) - tree.score(hash) > confirmations);
        }
        let blocks = added.iter().map(|&hash| tree.chain_block(hash)).collect();
        Answer::Page(Page { removed, added, blocks })
    }

    fn knows(&self, tree: &Tree, hash: Hash) -> bool {
        tree.contains(hash) && !self.unknown.contains(&hash)
    }

    fn server_info(&self, tree: &Tree) -> GetServerInfoResponse {
        GetServerInfoResponse {
            rpc_api_version: self.api_version,
            rpc_api_revision: 0,
            server_version: "2.1.0".to_owned(),
            network_id: self.network.into(),
            has_utxo_index: false,
            is_synced: true,
            virtual_daa_score: tree.header(self.sink).daa_score,
        }
    }

    fn dag_info(&self, tree: &Tree) -> GetBlockDagInfoResponse {
        GetBlockDagInfoResponse {
            network: self.network.into(),
            block_count: 1,
            header_count: 1,
            tip_hashes: vec![self.sink],
            difficulty: 1.0,
            past_median_time: tree.header(self.sink).timestamp,
            virtual_parent_hashes: vec![self.sink],
            pruning_point_hash: self.pruning_point,
            virtual_daa_score: tree.header(self.sink).daa_score,
            sink: self.sink,
        }
    }
}

impl Answer {
    /// The frame that answers request `id`; `None` if nothing is sent.
    pub fn encode(&self, id: u64, operation: Operation) -> Option<Vec<u8>> {
        Some(match self {
            Self::ServerInfo(info) => encode::reply(id, operation, info),
            Self::Subscribed => encode::reply(id, operation, &SubscribeResponse::new(1)),
            Self::Unsubscribed => encode::reply(id, operation, &UnsubscribeResponse {}),
            Self::Pong => encode::reply(id, operation, &PingResponse {}),
            Self::DagInfo(info) => encode::reply(id, operation, info),
            Self::Sink(sink) => encode::reply(id, operation, &GetSinkResponse::new(*sink)),
            Self::Block(header) => {
                let header = header.as_ref().into();
                let block = RpcBlock { header, transactions: Vec::new(), verbose_data: None };
                encode::reply(id, operation, &GetBlockResponse { block })
            }
            Self::Page(page) => {
                let blocks: Vec<Vec<u8>> = page.blocks.iter().map(encode::chain_block).collect();
                encode::chain_page(id, &page.removed, &page.added, blocks.iter().map(Vec::as_slice))
            }
            Self::Error(text) => encode::remote_error(id, operation, text),
            Self::Raw(bytes) => bytes.clone(),
            Self::Silence | Self::HangUp => return None,
        })
    }

    /// The page, if it is one with something in it.
    pub fn page_with_blocks(&mut self) -> Option<&mut Page> {
        match self {
            Self::Page(page) if !page.added.is_empty() => Some(page),
            _ => None,
        }
    }
}

/// Leaves out what a header lacks at this level (`kaspa_rpc_core::convert::verbosity`).
fn strip(block: &mut RpcChainBlockAcceptedTransactions, verbosity: Verbosity) {
    let header = &mut block.chain_block_header;
    if verbosity < Verbosity::Full {
        (header.utxo_commitment, header.pruning_point) = (None, None);
    }
    if verbosity < Verbosity::High {
        header.parents_by_level = Default::default();
        (header.hash_merkle_root, header.accepted_id_merkle_root) = (None, None);
    }
    if verbosity < Verbosity::Low {
        (header.version, header.timestamp, header.bits, header.nonce) = (None, None, None, None);
        (header.daa_score, header.blue_work, header.blue_score) = (None, None, None);
    }
}

/// The frame of a chain notification.
pub fn chain_changed(removed: &[Hash], added: &[Hash]) -> Vec<u8> {
    encode::notification(&Notification::VirtualChainChanged(VirtualChainChangedNotification {
        removed_chain_block_hashes: Arc::new(removed.to_vec()),
        added_chain_block_hashes: Arc::new(added.to_vec()),
        accepted_transaction_ids: Arc::new(Vec::new()),
    }))
}

/// The frame that tells that the node was reset.
pub fn node_reset() -> Vec<u8> {
    encode::notification(&Notification::PruningPointUtxoSetOverride(PruningPointUtxoSetOverrideNotification {}))
}
