//! How a bridge must end: the oracle's answer against a plain reading of the definition, on real networks.

use bridge::{FatalError, RejectReason, wire::Network as NetworkName};
use kaspa_hashes::Hash;
use scenarios::{
    fault::{PlannedStranger, StrangerKind},
    oracle::{
        self,
        outcome::{End, Expected, Followed, Rest, confirmed, destination},
    },
    plan::{Plan, PlannedBridge},
    report::Verdict,
    run::Untouched,
    runner::run_on_fresh_thread,
    scenario::{DEFAULT_SECONDS, Scenario},
};
use sim::{block_store::BlockStore, dag::BlockId, network::Network, world::SinkMoved};

/// Runs the L1 of the plan to its end; every move of the sink of node 0.
fn run_l1(plan: &Plan) -> (Network, Vec<SinkMoved>) {
    let mut network = Network::new(plan.network()).expect("the scenario makes a possible network");
    let mut sinks = Vec::new();
    while let Some(step) = network.step().expect("the store is not full") {
        if let Some((0, change)) = &step.resolved
            && let Some(sink) = change.added.last()
        {
            sinks.push(SinkMoved { at: step.at, node: 0, sink: *sink });
        }
    }
    (network, sinks)
}

/// Blue score of a tip above the lowest block of its chain that is not on the chain of `sink`.
fn depth_off(store: &BlockStore, tip: BlockId, sink: BlockId) -> Option<u64> {
    let fork = oracle::fork(store, tip, sink);
    let mut base = (tip != fork).then_some(tip)?;
    while let Some(parent) = oracle::selected_parent(store, base).filter(|parent| *parent != fork) {
        base = parent;
    }
    Some(store.dag().blue_score(tip) - store.dag().blue_score(base))
}

#[test]
fn given_branches_lost_about_as_deep_as_finality_when_judged_then_only_a_final_block_makes_a_conflict() {
    let (mut conflicts, mut shallow) = (0, 0);
    for seed in 1..=24 {
        let mut plan = Scenario::Fatal.plan(seed, DEFAULT_SECONDS);
        (plan.faults, plan.bridges) = (Vec::new(), vec![PlannedBridge::to_node(0)]);
        let (network, sinks) = run_l1(&plan);
        let rest = Rest::new(&plan, 0, &network, &sinks, false);
        assert_eq!(rest.sink, network.node(0).sink());
        let depths = sinks.iter().filter_map(|moved| depth_off(network.store(), moved.sink, rest.sink));
        let deepest = depths.max().unwrap_or(0);
        assert_eq!(rest.deepest_lost_branch, deepest, "seed {seed}");
        if deepest >= plan.parameters.finality_depth {
            conflicts += 1;
            assert!(rest.finality_conflicts > 0 && rest.expected != Expected::Converges, "seed {seed}: {rest:?}");
        } else {
            shallow += 1;
            assert_eq!((rest.finality_conflicts, rest.expected), (0, Expected::Converges), "seed {seed}");
        }
    }
    assert!(conflicts >= 3 && shallow >= 3, "{conflicts} conflicts, {shallow} shallow: one side was not tried");
}

/// A plan whose followed node leaves a final block after it held it for long.
fn conflicting() -> (Plan, Network, Vec<SinkMoved>) {
    let plans = (1..100).map(|seed| {
        let mut plan = Scenario::Fatal.plan(seed, DEFAULT_SECONDS);
        (plan.faults, plan.bridges) = (Vec::new(), vec![PlannedBridge::to_node(0)]);
        let (network, sinks) = run_l1(&plan);
        (plan, network, sinks)
    });
    let ends = |(plan, network, sinks): &(Plan, Network, Vec<SinkMoved>)| {
        Rest::new(plan, 0, network, sinks, false).expected == Expected::Ends(End::Conflicting)
    };
    plans.into_iter().find(ends).expect("one seed in four is of this kind")
}

