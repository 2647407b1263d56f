//! The process of a consumer: it follows a real bridge, dies, and goes on from what it stored.
//!
//! The checkers of the bridge see an event when its effects survive: what a process took in and did not store is told again by
//! the bridge of the next one, perhaps otherwise.

use std::{cell::RefCell, collections::VecDeque, rc::Rc, sync::Arc, time::Duration};

use bridge::{Checkpoint, L1Bridge, L1Event};
use sim::{random::Streams, world::executor::TaskHandle};

use super::{
    Consumer,
    crash::{Death, Deaths, until_death},
    history::{History, HistoryError},
    rest::{Rest, digest_of},
};
use crate::{
    check::{Failure, Restart},
    run::{
        plain::{sit_out_stops, take_time_to_store},
        seat::{Seat, Seated, Subject},
    },
};

/// What a consumer must do with what it is told.
pub(super) const STORE: (&str, &str) = (
    "consumer-store",
    "what the consumer says is stored is what it was told, survives its process, and is all of it when no more waits",
);

/// What every bridge does; another property would be found broken first.
const STREAM: (&str, &str) = ("stream", "the events of a bridge make one chain");

/// Consumers of one kind, one behind each bridge of a run.
pub(super) struct Consumers<C> {
    pub(super) make: Arc<dyn Fn() -> C + Send + Sync>,
    /// Processes die.
    pub(super) crashes: bool,
}

impl<C: Consumer> Subject for Consumers<C> {
    fn take(&mut self, seat: Seat) -> Box<dyn Seated> {
        let stream = Streams::new(seat.plan().seed.0).stream("consumer deaths", seat.number() as u64);
        let mut deaths = Deaths::new(self.crashes.then_some(stream));
        let rest = Rest {
            seat: seat.clone(),
            make: Arc::clone(&self.make),
            crashes: self.crashes,
            consumer: RefCell::default(),
            history: RefCell::default(),
        };
        let rest = Rc::new(rest);
        let process = Process {
            death: deaths.draw(),
            deaths,
            rest: Rc::clone(&rest),
            pending: VecDeque::new(),
            told: 0,
            stored: 0,
            points: None,
            is_busy: false,
        };
        seat.executor().spawn(process.run());
        Box::new(rest)
    }
}

/// Keeps the process of one consumer running.
struct Process<C> {
    rest: Rc<Rest<C>>,
    deaths: Deaths,
    /// How the process dies next.
    death: Option<Death>,
    /// The process has taken in the event that it dies over, and dies after so many more points.
    points: Option<u64>,
    /// What was handed over and does not survive yet, with the checkpoint after each numbered event.
    pending: VecDeque<(L1Event, Option<Checkpoint>)>,
    /// The last numbered event handed over.
    told: u64,
    /// The last whose effects survive.
    stored: u64,
    /// Something was handed over since the consumer had nothing to do.
    is_busy: bool,
}

/// A process that runs.
struct Life {
    bridge: L1Bridge,
    driver: TaskHandle,
    /// The last event acknowledged.
    acknowledged: u64,
}

/// Whether the process lives after a call.
enum Fate {
    Lives,
    Dies,
}

impl<C: Consumer> Process<C> {
    async fn run(mut self) {
        let executor = self.rest.seat.executor().clone();
        let mut consumer = (self.rest.make)();
        loop {
            let lived = match self.start(consumer) {
                Ok(mut life) => self.live(&mut life).await.map(|fate| (life, fate)),
                Err(failure) => Err(failure),
            };
            let buried = match lived {
                Err(failure) => Err(failure),
                Ok((_, Fate::Lives)) => return self.rest.seat.stream_is_over(),
                Ok((life, Fate::Dies)) => self.bury(life),
            };
            let (survivor, pause, forgotten) = match buried {
                Err(failure) => return self.rest.seat.report(failure),
                Ok(buried) => buried,
            };
            // What ends with the storm are its disturbances.
            let (now, storm) = (executor.now(), self.rest.seat.plan().storm());
            executor.sleep_until(now.saturating_add(pause).min(storm.max(now))).await;
            self.rest.seat.restarted(Restart { stored: self.stored, forgotten });
            self.rest.seat.note(format!("starts behind event {} with {}", self.stored, digest_of(&survivor)));
            consumer = survivor;
        }
    }

