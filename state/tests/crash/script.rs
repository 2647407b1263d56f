//! What an L1 tells a machine: events of a drawn chain with transactions of all built-in programs, in batches.
//!
//! Transactions of blocks that leave the chain come again in later blocks with the ids that they had, in another order, and
//! some blocks come back whole.

use std::sync::Arc;

use bridge::{AcceptedTransaction, BlockAdded, ChainRef, L1Event, Reorg, wire::Network};
use kaspa_hashes::Hash;
use sim::random::{Stream, Streams};
use state::{
    Genesis, MachineConfig, ReceiptRetention,
    authorization::{Key, Signature, Unchecked},
    programs::{
        Name, charging, delivery,
        insurance::{self, JobTerms},
        ledger::{self, Holder},
    },
    transaction::{Signer, Step, Transaction},
};

/// The block on which the first event builds.
pub const ANCHOR: ChainRef = ChainRef { hash: Hash::from_bytes([0xAA; 32]), index: 0, blue_score: 100 };

const DRONES: [Key; 3] = [Key([1; 32]), Key([2; 32]), Key([3; 32])];
const OWNER: Key = Key([4; 32]);
const INSURER: Key = Key([5; 32]);

/// How a script is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub seed: u64,
    /// Steps of the chain: a block, a reorg with what follows it, a new root.
    pub steps: usize,
    /// Most events of a batch.
    pub most_batch: u64,
    /// Most transactions of a block.
    pub most_transactions: u64,
    /// Holders at the beginning who do nothing.
    pub bystanders: u64,
    pub receipts: ReceiptRetention,
    pub cache_bytes: usize,
    /// The machine is closed and opened anew after each so many batches.
    pub restart_after: usize,
}

/// A run to be crashed.
pub struct Script {
    pub shape: Shape,
    pub batches: Vec<Vec<L1Event>>,
}

impl Script {
    /// Always the same script for a shape.
    pub fn drawn(shape: Shape) -> Self {
        let mut chain = Chain::new(Streams::new(shape.seed).stream("chain", 0), shape.most_transactions);
        for _ in 0..shape.steps {
            chain.step();
        }
        let mut stream = Streams::new(shape.seed).stream("batches", 0);
        let mut events = chain.events.into_iter().peekable();
        let mut batches = Vec::new();
        while events.peek().is_some() {
            batches.push(events.by_ref().take(1 + stream.below(shape.most_batch) as usize).collect());
        }
        Self { shape, batches }
    }

    /// Every event whose number is above `sequence`.
    pub fn events_after(&self, sequence: u64) -> Vec<L1Event> {
        let is_new = |event: &&L1Event| event.sequence().is_some_and(|number| number > sequence);
        self.batches.iter().flatten().filter(is_new).cloned().collect()
    }

    pub fn config(&self) -> MachineConfig {
        let mut config = MachineConfig::new(Network::SIMNET);
        let bystanders = (0..self.shape.bystanders).map(|number| (bystander(number), 1));
        let holders = DRONES.map(|drone| (drone, 20_000)).into_iter().chain([(OWNER, 10), (INSURER, 50_000)]);
        config.genesis = ledger::mint(Genesis::default(), holders.chain(bystanders)).expect("they can be minted");
        config.authorization = Arc::new(Unchecked);
        config.receipts = self.shape.receipts;
        config.cache_bytes = self.shape.cache_bytes;
        config
    }
}

fn bystander(number: u64) -> Key {
    let mut key = [9; 32];
    key[..8].copy_from_slice(&number.to_le_bytes());
    Key(key)
}

/// The L1 that is drawn.
struct Chain {
    stream: Stream,
    /// Anchor first.
    blocks: Vec<BlockAdded>,
    /// Position of the finalized root among the blocks.
    root: usize,
    sequence: u64,
    hashes: u64,
    events: Vec<L1Event>,
    /// Transactions of blocks that have left the chain.
    orphaned: Vec<AcceptedTransaction>,
    most_transactions: u64,
    market: Market,
}

impl Chain {
    fn new(stream: Stream, most_transactions: u64) -> Self {
        let anchor = BlockAdded {
            sequence: 0,
            block: ANCHOR,
            parent: Hash::default(),
            daa_score: 200,
            timestamp_ms: 0,
            accepted: Vec::new(),
            verified: true,
        };
        Self {
            stream,
            blocks: vec![anchor],
            root: 0,
            sequence: 0,
            hashes: 0,
            events: Vec::new(),
            orphaned: Vec::new(),
            most_transactions,
            market: Market::default(),
        }
    }

