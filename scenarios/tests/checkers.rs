//! Checkers that look at more than events, each made to fail by what it is shown.

use std::time::Duration;

use bridge::{BlockAdded, ChainRef, L1Event};
use kaspa_hashes::Hash;
use scenarios::{
    check::{
        Checker, Context, acknowledged::Acknowledged, bounded_queue::BoundedQueue, economy::Economy,
        guarantee::Guarantee,
    },
    consumer::Replica,
    oracle::{self, Walk},
    plan::{Plan, PlannedConsumer},
    scenario::Scenario,
};
use sim::{
    dag::BlockId,
    network::Network,
    world::{ChainAnswer, Counters},
};

const SECONDS: u64 = 60;

#[test]
fn given_a_bridge_that_asks_twice_for_each_block_when_at_rest_then_it_asks_too_much() {
    let asked = |chain_requests| {
        let mut replica = Replica::default();
        replica.added = 1_000;
        let counters = Counters { chain_requests, requests: chain_requests, attempts: 1 };
        at_rest::<Economy>(&replica, counters)
    };
    assert_eq!(asked(1_300), Ok(()));
    assert!(asked(1_301).is_err_and(|message| message.contains("1300 are allowed")));
}

#[test]
fn given_a_bridge_that_connects_without_a_pause_when_at_rest_then_it_calls_too_often() {
    let called = |attempts| {
        let counters = Counters { chain_requests: 0, requests: 0, attempts };
        at_rest::<Economy>(&Replica::default(), counters)
    };
    // Ten with doubling pauses, then two in each longest pause of 30 s.
    assert_eq!(called(16), Ok(()));
    assert!(called(17).is_err_and(|message| message.contains("16 are allowed")));
}

/// Asks a fresh checker at rest.
fn at_rest<C: Checker>(replica: &Replica, counters: Counters) -> Result<(), String> {
    let mut checker = C::new(&Scenario::Steady.plan(1, SECONDS), 0);
    with_context(replica, counters, 0, |context| checker.at_rest(context))
}

/// 100 s after the start of scenario `steady`.
fn with_context<T>(replica: &Replica, counters: Counters, waiting: u64, act: impl FnOnce(Context<'_>) -> T) -> T {
    let plan = Scenario::Steady.plan(1, SECONDS);
    let network = Network::new(plan.network()).expect("the scenario makes a possible network");
    act(Context {
        replica,
        oracle: &Walk::new(),
        rest: None,
        network: &network,
        sinks: &[],
        answers: &[],
        bridge: &plan.bridges[0],
        counters,
        waiting,
        stream_over: false,
        now: Duration::from_secs(100),
    })
}

#[test]
fn given_a_queue_that_grows_beyond_the_mark_and_a_page_when_an_event_comes_then_it_is_not_bounded() {
    let taken_with = |waiting| {
        let event =
            L1Event::Finalized { sequence: 1, block: ChainRef { hash: Hash::default(), index: 1, blue_score: 1 } };
        let mut checker = BoundedQueue::new(&Scenario::Steady.plan(1, SECONDS), 0);
        with_context(&Replica::default(), Counters::default(), waiting, |context| checker.on_event(&event, context))
    };
    // 4,096 is the mark; a page has 200 blocks, a reorg and a finalization; one was just taken.
    assert_eq!(taken_with(4_297), Ok(()));
    assert!(taken_with(4_298).is_err_and(|message| message.contains("4298 are allowed")));
}

#[test]
fn given_acknowledgements_of_nothing_new_or_of_too_much_when_made_then_the_acknowledged_stream_is_broken() {
    let block = ChainRef { hash: Hash::default(), index: 1, blue_score: 1 };
    let acknowledged = |numbers: &[u64]| {
        let mut checker = Acknowledged::new(&Scenario::Steady.plan(1, SECONDS), 0);
        with_context(&Replica::default(), Counters::default(), 0, |context| {
            (1..=2).try_for_each(|sequence| checker.on_event(&L1Event::Finalized { sequence, block }, context))?;
            numbers.iter().try_for_each(|number| checker.on_acknowledged(*number, context))?;
            checker.at_rest(context)
        })
    };
    assert_eq!(acknowledged(&[1, 2]), Ok(()));
    assert_eq!(acknowledged(&[2]), Ok(()));
    for numbers in [&[1, 1, 2][..], &[2, 1], &[3], &[1], &[]] {
        assert!(acknowledged(numbers).is_err(), "{numbers:?}");
    }
}

/// Two sinks of one L1 whose chains part, with their answers a second apart, the older first.
fn two_answers(network: &Network) -> [ChainAnswer; 2] {
    let store = network.store();
    let blocks = || (0..store.block_count() as u32).map(BlockId);
    let parted = blocks().flat_map(|a| blocks().skip(a.index()).map(move |b| (a, b)));
    let is_parted = |(a, b): &(BlockId, BlockId)| ![*a, *b].contains(&oracle::fork(store, *a, *b));
    let (older, newer) = parted.into_iter().find(is_parted).expect("chains part at ten blocks a second");
    [(10, older), (11, newer)].map(|(second, sink)| ChainAnswer { at: Duration::from_secs(second), node: 0, sink })
}

/// Whether the guarantee holds for these blocks, delivered one after another at these seconds.
fn is_guaranteed(plan: &Plan, blocks: &[(u64, usize)]) -> Result<(), String> {
    let mut network = Network::new(plan.network()).expect("the scenario makes a possible network");
    while network.step().expect("the store is not full").is_some() {}
    let answers = two_answers(&network);
    let mut checker = Guarantee::new(plan, 0);
    blocks.iter().try_for_each(|(second, of_answer)| {
        let hash = network.store().dag().hash(answers[*of_answer].sink);
        let added = BlockAdded {
            sequence: 1,
            block: ChainRef { hash, index: 1, blue_score: 1 },
            parent: Hash::default(),
            daa_score: 1,
            timestamp_ms: 1,
            accepted: Vec::new(),
            verified: true,
        };
        let context = Context {
            replica: &Replica::default(),
            oracle: &Walk::new(),
            rest: None,
            network: &network,
            sinks: &[],
            answers: &answers,
            bridge: &plan.bridges[0],
            counters: Counters::default(),
            waiting: 0,
            stream_over: false,
            now: Duration::from_secs(*second),
        };
        checker.on_event(&L1Event::BlockAdded(added), context)
    })
}

#[test]
fn given_blocks_of_two_answers_when_delivered_in_order_then_guaranteed_and_back_to_the_older_one_not() {
    let plan = Scenario::Steady.plan(1, 5);
    assert_eq!(is_guaranteed(&plan, &[(11, 0), (11, 1)]), Ok(()));
    assert!(is_guaranteed(&plan, &[(11, 0), (11, 1), (11, 0)]).is_err());
}

#[test]
fn given_an_answer_older_than_three_requests_may_take_when_delivered_then_only_a_slow_consumer_excuses_it() {
    let mut plan = Scenario::Steady.plan(1, 5);
    // The older answer is of second 10; three requests take at most 30 s each, and 2 s are for the way.
    assert_eq!(is_guaranteed(&plan, &[(102, 0)]), Ok(()));
    assert!(is_guaranteed(&plan, &[(103, 0)]).is_err());
    plan.bridges[0].consumer = PlannedConsumer { store_ms: 1, acknowledge_every: 1 };
    assert_eq!(is_guaranteed(&plan, &[(103, 0)]), Ok(()));
}
