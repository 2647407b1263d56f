//! `dagstorm list`.

use scenarios::scenario::Scenario;

use super::output;

pub fn list() -> u8 {
    for scenario in Scenario::ALL {
        output::plain(&format!("{:12} {}", scenario.name(), scenario.summary()));
    }
    0
}
