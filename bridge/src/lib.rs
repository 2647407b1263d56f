//! Follows a Kaspa L1 node over wRPC (Borsh): every chain block once, every reorg, and what is final.
//!
//! ```no_run
//! # use bridge::{Config, L1Bridge, L1Event, wire::Network};
//! # async fn follow() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::new(Network::MAINNET, ["ws://127.0.0.1:17110"])?;
//! let mut bridge = L1Bridge::start(config)?;
//! while let Some(event) = bridge.next().await {
//!     match &event {
//!         L1Event::BlockAdded(added) => println!("{} accepts {}", added.block.hash, added.accepted.len()),
//!         L1Event::Reorg(reorg) => println!("roll back to index {}", reorg.fork.index),
//!         L1Event::Finalized { block, .. } => println!("{} is final", block.hash),
//!         L1Event::Fatal(reason) => println!("{reason}"),
//!         other => println!("{other:?}"),
//!     }
//!     // Store the effects first, then acknowledge.
//!     if let Some(sequence) = event.sequence() {
//!         bridge.ack(sequence)?;
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What it guarantees
//!
//! - After every event the path that the events describe is a prefix of a selected chain that the node held while it
//!   answered. Each added block's header hashes to its hash and names the previous tip as its first parent, but for the
//!   blocks that say otherwise ([`BlockAdded::verified`]; see "Large pages").
//! - A reply is checked whole before its first effect. A reply that breaks the protocol changes nothing: the node is
//!   rejected, with the reason, and tried again later or replaced by the next in the list.
//! - A reorg is believed only if the node's chain is heavier than ours. No reorg goes below the finalized root, nor below
//!   the block at which the bridge began. If that was not the pruning point it is final only when the tip is
//!   [`Config::finality_depth`] above it; a node whose heavier chain leaves ours below it before that is refused as
//!   [`RejectReason::AnchorLeft`] and asked again for ever ([`StartAt::Sink`] says what that means).
//! - A reorg that happened while the consumer was away is told after the resume like any other. If the node does not know
//!   our tip any more, the fork is found at the newest older block of ours that it serves.
//! - Notifications are hints. What is applied is what the node answers when asked for the chain from our own tip, so
//!   lost, repeated, reordered and empty notifications change nothing.
//! - Every lost connection is retried for ever, with growing pauses, and subscribed anew. [`L1Event::Fatal`] comes only
//!   when no configured node can ever be followed.
//! - While the consumer does not acknowledge, at most [`Config::high_water_mark`] events and one page wait in memory.
//!
//! # Stop and go on
//!
//! A [`Checkpoint`] says where a consumer stands. It belongs into the same transaction as the effects of the event, and
//! so does what the event changed in the references to the chain from root to tip, the [`Window`]: a consumer with a
//! database inserts, deletes and looks them up there ([`Checkpoint::new`]), a small one stores the whole. What is stored
//! but was not acknowledged does not come again, and nothing is left out.
//!
//! ```no_run
//! # use bridge::{Checkpoint, ChainRef, Config, L1Bridge, L1Event, Window, wire::Network};
//! /// What the consumer has on disk.
//! trait Store {
//!     /// The checkpoint's bytes and the blocks of the window, if anything was stored yet.
//!     fn load(&self) -> Option<(Vec<u8>, Vec<ChainRef>)>;
//!     /// Applies the event to the consumer's own state and stores all of it in one transaction.
//!     fn commit(&mut self, event: &L1Event, checkpoint: &[u8], window: &Window);
//! }
//!
//! async fn follow(config: Config, store: &mut impl Store) -> Result<(), Box<dyn std::error::Error>> {
//!     let network = config.network;
//!     let (mut bridge, mut window) = match store.load() {
//!         None => (L1Bridge::start(config)?, None),
//!         Some((bytes, blocks)) => {
//!             let checkpoint = Checkpoint::decode(&bytes)?;
//!             let bridge = L1Bridge::resume(config, &checkpoint, Some(&blocks))?;
//!             (bridge, Some(Window::restored(&checkpoint, blocks)?))
//!         }
//!     };
//!     while let Some(event) = bridge.next().await {
//!         let Some(sequence) = event.sequence() else { continue };
//!         if window.is_none() {
//!             window = bridge.anchor().map(Window::new);
//!         }
//!         let Some(window) = &mut window else { continue };
//!         window.apply(&event)?;
//!         store.commit(&event, &window.checkpoint(network)?.encode(), window);
//!         bridge.ack(sequence)?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! A consumer that stores nothing but the checkpoint resumes without the window: the bridge fetches it back from the
//! node, and [`Window::of_checkpoint`] makes the next checkpoints. It pays with the time that takes, and with what the node
//! does not know any more: if the tip is gone there, the reorg goes back to an older entry of the locator and names no
//! removed blocks ([`Reorg::removed_known`]).
//!
//! # Large pages
//!
//! A node decides how much of the chain it sends at once. A page that may be large and does not come in time, or at which
//! the connection ends, is asked smaller, at last at lower verbosity. There the header of each page's last block is
//! fetched and checked before anything of the page is told, while the continuity up to it is the node's word
//! ([`BlockAdded::verified`]). A node that lies there can make honest nodes look malformed later, when the chain forks
//! among those blocks: they are refused, nothing false is added, and the remedy is to resume from an older checkpoint.
//!
//! # What it does not check
//!
//! Proof of work is not checked, nor whether a header's blue work fits its blue score and target: a node can invent a
//! chain, and make it as heavy as it likes. Blue work and blue score must rise, and blue score by no more than a mergeset
//! can hold. Follow nodes that you trust, best your own.
//!
//! # Map
//!
//! | module | room for |
//! |---|---|
//! | [`wire`] | frames to and from a node, read with limits |
//! | [`follower`] | what to ask, what to believe, what to tell: no I/O, no clock |
//! | `chain`, `page` | the followed chain; a page checked against it |
//! | `client`, `queue`, `bridge` | the async shell, the hand-over, the consumer's handle |
//! | [`telemetry`] | spans and metrics, made of what passes the shell |
//! | `config`, `filter`, `event`, `error`, `remote_error` | what goes in and what comes out |
//! | `checkpoint`, `window` | what a consumer stores, and a later bridge goes on from |

mod bridge;
mod chain;
mod checkpoint;
mod client;
mod config;
mod error;
mod event;
mod filter;
pub mod follower;
mod page;
mod queue;
mod remote_error;
pub mod telemetry;
mod window;
pub mod wire;

pub use bridge::{AckError, L1Bridge};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use client::{Clock, Transport};
pub use config::{Config, ConfigError, NodeUrl, PUBLIC_NETWORK_FINALITY_DEPTH, StartAt, UrlProblem};
pub use error::{DisconnectReason, FatalError, RejectReason, Violation};
pub use event::{AcceptedTransaction, BlockAdded, ChainRef, L1Event, Reorg};
pub use filter::Filter;
pub use remote_error::RemoteError;
pub use window::{Window, WindowError};
