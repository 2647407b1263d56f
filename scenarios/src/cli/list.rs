//! `dagstorm list`.

use scenarios::{coverage::Point, scenario::Scenario};

use super::{ListArguments, output};

pub fn list(arguments: &ListArguments) -> u8 {
    if arguments.coverage {
        let width = Point::ALL.iter().map(|point| point.name().len()).max().unwrap_or(0);
        for point in Point::ALL {
            output::plain(&format!("{:width$}  {}", point.name(), point.meaning()));
        }
    } else {
        for scenario in Scenario::ALL {
            output::plain(&format!("{:15}  {}", scenario.name(), scenario.summary()));
        }
    }
    0
}
