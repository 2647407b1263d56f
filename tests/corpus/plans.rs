//! Plans: of every scenario one, and of the swarm, which draws everything, a few.

use std::collections::BTreeMap;

use scenarios::scenario::Scenario;

/// Seeds of the swarm that are taken.
const SWARM_SEEDS: u64 = 12;

/// Longer plans slow the fuzzer down and have nothing that shorter ones lack.
const MAX_SEED_BYTES: usize = 16_384;

/// Simulated seconds; scenarios that need more take more.
const SECONDS: u64 = 30;

/// The seeds by name.
pub fn seeds() -> BTreeMap<String, Vec<u8>> {
    let plan = |scenario: Scenario, seed| {
        let text = scenario.plan(seed, SECONDS).to_text();
        (format!("{}-{seed}.toml", scenario.name()), text.into_bytes())
    };
    let each = Scenario::ALL.into_iter().map(|scenario| plan(scenario, 7));
    let swarm = (100..100 + SWARM_SEEDS).map(|seed| plan(Scenario::Swarm, seed));
    each.chain(swarm).filter(|(_, text)| text.len() <= MAX_SEED_BYTES).collect()
}
