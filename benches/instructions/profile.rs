//! What callgrind wrote: the sum, and whether it is that of one call of the counted function and of nothing else.
//!
//! Source: Valgrind's manual, "Callgrind Format Specification". A name follows its number where the number is used first
//! and is left out later; a call is a line `cfn=` with the callee, a line `calls=` with how often, and a line whose second
//! word is what the calls cost, callees included.

use std::collections::BTreeSet;

use thiserror::Error;

/// The function whose instructions are counted, as callgrind writes it.
pub const COUNTED: &str = "instructions::counted_region";

/// The line that has the sum.
const TOTALS: &str = "totals:";

/// Why the sum is no count of the path.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// There is no sum, or it is zero.
    #[error("no instruction of {COUNTED} was seen: are the program's symbols stripped?")]
    Nothing,
    /// Counting began or ended somewhere else too.
    #[error("{COUNTED} is the name of {functions} functions, called {calls} times, instead of one called once")]
    NotOnce {
        /// Functions with this name, or one that begins with it.
        functions: usize,
        /// How often they were called.
        calls: u64,
    },
    /// Something was counted that the function did not do.
    #[error("{total} instructions were counted, but {COUNTED} took {inside}")]
    Outside {
        /// The sum.
        total: u64,
        /// Its part in the function and what it called.
        inside: u64,
    },
}

/// Instructions of the counted function and all that it calls, from callgrind's output.
///
/// # Errors
/// Not this function alone was counted, or not one call of it.
pub fn instructions(text: &str) -> Result<u64, ProfileError> {
    let total = text.lines().find_map(|line| line.strip_prefix(TOTALS)).and_then(|sum| sum.trim().parse::<u64>().ok());
    let total = total.filter(|&total| total > 0).ok_or(ProfileError::Nothing)?;
    let Calls { functions, calls, cost } = Calls::read(text);
    if (functions, calls) != (1, 1) {
        return Err(ProfileError::NotOnce { functions, calls });
    }
    if cost != total {
        return Err(ProfileError::Outside { total, inside: cost });
    }
    Ok(total)
}

/// Calls of the functions that the pattern matches.
struct Calls {
    functions: usize,
    calls: u64,
    cost: u64,
}

impl Calls {
    fn read(text: &str) -> Self {
        let mut numbers = BTreeSet::new();
        let (mut calls, mut cost) = (0_u64, 0_u64);
        let mut is_call = false;
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(caller) = line.strip_prefix("fn=") {
                is_counted(caller, &mut numbers);
            } else if let Some(callee) = line.strip_prefix("cfn=") {
                is_call = is_counted(callee, &mut numbers);
            } else if let Some(count) = line.strip_prefix("calls=").filter(|_| is_call) {
                calls = calls.saturating_add(word(count, 0));
                cost = cost.saturating_add(lines.next().map_or(0, |line| word(line, 1)));
                is_call = false;
            }
        }
        Self { functions: numbers.len(), calls, cost }
    }
}

/// Whether this is a function that the pattern matches; `numbers` are those that were met.
fn is_counted<'a>(function: &'a str, numbers: &mut BTreeSet<&'a str>) -> bool {
    let (number, name) = function.split_once(' ').unwrap_or((function, ""));
    if name.starts_with(COUNTED) {
        numbers.insert(number);
    }
    numbers.contains(number)
}

/// The number that stands at this place of the line; zero if there is none.
fn word(line: &str, place: usize) -> u64 {
    line.split_whitespace().nth(place).and_then(|word| word.parse().ok()).unwrap_or(0)
}
