//! Words and columns of a summary.

use std::{collections::BTreeMap, time::Duration};

use scenarios::{
    coverage::Point,
    report::{Figures, MachineFigures, RunLine, SHARES},
};

use super::{Slowest, Sums};

/// Columns of a text behind its verb.
const WIDTH: usize = 112;

/// What one run did.
pub(super) fn run(line: &RunLine) -> String {
    let RunLine { scenario, seed, figures, .. } = line;
    let machine = figures.machine.as_ref().map_or(String::new(), |machine| format!("{}, ", self::machine(machine)));
    let mut sums = Sums::default();
    sums.add(line);
    format!(
        "[{:>7.3}s] {scenario} seed {seed}, plan {}: {:.0} simulated s ({:.0} per CPU s), {} blocks, {} chain blocks, \
         {} reorgs (deepest {}), {} disconnects, {} faults, {machine}hash {}",
        line.cpu_seconds,
        first(&line.plan, 8),
        line.sim_seconds,
        sums.ratio(),
        figures.blocks,
        figures.chain_blocks,
        figures.reorgs,
        figures.max_reorg_depth,
        figures.disconnects,
        figures.faults,
        first(&line.hash, 16),
    )
}

fn first(text: &str, characters: usize) -> &str {
    text.get(..characters).unwrap_or(text)
}

/// What a state machine and its process did.
fn machine(machine: &MachineFigures) -> String {
    let MachineFigures { applied, rejected, settled_confirmed, settled_expired, rolled_back, .. } = machine;
    let MachineFigures { crashes, kills, restarts, disk_errors, .. } = machine;
    format!(
        "{applied} transactions applied ({settled_confirmed} settle a delivery made, {settled_expired} one expired), \
         {rejected} rejected, {rolled_back} blocks rolled back, {crashes} failures of power, {kills} kills, \
         {disk_errors} disk errors, {restarts} restarts"
    )
}

/// One line a scenario, and one for all if there are several.
pub(super) fn table(rows: &BTreeMap<String, Sums>) -> Vec<String> {
    let head = format!(
        "{:15} {:>6} {:>6} {:>9} {:>9} {:>12} {:>7} {:>7} {:>11} {:>7} {:>7} {:>6} {:>13}",
        "scenario",
        "runs",
        "passed",
        "simulated",
        "blocks",
        "chain blocks",
        "reorgs",
        "deepest",
        "disconnects",
        "faults",
        "outages",
        "ended",
        "sim s / CPU s"
    );
    let mut lines = vec![head];
    for (name, row) in rows {
        let Sums { figures, .. } = row;
        lines.push(format!(
            "{name:15} {:>6} {:>6} {:>8.0}s {:>9} {:>12} {:>7} {:>7} {:>11} {:>7} {:>7} {:>6} {:>13.0}",
            row.runs,
            row.passed,
            row.sim_seconds,
            figures.blocks,
            figures.chain_blocks,
            figures.reorgs,
            figures.max_reorg_depth,
            figures.disconnects,
            figures.faults,
            figures.outages(),
            figures.ended,
            row.ratio(),
        ));
    }
    lines
}

