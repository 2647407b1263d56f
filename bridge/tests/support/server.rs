//! Servers on loopback sockets. All of a server's connections end with it.

#![expect(clippy::disallowed_methods, reason = "real sockets on the real runtime")]

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use bridge::wire::Request;
use futures_util::{SinkExt, StreamExt};
use kaspa_hashes::Hash;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::broadcast,
    task::{JoinHandle, JoinSet},
};
use tokio_tungstenite::{accept_async, tungstenite::Message};

use super::support::{
    node::{Answer, ScriptedNode},
    tree::Tree,
};

/// A listener that treats every connection in the same way.
pub struct Server {
    pub address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on a free port.
    pub async fn start<F>(behave: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), behave).await
    }

    /// Listens on this port, which may have been used before.
    pub async fn start_at<F>(address: SocketAddr, behave: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await.expect("the port is free");
        let address = listener.local_addr().expect("it is bound");
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                connections.spawn(behave(stream));
            }
        });
        Self { address, accepted, task }
    }

    /// Where a bridge finds it.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Connections so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A port on which nothing listens.
pub async fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("some port is free");
    listener.local_addr().expect("it is bound")
}

/// A scripted node that can be reached through sockets. Clones are the same node.
#[derive(Clone)]
pub struct SocketNode {
    state: Arc<Mutex<(Tree, ScriptedNode)>>,
    notifications: broadcast::Sender<Vec<u8>>,
    /// Connections that are open now.
    open: Arc<AtomicUsize>,
    /// Connections that ended with a close frame from the bridge.
    farewells: Arc<AtomicUsize>,
}

impl SocketNode {
    /// An honest node with one block.
    pub fn new() -> Self {
        let tree = Tree::new();
        let node = ScriptedNode::new(&tree);
        let (notifications, _) = broadcast::channel(1_024);
        Self {
            state: Arc::new(Mutex::new((tree, node))),
            notifications,
            open: Arc::default(),
            farewells: Arc::default(),
        }
    }

    /// Looks at or changes the node.
    pub fn with<R>(&self, look: impl FnOnce(&mut Tree, &mut ScriptedNode) -> R) -> R {
        let mut state = self.state.lock().expect("no test panics while it holds the lock");
        let (tree, node) = &mut *state;
        look(tree, node)
    }

    /// Adds blocks to its chain, with a notification for each.
    pub fn grow(&self, count: usize) {
        for _ in 0..count {
            self.with(|tree, node| {
                let sink = tree.extend(node.sink);
                if let Some(frame) = node.set_sink(tree, sink) {
                    // Without a connection nobody listens.
                    let _ = self.notifications.send(frame);
                }
            });
        }
    }

    /// Its chain from the first block to the sink.
    pub fn chain(&self) -> Vec<Hash> {
        self.with(|tree, node| tree.chain(node.sink))
    }

    /// How many connections are open now.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Serves it on a free port.
    pub async fn serve(&self) -> Server {
        self.serve_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Serves it on this port.
    pub async fn serve_at(&self, address: SocketAddr) -> Server {
        let node = self.clone();
        Server::start_at(address, move |stream| node.clone().converse(stream)).await
    }

    /// How many connections the bridge ended with a close frame.
    pub fn farewells(&self) -> usize {
        self.farewells.load(Ordering::SeqCst)
    }

    /// Serves one connection until it ends.
    pub async fn converse(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let _open = Open::new(&self.open);
        let mut notifications = self.notifications.subscribe();
        self.with(|_, node| node.subscribed = false);
        let Ok(mut socket) = accept_async(stream).await else { return };
        loop {
            let frame = tokio::select! {
                biased;
                Ok(frame) = notifications.recv() => Some(frame),
                message = socket.next() => match message {
                    Some(Ok(Message::Binary(bytes))) => match self.reply(&bytes) {
                        Ok(frame) => frame,
                        Err(HangUp) => return,
                    },
                    Some(Ok(Message::Close(_))) => {
                        self.farewells.fetch_add(1, Ordering::SeqCst);
                        None
                    }
                    Some(Ok(_)) => None,
                    Some(Err(_)) | None => return,
                },
            };
            if let Some(frame) = frame
                && socket.send(Message::Binary(frame.into())).await.is_err()
            {
                return;
            }
        }
    }

    fn reply(&self, bytes: &[u8]) -> Result<Option<Vec<u8>>, HangUp> {
        let (id, request) = Request::parse(bytes).expect("the bridge writes well-formed requests");
        match self.with(|tree, node| node.answer(tree, &request)) {
            Answer::HangUp => Err(HangUp),
            answer => Ok(answer.encode(id, request.operation())),
        }
    }
}

/// The node closes the connection.
struct HangUp;

/// Counts a connection for as long as it lives.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
