//! Plans of failures that were found and mended: they run before anything else, and each must pass.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use scenarios::{plan::Plan, runner::run_plan};

/// The folder of kept plans.
pub const REGRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/regressions");

/// Runs every plan of the folder, once in a process however often it is called.
///
/// # Panics
/// If a plan cannot be read, fails, or does not do the same twice: with all such plans by name.
pub fn regressions_pass_first() {
    static OUTCOME: OnceLock<Result<(), String>> = OnceLock::new();
    if let Err(problems) = OUTCOME.get_or_init(|| run_plans_of(Path::new(REGRESSIONS))) {
        panic!("{problems}");
    }
}

/// Runs the plans of `folder` in the order of their names, each twice.
///
/// # Errors
/// A line for each plan that cannot be read, with the line of the file, or did not pass. A folder without plans is an error
/// too: it would be the wrong one.
pub fn run_plans_of(folder: &Path) -> Result<(), String> {
    let plans = plans_of(folder)?;
    if plans.is_empty() {
        return Err(format!("{}: no plan is here", folder.display()));
    }
    let problems: Vec<String> = plans.iter().filter_map(|path| run_plan_at(path).err()).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

fn plans_of(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|error| format!("{}: {error}", folder.display()))?;
    let is_plan = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "toml");
    let mut plans: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).filter(is_plan).collect();
    plans.sort();
    Ok(plans)
}

fn run_plan_at(path: &Path) -> Result<(), String> {
    let plan = Plan::read(path).map_err(|error| error.to_string())?;
    let verdict = run_plan(&plan, true).verdict;
    let named = |explanation| format!("{}: {}: {explanation}", path.display(), verdict.word());
    verdict.explanation().map_or(Ok(()), |explanation| Err(named(explanation)))
}
