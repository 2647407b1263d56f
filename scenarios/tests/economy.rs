//! The machine economy through the state machine's executor and through the oracle's books: two programs that share no code
//! must agree about every account and every transaction, forward and back.

mod economy_support;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use scenarios::{
    economy::{self, Economy, EconomyConfig},
    oracle::{
        self,
        economy::{Books, Holder, Opening, Place, Value},
    },
};
use sim::{
    block_store::BlockStore,
    dag::BlockId,
    gossip::{Cut, Heal},
    network::{Network, NetworkConfig},
    params::ParameterSet,
    random::Streams,
    workload::WorkloadConfig,
};
use state::{AccountId, transaction::Transaction};

use economy_support::{Executed, accepted, name_of};

const SEED: u64 = 7;

/// An L1 whose transactions are the economy's. Two of four nodes are cut off from the others for a while.
fn network(config: &EconomyConfig, mean_per_thousand_blocks: u32, seconds: u64) -> Network {
    let network = NetworkConfig {
        workload: WorkloadConfig::mixed(mean_per_thousand_blocks, 100),
        cuts: vec![Cut {
            at: Duration::from_secs(seconds / 4),
            side: vec![0, 1],
            heal: Heal::At(Duration::from_secs(seconds / 2)),
        }],
        mining_until: Duration::from_secs(seconds),
        ..NetworkConfig::new(SEED, ParameterSet::storm(), vec![3, 2, 3, 3])
    };
    let payloads = Box::new(Economy::new(config, Streams::new(SEED)));
    Network::with_payloads(network, payloads).expect("the configuration is valid")
}

fn opening(config: &EconomyConfig) -> Opening {
    economy::opening(config, Streams::new(SEED))
}

fn executed(config: &EconomyConfig) -> Executed {
    Executed::new(&economy::genesis(config, Streams::new(SEED)), &opening(config))
}

/// What a payload is, for people.
fn kind_of(payload: &[u8]) -> &'static str {
    let Some(Ok((transaction, _))) = Transaction::decode(payload) else { return "no transaction" };
    let calls: Vec<_> = transaction.calls.iter().map(|call| (call.program.0, call.input.first().copied())).collect();
    match calls[..] {
        [(1, _)] => "transfer",
        [(2, Some(0))] => "open",
        [(2, Some(1))] => "restock",
        [(3, Some(0)), (4, Some(0))] => "deliver and insure",
        [(3, Some(1)), (2, Some(2)), (4, Some(2))] => "confirm, charge and release",
        [(3, Some(2)), (4, Some(1))] => "expire and claim",
        _ => "bad",
    }
}

/// How often each outcome came about for each kind of payload, on the chain of `executed`.
fn tally(executed: &Executed, store: &BlockStore) -> BTreeMap<(&'static str, &'static str), u32> {
    let mut tally = BTreeMap::new();
    for ((block, _), receipts) in executed.chain.iter().zip(&executed.receipts) {
        let accepted = accepted(store, *block);
        for receipt in receipts {
            let payload = &accepted[receipt.acceptance_index as usize].payload;
            *tally.entry((kind_of(payload), name_of(&receipt.outcome))).or_default() += 1;
        }
    }
    tally
}

#[test]
fn given_a_busy_economy_and_reorgs_when_executed_then_the_books_agree_after_every_move_of_the_sink() {
    let config = EconomyConfig::default();
    let mut network = network(&config, 8_000, 60);
    let mut executed = executed(&config);
    let mut books = Books::new(&opening(&config), network.store(), BlockId::GENESIS);
    let (mut moves, mut deepest) = (0, 0);
    while let Some(step) = network.step().expect("a short run never fills the store") {
        let Some((0, change)) = &step.resolved else { continue };
        let (store, sink) = (network.store(), network.node(0).sink());
        deepest = deepest.max(change.removed.len());
        executed.go_to(store, sink);
        books.go_to(store, sink).expect("the sink can be reached and the sums fit");
        for place in books.take_touched() {
            let account = executed.accounts.get(&AccountId::from_bytes(place.id()));
            let value = account.and_then(|account| place.read(&account.data));
            assert_eq!(value.as_ref(), books.get(&place), "{place:?} after move {moves}");
        }
        moves += 1;
        if moves % 200 == 0 {
            executed.assert_is(&books, store);
        }
    }
    executed.assert_is(&books, network.store());
    books.check_escrows().expect("every escrow has what it is for");
    assert!(deepest > 20, "the deepest reorg removed {deepest} chain blocks");
    let tally = tally(&executed, network.store());
    let total: u32 = tally.values().sum();
    assert!(total > 2_000, "{total} transactions: {tally:?}");
    let outcomes: BTreeSet<_> = tally.keys().map(|(_, outcome)| *outcome).collect();
    for outcome in ["applied", "malformed", "too many", "nonce used", "unknown program", "undeclared", "refused"] {
        assert!(outcomes.contains(outcome), "no transaction was {outcome}: {tally:?}");
    }
}

