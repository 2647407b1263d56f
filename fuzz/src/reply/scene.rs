//! Follower, node and time, and the laws of what passes between them.

use std::{
    collections::{BTreeMap, VecDeque},
    error::Error,
    time::Duration,
};

use bridge::{
    ChainRef, Config, DisconnectReason, L1Event, RejectReason, Window,
    follower::{Follower, Input, Output},
    wire::{Network, Request, Verbosity},
};
use kaspa_consensus_core::header::Header;
use kaspa_hashes::Hash;

use super::{
    Setup, apply,
    edit::{Change, Edit},
    node::{Answer, ScriptedNode},
    tree::Tree,
};

/// Most inputs between two moments at which the follower rests.
const MOST_INPUTS: usize = 20_000;

/// Time in which a follower with an honest node must have come back: the longest pause of ten attempts and more.
const LONGEST_RETURN: Duration = Duration::from_secs(600);

/// See the module documentation.
pub(super) struct Scene {
    config: Config,
    follower: Follower,
    tree: Tree,
    node: ScriptedNode,
    now: Duration,
    wake_at: Option<Duration>,
    session: Option<u64>,
    over: bool,
    inputs: VecDeque<Input>,
    requests: VecDeque<(u64, Vec<u8>)>,
    edits: Vec<Edit>,
    /// Headers that an edit gave the hash that fits them: blocks that the node could have found.
    made_up: BTreeMap<Hash, Header>,
    /// At which verbosity the page was asked for that was answered last.
    asked: Option<Verbosity>,
    /// The consumer's references, from the first numbered event on.
    window: Option<Window>,
    /// The follower began with all of these references, not with a checkpoint alone.
    knows_window: bool,
    /// Every block that was told is one of the node's, and as it is, and so is what a window was fetched back from.
    honest: bool,
    /// A page was changed since the follower began to fetch its window back.
    restores_lies: bool,
    /// An edit was made.
    edited: bool,
}

/// What the outputs of one input were.
#[derive(Default)]
struct Told {
    events: Vec<L1Event>,
    rejected: bool,
}

impl Scene {
    /// A follower that is synced to the end of the node's chain.
    pub(super) fn synced(setup: Setup) -> Self {
        let mut config = Config::new(Network::SIMNET, ["ws://node:17510"]).expect("the address is well formed");
        config.finality_depth = Some(u64::from(setup.finality_depth));
        let follower = Follower::new(config.clone()).expect("the settings are complete");
        let tree = Tree::new();
        let mut node = ScriptedNode::new(&tree);
        node.page_limit = usize::from(setup.page_limit);
        let mut scene = Self {
            config,
            follower,
            tree,
            node,
            now: Duration::ZERO,
            wake_at: None,
            session: None,
            over: false,
            inputs: VecDeque::from([Input::Tick]),
            requests: VecDeque::new(),
            edits: Vec::new(),
            made_up: BTreeMap::new(),
            asked: None,
            window: None,
            knows_window: true,
            honest: true,
            restores_lies: false,
            edited: false,
        };
        scene.fork(0, setup.blocks, 1);
        scene.exchange();
        assert!(scene.follows_the_sink(), "an honest node is not followed");
        scene
    }

    /// Some blocks of the node's chain leave, never its pruning point, and others join, each of which merges so many; the
    /// follower is told at the next occasion.
    pub(super) fn fork(&mut self, depth: u8, blocks: u8, merged: u8) {
        let mut sink = self.below_sink(depth);
        for _ in 0..blocks {
            sink = self.tree.extend_by(sink, u64::from(merged), u64::from(merged));
        }
        if let (Some(bytes), Some(session)) = (self.node.set_sink(&self.tree, sink), self.session) {
            self.inputs.push_back(Input::Frame { session, bytes: bytes.into() });
        }
    }

    /// The node keeps what descends from the block so far below its sink, and that block.
    pub(super) fn prune(&mut self, depth: u8) {
        self.node.pruning_point = self.below_sink(depth);
        let gone: Vec<Hash> = self.tree.hashes().filter(|hash| !self.is_served(*hash)).collect();
        self.node.unknown.extend(gone);
    }

