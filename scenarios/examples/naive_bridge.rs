//! Storms over a bridge of one's own: a short follower that asks its node every second how the chain goes on.
//!
//! `cargo run --release -p scenarios --example naive_bridge` storms it twice. While only the chain misbehaves it passes every
//! checker. As soon as connections do, the storm finds what it lacks: it waits for a reply for ever, so that one connection which
//! dies in silence ends it. The card says so, and how to see it again.

use std::{convert::Infallible, future::Future, pin::Pin, process::ExitCode, time::Duration};

use bridge::{
    AcceptedTransaction, BlockAdded, ChainRef, Clock, Config, DisconnectReason, L1Event, PUBLIC_NETWORK_FINALITY_DEPTH,
    Reorg, Transport,
    wire::{ChainPage, Reply, Request, ServerFrame, Verbosity},
};
use futures_util::{SinkExt, StreamExt};
use scenarios::{
    harness::{Bridge, Storm},
    scenario::Scenario,
};
use sim::world::host::{SimClock, SimTransport};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

/// The handle; the follower itself is in the future that drives it.
pub struct NaiveBridge(UnboundedReceiver<L1Event>);

impl Bridge for NaiveBridge {
    fn start(config: Config, transport: SimTransport, clock: SimClock) -> (Self, Pin<Box<dyn Future<Output = ()>>>) {
        let (events, taken) = unbounded_channel();
        let pause = config.backoff_min;
        let follower = Follower { config, events, chain: Vec::new(), root: 0, sequence: 0, pause };
        (Self(taken), Box::pin(follower.run(transport, clock)))
    }

    async fn next(&mut self) -> Option<L1Event> {
        self.0.recv().await
    }

    // It fetches what there is, however much waits.
    fn acknowledge(&mut self, _: u64) {}
}

/// Written against [`Transport`] and [`Clock`] only: the same code follows a real node.
struct Follower {
    config: Config,
    events: UnboundedSender<L1Event>,
    /// The anchor and all chain blocks above it.
    chain: Vec<ChainRef>,
    /// Place of the newest final block.
    root: usize,
    sequence: u64,
    /// Time until the next attempt, if this one fails.
    pause: Duration,
}

/// Why a session ends: the connection broke, or the node said something of no use.
struct Ended;

impl Follower {
    async fn run(mut self, transport: impl Transport, clock: impl Clock) {
        let node = self.config.nodes[0].to_string();
        for session in 1.. {
            let mut is_told = false;
            let Err(Ended) = self.live(session, &mut is_told, &transport, &clock).await;
            let (retry_in, reason, node) = (self.pause, DisconnectReason::ClosedByNode, node.clone());
            self.pause = (self.pause * 2).min(self.config.backoff_max);
            self.tell(match is_told {
                true => L1Event::Disconnected { session, reason, retry_in: Some(retry_in) },
                false => L1Event::Unreachable { node, reason, retry_in },
            });
            clock.sleep_until(clock.now() + retry_in).await;
        }
    }

    /// A session; whether its begin was told goes to `is_told`.
    async fn live(
        &mut self,
        session: u64,
        is_told: &mut bool,
        transport: &impl Transport,
        clock: &impl Clock,
    ) -> Result<Infallible, Ended> {
        let (url, network) = (self.config.nodes[0].clone(), self.config.network);
        let stream = transport.connect(&url).await.map_err(|_| Ended)?;
        let (socket, _) = client_async(url.as_str(), stream).await.map_err(|_| Ended)?;
        let mut node = Node { socket, id: 0 };
        let server_version = node.ask(Request::GetServerInfo, |reply| match reply {
            Reply::ServerInfo(info) => Some(info.server_version.to_owned()),
            _ => None,
        });
        let server_version = server_version.await?;
        self.tell(L1Event::Connected { session, node: url.to_string(), server_version, network });
        *is_told = true;
        if self.chain.is_empty() {
            self.chain.push(node.pruning_point().await?);
        }
        loop {
            let (start_hash, verbosity) = (self.tip().hash, Verbosity::Full);
            let request = Request::GetVirtualChainFromBlockV2 { start_hash, verbosity, min_confirmation_count: None };
            let added = node.ask(request, |reply| match reply {
                Reply::ChainPage(page) => self.apply(page),
                _ => None,
            });
            // There may be more than a page.
            if added.await? == 0 {
                clock.sleep_until(clock.now() + self.config.poll_interval).await;
            }
        }
    }

