//! What goes wrong in a storm, drawn from a seed: faults on connections, cuts of the network, slow consumers.
//!
//! Times of the L1 are counted in block intervals, so that a storm has the same shape at every block rate; times of faults
//! are those of the bridge's patience, which does not depend on the rate.

use sim::{
    params::ParameterSet,
    random::{Stream, Streams},
};

use super::{FOLLOWED_NODE, NODES};
use crate::{
    fault::{
        AcceptThenClose, BlackHole, CloseSession, CutReply, Drawn, Fault, Fin, HalfOpen, HangingConnect, LostReply,
        PlannedFault, RefusedConnect, Reset, Trigger,
    },
    plan::{Plan, PlannedBridge, PlannedConsumer, PlannedCut, PlannedHeal, PlannedOutage, PlannedOutageKind},
};

/// Chain blocks that the followed side of a cut has grown at least when it heals.
const CUT_CHAIN_BLOCKS: (u64, u64) = (21, 24);

/// Block intervals from the start of one cut to the start of the next: the losing side grows about one and a half chain
/// blocks in ten of them, and needs some dozens to adopt the other side's chain.
const CUT_SPACING: u64 = 450;

/// Length of the chain that the followed node loses in `fatal`, in hundredths of the finality depth.
const FATAL_DEPTH_PERCENT: (u64, u64) = (75, 130);

/// When the followed node is wiped in `fatal`, in hundredths of the storm: the cut has healed by then.
const FATAL_WIPE_PERCENT: (u64, u64) = (88, 95);

/// Two faults in twelve seconds: one strikes a waiting request, the other the attempt to come back, or the handshake.
pub(super) fn disconnects(streams: &Streams, storm_ms: u64) -> Vec<PlannedFault> {
    /// The session dies at once.
    const BREAKS: [fn(&mut Stream) -> Fault; 4] = [
        |stream| Fault::CloseSession(CloseSession::draw(stream)),
        |stream| Fault::CutReply(CutReply::draw(stream)),
        |stream| Fault::Fin(Fin::draw(stream)),
        |stream| Fault::Reset(Reset::draw(stream)),
    ];
    /// The session dies when the bridge loses patience.
    const SILENCES: [fn(&mut Stream) -> Fault; 3] = [
        |stream| Fault::BlackHole(BlackHole::draw(stream)),
        |stream| Fault::HalfOpen(HalfOpen::draw(stream)),
        |stream| Fault::LostReply(LostReply::draw(stream)),
    ];
    /// Something is in the way of the next session.
    const OBSTACLES: [fn(&mut Stream) -> Fault; 3] = [
        |stream| Fault::AcceptThenClose(AcceptThenClose::draw(stream)),
        |stream| Fault::HangingConnect(HangingConnect::draw(stream)),
        |stream| Fault::RefusedConnect(RefusedConnect::draw(stream)),
    ];
    /// Shortest time, and the width of the time, from the end of a session to the handshake of the next: the first pause is
    /// 50 to 100 ms, and every request takes about 40.
    const NEXT_SESSION_MS: (u64, u64) = (150, 250);
    let pairs = u32::try_from(storm_ms / 12_000).unwrap_or(u32::MAX).max(1);
    let mut faults = Vec::new();
    for pair in 0..pairs {
        let mut stream = streams.stream("disconnect", u64::from(pair));
        let share_ms = (storm_ms / u64::from(pairs)).max(1);
        // The first second is the handshake's: a session that dies there has not begun.
        let at_ms = (share_ms * u64::from(pair) + stream.below(share_ms)).max(1_000.min(storm_ms / 2));
        let when = Trigger { time_ms: Some(at_ms), ..Trigger::default() };
        // A silence costs a request timeout, in which nothing else can happen: it comes last.
        let is_last = pair + 1 == pairs && pairs > 1;
        let kinds: &[fn(&mut Stream) -> Fault] = if is_last { &SILENCES } else { &BREAKS };
        let strike = kinds[stream.below(kinds.len() as u64) as usize](&mut stream);
        faults.push(PlannedFault { id: 2 * pair, bridge: 0, when, what: strike });
        let (when, obstacle) = if stream.chance(1, 2) {
            (when, OBSTACLES[stream.below(OBSTACLES.len() as u64) as usize](&mut stream))
        } else {
            // The next session dies too, somewhere in its handshake.
            let soon = Trigger { time_ms: Some(at_ms + NEXT_SESSION_MS.0 + stream.below(NEXT_SESSION_MS.1)), ..when };
            (soon, Fault::Reset(Reset::draw(&mut stream)))
        };
        faults.push(PlannedFault { id: 2 * pair + 1, bridge: 0, when, what: obstacle });
    }
    faults
}

/// Kinds of faults that the scenarios with a mixture of faults draw from; those that came later are for `swarm` alone, so that
/// a seed of the others stays the plan that it was.
const OLDEST_KINDS: usize = 21;