    /// The block of the node's chain so far below its sink, or its pruning point if that is nearer.
    fn below_sink(&self, depth: u8) -> Hash {
        let chain = std::iter::successors(Some(self.node.sink), |hash| self.tree.parent(*hash));
        let above = chain.take(usize::from(depth)).take_while(|hash| *hash != self.node.pruning_point);
        above.last().and_then(|child| self.tree.parent(child)).unwrap_or(self.node.sink)
    }

    /// Whether the node serves the chain from this block.
    fn is_served(&self, hash: Hash) -> bool {
        if !self.tree.contains(hash) {
            return false;
        }
        let pruning_point = self.node.pruning_point;
        let lowest = self.tree.score(pruning_point);
        let mut chain = std::iter::successors(Some(hash), |hash| self.tree.parent(*hash));
        // Blue score falls with every step down.
        chain.find(|hash| self.tree.score(*hash) <= lowest) == Some(pruning_point)
    }

    /// The edit waits for its reply.
    pub(super) fn add_edit(&mut self, edit: Edit) {
        self.edits.push(edit);
    }

    /// The process dies, and the next one goes on from what the consumer stored: the checkpoint, and its references or not.
    pub(super) fn restart(&mut self, with_window: bool) {
        let Some(stored) = self.window.take().filter(|_| !self.over) else { return };
        // References that were never complete are not offered.
        let with_window = with_window && stored.is_complete();
        self.requests.clear();
        self.session = None;
        self.node.subscribed = false;
        self.wake_at = None;
        self.knows_window = with_window;
        self.restores_lies = false;
        match resumed(&self.config, &stored, with_window) {
            Ok((follower, window)) => {
                (self.follower, self.window) = (follower, Some(window));
                self.inputs = VecDeque::from([Input::Tick]);
            }
            Err(error) => {
                assert!(!self.honest, "what an honest node told cannot be resumed from: {error}");
                self.inputs.clear();
                self.over = true;
            }
        }
    }

    /// Everything that is on its way arrives, then time passes.
    pub(super) fn pass(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        self.exchange();
        while let Some(at) = self.wake_at.filter(|at| *at <= end && !self.over) {
            self.now = self.now.max(at);
            // A timer that rang is gone until it is set again.
            self.wake_at = None;
            self.inputs.push_back(Input::Tick);
            self.exchange();
        }
        self.now = end;
    }

    /// What waits happens; then the node is honest and its chain the heaviest, and must be followed.
    pub(super) fn settle(&mut self) {
        self.pass(1_000);
        self.edits.clear();
        let heaviest = self.tree.hashes().map(|hash| self.tree.work(hash)).max().unwrap_or(0);
        while let missing @ 1.. = (heaviest + 1).saturating_sub(self.tree.work(self.node.sink)) {
            self.fork(0, 1, u8::try_from(missing).unwrap_or(u8::MAX));
        }
        let end = self.now + LONGEST_RETURN;
        while self.honest && !self.over && !self.follows_the_sink() {
            if self.now >= end {
                let tip = self.follower.tip();
                assert!(
                    self.lost_its_root(),
                    "the follower does not come back to an honest node, but stays at {tip:?}"
                );
                break;
            }
            self.pass(5_000);
        }
        if !self.over {
            self.inputs.push_back(Input::Shutdown);
            self.exchange();
            assert!(self.over && self.session.is_none(), "told to stop, it goes on");
        }
    }

    /// Whether the node serves the chain from something that the follower has and that is on the node's chain.
    fn can_be_followed(&self) -> bool {
        let Some(window) = &self.window else { return true };
        let chain = self.tree.chain(self.node.sink);
        match self.follower.root() {
            Some(root) => self.is_served(window.tip().hash) && chain.contains(&root.hash),
            None => window.blocks().any(|block| self.is_served(block.hash) && chain.contains(&block.hash)),
        }
    }

    /// Whether the node's chain lacks the block at which the follower's begins. If that is not final, the follower waits for
    /// another node for ever.
    fn lost_its_root(&self) -> bool {
        let Some(root) = self.follower.root() else { return false };
        !self.tree.chain(self.node.sink).contains(&root.hash)
    }

