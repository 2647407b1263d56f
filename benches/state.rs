//! What the state machine costs: execution, commits, rollback, opening, and the length of its database.
//!
//! | id | one iteration |
//! |---|---|
//! | `state::execute/calls=C,signatures=S` | a block of 100 transactions, in memory: transfers, or settlements by all four programs |
//! | `state::sustain/storage=file` | 64 blocks of 100 transfers: execution, root, commit with its sync |
//! | `state::commit/storage=S,transactions=N` | one chain block of N transfers in a commit of its own |
//! | `state::rollback/blocks=1000` | a reorg that takes back 1,000 blocks of 10 transfers, with its commit |
//! | `state::root/accounts=N` | 300 accounts of N change in the tree |
//! | `state::open/accounts=N` | an opening: every page checked, the tree rebuilt |
//!
//! Bytes written and the length of the database over a long run go to standard error. Wall time: the disk is part of it.

#[path = "state/growth.rs"]
mod growth;
#[path = "state/root.rs"]
mod root;
#[path = "state/scene.rs"]
mod scene;

use std::{
    collections::BTreeMap,
    hint::black_box,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use bridge::{AcceptedTransaction, L1Event};
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
    measurement::WallTime,
};
use dagstorm_benches::arguments::Arguments;
use sim::{disk::Disk, random::Streams};
use state::{
    Account, AccountId, Machine,
    authorization::{Authorization, Key, Schnorr, Signature, Unchecked},
    execute::{Accounts, Rules, execute},
    programs::{ledger, ledger::Holder},
    receipt::Outcome,
    transaction::{Signer, Transaction},
};
use tempfile::TempDir;

use self::scene::{Chain, Parties};

/// Transactions of a block of the execution bench.
const BLOCK_TRANSACTIONS: u64 = 100;

/// Blocks that share a commit in the sustained bench.
const BATCH_BLOCKS: u64 = 64;

/// Holders of money in most benches.
const HOLDERS: u64 = 10_000;

/// What 10 blocks a second of 100 transactions need, 20 times.
const REQUIRED_TRANSACTIONS_PER_SECOND: f64 = 20_000.0;

/// Blocks that the rollback takes back.
const ROLLBACK_BLOCKS: u64 = 1_000;

/// Each signature costs one good verification of BIP 340: that of its first test vector.
#[derive(Debug)]
struct VectorSchnorr {
    key: Key,
    signature: Signature,
}

impl VectorSchnorr {
    /// Source: BIP 340, test vector 0; the message is zero.
    fn new() -> Self {
        let key = "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9";
        let signature = "e907831f80848d1069a5371b402410364bdf1c5f8307b0084c55f1ce2dca8215\
                         25f66a4a85ea8b71e482a74f382d2ce5ebeee8fdb2172f477df4900d310536c0";
        Self { key: Key(bytes(key)), signature: Signature(bytes(signature)) }
    }
}

impl Authorization for VectorSchnorr {
    fn id(&self) -> u32 {
        1_000
    }

    fn is_signed(&self, _key: &Key, message: &[u8; 32], _signature: &Signature) -> bool {
        black_box(message);
        Schnorr.is_signed(&self.key, &[0; 32], &self.signature)
    }
}

/// The bytes that a text in hexadecimal digits names.
fn bytes<const N: usize>(text: &str) -> [u8; N] {
    std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("the text has enough digits"))
}

/// A block to be executed, and the accounts that it meets.
struct Execution {
    accounts: BTreeMap<AccountId, Account>,
    accepted: Vec<AcceptedTransaction>,
}

