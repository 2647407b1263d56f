//! A consumer that takes nothing and acknowledges nothing for an hour while the L1 runs at full speed: what waits for it
//! is bounded in events and in bytes, the node is left in peace, the session lives on, and afterwards nothing is missing.
//!
//! Everything is told twice: of the follower alone, and of the whole bridge with queue, shell and WebSocket.

// A global allocator cannot be written without unsafe code; this one only counts and passes on to the system's.
#![allow(unsafe_code)]

#[path = "stalled_consumer/bare.rs"]
mod bare;
#[path = "stalled_consumer/consumer.rs"]
mod consumer;
#[path = "stalled_consumer/l1.rs"]
mod l1;
#[path = "stalled_consumer/whole.rs"]
mod whole;
#[path = "stalled_consumer/world.rs"]
mod world;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    time::Duration,
};

use bridge::{AcceptedTransaction, L1Event, wire::Operation};

use self::{
    bare::BareFollower,
    l1::{L1, PAGE_BLOCKS, PAYLOAD_BYTES, TRANSACTIONS},
    whole::{PIPE_BYTES, WholeBridge},
    world::{Stage, World},
};

/// Unacknowledged numbered events at which fetching pauses: the default of the configuration.
const MARK: usize = 4_096;

/// Events without a number that may wait too: of a session that was never interrupted, few.
const OTHER_EVENTS: usize = 8;

/// Most events that may wait: the mark, less the one that would reach it, and a page with what it made final.
const MOST_EVENTS: usize = MARK - 1 + PAGE_BLOCKS + 1 + OTHER_EVENTS;

/// Bytes of an event's transactions.
const TRANSACTION_BYTES: usize = TRANSACTIONS as usize * (size_of::<AcceptedTransaction>() + PAYLOAD_BYTES);

