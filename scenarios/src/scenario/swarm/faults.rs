//! What goes wrong between bridges and nodes.

use sim::random::{Stream, Streams};

use super::{
    usual_storms,
    weather::{Kind, Weather},
};
use crate::{
    fault::{Fault, Moment, PlannedFault, Trigger},
    plan::Plan,
};

/// Strikes of each kind that exists in a usual storm, at most.
const STRIKES: u64 = 4;

/// Distance of the ids of two kinds, at least; as large as the number of strikes of one kind if that is larger.
const ID_DISTANCE: u64 = 64;

/// Bursts of a run, and how long each lasts.
const BURSTS: u64 = 3;
const BURST_MS: u64 = 2_000;

/// Half of the kinds exist at all, each of these strikes a few times.
pub(super) fn draw(plan: &mut Plan, streams: &Streams, weather: &Weather) {
    if !weather.has(Kind::Connections) {
        return;
    }
    let strikes = STRIKES * weather.wildness * usual_storms(plan.storm_ms);
    plan.faults = of_kinds(plan, streams, strikes, weather.has(Kind::Bursts));
}

/// Of every kind that exists in the run up to so many strikes.
pub(super) fn of_kinds(plan: &Plan, streams: &Streams, most_strikes: u64, bursts: bool) -> Vec<PlannedFault> {
    let mut faults = Vec::new();
    let id_distance = most_strikes.max(ID_DISTANCE);
    for kind in 0..Fault::KINDS {
        let mut stream = streams.stream("swarm fault kind", kind as u64);
        let strikes = if stream.chance(1, 2) { 1 + stream.below(most_strikes) } else { 0 };
        for strike in 0..strikes {
            let id = kind as u64 * id_distance + strike;
            let mut stream = streams.stream("swarm fault", id);
            let Some(what) = Fault::draw(kind, &mut stream) else { continue };
            let bridge = stream.below(plan.bridges.len() as u64) as u32;
            let when = trigger(what.kind().moment(), plan.storm_ms, bursts, streams, &mut stream);
            faults.push(PlannedFault { id: id as u32, bridge, when, what });
        }
    }
    faults
}

/// Mostly at a time, sometimes by meaning: at a step of the handshake, or when the chain is so long.
fn trigger(moment: Moment, storm_ms: u64, bursts: bool, streams: &Streams, stream: &mut Stream) -> Trigger {
    let at = |time_ms: u64| Trigger { time_ms: Some(time_ms), ..Trigger::default() };
    match stream.below(8) {
        0 => Trigger { chain_block: Some(1 + stream.below(400)), ..Trigger::default() },
        1 | 2 => {
            let (session, number) = (Some(1 + stream.below(5)), Some(1 + stream.below(14)));
            let every = Trigger { session, ..Trigger::default() };
            match moment {
                Moment::Attempt => Trigger { attempt: number, ..Trigger::default() },
                Moment::Notification => Trigger { notification: number, ..every },
                Moment::Reply => Trigger { reply: number, ..every },
                Moment::Request => Trigger { request: number, ..every },
            }
        }
        3..6 if bursts => {
            let burst = stream.below(BURSTS);
            at(streams.stream("swarm burst", burst).below(storm_ms) + stream.below(BURST_MS))
        }
        _ => at(stream.below(storm_ms)),
    }
}
