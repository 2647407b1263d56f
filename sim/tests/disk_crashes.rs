//! A database over the simulated disk: what was committed survives a crash at every operation, and never in part.

mod disk_support;

use disk_support::{Content, Script, content, disk, open};
use sim::{
    disk::{Disk, Fault, Image, Moment, Operation, Recording, Trigger, Unsynced},
    random::Streams,
};

const POLICIES: [Unsynced; 3] = [Unsynced::Kept, Unsynced::Lost, Unsynced::Drawn];

/// A recorded run, and the number of operations after which the database was made and each commit confirmed.
struct Run {
    recording: Recording,
    made: usize,
    confirmed: Vec<usize>,
}

fn run(script: &Script, is_honest: bool) -> Result<Run, redb::Error> {
    let disk = disk("run");
    disk.set_skips_syncs(!is_honest);
    disk.record();
    let database = open(disk.open())?;
    let made = disk.recorded_operations();
    let mut confirmed = Vec::new();
    for number in 0..script.len() {
        script.commit(&database, number)?;
        confirmed.push(disk.recorded_operations());
    }
    drop(database);
    Ok(Run { recording: disk.take_recording(), made, confirmed })
}

/// Crashes at every operation, and returns what was found wrong and the number of crashes.
fn crash_everywhere(run: &Run, contents: &[Content], unsynced: Unsynced) -> (Vec<String>, usize) {
    let mut complaints = Vec::new();
    let mut crashes = 0;
    let stream = Streams::new(5).stream("crashes", 0);
    for (happened, image) in run.recording.crash_images(unsynced, stream).enumerate().skip(run.made) {
        crashes += 1;
        let confirmed = run.confirmed.iter().filter(|&&operations| operations <= happened).count();
        match commits_after_crash(image, contents) {
            // The commit under way can be there already.
            Ok(fitting) if fitting.iter().any(|&count| count == confirmed || count == confirmed + 1) => {}
            Ok(fitting) => complaints.push(format!("{happened}: {confirmed} commits confirmed, {fitting:?} found")),
            Err(complaint) => complaints.push(format!("{happened}: {complaint}")),
        }
    }
    (complaints, crashes)
}

/// Opens the database on what a crash has left, and says how many commits are in it.
///
/// # Errors
/// A sentence on what is wrong.
fn commits_after_crash(image: Image, contents: &[Content]) -> Result<Vec<usize>, String> {
    let disk = Disk::with_image(image, Streams::new(1).stream("reopened", 0));
    let database = open(disk.open()).map_err(|error| format!("the database cannot be opened: {error}"))?;
    let found = content(&database).map_err(|error| format!("the table cannot be read: {error}"))?;
    let fitting: Vec<usize> = (0..contents.len()).filter(|&count| contents[count] == found).collect();
    if fitting.is_empty() { Err("a mixture of commits".into()) } else { Ok(fitting) }
}

#[test]
fn given_a_crash_at_every_operation_when_reopened_then_every_confirmed_commit_is_there_and_none_in_part() {
    let script = Script::drawn(1, 24);
    let contents = script.contents();
    let run = run(&script, true).unwrap();
    let lengths = run.recording.operations().iter().filter(|&op| matches!(op, Operation::SetLen { .. })).count();
    assert!(lengths > 2, "the file neither grows nor shrinks");
    let mut total = 0;
    for unsynced in POLICIES {
        let (complaints, crashes) = crash_everywhere(&run, &contents, unsynced);
        assert!(complaints.is_empty(), "{unsynced:?}: {complaints:#?}");
        total += crashes;
    }
    assert!(total > 900, "{total} crashes");
}

#[test]
fn given_a_disk_that_confirms_syncs_without_doing_them_when_crashed_everywhere_then_it_is_found_out() {
    let script = Script::drawn(1, 12);
    let contents = script.contents();
    let run = run(&script, false).unwrap();
    for unsynced in [Unsynced::Lost, Unsynced::Drawn] {
        let (complaints, crashes) = crash_everywhere(&run, &contents, unsynced);
        assert!(complaints.len() > crashes / 2, "{unsynced:?}: {} of {crashes} crashes", complaints.len());
    }
}

#[test]
fn given_armed_crashes_when_run_then_the_disk_is_left_as_the_recording_says() {
    let script = Script::drawn(2, 3);
    let recorded = run(&script, true).unwrap();
    for unsynced in [Unsynced::Kept, Unsynced::Lost] {
        let images = recorded.recording.crash_images(unsynced, Streams::new(1).stream("unused", 0));
        for (happened, image) in images.enumerate().take(recorded.recording.operations().len()) {
            let disk = disk("armed");
            let moment = Moment::Before;
            disk.arm(Trigger::Operation(happened as u64 + 1), Fault::Crash { moment, unsynced });
            let result = (|| -> Result<(), redb::Error> {
                let database = open(disk.open())?;
                (0..script.len()).try_for_each(|number| script.commit(&database, number))
            })();
            assert!(disk.has_crashed(), "the fault at operation {happened} was not met: {result:?}");
            assert!(disk.durable().to_bytes() == image.to_bytes(), "{unsynced:?}, operation {happened}");
        }
    }
}

#[test]
fn given_the_same_seed_when_run_twice_then_every_crash_leaves_the_same_bytes() {
    let script = Script::drawn(3, 2);
    let images = |seed| -> Vec<Vec<u8>> {
        let run = run(&script, true).unwrap();
        let stream = Streams::new(seed).stream("crashes", 0);
        run.recording.crash_images(Unsynced::Drawn, stream).map(|image| image.to_bytes()).collect()
    };
    let first = images(1);
    assert!(first == images(1));
    assert!(first != images(2), "nothing is left to chance");
}

#[test]
fn given_a_crash_during_the_recovery_when_opened_again_then_nothing_confirmed_is_lost() {
    let script = Script::drawn(4, 8);
    let contents = script.contents();
    let first = run(&script, true).unwrap();
    let stream = Streams::new(6).stream("first crash", 0);
    let images: Vec<_> = first.recording.crash_images(Unsynced::Drawn, stream).enumerate().collect();
    let mut crashes = 0;
    for (happened, image) in images.into_iter().skip(first.made).step_by(11) {
        let disk = Disk::with_image(image, Streams::new(7).stream("recovery", happened as u64));
        disk.record();
        let database = open(disk.open()).unwrap();
        let found = content(&database).unwrap();
        drop(database);
        let stream = Streams::new(8).stream("second crash", happened as u64);
        for image in disk.take_recording().crash_images(Unsynced::Drawn, stream) {
            crashes += 1;
            let fitting = commits_after_crash(image, &contents).unwrap();
            assert!(fitting.iter().any(|&count| contents[count] == found), "{happened}: {fitting:?}");
        }
    }
    assert!(crashes > 50, "{crashes} second crashes");
}