    fn follows_the_sink(&self) -> bool {
        self.follower.tip().is_some_and(|tip| tip.hash == self.node.sink)
    }

    /// Lets inputs and requests go back and forth until nobody has anything to say.
    fn exchange(&mut self) {
        for _ in 0..MOST_INPUTS {
            if let Some(input) = self.inputs.pop_front() {
                self.input(input);
            } else if let Some((session, bytes)) = self.requests.pop_front() {
                self.answer(session, &bytes);
            } else {
                return;
            }
        }
        panic!("the follower asks for ever: {:?}", self.follower);
    }

    /// The node answers, after the edits that waited for this.
    fn answer(&mut self, session: u64, bytes: &[u8]) {
        let (id, request) = Request::parse(bytes).expect("the follower writes well-formed requests");
        let mut answer = self.node.answer(&self.tree, &request);
        let page_verbosity = match request {
            Request::GetVirtualChainFromBlockV2 { verbosity, .. } => Some(verbosity),
            _ => None,
        };
        let is_page = page_verbosity.is_some();
        self.asked = page_verbosity.or(self.asked);
        let edits = self.edits_of_reply(is_page);
        self.edited |= !edits.is_empty();
        let is_lie = |edit: &Edit| {
            !matches!(edit.change, Change::RemoteError { .. } | Change::Silence | Change::HangUp | Change::Twice)
        };
        let restores = self.follower.tip().is_none() && self.window.is_some();
        self.restores_lies |= restores && is_page && edits.iter().any(is_lie);
        if let (Answer::Page(page), false) = (&mut answer, edits.is_empty()) {
            let mut strangers: Vec<Hash> = self.tree.hashes().collect();
            strangers.push(Hash::from_u64_word(0xdead));
            let made_up = &mut self.made_up;
            edits.iter().for_each(|edit| apply::to_page(&edit.change, page, &strangers, made_up));
        }
        for edit in &edits {
            match &edit.change {
                Change::RemoteError { text } => answer = Answer::Error(apply::remote_error(*text)),
                Change::Silence => answer = Answer::Silence,
                Change::HangUp => return self.hang_up(session),
                _ => {}
            }
        }
        let Some(mut bytes) = answer.encode(id, request.operation()) else { return };
        edits.iter().for_each(|edit| apply::to_bytes(&edit.change, &mut bytes));
        let copies = 1 + edits.iter().filter(|edit| edit.change == Change::Twice).count();
        for _ in 0..copies {
            self.inputs.push_back(Input::Frame { session, bytes: bytes.clone().into() });
        }
    }

    /// The edits whose turn it is.
    fn edits_of_reply(&mut self, is_page: bool) -> Vec<Edit> {
        let (mut due, mut later) = (Vec::new(), Vec::new());
        for mut edit in self.edits.drain(..) {
            match edit.after {
                _ if !edit.of_any && !is_page => later.push(edit),
                0 => due.push(edit),
                _ => {
                    edit.after -= 1;
                    later.push(edit);
                }
            }
        }
        self.edits = later;
        due
    }

    fn hang_up(&mut self, session: u64) {
        self.node.subscribed = false;
        self.session = None;
        self.inputs.push_back(Input::Closed { session, reason: DisconnectReason::ClosedByNode });
    }

    fn input(&mut self, input: Input) {
        let before = (self.follower.tip(), self.follower.root());
        let stops = matches!(input, Input::Shutdown);
        self.follower.handle(input, self.now);
        let mut told = Told::default();
        while let Some(output) = self.follower.poll_output() {
            assert!(!self.over, "{output:?} after the end");
            match output {
                Output::Close { .. } => {
                    self.session = None;
                    self.node.subscribed = false;
                    self.requests.clear();
                }
                Output::Connect { session, .. } => {
                    self.session = Some(session);
                    self.inputs.push_back(Input::Connected { session });
                }
                Output::Event(event) => {
                    if let L1Event::NodeRejected { reason, .. } = &event {
                        told.rejected = true;
                        // It forgets what it fetched of its window.
                        self.restores_lies &= !matches!(reason, RejectReason::Malformed { .. });
                    }
                    told.events.push(event);
                }
                Output::Finished => {
                    self.over = true;
                    let has_reason = stops || self.edited || !self.can_be_followed();
                    assert!(has_reason, "the follower ends although an honest node serves its chain");
                }
                Output::Send { session, bytes, .. } => self.requests.push_back((session, bytes)),
                Output::WakeAt(at) => self.wake_at = Some(at),
            }
        }
        let wakes = self.over || self.wake_at.is_some_and(|at| at > self.now);
        assert!(wakes, "no wake-up ahead at {:?}: {:?}", self.now, self.follower);
        self.check(before, &told);
    }

