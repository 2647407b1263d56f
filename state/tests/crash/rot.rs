//! Bits that change by themselves.

use sim::{
    disk::{Image, Unsynced},
    random::Streams,
};
use state::{Machine, OpenError, StoreError};

use crate::{
    BATCHES,
    run::{Honesty, Observation, disk, expected, record},
    script::Script,
};

#[test]
fn given_a_flipped_bit_anywhere_when_opened_then_it_is_told_or_means_nothing() {
    let script = Script::drawn(BATCHES);
    let expected = expected(&script);
    let run = record(&script, Honesty::Honest);
    let stream = Streams::new(1).stream("unused", 0);
    let image: Image = run.recording.crash_images(Unsynced::Kept, stream).last().unwrap();
    let (mut told, mut silent) = (0, 0);
    for offset in (0..image.len()).step_by(61) {
        let disk = disk("rot", image.clone());
        disk.flip_bit(offset, (offset % 8) as u8);
        match Machine::open_on(disk.open(), script.config()) {
            Ok(machine) => {
                assert!(Observation::of(&machine) == expected[expected.len() - 1], "byte {offset}: something else");
                silent += 1;
            }
            Err(OpenError::Store(StoreError::Damaged { .. }) | OpenError::NotAStore) => told += 1,
            Err(error) => panic!("byte {offset}: {error}"),
        }
    }
    println!("{told} told, {silent} where nothing was");
    assert!(told > 100, "{told} told");
}
