//! Checkers that look at more than events, each made to fail by what it is shown.

use std::time::Duration;

use bridge::{AcceptedTransaction, BlockAdded, ChainRef, L1Event, Reorg, wire::Network as NetworkName};
use kaspa_hashes::Hash;
use scenarios::{
    check::{
        Checker, Context, Restart,
        accepted_once::AcceptedOnce,
        acknowledged::Acknowledged,
        bounded_queue::BoundedQueue,
        convergence::Convergence,
        economy::Economy,
        guarantee::Guarantee,
        machine::StateMachine,
        session::Session,
        twins::{EndState, Twins},
    },
    consumer::Replica,
    oracle::{
        self, Walk,
        outcome::{Expected, Rest},
    },
    plan::{Plan, PlannedBridge, PlannedConsumer},
    scenario::Scenario,
};
use sim::{
    dag::BlockId,
    disk::Disk,
    network::Network,
    random::Streams,
    world::{ChainAnswer, Counters, SinkMoved},
};
use state::Machine;

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
        machine: None,
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

/// The L1 of a plan, mined to its end.
fn mined(plan: &Plan) -> Network {
    let mut network = Network::new(plan.network()).expect("the scenario makes a possible network");
    while network.step().expect("the store is not full").is_some() {}
    network
}

fn reference(network: &Network, block: BlockId) -> ChainRef {
    let dag = network.store().dag();
    ChainRef { hash: dag.hash(block), index: 1, blue_score: dag.blue_score(block) }
}

fn added(block: ChainRef) -> L1Event {
    let (parent, accepted) = (Hash::default(), Vec::new());
    L1Event::BlockAdded(BlockAdded {
        sequence: 1,
        block,
        parent,
        daa_score: 1,
        timestamp_ms: 1,
        accepted,
        verified: true,
    })
}

fn reorg(fork: ChainRef, old_tip: ChainRef) -> L1Event {
    L1Event::Reorg(Reorg { sequence: 1, fork, old_tip, removed: vec![old_tip.hash], removed_known: true })
}

/// What the guarantee says of an event that comes at this second, after these answers.
fn guaranteed(
    checker: &mut Guarantee,
    plan: &Plan,
    network: &Network,
    answers: &[ChainAnswer],
    second: u64,
    event: &L1Event,
) -> Result<(), String> {
    let context = Context {
        replica: &Replica::default(),
        oracle: &Walk::new(),
        rest: None,
        network,
        sinks: &[],
        answers,
        bridge: &plan.bridges[0],
        counters: Counters::default(),
        waiting: 0,
        machine: None,
        stream_over: false,
        now: Duration::from_secs(second),
    };
    checker.on_event(event, context)
}