    /// The laws of what one input led to.
    fn check(&mut self, before: (Option<ChainRef>, Option<ChainRef>), told: &Told) {
        let after = (self.follower.tip(), self.follower.root());
        self.honest &= !(self.restores_lies && after.0.is_some());
        let numbered = told.events.iter().filter(|event| event.sequence().is_some());
        if told.rejected {
            assert_eq!(numbered.count(), 0, "a refused reply has an effect: {:?}", told.events);
            // As long as nothing was told with a number the anchor may be chosen anew, and while the window is fetched back
            // that may begin anew.
            let gives_up_its_anchor = self.window.is_none() && after == (None, None);
            assert!(
                after == before || gives_up_its_anchor || !self.knows_window,
                "a refused reply moves tip or root: {before:?} to {after:?}"
            );
        }
        for event in &told.events {
            let Some(sequence) = event.sequence() else { continue };
            let anchor = self.follower.anchor().expect("the anchor is there before the first numbered event");
            let window = self.window.get_or_insert_with(|| Window::new(anchor));
            window.apply(event).unwrap_or_else(|error| panic!("{event:?} does not follow: {error}"));
            self.honest &= self.is_true(event);
            self.inputs.push_back(Input::Ack { sequence });
        }
        let Some(window) = &self.window else { return };
        let (tip, root) = (window.tip(), window.root());
        if self.knows_window {
            assert_eq!(after, (Some(tip), Some(root)), "what was told is not what it has");
        } else {
            // Its view may begin above the consumer's root, where that is pruned.
            let is_so = after.0.is_none_or(|has| has == tip) && after.1.is_none_or(|has| has.index >= root.index);
            assert!(is_so, "what was told, {tip:?} above {root:?}, is not what it has: {after:?}");
        }
    }

    /// Whether an added block is one of the node's; lies about older ones come with a window that is fetched back. What is
    /// told as verified is what its hash commits to, and everything is that comes from a page with whole headers.
    fn is_true(&self, event: &L1Event) -> bool {
        let L1Event::BlockAdded(added) = event else { return true };
        let hash = added.block.hash;
        let is_the_nodes = self.tree.contains(hash);
        let header = if is_the_nodes { Some(self.tree.header(hash)) } else { self.made_up.get(&hash) };
        let told = (added.block.blue_score, added.daa_score, added.timestamp_ms, Some(&added.parent));
        let is_so = header.is_some_and(|header| {
            told == (header.blue_score, header.daa_score, header.timestamp, header.direct_parents().first())
        });
        assert!(is_so || !added.verified, "a verified block is told as {told:?}, its header is {header:?}");
        let is_whole = self.asked == Some(Verbosity::Full);
        assert!(added.verified || !is_whole, "{hash} comes with its whole header and is not verified");
        is_the_nodes && is_so
    }
}

/// A follower that goes on from what a consumer stored, and what that consumer knows.
fn resumed(config: &Config, stored: &Window, with_window: bool) -> Result<(Follower, Window), Box<dyn Error>> {
    let checkpoint = stored.checkpoint(config.network)?;
    let blocks = with_window.then(|| stored.blocks().collect::<Vec<ChainRef>>());
    let follower = Follower::resume(config.clone(), &checkpoint, blocks.as_deref())?;
    let window = match blocks {
        Some(blocks) => Window::restored(&checkpoint, blocks)?,
        None => Window::of_checkpoint(&checkpoint),
    };
    Ok((follower, window))
}
