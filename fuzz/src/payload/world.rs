//! Accounts in memory, blocks that are executed on them, and the laws.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bridge::AcceptedTransaction;
use kaspa_hashes::Hash;
use state::{
    Account, AccountId, Genesis,
    authorization::{Key, Schnorr, Unchecked},
    execute::{Block, Effects, Rules, SIGNERS, execute, nonce_account},
    program::Programs,
    programs::ledger::{self, Holder, LEDGER},
    receipt::Outcome,
    transaction::Transaction,
};

use super::step;

/// What each actor has at the beginning.
const MONEY: u64 = 1_000;

/// DAA score by which a block is above its parent.
pub(super) const DAA_STEP: u64 = 3;

pub(super) struct World {
    accounts: BTreeMap<AccountId, Account>,
    rules: Rules,
    index: u64,
    /// Every key that may have money: the actors, and whoever signed anything.
    keys: BTreeSet<Key>,
    /// The nonce that each key used last.
    nonces: BTreeMap<Key, u64>,
    /// What was signed and happened: the messages of transactions.
    happened: BTreeSet<[u8; 32]>,
}

impl World {
    pub(super) fn new() -> Self {
        let holders = (0..step::ACTORS).map(|actor| (step::key(actor), MONEY));
        let genesis = ledger::mint(Genesis::default(), holders).expect("the sum is small");
        let account = |actor| {
            let id = ledger::account(&Holder::Key(step::key(actor)));
            genesis.account(&id).map(|account| (id, account.clone()))
        };
        let rules = Rules { programs: Programs::built_in(), authorization: Arc::new(Unchecked), genesis: [7; 32] };
        Self {
            accounts: (0..step::ACTORS).filter_map(account).collect(),
            rules,
            index: 0,
            keys: (0..step::ACTORS).map(step::key).collect(),
            nonces: BTreeMap::new(),
            happened: BTreeSet::new(),
        }
    }

    /// Executes a block and checks everything.
    pub(super) fn block(&mut self, payloads: &[Vec<u8>]) {
        self.index += 1;
        payloads.iter().for_each(|payload| has_one_form(payload));
        let effects = self.effects(&self.rules, payloads);
        assert_eq!(effects, self.effects(&self.rules, payloads), "a block has other effects the second time");
        let meant_for_us = payloads.iter().filter(|payload| Transaction::decode(payload).is_some());
        assert_eq!(effects.receipts.len(), meant_for_us.count(), "not one receipt for each transaction");
        self.is_all_or_nothing(payloads, &effects);
        // Nobody can sign with these keys: only what needs no signature happens, and bad keys do no harm.
        let strict = Rules { authorization: Arc::new(Schnorr), ..self.rules.clone() };
        let unsigned = applied(payloads, &self.effects(&strict, payloads));
        assert!(unsigned.iter().all(|transaction| transaction.signers.is_empty()), "without a signature: {unsigned:?}");
        let applied = applied(payloads, &effects);
        self.happen_once(&applied);
        self.only_signers_pay(payloads, &applied, &effects);
        self.apply(&effects);
    }

    fn effects(&self, rules: &Rules, payloads: &[Vec<u8>]) -> Effects {
        let (hash, daa_score) = (Hash::from_u64_word(self.index), DAA_STEP * self.index);
        let block =
            Block { hash, index: self.index, blue_score: self.index, daa_score, timestamp_ms: self.index * 100 };
        let accepted: Vec<_> = payloads.iter().zip(0_u32..).map(|(payload, place)| accept(payload, place)).collect();
        match execute(rules, &self.accounts, &block, &accepted) {
            Ok(effects) => effects,
            Err(never) => match never {},
        }
    }

    /// Rejected transactions leave no trace: the block without them changes the same.
    fn is_all_or_nothing(&self, payloads: &[Vec<u8>], effects: &Effects) {
        let rejected = |place: usize| {
            let receipt =
                effects.receipts.iter().find(|receipt| usize::try_from(receipt.acceptance_index) == Ok(place));
            receipt.is_some_and(|receipt| receipt.outcome != Outcome::Applied)
        };
        let applied: Vec<Vec<u8>> = payloads
            .iter()
            .enumerate()
            .filter(|(place, _)| !rejected(*place))
            .map(|(_, payload)| payload.clone())
            .collect();
        let without = self.effects(&self.rules, &applied);
        assert_eq!(without.changes, effects.changes, "a rejected transaction leaves a trace");
        let all_applied = without.receipts.iter().all(|receipt| receipt.outcome == Outcome::Applied);
        assert!(all_applied, "a transaction depends on a rejected one: {:?}", without.receipts);
    }

