//! The hot paths, each with what it needs made ready, so that only the path itself is counted.
//!
//! Invariants: every input is a function of this source alone. Every path runs where hash maps of the standard library
//! have seeded keys. None reads a clock through the kernel's page of time, which valgrind does not map. Work gives back
//! no memory but what the path itself does: its inputs and what it made go with its check.

mod following;
mod machine;
mod network;

use sim::{random::Streams, world::executor};

use super::hot_path::HotPath;

/// Transactions of a block: of a merged one, where there are those.
const TRANSACTIONS: u64 = 10;

/// What is counted; returns what then must hold.
pub type Work = Box<dyn FnOnce() -> Check>;

/// What must hold after the work.
pub type Check = Box<dyn FnOnce()>;

/// Makes the path ready and gives its work to `count`. Must be called once, on the process's first thread, which then has
/// drawn no keys yet.
///
/// `count` is a pointer, or its name would be in the names of the functions that are made for its type, which then are
/// taken for it.
pub fn run(path: HotPath, count: fn(Work) -> Check) {
    // The storm brings a simulation of its own.
    if path == HotPath::Storm {
        count(network::storm())();
        return;
    }
    let ran = executor::run(&Streams::new(1), move |_| async move { count(ready(path))() });
    ran.expect("the work waits for nothing");
}

fn ready(path: HotPath) -> Work {
    match path {
        HotPath::Insert => network::insert(),
        HotPath::Answer => network::answer(),
        HotPath::Walk => following::walk(),
        HotPath::CatchUp => following::catch_up(),
        HotPath::Follow => following::follow(),
        HotPath::Execute => machine::execute(),
        HotPath::Apply => machine::apply(),
        HotPath::Storm => network::storm(),
    }
}
