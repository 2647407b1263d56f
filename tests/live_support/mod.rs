//! A laboratory of real nodes: kaspad processes on loopback, a client and a miner that share no code with the bridge, and
//! a consumer that is compared with what a node itself says.

pub mod client;
pub mod consumer;
pub mod kaspad;
pub mod miner;
pub mod scenes;

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long any single condition may take to come true. Everything takes a second or two; a busy machine gets more.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How often a condition is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Runs a test against the kaspad that the environment variable `KASPAD` names. Without that variable it says so where
/// the test harness does not hide it, and passes.
pub fn with_kaspad(test: impl AsyncFnOnce(&Path)) {
    let Some(binary) = env::var_os("KASPAD").map(PathBuf::from) else {
        let thread = std::thread::current();
        // Without threads of their own the tests run on the main one.
        let name = thread.name().filter(|name| *name != "main").unwrap_or("a live test");
        let message = format!(
            "SKIPPED {name}: it needs kaspad 2.1.0. Run: KASPAD=$(command -v kaspad) cargo test -p dagstorm-tests \
             --test live\n"
        );
        // The harness captures what the print macros write, not this.
        std::io::stderr().write_all(message.as_bytes()).expect("standard error is open");
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be built");
    runtime.block_on(test(&binary));
}

/// Asks again and again until there is an answer, and gives it.
///
/// # Panics
/// If there is none within [`PATIENCE`]; it says what it waited for and what the last refusal was.
pub async fn eventually<T>(what: &str, mut attempt: impl AsyncFnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Ok(answer) => return answer,
            Err(refusal) => assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}; last: {refusal}"),
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