#[test]
fn given_a_conflict_when_faults_or_a_slow_consumer_are_in_the_way_then_both_ends_are_right() {
    let (plan, network, sinks) = conflicting();
    let why = |plan: &Plan, sinks: &[SinkMoved], was_disturbed| match Rest::new(plan, 0, &network, sinks, was_disturbed)
        .expected
    {
        Expected::Either { end: End::Conflicting, why } => why,
        other => panic!("{other}"),
    };
    assert!(why(&plan, &sinks, true).contains("faults"));
    let mut slow = plan.clone();
    slow.bridges[0].consumer.store_ms = 100;
    assert!(why(&slow, &sinks, false).contains("consumer"));
    // The same moves in a thousandth of the time: nobody had to see the block that was final.
    let brief: Vec<SinkMoved> = sinks.iter().map(|moved| SinkMoved { at: moved.at / 1_000, ..*moved }).collect();
    assert!(why(&plan, &brief, false).ends_with("s only"));
    // The time is long enough for a near node only: what is far is followed late.
    let mut far = plan.clone();
    far.topology.client_latency_ms = 4_000;
    assert!(why(&far, &sinks, false).ends_with("s only"));
    // A node that is followed only when the first fails need not be followed at all.
    let mut second = plan.clone();
    second.bridges[0].nodes = vec![1, 0];
    assert!(why(&second, &sinks, false).contains("when the first fails"));
}

#[test]
fn given_a_node_that_is_never_wiped_when_its_final_chain_lost_then_node_and_bridge_stay_on_it() {
    let mut stayed = 0;
    for seed in 1..=12 {
        let mut plan = Scenario::Fatal.plan(seed, DEFAULT_SECONDS);
        (plan.faults, plan.bridges) = (Vec::new(), vec![PlannedBridge::to_node(0)]);
        plan.topology.outages.clear();
        // Its gates ask for no branch that was lost.
        plan.scenario = Scenario::Steady.name().to_owned();
        let (network, sinks) = run_l1(&plan);
        let rest = Rest::new(&plan, 0, &network, &sinks, false);
        assert_eq!((rest.sink, rest.expected), (network.node(0).sink(), Expected::Converges), "seed {seed}");
        if rest.sink != oracle::heaviest_known(&network, 0) {
            stayed += 1;
            let report = run_on_fresh_thread(plan, false, Box::new(Untouched)).report;
            assert_eq!(report.verdict, Verdict::Pass, "seed {seed}");
            assert!(report.figures.max_reorg_depth < 20, "seed {seed}: {:?}", report.figures);
        }
    }
    assert!((3..=9).contains(&stayed), "{stayed} of 12 nodes stayed: both ways should have been seen");
}

#[test]
fn given_a_bridge_for_another_network_when_judged_then_it_must_end_for_that_reason_alone() {
    let mut plan = Scenario::Steady.plan(1, 10);
    plan.bridges[0].network = "testnet-10".to_owned();
    let (network, sinks) = run_l1(&plan);
    let rest = Rest::new(&plan, 0, &network, &sinks, false);
    assert_eq!(rest.expected, Expected::Ends(End::WrongNetwork));
    assert_eq!(rest.expected.to_string(), "it must end because its nodes are on another network");
    let (expected, found) = (NetworkName::MAINNET, NetworkName::SIMNET);
    let wrong = RejectReason::WrongNetwork { expected, found };
    let conflict = RejectReason::Conflicting { root: Hash::default() };
    let fatal = |reasons: &[&RejectReason]| FatalError {
        nodes: reasons.iter().map(|reason| ("ws://node-0:17510".to_owned(), (*reason).clone())).collect(),
    };
    assert!(End::WrongNetwork.is_told_by(&fatal(&[&wrong, &wrong])));
    assert!(!End::WrongNetwork.is_told_by(&fatal(&[&wrong, &conflict])));
    assert!(!End::WrongNetwork.is_told_by(&fatal(&[])));
    assert!(End::Conflicting.is_told_by(&fatal(&[&conflict])));
}

