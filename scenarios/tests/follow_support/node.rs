//! The model node of a simulated L1, served on a real socket by a thread of its own. The test decides when the L1 moves.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use bridge::wire::Request;
use futures_util::{SinkExt, StreamExt};
use scenarios::{plan::Plan, scenario::Scenario};
use sim::{
    network::Network,
    node::{Answer, Subscriptions},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    runtime,
    sync::broadcast,
};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::{accept_async, tungstenite::Message};

/// The node that is followed: in this scenario the one that is cut off and joined again.
const NODE: usize = 0;

/// Notifications that may wait for a connection; beyond them some are lost, as hints may be.
const WAITING_NOTIFICATIONS: usize = 10_000;

/// The version that model nodes tell, with its length before it as in Borsh.
const VERSION: &[u8; 9] = b"\x05\0\0\x002.1.0";

/// A node, for as long as the test runs. Clones are the same node.
#[derive(Clone)]
pub struct Node {
    state: Arc<Mutex<State>>,
    notifications: broadcast::Sender<Vec<u8>>,
    address: SocketAddr,
    finality_depth: u64,
}

struct State {
    network: Network,
    /// Of the newest connection.
    subscriptions: Subscriptions,
    /// What it tells in place of its version.
    version: Option<[u8; 5]>,
}

/// What is true of a chain block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrueBlock {
    pub hash: String,
    pub blue_score: u64,
    pub daa_score: u64,
    pub timestamp_ms: u64,
    /// Id, subnetwork and payload of the accepted transactions, in order, all in hex.
    pub accepted: Vec<(String, String, String)>,
}

impl Node {
    /// The followed node of the reorg scenario, at genesis, served on a free port.
    pub fn start(storm_seconds: u64) -> Self {
        Self::start_behind(storm_seconds, None)
    }

    /// The same behind TLS.
    pub fn start_behind(storm_seconds: u64, tls: Option<TlsAcceptor>) -> Self {
        let mut plan: Plan = Scenario::Reorg.plan(7, storm_seconds);
        // Its whole chain is there to be followed, however long it mines.
        plan.parameters.pruning_depth = 1_000_022;
        let network = Network::new(plan.network()).expect("the scenario makes a possible network");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let state = State { network, subscriptions: Subscriptions::default(), version: None };
        let node = Self {
            state: Arc::new(Mutex::new(state)),
            notifications: broadcast::channel(WAITING_NOTIFICATIONS).0,
            address: listener.local_addr().expect("the listener is bound"),
            finality_depth: plan.parameters.finality_depth,
        };
        let serving = node.clone();
        thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
            runtime.block_on(serving.serve(listener, tls));
        });
        node
    }

    /// Where it can be reached without TLS.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Where it can be reached behind TLS, by a name for which there can be a certificate.
    pub fn tls_url(&self) -> String {
        format!("wss://localhost:{}", self.address.port())
    }

    /// Lets it tell another version, of the same length, to whoever connects from now on.
    pub fn call_itself(&self, version: [u8; 5]) {
        self.state.lock().expect("no holder panics").version = Some(version);
    }

    /// The finality depth of its network.
    pub fn finality_depth(&self) -> u64 {
        self.finality_depth
    }

    /// Lets events of the L1 happen; false when it is at rest.
    pub fn step(&self, events: usize) -> bool {
        let mut state = self.state.lock().expect("no holder panics");
        let State { network, subscriptions, .. } = &mut *state;
        (0..events).all(|_| {
            let Some(step) = network.step().expect("the L1 has room for its blocks") else { return false };
            if let Some((NODE, change)) = &step.resolved {
                for frame in network.notifications(NODE, change, subscriptions) {
                    // Without a connection nobody listens.
                    let _ = self.notifications.send(frame);
                }
            }
            true
        })
    }

    /// Lets everything happen that is left.
    pub fn run_to_rest(&self) {
        while self.step(1_000) {}
    }

    /// The same, slowly enough that a follower sees chains that lose.
    pub fn run_slowly(&self) {
        while self.step(40) {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its selected chain from the block after genesis to the sink.
    pub fn chain(&self) -> Vec<TrueBlock> {
        let state = self.state.lock().expect("no holder panics");
        let store = state.network.store();
        let chain = state.network.node(NODE).chain().iter().skip(1);
        let blocks = chain.map(|&id| {
            let header = store.header(id);
            let accepted = store.accepted_by(id).map(|accepted| {
                let transaction = store.transaction(accepted.transaction);
                let subnetwork: &[u8] = transaction.subnetwork_id.as_ref();
                (transaction.id().to_string(), hex::encode(subnetwork), hex::encode(&transaction.payload))
            });
            TrueBlock {
                hash: header.hash.to_string(),
                blue_score: header.blue_score,
                daa_score: header.daa_score,
                timestamp_ms: header.timestamp,
                accepted: accepted.collect(),
            }
        });
        blocks.collect()
    }

    async fn serve(self, listener: std::net::TcpListener, tls: Option<TlsAcceptor>) {
        listener.set_nonblocking(true).expect("a socket can be told so");
        let listener = TcpListener::from_std(listener).expect("the runtime takes it");
        while let Ok((stream, _)) = listener.accept().await {
            let (node, tls) = (self.clone(), tls.clone());
            tokio::spawn(async move {
                let Some(tls) = tls else { return node.converse(stream).await };
                // A client that does not trust the certificate goes away.
                if let Ok(stream) = tls.accept(stream).await {
                    node.converse(stream).await;
                }
            });
        }
    }

    /// Serves one connection until it ends.
    async fn converse(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut notifications = self.notifications.subscribe();
        self.state.lock().expect("no holder panics").subscriptions = Subscriptions::default();
        let Ok(mut socket) = accept_async(stream).await else { return };
        loop {
            let frame = tokio::select! {
                biased;
                Ok(frame) = notifications.recv() => frame,
                message = socket.next() => match message {
                    Some(Ok(Message::Binary(bytes))) => self.answer(&bytes),
                    Some(Ok(_)) => continue,
                    Some(Err(_)) | None => return,
                },
            };
            if socket.send(Message::Binary(frame.into())).await.is_err() {
                return;
            }
        }
    }

    fn answer(&self, frame: &[u8]) -> Vec<u8> {
        let (id, request) = Request::parse(frame).expect("the bridge sends well-formed requests");
        let mut state = self.state.lock().expect("no holder panics");
        if let Request::Subscribe(scope) = &request {
            state.subscriptions.apply(scope, true);
        }
        match state.network.answer(NODE, id, &request) {
            Answer::Reply(mut reply) => {
                let version = state.version.filter(|_| matches!(request, Request::GetServerInfo));
                let place = reply.windows(VERSION.len()).position(|bytes| bytes == VERSION);
                if let (Some(version), Some(place)) = (version, place) {
                    reply[place + 4..place + VERSION.len()].copy_from_slice(&version);
                }
                reply
            }
            Answer::DropConnection => panic!("the bridge asks only what a node answers"),
        }
    }
}
