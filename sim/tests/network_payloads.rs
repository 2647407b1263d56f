//! Payloads that come from outside the simulation: what they change, and what they do not.

use std::time::Duration;

use kaspa_hashes::Hash;
use sim::{
    acceptance::TransactionIndex,
    dag::BlockId,
    network::{Network, NetworkConfig},
    params::ParameterSet,
    random::Stream,
    workload::{MOST_PAYLOAD_BYTES, PayloadSource, WorkloadConfig},
};

fn config() -> NetworkConfig {
    NetworkConfig {
        workload: WorkloadConfig::mixed(2_000, 8),
        mining_until: Duration::from_secs(10),
        ..NetworkConfig::new(5, ParameterSet::storm(), vec![2, 1, 1])
    }
}

fn run(mut network: Network) -> Network {
    while network.step().expect("a short run never fills the store").is_some() {}
    network
}

fn hashes(network: &Network) -> Vec<Hash> {
    let blocks = (0..network.store().block_count() as u32).map(BlockId);
    blocks.map(|block| network.store().dag().hash(block)).collect()
}

fn payloads(network: &Network) -> impl Iterator<Item = Vec<u8>> + '_ {
    let transactions = (0..network.store().transaction_count() as u32).map(TransactionIndex);
    transactions.map(|index| network.store().transaction(index).payload.clone())
}

/// Numbers its payloads, and names what it was told; every third is left to chance.
#[derive(Default)]
struct Numbered(u64);

impl PayloadSource for Numbered {
    fn payload(&mut self, stream: &mut Stream, miner: usize, at_daa_score: u64) -> Option<Vec<u8>> {
        self.0 += 1;
        let given = [0xff, miner as u8].into_iter().chain(self.0.to_le_bytes()).chain(at_daa_score.to_le_bytes());
        (!self.0.is_multiple_of(3)).then(|| given.chain(stream.next_u64().to_le_bytes()).collect())
    }
}

#[test]
fn given_a_source_that_leaves_everything_to_chance_when_run_then_the_l1_is_as_without_one() {
    struct Nothing;
    impl PayloadSource for Nothing {
        fn payload(&mut self, stream: &mut Stream, _: usize, _: u64) -> Option<Vec<u8>> {
            stream.next_u64();
            None
        }
    }
    let without = run(Network::new(config()).expect("the configuration is valid"));
    let with = run(Network::with_payloads(config(), Box::new(Nothing)).expect("the configuration is valid"));
    assert!(hashes(&without).len() > 50 && without.store().transaction_count() > 50);
    assert_eq!(hashes(&with), hashes(&without));
}

#[test]
fn given_a_source_when_run_twice_then_new_transactions_carry_what_it_gave_and_the_runs_are_equal() {
    let network = || run(Network::with_payloads(config(), Box::new(Numbered::default())).expect("it is valid"));
    let (first, second) = (network(), network());
    assert_eq!(hashes(&first), hashes(&second));
    let mut given = 0;
    for (number, payload) in (1_u64..).zip(payloads(&first)) {
        if !number.is_multiple_of(3) {
            let told = payload.first_chunk::<26>().expect("the source gives that many bytes");
            assert_eq!((payload.len(), told[0], &told[2..10]), (26, 0xff, &number.to_le_bytes()[..]));
            given += 1;
        }
    }
    assert!(given > 50, "{given} payloads");
    let scores = payloads(&first).filter(|payload| payload.len() == 26 && payload[0] == 0xff);
    let scores: Vec<u8> = scores.map(|payload| payload[10]).collect();
    assert!(scores.iter().any(|score| *score > 50), "DAA scores grow");
}

/// Always as long.
struct Long(usize);

impl PayloadSource for Long {
    fn payload(&mut self, _: &mut Stream, _: usize, _: u64) -> Option<Vec<u8>> {
        Some(vec![7; self.0])
    }
}

#[test]
fn given_the_longest_payload_when_run_then_blocks_hold_it() {
    let config = NetworkConfig { mining_until: Duration::from_secs(1), ..config() };
    let network = run(Network::with_payloads(config, Box::new(Long(MOST_PAYLOAD_BYTES))).expect("it is valid"));
    assert!(payloads(&network).any(|payload| payload.len() == MOST_PAYLOAD_BYTES));
}

#[test]
#[should_panic(expected = "a source gave 100001 bytes, a block holds 100000")]
fn given_a_payload_that_is_one_byte_too_long_when_run_then_the_source_is_wrong() {
    run(Network::with_payloads(config(), Box::new(Long(MOST_PAYLOAD_BYTES + 1))).expect("it is valid"));
}
