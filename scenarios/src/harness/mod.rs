//! Storms over your own software, in your own tests: a consumer of bridge events, or a bridge.
//!
//! # A consumer
//!
//! Say how it takes an event in, up to where its effects are stored, what is left of it after a crash, and what it derived from
//! the chain. The storm does the rest:
//!
//! ```
//! use std::collections::BTreeMap;
//! use bridge::{Checkpoint, L1Event};
//! use scenarios::{harness::{Consumer, Storm}, scenario::Scenario};
//!
//! /// How many transactions each chain block accepts.
//! #[derive(Default)]
//! struct Counts(BTreeMap<u64, usize>, Option<Checkpoint>);
//!
//! impl Consumer for Counts {
//!     type Digest = BTreeMap<u64, usize>;
//!     fn on_event(&mut self, event: &L1Event, after: &Checkpoint) {
//!         match event {
//!             L1Event::BlockAdded(added) => drop(self.0.insert(added.block.index, added.accepted.len())),
//!             L1Event::Reorg(reorg) => drop(self.0.split_off(&(reorg.fork.index + 1))),
//!             _ => {}
//!         }
//!         self.1 = Some(after.clone());
//!     }
//!     fn checkpoint(&self) -> Option<Checkpoint> { self.1.clone() }
//!     fn restart(self) -> Self { self } // All of it is on disk, as it were.
//!     fn digest(&self) -> Self::Digest { self.0.clone() }
//! }
//!
//! # /*
//! #[test]
//! # */
//! fn given_reorgs_and_crashes_when_counted_then_the_counts_are_those_of_the_final_chain() {
//!     Storm::of_consumer(Counts::default).scenario(Scenario::Reorg).seeds(1..3).assert_passes();
//! }
//! # given_reorgs_and_crashes_when_counted_then_the_counts_are_those_of_the_final_chain();
//! ```
//!
//! No expected values are needed. When the storm is over, the consumer's [digest](Consumer::Digest) must be that of a new
//! consumer which is told the final chain straight, and must stay so in one more restart. What is found:
//!
//! | property | a consumer that |
//! |---|---|
//! | `consumer-digest` | forgets a rollback, loses events in a crash or applies them twice, depends on the clock, on the order of a `HashMap` or on how the events came |
//! | `consumer-restart` | needs something that it has in memory alone |
//! | `consumer-store` | says that something is stored which is not there after a crash, has another checkpoint than it was given, or does not store when no more waits |
//! | `no-panic` | panics |
//! | `determinism` | does otherwise when it is run again (with [`Storm::check`]) |
//! | the rest | nothing: these are properties of the bridge before it; `dagstorm list` and the documentation of [`check`](crate::check) name them |
//!
//! **Crashes.** Processes die over drawn events, soon after one another at times, and come back a little later with a new bridge
//! that goes on from [`Consumer::checkpoint`]; what was not stored is told again. A death comes when an event was taken in, or in
//! the middle of that at a [`crash_point`]: put some into the store that your test gives to the consumer, before and after
//! each commit. Without them a consumer that stores effects and checkpoint in two transactions cannot be caught in between. What
//! has no store is stormed [`without_crashes`](Storm::without_crashes).
//!
//! # A bridge
//!
//! Implement [`Bridge`]: it gets a configuration, a [`Transport`](::bridge::Transport) and a [`Clock`](::bridge::Clock), and
//! tells [`L1Event`](::bridge::L1Event)s. Everything that is asked of the project's own bridge is asked of it:
//!
//! ```text
//! #[test]
//! fn given_reorgs_when_followed_by_my_bridge_then_every_property_holds() {
//!     Storm::of_bridge::<MyBridge>().scenario(Scenario::Reorg).seeds(1..51).assert_passes();
//! }
//! ```
//!
//! `scenarios/examples/` has one of each: `indexer.rs`, and `naive_bridge.rs`, in which the storm finds what is missing.
//!
//! # When it fails
//!
//! The sweep ends at the first seed that fails, and the test panics with a card: the property and what it means, what was seen
//! and when, the last events, and the file in which the plan of the run is kept, with the log of everything that happened
//! beside it. A plan outlives changes of what its seed means. To see the failure again, run the test with that plan alone:
//! `DAGSTORM_PLAN=storm-failures/reorg-7-1234abcd.toml cargo test NAME`. To keep it as a regression, give the file to
//! [`Storm::plan`] in a test of its own. The plan has the L1, the faults and the seed of the crashes; your software is in your
//! test, which is why the command `dagstorm replay` cannot run it.
//!
//! A run that did not see what its scenario is there for counts as passed ([`Verdict::Vacuous`](crate::report::Verdict)), but
//! if all are such, the test fails.
//!
//! # Rules for what runs in a storm
//!
//! A run is one thread on virtual time, and all of your code in it must do the same each time:
//!
//! - **No threads, no runtime of its own.** A thread that is started in a run panics. `tokio::spawn` and tokio's timers do not
//!   work there; a bridge gets its one future driven, sleeps with its clock, and connects with its transport. Channels and locks
//!   of tokio work.
//! - **No waiting.** The methods of a consumer return at once. How slow a consumer is says the plan.
//! - **Time and randomness are the simulation's.** `SystemTime`, `Instant` and the system's random numbers, which seed `HashMap`s,
//!   are the same in every run of a plan, but a second consumer in the run gets others: what depends on them has another digest.
//! - **Nothing shared between runs.** Each consumer begins with an empty store of its own; no `static` is changed. Files are
//!   allowed, in a new folder for each consumer.
//! - **Panics unwind.** With `panic = "abort"` there is no [`crash_point`], and a panic ends the test at once.
//! - The workspace needs `--cfg madsim` in its `.cargo/config.toml`, as the README shows.
//!
//! [`Storm::check`] runs everything twice and names the first thing that the second run does otherwise.
//!
//! | file | room for |
//! |---|---|
//! | `consumer.rs`, `bridge.rs` | what you implement |
//! | `storm.rs`, `failed.rs` | what you call; what you get |
//! | `process.rs`, `crash.rs` | the life of a consumer's process, and how it ends |
//! | `history.rs`, `rest.rs` | what was told, and what must be so in the end |

mod bridge;
mod consumer;
mod crash;
mod failed;
mod history;
mod process;
mod rest;
mod storm;

pub use self::{
    bridge::Bridge,
    consumer::Consumer,
    crash::crash_point,
    failed::FailedRun,
    storm::{PLAN_VARIABLE, Storm, StormError, Sweep},
};
