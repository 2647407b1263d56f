//! Holders with money, payloads that they might have sent, and the chain blocks that accept them.

use std::{collections::BTreeMap, sync::Arc};

use bridge::{AcceptedTransaction, BlockAdded, ChainRef, L1Event, Reorg, wire::Network};
use kaspa_hashes::Hash;
use state::{
    Account, AccountId, Genesis, MachineConfig, ReceiptRetention,
    authorization::{Key, Signature, Unchecked},
    execute::{Block, Rules, execute},
    program::Programs,
    programs::{Name, charging, delivery, insurance, insurance::JobTerms, ledger, ledger::Holder},
    transaction::{Signer, Step, Transaction},
};

/// Blocks that can be undone, as on a network that finalizes quickly.
pub const FINALITY_BLOCKS: u64 = 1_000;

/// Receipts of so many blocks below the root are kept.
pub const KEPT_RECEIPT_BLOCKS: u64 = 1_000;

/// The key of a holder that signs nothing that anyone checks.
pub fn holder(number: u64) -> Key {
    let mut key = [0xaa; 32];
    key[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    Key(key)
}

/// A machine with so many holders; signatures are not checked.
pub fn config(holders: u64) -> MachineConfig {
    let balances = (0..holders).map(|number| (holder(number), 1 << 30));
    MachineConfig {
        authorization: Arc::new(Unchecked),
        genesis: ledger::mint(Genesis::default(), balances).expect("the supply is below 2^64"),
        receipts: ReceiptRetention::BlocksBelowRoot(KEPT_RECEIPT_BLOCKS),
        ..MachineConfig::new(Network::SIMNET)
    }
}

/// The payload of a transaction whose signatures nobody checks.
pub fn unsigned(transaction: &Transaction) -> Vec<u8> {
    transaction.encode(&vec![Signature([0; 64]); transaction.signers.len()])
}

/// A transaction of the L1 with this payload.
pub fn accepted(number: u64, acceptance_index: u32, payload: Vec<u8>) -> AcceptedTransaction {
    AcceptedTransaction { id: spread(1, number), acceptance_index, subnetwork_id: [0; 20], payload }
}

/// Steps by which a machine delivers, is paid, charges and is insured, all in one transaction: the work of all four
/// programs. `number` names job, policy and parties.
pub fn settlement(number: u64, parties: &Parties) -> (Vec<Key>, Vec<Step>) {
    let Parties { customer, carrier, insurer, owner } = *parties;
    let name = name(number);
    let steps = vec![
        delivery::confirm(name, carrier),
        insurance::release(name, insurer, name),
        charging::charge(station(), owner, carrier, 3, 2),
        ledger::transfer(Holder::Key(customer), Holder::Key(owner), 1),
    ];
    (vec![customer, carrier], steps)
}

/// What must have happened before [`settlement`].
pub fn engagement(number: u64, parties: &Parties) -> Vec<Step> {
    let Parties { customer, carrier, insurer, .. } = *parties;
    let name = name(number);
    let terms = JobTerms { job: name, customer, carrier, deadline_daa_score: u64::MAX };
    vec![delivery::post(name, customer, carrier, 50, u64::MAX), insurance::insure(name, insurer, carrier, terms, 2, 40)]
}

/// Opens the station of [`settlement`].
pub fn opening(parties: &Parties) -> Step {
    charging::open(station(), parties.owner, 2, u64::MAX / 4)
}

/// Who has a part in a settlement.
#[derive(Clone, Copy)]
pub struct Parties {
    /// Pays for the delivery.
    pub customer: Key,
    /// Delivers, charges, is insured.
    pub carrier: Key,
    /// Insures.
    pub insurer: Key,
    /// Of the station.
    pub owner: Key,
}

fn name(number: u64) -> Name {
    Name(spread(5, number).as_bytes())
}

fn station() -> Name {
    Name([7; 32])
}

/// Accounts in memory after transactions of these signers and steps. `nonce` and those that follow were not used.
pub fn after(
    mut accounts: BTreeMap<AccountId, Account>,
    rules: &Rules,
    nonce: u64,
    transactions: Vec<(Vec<Key>, Vec<Step>)>,
) -> BTreeMap<AccountId, Account> {
    let rules = Rules { authorization: Arc::new(Unchecked), ..rules.clone() };
    for (number, (signers, steps)) in (nonce..).zip(transactions) {
        let signers = signers.into_iter().map(|key| Signer { key, nonce: number });
        let payload = unsigned(&Transaction::of(signers, steps));
        let Ok(effects) = execute(&rules, &accounts, &block(), &[accepted(number, 0, payload)]);
        assert!(
            effects.receipts.iter().all(|receipt| receipt.outcome == state::receipt::Outcome::Applied),
            "{effects:?}"
        );
        for (id, change) in effects.changes {
            match change.after {
                Some(account) => accounts.insert(id, account),
                None => accounts.remove(&id),
            };
        }
    }
    accounts
}

/// The built-in programs under some authorization.
pub fn rules(authorization: Arc<dyn state::authorization::Authorization>) -> Rules {
    Rules { programs: Programs::built_in(), authorization, genesis: [3; 32] }
}

/// Some block.
pub fn block() -> Block {
    Block { hash: spread(2, 1), index: 1, blue_score: 1, daa_score: 1, timestamp_ms: 0 }
}

/// A chain whose blocks accept transfers between holders.
pub struct Chain {
    holders: u64,
    transactions: u64,
    sequence: u64,
    root_index: u64,
    blocks: Vec<ChainRef>,
    blocks_made: u64,
}

impl Chain {
    /// Only the anchor.
    pub fn new(holders: u64) -> Self {
        let anchor = ChainRef { hash: spread(2, 0), index: 0, blue_score: 1 };
        Self { holders, transactions: 0, sequence: 0, root_index: 0, blocks: vec![anchor], blocks_made: 0 }
    }

    /// The block on which all build.
    pub fn anchor(&self) -> ChainRef {
        self.blocks[0]
    }

    /// Index of the tip.
    pub fn tip_index(&self) -> u64 {
        self.blocks.len() as u64 - 1
    }

    /// New blocks of so many transfers, and the move of the root that follows from them, if it has to move.
    pub fn batch(&mut self, blocks: u64, transactions: u64) -> Vec<L1Event> {
        let mut events: Vec<L1Event> = (0..blocks).map(|_| self.add(transactions)).collect();
        let root_index = self.tip_index().saturating_sub(FINALITY_BLOCKS);
        if root_index > self.root_index {
            self.root_index = root_index;
            self.sequence += 1;
            let block = self.blocks[root_index as usize];
            events.push(L1Event::Finalized { sequence: self.sequence, block });
        }
        events
    }

    /// Cuts so many blocks off.
    pub fn cut(&mut self, blocks: u64) -> L1Event {
        let old_tip = self.blocks[self.blocks.len() - 1];
        let removed = self.blocks.split_off(self.blocks.len() - blocks as usize);
        self.sequence += 1;
        L1Event::Reorg(Reorg {
            sequence: self.sequence,
            fork: self.blocks[self.blocks.len() - 1],
            old_tip,
            removed: removed.iter().rev().map(|block| block.hash).collect(),
            removed_known: true,
        })
    }

    fn add(&mut self, transactions: u64) -> L1Event {
        let parent = self.blocks[self.blocks.len() - 1];
        self.blocks_made += 1;
        let index = parent.index + 1;
        let block = ChainRef { hash: spread(2, self.blocks_made), index, blue_score: parent.blue_score + 3 };
        self.blocks.push(block);
        self.sequence += 1;
        L1Event::BlockAdded(BlockAdded {
            sequence: self.sequence,
            block,
            parent: parent.hash,
            daa_score: 3 * index,
            timestamp_ms: 100 * index,
            accepted: (0..transactions).map(|place| self.transfer(1 + place as u32)).collect(),
            verified: true,
        })
    }

    /// The nonce is the number of the transaction, so that each is above those before it.
    fn transfer(&mut self, acceptance_index: u32) -> AcceptedTransaction {
        self.transactions += 1;
        let number = self.transactions;
        // Far apart, so that a batch does not touch the same holders again and again.
        let from = number.wrapping_mul(0x9e37_79b9) % self.holders;
        let to = (from + 1 + number % (self.holders - 1)) % self.holders;
        let step = ledger::transfer(Holder::Key(holder(from)), Holder::Key(holder(to)), 1);
        let transaction = Transaction::of([Signer { key: holder(from), nonce: number }], [step]);
        accepted(number, acceptance_index, unsigned(&transaction))
    }
}

/// A hash of a kind and a number, spread over all values.
fn spread(kind: u64, number: u64) -> Hash {
    let mut bytes = [0; 32];
    for (at, chunk) in (1_u64..).zip(bytes.chunks_mut(8)) {
        let mixed = (number + 1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .wrapping_add(kind * at)
            .wrapping_mul(0xbf58_476d_1ce4_e5b9);
        chunk.copy_from_slice(&(mixed ^ (mixed >> 29)).to_le_bytes());
    }
    Hash::from_bytes(bytes)
}
