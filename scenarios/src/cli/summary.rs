//! What runs amounted to: a line for each, a table for all, and the coverage points.

use std::{collections::BTreeMap, time::Instant};

use scenarios::{
    coverage::{Coverage, Point},
    report::{self, MachineFigures, RunReport, Verdict},
};

use super::output::{self, Tone};

/// One line for a run that passed.
pub fn print_run(report: &RunReport) {
    let (name, seed, figures) = (report.scenario.as_str(), report.seed, &report.figures);
    let machine = figures.machine.as_ref().map_or(String::new(), |machine| format!("{}, ", machine_text(machine)));
    let text = format!(
        "[{:>7.3}s] {name} seed {seed}, plan {}: {} blocks, {} chain blocks, {} reorgs (deepest {}), {} disconnects, \
         {machine}hash {}",
        report.cpu_seconds,
        &report.plan_digest.to_string()[..8],
        figures.blocks,
        figures.chain_blocks,
        figures.reorgs,
        figures.max_reorg_depth,
        figures.disconnects,
        &report.hash.to_string()[..16],
    );
    output::line(Tone::Good, "PASS", &text);
}

/// What a state machine and its process did.
fn machine_text(machine: &MachineFigures) -> String {
    let MachineFigures { applied, rejected, settled_confirmed, settled_expired, rolled_back, .. } = machine;
    let MachineFigures { crashes, kills, restarts, disk_errors, .. } = machine;
    format!(
        "{applied} transactions applied ({settled_confirmed} settle a delivery made, {settled_expired} one expired), \
         {rejected} rejected, {rolled_back} blocks rolled back, {crashes} failures of power, {kills} kills, \
         {disk_errors} disk errors, {restarts} restarts"
    )
}

/// Sums over the runs of one scenario.
#[derive(Default)]
struct Row {
    runs: u64,
    passed: u64,
    sim_seconds: f64,
    cpu_seconds: f64,
    blocks: u64,
    chain_blocks: u64,
    reorgs: u64,
    max_reorg_depth: u64,
    disconnects: u64,
    machine: Option<MachineFigures>,
}

/// Sums over the runs of a command.
pub struct Summary {
    started: Instant,
    rows: BTreeMap<String, Row>,
    verdicts: Vec<Verdict>,
    coverage: Coverage,
}

impl Summary {
    /// From now on.
    #[expect(clippy::disallowed_methods, reason = "how long the user waited, outside every run")]
    pub fn start() -> Self {
        Self { started: Instant::now(), rows: BTreeMap::new(), verdicts: Vec::new(), coverage: Coverage::default() }
    }

    /// Adds a run.
    pub fn add(&mut self, report: RunReport) {
        let row = self.rows.entry(report.scenario.clone()).or_default();
        let figures = &report.figures;
        row.runs += 1;
        row.passed += u64::from(report.verdict == Verdict::Pass);
        row.sim_seconds += report.sim_seconds;
        row.cpu_seconds += report.cpu_seconds;
        row.blocks += figures.blocks;
        row.chain_blocks += figures.chain_blocks;
        row.reorgs += figures.reorgs;
        row.max_reorg_depth = row.max_reorg_depth.max(figures.max_reorg_depth);
        row.disconnects += figures.disconnects;
        if let Some(machine) = &figures.machine {
            row.machine.get_or_insert_default().add(machine);
        }
        self.coverage.add(&report.coverage);
        self.verdicts.push(report.verdict);
    }

    /// By the gravest verdict.
    pub fn exit_code(&self) -> u8 {
        report::exit_code(self.verdicts.iter())
    }

    /// The same, and 13 if a coverage point was missed and nothing is graver.
    pub fn exit_code_with_coverage(&self) -> u8 {
        let vacuous = Verdict::Vacuous(Vec::new()).exit_code();
        match self.exit_code() {
            0 if !self.coverage.missed().is_empty() => vacuous,
            code => code,
        }
    }

    /// How many coverage points the runs reached.
    pub fn print_coverage(&self) {
        let (missed, all) = (self.coverage.missed().len(), Point::ALL.len());
        let tone = if missed == 0 { Tone::Good } else { Tone::Bad };
        output::line(tone, "Coverage", &format!("{} of {all} points reached", all - missed));
    }

    /// Each coverage point that no run reached.
    pub fn print_missed_points(&self) {
        for point in self.coverage.missed() {
            output::line(Tone::Bad, "Missed", &format!("{}: {}", point.name(), point.meaning()));
        }
    }

    /// The table of scenarios, and the line with the totals.
    pub fn print(&self) {
        output::plain("");
        output::plain(&format!(
            "{:15} {:>6} {:>6} {:>9} {:>8} {:>12} {:>7} {:>7} {:>11} {:>14}",
            "scenario",
            "runs",
            "passed",
            "simulated",
            "blocks",
            "chain blocks",
            "reorgs",
            "deepest",
            "disconnects",
            "sim s / CPU s"
        ));
        for (name, row) in &self.rows {
            output::plain(&format!(
                "{name:15} {:>6} {:>6} {:>8.0}s {:>8} {:>12} {:>7} {:>7} {:>11} {:>14.0}",
                row.runs,
                row.passed,
                row.sim_seconds,
                row.blocks,
                row.chain_blocks,
                row.reorgs,
                row.max_reorg_depth,
                row.disconnects,
                row.sim_seconds / row.cpu_seconds,
            ));
        }
        for (name, machine) in self.rows.iter().filter_map(|(name, row)| Some((name, row.machine.as_ref()?))) {
            output::plain("");
            output::plain(&format!("{name}: {}", machine_text(machine)));
        }
        output::plain("");
        let simulated: f64 = self.rows.values().map(|row| row.sim_seconds).sum();
        let passed = self.verdicts.iter().filter(|verdict| **verdict == Verdict::Pass).count();
        let failed = self.verdicts.len() - passed;
        let tone = if failed == 0 { Tone::Good } else { Tone::Bad };
        let text = format!(
            "[{:>7.3}s] {} runs: {passed} passed, {failed} failed; {simulated:.0} simulated seconds",
            self.started.elapsed().as_secs_f64(),
            self.verdicts.len(),
        );
        output::line(tone, "Summary", &text);
    }
}
