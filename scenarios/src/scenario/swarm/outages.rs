//! What happens to single nodes.

use sim::random::{Stream, Streams};

use super::{
    drawn_storms,
    weather::{Kind, Weather},
};
use crate::plan::{Plan, PlannedOutage, PlannedOutageKind};

/// Lengths of outages, in block intervals: the least and the width of what is drawn.
const OUTAGE_BLOCKS: (u64, u64) = (5, 150);

/// Kinds of trouble that happen to single nodes.
const KINDS: [Kind; 4] = [Kind::Withholding, Kind::BodiesLag, Kind::Resync, Kind::Restart];

/// Adds every kind of outage that exists in this weather.
pub(super) fn draw(plan: &mut Plan, streams: &Streams, weather: &Weather) {
    for kind in KINDS {
        if !weather.has(kind) {
            continue;
        }
        let count = 1 + streams.stream("swarm outages", kind as u64).below(2 * weather.wildness * drawn_storms(plan));
        for number in 0..count {
            let mut stream = streams.stream("swarm outage", (kind as u64) << 32 | number);
            let moments = Moments::draw(plan, &mut stream);
            let outage = outage(kind, &moments, &mut stream);
            let in_plan = |kind| PlannedOutage { node: moments.node, at_ms: moments.at_ms, kind };
            plan.topology.outages.extend(outage.map(in_plan));
            if kind == Kind::BodiesLag && stream.chance(1, 2) {
                plan.topology.outages.extend(loss_of_preferred(plan, &moments));
            }
        }
    }
}

fn outage(kind: Kind, moments: &Moments, stream: &mut Stream) -> Option<PlannedOutageKind> {
    let Moments { node, nodes, at_ms, until_ms } = *moments;
    match kind {
        Kind::Withholding => Some(PlannedOutageKind::Withholding { until_ms }),
        Kind::BodiesLag => Some(PlannedOutageKind::BodiesLag { until_ms }),
        Kind::Resync => {
            let from = (node + 1 + stream.below(u64::from(nodes) - 1) as u32) % nodes;
            Some(PlannedOutageKind::Resync { from, transition_ms: until_ms - at_ms })
        }
        Kind::Restart => Some(PlannedOutageKind::Restart { until_ms }),
        _ => None,
    }
}

/// The node that a bridge prefers to this one is away for half of the time, so that the bridge comes to one that is behind.
fn loss_of_preferred(plan: &Plan, moments: &Moments) -> Option<PlannedOutage> {
    let Moments { node, at_ms, until_ms, .. } = *moments;
    let mut followed = plan.bridges.iter().map(|bridge| &bridge.nodes);
    let preferred = followed.find(|nodes| nodes.contains(&node) && nodes[0] != node)?[0];
    let quarter_ms = (until_ms - at_ms) / 4;
    let kind = PlannedOutageKind::Restart { until_ms: until_ms - quarter_ms };
    Some(PlannedOutage { node: preferred, at_ms: at_ms + quarter_ms, kind })
}

/// Where and when.
struct Moments {
    node: u32,
    nodes: u32,
    at_ms: u64,
    until_ms: u64,
}

impl Moments {
    /// Mostly at a node that a bridge follows.
    fn draw(plan: &Plan, stream: &mut Stream) -> Self {
        let nodes = plan.topology.hash_shares.len() as u32;
        let any = stream.below(u64::from(nodes)) as u32;
        let followed = &plan.bridges[stream.below(plan.bridges.len() as u64) as usize].nodes;
        let node = if stream.chance(3, 4) { followed[stream.below(followed.len() as u64) as usize] } else { any };
        let interval_ms = plan.parameters.block_interval_ms();
        let at_ms = stream.below(plan.storm_ms);
        let (least, width) = OUTAGE_BLOCKS;
        let until_ms = at_ms + interval_ms * (least + stream.below(width));
        Self { node, nodes, at_ms, until_ms }
    }
}
