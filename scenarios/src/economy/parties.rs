//! Who takes part, and what each has at the start. Everything follows from settings and streams.

use sim::random::{Stream, Streams};
use state::{
    Genesis,
    authorization::Key,
    programs::{
        Name,
        charging::{CHARGING, Station},
        ledger,
    },
};

use super::EconomyConfig;
use crate::oracle::economy as truth;

/// A drone begins with this part of the opening balance of a customer.
const DRONES_PART: u64 = 1_000;

/// A station begins with so many times the most units that are charged at once.
const STOCK: u64 = 100;

/// Everyone who takes part.
pub(super) struct Parties {
    pub(super) customers: Vec<Key>,
    pub(super) drones: Vec<Key>,
    pub(super) insurers: Vec<Key>,
    /// In the order in which they open.
    pub(super) stations: Vec<PlannedStation>,
    streams: Streams,
}

/// A station as it opens.
#[derive(Clone, Copy)]
pub(super) struct PlannedStation {
    pub(super) name: Name,
    pub(super) owner: Key,
    pub(super) price_per_unit: u64,
    pub(super) units: u64,
}

impl Parties {
    pub(super) fn new(config: &EconomyConfig, streams: Streams) -> Self {
        let keys = |name, count| (0..u64::from(count)).map(|number| Key(streams.key(name, number))).collect();
        let station = |number| PlannedStation {
            name: Name(streams.key("economy-station", number)),
            owner: Key(streams.key("economy-owner", number)),
            price_per_unit: 1 + streams.stream("economy-price", number).below(config.most_price),
            units: config.most_units * STOCK,
        };
        Self {
            customers: keys("economy-customer", config.customers),
            drones: keys("economy-drone", config.drones),
            insurers: keys("economy-insurer", config.insurers),
            stations: (0..u64::from(config.stations)).map(station).collect(),
            streams,
        }
    }

    /// How many of the stations are there from the start.
    pub(super) fn stations_at_first(&self) -> usize {
        self.stations.len().div_ceil(2)
    }

    /// Name of the delivery of that number.
    pub(super) fn job(&self, number: u64) -> Name {
        Name(self.streams.key("economy-job", number))
    }

    /// Name of the insurance of the delivery of that number.
    pub(super) fn policy(&self, number: u64) -> Name {
        Name(self.streams.key("economy-policy", number))
    }

    /// The balances at the start.
    fn balances<'a>(&'a self, config: &EconomyConfig) -> impl Iterator<Item = (Key, u64)> + use<'a> {
        let (rich, poor) = (config.opening_balance, config.opening_balance / DRONES_PART);
        let rich = self.customers.iter().chain(&self.insurers).map(move |key| (*key, rich));
        rich.chain(self.drones.iter().map(move |key| (*key, poor)))
    }
}

/// One of these, all equally likely. A list of parties is never empty: the settings were checked.
pub(super) fn one_of<'a, T>(of: &'a [T], stream: &mut Stream) -> &'a T {
    &of[stream.below(of.len() as u64) as usize]
}

/// The accounts with which the economy begins.
pub fn genesis(config: &EconomyConfig, streams: Streams) -> Genesis {
    let parties = Parties::new(config, streams);
    let opened = parties.stations.iter().take(parties.stations_at_first());
    let genesis = opened.fold(Genesis::default(), |genesis, station| {
        let PlannedStation { name, owner, price_per_unit, units } = *station;
        genesis.with(CHARGING, &name.0, &Station { owner, price_per_unit, units_left: units, units_sold: 0 })
    });
    ledger::mint(genesis, parties.balances(config)).expect("checked settings keep every total far below 64 bits")
}

/// The same as [`genesis`], for the oracle, which knows nothing of the state machine's types.
pub fn opening(config: &EconomyConfig, streams: Streams) -> truth::Opening {
    use truth::{Holder, Place, PublicKey, Value};
    let parties = Parties::new(config, streams);
    let balances = parties
        .balances(config)
        .filter(|(_, amount)| *amount > 0)
        .map(|(key, amount)| (Place::Balance(Holder::Key(PublicKey(key.0))), Value::Amount(amount)));
    let stations = parties.stations.iter().take(parties.stations_at_first()).map(|station| {
        let PlannedStation { name, owner, price_per_unit, units } = *station;
        let owner = PublicKey(owner.0);
        let station = truth::Station { owner, price_per_unit, units_left: units, units_sold: 0 };
        (Place::Station(truth::Name(name.0)), Value::Station(station))
    });
    truth::Opening { accounts: balances.chain(stations).collect() }
}
