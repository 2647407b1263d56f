//! What must hold of a machine after every batch, whatever it went through.

use std::collections::{BTreeMap, BTreeSet};

use bridge::{ChainRef, L1Event};
use kaspa_hashes::Hash;
use state::{
    Account, AccountId, Machine, MachineConfig, ReceiptRetention, StoreError,
    receipt::{Outcome, Receipt},
};

use crate::support::{self, actors::ACTORS, chain::Chain};

/// A law.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// Root, tip and sequence number are those of the events.
    Position,
    /// The root kept up block by block is the one computed anew from all accounts.
    RootIsRebuilt,
    /// It is the root of a straight replay of the chain, as are all accounts.
    RootIsReplayed,
    /// So is the root stored for each block of the window.
    RootsOfTheWindow,
    /// The accounts would be the same if the transactions that were rejected had never been sent.
    RejectedChangesNothing,
    /// Money only moves.
    Supply,
    /// There are receipts of the chain's transactions within retention, and no others.
    Receipts,
    /// Asking for a transaction's receipt gives the same as the list.
    ReceiptsById,
    /// A block can be undone if it is above the root, and no other.
    UndoRecords,
    /// A block that comes back has the results that it had.
    SameAgain,
}

/// Everything that a machine tells about itself.
#[derive(Clone, Debug)]
pub struct Observation {
    pub window: Vec<ChainRef>,
    pub sequence: u64,
    pub state_root: Hash,
    pub rebuilt_root: Hash,
    /// For each index from 0 to one beyond the tip.
    pub roots: Vec<Option<Hash>>,
    pub accounts: Vec<(AccountId, Account)>,
    pub receipts: Vec<Receipt>,
    /// For each transaction that there ever was.
    pub receipts_by_id: BTreeMap<Hash, Option<Receipt>>,
    pub undo_indices: Vec<u64>,
}

impl Observation {
    /// Asks the machine for everything; `transactions` are those that there ever were.
    pub fn of(machine: &Machine, transactions: &[Hash]) -> Result<Self, StoreError> {
        let window: Vec<ChainRef> = machine.window().map(|window| window.blocks().collect()).unwrap_or_default();
        let tip = window.last().map_or(0, |tip| tip.index);
        let found = transactions.iter().map(|id| Ok((*id, machine.receipt(id)?)));
        Ok(Self {
            window,
            sequence: machine.checkpoint().map_or(0, |checkpoint| checkpoint.sequence()),
            state_root: machine.state_root(),
            rebuilt_root: machine.rebuilt_state_root()?,
            roots: (0..=tip + 1).map(|index| machine.state_root_at(index)).collect::<Result<_, _>>()?,
            accounts: machine.accounts()?,
            receipts: machine.receipts()?,
            receipts_by_id: found.collect::<Result<_, StoreError>>()?,
            undo_indices: machine.undo_indices()?,
        })
    }

    /// The results of each block of the window above the anchor.
    pub fn results(&self) -> BTreeMap<Hash, (Option<Hash>, Vec<Receipt>)> {
        let result = |block: &ChainRef| {
            let receipts = self.receipts.iter().filter(|receipt| receipt.index == block.index).cloned().collect();
            (block.hash, (self.roots[block.index as usize], receipts))
        };
        self.window.iter().filter(|block| block.index > 0).map(result).collect()
    }
}

/// What a machine must be like, from the chain and from a machine that never saw anything else.
#[derive(Clone, Debug)]
pub struct Expectation {
    chain: Chain,
    retention: ReceiptRetention,
    replayed: Observation,
    /// Accounts after a replay of the transactions alone that were applied.
    applied_accounts: Vec<(AccountId, Account)>,
    /// The results of blocks when they were seen first.
    earlier: BTreeMap<Hash, (Option<Hash>, Vec<Receipt>)>,
}