    fn step(&mut self) {
        let above_root = (self.blocks.len() - 1 - self.root) as u64;
        match self.stream.below(20) {
            0 | 1 if above_root > 0 => {
                let depth = 1 + self.stream.below(above_root.min(6));
                self.reorg(depth as usize);
                self.block();
            }
            2 if above_root > 0 => self.away_and_back(above_root),
            3..=5 if above_root > 1 => {
                self.root += 1 + self.stream.below(above_root - 1) as usize;
                let block = self.blocks[self.root].block;
                let sequence = self.next_sequence();
                self.events.push(L1Event::Finalized { sequence, block });
            }
            6 => self.events.push(L1Event::Synced { tip: self.tip().block }),
            _ => self.block(),
        }
    }

    /// The chain leaves some blocks, and comes back to the very same ones.
    fn away_and_back(&mut self, above_root: u64) {
        let depth = 1 + self.stream.below(above_root.min(5)) as usize;
        let left = self.reorg(depth);
        let away = 1 + self.stream.below(3) as usize;
        (0..away).for_each(|_| self.block());
        self.reorg(away);
        for mut block in left.into_iter().rev() {
            self.orphaned.retain(|orphan| block.accepted.iter().all(|accepted| accepted.id != orphan.id));
            block.sequence = self.next_sequence();
            self.append(block);
        }
    }

    /// Takes blocks off the tip and returns them, tip first.
    fn reorg(&mut self, depth: usize) -> Vec<BlockAdded> {
        let old_tip = self.tip().block;
        let mut removed = self.blocks.split_off(self.blocks.len() - depth);
        removed.reverse();
        let sequence = self.next_sequence();
        self.events.push(L1Event::Reorg(Reorg {
            sequence,
            fork: self.tip().block,
            old_tip,
            removed: removed.iter().map(|block| block.block.hash).collect(),
            removed_known: true,
        }));
        let orphaned = removed.iter().rev().flat_map(|block| block.accepted.iter().cloned());
        self.orphaned.splice(..0, orphaned);
        removed
    }

    fn block(&mut self) {
        self.hashes += 1;
        let parent = self.tip().clone();
        let (index, blue_score) = (parent.block.index + 1, parent.block.blue_score + 1 + self.stream.below(3));
        let (parent, daa_score) = (parent.block.hash, parent.daa_score + 2);
        let block = ChainRef { hash: Hash::from_u64_word(self.hashes), index, blue_score };
        let mut accepted = Vec::new();
        for place in 0..self.stream.below(self.most_transactions + 1) as u32 {
            let (id, payload) = if !self.orphaned.is_empty() && self.stream.chance(3, 4) {
                let at = self.stream.below(self.orphaned.len().min(2) as u64) as usize;
                let orphan = self.orphaned.remove(at);
                (orphan.id, orphan.payload)
            } else {
                self.hashes += 1;
                (Hash::from_u64_word(1 << 40 | self.hashes), self.market.payload(&mut self.stream, daa_score))
            };
            // Transactions of others stand in between.
            let acceptance_index = 3 * place + 1;
            accepted.push(AcceptedTransaction { id, acceptance_index, subnetwork_id: [0; 20], payload });
        }
        let timestamp_ms = daa_score * 100;
        let sequence = self.next_sequence();
        self.append(BlockAdded { sequence, block, parent, daa_score, timestamp_ms, accepted, verified: true });
    }

    fn append(&mut self, block: BlockAdded) {
        self.events.push(L1Event::BlockAdded(block.clone()));
        self.blocks.push(block);
    }

    fn tip(&self) -> &BlockAdded {
        self.blocks.last().expect("the anchor stays")
    }

    fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }
}

/// What drones, a station owner and an insurer do. Some of it is refused.
#[derive(Default)]
struct Market {
    nonce: u64,
    stations: Vec<Name>,
    jobs: Vec<JobTerms>,
    policies: Vec<(Name, Key, Name)>,
}

impl Market {
    fn payload(&mut self, stream: &mut Stream, daa_score: u64) -> Vec<u8> {
        let (signers, steps) = self.deal(stream, daa_score);
        self.nonce += 1;
        let nonce = self.nonce;
        let transaction = Transaction::of(signers.iter().map(|&key| Signer { key, nonce }), steps);
        let mut payload = transaction.encode(&vec![Signature([0; 64]); transaction.signers.len()]);
        if stream.chance(1, 20) {
            payload.truncate(payload.len() / 2);
        }
        payload
    }

