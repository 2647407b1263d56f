//! L1, follower and state machine in one process and one queue of what is to happen, without oracles: nothing here remembers
//! what is over.
//!
//! The follower and the machine live through the whole run. Restarts would hide what they leak.

use std::{collections::BTreeMap, time::Duration};

use bridge::{
    L1Event,
    follower::{Follower, Input, Output},
};
use sim::{
    dag::BlockId,
    disk::Disk,
    gossip::{Cut, Heal},
    network::{History, Network, NetworkConfig, StepKind},
    params::ParameterSet,
    random::Streams,
    rig,
    workload::WorkloadConfig,
};
use state::{Machine, ReceiptRetention, receipt::Outcome};

use super::{
    allocator::{Component, within},
    link::{Link, Message, Sent},
    payments::{self, BookedDisk, Payments},
    record::{Record, Totals},
};

/// Events wait so long for others, to be stored together.
const GROUP: Duration = Duration::from_secs(1);

/// From one end of the connection to the next.
const BETWEEN_FAILURES: Duration = Duration::from_secs(173);

/// From one division of the network to the next, and how long it lasts.
const BETWEEN_CUTS: Duration = Duration::from_secs(1_200);
const CUT: Duration = Duration::from_secs(8);

/// How much is run, and what is done to let memory grow.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Simulated time.
    pub length: Duration,
    /// Whether the L1 drops what no node has any more.
    pub history: History,
    /// How long the machine keeps receipts.
    pub receipts: ReceiptRetention,
    /// What is never freed, on purpose.
    pub leak: Option<Leak>,
}

/// Something that is never freed, at a component's expense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leak {
    /// A copy of each event that the follower tells.
    Events,
    /// The receipts of each batch that the machine stores.
    Applied,
    /// So many bytes for each session that the follower announces.
    Sessions(usize),
}

impl Setup {
    /// A run without leaks.
    pub fn of(length: Duration) -> Self {
        Self { length, history: History::Dropped, receipts: ReceiptRetention::BlocksBelowRoot(500), leak: None }
    }
}

/// See the module documentation.
pub struct Day {
    setup: Setup,
    network: Network,
    follower: Follower,
    machine: Machine,
    link: Link,
    now: Duration,
    /// By (time, running number).
    queue: BTreeMap<(Duration, u64), Due>,
    scheduled: u64,
    wake_at: Option<Duration>,
    /// Told and not yet stored.
    events: Vec<L1Event>,
    pruning_point: BlockId,
    record: Record,
}

enum Due {
    Message(Message),
    Store,
    Failure,
}

/// Runs it from genesis to its end.
pub fn run(setup: Setup) -> Record {
    let mut day = Day::new(setup);
    while day.step() {}
    day.record
}

impl Day {
    fn new(setup: Setup) -> Self {
        let config = network(&setup);
        let settings = rig::settings(1, config.parameters.finality_depth);
        let machine = payments::machine(settings.network, setup.receipts);
        let disk = within(Component::Disk, || Disk::new(Streams::new(1).stream("disk", 0)));
        let backend = BookedDisk(disk.open());
        Self {
            setup,
            network: within(Component::Sim, || Network::with_payloads(config, Box::<Payments>::default()))
                .expect("the parameters are those of a built-in set"),
            follower: within(Component::Bridge, || Follower::new(settings)).expect("the settings are those of the rig"),
            machine: within(Component::State, || Machine::open_on(backend, machine)).expect("the disk has no faults"),
            link: Link::default(),
            now: Duration::ZERO,
            queue: BTreeMap::from([((BETWEEN_FAILURES, 0), Due::Failure)]),
            scheduled: 0,
            wake_at: Some(Duration::ZERO),
            events: Vec::new(),
            pruning_point: BlockId::GENESIS,
            record: Record::new(setup.length),
        }
    }

    fn step(&mut self) -> bool {
        let l1 = self.network.next_event_at();
        let due = self.queue.first_key_value().map(|(&(at, _), _)| at);
        let next = l1.into_iter().chain(due).chain(self.wake_at).min();
        let Some(next) = next.filter(|&next| next < self.setup.length) else { return false };
        self.now = self.now.max(next);
        if l1 == Some(next) {
            self.step_l1();
        } else if due == Some(next) {
            match self.queue.pop_first() {
                Some((_, Due::Message(Message::ToFollower(input)))) => self.tell_follower(input),
                Some((_, Due::Message(Message::Request { session, bytes }))) => {
                    let reply = self.link.serve(&mut self.network, session, &bytes, self.now);
                    self.on_the_way(reply);
                }
                Some((_, Due::Store)) => self.store(),
                Some((_, Due::Failure)) => {
                    let end = self.link.fail(self.now);
                    self.on_the_way(end);
                    self.schedule(self.now + BETWEEN_FAILURES, Due::Failure);
                }
                None => {}
            }
        } else {
            self.wake_at = None;
            self.tell_follower(Input::Tick);
        }
        true
    }

