//! One session with one node: the questions asked in order, and what each answer leads to.
//!
//! Who are you, subscribe, where are your pruning point and sink, how heavy is the sink, then the anchor's header (without
//! history), the tip's (after a resume), or what is missing of the window (after a resume without it), then pages of the
//! chain from our own tip. One request is in flight at a time, as the node serves one at a time.

use std::{collections::VecDeque, time::Duration};

use kaspa_hashes::Hash;

use super::{Follower, Link, Output, page_size::Size, restore::Candidates};
use crate::{
    chain::{ChainRecord, ChainView},
    config::Config,
    error::{DisconnectReason, RejectReason},
    event::ChainRef,
    page::VerifiedPage,
    wire::{Operation, Request, Subscription, Verbosity},
};

/// Notifications remembered while a request is in flight.
pub(super) const HINT_LIMIT: usize = 8;

/// How old the sink may be where it matters how far it is: 100 blue scores at 10 blocks per second.
const SINK_AGE_LIMIT: Duration = Duration::from_secs(10);

/// Blue score within which a page is never taken for too large: a dozen seconds at 10 blocks per second.
const LARGEST_SMALL_PAGE: u64 = 128;

/// Doublings of a step that let nothing through, after which the size is left to the node: more than a day of blocks.
const LARGEST_BOOST: u32 = 16;

#[derive(Debug)]
pub(super) struct Session {
    pub(super) number: u64,
    pub(super) node: usize,
    /// `Connected` was emitted, so `Disconnected` must follow.
    pub(super) announced: bool,
    pub(super) step: Step,
    pub(super) in_flight: Option<InFlight>,
    next_request_id: u64,
    pub(super) opened_at: Duration,
    pub(super) last_frame_at: Duration,
    /// No request but a ping before this time.
    pub(super) not_before: Duration,
    pub(super) next_poll_at: Duration,
    /// Last added block of the newest notification.
    pub(super) newest_announced: Option<Hash>,
    /// Blocks announced while a request was in flight that our chain did not contain then.
    pub(super) hints: Vec<Hash>,
    /// Something changed, or there is more to fetch.
    pub(super) dirty: bool,
    /// The node's sink when it was last asked for.
    pub(super) sink: Option<ChainRecord>,
    sink_asked_at: Duration,
    pub(super) sink_blue_score: u64,
    /// `sink_blue_score` may be far from the truth: nothing was asked for a while.
    pub(super) sink_is_stale: bool,
    /// `Synced` was told, and nothing has happened since after which it would be news.
    pub(super) synced: bool,
    pub(super) synced_at: Duration,
    /// Pages in a row that moved the chain and may not have been the last.
    pub(super) unfinished_pages: u32,
    pub(super) catching_up_reported_at: Option<Duration>,
    pub(super) reported: Reported,
    /// The node's sink was seen to be heavier than our tip since the last page that was applied: what a page asked for now
    /// removes was not asked from a node that was behind.
    pub(super) sink_was_heavier: bool,
    /// The node's heavier chain was found to lack our root; believed when found again.
    pub(super) conflict_seen: bool,
    /// How often the step was doubled, because the one before let nothing through although the sink is above.
    pub(super) boost: u32,
    /// Answers in a row after which there was nothing to do but to ask again later.
    pub(super) waits: u32,
    /// When a page moved the chain last.
    pub(super) moved_at: Duration,
    /// How often the window was begun anew because the node's chain had changed.
    pub(super) restarts: u32,
    /// The page that was asked for last.
    pub(super) asked: PageAsked,
}

/// What a page may lack.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageAsked {
    pub(super) verbosity: Verbosity,
    /// It ends where its size does, not where the confirmations do.
    pub(super) is_bounded: bool,
    /// There was so much above the block it was asked from that its size may be why it does not come.
    pub(super) may_be_large: bool,
}

/// Why the session waits, as far as the consumer was told since the last page that was applied.
#[derive(Debug, Default)]
pub(super) struct Reported {
    pub(super) lagging: bool,
    /// The anchor left the chain, or a block that the node itself named is not to be had from it.
    pub(super) refusal: bool,
    pub(super) resetting: bool,
}

