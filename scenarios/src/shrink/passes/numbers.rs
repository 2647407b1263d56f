//! Simpler numbers: earlier moments, conditions left out, round values. None becomes larger.

use super::{
    super::{
        reduce::{Change, change_each},
        search::{BudgetSpent, Search},
    },
    tree::{self, Leaf},
};
/// Keys of moments in simulated time; the end of the storm is not among them.
const MOMENTS: [&str; 3] = ["at_ms", "time_ms", "until_ms"];

/// Keys of what is named by a number, where none is simpler than another; and of sets of parameters, where one number depends
/// on another.
const NAMES: [&str; 12] =
    ["and", "between", "bridge", "from", "hash_shares", "id", "node", "nodes", "parameters", "seed", "side", "version"];

/// Whether the number is a moment in simulated time.
pub(super) fn is_moment(leaf: &Leaf) -> bool {
    MOMENTS.contains(&leaf.key())
}

/// Single moments come earlier, and faults wait for less.
pub(super) fn moments(search: &mut Search<'_>) -> Result<(), BudgetSpent> {
    let mut changes = Vec::new();
    for leaf in tree::leaves(search.plan()) {
        let number = leaf.number();
        if leaf.is_in("when") {
            changes.push(change(&leaf, None));
        }
        if is_moment(&leaf) {
            changes.extend([0, number / 8, number / 2, number / 4 * 3].map(|earlier| change(&leaf, Some(earlier))));
        } else if leaf.is_in("when") {
            changes.push(change(&leaf, Some(1)));
        }
    }
    change_each(search, &changes)
}

/// Numbers get fewer digits: first all at once, then one by one. Settings of bridges that are the usual ones stay so.
pub(super) fn round(search: &mut Search<'_>) -> Result<(), BudgetSpent> {
    let usual = tree::usual_settings();
    let is_usual = |leaf: &Leaf| leaf.is_in("bridges") && usual.iter().any(|(key, number)| leaf.is(key, *number));
    let is_value = |leaf: &Leaf| !NAMES.iter().any(|name| leaf.is_in(name)) && !is_usual(leaf);
    let all = |digits| {
        let rounded_leaf = |leaf: &Leaf| is_value(leaf).then(|| rounded(leaf.number(), digits));
        tree::with_numbers(search.plan(), rounded_leaf)
    };
    let candidates = [all(1), all(2)].into_iter().flatten().collect();
    search.take_first(candidates)?;
    let leaves: Vec<Leaf> = tree::leaves(search.plan()).into_iter().filter(is_value).collect();
    let with_digits = |leaf: &Leaf| [1, 2].map(|digits| change(leaf, Some(rounded(leaf.number(), digits))));
    let changes: Vec<_> = leaves.iter().flat_map(with_digits).collect();
    change_each(search, &changes)
}

/// The number with at most so many digits other than 0, and not larger.
pub(super) fn rounded(number: u64, digits: u32) -> u64 {
    let surplus = number.checked_ilog10().map_or(0, |log| (log + 1).saturating_sub(digits));
    let unit = 10_u64.pow(surplus);
    number / unit * unit
}

/// A smaller number in the leaf's place, or none at all.
pub(super) fn change(leaf: &Leaf, number: Option<u64>) -> Change {
    let leaf = leaf.clone();
    Change::new(move |plan| *plan = leaf.reduced(plan, number).unwrap_or_else(|| plan.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_numbers_when_rounded_then_they_have_so_many_digits_and_are_not_larger() {
        for (number, digits, expected) in
            [(0, 1, 0), (7, 1, 7), (37_482, 1, 30_000), (37_482, 2, 37_000), (99, 2, 99), (u64::MAX, 1, 10_u64.pow(19))]
        {
            assert_eq!(rounded(number, digits), expected);
        }
    }
}
