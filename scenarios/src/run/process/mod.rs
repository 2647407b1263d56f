//! The process of a state machine: it starts, follows, dies and comes back, as under a supervisor in production.
//!
//! Bridge, state machine and the task between them live and die together; only the disk stays. Whatever a process cannot
//! store ends it, and the next one tries again from what is stored. Only errors for which a disk fault can be blamed are
//! excused.
//!
//! Checkers and replica see a batch when it is stored, in the instant in which it was taken. If the process dies in storing
//! it, the reopened store tells whether it is there, and it is looked at then or never. Of a batch in doubt only the part
//! that is stored counts: what the bridge told of connections after its last numbered event nobody took in.
//!
//! | file | room for |
//! |---|---|
//! | `life.rs` | batch after batch |
//! | `ending.rs` | what is to blame for an end, and what is excused |
//! | `look.rs` | what checkers, coverage and trace are shown |

mod ending;
mod life;
mod look;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use sim::{
    random::Streams,
    world::{
        World,
        executor::TaskHandle,
        host::{SimClock, SimTransport},
    },
};
use state::{Batch, Consumer, Machine, MachineConfig, OpenError};

use super::{EventTap, disk_faults::DiskFaults, examiner::Examiner, failure::FirstFailure};
use crate::plan::{Plan, PlannedConsumer, PlannedDiskFault, PlannedDiskTrouble, PlannedState};

/// Keeps a process with a state machine running.
pub(super) struct Supervisor {
    client: u32,
    plan: Rc<Plan>,
    world: Rc<World>,
    examiner: Rc<RefCell<Examiner>>,
    tap: Box<dyn EventTap>,
    first_failure: Rc<FirstFailure>,
    faults: DiskFaults,
    consumer: PlannedConsumer,
    /// How long events wait for others to be stored with.
    commit_interval: Duration,
    /// What every process makes its state machine from.
    machine: MachineConfig,
    /// Attempts to start so far.
    starts: u64,
    /// The bridge said that nothing more will come.
    has_ended: bool,
    /// Reorgs of the batch taken last that take back what a transaction did or tried; 0 once they are stored.
    rolls_back_executed: u64,
    /// What the last process left behind.
    lost: Lost,
}

/// What a process had been told when it died.
#[derive(Default)]
struct Lost {
    /// The batch in the storing of which it died: it may be stored or not.
    in_doubt: Option<Batch>,
    /// Numbered events that it had not taken yet.
    waiting: u64,
}

/// A process that runs.
struct Life {
    consumer: Consumer,
    driver: TaskHandle,
    /// When the events that wait for others are to be stored, if any do.
    commit_at: Cell<Option<Duration>>,
    /// It was asked to end.
    leaving: Option<Leaving>,
}

#[derive(Clone, Copy)]
struct Leaving {
    asked_at: Duration,
    by: PlannedDiskFault,
}

/// Why a process no longer runs.
enum End {
    /// The run is over.
    Asked,
    /// Nothing more will come.
    StreamOver,
    /// It died; the next is to come.
    Died(Death),
    /// It has ended as it was asked; the next is to come.
    Left(PlannedDiskFault),
    /// It did what nothing excuses; no other is to come.
    Wrong,
}

struct Death {
    moment: Moment,
    /// The power failed of itself, or the process was killed; faults that waited for an operation are known otherwise.
    cut_off_by: Option<PlannedDiskFault>,
    /// An operation failed, and the power did not.
    disk_error: bool,
    in_doubt: Option<Batch>,
}

/// What a process was about when it died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Waiting,
    Storing,
    /// A batch is stored and not acknowledged.
    Stored,
}

impl Supervisor {
    pub(super) fn new(
        world: &Rc<World>,
        plan: &Rc<Plan>,
        number: usize,
        state: &PlannedState,
        examiner: &Rc<RefCell<Examiner>>,
        tap: Box<dyn EventTap>,
        first_failure: &Rc<FirstFailure>,
    ) -> Self {
        let stream = Streams::new(plan.seed.0).stream("disk", number as u64);
        Self {
            client: u32::try_from(number).unwrap_or(u32::MAX),
            plan: Rc::clone(plan),
            world: Rc::clone(world),
            examiner: Rc::clone(examiner),
            tap,
            first_failure: Rc::clone(first_failure),
            faults: DiskFaults::new(state, plan.storm(), stream),
            consumer: plan.bridges[number].consumer.clone(),
            commit_interval: Duration::from_millis(state.commit_interval_ms),
            machine: plan.machine_of(number),
            starts: 0,
            has_ended: false,
            rolls_back_executed: 0,
            lost: Lost::default(),
        }
    }

    /// Until the stream is over, or the run.
    pub(super) async fn run(mut self) {
        loop {
            let pause = match self.open() {
                Ok(machine) => self.lead_a_life(machine).await,
                Err(error) => self.excuse_of_opening(&error),
            };
            let Some(pause) = pause else { return };
            let mut until = self.now().saturating_add(pause);
            while self.now() < until {
                self.wait_for_fault(until).await;
                // Nothing runs that could be killed or asked. If the power fails, it takes as long again.
                if let Some(by) = self.faults.advance(self.now())
                    && by.what == PlannedDiskTrouble::Crash
                {
                    self.count(|figures| figures.crashes += 1);
                    until = self.now().saturating_add(Duration::from_millis(by.restart_after_ms));
                }
            }
        }
    }

    fn open(&mut self) -> Result<Machine, OpenError> {
        self.starts += 1;
        self.faults.before_opening();
        Machine::open_on(self.faults.disk().open(), self.machine.clone())
    }

    /// From the opened store to death; the pause until the next life, or `None` if there is none.
    async fn lead_a_life(&mut self, machine: Machine) -> Option<Duration> {
        self.look_at_opened(&machine);
        let transport = SimTransport::new(&self.world, self.client);
        let clock = SimClock::new(self.world.executor());
        let config = self.plan.bridge(usize::try_from(self.client).unwrap_or(usize::MAX));
        let (consumer, driver) = match Consumer::with(config, machine, transport, clock) {
            Ok(started) => started,
            Err(error) => {
                self.fail(format!("no bridge goes on where the store stands: {error}"));
                return None;
            }
        };
        let driver = self.world.executor().spawn(driver);
        self.examiner.borrow_mut().is_up = true;
        let mut life = Life { consumer, driver, commit_at: Cell::new(None), leaving: None };
        match self.live(&mut life).await {
            End::Died(death) => {
                self.examiner.borrow_mut().is_up = false;
                self.bury(life, death)
            }
            End::Left(by) => self.leave(life, by),
            End::Wrong => None,
            end @ (End::Asked | End::StreamOver) => {
                let mut examiner = self.examiner.borrow_mut();
                examiner.stream_over = matches!(end, End::StreamOver);
                examiner.process = Some(life.consumer);
                None
            }
        }
    }

    fn now(&self) -> Duration {
        self.world.executor().now()
    }
}

/// The last numbered event whose effects are stored; 0 if there is none.
fn stored_up_to(machine: &Machine) -> u64 {
    machine.checkpoint().map_or(0, |checkpoint| checkpoint.sequence())
}