impl Execution {
    fn transfers(rules: &Rules) -> Self {
        let genesis = scene::config(HOLDERS).genesis;
        let holders = (0..HOLDERS).map(scene::holder);
        let account = |key| AccountId::of(ledger::LEDGER, &borsh::to_vec(&Holder::Key(key)).expect("a Vec takes all"));
        let accounts: BTreeMap<_, _> =
            holders.map(account).filter_map(|id| Some((id, genesis.account(&id)?.clone()))).collect();
        // A nonce account each, as after a first transaction.
        let steps = (0..BLOCK_TRANSACTIONS).map(|number| transfer(2 * number)).collect();
        let accounts = scene::after(accounts, rules, 1, steps);
        Self { accounts, accepted: accepted((0..BLOCK_TRANSACTIONS).map(|number| transfer(2 * number))) }
    }

    fn settlements(rules: &Rules) -> Self {
        let Self { accounts, .. } = Self::transfers(rules);
        let parties = |number: u64| Parties {
            customer: scene::holder(4 * number),
            carrier: scene::holder(4 * number + 1),
            insurer: scene::holder(4 * number + 2),
            owner: scene::holder(9_999),
        };
        let all = |number| {
            let Parties { customer, carrier, insurer, owner } = parties(number);
            vec![customer, carrier, insurer, owner]
        };
        let opening = (all(0), vec![scene::opening(&parties(0))]);
        let engagements =
            (0..BLOCK_TRANSACTIONS).map(|number| (all(number), scene::engagement(number, &parties(number))));
        let accounts = scene::after(accounts, rules, 1_000, std::iter::once(opening).chain(engagements).collect());
        let settlements = (0..BLOCK_TRANSACTIONS).map(|number| scene::settlement(number, &parties(number)));
        Self { accounts, accepted: accepted(settlements) }
    }
}

fn transfer(number: u64) -> (Vec<Key>, Vec<state::transaction::Step>) {
    let (from, to) = (scene::holder(number), scene::holder(number + 1));
    (vec![from], vec![ledger::transfer(Holder::Key(from), Holder::Key(to), 1)])
}

/// With nonces above those of what came before.
fn accepted(transactions: impl Iterator<Item = (Vec<Key>, Vec<state::transaction::Step>)>) -> Vec<AcceptedTransaction> {
    let payload = |(signers, steps): (Vec<Key>, Vec<_>)| {
        let signers = signers.into_iter().map(|key| Signer { key, nonce: 1_000_000 });
        scene::unsigned(&Transaction::of(signers, steps))
    };
    let numbered = (1_u32..).zip(transactions.map(payload));
    numbered.map(|(place, payload)| scene::accepted(u64::from(place), place, payload)).collect()
}

fn execution(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("state::execute");
    group.throughput(Throughput::Elements(BLOCK_TRANSACTIONS));
    group.measurement_time(Duration::from_millis(1_500)).warm_up_time(Duration::from_millis(500)).sample_size(20);
    let authorizations: [(&str, Arc<dyn Authorization>); 2] =
        [("unchecked", Arc::new(Unchecked)), ("schnorr", Arc::new(VectorSchnorr::new()))];
    for (signatures, authorization) in authorizations {
        let rules = scene::rules(authorization);
        for (calls, make) in
            [("transfer", Execution::transfers as fn(&Rules) -> Execution), ("settlement", Execution::settlements)]
        {
            let Execution { accounts, accepted } = make(&rules);
            let Ok(effects) = execute(&rules, &accounts, &scene::block(), &accepted);
            assert!(
                effects.receipts.iter().all(|receipt| receipt.outcome == Outcome::Applied),
                "{:?}",
                effects.receipts
            );
            let id = BenchmarkId::from_parameter(format_args!("calls={calls},signatures={signatures}"));
            group.bench_function(id, |bencher| {
                bencher.iter_with_large_drop(|| run(&rules, &accounts, black_box(&accepted)));
            });
        }
    }
    group.finish();
}

fn run<A: Accounts>(rules: &Rules, accounts: &A, accepted: &[AcceptedTransaction]) -> Option<state::execute::Effects> {
    execute(rules, accounts, &scene::block(), accepted).ok()
}

