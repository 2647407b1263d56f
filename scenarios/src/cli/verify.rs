//! `dagstorm verify`: reference data against our code. Exit code 0 only if there was something and nothing differs.

use std::{
    fmt::Display,
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
};

use scenarios::verify::{frames::verify_frames, ghostdag::verify_ghostdag};

use super::output::{self, Tone};

/// Differences printed of one file; the rest is counted.
const MOST_PRINTED: usize = 20;

/// Exit code if anything differs or there was nothing to compare.
const DIFFERENT: u8 = 1;

pub fn ghostdag(files: &[PathBuf]) -> u8 {
    verify(files, |path| {
        let bytes = fs::read(path).map_err(|error| error.to_string())?;
        let report = verify_ghostdag(&bytes).map_err(|error| error.to_string())?;
        print_differences(&report.differences);
        let text = format!("{} blocks, {} differences", report.blocks, report.differences.len());
        Ok((report.passed(), text))
    })
}

pub fn frames(files: &[PathBuf]) -> u8 {
    verify(files, |path| {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let report = verify_frames(BufReader::new(file)).map_err(|error| error.to_string())?;
        print_differences(&report.differences);
        let text = format!(
            "{} frames re-encoded, {} compared field by field, {} header hashes, {} differences",
            report.records,
            report.compared,
            report.header_hashes,
            report.differences.len()
        );
        Ok((report.passed(), text))
    })
}

/// Looks at every file, also after one that differs.
fn verify(files: &[PathBuf], look_at: impl Fn(&Path) -> Result<(bool, String), String>) -> u8 {
    let mut all_passed = true;
    for path in files {
        let (passed, text) = look_at(path).unwrap_or_else(|error| (false, format!("cannot be compared: {error}")));
        let (tone, verb) = if passed { (Tone::Good, "Equal") } else { (Tone::Bad, "Different") };
        output::line(tone, verb, &format!("{}: {text}", path.display()));
        all_passed &= passed;
    }
    if all_passed { 0 } else { DIFFERENT }
}

fn print_differences(differences: &[impl Display]) {
    for difference in differences.iter().take(MOST_PRINTED) {
        output::plain(&format!("  {difference}"));
    }
    if differences.len() > MOST_PRINTED {
        output::plain(&format!("  and {} more", differences.len() - MOST_PRINTED));
    }
}