    fn step_l1(&mut self) {
        let step = within(Component::Sim, || self.network.step()).expect("the store has ids for billions of blocks");
        let Some(step) = step else { return };
        self.record.totals.blocks += u64::from(matches!(step.what, StepKind::BlockMined { .. }));
        let notifications = self.link.notify(&mut self.network, &step, self.now);
        self.on_the_way(notifications);
        let pruning_point = self.network.node(0).pruning_point();
        if pruning_point != self.pruning_point {
            self.pruning_point = pruning_point;
            self.record.totals.prunings += 1;
        }
    }

    fn tell_follower(&mut self, input: Input) {
        let mut inputs = Some(input);
        while let Some(output) = within(Component::Bridge, || {
            if let Some(input) = inputs.take() {
                self.follower.handle(input, self.now);
            }
            self.follower.poll_output()
        }) {
            match output {
                Output::Close { session } => self.link.close(session),
                Output::Connect { session, .. } => {
                    let opened = self.link.connect(session, self.now);
                    self.on_the_way([opened]);
                }
                Output::Event(event) => self.take(event),
                Output::Finished => unreachable!("nobody tells it to stop, and its node is never useless"),
                Output::Send { session, bytes, .. } => {
                    let request = self.link.send(session, bytes, self.now);
                    self.on_the_way(request);
                }
                Output::WakeAt(at) => self.wake_at = Some(at),
            }
        }
    }

    fn take(&mut self, event: L1Event) {
        self.record.totals.count(&event);
        if self.setup.leak == Some(Leak::Events) {
            within(Component::Bridge, || std::mem::forget(event.clone()));
        }
        if let (Some(Leak::Sessions(bytes)), L1Event::Connected { .. }) = (self.setup.leak, &event) {
            within(Component::Bridge, || std::mem::forget(vec![0_u8; bytes]));
        }
        if event.sequence().is_none() {
            return;
        }
        if self.events.is_empty() {
            self.schedule(self.now + GROUP, Due::Store);
        }
        self.events.push(event);
    }

    /// Stores what was told, acknowledges it, and looks at the memory if something became final.
    fn store(&mut self) {
        let events = std::mem::take(&mut self.events);
        let anchor = self.follower.anchor();
        let applied = within(Component::State, || self.machine.apply(anchor, &events)).expect("the disk has no faults");
        let Totals { applied: done, rejected, .. } = &mut self.record.totals;
        for receipt in &applied.receipts {
            *if receipt.outcome == Outcome::Applied { &mut *done } else { &mut *rejected } += 1;
        }
        match self.setup.leak {
            Some(Leak::Applied) => std::mem::forget(applied),
            _ => drop(applied),
        }
        let is_final = events.iter().any(|event| matches!(event, L1Event::Finalized { .. }));
        let sequence = events.iter().rev().find_map(L1Event::sequence);
        drop(events);
        if let Some(sequence) = sequence {
            self.tell_follower(Input::Ack { sequence });
        }
        if is_final && self.record.totals.prunings > 0 {
            let held =
                self.follower.tip().zip(self.follower.root()).map_or(0, |(tip, root)| tip.index - root.index + 1);
            self.record.look(self.now, held);
        }
    }

    fn on_the_way(&mut self, messages: impl IntoIterator<Item = Sent>) {
        for Sent { at, what } in messages {
            self.schedule(at, Due::Message(what));
        }
    }

    fn schedule(&mut self, at: Duration, due: Due) {
        self.scheduled += 1;
        self.queue.insert((at, self.scheduled), due);
    }
}

/// Two miners who hear late enough of each other for reorgs, and are divided now and then for deeper ones. The follower's
/// node has the smaller part.
fn network(setup: &Setup) -> NetworkConfig {
    let parameters = ParameterSet::storm();
    let cuts = (1..).map(|number| BETWEEN_CUTS * number).take_while(|&at| at < setup.length);
    let cuts = cuts.map(|at| Cut { at, side: vec![0], heal: Heal::At(at + CUT) }).collect();
    NetworkConfig {
        workload: WorkloadConfig::mixed(200, 4),
        cuts,
        mining_until: setup.length,
        history: setup.history,
        ..NetworkConfig::new(1, parameters, vec![2, 3])
    }
}
