//! One node: what it knows of the DAG and what it answers. Sans-IO; block data stays in the shared store.
//!
//! | file | room for |
//! |---|---|
//! | `view.rs` | known blocks, tips, arrivals, the virtual |
//! | `sink.rs` | which tip becomes the sink, and what finality forbids |
//! | `virtual_parents.rs` | what the virtual merges |
//! | `selected_chain.rs`, `block_set.rs`, `orphans.rs` | the chain by height, known blocks, blocks that wait |
//! | `pruning.rs` | how the pruning point advances, and what is deleted |
//! | `sync.rs` | headers first, bodies later; resets |
//! | `request.rs` | what can be asked of a node |
//! | `rpc/` | answers to requests |
//! | `page.rs`, `page_writer.rs` | entries of a virtual chain page at each verbosity |
//! | `subscriptions.rs` | what a connection is notified of |

mod block_set;
mod orphans;
mod page;
mod page_writer;
mod pruning;
mod request;
mod rpc;
mod selected_chain;
mod sink;
mod subscriptions;
mod sync;
mod view;
mod virtual_parents;

pub use request::{BadRequest, NodeRequest};
pub use rpc::{Answer, PAGE_MERGESETS, answer, answer_frame};
pub use selected_chain::SelectedChain;
pub use subscriptions::{NodeSubscription, Subscriptions};
pub use sync::Progress;
pub use view::{BlockStatus, NodeView, SinkChange};