/// What must become of the bridge of `plan` if it has this tip and this root.
fn expected_with(
    plan: &Plan,
    network: &Network,
    sinks: &[SinkMoved],
    tip: BlockId,
    root: BlockId,
) -> (BlockId, Expected) {
    let rest = Rest::new(plan, 0, network, sinks, true);
    let rest = rest.with_followed(plan, 0, network, sinks, Followed { tip, root });
    (rest.sink, rest.expected)
}

#[test]
fn given_what_a_bridge_was_told_when_judged_then_it_decides_what_the_plan_leaves_open() {
    let (plan, network, sinks) = conflicting();
    let store = network.store();
    let sink = network.node(0).sink();
    // The newest block of the lost branch, and the one on it that was final.
    let lost = sinks.iter().map(|moved| moved.sink).filter(|held| depth_off(store, *held, sink).is_some());
    let tip = lost.max_by_key(|held| depth_off(store, *held, sink)).expect("the node held a branch that it left");
    let mut base = tip;
    while let Some(parent) =
        oracle::selected_parent(store, base).filter(|parent| *parent != oracle::fork(store, tip, sink))
    {
        base = parent;
    }
    let fork = oracle::fork(store, tip, sink);
    assert_eq!(expected_with(&plan, &network, &sinks, tip, base), (sink, Expected::Ends(End::Conflicting)));
    assert_eq!(expected_with(&plan, &network, &sinks, tip, fork), (sink, Expected::Converges));
    assert_eq!(expected_with(&plan, &network, &sinks, sink, fork), (sink, Expected::Converges));
    // A node that is behind what the bridge has may come back.
    let mut stays = plan.clone();
    stays.topology.outages.clear();
    let (network, sinks) = run_l1(&stays);
    let (held, heavier) = (network.node(0).sink(), oracle::heaviest_known(&network, 0));
    assert_ne!(held, heavier, "the node keeps its final chain");
    let expected = expected_with(&stays, &network, &sinks, heavier, BlockId::GENESIS);
    assert_eq!(expected, (heavier, Expected::Waits));
}

#[test]
fn given_several_nodes_when_one_leads_on_then_the_others_end_nothing() {
    let (mut plan, network, sinks) = conflicting();
    let (store, sink) = (network.store(), network.node(0).sink());
    plan.bridges[0].nodes = vec![0, 1];
    let strange = |node, kind| PlannedStranger { node, kind };
    let tip = oracle::selected_parent(store, sink).expect("it is above genesis");
    plan.topology.strangers = vec![strange(0, StrangerKind::OtherNetwork)];
    let with = |plan: &Plan| expected_with(plan, &network, &sinks, tip, BlockId::GENESIS).1;
    assert_eq!(with(&plan), Expected::Converges);
    plan.topology.strangers.push(strange(1, StrangerKind::TooOld));
    assert_eq!(with(&plan), Expected::Ends(End::Several));
    plan.topology.strangers.remove(0);
    plan.bridges[0].nodes = vec![1];
    assert_eq!(with(&plan), Expected::Ends(End::TooOld));
    // At home where the node says that it is.
    plan.topology.strangers = vec![strange(1, StrangerKind::OtherNetwork)];
    plan.bridges[0].network = "testnet-10".to_owned();
    assert_eq!(with(&plan), Expected::Converges);
}

/// The chain below `sink`, `sink` first.
fn chain(store: &BlockStore, sink: BlockId) -> Vec<BlockId> {
    std::iter::successors(Some(sink), |block| oracle::selected_parent(store, *block)).collect()
}

#[test]
fn given_any_count_of_confirmations_when_asked_then_exactly_what_is_deeper_has_them() {
    let (network, _) = run_l1(&Scenario::Steady.plan(1, 10));
    let (store, sink) = (network.store(), network.node(0).sink());
    let score = |block: BlockId| store.dag().blue_score(block);
    let chain = chain(store, sink);
    assert_eq!(confirmed(store, sink, 0), sink);
    for confirmations in 1..=score(sink) + 2 {
        let deeper = chain.iter().find(|block| score(sink) - score(**block) > confirmations);
        assert_eq!(confirmed(store, sink, confirmations), *deeper.unwrap_or(&BlockId::GENESIS), "{confirmations}");
    }
}

