//! The wRPC wire in Borsh encoding, both directions, sans I/O.
//!
//! What comes from a node is untrusted: it is read by [`Reader`], which compares every length with the bytes that are
//! there, lends slices of the frame and allocates nothing. [`ServerFrame::parse`] reads a frame from a node,
//! [`ReplyFrame::decode`] the payload of a reply once it is known what was asked. What a parse has accepted can be
//! walked without errors. No byte sequence makes this module panic.
//!
//! What goes to a node is built from the types of `kaspa-rpc-core` ([`Request::encode`]). [`Request::parse`] and
//! [`encode`] are the node's side, for a simulated node.
//!
//! | file | room for |
//! |---|---|
//! | `reader.rs`, `hash_list.rs` | the bounded cursor, borrowed hashes |
//! | `frame.rs` | frame headers, replies told from notifications |
//! | `operation.rs`, `request.rs` | what can be asked |
//! | `reply.rs`, `info.rs`, `block.rs`, `chain_page.rs` | what is answered |
//! | `header.rs`, `header_hash.rs`, `parents.rs` | headers and their hashes |
//! | `notification.rs` | what comes unasked |
//! | `network.rs` | names of networks |
//! | `encode.rs` | frames from the server |
//! | `error.rs` | what can be wrong with bytes |

mod block;
mod chain_page;
pub mod encode;
mod error;
mod frame;
mod hash_list;
mod header;
mod header_hash;
mod info;
mod network;
mod notification;
mod operation;
mod parents;
mod reader;
mod reply;
mod request;

pub use block::{Block, BlockVerboseData};
pub use chain_page::{AcceptedTransaction, AcceptedTransactions, ChainBlock, ChainBlocks, ChainPage};
pub use error::WireError;
pub use frame::{FrameKind, ReplyFrame, RequestHeader, ServerFrame, ServerHeader};
pub use hash_list::{HashList, Hashes};
pub use header::Header;
pub(crate) use header_hash::{HASHED_TOGETHER, HeaderHasher};
pub use info::{BlockDagInfo, ServerInfo};
pub use network::{Network, NetworkError, NetworkKind};
pub use notification::{AcceptedIdLists, AcceptedIds, Notification, VirtualChainChanged};
pub use operation::{NotificationKind, Operation};
pub use parents::Parents;
pub use reader::Reader;
pub use reply::{RemoteError, Reply};
pub use request::{Request, Subscription, Verbosity};
