//! The consumer: takes what is there, prints it, stores the checkpoint, acknowledges; in this order.
//!
//! Invariants: what was acknowledged was printed, and with a store the checkpoint after it is on the disk; what a stored
//! checkpoint counts was on the disk before it, if it was printed to a file.

use std::{io, time::Duration};

use bridge::{Checkpoint, FatalError, L1Bridge, L1Event, Window, wire::Network};

use super::{
    super::output::{self, Tone},
    error::FollowError,
    json,
    lines::Lines,
    progress::Progress,
    stop::Stop,
    store::Store,
    text,
};

/// Chain blocks, and events of any kind, that share one checkpoint.
const MOST_BLOCKS: usize = 64;
const MOST_EVENTS: usize = 256;

/// Longest time in which a bridge that was told to stop must have ended.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

/// A bridge and what becomes of its events.
pub struct Consumer {
    bridge: L1Bridge,
    lines: Lines,
    json: bool,
    record: Option<Record>,
    progress: Progress,
    /// The last number that was printed and stored.
    delivered: u64,
}

impl Consumer {
    /// Prints the events of `bridge` to `lines`, and keeps where they end if there is a record.
    pub fn new(bridge: L1Bridge, lines: Lines, json: bool, record: Option<Record>, with_progress: bool) -> Self {
        let delivered = record.as_ref().and_then(|record| record.window.as_ref()).map_or(0, Window::sequence);
        Self { bridge, lines, json, record, progress: Progress::new(with_progress), delivered }
    }

    /// Delivers until it is asked to stop or cannot go on.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn follow(&mut self, stop: &mut Stop) -> Result<(), FollowError> {
        let outcome = self.deliver_until(stop).await;
        self.progress.clear();
        match outcome {
            Ok(()) => {
                self.shut_down(true).await?;
                output::status(Tone::Good, "Stopped", &format!("after event {}", self.delivered));
                Ok(())
            }
            Err(error) => {
                // The reason comes first: what goes wrong with the end of the session changes nothing.
                let _ = self.shut_down(false).await;
                Err(error)
            }
        }
    }

    async fn deliver_until(&mut self, stop: &mut Stop) -> Result<(), FollowError> {
        loop {
            let first = tokio::select! {
                biased;
                () = stop.asked() => return Ok(()),
                event = self.bridge.next() => event.ok_or(FollowError::Ended)?,
            };
            let batch = self.batch(first);
            self.deliver(&batch)?;
            if let Some(fatal) = fatal_of(&batch) {
                return Err(FollowError::Fatal(fatal));
            }
        }
    }

    /// What is there now.
    fn batch(&mut self, first: L1Event) -> Vec<L1Event> {
        let is_block = |event: &L1Event| matches!(event, L1Event::BlockAdded(_));
        let mut blocks = usize::from(is_block(&first));
        let mut batch = vec![first];
        while blocks < MOST_BLOCKS && batch.len() < MOST_EVENTS {
            let Some(event) = self.bridge.try_next() else { break };
            blocks += usize::from(is_block(&event));
            batch.push(event);
        }
        batch
    }

    fn deliver(&mut self, batch: &[L1Event]) -> Result<(), FollowError> {
        self.print(batch)?;
        let Some(last) = batch.iter().rev().find_map(L1Event::sequence) else { return Ok(()) };
        if let Some(record) = &mut self.record {
            self.lines.sync().map_err(FollowError::Print)?;
            record.keep(&self.bridge, batch)?;
        }
        self.bridge.ack(last)?;
        self.delivered = last;
        Ok(())
    }

    fn print(&mut self, events: &[L1Event]) -> Result<(), FollowError> {
        let mut lines = Vec::new();
        for event in events {
            match self.json {
                true => json::write_line(&mut lines, event),
                false => text::write_line(&mut lines, &io::stdout(), event),
            }
            self.progress.note(event);
        }
        self.progress.aside(|| self.lines.print(&lines)).map_err(FollowError::Print)
    }

    /// Ends the session. What the bridge still had to deliver comes again next time; only what tells of the connection is
    /// printed.
    async fn shut_down(&mut self, printing: bool) -> Result<(), FollowError> {
        self.bridge.shutdown();
        let end = async {
            while let Some(event) = self.bridge.next().await {
                if printing && tells_of_the_connection(&event) {
                    self.print(std::slice::from_ref(&event))?;
                }
                if let L1Event::Fatal(fatal) = event {
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
}

/// Where the printed events end, in memory and on the disk.
pub struct Record {
    store: Store,
    network: Network,
    /// `None` before the first numbered event of a new bridge.
    window: Option<Window>,
}

impl Record {
    /// Goes on from the checkpoint that was in the store.
    pub fn new(store: Store, network: Network, checkpoint: Option<&Checkpoint>) -> Self {
        Self { store, network, window: checkpoint.map(Window::of_checkpoint) }
    }

    fn keep(&mut self, bridge: &L1Bridge, batch: &[L1Event]) -> Result<(), FollowError> {
        let window = match &mut self.window {
            Some(window) => window,
            none => none.insert(bridge.anchor().map(Window::new).ok_or(FollowError::NoAnchor)?),
        };
        for event in batch {
            window.apply(event).map_err(Box::new)?;
        }
        let checkpoint = window.checkpoint(self.network).map_err(Box::new)?;
        Ok(self.store.save(&checkpoint)?)
    }
}

fn fatal_of(batch: &[L1Event]) -> Option<FatalError> {
    batch.iter().find_map(|event| match event {
        L1Event::Fatal(fatal) => Some(fatal.clone()),
        _ => None,
    })
}

fn tells_of_the_connection(event: &L1Event) -> bool {
    let is_about_the_chain = matches!(event, L1Event::CatchingUp { .. } | L1Event::Synced { .. });
    event.sequence().is_none() && !is_about_the_chain
}
