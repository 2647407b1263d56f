//! What can go wrong between a bridge and its nodes: one small type a file, and one list.
//!
//! To add a fault, write its file and add its line to the list below. A fault says at which moment it strikes and what it
//! does there; when in the run that is stands in its [`Trigger`].

mod engine;
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
    engine::{FaultEngine, Struck},
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

    /// At an attempt to connect.
    fn on_attempt(&self) -> AttemptFate {
        AttemptFate::Accept
    }

    /// How long further attempts meet the same fate.
    fn lasts(&self) -> Duration {
        Duration::ZERO
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
}
