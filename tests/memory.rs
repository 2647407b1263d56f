//! The memory of bridge, state machine and simulated L1, each for itself, over a simulated day in which nodes prune, blocks
//! become final, connections end and chains are cut back: flat once it has warmed up, and within a budget.
//!
//! Flat means that a mean grew by no more than two percent. Of the bridge, whose sessions are few, this finds 128 bytes lost
//! in each session of a run of an hour and a half; in a day there are sixteen times as many sessions, and 8 bytes are found.
//!
//! One thread, virtual time, no sockets; the same figures in every run. `--nocapture` prints them:
//!
//! ```text
//! cargo test -p dagstorm-tests --test memory -- --nocapture day
//! ```

#[path = "memory_support/mod.rs"]
mod memory_support;

use std::{hint::black_box, time::Duration};

use memory_support::{
    allocator::{Booking, Component, live_bytes, take_peak_bytes, within},
    day::{self, Leak, Setup},
    payments::CACHE_BYTES,
    record::{Course, MEAN_PERCENT},
};
use sim::{network::History, params::ParameterSet};
use state::ReceiptRetention;

#[global_allocator]
static ALLOCATOR: Booking = Booking;

const DAY: Duration = Duration::from_secs(86_400);

/// Enough for every leak below to be seen, and for the file of the database to have settled.
const SHORT: Duration = Duration::from_secs(5_400);

/// What the bridge may hold for a chain block between root and tip, and what does not depend on their number: the session,
/// room for outputs, chunks at both ends of the window.
const BRIDGE_BYTES_PER_BLOCK: u64 = 128;
const BRIDGE_CONSTANT_BYTES: u64 = 84 << 10;

/// What it may take besides while it reads a page of a catch-up.
const BRIDGE_PAGE_BYTES: u64 = 128 << 10;

/// What the state machine may hold besides the cache: nodes of the tree over 2,400 accounts, and the window.
const STATE_BYTES: u64 = 640 << 10;

/// What it may take besides while it stores a batch.
const STATE_BATCH_BYTES: u64 = 1 << 20;

/// The file: accounts, undo records of a finality depth, 500 chain blocks of receipts. While a batch is written, pages are
/// there twice.
const DISK_BYTES: u64 = 1 << 20;

/// What the L1 may hold at any time for each block of the pruning depth: what GHOSTDAG knows, header, coinbase and 0.2 other
/// transactions, the entry of replies in encoded form.
const SIM_BYTES_PER_BLOCK: u64 = 7 << 10;

#[test]
fn given_a_simulated_day_when_blocks_become_final_and_are_pruned_then_memory_is_flat_and_within_budget() {
    let record = day::run(Setup::of(DAY));
    eprintln!("{}", record.table());
    let totals = record.totals;
    assert!(totals.blocks > 800_000 && totals.reorgs > 10_000 && totals.deepest_reorg >= 20, "{totals:?}");
    assert!(totals.finalizations > 100_000 && totals.prunings > 1_000 && totals.sessions > 400, "{totals:?}");
    assert!(totals.applied > 200_000, "{totals:?}");
    let first_look = record.first_look().expect("something is final");
    assert!(first_look < DAY / 100, "the first pruning was at {first_look:?}");

    assert_eq!(record.growing(), []);
    let bridge = BRIDGE_CONSTANT_BYTES + BRIDGE_BYTES_PER_BLOCK * record.most_held;
    let state = STATE_BYTES + CACHE_BYTES as u64;
    let sim = SIM_BYTES_PER_BLOCK * ParameterSet::storm().pruning_depth;
    for (component, budget, briefly) in [
        (Component::Bridge, bridge, BRIDGE_PAGE_BYTES),
        (Component::State, state, STATE_BATCH_BYTES),
        (Component::Disk, DISK_BYTES, DISK_BYTES),
        (Component::Sim, sim, 0),
    ] {
        let (most, peak) = (record.most(component).unsigned_abs(), record.peak(component).unsigned_abs());
        assert!(most <= budget, "{component:?} holds {most} bytes, it may hold {budget}");
        assert!(peak <= budget + briefly, "{component:?} took {peak} bytes, it may take {}", budget + briefly);
    }
}

#[test]
fn given_a_network_that_keeps_its_history_when_run_then_the_simulated_l1_alone_is_found_growing() {
    let setup = Setup { history: History::Kept, ..Setup::of(SHORT) };
    assert_growing(setup, Component::Sim);
}

#[test]
fn given_receipts_that_are_kept_forever_when_run_then_the_disk_alone_is_found_growing() {
    let setup = Setup { receipts: ReceiptRetention::Forever, ..Setup::of(SHORT) };
    assert_growing(setup, Component::Disk);
}

