//! Stations that sell energy by the unit, at a price that the buyer agrees to.
//!
//! A reorg of the L1 can change which of two stations with the same name comes first. The buyer signs the most that a unit
//! may cost and, by the account that the transaction declares for writing, whose balance may grow: a station of another owner
//! cannot be paid, unless the same transaction declares that one's balance for another reason. Nobody but the owner can
//! restock a station, and its price is in the owner's own opening.

use borsh::{BorshDeserialize, BorshSerialize};

use super::{
    Name,
    ledger::{self, Holder},
    must, must_sign, read,
};
use crate::{
    account::{AccountId, ProgramId},
    authorization::Key,
    context::CallContext,
    program::{CallError, Program},
    transaction::{Access, Step},
};

/// Number of the charging program.
pub const CHARGING: ProgramId = ProgramId(2);

/// Sells energy from stations.
#[derive(Clone, Copy, Debug, Default)]
pub struct Charging;

/// A station: the data of the account that has its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshDeserialize, BorshSerialize)]
pub struct Station {
    /// Who is paid, and can bring more.
    pub owner: Key,
    /// Price of a unit of energy, in units of the ledger.
    pub price_per_unit: u64,
    /// Units of energy for sale.
    pub units_left: u64,
    /// Units of energy sold so far.
    pub units_sold: u64,
}

/// What the charging program can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshDeserialize, BorshSerialize)]
pub enum Input {
    /// Opens a station. Its owner signs.
    Open {
        /// A name that no station has.
        station: Name,
        /// Who is paid.
        owner: Key,
        /// Price of a unit, for ever.
        price_per_unit: u64,
        /// Units for sale at the beginning.
        units: u64,
    },
    /// Brings energy. The owner signs.
    Restock {
        /// The station.
        station: Name,
        /// Units more.
        units: u64,
    },
    /// Buys energy: the payer, who signs, pays the owner.
    Charge {
        /// The station.
        station: Name,
        /// Who pays.
        payer: Key,
        /// Units to buy, above 0 and at most what is left.
        units: u64,
        /// Most that the payer agrees to pay for one.
        most_price_per_unit: u64,
    },
}

/// The account of a station.
pub fn account(station: &Name) -> AccountId {
    AccountId::of(CHARGING, &station.0)
}

/// Opens a station.
pub fn open(station: Name, owner: Key, price_per_unit: u64, units: u64) -> Step {
    let input = Input::Open { station, owner, price_per_unit, units };
    Step::new(CHARGING, &input, [Access::write(account(&station))])
}

/// Brings energy to a station.
pub fn restock(station: Name, units: u64) -> Step {
    Step::new(CHARGING, &Input::Restock { station, units }, [Access::write(account(&station))])
}

/// Buys energy from a station. Its owner is named because the transaction declares the owner's balance.
pub fn charge(station: Name, owner: Key, payer: Key, units: u64, most_price_per_unit: u64) -> Step {
    let input = Input::Charge { station, payer, units, most_price_per_unit };
    let money = ledger::transfer_accesses(Holder::Key(payer), Holder::Key(owner));
    Step::new(CHARGING, &input, [Access::write(account(&station))].into_iter().chain(money))
}

impl Program for Charging {
    fn id(&self) -> ProgramId {
        CHARGING
    }

    fn name(&self) -> &'static str {
        "charging"
    }

    fn call(&self, input: &[u8], context: &mut CallContext<'_>) -> Result<(), CallError> {
        match read(input, context)? {
            Input::Open { station, owner, price_per_unit, units } => {
                must_sign(&owner, "owner", context)?;
                must(context.load::<Station>(&station.0)?.is_none(), "there is a station of that name", context)?;
                context.store(&station.0, &Station { owner, price_per_unit, units_left: units, units_sold: 0 })
            }
            Input::Restock { station, units } => {
                let mut stock = load(&station, context)?;
                must_sign(&stock.owner, "owner", context)?;
                stock.units_left = stock
                    .units_left
                    .checked_add(units)
                    .ok_or_else(|| context.refuse("the station cannot hold that"))?;
                context.store(&station.0, &stock)
            }
            Input::Charge { station, payer, units, most_price_per_unit } => {
                sell(&station, payer, units, most_price_per_unit, context)
            }
        }
    }
}

fn sell(
    station: &Name,
    payer: Key,
    units: u64,
    most_price_per_unit: u64,
    context: &mut CallContext<'_>,
) -> Result<(), CallError> {
    must_sign(&payer, "payer", context)?;
    must(units > 0, "no energy is asked for", context)?;
    let mut stock = load(station, context)?;
    must(stock.price_per_unit <= most_price_per_unit, "the price is above what the payer agrees to", context)?;
    stock.units_left =
        stock.units_left.checked_sub(units).ok_or_else(|| context.refuse("the station has less energy left"))?;
    stock.units_sold =
        stock.units_sold.checked_add(units).ok_or_else(|| context.refuse("the station cannot count that much"))?;
    let price =
        stock.price_per_unit.checked_mul(units).ok_or_else(|| context.refuse("the price is more than there can be"))?;
    if price > 0 {
        ledger::pay(Holder::Key(payer), Holder::Key(stock.owner), price, context)?;
    }
    context.store(&station.0, &stock)
}

fn load(station: &Name, context: &CallContext<'_>) -> Result<Station, CallError> {
    context.load(&station.0)?.ok_or_else(|| context.refuse("there is no such station"))
}
