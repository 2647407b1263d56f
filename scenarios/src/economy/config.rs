//! How large the machine economy is and what happens in it.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Most parties of one sort.
pub const MOST_PARTIES: u32 = 100_000;

/// Largest sum of the settings: no total of them comes near the end of 64 bits.
pub const LARGEST_SUM: u64 = 1_000_000_000;

/// Longest time of a delivery.
pub const LONGEST_DEADLINE: u64 = 1_000_000;

/// Who takes part in the economy, what they have, and what they do. Percentages are of the transactions made; what they
/// leave over are transfers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EconomyConfig {
    /// Parties that have something delivered.
    pub customers: u32,
    /// Machines that deliver and charge.
    pub drones: u32,
    /// Parties that insure deliveries.
    pub insurers: u32,
    /// Stations that sell energy, each with an owner. Every second one is there from the start, the others are opened.
    pub stations: u32,
    /// Balance of each customer and insurer at the start.
    pub opening_balance: u64,
    /// Largest reward of a delivery; the payout of its insurance is as large at most.
    pub most_reward: u64,
    /// Largest price of a unit of energy.
    pub most_price: u64,
    /// Most units that are charged at once. A station begins with some hundred times as many.
    pub most_units: u64,
    /// DAA scores from the making of a delivery to its deadline, at least; up to twice as many.
    pub deadline_daa_scores: u64,
    /// Deliveries that are posted and insured in one transaction.
    pub delivery_percent: u32,
    /// Ends of deliveries, each with everything that follows from it in one transaction. While none is due there is another
    /// delivery instead; while they are overdue, deliveries wait.
    pub settlement_percent: u32,
    /// New energy for stations, and the opening of new ones.
    pub station_percent: u32,
    /// Transactions that must not have any effect.
    pub bad_percent: u32,
    /// Payloads that mean nothing to the economy.
    pub foreign_percent: u32,
    /// Of 100 deliveries, how many the drone does not finish in time.
    pub expiring_percent: u32,
}

impl Default for EconomyConfig {
    /// Some 300 accounts and as many nonces, and two more accounts with each delivery, which stay; both ends of a delivery
    /// come about within a minute of ten blocks a second.
    fn default() -> Self {
        Self {
            customers: 90,
            drones: 120,
            insurers: 20,
            stations: 40,
            opening_balance: 1_000_000,
            most_reward: 1_000,
            most_price: 9,
            most_units: 40,
            deadline_daa_scores: 150,
            delivery_percent: 22,
            settlement_percent: 26,
            station_percent: 5,
            bad_percent: 14,
            foreign_percent: 5,
            expiring_percent: 35,
        }
    }
}

impl EconomyConfig {
    /// Looks for what makes no economy.
    ///
    /// # Errors
    /// The first thing found.
    pub fn check(&self) -> Result<(), EconomyError> {
        let parties = [
            ("customers", self.customers),
            ("drones", self.drones),
            ("insurers", self.insurers),
            ("stations", self.stations),
        ];
        let sums = [
            ("opening_balance", self.opening_balance, LARGEST_SUM),
            ("most_reward", self.most_reward, LARGEST_SUM),
            ("most_price", self.most_price, LARGEST_SUM),
            ("most_units", self.most_units, LARGEST_SUM),
            ("deadline_daa_scores", self.deadline_daa_scores, LONGEST_DEADLINE),
        ];
        let parties = parties.map(|(field, value)| (field, u64::from(value), u64::from(MOST_PARTIES)));
        for (field, value, most) in parties.into_iter().chain(sums) {
            if value == 0 || value > most {
                return Err(EconomyError::OutOfRange { field, value, most });
            }
        }
        let shares = [
            self.delivery_percent,
            self.settlement_percent,
            self.station_percent,
            self.bad_percent,
            self.foreign_percent,
        ];
        let sum = shares.into_iter().map(u64::from).sum::<u64>();
        match [("sum of the economy's percentages", sum), ("expiring_percent", u64::from(self.expiring_percent))]
            .into_iter()
            .find(|(_, value)| *value > 100)
        {
            Some((field, value)) => Err(EconomyError::MoreThanAll { field, value }),
            None => Ok(()),
        }
    }
}

/// Why settings make no economy.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EconomyError {
    /// Nothing of something, or too much.
    #[error("`economy.{field}` is {value}, it must be from 1 to {most}")]
    OutOfRange {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: u64,
        /// The largest usable value.
        most: u64,
    },
    /// More than 100 of 100.
    #[error("{field} is {value}, it must be at most 100")]
    MoreThanAll {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: u64,
    },
}