    /// What signers agreed to happens once, and each time with a higher nonce than before.
    fn happen_once(&mut self, applied: &[Transaction]) {
        for transaction in applied.iter().filter(|transaction| !transaction.signers.is_empty()) {
            let message = transaction.message(&self.rules.genesis);
            assert!(self.happened.insert(message), "a transaction happens twice: {transaction:?}");
            for signer in &transaction.signers {
                let used = self.nonces.insert(signer.key, signer.nonce);
                assert!(used.is_none_or(|used| used < signer.nonce), "after nonce {used:?} comes {signer:?}");
            }
        }
    }

    /// Of those who hold money by a key, only those lose some that signed a transaction which happened.
    fn only_signers_pay(&mut self, payloads: &[Vec<u8>], applied: &[Transaction], effects: &Effects) {
        let signers =
            |transaction: &Transaction| transaction.signers.iter().map(|signer| signer.key).collect::<Vec<_>>();
        self.keys.extend(payloads.iter().filter_map(|payload| decoded(payload)).flat_map(|one| signers(&one)));
        let agreed: BTreeSet<Key> = applied.iter().flat_map(signers).collect();
        let balance = |account: &Option<Account>| account.as_ref().map_or(0, number);
        for key in self.keys.difference(&agreed) {
            let change = effects.changes.get(&ledger::account(&Holder::Key(*key)));
            let pays = change.is_some_and(|change| balance(&change.after) < balance(&change.before));
            assert!(!pays, "{key:?} pays without having signed: {change:?}");
        }
    }

    fn apply(&mut self, effects: &Effects) {
        let (before, money) = (self.accounts.clone(), self.money());
        for (id, change) in &effects.changes {
            assert_eq!(self.accounts.get(id), change.before.as_ref(), "a change begins with something else");
            assert_ne!(change.before, change.after, "a change changes nothing");
            match &change.after {
                Some(account) => self.accounts.insert(*id, account.clone()),
                None => self.accounts.remove(id),
            };
        }
        assert_eq!(self.money(), money, "money was made or lost");
        self.nonces_are_stored();
        let mut back = self.accounts.clone();
        for (id, change) in &effects.changes {
            match &change.before {
                Some(account) => back.insert(*id, account.clone()),
                None => back.remove(id),
            };
        }
        assert_eq!(back, before, "the block cannot be taken back");
    }

    fn money(&self) -> u128 {
        self.accounts
            .values()
            .filter(|account| account.program == LEDGER)
            .map(|account| u128::from(number(account)))
            .sum()
    }

    /// What is stored of each signer is the nonce that it used last.
    fn nonces_are_stored(&self) {
        let stored = self.accounts.iter().filter(|(_, account)| account.program == SIGNERS);
        let stored: BTreeMap<AccountId, u64> = stored.map(|(id, account)| (*id, number(account))).collect();
        let used: BTreeMap<AccountId, u64> =
            self.nonces.iter().map(|(key, nonce)| (nonce_account(key), *nonce)).collect();
        assert_eq!(stored, used, "the nonces that are stored are not those that were used");
    }
}

/// A payload that decodes is the only form of what it says.
fn has_one_form(payload: &[u8]) {
    if let Some(Ok((transaction, signatures))) = Transaction::decode(payload) {
        assert_eq!(transaction.encode(&signatures), payload, "a transaction has two forms");
    }
}

fn decoded(payload: &[u8]) -> Option<Transaction> {
    Transaction::decode(payload)?.ok().map(|(transaction, _)| transaction)
}

/// The transactions that happened, in order.
fn applied(payloads: &[Vec<u8>], effects: &Effects) -> Vec<Transaction> {
    let receipts = effects.receipts.iter().filter(|receipt| receipt.outcome == Outcome::Applied);
    let payload = |index: u32| usize::try_from(index).ok().and_then(|place| payloads.get(place));
    receipts
        .map(|receipt| payload(receipt.acceptance_index).and_then(|payload| decoded(payload)))
        .map(|transaction| transaction.expect("only what can be read is applied"))
        .collect()
}

fn number(account: &Account) -> u64 {
    borsh::from_slice(&account.data).expect("balances and nonces are numbers")
}

fn accept(payload: &[u8], place: u32) -> AcceptedTransaction {
    let id = Hash::from_u64_word(u64::from(place) + 1_000);
    AcceptedTransaction { id, acceptance_index: place, subnetwork_id: [0; 20], payload: payload.to_vec() }
}
