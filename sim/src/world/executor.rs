//! Runs the tasks of one simulation on virtual time.
//!
//! One thread, one queue of ready tasks, one queue of timers ordered by (time, sequence). Time stands still while any
//! task is ready and then jumps to the next timer. Which of several ready tasks runs next is drawn from a named stream,
//! so that seeds explore interleavings. Whatever is still running when the simulation ends is dropped with it.
//!
//! The tasks run inside a madsim runtime, whose clock is moved in step: code that reads `std::time::Instant` or asks the
//! system for randomness sees the simulation. Its own executor is not used: a sleep there lasts at least 1 ms, and every
//! poll of a sleep leaves a timer behind.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::Future,
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use thiserror::Error;

use crate::random::{Stream, Streams};

/// Runs `main` and everything it spawns until `main` completes.
///
/// Must be called on a thread of its own that runs nothing else: hash seeds and generators of the standard library are
/// initialised once per thread.
///
/// # Errors
/// [`Stalled`] if `main` would never complete: nothing will run again, or something runs for ever while time stands.
pub fn run<T, F: Future<Output = T>>(streams: &Streams, main: impl FnOnce(Executor) -> F) -> Result<T, Stalled> {
    let runtime = madsim::runtime::Runtime::with_seed_and_config(streams.seed(), madsim::Config::default());
    let executor = Executor::new(streams.stream("scheduler", 0));
    let _freed_at_the_end = TasksOf(executor.clone());
    runtime.block_on(async { executor.drive(main(executor.clone())) })
}

/// Drops the tasks of an executor, also when a task panics. Tasks hold the executor and the executor holds tasks: without
/// this nothing of a run would ever be freed, and who listens to its trace would wait for ever.
struct TasksOf(Executor);

impl Drop for TasksOf {
    fn drop(&mut self) {
        // A task that drops may look at the tasks, and spawn another: they must not be borrowed then.
        while let Some(tasks) = self.0.inner.tasks.try_borrow_mut().ok().map(|mut tasks| std::mem::take(&mut *tasks))
            && !tasks.is_empty()
        {
            drop(tasks);
        }
    }
}

/// Most polls of tasks and sleeps at one instant of simulated time; above it the simulation is taken to be stuck there.
pub const MOST_POLLS_AT_ONE_INSTANT: u32 = 1_000_000;

/// Simulated time came to a stop before the main task did.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stalled {
    /// Everybody waits for somebody else.
    #[error("deadlock after {at:?} of simulated time: no task is ready and no timer is pending")]
    Deadlock {
        /// Simulated time.
        at: Duration,
    },
    /// Somebody never waits: a task that wakes itself, or one that sleeps until a time that is over, again and again.
    #[error("livelock after {at:?} of simulated time: more than {MOST_POLLS_AT_ONE_INSTANT} polls at this instant")]
    Livelock {
        /// Simulated time.
        at: Duration,
    },
}

impl Stalled {
    /// Simulated time at which it stopped.
    pub fn at(&self) -> Duration {
        match *self {
            Self::Deadlock { at } | Self::Livelock { at } => at,
        }
    }
}

/// Handle to the running simulation.
#[derive(Clone)]
pub struct Executor {
    inner: Rc<Inner>,
}

struct Inner {
    now: Cell<Duration>,
    sequence: Cell<u64>,
    /// Polls of tasks and sleeps since `now` moved.
    polls: Cell<u32>,
    timers: RefCell<BTreeMap<(Duration, u64), Waker>>,
    tasks: RefCell<BTreeMap<u64, Task>>,
    ready: Arc<ReadyQueue>,
    scheduler: RefCell<Stream>,
}

struct Task {
    /// `None` while the task runs.
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    flag: Arc<TaskFlag>,
}

/// A task that can be dropped before it completes, as a process can be killed.
pub struct TaskHandle {
    id: u64,
    executor: Executor,
}

impl TaskHandle {
    /// Drops the task where it stands, unless it has completed.
    pub fn kill(&self) {
        let task = self.executor.inner.tasks.borrow_mut().remove(&self.id);
        // Outside the borrow: destructors may wake or spawn.
        drop(task);
    }
}

impl Executor {
    fn new(scheduler: Stream) -> Self {
        let inner = Inner {
            now: Cell::new(Duration::ZERO),
            sequence: Cell::new(0),
            polls: Cell::new(0),
            timers: RefCell::default(),
            tasks: RefCell::default(),
            ready: Arc::default(),
            scheduler: RefCell::new(scheduler),
        };
        Self { inner: Rc::new(inner) }
    }

    /// Simulated time since the start.
    pub fn now(&self) -> Duration {
        self.inner.now.get()
    }

