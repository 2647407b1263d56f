//! Recognises points of sessions, and of attempts to have one.

use std::io;

use bridge::{DisconnectReason, L1Event, RejectReason, Violation};

use super::{Coverage, Point};

/// Attempts that fail one after another until the pause between them has grown twice.
const ROW: u32 = 3;

/// See the module documentation.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// Attempts that failed since the last session.
    failed: u32,
    /// The present session told nothing of the chain yet.
    is_mute: bool,
}

impl Session {
    pub(super) fn on_event(&mut self, event: &L1Event, coverage: &mut Coverage) {
        match event {
            L1Event::BlockAdded(_) | L1Event::Synced { .. } => self.is_mute = false,
            L1Event::Connected { .. } => (self.failed, self.is_mute) = (0, true),
            L1Event::Disconnected { reason, .. } => {
                if std::mem::take(&mut self.is_mute) {
                    coverage.hit(Point::DiesBeforeChain);
                }
                if let DisconnectReason::RequestTimeout { .. } = reason {
                    coverage.hit(Point::RequestTimeout);
                }
            }
            L1Event::Fatal(fatal) => {
                let is_any = |is: fn(&RejectReason) -> bool| fatal.nodes.iter().any(|(_, reason)| is(reason));
                if is_any(|reason| matches!(reason, RejectReason::Conflicting { .. })) {
                    coverage.hit(Point::ConflictEnds);
                }
                if is_any(|reason| matches!(reason, RejectReason::WrongNetwork { .. })) {
                    coverage.hit(Point::WrongNetworkEnds);
                }
            }
            L1Event::NodeRejected { reason, .. } => rejected(reason).into_iter().for_each(|point| coverage.hit(point)),
            L1Event::Reorg(_) if self.is_mute => {
                self.is_mute = false;
                coverage.hit(Point::ReorgAfterReconnect);
            }
            L1Event::Unreachable { reason, .. } => {
                unreachable(reason).into_iter().for_each(|point| coverage.hit(point));
                self.failed += 1;
                if self.failed == ROW {
                    coverage.hit(Point::FailuresInARow);
                }
            }
            _ => {}
        }
    }
}

fn rejected(reason: &RejectReason) -> Option<Point> {
    match reason {
        RejectReason::Malformed { violation: Violation::Missing { .. }, .. } => Some(Point::MissingField),
        RejectReason::Malformed { .. } | RejectReason::MalformedFrame { .. } => Some(Point::MalformedReply),
        RejectReason::Refused { .. } => Some(Point::RequestRefused),
        RejectReason::Resetting => Some(Point::NodeResetting),
        RejectReason::UnexpectedReply { .. } => Some(Point::UnexpectedReply),
        RejectReason::Lagging { .. } => Some(Point::NodeLags),
        _ => None,
    }
}

/// The bridge reports a connection that breaks in the WebSocket handshake as one that could not be made.
fn unreachable(reason: &DisconnectReason) -> Option<Point> {
    match reason {
        DisconnectReason::ConnectFailed { kind: io::ErrorKind::ConnectionRefused, .. } => Some(Point::RefusedConnect),
        DisconnectReason::ConnectFailed {
            kind: io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof,
            ..
        }
        | DisconnectReason::ClosedAtFirstRequest
        | DisconnectReason::ClosedByNode
        | DisconnectReason::ConnectionLost { .. }
        | DisconnectReason::RequestTimeout { .. } => Some(Point::DiesInHandshake),
        DisconnectReason::ConnectTimeout { .. } => Some(Point::ConnectTimeout),
        _ => None,
    }
}