#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) id: u64,
    pub(super) operation: Operation,
    deadline: Duration,
}

/// What the session is about to ask, or waiting to hear. `AskFrom` asks how the chain goes on from a block of ours below
/// the tip, and if the node refuses that one too, from the older ones.
#[derive(Debug)]
pub(super) enum Step {
    AskServer,
    SubscribeChain,
    SubscribeReset,
    AskDagInfo,
    AskSinkHeader {
        anchor: Anchor,
        sink: Hash,
    },
    AskAnchorHeader {
        anchor: Anchor,
    },
    RefreshSink {
        then: Box<Step>,
    },
    RefreshSinkHeader {
        sink: Hash,
        then: Box<Step>,
    },
    /// Does the node know the request for pages at all?
    Probe {
        sink: Hash,
        then: Box<Step>,
    },
    Follow,
    /// Do the headers bear out what a page at lower verbosity says of its last block?
    ConfirmLast {
        page: Box<VerifiedPage>,
        last: ChainRecord,
        parent: Option<Hash>,
    },
    ConfirmSink {
        claim: Claim,
    },
    ConfirmSinkHeader {
        claim: Claim,
        sink: Hash,
    },
    AskFrom {
        base: ChainRef,
        older: VecDeque<ChainRef>,
    },
    AskPruningPoint,
    AskPruningPointHeader {
        pruning_point: Hash,
    },
    RestoreTip,
    RestoreFork,
    RestoreWindow {
        candidates: Candidates,
    },
    /// Is the lowest removed block of ours final?
    RestoreChild {
        fork: ChainRef,
        child: Hash,
    },
}

/// The block at which a chain without history will begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchor {
    pub(super) hash: Hash,
    /// It is the node's pruning point.
    pub(super) is_final: bool,
}

/// What only a node whose sink is heavier than our tip may say, or is asked again.
#[derive(Debug)]
pub(super) enum Claim {
    /// Our newest blocks left the chain, and nothing heavier was added yet.
    Page {
        page: Box<VerifiedPage>,
        /// The sink was seen to be heavier before the page was asked for, too.
        was_heavier: bool,
    },
    /// The chain of a checkpoint was left at this block.
    LeftAt { fork: ChainRef },
    /// Our root left the chain.
    RemovesRoot,
    /// The node does not serve the chain from our tip.
    RefusesTip,
    /// Nothing but that it was behind when it was asked last.
    WasBehind,
}

impl Session {
    pub(super) fn new(number: u64, node: usize, now: Duration) -> Self {
        Self {
            number,
            node,
            announced: false,
            step: Step::AskServer,
            in_flight: None,
            next_request_id: 1,
            opened_at: now,
            last_frame_at: now,
            not_before: now,
            next_poll_at: now,
            newest_announced: None,
            hints: Vec::new(),
            dirty: false,
            sink: None,
            sink_asked_at: now,
            sink_blue_score: 0,
            sink_is_stale: false,
            synced: false,
            synced_at: now,
            unfinished_pages: 0,
            catching_up_reported_at: None,
            reported: Reported::default(),
            sink_was_heavier: false,
            conflict_seen: false,
            boost: 0,
            waits: 0,
            moved_at: now,
            restarts: 0,
            asked: PageAsked { verbosity: Verbosity::Full, is_bounded: false, may_be_large: false },
        }
    }

    /// Takes in where the node's sink is.
    pub(super) fn set_sink(&mut self, sink: ChainRecord, now: Duration) {
        (self.sink, self.sink_asked_at, self.sink_blue_score) = (Some(sink), now, sink.blue_score);
        self.sink_is_stale = false;
    }

    /// A page that ended where its size does let nothing through, although the sink is above: asks for more.
    pub(super) fn boost(&mut self) {
        self.boost = (self.boost + 1).min(LARGEST_BOOST);
    }