    /// Starts a task. It runs when the present one waits.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) -> TaskHandle {
        let id = self.next_sequence();
        let flag = Arc::new(TaskFlag { id, queued: AtomicBool::new(false), ready: Arc::clone(&self.inner.ready) });
        let task = Task { future: Some(Box::pin(task)), flag: Arc::clone(&flag) };
        self.inner.tasks.borrow_mut().insert(id, task);
        flag.wake();
        TaskHandle { id, executor: self.clone() }
    }

    /// Completes when simulated time has reached `deadline`.
    pub fn sleep_until(&self, deadline: Duration) -> Sleep {
        Sleep { executor: self.clone(), deadline, timer: None }
    }

    /// Completes after `pause` of simulated time.
    pub fn sleep(&self, pause: Duration) -> Sleep {
        self.sleep_until(self.now() + pause)
    }

    fn next_sequence(&self) -> u64 {
        let next = self.inner.sequence.get() + 1;
        self.inner.sequence.set(next);
        next
    }

    /// Counts a poll; whether there were too many at this instant.
    fn count_poll(&self) -> bool {
        let polls = self.inner.polls.get().saturating_add(1);
        self.inner.polls.set(polls);
        polls > MOST_POLLS_AT_ONE_INSTANT
    }

    fn drive<T>(&self, main: impl Future<Output = T>) -> Result<T, Stalled> {
        let mut main = pin!(main);
        let main_flag =
            Arc::new(TaskFlag { id: MAIN, queued: AtomicBool::new(false), ready: self.inner.ready.clone() });
        let waker = Waker::from(Arc::clone(&main_flag));
        main_flag.wake_by_ref();
        loop {
            if self.inner.polls.get() > MOST_POLLS_AT_ONE_INSTANT {
                return Err(Stalled::Livelock { at: self.now() });
            }
            match self.next_ready() {
                Some(MAIN) => {
                    self.count_poll();
                    main_flag.queued.store(false, Ordering::SeqCst);
                    if let Poll::Ready(output) = main.as_mut().poll(&mut Context::from_waker(&waker)) {
                        return Ok(output);
                    }
                }
                Some(id) => self.poll_task(id),
                None => self.jump_to_next_timer()?,
            }
        }
    }

    fn next_ready(&self) -> Option<u64> {
        let mut ready = self.inner.ready.lock();
        match ready.len() {
            0 => None,
            1 => ready.pop(),
            count => {
                let at = self.inner.scheduler.borrow_mut().below(count as u64);
                Some(ready.remove(usize::try_from(at).unwrap_or(0)))
            }
        }
    }

    fn poll_task(&self, id: u64) {
        let taken = self.inner.tasks.borrow_mut().get_mut(&id).map(|task| (task.future.take(), task.flag.clone()));
        // A task killed after it was woken is still in the queue.
        let Some((Some(mut future), flag)) = taken else { return };
        flag.queued.store(false, Ordering::SeqCst);
        self.count_poll();
        let pending = future.as_mut().poll(&mut Context::from_waker(&Waker::from(flag))).is_pending();
        let mut tasks = self.inner.tasks.borrow_mut();
        match tasks.get_mut(&id) {
            Some(task) if pending => task.future = Some(future),
            _ => {
                tasks.remove(&id);
                drop(tasks);
                drop(future);
            }
        }
    }

    fn jump_to_next_timer(&self) -> Result<(), Stalled> {
        let now = self.now();
        let Some((at, _)) = self.inner.timers.borrow().first_key_value().map(|(key, _)| *key) else {
            return Err(Stalled::Deadlock { at: now });
        };
        madsim::time::advance(at - now);
        self.inner.now.set(at);
        self.inner.polls.set(0);
        loop {
            let mut timers = self.inner.timers.borrow_mut();
            let Some(first) = timers.first_entry().filter(|first| first.key().0 == at) else { return Ok(()) };
            let waker = first.remove();
            drop(timers);
            waker.wake();
        }
    }
}

/// Number of the task that `run` was given; spawned tasks count from 1.
const MAIN: u64 = 0;

/// Numbers of the tasks to run. Behind a lock only because a `Waker` must be `Send`; nothing else runs.
#[derive(Default)]
struct ReadyQueue(Mutex<Vec<u64>>);

impl ReadyQueue {
    fn lock(&self) -> MutexGuard<'_, Vec<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct TaskFlag {
    id: u64,
    /// The number is in the ready queue.
    queued: AtomicBool,
    ready: Arc<ReadyQueue>,
}

impl Wake for TaskFlag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::SeqCst) {
            self.ready.lock().push(self.id);
        }
    }
}

