//! The seeds of all fuzz targets, by target and name.
//!
//! Every seed is a function of the captured frames and of the code: making them twice gives the same bytes. Seeds are few
//! and small, because a fuzzer tries each of them first.

mod checkpoints;
mod frames;
mod plans;
mod programs;
mod schedules;
mod talks;

use std::{collections::BTreeMap, error::Error, path::PathBuf};

/// Where the corpora are, one folder for each target.
pub fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus"))
}

/// Whether a file in a corpus was put there by a fuzzer that was run without a folder of its own: it names what it finds
/// by 40 hexadecimal digits.
pub fn is_find(name: &str) -> bool {
    name.len() == 40 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The seeds of one target.
pub struct Corpus {
    /// The target.
    pub target: &'static str,
    /// The seeds by name.
    pub seeds: BTreeMap<String, Vec<u8>>,
}

/// The seeds of all targets.
pub fn all() -> Result<Vec<Corpus>, Box<dyn Error>> {
    let captures = frames::captured()?;
    let corpora = [
        ("checkpoint", checkpoints::seeds()),
        ("follower", schedules::seeds()),
        ("frame", frames::both_sides(&captures)),
        ("notification_parsing", frames::from_nodes(&captures)),
        ("payload", programs::seeds()),
        ("plan", plans::seeds()),
        ("v2_reply", talks::seeds(&captures)),
    ];
    Ok(corpora.into_iter().map(|(target, seeds)| Corpus { target, seeds }).collect())
}
