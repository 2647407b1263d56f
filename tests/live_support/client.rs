//! A wRPC Borsh client made of the node's own types: `kaspa-rpc-core` for requests and responses, `workflow-rpc` for the
//! headers. One request at a time; nothing of it is the bridge's, so that the bridge can be compared with it.

use futures_util::{SinkExt, StreamExt};
use kaspa_hashes::Hash;
use kaspa_rpc_core::{
    AddPeerRequest, AddPeerResponse, GetBlockDagInfoRequest, GetBlockDagInfoResponse, GetBlockRequest,
    GetBlockResponse, GetVirtualChainFromBlockV2Request, GetVirtualChainFromBlockV2Response, RpcDataVerbosityLevel,
    api::ops::RpcApiOps,
};
use tokio::net::TcpStream;
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};
use workflow_rpc::{
    error::ServerError,
    messages::borsh::{BorshReqHeader, BorshServerMessageHeader, ServerMessageKind},
};
use workflow_serializer::serializer::{DeserializerT, Serializable, SerializerT};

use super::PATIENCE;

/// One block of a node's selected chain, as the node's own decoder reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainBlock {
    pub hash: Hash,
    pub blue_score: u64,
    pub daa_score: u64,
    pub timestamp_ms: u64,
    /// Ids of the transactions that it accepts, in the node's order.
    pub accepted: Vec<Hash>,
}

/// A connection to a node.
pub struct Client {
    socket: WebSocketStream<TcpStream>,
    requests: u64,
}

impl Client {
    /// Connects to the node that listens on this port of the loopback interface.
    pub async fn connect(port: u16) -> Result<Self, String> {
        let connected = tokio::time::timeout(PATIENCE, Self::open(port)).await;
        connected.unwrap_or_else(|_| Err(format!("no connection to port {port} within {PATIENCE:?}")))
    }

    async fn open(port: u16) -> Result<Self, String> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let url = format!("ws://127.0.0.1:{port}");
        let (socket, _) = client_async(url, stream).await.map_err(|error| error.to_string())?;
        Ok(Self { socket, requests: 0 })
    }

    /// Asks, and waits for the answer; the error is the node's own text, or what became of the connection.
    pub async fn call<A: SerializerT + DeserializerT>(
        &mut self,
        operation: RpcApiOps,
        request: impl SerializerT + DeserializerT,
    ) -> Result<A, String> {
        let answer = tokio::time::timeout(PATIENCE, self.exchange(operation, request)).await;
        answer.unwrap_or_else(|_| Err(format!("no answer to {operation:?} within {PATIENCE:?}")))
    }

    async fn exchange<A: SerializerT + DeserializerT>(
        &mut self,
        operation: RpcApiOps,
        request: impl SerializerT + DeserializerT,
    ) -> Result<A, String> {
        self.requests += 1;
        let id = self.requests;
        let mut frame = borsh::to_vec(&BorshReqHeader::new(Some(id), operation)).map_err(|error| error.to_string())?;
        borsh::to_writer(&mut frame, &Serializable(request)).map_err(|error| error.to_string())?;
        self.socket.send(Message::Binary(frame.into())).await.map_err(|error| error.to_string())?;
        loop {
            let message = self.socket.next().await.ok_or("the node closed the connection")?;
            let Message::Binary(frame) = message.map_err(|error| error.to_string())? else { continue };
            if let Some(answer) = read_reply(id, &frame)? {
                return answer;
            }
        }
    }

    /// Outline of the node's DAG.
    pub async fn dag_info(&mut self) -> GetBlockDagInfoResponse {
        self.call(RpcApiOps::GetBlockDagInfo, GetBlockDagInfoRequest {}).await.expect("every node tells its state")
    }

    /// The node's sink.
    pub async fn sink(&mut self) -> Hash {
        self.dag_info().await.sink
    }

    /// Blue score of a block's header.
    pub async fn blue_score(&mut self, hash: Hash) -> u64 {
        let request = GetBlockRequest { hash, include_transactions: false };
        let answer: Result<GetBlockResponse, String> = self.call(RpcApiOps::GetBlock, request).await;
        answer.expect("the node knows the block").block.header.blue_score
    }

    /// Has the node connect to another, once.
    pub async fn add_peer(&mut self, address: &str) {
        let peer_address = address.try_into().expect("the address of a node is well formed");
        let request = AddPeerRequest { peer_address, is_permanent: false };
        let _: AddPeerResponse = self.call(RpcApiOps::AddPeer, request).await.expect("the node allows unsafe requests");
    }

    /// One answer of GetVirtualChainFromBlockV2: what left the chain, and what was added.
    pub async fn chain_page(&mut self, start_hash: Hash) -> Result<(Vec<Hash>, Vec<ChainBlock>), String> {
        let data_verbosity_level = Some(RpcDataVerbosityLevel::Low);
        let request =
            GetVirtualChainFromBlockV2Request { start_hash, data_verbosity_level, min_confirmation_count: None };
        let page: GetVirtualChainFromBlockV2Response =
            self.call(RpcApiOps::GetVirtualChainFromBlockV2, request).await?;
        let blocks = page.chain_block_accepted_transactions.iter().map(|block| {
            let header = &block.chain_block_header;
            let id = |data: &kaspa_rpc_core::RpcOptionalTransaction| data.verbose_data.as_ref()?.transaction_id;
            Some(ChainBlock {
                hash: header.hash?,
                blue_score: header.blue_score?,
                daa_score: header.daa_score?,
                timestamp_ms: header.timestamp?,
                accepted: block.accepted_transactions.iter().map(id).collect::<Option<_>>()?,
            })
        });
        let blocks: Vec<ChainBlock> = blocks.collect::<Option<_>>().ok_or("a field of low verbosity is missing")?;
        let hashes: Vec<Hash> = blocks.iter().map(|block| block.hash).collect();
        assert_eq!(hashes, *page.added_chain_block_hashes, "the node contradicts itself");
        Ok((page.removed_chain_block_hashes.to_vec(), blocks))
    }

    /// The node's selected chain above `base`, page after page up to its sink. Nothing may be mined meanwhile.
    pub async fn chain_above(&mut self, base: Hash) -> Vec<ChainBlock> {
        let mut chain: Vec<ChainBlock> = Vec::new();
        loop {
            let start = chain.last().map_or(base, |block| block.hash);
            let page = self.chain_page(start).await;
            let (removed, added) = page.unwrap_or_else(|error| panic!("no chain above {start}: {error}"));
            assert_eq!(removed, [], "{start} is not on the node's selected chain");
            if added.is_empty() {
                return chain;
            }
            chain.extend(added);
        }
    }
}

/// The answer to request `id` if this frame is one; notifications are `None`.
fn read_reply<A: SerializerT + DeserializerT>(id: u64, mut frame: &[u8]) -> Result<Option<Result<A, String>>, String> {
    let header: BorshServerMessageHeader<RpcApiOps, u64> =
        borsh::BorshDeserialize::deserialize(&mut frame).map_err(|error| error.to_string())?;
    match header.kind {
        ServerMessageKind::Notification => return Ok(None),
        ServerMessageKind::Error => {
            let error: ServerError = borsh::from_slice(frame).map_err(|error| error.to_string())?;
            return Err(error.to_string());
        }
        ServerMessageKind::Success => {}
    }
    if header.id != Some(id) {
        return Err(format!("asked {id}, got an answer to {:?}", header.id));
    }
    let answer: Result<Serializable<A>, ServerError> = borsh::from_slice(frame).map_err(|error| error.to_string())?;
    Ok(Some(answer.map(|answer| answer.0).map_err(|error| error.to_string())))
}