    /// A process starts where its consumer stands.
    fn start(&mut self, consumer: C) -> Result<Life, Failure> {
        let seat = &self.rest.seat;
        let checkpoint = consumer.checkpoint().filter(|_| self.rest.crashes);
        let found = checkpoint.as_ref().map_or(0, Checkpoint::sequence);
        if self.told == 0 && found != 0 {
            let store = "a new consumer has a checkpoint: each must be made with an empty store of its own";
            return Err(seat.failure(STORE, store.to_owned()));
        }
        let (config, transport, clock) = (seat.config(), seat.transport(), seat.clock());
        let executor = seat.executor();
        let started = match &checkpoint {
            None => L1Bridge::with(config, transport, clock).map(|(bridge, driver)| (bridge, executor.spawn(driver))),
            Some(checkpoint) => {
                let kept = || self.rest.history.borrow().as_ref().map(History::window);
                let window = consumer.window().or_else(kept);
                let resumed = L1Bridge::resume_with(config, transport, clock, checkpoint, window.as_deref());
                resumed.map(|(bridge, driver)| (bridge, executor.spawn(driver)))
            }
        };
        let (bridge, driver) = started.map_err(|error| {
            seat.failure(STORE, format!("no bridge goes on where the consumer stands, behind event {found}: {error}"))
        })?;
        self.rest.consumer.replace(Some(consumer));
        Ok(Life { bridge, driver, acknowledged: found })
    }

    /// Event after event, until the stream is over or the process dies.
    async fn live(&mut self, life: &mut Life) -> Result<Fate, Failure> {
        let seat = self.rest.seat.clone();
        let planned = seat.planned().consumer.clone();
        loop {
            let event = match life.bridge.try_next() {
                Some(event) => event,
                None => {
                    if let Fate::Dies = self.idle(life)? {
                        return Ok(Fate::Dies);
                    }
                    self.acknowledge(life);
                    match life.bridge.next().await {
                        Some(event) => event,
                        None => return Ok(Fate::Lives),
                    }
                }
            };
            sit_out_stops(&seat, &planned).await;
            seat.told(&event);
            let is_numbered = event.sequence().is_some();
            if let Fate::Dies = self.hand_over(event, life)? {
                return Ok(Fate::Dies);
            }
            if is_numbered {
                take_time_to_store(&seat, &planned).await;
                if self.stored.saturating_sub(life.acknowledged) >= planned.acknowledge_every {
                    self.acknowledge(life);
                }
            }
        }
    }

    /// The consumer takes an event in.
    fn hand_over(&mut self, event: L1Event, life: &Life) -> Result<Fate, Failure> {
        self.is_busy = true;
        // Who was told that nothing more comes is not started again.
        if let L1Event::Fatal(_) = event {
            (self.death, self.points) = (None, None);
        }
        let Some(sequence) = event.sequence() else {
            let fate = self.call(|consumer| consumer.on_status(&event));
            self.pending.push_back((event, None));
            return if let Fate::Dies = fate { Ok(fate) } else { self.settle(life).map(|()| fate) };
        };
        let after = self.remember(&event, life)?;
        self.told = sequence;
        let dies_on_return = self.comes_to_its_death();
        let fate = self.call(|consumer| consumer.on_event(&event, &after));
        self.pending.push_back((event, Some(after)));
        if let Fate::Dies = fate {
            return Ok(fate);
        }
        self.settle(life)?;
        Ok(if dies_on_return { Fate::Dies } else { Fate::Lives })
    }

    /// Nothing waits: the consumer stores what it has.
    fn idle(&mut self, life: &Life) -> Result<Fate, Failure> {
        if !std::mem::take(&mut self.is_busy) {
            return Ok(Fate::Lives);
        }
        if let Fate::Dies = self.call(Consumer::on_idle) {
            return Ok(Fate::Dies);
        }
        self.settle(life)?;
        if self.stored < self.told {
            let (told, stored) = (self.told, self.stored);
            return Err(self.rest.seat.failure(
                STORE,
                format!(
                    "no more events wait, event {told} was the last, and what is stored ends with event {stored}: \
                     store in `on_event` or in `on_idle`, or storm it `without_crashes`"
                ),
            ));
        }
        // It has no point at which it could die.
        Ok(if self.points.is_some() && self.is_storm() { Fate::Dies } else { Fate::Lives })
    }

    /// Adds the event to the history; where the consumer stands after it.
    fn remember(&mut self, event: &L1Event, life: &Life) -> Result<Checkpoint, Failure> {
        let (seat, mut history) = (&self.rest.seat, self.rest.history.borrow_mut());
        let remembered = match (history.as_mut(), life.bridge.anchor()) {
            (Some(history), _) => history.push(event),
            (None, Some(anchor)) => history.insert(History::new(seat.config().network, anchor)).push(event),
            (None, None) => return Err(seat.failure(STREAM, "a numbered event came before the anchor".to_owned())),
        };
        remembered.map_err(|error: HistoryError| {
            seat.taken_in(event, life.bridge.waiting());
            seat.failure(STREAM, error.to_string())
        })
    }

