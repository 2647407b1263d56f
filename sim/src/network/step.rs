//! What an L1 tells of each of its events.

use std::time::Duration;

use borsh::BorshSerialize;

use crate::dag::BlockId;
use crate::gossip::Delivery;
use crate::node::SinkChange;

/// One event that was processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Simulated time of the event.
    pub at: Duration,
    /// What happened.
    pub what: StepKind,
    /// The node that resolved its virtual because of it, and what that did to its selected chain.
    pub resolved: Option<(usize, SinkChange)>,
}

/// What happened in one event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepKind {
    /// A node found a block on its virtual.
    BlockMined {
        /// The node.
        node: usize,
        /// The new block.
        block: BlockId,
    },
    /// A node would have found a block, but it is not in sync.
    NotMining {
        /// The node.
        node: usize,
    },
    /// A block reached a node.
    BlockArrived {
        /// The node.
        node: usize,
        /// The block.
        block: BlockId,
        /// What became of it.
        arrival: Arrival,
    },
    /// A node processed the blocks that arrived while it was busy.
    BatchProcessed {
        /// The node.
        node: usize,
        /// Number of blocks that had arrived.
        arrived: usize,
    },
    /// A block would have reached a node, but a cut holds it.
    DeliveryHeld {
        /// Sender, receiver and block.
        delivery: Delivery,
        /// Number of the cut.
        cut: usize,
    },
    /// A cut began.
    CutBegan {
        /// Number of the cut.
        cut: usize,
    },
    /// A cut ended.
    CutHealed {
        /// Number of the cut.
        cut: usize,
        /// Number of deliveries that are sent again.
        released: usize,
    },
    /// The bodies that a node gets lag behind the headers from now on.
    BodiesLag {
        /// The node.
        node: usize,
    },
    /// A node keeps the blocks that it finds from now on.
    WithholdingBegan {
        /// The node.
        node: usize,
    },
    /// A node sends the blocks that it kept.
    WithholdingEnded {
        /// The node.
        node: usize,
        /// Number of blocks.
        released: usize,
    },
    /// A node lost all data and syncs anew from genesis. Its connections are gone.
    Wiped {
        /// The node.
        node: usize,
    },
    /// A node was reset by a pruning proof: its sink is another node's pruning point, its consensus transitional.
    Reset {
        /// The node.
        node: usize,
    },
    /// The transitional state of a node ended: it announces that the set of unspent outputs of its pruning point was
    /// replaced.
    TransitionEnded {
        /// The node.
        node: usize,
    },
    /// The bodies that a node lacks come from now on.
    CatchingUp {
        /// The node.
        node: usize,
    },
    /// A node processed bodies of blocks of which it had the headers.
    BodiesProcessed {
        /// The node.
        node: usize,
    },
    /// A node has every body again.
    InSync {
        /// The node.
        node: usize,
    },
    /// Something was planned for a node that is not to be done any more, or not yet.
    NothingToDo {
        /// The node.
        node: usize,
    },
    /// A node deleted what is below its retention root.
    Deleted {
        /// The node.
        node: usize,
    },
    /// A node's process ended. Its connections are gone.
    Stopped {
        /// The node.
        node: usize,
    },
    /// A node's process runs again.
    Restarted {
        /// The node.
        node: usize,
    },
    /// Something was planned for a node that is down, and happens when it is back.
    PutOff,
}

/// What became of a block that reached a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize)]
pub enum Arrival {
    /// The node has it, or had it before.
    Taken,
    /// The node refuses it: it is not above its pruning point.
    Refused,
    /// It waits for a parent.
    Orphaned,
    /// The node is busy with earlier blocks and will look at it then.
    Queued,
    /// The node takes its header alone.
    HeaderTaken,
}