/// Most bytes of follower or bridge and waiting events. All queues of events may keep twice the room that they need, and
/// the socket twice the longest message.
const MOST_BYTES: usize = MOST_EVENTS * (TRANSACTION_BYTES + 2 * size_of::<L1Event>())
    + PAGE_BLOCKS * (2 * size_of::<L1Event>() + 2 * l1::MOST_BLOCK_BYTES)
    + 2 * PIPE_BYTES
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
    static COUNTS: Cell<bool> = const { Cell::new(true) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(bytes: i64) {
    if !COUNTS.get() {
        return;
    }
    let live = LIVE.get() + bytes;
    LIVE.set(live);
    PEAK.set(PEAK.get().max(live));
}

/// Does what is not to be counted.
fn uncounted<T>(work: impl FnOnce() -> T) -> T {
    COUNTS.set(false);
    let outcome = work();
    COUNTS.set(true);
    outcome
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
fn stall_for_an_hour(world: &mut impl World, without_follower: i64) {
    world.stage().consumes = false;
    PEAK.set(LIVE.get());
    let mut when_paused: Option<(i64, Asked)> = None;
    let mut before = Asked::of(world);
    for minute in 0..60 {
        // Two minutes without a notification: only a request can tell the node from a dead one.
        let notifies = !(40..42).contains(&minute);
        world.stage().notifies = notifies;
        world.run_for(MINUTE);
        assert!(world.waiting() <= MOST_EVENTS, "{} events wait", world.waiting());
        assert!(PEAK.get() - without_follower <= MOST_BYTES as i64, "{} bytes", PEAK.get() - without_follower);
        let asked = Asked::of(world);
        if let Some((bytes, first)) = when_paused {
            let live = LIVE.get();
            assert!((live - bytes).abs() <= PAUSED_BYTES, "{bytes} bytes became {live} in minute {minute}");
            assert_eq!(asked.others, first.others, "in a pause nothing is asked but where the sink is");
            let looks = asked.sinks - before.sinks;
            // Where it is after ten seconds, and earlier if nothing else is heard of the node.
            let expected = if notifies { 5..=6 } else { 7..=8 };
            assert!(expected.contains(&looks), "{looks} looks at the sink in minute {minute}");
            assert!((asked.headers - before.headers).abs_diff(looks) <= 1, "{asked:?} after {before:?}");
        } else if world.is_paused() {
            when_paused = Some((LIVE.get(), asked));
        }
        before = asked;
    }
    assert!(when_paused.is_some(), "the mark was never reached");
    assert!(world.waiting() >= MARK);
    let (live, peak) = (LIVE.get() - without_follower, PEAK.get() - without_follower);
    let payloads = MARK * TRANSACTIONS as usize * PAYLOAD_BYTES;
    assert!(live > payloads as i64, "{live} bytes cannot be all that waits");
    println!("{} events wait in {live} bytes; {peak} at most, {MOST_BYTES} allowed", world.waiting());
}

/// How often the node was asked for its sink, for a header, and for anything else.
#[derive(Clone, Copy, Debug)]
struct Asked {
    sinks: usize,
    headers: usize,
    others: usize,
}

impl Asked {
    fn of(world: &mut impl World) -> Self {
        let l1 = &world.stage().l1;
        let (sinks, headers) = (l1.asked(Operation::GetSink), l1.asked(Operation::GetBlock));
        Self { sinks, headers, others: l1.requests() - sinks - headers }
    }
}

/// The consumer takes and acknowledges everything again; the L1 goes on.
fn resume(world: &mut impl World) {
    world.stage().consumes = true;
    world.take_waiting();
    let pages_before = world.stage().l1.asked(Operation::GetVirtualChainFromBlockV2);
    world.run_for(MINUTE);
    let pages = world.stage().l1.asked(Operation::GetVirtualChainFromBlockV2) - pages_before;
    assert!(pages > 3, "{pages} pages");
    assert_eq!(world.calls(), 1, "the session was never lost");
    assert_eq!(world.waiting(), 0);
    assert_took_every_block_once_in_order(world);
}

fn assert_took_every_block_once_in_order(world: &mut impl World) {
    let Stage { consumer, l1, .. } = world.stage();
    consumer.assert_took_every_block_once_in_order(l1);
}

/// The consumer stalls at the tip.
fn stall_at_the_tip<W: World>() {
    let mut world = W::new(Stage::new(L1::new(BLOCKS, 0)));
    let without_follower = LIVE.get();
    world.run_for(MINUTE);
    assert_took_every_block_once_in_order(&mut world);
    stall_for_an_hour(&mut world, without_follower);
    resume(&mut world);
}

/// The consumer takes nothing from the beginning, in catch-up.
fn stall_in_catch_up<W: World>() {
    /// More than the mark and a page.
    const BACKLOG: usize = 8 * PAGE_BLOCKS;
    let mut world = W::new(Stage::new(L1::new(BACKLOG + BLOCKS, BACKLOG)));
    let without_follower = LIVE.get();
    stall_for_an_hour(&mut world, without_follower);
    resume(&mut world);
}

#[test]
fn given_a_follower_when_its_consumer_stalls_at_the_tip_for_an_hour_then_memory_is_bounded_and_nothing_is_lost() {
    stall_at_the_tip::<BareFollower>();
}

#[test]
fn given_a_follower_when_its_consumer_stalls_in_catch_up_for_an_hour_then_memory_is_bounded_and_nothing_is_lost() {
    stall_in_catch_up::<BareFollower>();
}

#[test]
fn given_a_bridge_when_its_consumer_stalls_at_the_tip_for_an_hour_then_memory_is_bounded_and_nothing_is_lost() {
    stall_at_the_tip::<WholeBridge>();
}

#[test]
fn given_a_bridge_when_its_consumer_stalls_in_catch_up_for_an_hour_then_memory_is_bounded_and_nothing_is_lost() {
    stall_in_catch_up::<WholeBridge>();
}