    /// Follows a page; how many blocks it added. `None` if it is not to be believed: what of it came before that is told.
    fn apply(&mut self, page: &ChainPage<'_>) -> Option<usize> {
        if !page.removed.is_empty() {
            let old_tip = self.tip();
            let kept = self.chain.len().checked_sub(page.removed.len()).filter(|kept| *kept > self.root)?;
            self.chain.truncate(kept);
            let (sequence, fork) = (self.next_sequence(), self.tip());
            let removed = page.removed.to_vec();
            self.tell(L1Event::Reorg(Reorg { sequence, fork, old_tip, removed, removed_known: true }));
        }
        for block in page.blocks() {
            let (header, parent) = (block.header, self.tip());
            let hash = header.computed_hash().filter(|_| header.first_parent() == Some(parent.hash))?;
            let (daa_score, timestamp_ms) = (header.daa_score?, header.timestamp_ms?);
            let accepted = (0..).zip(block.accepted).map(|(acceptance_index, transaction)| {
                let (id, subnetwork_id) = (transaction.id?, transaction.subnetwork_id?);
                let payload = transaction.payload?.to_vec();
                Some(AcceptedTransaction { id, acceptance_index, subnetwork_id, payload })
            });
            let accepted = accepted.collect::<Option<_>>()?;
            let block = ChainRef { hash, index: parent.index + 1, blue_score: header.blue_score? };
            self.chain.push(block);
            self.pause = self.config.backoff_min;
            let (sequence, parent, verified) = (self.next_sequence(), parent.hash, true);
            self.tell(L1Event::BlockAdded(BlockAdded {
                sequence,
                block,
                parent,
                daa_score,
                timestamp_ms,
                accepted,
                verified,
            }));
        }
        self.finalize();
        Some(page.added.len())
    }

    /// Moves the root to the newest block that is deep enough below the tip.
    fn finalize(&mut self) {
        let (tip, depth) = (self.tip(), self.config.finality_depth.unwrap_or(PUBLIC_NETWORK_FINALITY_DEPTH));
        let deep = self.chain[self.root + 1..].iter().take_while(|block| tip.blue_score - block.blue_score >= depth);
        let moved = deep.count();
        if moved > 0 {
            self.root += moved;
            let (sequence, block) = (self.next_sequence(), self.chain[self.root]);
            self.tell(L1Event::Finalized { sequence, block });
        }
    }

    fn tip(&self) -> ChainRef {
        self.chain[self.chain.len() - 1]
    }

    fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    fn tell(&self, event: L1Event) {
        // Nobody listens any more when the run is over.
        let _ = self.events.send(event);
    }
}

/// A session with a node.
struct Node<S> {
    socket: WebSocketStream<S>,
    id: u64,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Node<S> {
    /// Asks and waits for the answer, however long that takes.
    async fn ask<T>(&mut self, request: Request, read: impl FnOnce(&Reply<'_>) -> Option<T>) -> Result<T, Ended> {
        self.id += 1;
        let sent = self.socket.send(Message::Binary(request.encode(self.id).into())).await;
        sent.map_err(|_| Ended)?;
        while let Some(Ok(message)) = self.socket.next().await {
            if let Message::Binary(bytes) = message
                && let Ok(ServerFrame::Reply(reply)) = ServerFrame::parse(&bytes)
                && reply.id == self.id
            {
                let reply = reply.decode(request.operation());
                return reply.ok().and_then(Result::ok).and_then(|reply| read(&reply)).ok_or(Ended);
            }
        }
        Err(Ended)
    }

    /// The oldest block that the node has: on it everything else builds.
    async fn pruning_point(&mut self) -> Result<ChainRef, Ended> {
        let hash = self.ask(Request::GetBlockDagInfo, |reply| match reply {
            Reply::BlockDagInfo(info) => Some(info.pruning_point_hash),
            _ => None,
        });
        let hash = hash.await?;
        let blue_score = self.ask(Request::GetBlock { hash, include_transactions: false }, |reply| match reply {
            Reply::Block(block) => block.header.blue_score,
            _ => None,
        });
        Ok(ChainRef { hash, index: 0, blue_score: blue_score.await? })
    }
}

fn main() -> ExitCode {
    for scenario in [Scenario::Reorg, Scenario::Disconnect] {
        match Storm::of_bridge::<NaiveBridge>().scenario(scenario).run() {
            Ok(sweep) => match sweep.failed() {
                None => println!("{}: {} runs passed", scenario.name(), sweep.runs().len()),
                Some(failed) => println!("{}: run {} failed\n\n{failed}", scenario.name(), sweep.runs().len()),
            },
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::from(2);
            }
        }
    }
    ExitCode::SUCCESS
}