/// A machine on a file that goes with it.
struct OnFile {
    _folder: TempDir,
    path: PathBuf,
    machine: Machine,
    chain: Chain,
}

impl OnFile {
    fn new(holders: u64) -> Self {
        let folder = tempfile::tempdir().expect("there is a place for temporary files");
        let path = folder.path().join("store");
        let machine = Machine::open(&path, scene::config(holders)).expect("the file can be made");
        Self { _folder: folder, path, machine, chain: Chain::new(holders) }
    }

    /// The time of applying so many batches, without that of making them.
    fn time(&mut self, batches: u64, blocks: u64, transactions: u64) -> Duration {
        (0..batches)
            .map(|_| {
                let events = self.chain.batch(blocks, transactions);
                apply(&mut self.machine, &self.chain, &events)
            })
            .sum()
    }
}

/// The time that it takes to apply these events, all of whose transactions must happen.
#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn apply(machine: &mut Machine, chain: &Chain, events: &[L1Event]) -> Duration {
    let start = Instant::now();
    let applied = machine.apply(Some(chain.anchor()), events).expect("the disk has no faults");
    let time = start.elapsed();
    assert!(applied.receipts.iter().all(|receipt| receipt.outcome == Outcome::Applied));
    time
}

fn sustain(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("state::sustain");
    group.throughput(Throughput::Elements(BATCH_BLOCKS * BLOCK_TRANSACTIONS));
    group.measurement_time(Duration::from_secs(6)).warm_up_time(Duration::from_secs(1)).sample_size(10);
    let mut made = None;
    // What is slower met something else that runs on the machine.
    let mut fastest = Duration::MAX;
    group.bench_function(BenchmarkId::from_parameter("storage=file"), |bencher| {
        let on_file: &mut OnFile = made.get_or_insert_with(|| {
            let mut on_file = OnFile::new(HOLDERS);
            // Until blocks become final and receipts go.
            on_file.time(40, BATCH_BLOCKS, BLOCK_TRANSACTIONS);
            on_file
        });
        bencher.iter_custom(|count| {
            let time = on_file.time(count, BATCH_BLOCKS, BLOCK_TRANSACTIONS);
            fastest = fastest.min(time / u32::try_from(count).unwrap_or(u32::MAX));
            time
        });
    });
    group.finish();
    if fastest < Duration::MAX && Arguments::read().measures() {
        let rate = (BATCH_BLOCKS * BLOCK_TRANSACTIONS) as f64 / fastest.as_secs_f64();
        eprintln!("state::sustain: {rate:.0} transactions a second, {REQUIRED_TRANSACTIONS_PER_SECOND} are required");
        assert!(rate >= REQUIRED_TRANSACTIONS_PER_SECOND, "execution, root and commit cannot keep up");
    }
}

fn commit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("state::commit");
    group.throughput(Throughput::Elements(1)).sampling_mode(SamplingMode::Flat);
    group.measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500)).sample_size(20);
    for transactions in [1, 10, 100] {
        commit_in_memory(&mut group, transactions);
        let mut made = None;
        let id = BenchmarkId::from_parameter(format_args!("storage=file,transactions={transactions}"));
        group.bench_function(id, |bencher| {
            let on_file: &mut OnFile = made.get_or_insert_with(|| {
                let mut on_file = OnFile::new(HOLDERS);
                on_file.time(40, BATCH_BLOCKS, 10);
                on_file
            });
            bencher.iter_custom(|count| on_file.time(count, 1, transactions));
        });
    }
    group.finish();
}

