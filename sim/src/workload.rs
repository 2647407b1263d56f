//! The transactions that miners put into their blocks.
//!
//! As in the node, a block holds only transactions that are valid where it is mined: unspent inputs, no transaction
//! that spends an output of another in the same block. Conflicts therefore arise as they do in reality, between blocks
//! that do not know each other. The choice is made from the miner's own stream and from transactions made before; it
//! depends on nothing outside the L1.

use std::collections::VecDeque;
use std::time::Duration;

use kaspa_consensus_core::constants::TX_VERSION;
use kaspa_consensus_core::subnets::SUBNETWORK_ID_NATIVE;
use kaspa_consensus_core::tx::{ScriptPublicKey, Transaction, TransactionInput, TransactionOutput};

use serde::{Deserialize, Serialize};

use crate::acceptance::{OutpointIndex, TransactionIndex};
use crate::block_store::{BlockStore, Draft};
use crate::coinbase::owner_script;
use crate::random::{Stream, Streams};

/// What every transaction pays to its miner, in sompi.
const FEE: u64 = 10_000;

/// An input below this is not split further.
const LEAST_AMOUNT: u64 = 4 * FEE;

/// How many of the newest transactions can be repeated, double-spent or spent from.
const RECENT: usize = 64;

/// Of these, how many are young enough that other miners may not know them yet.
const UNSEEN: usize = 12;

/// Longest payload of a transaction in bytes: a block of the L1 can hold it, with room for the rest of the block.
pub const MOST_PAYLOAD_BYTES: usize = 100_000;

/// How much transactions there are and of which kinds. Percentages are of the transactions attempted; one that is not
/// possible where the block is mined becomes an ordinary one, which spends fresh outpoints of the seeded pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadConfig {
    /// Mean number of transactions in 1,000 blocks; their number in one block has a Poisson distribution. Zero draws
    /// nothing.
    pub mean_per_thousand_blocks: u32,
    /// At most so many in one block.
    pub most_per_block: u32,
    /// Spends an outpoint that a recent transaction spends too.
    pub double_spend_percent: u32,
    /// Spends an output of a recent transaction.
    pub chained_percent: u32,
    /// Is a transaction that another miner already put into a block.
    pub repeated_percent: u32,
    /// Largest random payload in bytes; lengths are equally likely. A [`PayloadSource`] has limits of its own.
    pub longest_payload: u32,
}

impl WorkloadConfig {
    /// Empty blocks.
    pub const NONE: Self = Self {
        mean_per_thousand_blocks: 0,
        most_per_block: 0,
        double_spend_percent: 0,
        chained_percent: 0,
        repeated_percent: 0,
        longest_payload: 0,
    };

    /// The usual mixture of kinds, with that mean and at most so many in a block.
    pub const fn mixed(mean_per_thousand_blocks: u32, most_per_block: u32) -> Self {
        Self {
            mean_per_thousand_blocks,
            most_per_block,
            double_spend_percent: 4,
            chained_percent: 15,
            repeated_percent: 8,
            longest_payload: 200,
        }
    }

