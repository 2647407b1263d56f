//! The connection of follower and node, message by message: one latency, one request at a time, subscriptions that die with
//! it. It ends in turn in the ways in which connections end.

use std::time::Duration;

use bridge::{
    DisconnectReason,
    follower::Input,
    wire::{Request, Subscription},
};
use sim::{
    network::{Network, Step},
    node::{Answer, Subscriptions},
};

use super::allocator::{Component, within};

/// One way, of every message.
const LATENCY: Duration = Duration::from_millis(20);

/// How long the node refuses connections after it was down.
const DOWN: Duration = Duration::from_secs(45);

/// How a connection ends.
#[derive(Clone, Copy)]
enum Ending {
    /// The node ends it and takes the next.
    HangUp,
    /// It carries nothing any more, and nobody is told.
    Silence,
    /// The node ends it, and refuses others for a while.
    Down,
}

/// The node that is followed.
const NODE: usize = 0;

/// What is on its way.
pub struct Sent {
    /// When it arrives.
    pub at: Duration,
    /// What.
    pub what: Message,
}

/// A message.
pub enum Message {
    /// A request, for the node.
    Request {
        /// Of the session.
        session: u64,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// Something that the follower hears.
    ToFollower(Input),
}

/// The connection, or that there is none.
#[derive(Default)]
pub struct Link {
    open: Option<Open>,
    down_until: Duration,
    endings: usize,
}

struct Open {
    session: u64,
    subscriptions: Subscriptions,
    is_silent: bool,
}

impl Link {
    /// The follower calls.
    pub fn connect(&mut self, session: u64, now: Duration) -> Sent {
        let at = now + LATENCY * 2;
        if now < self.down_until {
            let reason =
                DisconnectReason::ConnectFailed { kind: std::io::ErrorKind::ConnectionRefused, message: String::new() };
            return Sent { at, what: Message::ToFollower(Input::Closed { session, reason }) };
        }
        self.open = Some(Open { session, subscriptions: Subscriptions::default(), is_silent: false });
        Sent { at, what: Message::ToFollower(Input::Connected { session }) }
    }

    /// The follower hangs up.
    pub fn close(&mut self, session: u64) {
        self.open.take_if(|open| open.session == session);
    }

    /// The follower sends.
    pub fn send(&self, session: u64, bytes: Vec<u8>, now: Duration) -> Option<Sent> {
        self.open.as_ref().filter(|open| open.session == session && !open.is_silent)?;
        Some(Sent { at: now + LATENCY, what: Message::Request { session, bytes } })
    }

    /// The node takes up a request and answers.
    pub fn serve(&mut self, network: &mut Network, session: u64, bytes: &[u8], now: Duration) -> Option<Sent> {
        let open = self.open.as_mut().filter(|open| open.session == session && !open.is_silent)?;
        let (id, request) = Request::parse(bytes).expect("the follower sends requests");
        network.set_time(now);
        let answer = within(Component::Sim, || network.answer(NODE, id, &request));
        subscribe(&mut open.subscriptions, &request);
        match answer {
            Answer::Reply(bytes) => Some(frame(session, bytes, now)),
            Answer::DropConnection => unreachable!("the node knows every operation of the bridge"),
        }
    }

    /// The node tells what an event of the L1 changed.
    pub fn notify(&self, network: &mut Network, step: &Step, now: Duration) -> Vec<Sent> {
        let (Some((NODE, change)), Some(open)) = (&step.resolved, self.open.as_ref().filter(|open| !open.is_silent))
        else {
            return Vec::new();
        };
        let frames = within(Component::Sim, || network.notifications(NODE, change, &open.subscriptions));
        frames.into_iter().map(|bytes| frame(open.session, bytes, now)).collect()
    }

    /// The connection fails, in the next of its ways.
    pub fn fail(&mut self, now: Duration) -> Option<Sent> {
        let ending = [Ending::HangUp, Ending::Silence, Ending::HangUp, Ending::Down][self.endings % 4];
        self.endings += 1;
        match ending {
            Ending::Silence => {
                if let Some(open) = &mut self.open {
                    open.is_silent = true;
                }
                return None;
            }
            Ending::Down => self.down_until = now + DOWN,
            Ending::HangUp => {}
        }
        let Open { session, .. } = self.open.take()?;
        let reason = DisconnectReason::ClosedByNode;
        Some(Sent { at: now + LATENCY, what: Message::ToFollower(Input::Closed { session, reason }) })
    }
}

fn subscribe(subscriptions: &mut Subscriptions, request: &Request) {
    let (scope, on): (&Subscription, bool) = match request {
        Request::Subscribe(scope) => (scope, true),
        Request::Unsubscribe(scope) => (scope, false),
        _ => return,
    };
    subscriptions.apply(scope, on);
}

fn frame(session: u64, bytes: Vec<u8>, now: Duration) -> Sent {
    let bytes = within(Component::Sim, || bytes.into());
    Sent { at: now + LATENCY, what: Message::ToFollower(Input::Frame { session, bytes }) }
}
