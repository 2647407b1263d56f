//! The model node of a simulated L1, served on a real socket by a thread of its own. The test decides when the L1 moves.
//!
//! The L1 lives in that thread, and the test sends what it wants done with it.

use std::{cell::RefCell, collections::VecDeque, net::SocketAddr, rc::Rc, sync::mpsc, thread, time::Duration};

use bridge::wire::Request;
use futures_util::{SinkExt, StreamExt};
use scenarios::{plan::Plan, scenario::Scenario};
use sim::{
    network::Network,
    node::{Answer, Subscriptions},
    random::Stream,
    workload::PayloadSource,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    runtime,
    sync::{
        broadcast,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    },
    task::{LocalSet, spawn_local},
};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::{accept_async, tungstenite::Message};

/// The node that is followed: in this scenario the one that is cut off and joined again.
const NODE: usize = 0;

/// Everything that an L1 does follows from it.
const SEED: u64 = 7;

/// Notifications that may wait for a connection; beyond them some are lost, as hints may be.
const WAITING_NOTIFICATIONS: usize = 10_000;

/// The version that model nodes tell, with its length before it as in Borsh.
const VERSION: &[u8; 9] = b"\x05\0\0\x002.1.0";

/// A node, for as long as the test runs.
pub struct Node {
    works: UnboundedSender<Work>,
    address: SocketAddr,
    finality_depth: u64,
}

/// What is to be done with the L1.
type Work = Box<dyn FnOnce(&mut State) + Send>;

struct State {
    network: Network,
    notifications: broadcast::Sender<Vec<u8>>,
    /// Of the newest connection.
    subscriptions: Subscriptions,
    /// What it tells in place of its version.
    version: Option<[u8; 5]>,
}

/// Payloads for the first transactions that are mined; later ones are random.
struct FirstPayloads(VecDeque<Vec<u8>>);

impl PayloadSource for FirstPayloads {
    fn payload(&mut self, _stream: &mut Stream, _miner: usize, _at_daa_score: u64) -> Option<Vec<u8>> {
        self.0.pop_front()
    }
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
        Self::serve(SEED, storm_seconds, None, Vec::new())
    }

    /// A node of another L1, which has the same genesis and no other block in common.
    pub fn start_elsewhere(storm_seconds: u64) -> Self {
        Self::serve(SEED + 1, storm_seconds, None, Vec::new())
    }

    /// The same as at first, behind TLS.
    pub fn start_behind(storm_seconds: u64, tls: TlsAcceptor) -> Self {
        Self::serve(SEED, storm_seconds, Some(tls), Vec::new())
    }

    /// The same as at first, with these payloads in the first transactions. Some may not be accepted, as in reality.
    pub fn start_carrying(storm_seconds: u64, payloads: Vec<Vec<u8>>) -> Self {
        Self::serve(SEED, storm_seconds, None, payloads)
    }

    fn serve(seed: u64, storm_seconds: u64, tls: Option<TlsAcceptor>, payloads: Vec<Vec<u8>>) -> Self {
        let mut plan: Plan = Scenario::Reorg.plan(seed, storm_seconds);
        // Its whole chain is there to be followed, however long it mines.
        plan.parameters.pruning_depth = 1_000_022;
        let finality_depth = plan.parameters.finality_depth;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("the listener is bound");
        let (works, waiting) = unbounded_channel();
        thread::spawn(move || {
            let network = if payloads.is_empty() {
                Network::new(plan.network())
            } else {
                Network::with_payloads(plan.network(), Box::new(FirstPayloads(payloads.into())))
            };
            let state = State {
                network: network.expect("the scenario makes a possible network"),
                notifications: broadcast::channel(WAITING_NOTIFICATIONS).0,
                subscriptions: Subscriptions::default(),
                version: None,
            };
            let server = Server(Rc::new(RefCell::new(state)));
            let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
            LocalSet::new().block_on(&runtime, server.serve(listener, tls, waiting));
        });
        Self { works, address, finality_depth }
    }

    /// Does something with the L1, and waits for it.
    fn with<T: Send + 'static>(&self, work: impl FnOnce(&mut State) -> T + Send + 'static) -> T {
        let (sender, result) = mpsc::channel();
        let work: Work = Box::new(move |state| {
            let _ = sender.send(work(state));
        });
        self.works.send(work).unwrap_or_else(|_| panic!("the model node has ended"));
        result.recv().expect("the model node does what it is told")
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
        self.with(move |state| state.version = Some(version));
    }

    /// The finality depth of its network.
    pub fn finality_depth(&self) -> u64 {
        self.finality_depth
    }

    /// Lets events of the L1 happen; false when it is at rest.
    pub fn step(&self, events: usize) -> bool {
        self.with(move |state| (0..events).all(|_| state.step()))
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
        self.with(|state| state.chain())
    }
}

impl State {
    fn step(&mut self) -> bool {
        let Some(step) = self.network.step().expect("the L1 has room for its blocks") else { return false };
        if let Some((NODE, change)) = &step.resolved {
            for frame in self.network.notifications(NODE, change, &self.subscriptions) {
                // Without a connection nobody listens.
                let _ = self.notifications.send(frame);
            }
        }
        true
    }

    fn chain(&self) -> Vec<TrueBlock> {
        let store = self.network.store();
        let chain = self.network.node(NODE).chain().iter().skip(1);
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

    fn answer(&mut self, frame: &[u8]) -> Vec<u8> {
        let (id, request) = Request::parse(frame).expect("the bridge sends well-formed requests");
        if let Request::Subscribe(scope) = &request {
            self.subscriptions.apply(scope, true);
        }
        match self.network.answer(NODE, id, &request) {
            Answer::Reply(mut reply) => {
                let version = self.version.filter(|_| matches!(request, Request::GetServerInfo));
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

/// The node's end of the socket. Clones have one L1.
#[derive(Clone)]
struct Server(Rc<RefCell<State>>);

impl Server {
    /// Takes connections, and does what the test wants in between, until the test is over.
    async fn serve(
        self,
        listener: std::net::TcpListener,
        tls: Option<TlsAcceptor>,
        mut waiting: UnboundedReceiver<Work>,
    ) {
        listener.set_nonblocking(true).expect("a socket can be told so");
        let listener = TcpListener::from_std(listener).expect("the runtime takes it");
        loop {
            let stream = tokio::select! {
                biased;
                work = waiting.recv() => match work {
                    Some(work) => {
                        work(&mut self.0.borrow_mut());
                        continue;
                    }
                    None => return,
                },
                accepted = listener.accept() => accepted.expect("the listener lives").0,
            };
            let (server, tls) = (self.clone(), tls.clone());
            spawn_local(async move {
                let Some(tls) = tls else { return server.converse(stream).await };
                // A client that does not trust the certificate goes away.
                if let Ok(stream) = tls.accept(stream).await {
                    server.converse(stream).await;
                }
            });
        }
    }

    /// Serves one connection until it ends.
    async fn converse(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut notifications = {
            let mut state = self.0.borrow_mut();
            state.subscriptions = Subscriptions::default();
            state.notifications.subscribe()
        };
        let Ok(mut socket) = accept_async(stream).await else { return };
        loop {
            let frame = tokio::select! {
                biased;
                Ok(frame) = notifications.recv() => frame,
                message = socket.next() => match message {
                    Some(Ok(Message::Binary(bytes))) => self.0.borrow_mut().answer(&bytes),
                    Some(Ok(_)) => continue,
                    Some(Err(_)) | None => return,
                },
            };
            if socket.send(Message::Binary(frame.into())).await.is_err() {
                return;
            }
        }
    }
}