#[test]
fn given_a_storm_of_a_minute_when_over_then_every_kind_of_transaction_was_applied_and_honest_ones_seldom_rejected() {
    let config = EconomyConfig::default();
    let mut network = network(&config, 1_000, 60);
    while network.step().expect("a short run never fills the store").is_some() {}
    let (store, sink) = (network.store(), network.node(0).sink());
    let mut executed = executed(&config);
    executed.go_to(store, sink);
    let tally = tally(&executed, store);
    let count = |kind, outcome| tally.get(&(kind, outcome)).copied().unwrap_or(0);
    for kind in ["transfer", "open", "restock", "deliver and insure", "confirm, charge and release", "expire and claim"]
    {
        assert!(count(kind, "applied") > 0, "{kind} never happened: {tally:?}");
    }
    let (applied, rejected) = (count("deliver and insure", "applied"), count("deliver and insure", "nonce used"));
    assert!(applied > 4 * rejected, "{tally:?}");
    assert_eq!(count("bad", "applied") + count("no transaction", "applied"), 0, "{tally:?}");
}

#[test]
fn given_books_when_moved_back_and_forth_then_they_are_as_if_they_had_come_directly() {
    let config = EconomyConfig::default();
    let mut network = network(&config, 2_000, 20);
    while network.next_event_at().is_some_and(|at| at < Duration::from_secs(9)) {
        network.step().expect("a short run never fills the store");
    }
    let (store, opening) = (network.store(), opening(&config));
    let [left, right] = [network.node(0).sink(), network.node(3).sink()];
    let fresh = |block| {
        let mut books = Books::new(&opening, store, BlockId::GENESIS);
        books.go_to(store, block).expect("every block is above genesis");
        books
    };
    let contents = |books: &Books| -> Vec<(Place, Value)> {
        books.accounts().map(|(place, value)| (*place, value.clone())).collect()
    };
    let mut books = fresh(left);
    assert_ne!(contents(&books), contents(&fresh(right)));
    for stop in [right, left, BlockId::GENESIS, right, left] {
        books.go_to(store, stop).expect("every block is above genesis");
        assert_eq!(contents(&books), contents(&fresh(stop)));
        let pages = |books: &Books| books.pages().iter().map(|page| page.entries.clone()).collect::<Vec<_>>();
        assert_eq!(pages(&books), pages(&fresh(stop)));
    }
    let fork = books.pages().iter().position(|page| page.block == oracle::fork(store, left, right));
    let fork = fork.expect("the fork is on both chains");
    books.close(fork);
    books.go_to(store, right).expect("the fork may be the highest closed block");
    books.go_to(store, left).expect("and back");
    books.close(fork + 1);
    assert!(books.go_to(store, right).is_err(), "what is closed is not taken back");
    assert_eq!(contents(&books), contents(&fresh(left)));
}

#[test]
fn given_the_opening_when_compared_with_genesis_then_supply_and_accounts_are_the_same() {
    let config = EconomyConfig::default();
    let opening = opening(&config);
    let balances = opening.accounts.iter().filter(|(place, _)| matches!(place, Place::Balance(Holder::Key(_)))).count();
    assert_eq!(balances as u32, config.customers + config.insurers + config.drones);
    let genesis = economy::genesis(&config, Streams::new(SEED));
    for (place, value) in &opening.accounts {
        let account = genesis.account(&AccountId::from_bytes(place.id())).expect("genesis has the account");
        assert_eq!(place.read(&account.data).as_ref(), Some(value));
    }
}
