//! The consumer: takes what is there, prints it, executes and stores it, acknowledges; in this order.
//!
//! Invariants: what was acknowledged was printed, and with a store it is on the disk together with its effects and the
//! checkpoint after it; what a stored checkpoint counts was on the disk before it, if it was printed to a file.

use std::{io, time::Duration};

use bridge::{AcceptedTransaction, BlockAdded, Checkpoint, FatalError, Filter, L1Event};
use state::Machine;

use super::{
    super::output::{self, Tone},
    error::FollowError,
    json,
    lines::Lines,
    progress::Progress,
    source::{Batch, Source},
    stop::Stop,
    tally::Tally,
    text,
};

/// Longest time in which a bridge that was told to stop must have ended.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

/// How events are told.
pub struct Style {
    /// One JSON object a line on standard output.
    pub json: bool,
    /// On standard error everything that can be said.
    pub verbose: bool,
    /// The accepted transactions that are printed; it changes nothing else.
    pub shown: Filter,
}

/// Events and what becomes of them.
pub struct Consumer {
    source: Source,
    lines: Lines,
    style: Style,
    progress: Progress,
    tally: Tally,
    /// The last number that was printed and stored.
    delivered: u64,
}

impl Consumer {
    /// Prints the events of `source` to `lines`, and stores them if it has a store.
    pub fn new(source: Source, lines: Lines, style: Style) -> Self {
        let checkpoint = source.machine().and_then(Machine::checkpoint);
        let delivered = checkpoint.map_or(0, Checkpoint::sequence);
        let progress = Progress::new(!style.verbose);
        let tally = Tally::new(style.verbose);
        Self { source, lines, style, progress, tally, delivered }
    }

    /// Delivers until it is asked to stop or cannot go on.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn follow(mut self, stop: &mut Stop) -> Result<(), FollowError> {
        let outcome = self.deliver_until(stop).await;
        self.progress.clear();
        // The first reason counts: what goes wrong with the end of the session or of the store changes nothing then.
        let ended = self.shut_down(outcome.is_ok()).await;
        let outcome = outcome.and(ended);
        if outcome.is_ok() {
            output::status(Tone::Good, "Stopped", &format!("after event {}", self.delivered));
        }
        if matches!(outcome, Err(FollowError::NotStored { .. })) {
            self.tell_stored_at_least();
            // The state machine is ahead of its store, and takes no more.
            return outcome;
        }
        self.tell_stored();
        outcome.and(self.source.close())
    }

    async fn deliver_until(&mut self, stop: &mut Stop) -> Result<(), FollowError> {
        loop {
            let batch = tokio::select! {
                biased;
                () = stop.asked() => return Ok(()),
                batch = self.source.next_batch() => batch.ok_or(FollowError::Ended)?,
            };
            self.deliver(&batch)?;
            if let Some(fatal) = fatal_of(batch.events()) {
                return Err(FollowError::Fatal(fatal));
            }
        }
    }

    fn deliver(&mut self, batch: &Batch) -> Result<(), FollowError> {
        let last = batch.sequence();
        if last.is_some() {
            // Before it is stored: a process that is killed in between tells it again.
            self.tell_anchor();
        }
        self.print(batch.events())?;
        let Some(last) = last else { return Ok(()) };
        if self.source.machine().is_some() {
            self.lines.sync().map_err(FollowError::Print)?;
            let applied = self.source.store(batch)?;
            self.progress.aside(|| self.tally.note(&applied));
        }
        self.source.acknowledge(batch)?;
        self.delivered = last;
        Ok(())
    }

    fn print(&mut self, events: &[L1Event]) -> Result<(), FollowError> {
        let mut lines = Vec::new();
        for event in events {
            let part = shown_part(event, &self.style.shown);
            let shown = part.as_ref().unwrap_or(event);
            match self.style.json {
                true => json::write_line(&mut lines, shown),
                false => text::write_line(&mut lines, &io::stdout(), shown),
            }
            self.progress.note(event);
        }
        self.progress.aside(|| self.lines.print(&lines)).map_err(FollowError::Print)
    }

    /// Ends the session. What the bridge still had to deliver comes again next time; only what tells of the connection is
    /// printed.
    async fn shut_down(&mut self, printing: bool) -> Result<(), FollowError> {
        self.source.shut_down();
        let end = async {
            while let Some(batch) = self.source.next_batch().await {
                for event in batch.events() {
                    if printing && tells_of_the_connection(event) {
                        self.print(std::slice::from_ref(event))?;
                    }
                }
                if let Some(fatal) = fatal_of(batch.events()) {
                    return Err(FollowError::Fatal(fatal));
                }
            }
            Ok(())
        };
        #[expect(clippy::disallowed_methods, reason = "the real runtime")]
        let ended = tokio::time::timeout(SHUTDOWN_LIMIT, end).await;
        // The process ends now, and its sockets with it.
        ended.unwrap_or(Ok(()))
    }

    fn tell_anchor(&self) {
        let Some(anchor) = self.source.first_anchor() else { return };
        let text = format!("at {} index {}, blue score {}", anchor.hash, anchor.index, anchor.blue_score);
        self.progress.aside(|| output::status(Tone::Good, "Anchored", &text));
    }

    /// Where the store stands when the last batch is not known to be in it.
    fn tell_stored_at_least(&self) {
        let place = match self.source.machine().and_then(Machine::checkpoint) {
            None => "no event".to_owned(),
            Some(checkpoint) => {
                let (sequence, tip) = (checkpoint.sequence(), checkpoint.tip());
                format!("up to event {sequence} at {} index {}", tip.hash, tip.index)
            }
        };
        output::status(Tone::Good, "Stored", &format!("{place}, {}", self.tally));
    }

    fn tell_stored(&self) {
        let Some(machine) = self.source.machine() else { return };
        let Some(checkpoint) = machine.checkpoint() else { return };
        let (sequence, tip, root) = (checkpoint.sequence(), checkpoint.tip(), machine.state_root());
        let text =
            format!("after event {sequence} at {} index {}, state root {root}, {}", tip.hash, tip.index, self.tally);
        output::status(Tone::Good, "Stored", &text);
    }
}

/// The event with the transactions that are wanted; `None` if it is the event as it is.
fn shown_part(event: &L1Event, shown: &Filter) -> Option<L1Event> {
    let L1Event::BlockAdded(added) = event else { return None };
    let is_wanted = |transaction: &&AcceptedTransaction| shown.keeps(&transaction.subnetwork_id, &transaction.payload);
    if added.accepted.iter().all(|transaction| is_wanted(&transaction)) {
        return None;
    }
    let accepted = added.accepted.iter().filter(is_wanted).cloned().collect();
    Some(L1Event::BlockAdded(BlockAdded { accepted, ..added.clone() }))
}

fn fatal_of(events: &[L1Event]) -> Option<FatalError> {
    events.iter().find_map(|event| match event {
        L1Event::Fatal(fatal) => Some(fatal.clone()),
        _ => None,
    })
}

fn tells_of_the_connection(event: &L1Event) -> bool {
    let is_about_the_chain = matches!(event, L1Event::CatchingUp { .. } | L1Event::Synced { .. });
    event.sequence().is_none() && !is_about_the_chain
}
