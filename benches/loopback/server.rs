//! A simulated node behind a real socket: wRPC Borsh over WebSocket on loopback, from a thread of its own, one session after
//! the other.
//!
//! The L1 is at rest: nothing is mined while anybody follows. Entries of pages at Full verbosity are encoded once in the life
//! of the node, which keeps them all; at other verbosities anew for each request.

use std::{net::SocketAddr, sync::mpsc, thread, time::Duration};

use dagstorm_benches::clock::thread_cpu_time;
use futures_util::{SinkExt, StreamExt};
use kaspa_hashes::Hash;
use sim::{
    network::{History, Network, NetworkConfig},
    node::Answer,
    params::ParameterSet,
    workload::WorkloadConfig,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{accept_async, tungstenite::Message};

const NODE: usize = 0;

const MINERS: usize = 8;

/// In 1,000 blocks; a chain block merges more than three of them, and so accepts ten transactions on average.
const TRANSACTIONS: u32 = 3_000;

/// More than the whole chain takes.
const ENTRY_BYTES: usize = 256 << 20;

/// A node that serves.
pub struct Server {
    /// Where.
    pub address: SocketAddr,
    /// The last block that a client must find.
    pub sink: Hash,
    sessions: mpsc::Receiver<Served>,
}

/// What one session cost the node.
#[derive(Clone, Copy, Default)]
pub struct Served {
    /// CPU time.
    pub cpu: Duration,
    /// Bytes of all replies.
    pub bytes: usize,
    /// Their number.
    pub replies: usize,
}

impl Server {
    /// Mines for so long, then serves until the process ends.
    pub fn start(mining: Duration) -> Self {
        let (ready, is_ready) = mpsc::channel();
        let (over, sessions) = mpsc::channel();
        #[expect(clippy::disallowed_methods, reason = "the node is no part of what is measured")]
        thread::spawn(move || {
            let network = mined(mining);
            let sink = network.store().dag().hash(network.node(NODE).sink());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
            runtime.expect("the system has threads and sockets").block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
                let address = listener.local_addr().expect("the listener is bound");
                ready.send((address, sink)).expect("whoever starts a server waits for it");
                serve(network, listener, over).await;
            });
        });
        let (address, sink) = is_ready.recv().expect("the server comes up");
        Self { address, sink, sessions }
    }

    /// What the oldest session not asked for yet cost; waits for its end.
    pub fn session(&self) -> Served {
        self.sessions.recv().expect("the server lives as long as the process")
    }
}

/// An L1 of mainnet's parameters at rest.
fn mined(mining: Duration) -> Network {
    let config = NetworkConfig {
        workload: WorkloadConfig::mixed(TRANSACTIONS, 8 * TRANSACTIONS / 1_000),
        mining_until: mining,
        history: History::Kept,
        ..NetworkConfig::new(1, ParameterSet::mainnet(), vec![1; MINERS])
    };
    let mut network = Network::new(config).expect("the parameters are mainnet's and every value is within its bounds");
    while network.step().expect("the store has ids for billions of blocks").is_some() {}
    network.keep_page_entries(ENTRY_BYTES);
    network
}

async fn serve(mut network: Network, listener: TcpListener, over: mpsc::Sender<Served>) {
    loop {
        let (stream, _) = listener.accept().await.expect("the listener stands");
        let before = thread_cpu_time();
        let mut served = session(&mut network, stream).await;
        served.cpu = thread_cpu_time() - before;
        if over.send(served).is_err() {
            return;
        }
    }
}

/// Answers until the client is gone.
async fn session(network: &mut Network, stream: TcpStream) -> Served {
    stream.set_nodelay(true).expect("a connected socket has this option");
    let mut socket = accept_async(stream).await.expect("clients speak WebSocket");
    let mut served = Served::default();
    while let Some(Ok(message)) = socket.next().await {
        let Message::Binary(frame) = message else { continue };
        let Answer::Reply(reply) = network.answer_frame(NODE, &frame) else { break };
        served.bytes += reply.len();
        served.replies += 1;
        if socket.send(Message::Binary(reply.into())).await.is_err() {
            break;
        }
    }
    served
}