    fn deal(&mut self, stream: &mut Stream, daa_score: u64) -> (Vec<Key>, Vec<Step>) {
        let drone = DRONES[stream.below(3) as usize];
        let other = if drone == DRONES[0] { DRONES[1] } else { DRONES[0] };
        let pay = ledger::transfer(Holder::Key(drone), Holder::Key(other), 1 + stream.below(400));
        let dealing = match stream.below(9) {
            _ if self.stations.is_empty() => 0,
            drawn if drawn < 3 || !self.jobs.is_empty() => drawn,
            _ => 3,
        };
        match dealing {
            0 => (vec![OWNER], vec![self.open_station(stream)]),
            1 => (vec![drone, INSURER], [vec![pay], self.charge(drone, stream), self.insure(drone, stream)].concat()),
            2 => (vec![drone], [self.charge(drone, stream), vec![pay]].concat()),
            3 | 4 => (vec![drone], vec![self.post(drone, other, stream, daa_score)]),
            5 => (vec![drone, INSURER], [self.insure(drone, stream), vec![pay]].concat()),
            6 => {
                let drawn = self.drawn_job(stream);
                let confirm = drawn.map(|(job, customer, carrier)| (customer, delivery::confirm(job, carrier)));
                confirm.map_or((vec![drone], vec![pay]), |(customer, step)| (vec![customer], vec![step]))
            }
            7 => {
                let drawn = self.drawn_job(stream);
                let expire = drawn.map(|(job, customer, _)| self.expire_and_claim(job, customer));
                (vec![drone], expire.unwrap_or(vec![pay]))
            }
            _ => (vec![drone], vec![self.settle(stream).unwrap_or(pay)]),
        }
    }

    fn open_station(&mut self, stream: &mut Stream) -> Step {
        let station = self.name(b"station");
        self.stations.push(station);
        charging::open(station, OWNER, 1 + stream.below(9), 40)
    }

    fn charge(&self, payer: Key, stream: &mut Stream) -> Vec<Step> {
        let drawn = stream.below(self.stations.len() as u64) as usize;
        let station = self.stations.get(drawn).copied();
        let units = 1 + stream.below(8);
        station.map(|station| charging::charge(station, OWNER, payer, units, 8)).into_iter().collect()
    }

    fn post(&mut self, customer: Key, carrier: Key, stream: &mut Stream, daa_score: u64) -> Step {
        let job = self.name(b"job");
        let reward = 1 + stream.below(90);
        let deadline_daa_score = daa_score + 3 + stream.below(8);
        self.jobs.push(JobTerms { job, customer, carrier, deadline_daa_score });
        delivery::post(job, customer, carrier, reward, deadline_daa_score)
    }

    fn insure(&mut self, insured: Key, stream: &mut Stream) -> Vec<Step> {
        let Some(terms) = self.jobs.last().copied() else { return Vec::new() };
        let policy = self.name(b"policy");
        self.policies.push((policy, insured, terms.job));
        vec![insurance::insure(policy, INSURER, insured, terms, stream.below(5), 1 + stream.below(200))]
    }

    /// Ends a job that was not done, and claims what it was insured for, all or nothing.
    fn expire_and_claim(&self, job: Name, customer: Key) -> Vec<Step> {
        let policy = self.policies.iter().find(|(_, _, insured_job)| *insured_job == job);
        let claim = policy.map(|&(policy, insured, _)| insurance::claim(policy, insured, job));
        [delivery::expire(job, customer)].into_iter().chain(claim).collect()
    }

    /// Claims a policy, or releases it.
    fn settle(&self, stream: &mut Stream) -> Option<Step> {
        let recent = self.policies.len().saturating_sub(6);
        let at = recent + stream.below((self.policies.len() - recent) as u64) as usize;
        let &(policy, insured, job) = self.policies.get(at)?;
        Some(match stream.chance(1, 2) {
            true => insurance::claim(policy, insured, job),
            false => insurance::release(policy, INSURER, job),
        })
    }

    fn drawn_job(&self, stream: &mut Stream) -> Option<(Name, Key, Key)> {
        let recent = self.jobs.len().saturating_sub(6);
        let terms = self.jobs.get(recent + stream.below((self.jobs.len() - recent) as u64) as usize);
        terms.map(|terms| (terms.job, terms.customer, terms.carrier))
    }

    fn name(&self, kind: &[u8]) -> Name {
        let mut name = [0; 32];
        name[..kind.len()].copy_from_slice(kind);
        name[24..].copy_from_slice(&self.nonce.to_le_bytes());
        Name(name)
    }
}
