//! Where faults take hold: between clients and nodes, on connections and on whole messages.
//!
//! A fault is asked at every occasion and answers what becomes of it. What it may do is what networks and nodes do:
//! refuse, hang, close, lose, delay, repeat, reorder or damage. It never changes the L1.

use std::time::Duration;

use bridge::wire::Operation;

use super::link::LinkControl;

/// Decides the fate of connections and messages.
pub trait Interposer {
    /// A client tries to connect.
    fn on_attempt(&mut self, attempt: &Attempt) -> AttemptFate;

    /// A message is about to be handed on; `link` injures the connection under it.
    fn on_message(&mut self, message: &Message<'_>, link: &LinkControl) -> MessageFate;

    /// What was done at the last occasion, for the trace; asked until there is nothing more.
    fn take_note(&mut self) -> Option<String>;
}

/// The interposer of fair weather.
#[derive(Clone, Copy, Debug, Default)]
pub struct Undisturbed;

impl Interposer for Undisturbed {
    fn on_attempt(&mut self, _: &Attempt) -> AttemptFate {
        AttemptFate::Accept
    }

    fn on_message(&mut self, _: &Message<'_>, _: &LinkControl) -> MessageFate {
        MessageFate::Pass
    }

    fn take_note(&mut self) -> Option<String> {
        None
    }
}

/// An attempt to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Number of the client.
    pub client: u32,
    /// Number of the node.
    pub node: u32,
    /// How many attempts this client has made, this one included.
    pub attempt: u64,
    /// Simulated time.
    pub now: Duration,
    /// Chain blocks on the node's selected chain, genesis not counted.
    pub chain_blocks: u64,
}

/// What becomes of an attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AttemptFate {
    /// The node accepts.
    #[default]
    Accept,
    /// The node accepts and closes at once.
    AcceptThenClose,
    /// Nobody answers.
    Hang,
    /// The node's system refuses.
    Refuse,
    /// The node's name is unknown.
    NotFound,
    /// No way leads to the node.
    Unreachable,
    /// Something accepts that is no WebSocket, and says that its node is away.
    BadGateway,
}

/// A whole wRPC message between client and node.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Number of the client.
    pub client: u32,
    /// Number of the node.
    pub node: u32,
    /// How many connections of this client were accepted, the present one included.
    pub session: u64,
    /// What kind of message.
    pub kind: MessageKind,
    /// How many messages of this direction and sort (request, reply, notification) the session has had, this one
    /// included.
    pub number: u64,
    /// Simulated time.
    pub now: Duration,
    /// Chain blocks on the node's selected chain, genesis not counted.
    pub chain_blocks: u64,
    /// The frame.
    pub bytes: &'a [u8],
}

/// Kinds of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// From the node, unasked.
    Notification,
    /// From the node, the answer to a request.
    Reply {
        /// Id of the request.
        id: u64,
        /// What was asked. `None` for one that the bridge never asks for.
        operation: Option<Operation>,
    },
    /// To the node.
    Request {
        /// Id of the request.
        id: u64,
        /// What is asked. `None` for one that the bridge never asks for.
        operation: Option<Operation>,
    },
}

/// What becomes of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MessageFate {
    /// It is handed on.
    #[default]
    Pass,
    /// The node closes the session instead, in good order.
    CloseSession,
    /// These are handed on in its place, each after a pause.
    Replace(Vec<Parcel>),
}

/// A message to hand on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// How long it is held back.
    pub after: Duration,
    /// The frame.
    pub bytes: Vec<u8>,
}