    /// Counts a numbered event; whether the process dies when it has taken it in. If it dies at a point, that is set.
    fn comes_to_its_death(&mut self) -> bool {
        let is_storm = self.is_storm();
        let Some(death) = &mut self.death else { return false };
        if death.events > 0 || !is_storm {
            death.events = death.events.saturating_sub(1);
            return false;
        }
        if self.points.is_none() {
            self.points = death.points;
        }
        death.points.is_none()
    }

    /// Lets the consumer do something, which it may not survive.
    fn call(&mut self, act: impl FnOnce(&mut C)) -> Fate {
        let points = self.points.filter(|_| self.is_storm());
        let mut consumer = self.rest.consumer.borrow_mut();
        let Some(consumer) = consumer.as_mut() else { return Fate::Lives };
        match until_death(points, || act(consumer)) {
            Some(left) => {
                self.points = left;
                Fate::Lives
            }
            None => Fate::Dies,
        }
    }

    /// Looks up to where the consumer's effects survive now, and shows the checkers everything up to there.
    fn settle(&mut self, life: &Life) -> Result<(), Failure> {
        let checkpoint = self.rest.consumer.borrow().as_ref().and_then(Consumer::checkpoint);
        self.settle_at(checkpoint, life.bridge.waiting())
    }

    fn settle_at(&mut self, checkpoint: Option<Checkpoint>, waiting: u64) -> Result<(), Failure> {
        // In memory nothing dies, and everything is stored at once.
        let stored = if self.rest.crashes { checkpoint.as_ref().map_or(0, Checkpoint::sequence) } else { self.told };
        let seat = &self.rest.seat;
        if stored < self.stored {
            let message =
                format!("what is stored ended with event {}, and now it ends with event {stored}", self.stored);
            return Err(seat.failure(STORE, message));
        }
        if stored > self.told {
            let message = format!("the checkpoint is of event {stored}, and event {} was the last told", self.told);
            return Err(seat.failure(STORE, message));
        }
        while let Some((event, _)) = self.pending.front()
            && event.sequence().is_none_or(|sequence| sequence <= stored)
        {
            let Some((event, after)) = self.pending.pop_front() else { break };
            if let (Some(after), Some(found)) = (&after, checkpoint.as_ref().filter(|_| self.rest.crashes))
                && after.sequence() == stored
                && (after.network(), after.root(), after.tip()) != (found.network(), found.root(), found.tip())
            {
                let message = format!(
                    "the checkpoint of event {stored} has root {:?} and tip {:?}, but the consumer was told {:?} and {:?}",
                    found.root(),
                    found.tip(),
                    after.root(),
                    after.tip()
                );
                return Err(seat.failure(STORE, message));
            }
            seat.taken_in(&event, waiting);
        }
        self.stored = stored;
        Ok(())
    }

    fn acknowledge(&self, life: &mut Life) {
        if self.stored > life.acknowledged {
            life.acknowledged = self.stored;
            self.rest.seat.acknowledged(self.stored, life.bridge.waiting());
            life.bridge.ack(self.stored).expect("only what was handed over can be stored");
        }
    }

    /// Ends a process: the consumer with what survived, the pause until the next process, and how many numbered events are
    /// forgotten.
    fn bury(&mut self, life: Life) -> Result<(C, Duration, u64), Failure> {
        let Life { bridge, driver, .. } = life;
        // A bridge that is told to stop would say goodbye; a dead one does not.
        driver.kill();
        let waiting = bridge.waiting();
        drop(bridge);
        let pause = self.death.map_or(Duration::ZERO, |death| death.pause);
        self.rest.seat.note(format!("dies over event {}", self.told));
        (self.death, self.points, self.is_busy) = (self.deaths.draw(), None, false);
        let consumer = self.rest.consumer.borrow_mut().take();
        let survivor = consumer.expect("it was put there at the start of the process that died").restart();
        // Looked at now, so that no checker takes what was told before the pause for later.
        self.settle_at(survivor.checkpoint(), waiting)?;
        let forgotten = self.pending.drain(..).filter(|(_, after)| after.is_some()).count() as u64 + waiting;
        self.told = self.stored;
        let mut history = self.rest.history.borrow_mut();
        if self.stored == 0 {
            // The next bridge chooses its own anchor.
            *history = None;
        } else if let Some(history) = history.as_mut() {
            let forgets = history.forget_after(self.stored);
            forgets.map_err(|error| self.rest.seat.failure(STREAM, error.to_string()))?;
        }
        Ok((survivor, pause, forgotten))
    }

    fn is_storm(&self) -> bool {
        self.rest.seat.executor().now() < self.rest.seat.plan().storm()
    }
}