    /// What must not be exceeded: name, value and largest usable value. A payload stays below what a block can hold.
    pub(crate) fn bounds(&self) -> [(&'static str, u64, u64); 4] {
        let percent = [self.double_spend_percent, self.chained_percent, self.repeated_percent];
        [
            ("mean_per_thousand_blocks", u64::from(self.mean_per_thousand_blocks), 1_000_000),
            ("most_per_block", u64::from(self.most_per_block), 10_000),
            ("sum of the workload's percentages", percent.into_iter().map(u64::from).sum(), 100),
            ("longest_payload", u64::from(self.longest_payload), MOST_PAYLOAD_BYTES as u64),
        ]
    }
}

/// Where the payloads of new transactions come from, instead of being random.
///
/// What it gives may depend on its own configuration, on `stream` and on what it gave before, never on anything outside
/// the L1: no bridge and no consumer may have a part in it.
pub trait PayloadSource: Send {
    /// The payload of a new transaction in a block that `miner` mines at this DAA score; at most [`MOST_PAYLOAD_BYTES`]: a
    /// longer one is a bug of the source, and a panic. `None` makes a random one, with a length up to
    /// [`WorkloadConfig::longest_payload`]. `stream` is the miner's own and serves nothing else.
    fn payload(&mut self, stream: &mut Stream, miner: usize, at_daa_score: u64) -> Option<Vec<u8>>;
}

/// A source of payloads with a stream for each miner.
struct Payloads {
    source: Box<dyn PayloadSource>,
    streams: Vec<Stream>,
}

/// Makes and chooses transactions.
pub struct Workload {
    config: WorkloadConfig,
    /// One for each miner.
    streams: Vec<Stream>,
    /// `None`: every payload is random.
    payloads: Option<Payloads>,
    owner: ScriptPublicKey,
    /// The newest transactions, newest last, with the miner that made them.
    recent: VecDeque<(TransactionIndex, usize)>,
}

impl Workload {
    /// A workload for so many miners, with random payloads.
    pub fn new(config: WorkloadConfig, streams: Streams, miners: usize) -> Self {
        Self {
            config,
            streams: (0..miners as u64).map(|miner| streams.stream("workload", miner)).collect(),
            payloads: None,
            owner: owner_script(streams, "workload-key", 0),
            recent: VecDeque::with_capacity(RECENT),
        }
    }

    /// As [`Self::new`], with payloads from `source`.
    pub fn with_payloads(
        config: WorkloadConfig,
        streams: Streams,
        miners: usize,
        source: Box<dyn PayloadSource>,
    ) -> Self {
        let payload_streams = (0..miners as u64).map(|miner| streams.stream("payload", miner)).collect();
        let payloads = Some(Payloads { source, streams: payload_streams });
        Self { payloads, ..Self::new(config, streams, miners) }
    }

    /// The transactions that may be repeated, double-spent or spent from, oldest first: the block store must keep them.
    pub fn recent(&self) -> impl Iterator<Item = TransactionIndex> + '_ {
        self.recent.iter().map(|&(transaction, _)| transaction)
    }

    /// The transactions of a drafted block, in block order, without the coinbase.
    pub fn choose(&mut self, store: &mut BlockStore, draft: &Draft, miner: usize) -> Vec<TransactionIndex> {
        let mut stream = self.streams[miner].clone();
        let count = self.count(&mut stream);
        let mut block = OpenBlock { store, draft, chosen: Vec::with_capacity(count as usize), spent: Vec::new() };
        for _ in 0..count {
            self.add_one(&mut block, &mut stream, miner);
        }
        self.streams[miner] = stream;
        block.chosen
    }

    /// Poisson: how many exponential waiting times of mean one second fit into the mean number of seconds.
    fn count(&self, stream: &mut Stream) -> u32 {
        let span = Duration::from_millis(u64::from(self.config.mean_per_thousand_blocks));
        if span.is_zero() || self.config.most_per_block == 0 {
            return 0;
        }
        let mut waited = Duration::ZERO;
        let mut count = 0;
        while count < self.config.most_per_block {
            waited += stream.exponential(Duration::from_secs(1));
            if waited > span {
                break;
            }
            count += 1;
        }
        count
    }

    fn add_one(&mut self, block: &mut OpenBlock<'_>, stream: &mut Stream, miner: usize) {
        let config = &self.config;
        let kind = stream.below(100) as u32;
        let repeated = config.repeated_percent;
        let double = repeated + config.double_spend_percent;
        let chained = double + config.chained_percent;
        if kind < repeated {
            if let Some(transaction) = self.pick_recent(stream, UNSEEN, |(_, by)| *by != miner)
                && block.repeat(transaction)
            {
                return;
            }
        } else if kind < chained {
            let window = if kind < double { UNSEEN } else { RECENT };
            if let Some(transaction) = self.pick_recent(stream, window, |_| true) {
                let outpoint = if kind < double {
                    block.store.acceptance().inputs(transaction).first().copied()
                } else {
                    block.store.acceptance().outputs(transaction).last()
                };
                if let Some(outpoint) = outpoint.filter(|&outpoint| block.can_spend(outpoint)) {
                    self.spend(block, stream, miner, &[outpoint]);
                    return;
                }
            }
        }
        let mut inputs = vec![block.store.next_pool_outpoint()];
        if stream.chance(1, 4) {
            inputs.push(block.store.next_pool_outpoint());
        }
        self.spend(block, stream, miner, &inputs);
    }

