//! Pruning points of headers against the definition, walked slowly over header fields alone.

mod network_support;

use std::collections::BTreeMap;
use std::time::Duration;

use kaspa_consensus_core::header::Header;
use kaspa_hashes::Hash;
use network_support::{config, cut, run};
use sim::dag::BlockId;
use sim::gossip::Heal;
use sim::network::Network;
use sim::workload::WorkloadConfig;

struct Headers {
    by_hash: BTreeMap<Hash, Header>,
    genesis: Hash,
}

impl Headers {
    fn new(network: &Network) -> Self {
        let store = network.store();
        let headers = (0..store.block_count() as u32).map(|id| store.header(BlockId(id)));
        Self { by_hash: headers.map(|header| (header.hash, header)).collect(), genesis: store.dag().hash(BlockId(0)) }
    }

    /// The selected chain below a block, newest first.
    fn chain_below(&self, block: &Hash) -> impl Iterator<Item = &Header> {
        let parent = |header: &Header| header.direct_parents().first().map(|hash| &self.by_hash[hash]);
        std::iter::successors(parent(&self.by_hash[block]), move |header| parent(header))
    }

    /// Whether the block begins another finality period than its selected parent is in.
    fn is_sample(&self, header: &Header, finality_depth: u64) -> bool {
        let parent = header.direct_parents().first().map(|hash| &self.by_hash[hash]);
        parent.is_none_or(|parent| parent.blue_score / finality_depth < header.blue_score / finality_depth)
    }
}

#[test]
fn given_a_network_with_a_cut_when_pruning_points_are_sought_by_definition_then_headers_name_them() {
    let mut config = config(11, 420);
    config.workload = WorkloadConfig::NONE;
    config.cuts = vec![cut(Heal::At(Duration::from_secs(60)))];
    let parameters = config.parameters.clone();
    let network = run(config, |_, _| {});
    let (store, headers) = (network.store(), Headers::new(&network));
    let mut named = BTreeMap::new();
    for id in 1..store.block_count() as u32 {
        let block = BlockId(id);
        let header = &headers.by_hash[&store.dag().hash(block)];
        let mut samples =
            headers.chain_below(&header.hash).filter(|below| headers.is_sample(below, parameters.finality_depth));
        let deep = |sample: &&Header| {
            sample.hash == headers.genesis || sample.blue_score + parameters.pruning_depth <= header.blue_score
        };
        let newest = samples.next().expect("genesis is a sample");
        let expected = std::iter::once(newest).chain(samples).find(deep).expect("genesis is deep enough for all");
        assert_eq!(header.pruning_point, expected.hash, "block {id}");
        assert_eq!(store.pruning_point_hash(block), expected.hash);
        assert_eq!(store.dag().hash(store.pruning_point(block)), expected.hash);
        assert_eq!(store.dag().hash(store.pruning_sample(block)), newest.hash);
        *named.entry(expected.blue_score).or_insert(0) += 1;
    }
    assert!(named.len() > 5, "{named:?}");
}

#[test]
fn given_a_virtual_block_when_its_pruning_point_is_asked_for_then_it_is_that_of_a_block_mined_there() {
    let mut drafted = BTreeMap::new();
    let mut config = config(12, 200);
    config.workload = WorkloadConfig::NONE;
    let network = run(config, |network, step| {
        let number = network.store().block_count() as u32;
        let of_virtual = network.virtual_block(0).clone();
        drafted
            .insert((step.at, number), (of_virtual.parents().to_vec(), network.store().pruning_point_of(&of_virtual)));
    });
    let store = network.store();
    let mined: BTreeMap<_, _> = (1..store.block_count() as u32)
        .map(|id| (store.dag().parents(BlockId(id)).to_vec(), store.pruning_point(BlockId(id))))
        .collect();
    let compared = drafted.values().filter_map(|(parents, point)| Some((mined.get(parents)?, point)));
    let compared: Vec<_> = compared.collect();
    assert!(compared.iter().all(|(mined, drafted)| mined == drafted));
    assert!(compared.iter().any(|(_, point)| **point != BlockId::GENESIS) && compared.len() > 50, "{}", compared.len());
}
