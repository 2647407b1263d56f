//! A follower that has been through its questions and waits for pages.

use std::time::Duration;

use bridge::{
    Config, L1Event,
    follower::{Follower, Input, Output},
    wire::{Network, Operation, Request, encode},
};
use bytes::Bytes;
use kaspa_consensus_core::header::Header;
use kaspa_hashes::Hash;
use kaspa_rpc_core::{
    GetBlockDagInfoResponse, GetBlockResponse, GetServerInfoResponse, GetSinkResponse, RpcBlock, SubscribeResponse,
};

const SESSION: u64 = 1;

/// The follower, the time, and what it asked last.
pub struct Scene {
    pub follower: Follower,
    pub now: Duration,
    /// Id of the request that waits for its answer.
    pub asked: Option<u64>,
}

impl Scene {
    /// A follower of mainnet with the default settings, which begins at `anchor` and asks for the first page.
    pub fn new(anchor: &Header, sink: &Header) -> Self {
        let config = Config::new(Network::MAINNET, ["ws://127.0.0.1:17110"]).expect("the address is well formed");
        let follower = Follower::new(config).expect("the settings are complete");
        let mut scene = Self { follower, now: Duration::ZERO, asked: None };
        let mut question =
            scene.introduce(Input::Tick).or_else(|| scene.introduce(Input::Connected { session: SESSION }));
        while let Some((id, request)) = question {
            if request.operation() == Operation::GetVirtualChainFromBlockV2 {
                scene.asked = Some(id);
                return scene;
            }
            let bytes = introduction(id, &request, anchor, sink).into();
            question = scene.introduce(Input::Frame { session: SESSION, bytes });
        }
        panic!("the follower asks for no page: {:?}", scene.follower);
    }

    /// Hands in one frame and takes everything that comes of it.
    pub fn frame(&mut self, bytes: Bytes, events: &mut Vec<L1Event>) {
        self.follower.handle(Input::Frame { session: SESSION, bytes }, self.now);
        self.drain(events);
    }

    /// Acknowledges everything.
    pub fn acknowledge(&mut self, events: &mut Vec<L1Event>) {
        self.follower.handle(Input::Ack { sequence: u64::MAX }, self.now);
        self.drain(events);
    }

    /// Hash of the follower's tip.
    pub fn tip(&self) -> Option<Hash> {
        self.follower.tip().map(|tip| tip.hash)
    }

    /// How many chain blocks the follower holds, from its root to its tip.
    pub fn held_blocks(&self) -> u64 {
        let (root, tip) = (self.follower.root(), self.follower.tip());
        tip.zip(root).map_or(0, |(tip, root)| tip.index - root.index + 1)
    }

    fn drain(&mut self, events: &mut Vec<L1Event>) {
        while let Some(output) = self.follower.poll_output() {
            match output {
                Output::Event(event) => events.push(event),
                Output::Send { request_id, .. } => self.asked = Some(request_id),
                Output::WakeAt(_) => {}
                other => panic!("the session ended: {other:?}"),
            }
        }
    }

    fn introduce(&mut self, input: Input) -> Option<(u64, Request)> {
        self.follower.handle(input, self.now);
        let mut question = None;
        while let Some(output) = self.follower.poll_output() {
            if let Output::Send { bytes, .. } = output {
                question = Some(Request::parse(&bytes).expect("the follower writes well-formed requests"));
            }
        }
        question
    }
}

/// Answers to what is asked before the first page.
fn introduction(id: u64, request: &Request, anchor: &Header, sink: &Header) -> Vec<u8> {
    let operation = request.operation();
    match request {
        Request::GetServerInfo => encode::reply(
            id,
            operation,
            &GetServerInfoResponse {
                rpc_api_version: 1,
                rpc_api_revision: 0,
                server_version: "2.1.0".to_owned(),
                network_id: Network::MAINNET.into(),
                has_utxo_index: false,
                is_synced: true,
                virtual_daa_score: sink.daa_score,
            },
        ),
        Request::Subscribe(_) => encode::reply(id, operation, &SubscribeResponse::new(1)),
        Request::GetBlockDagInfo => encode::reply(
            id,
            operation,
            &GetBlockDagInfoResponse {
                network: Network::MAINNET.into(),
                block_count: 1,
                header_count: 1,
                tip_hashes: vec![sink.hash],
                difficulty: 1.0,
                past_median_time: sink.timestamp,
                virtual_parent_hashes: vec![sink.hash],
                pruning_point_hash: anchor.hash,
                virtual_daa_score: sink.daa_score,
                sink: sink.hash,
            },
        ),
        Request::GetSink => encode::reply(id, operation, &GetSinkResponse::new(sink.hash)),
        Request::GetBlock { hash, .. } => {
            let header = if *hash == anchor.hash { anchor } else { sink };
            let block = RpcBlock { header: header.into(), transactions: Vec::new(), verbose_data: None };
            encode::reply(id, operation, &GetBlockResponse { block })
        }
        other => panic!("{other:?} before the first page"),
    }
}