    /// When something is due without any further input.
    pub(super) fn next_deadline(&self, config: &Config, paused: bool) -> Duration {
        if let Some(in_flight) = &self.in_flight {
            return in_flight.deadline;
        }
        let keep_alive_at = self.keep_alive_at(config);
        match &self.step {
            Step::Follow if paused => keep_alive_at.min(self.not_before.max(self.sink_asked_at + SINK_AGE_LIMIT)),
            Step::Follow => keep_alive_at.min(self.next_poll_at.max(self.not_before)),
            _ => keep_alive_at.min(self.not_before),
        }
    }

    /// The reason for which a node is given up that answers, but whose chain does not move any more.
    fn stall(&self, config: &Config, paused: bool, now: Duration) -> Option<RejectReason> {
        let after = config.stall_timeout;
        let waits = config.nodes.len() > 1 && !paused && matches!(self.step, Step::Follow) && self.synced;
        (waits && self.moved_at + after <= now).then_some(RejectReason::Stalled { after })
    }

    /// A follower that waits must ping to tell a quiet node from a dead one, well before it would take it for dead.
    fn keep_alive_at(&self, config: &Config) -> Duration {
        self.last_frame_at + config.silence_timeout / 2
    }

    /// The request that is due at `now`, if any.
    fn due(&mut self, asking: &Asking<'_>, now: Duration) -> Option<Request> {
        let config = asking.config;
        let polls = !asking.paused && (self.dirty || now >= self.next_poll_at);
        if now < self.not_before || (matches!(self.step, Step::Follow) && !polls) {
            let keeps_alive = now >= self.keep_alive_at(config);
            let is_old = now >= self.sink_asked_at + SINK_AGE_LIMIT;
            if !asking.paused || !matches!(self.step, Step::Follow) || now < self.not_before || !(keeps_alive || is_old)
            {
                return keeps_alive.then_some(Request::Ping);
            }
            // Whoever waits for acknowledgements is to know how far behind that is, and any answer is a sign of life.
            self.refresh_sink();
        }
        // A size is reckoned from the sink, and how far a tip below the confirmations is behind cannot be told without it.
        let needs_sink = asking.size.step.is_some() || config.confirmations > 0;
        if needs_sink && self.asks_for_page(asking) && self.sink_asked_at + SINK_AGE_LIMIT <= now {
            self.refresh_sink();
        }
        let header_of = |hash| Request::GetBlock { hash, include_transactions: false };
        Some(match &self.step {
            Step::AskServer => Request::GetServerInfo,
            Step::SubscribeChain => {
                Request::Subscribe(Subscription::VirtualChainChanged { include_accepted_transaction_ids: false })
            }
            Step::SubscribeReset => Request::Subscribe(Subscription::PruningPointUtxoSetOverride),
            Step::AskDagInfo | Step::AskPruningPoint => Request::GetBlockDagInfo,
            Step::AskSinkHeader { sink, .. }
            | Step::ConfirmSinkHeader { sink, .. }
            | Step::RefreshSinkHeader { sink, .. } => header_of(*sink),
            Step::AskAnchorHeader { anchor } => header_of(anchor.hash),
            Step::AskPruningPointHeader { pruning_point } => header_of(*pruning_point),
            Step::ConfirmSink { .. } | Step::RefreshSink { .. } => Request::GetSink,
            Step::ConfirmLast { last, .. } => header_of(last.hash),
            Step::RestoreTip => header_of(asking.restoring?.hash),
            Step::RestoreChild { child, .. } => header_of(*child),
            Step::Probe { sink, .. } => Request::GetVirtualChainFromBlockV2 {
                start_hash: *sink,
                verbosity: Verbosity::None,
                min_confirmation_count: None,
            },
            Step::AskFrom { base, .. } => {
                let base = *base;
                self.page_from(base, asking)
            }
            Step::RestoreFork => self.page_from(asking.restoring?, asking),
            Step::RestoreWindow { candidates } => {
                let base = candidates.newest()?;
                self.page_from(base, asking)
            }
            Step::Follow => match asking.unweighed {
                Some(tip) => header_of(tip),
                None => self.page_from(asking.chain?.tip_ref(), asking),
            },
        })
    }

