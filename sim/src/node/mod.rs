//! One node: what it knows of the DAG and what it answers. Sans-IO; block data stays in the shared store.
//!
//! | file | room for |
//! |---|---|
//! | `view.rs` | known blocks, tips, orphans, sink, selected chain, virtual |
//! | `virtual_parents.rs` | which tips the virtual merges |
//! | `rpc.rs` | answers to requests |
//! | `page.rs`, `page_writer.rs` | entries of a virtual chain page at each verbosity |
//! | `subscriptions.rs` | what a connection is notified of |
//!
//! Not modelled yet: bounded merge depth, finality (a node follows the heaviest tip however deep the reorganisation),
//! pruning, initial block download.

mod page;
mod page_writer;
mod rpc;
mod subscriptions;
mod view;
mod virtual_parents;

pub use rpc::{Answer, PAGE_MERGESETS, answer, answer_frame};
pub use subscriptions::Subscriptions;
pub use view::{NodeView, SinkChange};