/// Whether the guarantee holds for these blocks, delivered one after another at these seconds.
fn is_guaranteed(plan: &Plan, blocks: &[(u64, usize)]) -> Result<(), String> {
    let network = mined(plan);
    let answers = two_answers(&network);
    let mut checker = Guarantee::new(plan, 0);
    blocks.iter().try_for_each(|(second, of_answer)| {
        let event = added(reference(&network, answers[*of_answer].sink));
        guaranteed(&mut checker, plan, &network, &answers, *second, &event)
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
    plan.bridges[0].consumer = PlannedConsumer { store_ms: 1, acknowledge_every: 1, ..PlannedConsumer::default() };
    assert_eq!(is_guaranteed(&plan, &[(103, 0)]), Ok(()));
}

#[test]
fn given_a_block_with_too_few_confirmations_when_delivered_then_it_is_not_guaranteed_and_one_with_enough_is() {
    let mut plan = Scenario::Steady.plan(1, 5);
    let network = mined(&plan);
    let (store, sink) = (network.store(), network.node(0).sink());
    let low = oracle::selected_parent(store, sink).expect("it is above genesis");
    let low = reference(&network, low);
    let depth = store.dag().blue_score(sink) - low.blue_score;
    let answers = [ChainAnswer { at: Duration::from_secs(10), node: 0, sink }];
    let mut told = |confirmations, event: &L1Event| {
        plan.bridges[0].confirmations = confirmations;
        guaranteed(&mut Guarantee::new(&plan, 0), &plan, &network, &answers, 11, event)
    };
    let added = added(low);
    assert_eq!([told(0, &added), told(depth - 1, &added)], [Ok(()), Ok(())]);
    assert!(told(depth, &added).is_err_and(|message| message.contains("confirmations deep")));
    // What is below a fork was told before.
    assert_eq!(told(depth, &reorg(low, low)), Ok(()));
}

#[test]
fn given_a_reorg_when_no_answer_had_a_sink_heavier_than_the_tip_that_it_leaves_then_it_is_not_guaranteed() {
    let plan = Scenario::Steady.plan(1, 5);
    let network = mined(&plan);
    let store = network.store();
    let [one, other] = two_answers(&network).map(|answer| answer.sink);
    let (light, heavy) = if oracle::is_heavier(store, one, other) { (other, one) } else { (one, other) };
    let fork = reference(&network, oracle::fork(store, light, heavy));
    let left_for = |tip, sink| {
        let answers = [ChainAnswer { at: Duration::from_secs(10), node: 0, sink }];
        let event = reorg(fork, reference(&network, tip));
        guaranteed(&mut Guarantee::new(&plan, 0), &plan, &network, &answers, 11, &event)
    };
    assert_eq!(left_for(light, heavy), Ok(()));
    assert!(left_for(heavy, light).is_err_and(|message| message.contains("a sink heavier than the tip")));
    // Not even for itself.
    assert!(left_for(light, light).is_err());
}

/// Two events taken and one of them acknowledged, then a restart behind event `stored`.
fn restarted(stored: u64) -> Result<(), String> {
    let block = ChainRef { hash: Hash::default(), index: 1, blue_score: 1 };
    let mut checker = Acknowledged::new(&Scenario::Steady.plan(1, SECONDS), 0);
    with_context(&Replica::default(), Counters::default(), 0, |context| {
        (1..=2).try_for_each(|sequence| checker.on_event(&L1Event::Finalized { sequence, block }, context))?;
        checker.on_acknowledged(1, context)?;
        checker.on_restart(Restart { stored, forgotten: 0 }, context)?;
        checker.on_event(&L1Event::Finalized { sequence: stored + 1, block }, context)?;
        checker.on_acknowledged(stored + 1, context)?;
        checker.at_rest(context)
    })
}

#[test]
fn given_a_store_that_stands_elsewhere_than_before_when_the_process_is_back_then_the_stream_is_broken() {
    assert_eq!(restarted(2), Ok(()));
    assert!(restarted(0).is_err_and(|message| message.contains("event 1 was acknowledged")));
    assert!(restarted(1).is_err_and(|message| message.contains("event 2 was the last stored")));
    assert!(restarted(3).is_err());
}

#[test]
fn given_a_process_that_is_back_when_a_session_begins_then_it_may_be_the_first_again_and_only_then() {
    let connected = L1Event::Connected {
        session: 1,
        node: "ws://node-0".to_owned(),
        server_version: "2.1.0".to_owned(),
        network: NetworkName::SIMNET,
    };
    let block = ChainRef { hash: Hash::default(), index: 1, blue_score: 1 };
    let finalized = L1Event::Finalized { sequence: 1, block };
    let begins_with = |is_back: bool, event: &L1Event| {
        let mut checker = Session::new(&Scenario::Steady.plan(1, SECONDS), 0);
        with_context(&Replica::default(), Counters::default(), 0, |context| {
            checker.on_event(&connected, context)?;
            if is_back {
                checker.on_restart(Restart { stored: 0, forgotten: 0 }, context)?;
            }
            checker.on_event(event, context)
        })
    };
    assert_eq!(begins_with(true, &connected), Ok(()));
    assert!(begins_with(false, &connected).is_err());
    assert!(begins_with(true, &finalized).is_err(), "the session before died with its process");
}

#[test]
fn given_blocks_that_a_process_forgot_when_asked_for_again_then_they_are_allowed_and_no_more() {
    let asked = |chain_requests| {
        let counters = Counters { chain_requests, requests: chain_requests, attempts: 1 };
        let mut checker = Economy::new(&Scenario::Steady.plan(1, SECONDS), 0);
        with_context(&Replica::default(), counters, 0, |context| {
            checker.on_restart(Restart { stored: 0, forgotten: 100 }, context)?;
            checker.at_rest(context)
        })
    };
    // 1.2 for each of them, one for each second, five for the process.
    assert_eq!(asked(225), Ok(()));
    assert!(asked(226).is_err_and(|message| message.contains("225 are allowed")));
}

/// The verdict of a checker at rest on a L1 of the machine economy, with a machine that was told its chain as `change` has it.
fn at_rest_with<C: Checker>(
    is_running: bool,
    change: impl Fn(u64, &mut Vec<AcceptedTransaction>),
) -> Result<(), String> {
    let plan = Scenario::MachineEconomy.plan(1, 20);
    let payloads = plan.payloads().expect("the scenario has an economy");
    let mut network = Network::with_payloads(plan.network(), payloads).expect("the network is possible");
    while network.step().expect("the store is not full").is_some() {}
    let (store, mut oracle, sink) = (network.store(), Walk::new(), network.node(0).sink());
    oracle.go_to(store, sink);
    let path = oracle.path();
    let reference = |index: usize| ChainRef {
        hash: store.dag().hash(path[index].id),
        index: index as u64,
        blue_score: path[index].blue_score,
    };
    let disk = Disk::new(Streams::new(1).stream("disk", 0));
    let mut machine = Machine::open_on(disk.open(), plan.machine()).expect("an empty disk takes a store");
    let mut replica = Replica::default();
    let events: Vec<L1Event> = (1..path.len())
        .map(|index| {
            let mut accepted = Vec::new();
            for (position, transaction) in (0..).zip(&path[index].accepted) {
                let fields = store.transaction_fields(*transaction);
                accepted.push(AcceptedTransaction {
                    id: store.transaction_id(*transaction),
                    acceptance_index: position,
                    subnetwork_id: fields.subnetwork_id.into_bytes(),
                    payload: fields.payload.clone(),
                });
            }
            change(index as u64, &mut accepted);
            L1Event::BlockAdded(BlockAdded {
                sequence: index as u64,
                block: reference(index),
                parent: reference(index - 1).hash,
                daa_score: store.dag().daa_score(path[index].id),
                timestamp_ms: store.timestamp(path[index].id),
                accepted,
                verified: true,
            })
        })
        .collect();
    machine.apply(Some(reference(0)), &events).expect("the events follow one another");
    events.iter().for_each(|event| replica.apply(event));
    let rest = Rest { sink, expected: Expected::Converges, finality_conflicts: 0, deepest_lost_branch: 0 };
    C::new(&plan, 0).at_rest(Context {
        replica: &replica,
        oracle: &oracle,
        rest: Some(&rest),
        network: &network,
        sinks: &[],
        answers: &[],
        bridge: &plan.bridges[0],
        counters: Counters::default(),
        machine: is_running.then_some(&machine),
        waiting: 0,
        stream_over: false,
        now: Duration::from_secs(100),
    })
}

#[test]
fn given_a_machine_that_left_transactions_out_when_at_rest_then_a_straight_replay_shows_it() {
    assert_eq!(at_rest_with::<StateMachine>(true, |_, _| {}), Ok(()));
    let is_ours = |transaction: &AcceptedTransaction| transaction.payload.starts_with(b"DSTX");
    let leaves_out = |index, accepted: &mut Vec<AcceptedTransaction>| {
        if index == 20 {
            accepted.retain(|transaction| !is_ours(transaction));
        }
    };
    assert!(at_rest_with::<StateMachine>(true, leaves_out).is_err_and(|message| message.contains("receipts")));
}

#[test]
fn given_a_process_that_does_not_run_when_at_rest_then_it_did_not_converge() {
    assert_eq!(at_rest_with::<Convergence>(true, |_, _| {}), Ok(()));
    assert!(at_rest_with::<Convergence>(false, |_, _| {}).is_err_and(|message| message.contains("process")));
}

/// Adds blocks with these transactions, each known by a number, above a chain of one block with the transactions 1 and 2.
fn accepts_once(is_reorged: bool, accepted: &[(u64, u32)]) -> Result<(), String> {
    let block = |index: u64, accepted: &[(u64, u32)]| {
        let accepted = accepted.iter().map(|(id, position)| AcceptedTransaction {
            id: Hash::from_u64_word(*id),
            acceptance_index: *position,
            subnetwork_id: [0; 20],
            payload: Vec::new(),
        });
        L1Event::BlockAdded(BlockAdded {
            sequence: index,
            block: ChainRef { hash: Hash::from_u64_word(100 + index), index, blue_score: index },
            parent: Hash::from_u64_word(99 + index),
            daa_score: index,
            timestamp_ms: index,
            accepted: accepted.collect(),
            verified: true,
        })
    };
    let mut checker = AcceptedOnce::new(&Scenario::Steady.plan(1, SECONDS), 0);
    let mut replica = Replica::default();
    let mut tell = |event: L1Event| {
        with_context(&replica, Counters::default(), 0, |context| checker.on_event(&event, context))?;
        replica.apply(&event);
        Ok::<(), String>(())
    };
    tell(block(1, &[(1, 0), (2, 1)]))?;
    if is_reorged {
        let reference = |index| ChainRef { hash: Hash::from_u64_word(100 + index), index, blue_score: index };
        let removed = vec![reference(1).hash];
        let reorg = Reorg { sequence: 2, fork: reference(0), old_tip: reference(1), removed, removed_known: true };
        tell(L1Event::Reorg(reorg))?;
    }
    tell(block(if is_reorged { 1 } else { 2 }, accepted))
}

#[test]
fn given_a_transaction_that_is_accepted_again_when_its_block_is_still_there_then_it_is_accepted_twice() {
    assert_eq!(accepts_once(false, &[(3, 0), (4, 2)]), Ok(()));
    assert!(accepts_once(false, &[(3, 0), (2, 1)]).is_err_and(|message| message.contains("index 1")));
    assert!(accepts_once(false, &[(3, 0), (3, 1)]).is_err(), "twice in one block");
    assert!(accepts_once(false, &[(3, 1), (4, 0)]).is_err_and(|message| message.contains("after position 1")));
    assert_eq!(accepts_once(true, &[(1, 0), (2, 1)]), Ok(()));
}

/// An end state on a chain of the name `chain`, at a tip of the name `tip`.
fn end_state(bridge: usize, tip: u64, chain: u64, root: u64) -> EndState {
    let finalized = ChainRef { hash: Hash::from_u64_word(5), index: 1, blue_score: 1 };
    EndState {
        bridge,
        confirmations: 0,
        has_arrived: true,
        anchor: Some(Hash::from_u64_word(1)),
        tip: Some(ChainRef { hash: Hash::from_u64_word(tip), index: 9, blue_score: 9 }),
        chain: Hash::from_u64_word(chain),
        finalized: Some(finalized),
        state_root: Some(Hash::from_u64_word(root)),
    }
}

#[test]
fn given_bridges_at_one_sink_when_anything_differs_then_they_are_no_twins_and_elsewhere_they_may_differ() {
    let first = end_state(0, 7, 8, 9);
    let compared = |second: EndState| Twins::default().at_rest(&[first, second]);
    assert_eq!(compared(end_state(1, 7, 8, 9)), Ok(()));
    assert!(compared(end_state(1, 7, 1, 9)).is_err_and(|message| message.contains("bridges 0 and 1")));
    assert!(compared(end_state(1, 7, 8, 1)).is_err());
    assert!(compared(EndState { finalized: None, ..end_state(1, 7, 8, 9) }).is_err());
    assert_eq!(compared(EndState { state_root: None, ..end_state(1, 7, 8, 9) }), Ok(()));
    assert_eq!(compared(end_state(1, 6, 1, 1)), Ok(()), "another sink");
    // What is final of a bridge that waits for confirmations depends on how high its tip was.
    let waiting = EndState { confirmations: 3, finalized: None, ..end_state(1, 7, 8, 9) };
    assert_eq!(compared(waiting), Ok(()));
    let other = |chain| EndState { bridge: 2, chain: Hash::from_u64_word(chain), ..waiting };
    assert_eq!(Twins::default().at_rest(&[waiting, other(8)]), Ok(()));
    assert!(Twins::default().at_rest(&[waiting, other(1)]).is_err());
    assert_eq!(compared(EndState { anchor: None, ..end_state(1, 7, 1, 1) }), Ok(()), "another anchor");
    assert_eq!(compared(EndState { has_arrived: false, ..end_state(1, 7, 1, 1) }), Ok(()));
}

#[test]
fn given_finalized_blocks_on_two_chains_when_compared_then_only_nodes_that_had_both_as_final_excuse_them() {
    let mut plan = Scenario::Steady.plan(1, 5);
    plan.bridges.push(PlannedBridge::to_node(1));
    let mut network = Network::new(plan.network()).expect("the scenario makes a possible network");
    while network.step().expect("the store is not full").is_some() {}
    let store = network.store();
    let [a, b] = two_answers(&network).map(|answer| answer.sink);
    let reference =
        |block| ChainRef { hash: store.dag().hash(block), index: 1, blue_score: store.dag().blue_score(block) };
    let compared = |second, plan: &Plan, sinks: &[SinkMoved]| {
        let mut twins = Twins::default();
        twins.on_finalized(0, reference(a), plan, store, sinks)?;
        twins.on_finalized(1, reference(BlockId::GENESIS), plan, store, sinks)?;
        twins.on_finalized(1, reference(second), plan, store, sinks)
    };
    assert_eq!(compared(a, &plan, &[]), Ok(()));
    assert!(compared(b, &plan, &[]).is_err_and(|message| message.contains("bridge 0")));
    // At a finality depth of nothing every sink is final for who has it.
    plan.parameters.finality_depth = 0;
    let sinks = [(0, a), (1, b)].map(|(node, sink)| SinkMoved { at: Duration::ZERO, node, sink });
    assert_eq!(compared(b, &plan, &sinks), Ok(()));
    assert!(compared(b, &plan, &sinks[..1]).is_err());
}
