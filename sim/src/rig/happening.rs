//! What can happen to a follower in a [`Rig`](super::Rig). A list of these is a whole test case: readable, and small when
//! shrunk.
//!
//! Numbers of nodes are taken modulo the nodes that the follower may call, so that every list means something.

use std::time::Duration;

use bridge::DisconnectReason;

use super::{Rig, breach::Breach};

/// Something that happens to the nodes, the connection, the consumer, or just time that passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Happening {
    /// Time passes, in which the L1 goes on and messages arrive.
    Pass {
        /// Milliseconds.
        ms: u16,
    },
    /// The fate of the next reply that has none yet.
    Reply(ReplyFate),
    /// The fate of the next notifications that have none yet.
    Notifications {
        /// How many.
        count: u8,
        /// What becomes of each.
        fate: NotificationFate,
    },
    /// The newest notification of the present connection comes so many times more.
    Storm {
        /// Number of copies.
        copies: u8,
    },
    /// The node ends the present connection; what it sent before still arrives.
    HangUp,
    /// The present connection carries nothing any more, in either direction, and nobody is told.
    BlackHole,
    /// The node is down: it ends its connection and refuses others.
    Down {
        /// Number of the node.
        node: usize,
        /// For how long, in milliseconds.
        ms: u16,
    },
    /// Attempts to connect to the node get no answer; a connection that stands goes on.
    Unreachable {
        /// Number of the node.
        node: usize,
        /// For how long, in milliseconds.
        ms: u16,
    },
    /// The node answers chain requests as one does that is replacing its consensus.
    Transitional {
        /// Number of the node.
        node: usize,
        /// For how long, in milliseconds.
        ms: u16,
    },
    /// The consumer takes events in but acknowledges none.
    StopAcknowledging {
        /// For how long, in milliseconds.
        ms: u16,
    },
    /// Follower and consumer die and begin again with what was stored after an acknowledged event; as a new bridge if
    /// nothing was acknowledged.
    Restart {
        /// How many acknowledged events before the last one.
        back: usize,
        /// Whether the references from root to tip are given with the checkpoint.
        window: bool,
    },
    /// As [`Self::Restart`], from anywhere in what was acknowledged.
    RestartAnywhere {
        /// How much of the acknowledged events is lost, in hundredths: 100 is all of it, and more means no more.
        lost_percent: u8,
        /// Whether the references from root to tip are given with the checkpoint.
        window: bool,
    },
    /// The follower is woken although nothing is due.
    Tick,
}

/// What becomes of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyFate {
    /// It never arrives; what comes after it does.
    Lost,
    /// It arrives twice.
    Twice,
    /// It takes longer, and what was sent after it overtakes it.
    Late {
        /// Additional milliseconds.
        ms: u16,
    },
    /// From it on, nothing arrives on this connection.
    BlackHole,
    /// The connection ends when the request arrives: the node has done nothing.
    HangUpBefore,
    /// The connection ends when the reply is to be sent: the node has done what was asked.
    HangUpAfter,
}

/// What becomes of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotificationFate {
    /// It never arrives.
    Lost,
    /// It arrives twice.
    Twice,
    /// It takes longer, and what was sent after it overtakes it.
    Late {
        /// Additional milliseconds.
        ms: u16,
    },
}

/// The faults that wait for their occasion or last for a while.
#[derive(Debug)]
pub(super) struct Faults {
    pub(super) replies: std::collections::VecDeque<ReplyFate>,
    pub(super) notifications: std::collections::VecDeque<NotificationFate>,
    pub(super) nodes: Vec<NodeFaults>,
    pub(super) no_acks_until: Duration,
}

/// Until when something is wrong with one node.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct NodeFaults {
    pub(super) down_until: Duration,
    pub(super) unreachable_until: Duration,
    pub(super) transitional_until: Duration,
}

impl Faults {
    pub(super) fn none(nodes: usize) -> Self {
        Self {
            replies: std::collections::VecDeque::new(),
            notifications: std::collections::VecDeque::new(),
            nodes: vec![NodeFaults::default(); nodes],
            no_acks_until: Duration::ZERO,
        }
    }
}

impl Rig {
    /// Lets it happen. Only [`Happening::Pass`] takes time; what lasts for a while begins now and ends by itself.
    ///
    /// # Errors
    /// The first law that the follower breaks.
    pub fn happen(&mut self, happening: Happening) -> Result<(), Breach> {
        let after = |ms: u16| self.now() + Duration::from_millis(u64::from(ms));
        let count = self.faults.nodes.len();
        match happening {
            Happening::Pass { ms } => return self.run_for(Duration::from_millis(u64::from(ms))),
            Happening::Reply(fate) => self.faults.replies.push_back(fate),
            Happening::Notifications { count, fate } => {
                self.faults.notifications.extend(std::iter::repeat_n(fate, usize::from(count)));
            }
            Happening::Storm { copies } => self.repeat_notification(usize::from(copies)),
            Happening::HangUp => self.hang_up(),
            Happening::BlackHole => self.black_hole(),
            Happening::Down { node, ms } => {
                self.faults.nodes[node % count].down_until = after(ms);
                if self.connected_node() == Some(node % count) {
                    self.hang_up();
                }
            }
            Happening::Unreachable { node, ms } => self.faults.nodes[node % count].unreachable_until = after(ms),
            Happening::Transitional { node, ms } => self.faults.nodes[node % count].transitional_until = after(ms),
            Happening::StopAcknowledging { ms } => self.faults.no_acks_until = after(ms),
            Happening::Restart { back, window } => {
                return self.restart(u64::try_from(back).unwrap_or(u64::MAX), window);
            }
            Happening::RestartAnywhere { lost_percent, window } => {
                let back = self.acknowledged.saturating_mul(u64::from(lost_percent)) / 100;
                return self.restart(back, window);
            }
            Happening::Tick => return self.tick(),
        }
        Ok(())
    }

    /// All faults end. What they did to the present connection stays.
    pub(super) fn end_faults(&mut self) {
        self.faults = Faults::none(self.faults.nodes.len());
    }
}

/// What an attempt to connect ends in when nobody listens.
pub(super) fn refused() -> DisconnectReason {
    DisconnectReason::ConnectFailed { kind: std::io::ErrorKind::ConnectionRefused, message: "refused".to_owned() }
}