/// What happened in all runs together, line by line: verb and text. Nothing is told of what never happened.
pub(super) fn happenings(figures: &Figures) -> Vec<(&'static str, String)> {
    let listed = |counts: Vec<(String, u64)>| {
        let mut counts = counts;
        counts.retain(|(_, count)| *count > 0);
        counts.into_iter().map(|(name, count)| format!("{name}: {count}")).collect::<Vec<_>>().join(", ")
    };
    let by_kind = |counts: &BTreeMap<String, u64>| {
        let mut counts: Vec<(String, u64)> = counts.clone().into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        listed(counts)
    };
    let mut lines = Vec::new();
    if figures.reorgs > 0 {
        let by_blocks = listed(figures.reorg_sizes.named_by_blocks().collect());
        lines.push(("Reorgs", format!("{}, by blocks removed: {by_blocks}", figures.reorgs)));
        let shares = SHARES.iter().map(|name| (*name).to_owned()).zip(figures.reorg_sizes.by_share);
        lines.push(("", format!("by the way to finality of the oldest block: {}", listed(shares.collect()))));
    }
    if figures.faults > 0 {
        lines.push(("Faults", format!("{}: {}", figures.faults, by_kind(&figures.faults_by_kind))));
    }
    if figures.cuts > 0 || figures.outages() > 0 {
        let outages = match figures.outages() {
            0 => String::new(),
            _ => format!(" ({})", by_kind(&figures.outages_by_kind)),
        };
        lines.push(("Network", format!("cuts: {}, outages of nodes: {}{outages}", figures.cuts, figures.outages())));
    }
    if let Some(machine) = &figures.machine {
        lines.push(("Machines", self::machine(machine)));
    }
    if figures.finalized > 0 || figures.ended > 0 {
        let Figures { finalized, ended, finality_conflicts, disconnects, .. } = figures;
        let text = format!(
            "{disconnects} disconnects, {finalized} blocks finalized, {finality_conflicts} finality conflicts, {ended} ended"
        );
        lines.push(("Bridges", text));
    }
    lines.into_iter().flat_map(|(verb, text)| wrapped(verb, &text)).collect()
}

/// A text in lines of at most [`WIDTH`] columns, broken after commas where it can be; only the first has the verb.
fn wrapped(verb: &'static str, text: &str) -> Vec<(&'static str, String)> {
    let mut lines: Vec<String> = vec![String::new()];
    for part in text.split_inclusive(", ") {
        match lines.last_mut() {
            Some(line) if line.is_empty() || line.len() + part.trim_end().len() <= WIDTH => line.push_str(part),
            _ => lines.push(part.to_owned()),
        }
    }
    let verbs = std::iter::once(verb).chain(std::iter::repeat(""));
    verbs.zip(lines.into_iter().map(|line| line.trim_end().to_owned())).collect()
}

pub(super) fn slowest(slowest: &Slowest) -> String {
    let Slowest { scenario, seed, sim_seconds, cpu_seconds } = slowest;
    format!("{scenario} seed {seed}: {cpu_seconds:.3} CPU seconds for {sim_seconds:.0} simulated ones")
}

/// All runs in one line.
pub(super) fn total(all: &Sums, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    format!(
        "[{seconds:>7.3}s] {} runs: {} passed, {} failed; {:.0} simulated seconds in {:.3} CPU seconds: {:.0} simulated \
         seconds per CPU second",
        all.runs,
        all.passed,
        all.runs - all.passed,
        all.sim_seconds,
        all.cpu_seconds,
        all.ratio(),
    )
}

/// How far a soak is.
pub(super) fn progress(all: &Sums, elapsed: Duration, reached: usize, failed: u64) -> String {
    let seconds = elapsed.as_secs_f64();
    format!(
        "{} runs ({:.1} a second), {:.0} simulated s ({:.0} per CPU s), {} faults, {} reorgs, coverage {reached} of {}, \
         {failed} failed",
        all.runs,
        all.runs as f64 / seconds.max(0.001),
        all.sim_seconds,
        all.ratio(),
        all.figures.faults + all.figures.cuts + all.figures.outages(),
        all.figures.reorgs,
        Point::ALL.len(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_a_long_list_when_wrapped_then_lines_fit_and_nothing_is_lost() {
        let items: Vec<String> = (0..60).map(|item| format!("kind_number_{item}: {item}")).collect();
        let lines = wrapped("Faults", &items.join(", "));
        assert!(lines.len() > 5 && lines.iter().all(|(_, line)| line.len() <= WIDTH), "{lines:?}");
        assert_eq!(lines[0].0, "Faults");
        assert!(lines[1..].iter().all(|(verb, _)| verb.is_empty()));
        let joined: Vec<&str> = lines.iter().map(|(_, line)| line.trim_end_matches(',')).collect();
        assert_eq!(joined.join(", "), items.join(", "));
    }

    #[test]
    fn given_nothing_that_happened_when_told_then_nothing_is() {
        assert_eq!(happenings(&Figures::default()), []);
        let cut = Figures { cuts: 1, ..Figures::default() };
        assert_eq!(happenings(&cut), [("Network", "cuts: 1, outages of nodes: 0".to_owned())]);
    }
}
