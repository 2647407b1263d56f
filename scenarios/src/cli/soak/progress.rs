//! How far a soak is: a bar on a terminal, a line every ten seconds elsewhere. Always on standard error.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use super::{
    super::{
        output::{self, Tone},
        summary::Summary,
    },
    clock,
};

/// Time between two lines where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Time between two looks of the bar.
const BAR_INTERVAL: Duration = Duration::from_millis(200);

/// What a soak comes to the end of.
#[derive(Clone, Copy)]
pub enum Goal {
    Runs(u64),
    Time(Duration),
}

pub struct Progress {
    goal: Goal,
    /// `None` if there is no terminal.
    bar: Option<ProgressBar>,
    next_line_at: Instant,
}

impl Progress {
    pub fn start(goal: Goal) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let (length, template) = match goal {
                Goal::Runs(runs) => (runs, "     Soaking [{bar:24}] {pos}/{len} runs, {eta} left\n             {msg}"),
                Goal::Time(time) => {
                    (time.as_secs(), "     Soaking [{bar:24}] {elapsed} of {len} s\n             {msg}")
                }
            };
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(length).with_style(style)
        });
        Self { goal, bar, next_line_at: clock::now() + LINE_INTERVAL }
    }

    /// How long to wait for news before [`show`](Self::show).
    pub fn patience(&self) -> Duration {
        match self.bar {
            Some(_) => BAR_INTERVAL,
            None => self.next_line_at.saturating_duration_since(clock::now()),
        }
    }

    /// Shows how far the soak is, if it is time to.
    pub fn show(&mut self, summary: &Summary) {
        match &self.bar {
            Some(bar) => {
                bar.set_position(match self.goal {
                    Goal::Runs(_) => summary.runs(),
                    Goal::Time(time) => summary.elapsed().min(time).as_secs(),
                });
                bar.set_message(summary.progress());
            }
            None if clock::now() >= self.next_line_at => {
                self.next_line_at += LINE_INTERVAL;
                let of = match self.goal {
                    Goal::Runs(runs) => format!("{runs} runs"),
                    Goal::Time(time) => format!("{} s", time.as_secs()),
                };
                let text = format!("[{:>7.0}s] of {of}: {}", summary.elapsed().as_secs_f64(), summary.progress());
                output::status(Tone::Good, "Soaking", &text);
            }
            None => {}
        }
    }

    /// Prints with the bar out of the way.
    pub fn suspend(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
