//! Storms that are long enough for the nodes to prune: a bridge that is away for too long ends, and says so truly.

use std::sync::Arc;

use bridge::{FatalError, L1Event, RejectReason};
use kaspa_hashes::Hash;
use scenarios::{
    fault::{CloseSession, Drawn, Fault, PlannedFault, Trigger},
    plan::{Plan, PlannedConsumer},
    report::{RunReport, Verdict},
    run::{EventTap, Untouched},
    runner::run_on_fresh_thread,
    scenario::{Request, Scenario},
};
use sim::{params::ParameterSet, random::Streams, world::host::node_url};

/// The smallest depths that belong together: everything is pruned within seconds.
fn shallow() -> ParameterSet {
    ParameterSet {
        name: "shallow".to_owned(),
        ghostdag_k: 3,
        mergeset_size_limit: 6,
        merge_depth: 20,
        finality_depth: 100,
        pruning_depth: 230,
        difficulty_window_size: 30,
        ..ParameterSet::storm()
    }
}

fn run(plan: Plan) -> RunReport {
    run_on_fresh_thread(plan, false, Box::new(Untouched)).report
}

#[test]
fn given_storms_in_which_nodes_prune_when_followed_then_bridges_arrive_or_were_away_for_too_long() {
    let (storm, shallow) = (Arc::new(ParameterSet::storm()), Arc::new(shallow()));
    let mut ended = 0;
    for scenario in Scenario::ALL {
        for seed in 1..=6 {
            for (parameters, seconds) in [(&storm, 600), (&shallow, 300)] {
                let parameters = Some(Arc::clone(parameters));
                let request = Request { parameters, seconds: Some(seconds), ..Request::new(seed) };
                // Not every scenario makes sense with every set.
                let Ok(plan) = scenario.expand(&request) else {
                    assert_eq!((scenario, seconds), (Scenario::DeepReorg, 300), "only that one refuses");
                    continue;
                };
                let report = run(plan);
                assert_eq!(report.verdict, Verdict::Pass, "{} seed {seed}, {seconds} s", scenario.name());
                ended += report.figures.ended;
            }
        }
    }
    assert!(ended >= 5, "{ended}");
}

#[test]
fn given_a_fault_at_a_late_chain_block_when_the_node_has_pruned_by_then_then_it_strikes_all_the_same() {
    let mut plan = Scenario::Steady.plan(1, 400);
    let when = Trigger { chain_block: Some(900), ..Trigger::default() };
    plan.faults = vec![PlannedFault {
        id: 0,
        bridge: 0,
        when,
        what: Fault::CloseSession(CloseSession::draw(&mut Streams::new(1).stream("test", 0))),
    }];
    let report = run(plan);
    assert_eq!((report.verdict, report.figures.faults), (Verdict::Pass, 1));
}

/// Ends the stream with a claim about pruning that is not true.
struct ClaimsPruning {
    events: u32,
    root: Option<Hash>,
}

impl EventTap for ClaimsPruning {
    fn pass(&mut self, event: L1Event) -> Vec<L1Event> {
        self.events += 1;
        if let L1Event::BlockAdded(added) = &event {
            self.root.get_or_insert(added.block.hash);
        }
        match (self.events, self.root) {
            (0..1_500, _) | (_, None) => vec![event],
            (1_500, Some(root)) => {
                let reason = RejectReason::Pruned { root, pruning_point: root };
                vec![L1Event::Fatal(FatalError { nodes: vec![(node_url(0), reason)] })]
            }
            _ => Vec::new(),
        }
    }
}

#[test]
fn given_a_bridge_that_ends_because_of_pruning_when_its_node_has_not_pruned_its_chain_then_the_claim_is_untrue() {
    let mut plan = Scenario::Steady.plan(1, 600);
    // A slow consumer may be away for too long: the end alone would be right.
    plan.bridges[0].consumer = PlannedConsumer { store_ms: 10, acknowledge_every: 1, ..PlannedConsumer::default() };
    let tap = Box::new(ClaimsPruning { events: 0, root: None });
    let report = run_on_fresh_thread(plan, false, tap).report;
    let Verdict::Safety(failure) = &report.verdict else { panic!("{:?}", report.verdict) };
    assert_eq!(failure.property, "convergence");
    assert!(failure.message.contains("pruning point"), "{failure}");
}
