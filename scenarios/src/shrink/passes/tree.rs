//! The numbers of a plan, wherever they stand: what is made simpler need not be known by name.

use toml::{Table, Value};

use crate::plan::{Plan, PlannedBridge};

/// A step from a value to one in it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// The value of this key.
    Key(String),
    /// The element at this position.
    Position(usize),
}

/// A whole number somewhere in a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    path: Vec<Step>,
    number: u64,
}

impl Leaf {
    /// What it is.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Its key; of an element of a list, the list's.
    pub(super) fn key(&self) -> &str {
        let keys = self.path.iter().rev().filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Position(_) => None,
        });
        keys.into_iter().next().unwrap_or_default()
    }

    /// Whether it, or a value in which it stands, has this key.
    pub(super) fn is_in(&self, key: &str) -> bool {
        self.path.iter().any(|step| matches!(step, Step::Key(name) if name == key))
    }

    /// Whether it is this number under this key.
    pub(super) fn is(&self, key: &str, number: u64) -> bool {
        self.key() == key && self.number == number
    }

    /// The plan with a smaller number in this place, or with nothing there; `None` if there is no such plan, or no larger number
    /// in it.
    pub(super) fn reduced(&self, plan: &Plan, number: Option<u64>) -> Option<Plan> {
        let number = number.map_or(Some(None), |number| i64::try_from(number).ok().map(Some))?;
        let mut root = Value::Table(Table::try_from(plan).ok()?);
        let (last, path) = self.path.split_last()?;
        let parent = path.iter().try_fold(&mut root, |value, step| match step {
            Step::Key(key) => value.get_mut(key.as_str()),
            Step::Position(position) => value.get_mut(*position),
        })?;
        match (parent, last, number) {
            (Value::Table(table), Step::Key(key), None) => drop(table.remove(key)?),
            (Value::Table(table), Step::Key(key), Some(number)) => reduce(table.get_mut(key)?, number)?,
            (Value::Array(array), Step::Position(position), Some(number)) => reduce(array.get_mut(*position)?, number)?,
            _ => return None,
        }
        root.try_into().ok()
    }
}

fn reduce(value: &mut Value, number: i64) -> Option<()> {
    match value {
        Value::Integer(present) if number < *present => {
            *present = number;
            Some(())
        }
        _ => None,
    }
}

/// Every whole number of the plan but for negative ones, of which it has none.
pub(super) fn leaves(plan: &Plan) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    if let Ok(mut table) = Table::try_from(plan).map(Value::Table) {
        visit(&mut table, &mut Vec::new(), &mut |leaf| {
            leaves.push(leaf.clone());
            None
        });
    }
    leaves
}

/// The settings of a bridge that are numbers, as they are by themselves.
pub(super) fn usual_settings() -> Vec<(String, u64)> {
    let settings = Table::try_from(PlannedBridge::to_node(0)).unwrap_or_default();
    let number = |value: &Value| value.as_integer().and_then(|number| u64::try_from(number).ok());
    settings.iter().filter_map(|(key, value)| Some((key.clone(), number(value)?))).collect()
}

/// The plan with other numbers wherever `change` tells one; `None` if there is no such plan.
pub(super) fn with_numbers(plan: &Plan, mut change: impl FnMut(&Leaf) -> Option<u64>) -> Option<Plan> {
    let mut root = Value::Table(Table::try_from(plan).ok()?);
    visit(&mut root, &mut Vec::new(), &mut change);
    root.try_into().ok()
}

fn visit(value: &mut Value, path: &mut Vec<Step>, change: &mut impl FnMut(&Leaf) -> Option<u64>) {
    match value {
        Value::Table(table) => table.iter_mut().for_each(|(key, value)| {
            path.push(Step::Key(key.clone()));
            visit(value, path, change);
            path.pop();
        }),
        Value::Array(array) => array.iter_mut().enumerate().for_each(|(position, value)| {
            path.push(Step::Position(position));
            visit(value, path, change);
            path.pop();
        }),
        Value::Integer(number) => {
            let leaf = u64::try_from(*number).ok().map(|number| Leaf { path: path.clone(), number });
            let changed = leaf.and_then(|leaf| change(&leaf)).and_then(|changed| i64::try_from(changed).ok());
            *number = changed.unwrap_or(*number);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn given_a_plan_when_its_numbers_are_visited_then_each_can_be_changed_alone() {
        let plan = Scenario::Reorg.plan(1, 60);
        let leaves = leaves(&plan);
        let storm = leaves.iter().find(|leaf| leaf.key() == "storm_ms").expect("every plan has one");
        assert_eq!(storm.number(), plan.storm_ms);
        assert_eq!(storm.reduced(&plan, Some(7)), Some(Plan { storm_ms: 7, ..plan.clone() }));
        assert_eq!((storm.reduced(&plan, None), storm.reduced(&plan, Some(u64::MAX))), (None, None));
        let share = leaves.iter().rfind(|leaf| leaf.is_in("hash_shares")).expect("every plan has some");
        let changed = share.reduced(&plan, Some(0)).expect("it is a plan");
        assert_eq!((share.key(), changed.topology.hash_shares.last()), ("hash_shares", Some(&0)));
        assert_eq!(share.reduced(&changed, Some(1)), None);
        assert_eq!(with_numbers(&plan, |_| None), Some(plan));
    }
}
