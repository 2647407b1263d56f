//! Loss of power at every operation.

use sim::{
    disk::{Image, Operation, Unsynced},
    random::Streams,
};
use state::{
    Machine,
    programs::{
        charging::{CHARGING, Station},
        delivery::{DELIVERY, Job, JobState},
        insurance::{INSURANCE, Policy, PolicyState},
    },
    receipt::Outcome,
};

use crate::{
    BATCHES, CATCH_UP, GROWING, POLICIES, SINGLE, SMALL_CACHE,
    run::{Honesty, Observation, Run, disk, expected, judge, record, stands_at},
    script::{Script, Shape},
};

/// What crashing everywhere has shown.
#[derive(Default)]
struct Outcomes {
    complaints: Vec<String>,
    crashes: usize,
    /// Crashes after which a batch was there that was not acknowledged yet.
    ahead: usize,
}

/// Crashes after every operation; draw 0 and others differ in what chance keeps and tears.
fn crash_everywhere(
    script: &Script,
    expected: &[Observation],
    run: &Run,
    unsynced: Unsynced,
    draw: u64,
    outcomes: &mut Outcomes,
) {
    let stream = Streams::new(script.shape.seed).stream("crashes", draw);
    for (happened, image) in run.recording.crash_images(unsynced, stream).enumerate() {
        outcomes.crashes += 1;
        let acknowledged = run.acknowledged_at(happened);
        match judge(script, expected, acknowledged, disk("crashed", image).open()) {
            Ok(stands_at) => outcomes.ahead += usize::from(stands_at > acknowledged),
            Err(complaint) => {
                outcomes.complaints.push(format!("{unsynced:?} after operation {happened}: {complaint}"));
            }
        }
    }
}

/// Crashes everywhere under all policies, with so many draws of what is left to chance; how many crashes that were.
fn crashes_of(shape: Shape, draws: u64) -> usize {
    let script = Script::drawn(shape);
    let expected = expected(&script);
    let run = record(&script, Honesty::Honest);
    let mut outcomes = Outcomes::default();
    for (unsynced, draws) in POLICIES.into_iter().zip([1, 1, draws]) {
        for draw in 0..draws {
            crash_everywhere(&script, &expected, &run, unsynced, draw, &mut outcomes);
        }
    }
    assert!(outcomes.complaints.is_empty(), "{} complaints: {:#?}", outcomes.complaints.len(), outcomes.complaints);
    assert!(outcomes.ahead > 0, "no crash came between a commit and its acknowledgement");
    println!(
        "{} crashes ({} of each point of {} operations), {} batches, {} times a batch ahead",
        outcomes.crashes,
        2 + draws,
        run.recording.operations().len(),
        script.batches.len(),
        outcomes.ahead
    );
    outcomes.crashes
}

#[test]
fn given_a_run_of_single_events_when_crashed_everywhere_then_it_ends_as_if_nothing_had_been() {
    assert!(crashes_of(SINGLE, 3) > 4_000);
}

#[test]
fn given_a_run_of_small_batches_when_crashed_everywhere_then_it_ends_as_if_nothing_had_been() {
    assert!(crashes_of(BATCHES, 3) > 1_500);
}

#[test]
fn given_a_run_of_large_batches_when_crashed_everywhere_then_it_ends_as_if_nothing_had_been() {
    assert!(crashes_of(CATCH_UP, 1) > 500);
}

#[test]
fn given_a_run_with_little_memory_when_crashed_everywhere_then_it_ends_as_if_nothing_had_been() {
    assert!(crashes_of(SMALL_CACHE, 2) > 1_500);
}

#[test]
fn given_a_run_whose_file_grows_when_crashed_everywhere_then_it_ends_as_if_nothing_had_been() {
    assert!(crashes_of(GROWING, 1) > 500);
}

#[test]
fn given_a_crash_during_the_recovery_when_opened_again_then_nothing_acknowledged_is_lost() {
    let mut second_crashes = 0;
    for (shape, every) in [(BATCHES, 19), (SMALL_CACHE, 61)] {
        let script = Script::drawn(shape);
        let expected = expected(&script);
        let run = record(&script, Honesty::Honest);
        for unsynced in POLICIES {
            let stream = Streams::new(shape.seed).stream("first crash", 0);
            let images: Vec<Image> = run.recording.crash_images(unsynced, stream).collect();
            for (happened, image) in images.into_iter().enumerate().step_by(every) {
                second_crashes += crash_recovery(&script, &expected, run.acknowledged_at(happened), image);
            }
        }
    }
    println!("{second_crashes} second crashes");
    assert!(second_crashes > 2_000, "{second_crashes} second crashes");
}

