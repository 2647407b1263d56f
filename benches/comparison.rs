//! Tables of what was measured beside one another in one run, losing cells included.

use std::time::Duration;

/// The median time of each cell over Criterion's samples. The first column is ours; the others are also given as multiples of
/// it, so that a multiple above one is won and one below it is lost.
pub struct Comparison {
    /// What a row is, and what a column is.
    title: [&'static str; 2],
    columns: Vec<&'static str>,
    rows: Vec<(String, Vec<Vec<Sample>>)>,
}

/// So many operations in one go.
struct Sample {
    operations: u64,
    each_ns: f64,
}

impl Comparison {
    /// A table without cells.
    pub fn new(title: [&'static str; 2], columns: &[&'static str]) -> Self {
        Self { title, columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Notes that so many operations took so long: to be called for each time that Criterion asks for, in its order. A column
    /// that the table does not have is a mistake of the bench, and a panic.
    pub fn note(&mut self, row: &str, column: &str, operations: u64, time: Duration) {
        let at = self.columns.iter().position(|name| *name == column).expect("the table has the column");
        let row = match self.rows.iter().position(|(name, _)| name == row) {
            Some(row) => row,
            None => {
                self.rows.push((row.to_owned(), self.columns.iter().map(|_| Vec::new()).collect()));
                self.rows.len() - 1
            }
        };
        let each_ns = time.as_nanos() as f64 / operations.max(1) as f64;
        self.rows[row].1[at].push(Sample { operations, each_ns });
    }

    /// Writes the table to standard error, in Markdown. Without any cell nothing is written.
    pub fn print(&self) {
        if self.rows.is_empty() {
            return;
        }
        let [row, column] = self.title;
        eprintln!("\nMedian of the samples after the warm-up; N x: so many times as long as {}.\n", self.columns[0]);
        eprintln!("| {row} \\ {column} | {} |", self.columns.join(" | "));
        eprintln!("|{}", "---|".repeat(self.columns.len() + 1));
        for (name, cells) in &self.rows {
            let cells: Vec<Option<f64>> = cells.iter().map(|samples| median_ns(samples)).collect();
            let ours = cells.first().copied().flatten();
            let texts = cells.iter().enumerate().map(|(at, cell)| match (*cell, ours) {
                (None, _) => "-".to_owned(),
                (Some(time), Some(ours)) if at > 0 && ours > 0.0 => format!("{}, {:.1} x", text(time), time / ours),
                (Some(time), _) => text(time),
            });
            eprintln!("| {name} | {} |", texts.collect::<Vec<_>>().join(" | "));
        }
        eprintln!();
    }
}

/// The time of one operation in the middle of the samples after the warm-up. `None` without any sample.
fn median_ns(samples: &[Sample]) -> Option<f64> {
    let mut times: Vec<f64> = after_warm_up(samples).iter().map(|sample| sample.each_ns).collect();
    times.sort_unstable_by(f64::total_cmp);
    let upper = *times.get(times.len() / 2)?;
    let lower = *times.get(times.len().saturating_sub(1) / 2)?;
    Some((lower + upper) / 2.0)
}

/// Criterion warms up with once, twice, four times and so on as many operations, and then takes samples whose numbers begin far
/// below the last of these and do not double. With `--quick` all numbers double; the last sample is the longest one.
///
/// Source: `criterion` 0.8, `routine::Function::warm_up` and `ActualSamplingMode::iteration_counts`.
fn after_warm_up(samples: &[Sample]) -> &[Sample] {
    let doubled = samples.windows(2).take_while(|pair| pair[1].operations == 2 * pair[0].operations).count();
    let first = (doubled + 1).min(samples.len().saturating_sub(1));
    &samples[first..]
}

fn text(time_ns: f64) -> String {
    match time_ns {
        0.0..1e3 => format!("{time_ns:.1} ns"),
        1e3..1e6 => format!("{:.2} us", time_ns / 1e3),
        _ => format!("{:.2} ms", time_ns / 1e6),
    }
}
