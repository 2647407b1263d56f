//! Coverage points: states that a sweep must have reached, or its being green means little.
//!
//! A good point is a state in which followers really had bugs, and which could stop to occur without any property being
//! broken: because a fault no longer strikes where it used to, or a scenario became tamer. It says what the bridge met,
//! not what a plan intended, and never which line ran. Plain `dagstorm` reaches it many times: a point that needs luck
//! fails for changes that have nothing to do with it, and asks for a scenario first.
//!
//! A point is registered once, in the list below, recognised in one of the rooms of [`Watch`], counted in every run and
//! summed over a sweep. `cargo test` and plain `dagstorm` fail when one was never reached, and so find a point that no code
//! or no scenario can hit; a single run has only its scenario's gates.
//!
//! | file | recognises points of |
//! |---|---|
//! | `backlog.rs` | a consumer that does not keep up |
//! | `chain.rs` | the followed chain |
//! | `depth.rs` | how deep reorgs are |
//! | `node.rs` | the nodes that a bridge meets |
//! | `process.rs` | a process with a state machine that dies and comes back |
//! | `session.rs` | sessions and attempts to have one |
//! | `spends.rs` | transactions that exclude each other |

mod backlog;
mod chain;
mod depth;
mod node;
mod process;
mod session;
mod spends;
mod watch;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap};

pub use self::watch::Watch;

macro_rules! points {
    ($($point:ident = $name:literal, $meaning:literal;)*) => {
        /// A state that a sweep must have reached.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Point {
            $(#[doc = $meaning] $point,)*
        }

        impl Point {
            /// All of them, each at the position of its number.
            pub const ALL: &[Self] = &[$(Self::$point),*];

            /// Name in reports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$point => $name,)* }
            }

            /// The state, in a few words.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$point => $meaning,)* }
            }
        }
    };
}

