//! Everything that can go wrong, in any mixture.
//!
//! The seed first decides how wild the run is and which kinds of trouble exist in it at all, each with probability one half
//! (swarm testing: what happens in one run in two is met alone, with each other kind, and not at all). Then it draws every
//! option. Draws are keyed by stream and entity: one kind of trouble, node, bridge or fault more or less shifts no other draw.
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

use sim::{params::ParameterSet, random::Streams};

use self::weather::Weather;
use super::{Profile, Request};
use crate::{plan::Plan, report::Figures};

/// Blocks of a storm whose length is left to the seed: the least, and the width of what is drawn. In the mean as long as the
/// other scenarios.
const STORM_BLOCKS: (u64, u64) = (300, 1_800);

/// Adds what the seed draws to an empty plan.
pub(super) fn expand(plan: &mut Plan, streams: &Streams, request: &Request) {
    if request.profile != Profile::Any {
        return measured::expand(plan, streams, request);
    }
    let weather = Weather::draw(streams);
    // Who asks for another set gets it; the usual one leaves the choice to the seed.
    if plan.parameters == ParameterSet::storm() {
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
