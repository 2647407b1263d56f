//! Schedules over the rig: each kind of step in a calm, each trouble of a node, a start at the sink, and storms of all.

use std::collections::BTreeMap;

use dagstorm_fuzz::schedule::{Schedule, Trouble};

/// Kinds of steps, and some that are read as others.
const KINDS: u8 = 23;

/// The kind in which something happens to one node, and that in which a connection ends.
const OUTAGE: u8 = 21;
const HANG_UP: u8 = 11;

/// Number of storms.
const STORMS: u64 = 24;

/// Bytes of a storm: head and 24 steps.
const STORM_BYTES: usize = 4 * 28;

/// The seeds by name.
pub fn seeds() -> BTreeMap<String, Vec<u8>> {
    let kinds = (0..KINDS).filter(|kind| *kind != OUTAGE);
    let single = kinds.map(|kind| (format!("step-{kind:02}"), canonical(&around(kind, 0x81))));
    let troubles = [Trouble::BodiesLag, Trouble::Withholding, Trouble::Wipe];
    let troubles = troubles.map(|what| (format!("trouble-{what:?}").to_lowercase(), canonical(&trouble(what))));
    let at_sink = [("starts-at-sink".to_owned(), starting_at_sink())];
    let storms = (0..STORMS).map(|number| (format!("storm-{number:02}"), canonical(&noise(number))));
    single.chain(troubles).chain(at_sink).chain(storms).collect()
}

/// Something is wrong with the second node.
fn trouble(what: Trouble) -> Vec<u8> {
    around(OUTAGE, 1 | (what as u8) << 6)
}

/// The node's chain goes on, and a connection ends.
fn starting_at_sink() -> Vec<u8> {
    let mut schedule = Schedule::decode(&around(HANG_UP, 0));
    schedule.settings.starts_at_sink = true;
    schedule.encode()
}

/// A second passes, the step is taken, a second passes.
fn around(kind: u8, operand: u8) -> Vec<u8> {
    let head = [0, 0, 0, 40, kind, 2, 60, 1, 3, 10, 2, 1, 1, 0b01_10_01, 0, 0];
    let second = [0, 0, 0xe8, 3];
    let step = [kind, operand, 40, 2];
    [&head[..], &second, &step, &second, &step, &second].concat()
}

/// Bytes without a pattern that are always the same; every third step lets time pass.
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes: Vec<u8> = (0..STORM_BYTES)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect();
    bytes.iter_mut().skip(16).step_by(12).for_each(|operation| *operation = 0);
    bytes
}

/// The same schedule as it is written.
fn canonical(bytes: &[u8]) -> Vec<u8> {
    Schedule::decode(bytes).encode()
}