    /// Asks for the sink, and then goes on with the present step.
    fn refresh_sink(&mut self) {
        let then = Box::new(std::mem::replace(&mut self.step, Step::Follow));
        self.step = Step::RefreshSink { then };
    }

    /// Whether the present step asks for a page whose size is bounded by the node's sink.
    fn asks_for_page(&self, asking: &Asking<'_>) -> bool {
        match &self.step {
            Step::AskFrom { .. } | Step::RestoreFork | Step::RestoreWindow { .. } => true,
            Step::Follow => asking.unweighed.is_none(),
            _ => false,
        }
    }

    fn page_from(&mut self, base: ChainRef, asking: &Asking<'_>) -> Request {
        // Cleared before the question: whatever is announced from now on may be missing from the answer.
        self.dirty = false;
        self.hints.clear();
        let restores = matches!(self.step, Step::RestoreFork | Step::RestoreWindow { .. });
        let confirmations = if restores { 0 } else { asking.config.confirmations };
        let room = self.sink_blue_score.saturating_sub(base.blue_score);
        let may_be_large = room > LARGEST_SMALL_PAGE || self.sink_is_stale;
        let verbosity = match restores {
            true => Verbosity::Low,
            false if may_be_large => asking.size.verbosity,
            false => Verbosity::Full,
        };
        let beyond = asking.size.step.filter(|_| self.boost < LARGEST_BOOST).map_or(0, |step| {
            let end = base.blue_score.saturating_add(step.saturating_mul(1 << self.boost));
            self.sink_blue_score.saturating_sub(end)
        });
        let count = confirmations.max(beyond);
        self.asked = PageAsked { verbosity, is_bounded: count > confirmations, may_be_large };
        let min_confirmation_count = (count > 0).then_some(count);
        Request::GetVirtualChainFromBlockV2 { start_hash: base.hash, verbosity, min_confirmation_count }
    }
}

/// What of the follower a request depends on.
struct Asking<'a> {
    config: &'a Config,
    chain: Option<&'a ChainView>,
    /// The tip, if its blue work is not known.
    unweighed: Option<Hash>,
    /// The tip of the checkpoint, while the window is being fetched.
    restoring: Option<ChainRef>,
    size: Size,
    paused: bool,
}

impl Follower {
    /// Times out what is overdue, then sends the next request if one is due.
    pub(super) fn advance_session(&mut self, now: Duration) {
        let (paused, unweighed) = (self.is_paused(), self.unweighed_tip());
        let Link::Open(session) = &mut self.link else { return };
        if paused {
            // The chain goes on while nothing is fetched: to have arrived again will be news.
            (session.synced, session.sink_is_stale, session.moved_at) = (false, true, now);
        }
        if let Some(in_flight) = &session.in_flight {
            if in_flight.deadline <= now {
                let (operation, after) = (in_flight.operation, self.config.request_timeout);
                self.close_session(DisconnectReason::RequestTimeout { operation, after }, now);
            }
            return;
        }
        if session.last_frame_at + self.config.silence_timeout <= now {
            self.close_session(DisconnectReason::Silence { after: self.config.silence_timeout }, now);
            return;
        }
        if self.chain.is_none() && matches!(session.step, Step::Follow) {
            // There is nothing to follow from yet: whatever was being asked begins again.
            session.step = Step::AskDagInfo;
        }
        if let Some(reason) = session.stall(&self.config, paused, now) {
            return self.reject(reason, now);
        }
        let asking = Asking {
            config: &self.config,
            chain: self.chain.as_ref(),
            unweighed,
            restoring: self.restore.as_ref().map(|restore| restore.tip()),
            size: self.page_sizes[session.node].size(),
            paused,
        };
        let Some(request) = session.due(&asking, now) else { return };
        let id = session.next_request_id;
        session.next_request_id += 1;
        let deadline = now + self.config.request_timeout;
        session.in_flight = Some(InFlight { id, operation: request.operation(), deadline });
        let (number, bytes) = (session.number, request.encode(id));
        self.outputs.push_back(Output::Send { session: number, request_id: id, bytes });
    }
}
