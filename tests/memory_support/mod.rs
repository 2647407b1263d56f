//! A day of everything in one process, and the accounts of its memory.
//!
//! | file | room for |
//! |---|---|
//! | `allocator.rs` | books every allocated block to a component |
//! | `day.rs` | L1, follower and state machine joined: what happens when |
//! | `link.rs` | the connection of follower and node, and how it fails |
//! | `payments.rs` | what the transactions say, and the state machine that understands it |
//! | `record.rs` | what was seen of the memory, and what flat means |

pub mod allocator;
pub mod day;
pub mod link;
pub mod payments;
pub mod record;