    /// One of the newest `window` transactions that `wanted` allows. Draws once, or nothing if there is none.
    fn pick_recent(
        &self,
        stream: &mut Stream,
        window: usize,
        wanted: impl Fn(&&(TransactionIndex, usize)) -> bool,
    ) -> Option<TransactionIndex> {
        let candidates = self.recent.iter().rev().take(window).filter(&wanted).count();
        let position = stream.below(candidates as u64) as usize;
        self.recent.iter().rev().take(window).filter(wanted).nth(position).map(|&(transaction, _)| transaction)
    }

    fn spend(&mut self, block: &mut OpenBlock<'_>, stream: &mut Stream, miner: usize, outpoints: &[OutpointIndex]) {
        let payload = self.payload(block, stream, miner);
        let acceptance = block.store.acceptance();
        let amount: u64 = outpoints.iter().map(|&outpoint| acceptance.outpoint(outpoint).amount).sum();
        let inputs = outpoints
            .iter()
            .map(|&outpoint| TransactionInput::new(acceptance.outpoint(outpoint).outpoint, signature_script(), 0, 1))
            .collect();
        let rest = amount.saturating_sub(FEE);
        let amounts = if stream.chance(1, 2) { vec![rest] } else { vec![rest / 2, rest - rest / 2] };
        let outputs = amounts.into_iter().map(|value| TransactionOutput::new(value, self.owner.clone())).collect();
        let transaction = Transaction::new(TX_VERSION, inputs, outputs, 0, SUBNETWORK_ID_NATIVE, 0, payload);
        let index = block.add_new(transaction, outpoints);
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((index, miner));
    }

    fn payload(&mut self, block: &OpenBlock<'_>, stream: &mut Stream, miner: usize) -> Vec<u8> {
        let given = self.payloads.as_mut().and_then(|payloads| {
            payloads.source.payload(&mut payloads.streams[miner], miner, block.draft.ghostdag().daa_score())
        });
        if let Some(payload) = &given {
            let bytes = payload.len();
            assert!(bytes <= MOST_PAYLOAD_BYTES, "a source gave {bytes} bytes, a block holds {MOST_PAYLOAD_BYTES}");
        }
        given.unwrap_or_else(|| {
            let mut payload = vec![0; stream.below(u64::from(self.config.longest_payload) + 1) as usize];
            stream.fill(&mut payload);
            payload
        })
    }
}

/// A drafted block while its transactions are chosen.
struct OpenBlock<'a> {
    store: &'a mut BlockStore,
    draft: &'a Draft,
    chosen: Vec<TransactionIndex>,
    spent: Vec<OutpointIndex>,
}

impl OpenBlock<'_> {
    /// Whether the outpoint is unspent where the block is mined and in the block itself.
    fn can_spend(&self, outpoint: OutpointIndex) -> bool {
        self.store.acceptance().outpoint(outpoint).amount >= LEAST_AMOUNT
            && !self.spent.contains(&outpoint)
            && self.store.is_spendable(self.draft, outpoint)
    }

    fn repeat(&mut self, transaction: TransactionIndex) -> bool {
        let inputs = self.store.acceptance().inputs(transaction);
        let possible = inputs.iter().all(|&input| self.can_spend(input));
        if possible {
            self.spent.extend_from_slice(self.store.acceptance().inputs(transaction));
            self.chosen.push(transaction);
        }
        possible
    }

    fn add_new(&mut self, transaction: Transaction, inputs: &[OutpointIndex]) -> TransactionIndex {
        let index = self.store.add_transaction(transaction, inputs);
        self.spent.extend_from_slice(inputs);
        self.chosen.push(index);
        index
    }
}

/// As long as a real one: push of 65 bytes, a Schnorr signature, the hash type. The signature itself is zero.
fn signature_script() -> Vec<u8> {
    let mut script = vec![0; 66];
    script[0] = 65;
    script[65] = 1;
    script
}