/// Future of [`Executor::sleep_until`]. Dropping it removes its timer.
pub struct Sleep {
    executor: Executor,
    deadline: Duration,
    timer: Option<(Duration, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // A task that only awaits sleeps that are over never returns to the executor. This one never ends, so that the
        // task returns and the executor can say what is wrong.
        if self.executor.count_poll() {
            return Poll::Pending;
        }
        if self.executor.now() >= self.deadline {
            return Poll::Ready(());
        }
        let key = match self.timer {
            Some(key) => key,
            None => (self.deadline, self.executor.next_sequence()),
        };
        self.timer = Some(key);
        self.executor.inner.timers.borrow_mut().insert(key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.timer {
            self.executor.inner.timers.borrow_mut().remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn on_fresh_thread<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
        #[expect(clippy::disallowed_methods, reason = "a simulation needs a fresh thread")]
        std::thread::spawn(test).join().expect("the simulation does not panic")
    }

    #[test]
    fn given_sleeps_when_they_end_then_in_order_of_time_and_the_system_clock_agrees() {
        let (order, elapsed, virtual_elapsed) = on_fresh_thread(|| {
            run(&Streams::new(1), |executor| async move {
                #[expect(clippy::disallowed_methods, reason = "shows that the system clock is the simulated one")]
                let start = Instant::now();
                let order = Rc::new(RefCell::new(Vec::new()));
                for pause_us in [300, 100, 200] {
                    let (order, timer) = (Rc::clone(&order), executor.sleep(Duration::from_micros(pause_us)));
                    executor.spawn(async move {
                        timer.await;
                        order.borrow_mut().push(pause_us);
                    });
                }
                executor.sleep(Duration::from_millis(1)).await;
                (order.take(), executor.now(), start.elapsed())
            })
            .expect("the main task completes")
        });
        assert_eq!(order, [100, 200, 300]);
        assert_eq!(elapsed, Duration::from_millis(1));
        assert_eq!(virtual_elapsed, Duration::from_millis(1));
    }

    #[test]
    fn given_nothing_to_wait_for_when_main_waits_then_a_deadlock_is_reported() {
        let outcome = on_fresh_thread(|| run(&Streams::new(1), |_| std::future::pending::<()>()));
        assert_eq!(outcome, Err(Stalled::Deadlock { at: Duration::ZERO }));
    }

    #[test]
    fn given_a_task_that_wakes_itself_for_ever_when_run_then_a_livelock_is_reported() {
        let outcome = on_fresh_thread(|| {
            run(&Streams::new(1), |executor| async move {
                executor.sleep(Duration::from_secs(1)).await;
                executor.spawn(std::future::poll_fn(|context| {
                    context.waker().wake_by_ref();
                    Poll::Pending
                }));
                executor.sleep(Duration::from_secs(1)).await;
            })
        });
        assert_eq!(outcome, Err(Stalled::Livelock { at: Duration::from_secs(1) }));
    }

    #[test]
    fn given_a_task_that_sleeps_until_the_past_for_ever_when_run_then_a_livelock_is_reported() {
        let outcome: Result<(), _> = on_fresh_thread(|| {
            run(&Streams::new(1), |executor| async move {
                executor.sleep(Duration::from_secs(2)).await;
                loop {
                    executor.sleep_until(Duration::from_secs(1)).await;
                }
            })
        });
        let error = outcome.expect_err("the main task never completes");
        assert_eq!(error, Stalled::Livelock { at: Duration::from_secs(2) });
        assert!(error.to_string().starts_with("livelock after 2s of simulated time"), "{error}");
    }

    #[test]
    fn given_very_many_polls_at_different_instants_when_run_then_it_completes() {
        let outcome = on_fresh_thread(|| {
            run(&Streams::new(1), |executor| async move {
                for _ in 0..MOST_POLLS_AT_ONE_INSTANT / 4 {
                    for _ in 0..4 {
                        executor.sleep_until(Duration::ZERO).await;
                    }
                    executor.sleep(Duration::from_nanos(1)).await;
                }
            })
        });
        assert_eq!(outcome, Ok(()));
    }

    #[test]
    fn given_a_killed_task_when_its_time_comes_then_it_does_not_run() {
        let ran = on_fresh_thread(|| {
            run(&Streams::new(1), |executor| async move {
                let ran = Rc::new(Cell::new(false));
                let (flag, timer) = (Rc::clone(&ran), executor.sleep(Duration::from_secs(1)));
                let task = executor.spawn(async move {
                    timer.await;
                    flag.set(true);
                });
                executor.sleep(Duration::from_millis(1)).await;
                task.kill();
                executor.sleep(Duration::from_secs(2)).await;
                ran.get()
            })
        });
        assert_eq!(ran, Ok(false));
    }

    #[test]
    fn given_a_main_task_that_panics_when_the_run_ends_then_the_other_tasks_are_dropped() {
        let (held_by_a_task, listener) = std::sync::mpsc::channel::<()>();
        #[expect(clippy::disallowed_methods, reason = "a simulation needs a fresh thread")]
        let simulation = std::thread::spawn(move || {
            run(&Streams::new(1), |executor| async move {
                let task_executor = executor.clone();
                executor.spawn(async move {
                    task_executor.sleep(Duration::from_secs(1)).await;
                    drop(held_by_a_task);
                });
                panic!("planted panic");
            })
        });
        assert!(simulation.join().is_err());
        assert_eq!(listener.try_recv(), Err(std::sync::mpsc::TryRecvError::Disconnected));
    }
}