impl Expectation {
    /// Replays the chain in one batch on a machine of its own.
    pub fn of(chain: &Chain, config: &MachineConfig, earlier: &BTreeMap<Hash, (Option<Hash>, Vec<Receipt>)>) -> Self {
        let retention = config.receipts;
        let config = MachineConfig { receipts: ReceiptRetention::Forever, ..config.clone() };
        let mut events = chain.straight();
        let machine = replay(chain, &config, &events);
        let mut replayed = Observation::of(&machine, &[]).expect("memory has no faults");
        if events.is_empty() {
            // Without events the machine does not know the anchor.
            replayed.roots = vec![Some(machine.state_root())];
        }
        let is_applied = |receipt: &&Receipt| receipt.outcome == Outcome::Applied;
        let applied: BTreeSet<Hash> =
            replayed.receipts.iter().filter(is_applied).map(|receipt| receipt.transaction).collect();
        for event in &mut events {
            if let L1Event::BlockAdded(added) = event {
                added.accepted.retain(|transaction| applied.contains(&transaction.id));
            }
        }
        let applied_accounts = replay(chain, &config, &events).accounts().expect("memory has no faults");
        Self { chain: chain.clone(), retention, replayed, applied_accounts, earlier: earlier.clone() }
    }

    fn lowest_receipt(&self) -> u64 {
        match self.retention {
            ReceiptRetention::Forever => 0,
            ReceiptRetention::BlocksBelowRoot(kept) => self.chain.root().index.saturating_sub(kept),
        }
    }

    /// The receipts by what the L1 says, which knows no outcomes.
    fn places(&self) -> impl Iterator<Item = (Hash, u64, u32)> {
        let blocks = self.chain.blocks().iter().filter(|added| added.block.index >= self.lowest_receipt());
        blocks.flat_map(|added| {
            let ours = added.accepted.iter().filter(|transaction| transaction.payload.starts_with(b"DSTX"));
            ours.map(|transaction| (transaction.id, added.block.index, transaction.acceptance_index))
        })
    }
}

/// A machine of its own after these events, in one batch.
fn replay(chain: &Chain, config: &MachineConfig, events: &[L1Event]) -> Machine {
    let storage = redb::backends::InMemoryBackend::new();
    let mut machine = Machine::open_on(storage, config.clone()).expect("memory has no faults");
    machine.apply(Some(chain.anchor()), events).expect("the events follow one another");
    machine
}

/// The laws that do not hold.
pub fn broken(seen: &Observation, expected: &Expectation) -> Vec<Law> {
    let replayed = &expected.replayed;
    let (root, tip) = (expected.chain.root(), expected.chain.tip());
    let window = root.index..=tip.index;
    let holds = [
        (
            Law::Position,
            seen.window.iter().copied().eq(window.clone().map(|index| expected.chain.at(index)))
                && seen.sequence == expected.chain.sequence(),
        ),
        (Law::RootIsRebuilt, seen.state_root == seen.rebuilt_root),
        (Law::RootIsReplayed, seen.state_root == replayed.state_root && seen.accounts == replayed.accounts),
        (Law::RejectedChangesNothing, seen.accounts == expected.applied_accounts),
        (
            Law::RootsOfTheWindow,
            (0..=tip.index + 1).all(|index| {
                let expected = window.contains(&index).then(|| replayed.roots[index as usize]).flatten();
                seen.roots[index as usize] == expected
            }),
        ),
        (Law::Supply, supply(&seen.accounts) == Some(u64::from(ACTORS) * support::BALANCE_AT_GENESIS)),
        (Law::Receipts, {
            let kept = |receipt: &&Receipt| receipt.index >= expected.lowest_receipt();
            let places =
                seen.receipts.iter().map(|receipt| (receipt.transaction, receipt.index, receipt.acceptance_index));
            places.eq(expected.places()) && seen.receipts.iter().eq(replayed.receipts.iter().filter(kept))
        }),
        (
            Law::ReceiptsById,
            seen.receipts_by_id
                .iter()
                .all(|(id, found)| found.as_ref() == seen.receipts.iter().find(|receipt| receipt.transaction == *id)),
        ),
        (Law::UndoRecords, seen.undo_indices.iter().copied().eq(root.index + 1..=tip.index)),
        (
            Law::SameAgain,
            seen.results()
                .iter()
                .all(|(hash, result)| expected.earlier.get(hash).is_none_or(|earlier| earlier == result)),
        ),
    ];
    holds.into_iter().filter(|(_, holds)| !holds).map(|(law, _)| law).collect()
}

/// The sum of the accounts of the ledger, program 1, each 8 bytes, little endian, and never 0.
fn supply(accounts: &[(AccountId, Account)]) -> Option<u64> {
    let ledger = accounts.iter().filter(|(_, account)| account.program.0 == 1);
    let mut balances = ledger.map(|(_, account)| Some(u64::from_le_bytes(account.data.as_slice().try_into().ok()?)));
    balances.try_fold(0_u64, |sum, balance| sum.checked_add(balance.filter(|balance| *balance > 0)?))
}