/// Opens and closes what a crash has left, and crashes that after each of its operations.
fn crash_recovery(script: &Script, expected: &[Observation], acknowledged: usize, image: Image) -> usize {
    let first = disk("first crash", image);
    first.record();
    let machine = Machine::open_on(first.open(), script.config()).unwrap();
    let stood_at = stands_at(&machine, expected, acknowledged).unwrap();
    machine.close().unwrap();
    let recording = first.take_recording();
    let mut crashes = 0;
    for unsynced in [Unsynced::Lost, Unsynced::Drawn] {
        let stream = Streams::new(script.shape.seed).stream("second crash", 0);
        for image in recording.crash_images(unsynced, stream) {
            crashes += 1;
            let machine = Machine::open_on(disk("second crash", image).open(), script.config()).unwrap();
            // Where it stood after the first crash, it stands for good: its recovery was to a durable place.
            assert_eq!(stands_at(&machine, expected, acknowledged), Ok(stood_at));
        }
    }
    crashes
}

#[test]
fn given_a_machine_that_acknowledges_first_when_crashed_everywhere_then_it_is_found_out() {
    assert_found_out(Honesty::AcknowledgesFirst, "are acknowledged and");
}

#[test]
fn given_a_disk_that_skips_syncs_when_crashed_everywhere_then_it_is_found_out() {
    assert_found_out(Honesty::DiskSkipsSyncs, "");
}

fn assert_found_out(honesty: Honesty, complaint: &str) {
    let script = Script::drawn(BATCHES);
    let expected = expected(&script);
    let run = record(&script, honesty);
    let mut outcomes = Outcomes::default();
    crash_everywhere(&script, &expected, &run, Unsynced::Lost, 0, &mut outcomes);
    println!("{honesty:?}: {} complaints in {} crashes", outcomes.complaints.len(), outcomes.crashes);
    assert!(outcomes.complaints.len() > outcomes.crashes / 4, "{} complaints", outcomes.complaints.len());
    assert!(outcomes.complaints.iter().all(|found| found.contains(complaint)), "{:#?}", outcomes.complaints);
}

#[test]
fn given_the_scripts_when_looked_at_then_they_do_all_that_programs_and_chains_can_do() {
    let mut seen = std::collections::BTreeSet::new();
    for shape in [SINGLE, BATCHES, CATCH_UP, SMALL_CACHE, GROWING] {
        let script = Script::drawn(shape);
        let expected = expected(&script);
        let receipts = &expected[expected.len() - 1].receipts;
        let applied = receipts.iter().filter(|receipt| receipt.outcome == Outcome::Applied).count();
        println!("seed {}: {} receipts, {applied} applied, {} batches", shape.seed, receipts.len(), expected.len() - 1);
        assert!(applied * 3 > receipts.len() && applied < receipts.len(), "{applied} of {}", receipts.len());
        for observation in &expected {
            for (_, account) in &observation.accounts {
                seen.extend(kind(account));
            }
            if observation.undo_indices.len() > 5 {
                seen.insert("blocks above the root");
            }
        }
        let recording = record(&script, Honesty::Honest).recording;
        let lengths = recording.operations().iter().filter_map(|operation| match operation {
            Operation::SetLen { len } => Some(*len),
            _ => None,
        });
        let lengths: Vec<u64> = lengths.skip(1).collect();
        if lengths.windows(2).any(|pair| pair[1] > pair[0]) {
            seen.insert("growing");
        }
        if lengths.windows(2).any(|pair| pair[1] < pair[0]) {
            seen.insert("shrinking");
        }
    }
    let expected =
        ["blocks above the root", "confirmed", "expired", "growing", "paid", "released", "shrinking", "sold"];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);
}

/// What an account shows of how far its deal went.
fn kind(account: &state::Account) -> Option<&'static str> {
    match account.program {
        CHARGING => {
            let station: Station = borsh::from_slice(&account.data).unwrap();
            (station.units_sold > 0).then_some("sold")
        }
        DELIVERY => match borsh::from_slice::<Job>(&account.data).unwrap().state {
            JobState::Confirmed => Some("confirmed"),
            JobState::Expired => Some("expired"),
            JobState::Open => None,
        },
        INSURANCE => match borsh::from_slice::<Policy>(&account.data).unwrap().state {
            PolicyState::Paid => Some("paid"),
            PolicyState::Released => Some("released"),
            PolicyState::Active => None,
        },
        _ => None,
    }
}
