//! What is left out or made simpler, and in which order: first what makes every later run short, then what leaves out most.

mod bridges;
mod disturbances;
mod end;
mod nodes;
mod numbers;
mod settings;
mod tree;

use super::search::{BudgetSpent, Search};

/// A way to make the plan of a search smaller.
pub(super) struct Pass {
    /// What it makes smaller.
    pub(super) name: &'static str,
    /// Goes as far as it can.
    pub(super) run: fn(&mut Search<'_>) -> Result<(), BudgetSpent>,
}

/// All passes. Each finds something again where a later one has changed the plan.
pub(super) const PASSES: [Pass; 11] = [
    Pass { name: "end", run: end::at_failure },
    Pass { name: "bridges", run: bridges::leave_out },
    Pass { name: "disturbances", run: disturbances::leave_out },
    Pass { name: "consumers", run: settings::consumers },
    Pass { name: "transactions", run: settings::transactions },
    Pass { name: "nodes", run: nodes::leave_out },
    Pass { name: "earlier", run: end::everything_earlier },
    Pass { name: "storm", run: end::shorten },
    Pass { name: "settings", run: settings::of_bridges },
    Pass { name: "moments", run: numbers::moments },
    Pass { name: "round numbers", run: numbers::round },
];
