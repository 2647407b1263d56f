//! The state machine's executor, next to which the oracle's books are put.
#![allow(dead_code, reason = "each test uses its part")]

use std::{collections::BTreeMap, sync::Arc};

use bridge::AcceptedTransaction;
use scenarios::oracle::{
    self,
    economy::{Books, Opening},
};
use sim::{acceptance::Accepted, block_store::BlockStore, dag::BlockId};
use state::{
    Account, AccountId, Genesis,
    authorization::Unchecked,
    execute::{Block, Change, Rules, execute},
    program::Programs,
    receipt::{Outcome, Receipt, Rejection},
};

/// The state machine's executor on a selected chain, with everything in memory.
pub struct Executed {
    rules: Rules,
    /// The accounts after the last block.
    pub accounts: BTreeMap<AccountId, Account>,
    /// The chain from genesis, with what each block changed.
    pub chain: Vec<(BlockId, BTreeMap<AccountId, Change>)>,
    /// The receipts of each block of the chain.
    pub receipts: Vec<Vec<Receipt>>,
}

impl Executed {
    /// At genesis, which must have the accounts of the opening.
    pub fn new(genesis: &Genesis, opening: &Opening) -> Self {
        let ids = opening.accounts.keys().map(|place| AccountId::from_bytes(place.id()));
        let account = |id| genesis.account(&id).map(|account| (id, account.clone())).expect("genesis is the opening");
        Self {
            rules: Rules { programs: Programs::built_in(), authorization: Arc::new(Unchecked), genesis: [0; 32] },
            accounts: ids.map(account).collect(),
            chain: vec![(BlockId::GENESIS, BTreeMap::new())],
            receipts: vec![Vec::new()],
        }
    }

    /// Back to the fork and up to the block.
    pub fn go_to(&mut self, store: &BlockStore, block: BlockId) {
        let fork = oracle::fork(store, self.chain.last().expect("a chain has genesis").0, block);
        while self.chain.last().is_some_and(|(tip, _)| *tip != fork) {
            let (_, changes) = self.chain.pop().expect("it was just looked at");
            self.receipts.pop();
            for (id, Change { before, after }) in changes {
                assert_eq!(self.accounts.get(&id), after.as_ref());
                self.set(id, before);
            }
        }
        let parents = std::iter::successors(Some(block), |block| oracle::selected_parent(store, *block));
        let ahead: Vec<_> = parents.take_while(|block| *block != fork).collect();
        ahead.into_iter().rev().for_each(|block| self.step_to(store, block));
    }

    fn step_to(&mut self, store: &BlockStore, id: BlockId) {
        let block = Block {
            hash: store.dag().hash(id),
            index: self.chain.len() as u64,
            blue_score: store.dag().blue_score(id),
            daa_score: store.dag().daa_score(id),
            timestamp_ms: store.timestamp(id),
        };
        let effects = execute(&self.rules, &self.accounts, &block, &accepted(store, id)).expect("memory never fails");
        for (id, change) in &effects.changes {
            self.set(*id, change.after.clone());
        }
        self.chain.push((id, effects.changes));
        self.receipts.push(effects.receipts);
    }

    fn set(&mut self, id: AccountId, account: Option<Account>) {
        match account {
            Some(account) => _ = self.accounts.insert(id, account),
            None => _ = self.accounts.remove(&id),
        }
    }

    /// The same transactions with the same fates, and the same accounts.
    pub fn assert_is(&self, books: &Books, store: &BlockStore) {
        for (index, page) in books.pages().iter().enumerate() {
            let due: Vec<_> = page.entries.iter().map(|entry| (entry.acceptance_index, entry.applied)).collect();
            let found = self.receipts[index].iter();
            let found: Vec<_> =
                found.map(|receipt| (receipt.acceptance_index, receipt.outcome == Outcome::Applied)).collect();
            assert_eq!(found, due, "chain block {index}: {:?}", self.receipts[index]);
            for (receipt, entry) in self.receipts[index].iter().zip(&page.entries) {
                assert_eq!(receipt.transaction, store.transaction_id(entry.transaction));
            }
        }
        assert_eq!(self.accounts.len(), books.accounts().count());
        for (place, value) in books.accounts() {
            let account = &self.accounts[&AccountId::from_bytes(place.id())];
            assert_eq!(
                (account.program.0, place.read(&account.data).as_ref()),
                (place.program(), Some(value)),
                "{place:?}"
            );
        }
    }
}

/// What a bridge tells of the block's accepted transactions.
pub fn accepted(store: &BlockStore, block: BlockId) -> Vec<AcceptedTransaction> {
    let entries = (0..).zip(store.accepted_by(block));
    let transaction = |(acceptance_index, entry): (u32, Accepted)| {
        let fields = store.transaction_fields(entry.transaction);
        AcceptedTransaction {
            id: store.transaction_id(entry.transaction),
            acceptance_index,
            subnetwork_id: fields.subnetwork_id.into_bytes(),
            payload: fields.payload.clone(),
        }
    };
    entries.map(transaction).collect()
}

/// The outcome without its details.
pub fn name_of(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Applied => "applied",
        Outcome::Rejected(Rejection::Malformed { .. }) => "malformed",
        Outcome::Rejected(Rejection::TooMany { .. }) => "too many",
        Outcome::Rejected(Rejection::BadSignature { .. }) => "bad signature",
        Outcome::Rejected(Rejection::NonceUsed { .. }) => "nonce used",
        Outcome::Rejected(Rejection::UnknownProgram { .. }) => "unknown program",
        Outcome::Rejected(Rejection::Undeclared { .. }) => "undeclared",
        Outcome::Rejected(Rejection::Refused { .. }) => "refused",
    }
}
