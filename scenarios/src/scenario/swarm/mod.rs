//! Everything that can go wrong, in any mixture.
//!
//! The seed first decides how wild the run is and which kinds of trouble exist in it at all, each with probability one half
//! (swarm testing: what happens in one run in two is met alone, with each other kind, and not at all). Then it draws every
//! option. Draws are keyed by stream and entity: one kind of trouble, node, bridge or fault more or less shifts no other draw.
//! In a longer storm there is more of everything: what happens to the network is counted for each storm of the longest that a
//! seed draws, what happens to connections, consumers and disks for each two minutes.
//!
//! | file | room for |
//! |---|---|
//! | `weather.rs` | how wild the run is, and which kinds of trouble exist |
//! | `topology.rs` | consensus parameters, nodes, hash power, delays, transactions |
//! | `division.rs` | cuts of the network |
//! | `outages.rs` | what happens to single nodes |
//! | `bridges.rs` | the bridges and their settings |
//! | `consumers.rs` | what stands behind the bridges, and what happens to disks and processes |
//! | `faults.rs` | what goes wrong between bridges and nodes |
//! | `measured.rs` | the two profiles on which speed is measured |

mod bridges;
mod consumers;
mod division;
mod faults;
mod measured;
mod outages;
mod topology;
mod weather;

use sim::random::Streams;

use self::weather::Weather;
use super::{Profile, Request};
use crate::{plan::Plan, report::Figures};

/// Blocks of a storm whose length is left to the seed: the least, and the width of what is drawn. In the mean as long as the
/// other scenarios.
const STORM_BLOCKS: (u64, u64) = (300, 1_800);

/// Storm in which each kind of trouble of connections, consumers and disks is there as often as its own file says.
const USUAL_STORM_MS: u64 = 120_000;

/// Storms that a longer one counts for at most: what is drawn for ten hours in the wildest weather still fits in the file of a
/// plan. A storm that lasts longer has as much trouble as that, spread over its length.
const MOST_STORMS: u64 = 300;

/// Adds what the seed draws to an empty plan.
pub(super) fn expand(plan: &mut Plan, streams: &Streams, request: &Request) {
    if request.profile != Profile::Any {
        return measured::expand(plan, streams, request);
    }
    let weather = Weather::draw(streams);
    if request.parameters.is_none() {
        topology::parameters(plan, streams, &weather);
    }
    if request.seconds.is_none() {
        let (least, width) = STORM_BLOCKS;
        let blocks = least + streams.stream("swarm storm", 0).below(width);
        plan.storm_ms = blocks * plan.parameters.block_interval_ms();
    }
    topology::nodes(plan, streams, &weather);
    bridges::draw(plan, streams, &weather);
    division::draw(plan, streams, &weather);
    outages::draw(plan, streams, &weather);
    consumers::draw(plan, streams, &weather);
    faults::draw(plan, streams, &weather);
}

/// How many times as much trouble of connections, consumers and disks there is as in a usual storm.
fn usual_storms(storm_ms: u64) -> u64 {
    storm_ms.div_ceil(USUAL_STORM_MS).clamp(1, MOST_STORMS)
}

/// How many times as much trouble of the network there is as in the longest storm that a seed draws: it lasts for a number of
/// blocks, at any block rate.
fn drawn_storms(plan: &Plan) -> u64 {
    let (least, width) = STORM_BLOCKS;
    let longest_ms = (least + width) * plan.parameters.block_interval_ms();
    plan.storm_ms.div_ceil(longest_ms.max(1)).clamp(1, MOST_STORMS)
}

/// The gates that the run did not pass: something was mined, and a bridge was told of it or ended as it must.
pub(super) fn missed_gates(plan: &Plan, figures: &Figures) -> Vec<String> {
    let mut missed = Vec::new();
    if figures.blocks == 0 {
        missed.push("blocks: 0, at least 1 needed".to_owned());
    }
    if figures.chain_blocks == 0 && figures.ended == 0 {
        let bridges = plan.bridges.len();
        missed
            .push(format!("blocks delivered to the first of {bridges} bridges: 0, and none ended, at least 1 needed"));
    }
    missed
}
