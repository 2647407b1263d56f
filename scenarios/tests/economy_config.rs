//! What a machine economy can be made from, and what its oracle says of one that it was not made for.

use std::time::Duration;

use scenarios::{
    economy::{self, EconomyConfig, EconomyError, LARGEST_SUM, LONGEST_DEADLINE, MOST_PARTIES},
    oracle::economy::{Books, BooksError},
};
use sim::{
    dag::BlockId,
    network::{Network, NetworkConfig},
    params::ParameterSet,
    random::{Stream, Streams},
    workload::{PayloadSource, WorkloadConfig},
};
use state::{
    authorization::{Key, Signature},
    programs::{Name, delivery, ledger, ledger::Holder},
    transaction::{Signer, Transaction},
};

fn changed(change: impl FnOnce(&mut EconomyConfig)) -> EconomyConfig {
    let mut config = EconomyConfig::default();
    change(&mut config);
    config
}

#[test]
fn given_the_default_when_written_and_read_then_it_is_the_same_and_usable() {
    let config = EconomyConfig::default();
    let text = toml::to_string(&config).expect("numbers can be written");
    assert_eq!(toml::from_str::<EconomyConfig>(&text), Ok(config.clone()));
    assert_eq!(config.check(), Ok(()));
    assert!(toml::from_str::<EconomyConfig>(&format!("{text}pirates = 3\n")).is_err());
}

#[test]
fn given_nobody_or_too_much_when_checked_then_the_setting_is_named() {
    let out_of_range = |config: EconomyConfig| match config.check() {
        Err(EconomyError::OutOfRange { field, .. }) => field,
        other => panic!("expected a setting out of range, got {other:?}"),
    };
    assert_eq!(out_of_range(changed(|config| config.customers = 0)), "customers");
    assert_eq!(out_of_range(changed(|config| config.drones = 0)), "drones");
    assert_eq!(out_of_range(changed(|config| config.insurers = 0)), "insurers");
    assert_eq!(out_of_range(changed(|config| config.stations = MOST_PARTIES + 1)), "stations");
    assert_eq!(out_of_range(changed(|config| config.opening_balance = LARGEST_SUM + 1)), "opening_balance");
    assert_eq!(out_of_range(changed(|config| config.most_price = 0)), "most_price");
    assert_eq!(out_of_range(changed(|config| config.most_units = 0)), "most_units");
    assert_eq!(out_of_range(changed(|config| config.most_reward = 0)), "most_reward");
    let late = changed(|config| config.deadline_daa_scores = LONGEST_DEADLINE + 1);
    assert_eq!(out_of_range(late), "deadline_daa_scores");
}

#[test]
fn given_more_than_all_when_checked_then_it_is_refused() {
    let more = |config: EconomyConfig| matches!(config.check(), Err(EconomyError::MoreThanAll { .. }));
    assert!(more(changed(|config| config.bad_percent = 90)));
    assert!(more(changed(|config| config.expiring_percent = 101)));
    assert!(more(changed(|config| config.bad_percent = u32::MAX)));
}

#[test]
fn given_the_largest_settings_when_payloads_are_made_then_nothing_overflows() {
    let config = changed(|config| {
        (config.customers, config.drones, config.insurers, config.stations) = (50, 50, 50, 50);
        (config.opening_balance, config.most_reward) = (LARGEST_SUM, LARGEST_SUM);
        (config.most_price, config.most_units, config.deadline_daa_scores) =
            (LARGEST_SUM, LARGEST_SUM, LONGEST_DEADLINE);
    });
    assert_eq!(config.check(), Ok(()));
    let streams = Streams::new(1);
    let mut economy = economy::Economy::new(&config, streams);
    let mut stream = streams.stream("payload", 0);
    let longest = (0..5_000).filter_map(|number| economy.payload(&mut stream, 0, number)).map(|payload| payload.len());
    assert!(longest.max().is_some_and(|longest| longest < 20_000), "a block must hold every payload");
}

#[test]
fn given_the_smallest_settings_when_payloads_are_made_then_there_are_some() {
    let config = changed(|config| {
        (config.customers, config.drones, config.insurers, config.stations) = (1, 1, 1, 1);
        (config.opening_balance, config.most_reward) = (1, 1);
        (config.most_price, config.most_units, config.deadline_daa_scores) = (1, 1, 1);
    });
    assert_eq!(config.check(), Ok(()));
    let streams = Streams::new(1);
    let mut economy = economy::Economy::new(&config, streams);
    let mut stream = streams.stream("payload", 0);
    let made = (0..2_000).filter_map(|number| economy.payload(&mut stream, 0, number / 4)).count();
    assert!(made > 1_800, "{made} payloads");
}

/// Somebody pays into an escrow, which no economy does.
struct Gift(Option<Vec<u8>>);

impl PayloadSource for Gift {
    fn payload(&mut self, _: &mut Stream, _: usize, _: u64) -> Option<Vec<u8>> {
        self.0.take()
    }
}

#[test]
fn given_an_escrow_with_more_than_it_is_for_when_the_books_come_to_it_then_they_are_unbalanced() {
    let (config, streams) = (EconomyConfig::default(), Streams::new(1));
    let key = Key(streams.key("economy-customer", 0));
    let step = ledger::transfer(Holder::Key(key), delivery::escrow(Name([1; 32])), 5);
    let gift = Transaction::of([Signer { key, nonce: 1 }], [step]).encode(&[Signature([0; 64])]);
    let network = NetworkConfig {
        workload: WorkloadConfig::mixed(1_000, 4),
        mining_until: Duration::from_secs(5),
        ..NetworkConfig::new(1, ParameterSet::storm(), vec![1, 1])
    };
    let mut network = Network::with_payloads(network, Box::new(Gift(Some(gift)))).expect("the network is possible");
    while network.step().expect("a short run never fills the store").is_some() {}
    let (store, sink) = (network.store(), network.node(0).sink());
    let mut books = Books::new(&economy::opening(&config, streams), store, BlockId::GENESIS);
    let outcome = books.go_to(store, sink);
    assert!(matches!(outcome, Err(BooksError::Unbalanced { .. })), "{outcome:?}");
    assert!(books.check_escrows().is_err());
}
