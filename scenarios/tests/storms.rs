//! The storms themselves: every scenario, many seeds, each run twice.

use scenarios::{
    report::{RunReport, Verdict},
    runner::{Job, run_all},
    scenario::{DEFAULT_SECONDS, Scenario},
};

const SEEDS: std::ops::RangeInclusive<u64> = 1..=40;

fn run_seeds(scenario: Scenario, check: bool) -> Vec<RunReport> {
    let jobs: Vec<Job> = SEEDS.map(|seed| Job { scenario, seed, seconds: DEFAULT_SECONDS, check }).collect();
    let mut reports = Vec::new();
    run_all(&jobs, 2, |report| reports.push(report));
    assert_eq!(reports.len(), jobs.len());
    reports
}

/// All pass twice with the same trace, in the order asked for, and no two seeds do the same.
fn storm(scenario: Scenario) -> Vec<RunReport> {
    let reports = run_seeds(scenario, true);
    for (report, seed) in reports.iter().zip(SEEDS) {
        assert_eq!(report.verdict, Verdict::Pass, "{} seed {seed}", scenario.name());
        assert_eq!(report.seed, seed);
    }
    let mut hashes: Vec<_> = reports.iter().map(|report| report.hash).collect();
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), reports.len(), "two seeds did the same");
    reports
}

#[test]
fn given_calm_weather_when_followed_then_nothing_is_missed_and_requests_are_few() {
    for report in storm(Scenario::Steady) {
        let figures = report.figures;
        assert!(
            figures.chain_requests * 10 <= figures.blocks_added * 12,
            "seed {}: {} requests for {} chain blocks delivered, at most 1.2 each are allowed",
            report.seed,
            figures.chain_requests,
            figures.blocks_added
        );
        assert_eq!(figures.disconnects, 0);
    }
}

#[test]
fn given_broken_connections_when_followed_then_nothing_is_missed() {
    for report in storm(Scenario::Disconnect) {
        assert!(report.figures.disconnects >= 1 && report.figures.disconnects_in_flight >= 1);
    }
}

#[test]
fn given_healed_cuts_when_followed_then_nothing_is_missed() {
    for report in storm(Scenario::Reorg) {
        assert!(report.figures.max_reorg_depth >= 20);
    }
}

#[test]
fn given_all_kinds_of_faults_when_followed_then_nothing_is_missed() {
    for report in storm(Scenario::Faults) {
        assert!(report.figures.faults >= 1);
    }
}

#[test]
fn given_a_run_too_short_to_mean_anything_when_it_ends_then_it_is_vacuous() {
    let report = Job { scenario: Scenario::Steady, seed: 1, seconds: 3, check: false }.run();
    let Verdict::Vacuous(missed) = &report.verdict else { panic!("{:?}", report.verdict) };
    assert_eq!(missed.len(), 2, "{missed:?}");
}