#[test]
fn given_a_tip_when_a_bridge_waits_for_confirmations_then_nothing_on_the_chain_is_taken_back_and_all_that_is_off_it() {
    let (mut plan, network, sinks) = conflicting();
    plan.bridges[0].confirmations = 20;
    let (store, sink) = (network.store(), network.node(0).sink());
    let score = |block: BlockId| store.dag().blue_score(block);
    let chain = chain(store, sink);
    let end = confirmed(store, sink, 20);
    let at_end =
        |tip| (expected_with(&plan, &network, &sinks, tip, BlockId::GENESIS), destination(store, tip, sink, 20));
    for tip in chain.iter().copied().filter(|block| score(sink) - score(*block) < 60) {
        // Above what has enough confirmations it waits where it is, below it goes on.
        let expected = if score(tip) > score(end) { tip } else { end };
        assert_eq!(at_end(tip), ((expected, Expected::Converges), expected), "{}", score(sink) - score(tip));
    }
    // A branch that forks above what has enough confirmations is left down to the fork, and no further.
    let blocks = || (0..store.block_count() as u32).map(BlockId);
    let forks_high = |block: &BlockId| {
        let fork = oracle::fork(store, *block, sink);
        fork != *block && score(fork) > score(end)
    };
    let side = blocks().find(forks_high).expect("chains part at ten blocks a second");
    assert_eq!(destination(store, side, sink, 20), oracle::fork(store, side, sink));
    assert_eq!(destination(store, side, sink, 0), sink);
}

#[test]
fn given_a_lost_branch_when_a_bridge_waits_for_confirmations_then_it_had_as_much_less_of_it() {
    let (mut plan, network, sinks) = conflicting();
    let store = network.store();
    let usual = Rest::new(&plan, 0, &network, &sinks, false);
    let is_final = |rest: &Rest| rest.deepest_lost_branch >= plan.parameters.finality_depth;
    assert!(is_final(&usual) && usual.finality_conflicts > 0);
    let sink = network.node(0).sink();
    for confirmations in [1, 7, 25] {
        let tips = sinks.iter().map(|moved| confirmed(store, moved.sink, confirmations));
        let deepest = tips.filter_map(|tip| depth_off(store, tip, sink)).max().unwrap_or(0);
        let mut waiting = plan.clone();
        waiting.bridges[0].confirmations = confirmations;
        let rest = Rest::new(&waiting, 0, &network, &sinks, false);
        assert_eq!((rest.deepest_lost_branch, rest.sink), (deepest, confirmed(store, sink, confirmations)));
        assert!(deepest + confirmations <= usual.deepest_lost_branch);
        assert_eq!(is_final(&rest), rest.finality_conflicts > 0);
    }
    // So much that nothing on the branch was final for anybody.
    plan.bridges[0].confirmations = usual.deepest_lost_branch - plan.parameters.finality_depth + 1;
    let rest = Rest::new(&plan, 0, &network, &sinks, false);
    assert_eq!((rest.finality_conflicts, rest.expected), (0, Expected::Converges));
}

#[test]
fn given_bridges_that_wait_for_confirmations_when_run_then_each_arrives_where_it_must() {
    for (scenario, confirmations) in
        [(Scenario::Steady, 1), (Scenario::Reorg, 7), (Scenario::Faults, 25), (Scenario::Steady, 50)]
    {
        let mut plan = scenario.plan(3, 60);
        plan.bridges[0].confirmations = confirmations;
        // With less that is told, less is taken back than they ask for.
        plan.gates = false;
        let report = run_on_fresh_thread(plan, false, Box::new(Untouched)).report;
        assert_eq!(report.verdict, Verdict::Pass, "{} with {confirmations}", scenario.name());
    }
}
