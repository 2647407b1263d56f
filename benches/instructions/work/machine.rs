//! The state machine: execution alone, and with root and commit.

use std::{collections::BTreeMap, hint::black_box, sync::Arc};

use bridge::AcceptedTransaction;
use sim::{disk::Disk, random::Streams};
use state::{
    Account, AccountId, Machine,
    authorization::{Key, Unchecked},
    execute,
    programs::{ledger, ledger::Holder},
    receipt::{Outcome, Receipt},
    transaction::{Signer, Step, Transaction},
};

use super::{super::state_scene, TRANSACTIONS, Work};

/// Transfers of the block that is only executed.
const EXECUTED_TRANSFERS: u64 = 100;

/// Chain blocks that are applied.
const APPLIED_CHAIN_BLOCKS: u64 = 50;

/// Accounts with money in the state machine.
const HOLDERS: u64 = 1_000;

/// A block of transfers, on accounts in memory; no signature is checked.
pub fn execute() -> Work {
    let rules = state_scene::rules(Arc::new(Unchecked));
    let genesis = state_scene::config(HOLDERS).genesis;
    let account = |key| AccountId::of(ledger::LEDGER, &borsh::to_vec(&Holder::Key(key)).expect("a Vec takes all"));
    let holders = (0..HOLDERS).map(state_scene::holder).map(account);
    let accounts: BTreeMap<AccountId, Account> =
        holders.filter_map(|id| Some((id, genesis.account(&id)?.clone()))).collect();
    // A nonce account each, as after a first transaction.
    let first = (0..EXECUTED_TRANSFERS).map(transfer).collect();
    let accounts = state_scene::after(accounts, &rules, 1, first);
    let accepted: Vec<AcceptedTransaction> = (0_u32..).zip(0..EXECUTED_TRANSFERS).map(accepted).collect();
    let block = state_scene::block();
    Box::new(move || {
        let Ok(effects) = execute::execute(&rules, black_box(&accounts), &block, black_box(&accepted));
        Box::new(move || {
            assert_eq!(effects.receipts.len(), accepted.len());
            assert!(all_applied(&effects.receipts));
            drop((rules, accounts));
        })
    })
}

/// From one holder to the next, whom no other transfer touches.
fn transfer(number: u64) -> (Vec<Key>, Vec<Step>) {
    let (from, to) = (state_scene::holder(2 * number), state_scene::holder(2 * number + 1));
    (vec![from], vec![ledger::transfer(Holder::Key(from), Holder::Key(to), 1)])
}

/// That transfer in the block; its nonce is above that of the first one.
fn accepted((place, number): (u32, u64)) -> AcceptedTransaction {
    let (signers, steps) = transfer(number);
    let signers = signers.into_iter().map(|key| Signer { key, nonce: 1_000_000 });
    state_scene::accepted(number, 1 + place, state_scene::unsigned(&Transaction::of(signers, steps)))
}

/// Chain blocks of transfers one by one: execution, root, commit to a disk in memory, and the move of the root.
pub fn apply() -> Work {
    let disk = Disk::new(Streams::new(1).stream("disk", 0));
    let mut machine = Machine::open_on(disk.open(), state_scene::config(HOLDERS)).expect("the disk has no faults");
    let mut chain = state_scene::Chain::new(HOLDERS);
    // Until blocks become final.
    for _ in 0..11 {
        let events = chain.batch(state_scene::FINALITY_BLOCKS / 10, 1);
        machine.apply(Some(chain.anchor()), &events).expect("the disk has no faults");
    }
    let batches: Vec<_> = (0..APPLIED_CHAIN_BLOCKS).map(|_| chain.batch(1, TRANSACTIONS)).collect();
    let anchor = chain.anchor();
    Box::new(move || {
        let mut receipts = Vec::new();
        for events in black_box(&batches) {
            receipts.push(machine.apply(Some(anchor), events).expect("the disk has no faults").receipts);
        }
        Box::new(move || {
            assert!(all_applied(receipts.iter().flatten()));
            assert_eq!(machine.window().map(|window| window.tip().index), Some(chain.tip_index()));
            drop(batches);
        })
    })
}

fn all_applied<'a>(receipts: impl IntoIterator<Item = &'a Receipt>) -> bool {
    receipts.into_iter().all(|receipt| receipt.outcome == Outcome::Applied)
}
