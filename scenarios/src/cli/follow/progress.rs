//! How far the bridge is behind, as a bar on standard error, if that is a terminal.

use std::{
    fmt,
    io::{self, IsTerminal},
};

use bridge::L1Event;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// A bar while the bridge catches up, nothing otherwise.
pub struct Progress {
    wanted: bool,
    bar: Option<Bar>,
}

struct Bar {
    shown: ProgressBar,
    /// Blue score of the tip when catching up began.
    from: u64,
    /// Blue score of the node's sink.
    to: u64,
}

impl Progress {
    /// No bar yet, and never one if it is not wanted or nobody would see it.
    pub fn new(wanted: bool) -> Self {
        Self { wanted: wanted && io::stderr().is_terminal(), bar: None }
    }

    /// Moves, shows or removes the bar.
    pub fn note(&mut self, event: &L1Event) {
        match event {
            &L1Event::CatchingUp { tip_blue_score, sink_blue_score } if self.wanted => {
                let bar = self.bar.get_or_insert_with(|| Bar::new(tip_blue_score));
                bar.to = sink_blue_score;
                bar.move_to(tip_blue_score);
            }
            L1Event::BlockAdded(added) => {
                if let Some(bar) = &self.bar {
                    bar.move_to(added.block.blue_score);
                }
            }
            L1Event::Synced { .. } | L1Event::Disconnected { .. } | L1Event::Fatal(_) => self.clear(),
            _ => {}
        }
    }

    /// Lets `print` write lines that the bar must not be mixed with.
    pub fn aside<R>(&self, print: impl FnOnce() -> R) -> R {
        match &self.bar {
            Some(bar) => bar.shown.suspend(print),
            None => print(),
        }
    }

    /// Removes the bar.
    pub fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.shown.finish_and_clear();
        }
    }
}

impl Bar {
    fn new(from: u64) -> Self {
        let template = " Catching up [{wide_bar}] {msg}, {rate}, {eta} left";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let style = style.with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
            // A bar without its rate is still a bar.
            let _ = write!(out, "{:.0}/s", state.per_sec());
        });
        Self { shown: ProgressBar::new(0).with_style(style), from, to: from }
    }

    fn move_to(&self, blue_score: u64) {
        self.shown.set_message(format!("blue score {blue_score} of {}", self.to));
        self.shown.set_length(self.to.saturating_sub(self.from));
        self.shown.set_position(blue_score.saturating_sub(self.from));
    }
}