#[test]
fn given_events_that_are_never_freed_when_run_then_the_bridge_alone_is_found_growing() {
    let setup = Setup { leak: Some(Leak::Events), ..Setup::of(SHORT) };
    assert_growing(setup, Component::Bridge);
}

#[test]
fn given_128_bytes_that_each_session_loses_when_run_then_the_bridge_alone_is_found_growing() {
    let setup = Setup { leak: Some(Leak::Sessions(128)), ..Setup::of(SHORT) };
    assert_growing(setup, Component::Bridge);
}

#[test]
fn given_results_that_are_never_freed_when_run_then_the_state_machine_alone_is_found_growing() {
    let setup = Setup { leak: Some(Leak::Applied), ..Setup::of(SHORT) };
    assert_growing(setup, Component::State);
}

#[test]
fn given_a_mean_a_maximum_or_a_peak_above_its_bound_when_judged_then_it_is_not_flat() {
    const LEVEL: i64 = 1_000_000;
    let flat = [LEVEL; 3];
    let is_flat = |mean, most, peak| Course { mean, most, peak }.is_flat(MEAN_PERCENT);
    let (mean, most, peak) = (1_020_000, 1_100_000 + (16 << 10), 1_100_000 + (64 << 10));
    assert!(is_flat([LEVEL, LEVEL, mean], [LEVEL, LEVEL, most], [LEVEL, LEVEL, peak]));
    // Above the second quarter, and above the first window alone.
    for earlier in [[LEVEL, LEVEL], [LEVEL, 2 * LEVEL]] {
        let grown = |last| [earlier[0], earlier[1], last];
        assert!(!is_flat(grown(mean + 1), flat, flat));
        assert!(!is_flat(flat, grown(most + 1), flat));
        assert!(!is_flat(flat, flat, grown(peak + 1)));
    }
}

#[test]
fn given_a_block_of_one_component_when_another_grows_and_frees_it_then_the_first_pays_and_is_paid_back() {
    let start = live_bytes();
    let since_start = |component: Component| live_bytes()[component as usize] - start[component as usize];
    let mut block: Vec<u8> = within(Component::Bridge, || Vec::with_capacity(1_000));
    assert_eq!(since_start(Component::Bridge), 1_000);
    within(Component::State, || block.reserve_exact(3_000));
    assert_eq!((since_start(Component::Bridge), since_start(Component::State)), (3_000, 0));
    take_peak_bytes();
    within(Component::Sim, || drop(block));
    assert_eq!((since_start(Component::Bridge), since_start(Component::Sim)), (0, 0));
    let peak = take_peak_bytes()[Component::Bridge as usize];
    assert_eq!(peak - start[Component::Bridge as usize], 3_000);
}

#[test]
fn given_a_component_inside_another_when_it_is_left_then_the_outer_one_pays_again() {
    let start = live_bytes();
    let blocks = within(Component::State, || {
        let inner = within(Component::Disk, || black_box(vec![0_u8; 10]));
        let failed = std::panic::catch_unwind(|| within(Component::Sim, || std::panic::resume_unwind(Box::new(()))));
        assert!(failed.is_err());
        (inner, black_box(vec![0_u8; 100]))
    });
    let since_start = |component: Component| live_bytes()[component as usize] - start[component as usize];
    assert_eq!((since_start(Component::Disk), since_start(Component::State)), (10, 100));
    drop(blocks);
    assert_eq!(live_bytes()[1..], start[1..]);
}

#[test]
fn given_any_alignment_when_allocated_then_blocks_have_it_and_are_paid_back() {
    #[repr(align(64))]
    struct Line(u8);
    #[repr(align(4096))]
    struct Page(u8);
    let start = live_bytes()[Component::Sim as usize];
    let (byte, line, page) = within(Component::Sim, || (Box::new(1_u8), Box::new(Line(2)), vec![Page(3), Page(4)]));
    assert_eq!(live_bytes()[Component::Sim as usize] - start, 1 + 64 + 2 * 4_096);
    assert!((&raw const *line).addr().is_multiple_of(64) && page.as_ptr().addr().is_multiple_of(4_096));
    assert_eq!((*byte, line.0, page[0].0, page[1].0), (1, 2, 3, 4));
    drop((byte, line, page));
    assert_eq!(live_bytes()[Component::Sim as usize], start);
}

#[track_caller]
fn assert_growing(setup: Setup, component: Component) {
    let record = day::run(setup);
    eprintln!("{}", record.table());
    assert_eq!(record.growing(), [component]);
}
