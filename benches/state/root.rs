//! The state root's part: what changed accounts cost.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use state::{Account, AccountId, ProgramId, tree::StateTree};

/// Accounts that change together: about those of a block of 100 transfers.
const CHANGED: u64 = 300;

/// Rounds after which the same accounts change again.
const ROUNDS: usize = 64;

/// `state::root/accounts=N`: one iteration changes [`CHANGED`] of N accounts.
pub fn update(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("state::root");
    group.throughput(Throughput::Elements(CHANGED));
    group.measurement_time(Duration::from_secs(1)).warm_up_time(Duration::from_millis(500)).sample_size(20);
    for accounts in [1_000, 100_000] {
        group.bench_function(BenchmarkId::from_parameter(format_args!("accounts={accounts}")), |bencher| {
            let mut tree = StateTree::default();
            let all: Vec<_> = (0..accounts).map(|number| (id(number), account(number))).collect();
            tree.update(all.iter().map(|(id, account)| (*id, Some(account))));
            let rounds: Vec<_> = (0..ROUNDS).map(|round| changed(round as u64, accounts)).collect();
            let mut round = 0;
            bencher.iter(|| {
                round = (round + 1) % ROUNDS;
                tree.update(rounds[round].iter().map(|(id, account)| (*id, Some(account))));
                tree.root()
            });
        });
    }
    group.finish();
}

fn changed(round: u64, accounts: u64) -> Vec<(AccountId, Account)> {
    let numbers = (0..CHANGED).map(|place| (round * CHANGED + place).wrapping_mul(0x9e37_79b9) % accounts);
    numbers.map(|number| (id(number), account(round + 1_000_000))).collect()
}

fn id(number: u64) -> AccountId {
    AccountId::of(ProgramId(1), &number.to_le_bytes())
}

fn account(value: u64) -> Account {
    Account { program: ProgramId(1), version: value, data: value.to_le_bytes().to_vec() }
}