points! {
    DeepReorg = "deep-reorg", "a reorg removes at least 20 blocks";
    ReorgBack = "reorg-back", "a block comes back that a reorg had removed";
    ReorgNearFinality = "reorg-near-finality", "a reorg removes a block that was three quarters of the way to finality";
    ReorgToAnchor = "reorg-to-anchor", "a reorg removes every block above the anchor";
    ReorgAfterReconnect = "reorg-after-reconnect", "the first thing that a session tells of the chain is a reorg";
    SeveralPages = "several-pages", "a distance needs more than one page";
    StalePage = "stale-page", "the node has left a block by the time it is delivered";
    TransactionMoves = "transaction-moves", "a transaction of a removed block is accepted again by another";
    RivalReplaces = "rival-replaces", "after a reorg a transaction is accepted that spends what one of the removed had spent";
    DoubleSpendLeftOut = "double-spend-left-out", "a merged transaction is left out because a rival was accepted";
    RepeatLeftOut = "repeat-left-out", "a merged transaction is left out because it was accepted before";
    RefusedConnect = "refused-connect", "an attempt to connect is refused";
    ConnectTimeout = "connect-timeout", "an attempt to connect takes too long";
    DiesInHandshake = "dies-in-handshake", "an accepted connection ends before the node told who it is";
    FailuresInARow = "failures-in-a-row", "three attempts to connect fail one after another";
    DiesBeforeChain = "dies-before-chain", "a session ends before it told anything of the chain";
    RequestTimeout = "request-timeout", "a session ends because a reply takes too long";
    MissingField = "missing-field", "a reply lacks a field that a node always fills";
    MalformedReply = "malformed-reply", "a frame or a reply cannot be read";
    UnexpectedReply = "unexpected-reply", "a reply comes that answers no open request";
    RequestRefused = "request-refused", "a node answers a request with an error that no healthy node sends";
    NodeResetting = "node-resetting", "a node says that its consensus is being replaced";
    Paused = "paused", "as many events wait as make the bridge stop fetching";
    ResumesAfterPause = "resumes-after-pause", "the bridge fetches again after the consumer had kept it from fetching";
    ReorgAfterPause = "reorg-after-pause", "the first thing that the bridge fetches after such a pause is a reorg";
    ConflictEnds = "conflict-ends", "the bridge ends because its node left a final block";
    FinalityEdge = "finality-edge", "a branch that the node lost was just final, or would have been soon";
    WrongNetworkEnds = "wrong-network-ends", "the bridge ends because its node is on another network";
    RollsBackExecuted = "rolls-back-executed", "a reorg removes a block with transactions that the state machine has executed";
    CrashInWrite = "crash-in-write", "the power fails in a write of a batch";
    CrashInSync = "crash-in-sync", "the power fails while a batch is being made durable";
    CrashBeforeAcknowledgement = "crash-before-acknowledgement", "the power fails when a batch is stored and not acknowledged";
    CrashInOpening = "crash-in-opening", "the power fails while a store is being opened";
    ForgottenInDoubt = "forgotten-in-doubt", "a process dies in storing a batch, and the reopened store is as before it";
    StoredInDoubt = "stored-in-doubt", "a process dies in storing a batch, and the reopened store has it";
    WriteError = "write-error", "a batch cannot be stored because a write fails";
    SyncError = "sync-error", "a batch cannot be stored because a sync fails";
    FullDisk = "full-disk", "a batch cannot be stored because the disk is full";
    ProcessKilled = "process-killed", "a process that has its store open is killed";
    EndsInOrder = "ends-in-order", "a process ends as it was asked, after its bridge";
    DropsReceipts = "drops-receipts", "a state machine has dropped receipts of blocks far below the finalized root";
    ReorgDepth1 = "reorg-depth-1", "a reorg removes one block";
    ReorgDepth2 = "reorg-depth-2-to-3", "a reorg removes two or three blocks";
    ReorgDepth4 = "reorg-depth-4-to-7", "a reorg removes four to seven blocks";
    ReorgDepth8 = "reorg-depth-8-to-15", "a reorg removes eight to fifteen blocks";
    ReorgDepth16 = "reorg-depth-16-to-31", "a reorg removes sixteen to 31 blocks";
    ReorgDepth32 = "reorg-depth-32-to-63", "a reorg removes 32 to 63 blocks";
    ReorgDepth64 = "reorg-depth-64", "a reorg removes 64 blocks or more";
    ReorgAboveFinalized = "reorg-above-finalized", "a reorg keeps one block more than the finalized one";
    ReorgToFinalized = "reorg-to-finalized", "a reorg removes everything that is not final";
    ReorgQuarterFinality = "reorg-quarter-finality", "a reorg removes a block that was a quarter of the way to finality";
    ReorgHalfFinality = "reorg-half-finality", "a reorg removes a block that was half of the way to finality";
    SwitchesNode = "switches-node", "a session is with another node than the one before";
    ReturnsToPreferred = "returns-to-preferred", "after a session with another node one begins with the preferred node";
    MeetsNodeBehind = "meets-node-behind", "a session begins with a node whose sink is below the consumer's tip";
    MeetsNodeAhead = "meets-node-ahead", "a session begins with a node that is ten blue blocks ahead or more";
    MeetsNodeElsewhere = "meets-node-elsewhere", "a session begins with a node that does not have the consumer's tip on its chain";
    MeetsNodeSyncing = "meets-node-syncing", "a session begins with a node that is not in sync";
    NodeLags = "node-lags", "a node is rejected because its chain is not heavier";
    CatchesUp = "catches-up", "the bridge tells that it is behind";
    PrunedWhileFollowed = "pruned-while-followed", "the followed node moves its pruning point between two blocks";
    BridgesPart = "bridges-part", "two bridges are on branches of which neither has the other's tip";
    ReorgAcrossRestart = "reorg-across-restart", "the first thing that a restarted process is told of the chain is a reorg";
}

/// How often each point was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    counts: [u64; Point::ALL.len()],
}

impl Default for Coverage {
    fn default() -> Self {
        Self { counts: [0; Point::ALL.len()] }
    }
}

impl Coverage {
    /// The point was reached.
    pub fn hit(&mut self, point: Point) {
        self.counts[point as usize] += 1;
    }

    /// How often the point was reached.
    pub fn count(&self, point: Point) -> u64 {
        self.counts[point as usize]
    }

    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Self) {
        for (count, other) in self.counts.iter_mut().zip(&other.counts) {
            *count += other;
        }
    }

    /// The points that were never reached.
    pub fn missed(&self) -> Vec<Point> {
        Point::ALL.iter().copied().filter(|point| self.count(*point) == 0).collect()
    }
}

impl Serialize for Coverage {
    /// As an object: only points that were reached, by name.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let reached = || Point::ALL.iter().filter(|point| self.count(**point) > 0);
        let mut map = serializer.serialize_map(Some(reached().count()))?;
        for point in reached() {
            map.serialize_entry(point.name(), &self.count(*point))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Coverage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut coverage = Self::default();
        for (name, count) in BTreeMap::<String, u64>::deserialize(deserializer)? {
            let point = Point::ALL.iter().find(|point| point.name() == name);
            let point = *point.ok_or_else(|| de::Error::custom(format_args!("no coverage point is named '{name}'")))?;
            coverage.counts[point as usize] = count;
        }
        Ok(coverage)
    }
}
