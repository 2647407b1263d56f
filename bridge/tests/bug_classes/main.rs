//! What was seen to go wrong in programs that follow a Kaspa node, each as the story in which it was seen, against scripted
//! nodes in virtual time. A class keeps its letter and number: A finality and anchor, B nodes that change, C volume,
//! D connection, E consumers.
//!
//! Each story fails when what handles its class is removed: `planted --handling` (crate `scenarios`) removes it, in a copy of
//! this crate, as the files in `scenarios/planted/handling` say, and runs the story against that copy. A test of
//! `scenarios` holds this table, the stories and those files together.
//!
//! | class | what was seen | here |
//! |---|---|---|
//! | A1 | finalization never advances | `finality` |
//! | A2 | a reorg exactly at the lowest block that is kept | `finality` |
//! | A3 | the anchor is orphaned before the first block | `finality` |
//! | A4 | the anchor is not stored | `finality` |
//! | A5 | an adaptive filter is poisoned | not here: confirmations are a fixed number; the reorg that was none is B1 |
//! | A6 | an orphan, or what is above the tip, is made final | `finality` |
//! | A7 | wrong answers outside of what was restored | `finality` |
//! | A8 | a passing error at the start is the end | `finality` |
//! | A9 | the pruning point moves before it is asked from | `finality` |
//! | A10 | a chain that forks below what is final | `finality` |
//! | B1 | a node behind the bridge that knows its tip | `switching` |
//! | B2 | a node behind the bridge that does not | `switching` |
//! | B3 | the checkpoint is pruned while away | `switching` |
//! | B4 | the checkpoint is orphaned while away | `switching` |
//! | B5 | a node in transition | `switching` |
//! | B6 | the consensus is reset under the connection | `switching` |
//! | B7 | another network | `switching` |
//! | B8 | a node that is too old | `switching` |
//! | B9 | elided fields | `switching` |
//! | B10 | structures of another version | `switching` |
//! | B11 | a request that crashes the node | `switching` |
//! | B12 | a connection that is dead without an end | `switching` |
//! | C1 | pages that take longer than the limit, asked unchanged | `volume` |
//! | C2 | pages at which the connection ends | `volume` |
//! | C3 | a cut page is taken for the whole | `volume` |
//! | C4 | removals with little or nothing added | `volume` |
//! | C5 | what a confirmation count means, and the tail | `volume` |
//! | C6 | a backlog of announcements | `volume` |
//! | C7 | a shutdown that waits | `volume` |
//! | C8 | a node that is busy pruning | `volume` |
//! | D1 | no subscription after a reconnect | `connection` |
//! | D2 | a change lost around the subscription | `connection` |
//! | D3 | a subscription that fails in silence | `connection` |
//! | D4 | the bridge ends with the first connection | `connection` |
//! | D5 | ends and beginnings that come twice | `connection` |
//! | D6 | an answer of the session before | `connection` |
//! | D7 | announcements repeated, reordered, empty | `connection` |
//! | D8 | a storm of connections | `connection` |
//! | D9 | a frozen node | `connection` |
//! | E1 | blocks that come back after a reorg | `consumer` |
//! | E2 | a gap of ids bricks a restart | not here: there are no ids; identity is the hash |
//! | E3 | waiters that are not woken when work is cancelled | not here: of the state machine that executes blocks |
//! | E4 | cancelled work in the output | not here: of the state machine that executes blocks |
//! | E5 | derived state is not rolled back | not here: of the state machine; one stream tells reorgs and blocks in order |
//! | E6 | waiting for a transaction by notification only | not here: of those who send transactions |
//! | E7 | derived data of a join in mid-life | not here: of the state machine that derives it |
//! | E8 | a proof for a block that was left | not here: of those who ask for proofs |
//! | E9 | a roll-back races with pruning | not here: of the state machine; the root moves only in the order of the stream |
//! | E10 | a crash between storing and acknowledging | `consumer` |
//! | E11 | the whole chain is looked over for each block | `consumer` |
//! | E12 | a page that does not continue the tip | `consumer` |

mod connection;
mod consumer;
mod finality;
mod look;
#[path = "../support/server.rs"]
#[expect(dead_code, reason = "shared with the tests of connections, which use more of it")]
mod server;
#[path = "../support/mod.rs"]
mod support;
mod switching;
mod volume;