fn commit_in_memory(group: &mut BenchmarkGroup<'_, WallTime>, transactions: u64) {
    let mut made = None;
    // Commits, bytes, writes, syncs.
    let mut sums = [0; 4];
    let id = BenchmarkId::from_parameter(format_args!("storage=memory,transactions={transactions}"));
    group.bench_function(id, |bencher| {
        let (disk, machine, chain) = made.get_or_insert_with(in_memory);
        bencher.iter_custom(|count| {
            let before = disk.counters();
            let times = (0..count).map(|_| {
                let events = chain.batch(1, transactions);
                apply(machine, chain, &events)
            });
            let time = times.sum();
            let after = disk.counters();
            sums[0] += count;
            sums[1] += after.written_bytes - before.written_bytes;
            sums[2] += after.writes - before.writes;
            sums[3] += after.syncs - before.syncs;
            time
        });
    });
    if sums[0] > 0 {
        let [bytes, writes, syncs] = [sums[1], sums[2], sums[3]].map(|sum| sum as f64 / sums[0] as f64);
        eprintln!(
            "state::commit: {transactions} transactions: {bytes:.0} bytes in {writes:.1} writes, {syncs:.1} syncs a commit"
        );
    }
}

/// A machine on a disk in memory that counts, with final blocks.
fn in_memory() -> (Disk, Machine, Chain) {
    let disk = Disk::new(Streams::new(1).stream("disk", 0));
    let mut machine = Machine::open_on(disk.open(), scene::config(HOLDERS)).expect("the disk has no faults");
    let mut chain = Chain::new(HOLDERS);
    for _ in 0..40 {
        let events = chain.batch(BATCH_BLOCKS, 10);
        apply(&mut machine, &chain, &events);
    }
    (disk, machine, chain)
}

fn rollback(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("state::rollback");
    group.throughput(Throughput::Elements(ROLLBACK_BLOCKS));
    // Making the blocks that are taken back is within these times, and most of them.
    group.measurement_time(Duration::from_secs(6)).warm_up_time(Duration::from_millis(100)).sample_size(10);
    group.sampling_mode(SamplingMode::Flat);
    let mut made = None;
    group.bench_function(BenchmarkId::from_parameter(format_args!("blocks={ROLLBACK_BLOCKS}")), |bencher| {
        let on_file: &mut OnFile = made.get_or_insert_with(|| {
            let mut on_file = OnFile::new(HOLDERS);
            on_file.time(1, 1, 10);
            on_file
        });
        bencher.iter_custom(|count| {
            let rollbacks = (0..count).map(|_| {
                // The root does not move: the chain is never longer than finality.
                on_file.time(ROLLBACK_BLOCKS / 50, 50, 10);
                let reorg = on_file.chain.cut(ROLLBACK_BLOCKS);
                apply(&mut on_file.machine, &on_file.chain, &[reorg])
            });
            rollbacks.sum()
        });
    });
    group.finish();
}

fn open(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("state::open");
    group.measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_millis(500)).sample_size(10);
    for holders in [1_000_u64, 100_000] {
        group.throughput(Throughput::Elements(holders));
        let mut made = None;
        group.bench_function(BenchmarkId::from_parameter(format_args!("accounts={holders}")), |bencher| {
            let (_folder, path, config) = made.get_or_insert_with(|| {
                let mut on_file = OnFile::new(holders);
                on_file.time(4, BATCH_BLOCKS, 10);
                let OnFile { _folder: folder, path, machine, .. } = on_file;
                machine.close().expect("the disk has no faults");
                (folder, path, scene::config(holders))
            });
            bencher.iter_custom(|count| (0..count).map(|_| opened(path, config)).sum());
        });
    }
    group.finish();
}

#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn opened(path: &std::path::Path, config: &state::MachineConfig) -> Duration {
    let config = config.clone();
    let start = Instant::now();
    let machine = Machine::open(path, config).expect("the disk has no faults");
    let time = start.elapsed();
    machine.close().expect("the disk has no faults");
    time
}

fn database_size(_: &mut Criterion) {
    let arguments = Arguments::read();
    if arguments.runs("state::size") && arguments.measures() {
        growth::measure();
    }
}

criterion_group!(benches, execution, sustain, commit, rollback, root::update, open, database_size);
criterion_main!(benches);
