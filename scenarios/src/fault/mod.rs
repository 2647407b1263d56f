//! What can go wrong between a bridge and its nodes: one small type a file, and one list.
//!
//! To add a fault, write its file and add its line to the list below. A fault says at which moment it strikes and what it
//! does there; when in the run that is stands in its [`Trigger`].

mod asked_operation;
mod engine;
mod ongoing;
mod page;
mod response;
mod strangers;
mod trigger;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sim::{
    random::Stream,
    world::{
        interposer::{AttemptFate, Message, MessageFate},
        link::LinkControl,
    },
};

pub use self::{
    altered_header::HeaderField, damaged_length::PageLength, disordered_page::Disorder,
    elided_detail::TransactionField, node_error::NodeErrorText, unasked_notification::Unasked,
};
pub use self::{
    asked_operation::AskedOperation,
    engine::{FaultEngine, Struck},
    ongoing::{GoesOn, Later},
    strangers::{PlannedStranger, StrangerKind},
    trigger::{Trigger, TriggerError},
};

/// A fault with its place in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedFault {
    /// Names the fault; stays the same when others are removed.
    pub id: u32,
    /// Number of the bridge that it hits, from 0.
    #[serde(default)]
    pub bridge: u32,
    /// When it strikes: once, at the first occasion that fits.
    pub when: Trigger,
    /// What it does.
    pub what: Fault,
}

impl PlannedFault {
    /// Checks that the fault can strike.
    ///
    /// # Errors
    /// What prevents it.
    pub fn check(&self, bridges: usize) -> Result<(), TriggerError> {
        if self.bridge as usize >= bridges {
            return Err(TriggerError::NoSuchBridge { bridge: self.bridge, bridges });
        }
        self.what.kind().check()?;
        self.when.check(self.what.kind().moment())
    }
}

/// An occasion at which a fault can strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A bridge connects.
    Attempt,
    /// A notification leaves a node.
    Notification,
    /// A reply leaves a node.
    Reply,
    /// A request reaches a node.
    Request,
}

/// What a fault does.
pub trait FaultKind {
    /// Where it strikes.
    fn moment(&self) -> Moment;

    /// Whether it ends a session in which a request waits, and the reply never arrives whole.
    fn loses_reply(&self) -> bool;

    /// Checks its details.
    ///
    /// # Errors
    /// The first that is too large.
    fn check(&self) -> Result<(), TriggerError> {
        Ok(())
    }

    /// At an attempt to connect.
    fn on_attempt(&self) -> AttemptFate {
        AttemptFate::Accept
    }

    /// How long further attempts meet the same fate; if it strikes messages, attempts after those.
    fn lasts(&self) -> Duration {
        Duration::ZERO
    }

    /// Whether it can do anything to the message; otherwise it waits for the next that fits its trigger.
    fn fits(&self, _message: &Message<'_>) -> bool {
        true
    }

    /// Whether it makes several messages of one. Only one of each such kind acts on a message, and the others wait for the next:
    /// `n` that wait for the same message would make `2^n` of it.
    fn multiplies(&self) -> bool {
        false
    }

    /// How long it goes on after the message at which it struck.
    fn goes_on(&self) -> GoesOn {
        GoesOn::Not
    }

    /// At any later message while it goes on.
    fn on_later(&self, _later: Later<'_>, _message: &Message<'_>, _link: &LinkControl) -> MessageFate {
        MessageFate::Pass
    }

    /// At a message.
    fn on_message(&self, _message: &Message<'_>, _link: &LinkControl) -> MessageFate {
        MessageFate::Pass
    }
}

/// A fault whose details a seed can decide.
pub trait Drawn: Sized {
    /// Draws the details.
    fn draw(stream: &mut Stream) -> Self;
}

macro_rules! faults {
    ($($module:ident :: $kind:ident,)*) => {
        $(mod $module; pub use self::$module::$kind;)*

        /// All kinds of faults.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        pub enum Fault {
            $(#[doc = concat!("See [`", stringify!($kind), "`].")] $kind($kind),)*
        }

        impl Fault {
            /// How many kinds there are.
            pub const KINDS: usize = [$(stringify!($kind)),*].len();

            /// A fault of kind number `kind`, its details drawn; `None` if there are not so many kinds.
            pub fn draw(kind: usize, stream: &mut Stream) -> Option<Self> {
                const DRAW: [fn(&mut Stream) -> Fault; Fault::KINDS] = [$(|stream| Fault::$kind($kind::draw(stream))),*];
                DRAW.get(kind).map(|draw| draw(stream))
            }

            /// The name of its kind, as in a plan.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$kind(_) => stringify!($module),)* }
            }

            /// The names of all kinds.
            pub const NAMES: [&'static str; Self::KINDS] = [$(stringify!($module)),*];

            /// The behaviour behind the data.
            pub fn kind(&self) -> &dyn FaultKind {
                match self { $(Self::$kind(fault) => fault,)* }
            }
        }
    };
}

// New kinds go to the end: the position is what a seed draws.
faults! {
    accept_then_close::AcceptThenClose,
    black_hole::BlackHole,
    close_session::CloseSession,
    cut_reply::CutReply,
    damaged_reply::DamagedReply,
    delayed_reply::DelayedReply,
    elided_field::ElidedField,
    error_text::ErrorText,
    fin::Fin,
    half_open::HalfOpen,
    hanging_connect::HangingConnect,
    lost_notification::LostNotification,
    lost_reply::LostReply,
    overtaken_notification::OvertakenNotification,
    refused_connect::RefusedConnect,
    repeated_notification::RepeatedNotification,
    repeated_reply::RepeatedReply,
    reset::Reset,
    slow_line::SlowLine,
    high_latency::HighLatency,
    small_chunks::SmallChunks,
    empty_notification::EmptyNotification,
    unasked_notification::UnaskedNotification,
    damaged_notification::DamagedNotification,
    dead_subscription::DeadSubscription,
    refused_subscription::RefusedSubscription,
    unasked_reply::UnaskedReply,
    stale_reply::StaleReply,
    node_error::NodeError,
    dispatch_error::DispatchError,
    elided_detail::ElidedDetail,
    damaged_length::DamagedLength,
    truncated_page::TruncatedPage,
    bare_rollback::BareRollback,
    oversized_reply::OversizedReply,
    killer_request::KillerRequest,
    unknown_operation::UnknownOperation,
    slow_node::SlowNode,
    blocked_node::BlockedNode,
    newer_reply::NewerReply,
    half_close::HalfClose,
    deaf_node::DeafNode,
    disordered_page::DisorderedPage,
    altered_header::AlteredHeader,
    closing_door::ClosingDoor,
    unresolved_name::UnresolvedName,
    unreachable_host::UnreachableHost,
    bad_gateway::BadGateway,
}
