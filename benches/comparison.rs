//! Tables of what was measured beside one another in one run, losing cells included.

use std::time::Duration;

/// The fastest time of each cell: what is slower met something else that runs on the machine. The first column is ours;
/// the others are also given as multiples of it, so that a multiple above one is won and one below it is lost.
pub struct Comparison {
    /// What a row is, and what a column is.
    title: [&'static str; 2],
    columns: Vec<&'static str>,
    rows: Vec<(String, Vec<Option<f64>>)>,
}

impl Comparison {
    /// A table without cells.
    pub fn new(title: [&'static str; 2], columns: &[&'static str]) -> Self {
        Self { title, columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Notes that so many operations took so long. A column that the table does not have is a mistake of the bench, and a
    /// panic.
    pub fn note(&mut self, row: &str, column: &str, operations: u64, time: Duration) {
        let at = self.columns.iter().position(|name| *name == column).expect("the table has the column");
        let each_ns = time.as_nanos() as f64 / operations.max(1) as f64;
        let row = match self.rows.iter().position(|(name, _)| name == row) {
            Some(row) => row,
            None => {
                self.rows.push((row.to_owned(), vec![None; self.columns.len()]));
                self.rows.len() - 1
            }
        };
        let cell = &mut self.rows[row].1[at];
        *cell = Some(cell.map_or(each_ns, |least| least.min(each_ns)));
    }

    /// Writes the table to standard error, in Markdown. Without any cell nothing is written.
    pub fn print(&self) {
        if self.rows.is_empty() {
            return;
        }
        let [row, column] = self.title;
        eprintln!("\n| {row} \\ {column} | {} |", self.columns.join(" | "));
        eprintln!("|{}", "---|".repeat(self.columns.len() + 1));
        for (name, cells) in &self.rows {
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

fn text(time_ns: f64) -> String {
    match time_ns {
        0.0..1e3 => format!("{time_ns:.1} ns"),
        1e3..1e6 => format!("{:.2} us", time_ns / 1e3),
        _ => format!("{:.2} ms", time_ns / 1e6),
    }
}