/// Half of these kinds exist in a run at all, each of them strikes up to four times.
pub(super) fn faults(streams: &Streams, storm_ms: u64) -> Vec<PlannedFault> {
    let mut faults = Vec::new();
    for kind in 0..OLDEST_KINDS.min(Fault::KINDS) {
        let mut stream = streams.stream("fault kind", kind as u64);
        let strikes = if stream.chance(1, 2) { 1 + stream.below(4) } else { 0 };
        for strike in 0..strikes {
            // Keyed by kind and strike: another kind more or less shifts none of these draws.
            let id = (kind * 8) as u32 + strike as u32;
            let mut stream = streams.stream("fault", u64::from(id));
            let when = Trigger { time_ms: Some(stream.below(storm_ms)), ..Trigger::default() };
            faults.extend(Fault::draw(kind, &mut stream).map(|what| PlannedFault { id, bridge: 0, when, what }));
        }
    }
    faults
}

/// Cuts that follow one another with time to heal in between. Two of eight miners lose against six.
pub(super) fn cuts(streams: &Streams, storm_ms: u64, parameters: &ParameterSet) -> Vec<PlannedCut> {
    let interval_ms = parameters.block_interval_ms();
    let spacing_ms = CUT_SPACING * interval_ms;
    let mut cuts = Vec::new();
    let mut at_ms = 50 * interval_ms;
    while cuts.is_empty() || at_ms + spacing_ms <= storm_ms {
        let mut stream = streams.stream("cut", cuts.len() as u64);
        let (least, most) = CUT_CHAIN_BLOCKS;
        let chain_blocks = least + stream.below(most - least + 1);
        let side = vec![FOLLOWED_NODE, 1 + stream.below(NODES as u64 - 1) as u32];
        let heal = PlannedHeal::WhenChainGrew { node: FOLLOWED_NODE, chain_blocks };
        cuts.push(PlannedCut { at_ms: at_ms + stream.below(50 * interval_ms), side, heal });
        at_ms += spacing_ms;
    }
    cuts
}

/// The followed node is cut off alone, with a third of the hash power, and heals when its chain is about as deep as finality.
/// If the fork is above its finality point, it follows the others; otherwise it stays where it is. Later its operator wipes it,
/// and it syncs from the others in either case. Half of the time there are broken connections besides, one time in four a
/// second bridge that is configured for another network.
pub(super) fn fatal(plan: &mut Plan, streams: &Streams) {
    let mut stream = streams.stream("fatal", 0);
    let (least, most) = FATAL_DEPTH_PERCENT;
    let percent = least + stream.below(most - least + 1);
    let chain_blocks = plan.parameters.finality_depth.saturating_mul(percent) / 100;
    let heal = PlannedHeal::WhenChainGrew { node: FOLLOWED_NODE, chain_blocks };
    let interval_ms = plan.parameters.block_interval_ms();
    let at_ms = 20 * interval_ms + stream.below(40 * interval_ms);
    plan.topology.hash_shares = vec![2; NODES];
    plan.topology.hash_shares[FOLLOWED_NODE as usize] = NODES as u32 - 1;
    plan.topology.cuts = vec![PlannedCut { at_ms, side: vec![FOLLOWED_NODE], heal }];
    let (least, most) = FATAL_WIPE_PERCENT;
    let wipe_percent = least + stream.below(most - least + 1);
    let from = 1 + stream.below(NODES as u64 - 1) as u32;
    let kind = PlannedOutageKind::Resync { from, transition_ms: 1_000 + stream.below(9_000) };
    let at_ms = plan.storm_ms / 100 * wipe_percent;
    plan.topology.outages = vec![PlannedOutage { node: FOLLOWED_NODE, at_ms, kind }];
    if stream.chance(1, 2) {
        plan.faults = disconnects(streams, plan.storm_ms);
    }
    if stream.chance(1, 4) {
        let stranger = PlannedBridge { network: "testnet-10".to_owned(), ..PlannedBridge::to_node(FOLLOWED_NODE) };
        plan.bridges.push(stranger);
    }
}

/// One time in four a consumer that does not always keep up, and a queue that it can fill.
pub(super) fn consumer(bridge: &mut PlannedBridge, streams: &Streams) {
    let mut stream = streams.stream("consumer", 0);
    if stream.chance(1, 4) {
        bridge.high_water_mark = 4 + stream.below(61);
        bridge.consumer = PlannedConsumer {
            store_ms: 50 + stream.below(950),
            acknowledge_every: 1 + stream.below(8),
            ..PlannedConsumer::default()
        };
    }
}

/// The number of an operation of a disk, counted from 1.
pub(super) fn operation(stream: &mut Stream, most: u64) -> u32 {
    1 + u32::try_from(stream.below(most)).unwrap_or(0)
}

/// One of as many numbers as the width says, from the least on.
pub(super) fn from((least, width): (u64, u64), stream: &mut Stream) -> u64 {
    least + stream.below(width)
}
