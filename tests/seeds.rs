//! The seeds of the fuzz targets: they are what the command that makes them makes, and no law is broken by any of them.

mod corpus;

use std::{collections::BTreeMap, fmt::Debug, fs};

use bridge::wire::Request;
use corpus::Corpus;
use dagstorm_fuzz::{checkpoint, frame, payload, reply, schedule, walk};
use proptest::{
    prelude::*,
    test_runner::{RngSeed, TestRunner},
};
use scenarios::plan::Plan;

const MOST_SEEDS: usize = 100;
const MOST_BYTES: usize = 300_000;

fn seeds(target: &str) -> BTreeMap<String, Vec<u8>> {
    let mut corpora = corpus::all().expect("the captures are there").into_iter();
    corpora.find(|corpus| corpus.target == target).expect("the target has seeds").seeds
}

/// Each seed is the one form of what it says, is shown line by line, and breaks no law.
fn replay<T: Debug>(target: &str, decode: fn(&[u8]) -> T, encode: fn(&T) -> Vec<u8>, check: fn(&T)) {
    for (name, bytes) in seeds(target) {
        let input = decode(&bytes);
        assert_eq!(encode(&input), bytes, "{name}");
        assert!(format!("{input:?}").lines().count() > 1 || bytes.len() <= 4, "{name}");
        // Shown if a law is broken.
        println!("{name}:\n{input:?}");
        check(&input);
    }
}

/// Any bytes mean something, what they mean has a form that means the same, and no law is broken: a fuzzer's first second.
fn any_bytes<T: Debug + PartialEq>(cases: u32, decode: fn(&[u8]) -> T, encode: fn(&T) -> Vec<u8>, check: fn(&T)) {
    let (failure_persistence, rng_seed) = (None, RngSeed::Fixed(1));
    let config = ProptestConfig { cases, failure_persistence, rng_seed, ..ProptestConfig::default() };
    let bytes = prop::collection::vec(any::<u8>(), 0..160);
    let outcome = TestRunner::new(config).run(&bytes, |bytes| {
        let input = decode(&bytes);
        prop_assert_eq!(&decode(&encode(&input)), &input);
        check(&input);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn given_the_command_when_run_again_then_the_committed_seeds_are_what_it_makes() {
    for Corpus { target, seeds: made } in corpus::all().expect("the captures are there") {
        let folder = fs::read_dir(corpus::folder().join(target)).expect("the corpus is committed");
        let committed: BTreeMap<String, Vec<u8>> = folder
            .map(|entry| {
                let entry = entry.expect("the folder is readable");
                let name = entry.file_name().into_string().expect("names are plain");
                (name, fs::read(entry.path()).expect("the seed is readable"))
            })
            .filter(|(name, _)| !corpus::is_find(name))
            .collect();
        let differ = made.iter().find(|(name, bytes)| committed.get(*name) != Some(bytes));
        assert!(differ.is_none() && committed.len() == made.len(), "{target}: run the example make_corpus");
        assert!(made.len() < MOST_SEEDS && made.values().map(Vec::len).sum::<usize>() < MOST_BYTES, "{target}");
    }
}

#[test]
fn given_frames_when_replayed_then_each_is_accepted_from_its_side() {
    for (name, bytes) in seeds("notification_parsing") {
        assert!(walk::server_frame(&bytes).is_ok(), "{name}");
    }
    for (name, bytes) in seeds("frame") {
        match name.starts_with("request-") {
            true => assert!(Request::parse(&bytes).is_ok(), "{name}"),
            false => assert!(walk::server_frame(&bytes).is_ok(), "{name}"),
        }
    }
    replay(
        "frame",
        frame::Frame::decode,
        |frame| frame.0.clone(),
        |frame| {
            frame::check(frame);
            frame::check_agreement(frame);
        },
    );
}

#[test]
fn given_talks_and_any_bytes_when_run_then_no_law_is_broken() {
    replay("v2_reply", reply::Talk::decode, reply::Talk::encode, reply::check);
    any_bytes(600, reply::Talk::decode, reply::Talk::encode, reply::check);
}

#[test]
fn given_schedules_and_any_bytes_when_run_then_no_law_is_broken() {
    replay("follower", schedule::Schedule::decode, schedule::Schedule::encode, schedule::check);
    any_bytes(60, schedule::Schedule::decode, schedule::Schedule::encode, schedule::check);
}

#[test]
fn given_programs_and_any_bytes_when_run_then_no_law_is_broken() {
    replay("payload", payload::Program::decode, payload::Program::encode, payload::check);
    any_bytes(600, payload::Program::decode, payload::Program::encode, payload::check);
}

#[test]
fn given_checkpoints_and_any_bytes_when_run_then_no_law_is_broken() {
    replay("checkpoint", checkpoint::Stored::decode, checkpoint::Stored::encode, checkpoint::check);
    any_bytes(2000, checkpoint::Stored::decode, checkpoint::Stored::encode, checkpoint::check);
}

#[test]
fn given_plans_when_read_then_they_are_plans() {
    for (name, bytes) in seeds("plan") {
        let plan = Plan::parse(str::from_utf8(&bytes).expect("plans are text"));
        assert_eq!(plan.map(|plan| plan.to_text().into_bytes()), Ok(bytes), "{name}");
    }
}
