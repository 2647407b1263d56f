//! A consumer that takes nothing and acknowledges nothing for an hour while the L1 runs at full speed: what waits for it
//! is bounded in events and in bytes, the node is left in peace, the session lives on, and afterwards nothing is missing.

// A global allocator cannot be written without unsafe code; this one only counts and passes on to the system's.
#![allow(unsafe_code)]

#[path = "stalled_consumer/l1.rs"]
mod l1;
#[path = "stalled_consumer/world.rs"]
mod world;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    time::Duration,
};

use bridge::{AcceptedTransaction, L1Event, wire::Operation};

use self::{
    l1::{L1, PAGE_BLOCKS, PAYLOAD_BYTES, TRANSACTIONS},
    world::World,
};

/// Unacknowledged numbered events at which fetching pauses: the default of the configuration.
const MARK: usize = 4_096;

/// Events without a number that may wait too: of a session that was never interrupted, few.
const OTHER_EVENTS: usize = 8;

/// Most events that may wait: the mark, less the one that would reach it, and a page with what it made final.
const MOST_EVENTS: usize = MARK - 1 + PAGE_BLOCKS + 1 + OTHER_EVENTS;

/// Bytes of an event's transactions.
const TRANSACTION_BYTES: usize = TRANSACTIONS as usize * (size_of::<AcceptedTransaction>() + PAYLOAD_BYTES);

/// Most bytes of follower and waiting events. Both queues of events may keep twice the room that they need.
const MOST_BYTES: usize = MOST_EVENTS * (TRANSACTION_BYTES + 2 * size_of::<L1Event>())
    + PAGE_BLOCKS * (2 * size_of::<L1Event>() + l1::MOST_BLOCK_BYTES)
    + CHAIN_BYTES;

/// The chain view, and what else does not depend on the events that wait.
const CHAIN_BYTES: usize = 1 << 20;

/// By how much the memory of a paused follower may differ from one minute to another: notifications on their way.
const PAUSED_BYTES: i64 = 4 << 10;

/// Chain blocks before the consumer's hour, in it, and until it has caught up.
const BLOCKS: usize = 3 * 3_600 + 1_000;

const MINUTE: Duration = Duration::from_secs(60);

thread_local! {
    static LIVE: Cell<i64> = const { Cell::new(0) };
    static PEAK: Cell<i64> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(bytes: i64) {
    let live = LIVE.get() + bytes;
    LIVE.set(live);
    PEAK.set(PEAK.get().max(live));
}

// SAFETY: every call goes unchanged to the system's allocator; counting touches constant-initialised cells.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        unsafe { System.dealloc(pointer, layout) }
    }

    // Old and new may both be there while the one is copied into the other.
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size as i64);
        count(-(layout.size() as i64));
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

/// Runs the world minute by minute for an hour in which the consumer does nothing.
fn stall_for_an_hour(world: &mut World, without_follower: i64) {
    world.consumes = false;
    PEAK.set(LIVE.get());
    let mut when_paused = None;
    for minute in 0..60 {
        // Two minutes without a notification: only pings can tell the node from a dead one.
        world.notifies = !(40..42).contains(&minute);
        world.run_for(MINUTE);
        assert!(world.waiting.len() <= MOST_EVENTS, "{} events wait", world.waiting.len());
        assert!(PEAK.get() - without_follower <= MOST_BYTES as i64, "{} bytes", PEAK.get() - without_follower);
        if world.follower.is_paused() {
            let now = (LIVE.get(), world.requests() - world.asked(Operation::Ping));
            let (bytes, requests) = *when_paused.get_or_insert(now);
            assert!((now.0 - bytes).abs() <= PAUSED_BYTES, "{bytes} bytes became {} in minute {minute}", now.0);
            assert_eq!(now.1, requests, "in a pause nothing is asked but pings");
        }
    }
    assert!(when_paused.is_some(), "the mark was never reached");
    assert!(world.waiting.len() >= MARK);
    let pings = world.asked(Operation::Ping);
    assert!((14..=16).contains(&pings), "{pings} pings in two quiet minutes, and none while there were frames");
    let (live, peak) = (LIVE.get() - without_follower, PEAK.get() - without_follower);
    println!("{} events wait in {live} bytes; {peak} at most, {MOST_BYTES} allowed", world.waiting.len());
}

/// The consumer takes and acknowledges everything again; the L1 goes on.
fn resume(world: &mut World) {
    world.consumes = true;
    world.take_waiting();
    let pages_before = world.asked(Operation::GetVirtualChainFromBlockV2);
    world.run_for(MINUTE);
    let pages = world.asked(Operation::GetVirtualChainFromBlockV2) - pages_before;
    assert!(pages > 3, "{pages} pages");
    assert_eq!(world.sessions, 1, "the session was never lost");
    assert!(world.waiting.is_empty());
    world.assert_took_every_block_once_in_order();
}

#[test]
fn given_a_consumer_that_stalls_for_an_hour_when_the_l1_runs_at_full_speed_then_memory_is_bounded_and_nothing_is_lost()
{
    let mut world = World::new(L1::new(BLOCKS, 0));
    let without_follower = LIVE.get();
    world.start();
    world.run_for(MINUTE);
    world.assert_took_every_block_once_in_order();
    stall_for_an_hour(&mut world, without_follower);
    resume(&mut world);
}

#[test]
fn given_a_consumer_that_stalls_in_catch_up_when_an_hour_has_passed_then_memory_is_bounded_and_nothing_is_lost() {
    /// More than the mark and a page.
    const BACKLOG: usize = 8 * PAGE_BLOCKS;
    let mut world = World::new(L1::new(BACKLOG + BLOCKS, BACKLOG));
    let without_follower = LIVE.get();
    world.consumes = false;
    world.start();
    stall_for_an_hour(&mut world, without_follower);
    resume(&mut world);
}
