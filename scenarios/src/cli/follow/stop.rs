//! Ctrl-C and SIGTERM: the first asks to stop, the second stops at once.

use std::{io, process};

use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

/// Exit codes of a process that a signal ended are 128 plus the signal's number, as shells have it.
const INTERRUPTED: i32 = 128 + 2;
const TERMINATED: i32 = 128 + 15;

/// Becomes true when the process is asked to stop.
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Returns when the process was asked to stop. Cancel safe.
    pub async fn asked(&mut self) {
        if self.0.wait_for(|asked| *asked).await.is_err() {
            // Nobody is left who could ask.
            std::future::pending().await
        }
    }
}

/// Takes the signals over. The task runs on the runtime's own thread, so that a second signal works while the main thread
/// waits for a reader or a disk.
///
/// # Errors
/// The system's, if it has no room for the handlers.
pub fn listen(runtime: &Runtime) -> io::Result<Stop> {
    let mut signals =
        Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? };
    let (sender, receiver) = watch::channel(false);
    runtime.spawn(async move {
        signals.next().await;
        sender.send_replace(true);
        // A batch is stored whole or not at all, whenever this happens.
        process::exit(signals.next().await);
    });
    Ok(Stop(receiver))
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// The exit code that the next signal stands for.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => INTERRUPTED,
            _ = self.terminate.recv() => TERMINATED,
        }
    }
}
