//! What the execution asks of the storage, and what it does with the storage's errors.

use std::cell::{Cell, RefCell};

use bridge::AcceptedTransaction;
use kaspa_hashes::Hash;
use state::{
    Account, AccountId,
    authorization::Key,
    execute::{Accounts, Block, execute, nonce_account},
    program::Programs,
    programs::ledger,
    transaction::{Access, Signer, Transaction},
};

use crate::world::{ALICE, BOB, CAROL, World, key, payload};

/// Fails after so many reads, and remembers what was read.
struct Failing<'a> {
    world: &'a World,
    reads_left: Cell<usize>,
    read: RefCell<Vec<AccountId>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Broken;

impl Accounts for Failing<'_> {
    type Error = Broken;

    fn account(&self, id: &AccountId) -> Result<Option<Account>, Broken> {
        self.reads_left.set(self.reads_left.get().checked_sub(1).ok_or(Broken)?);
        self.read.borrow_mut().push(*id);
        Ok(self.world.accounts.get(id).cloned())
    }
}

fn accepted() -> Vec<AcceptedTransaction> {
    let pay = |from: Key, to: Key, nonce| {
        let mut step = ledger::transfer(key(from), key(to), 1);
        step.accesses.push(Access::read(AccountId::from_bytes([0xFF; 32])));
        payload(&Transaction::of([Signer { key: from, nonce }], [step]))
    };
    let payloads = [pay(ALICE, BOB, 1), pay(BOB, CAROL, 1), pay(ALICE, CAROL, 2), pay(ALICE, BOB, 2)];
    let accept = |(payload, place): (Vec<u8>, u32)| AcceptedTransaction {
        id: Hash::from_u64_word(u64::from(place)),
        acceptance_index: place,
        subnetwork_id: [0; 20],
        payload,
    };
    payloads.into_iter().zip(0..).map(accept).collect()
}

#[test]
fn given_a_block_when_executed_then_each_account_is_read_once_and_an_error_of_any_read_is_the_answer() {
    let world = World::new(Programs::built_in());
    let block = Block { hash: Hash::default(), index: 1, blue_score: 1, daa_score: 1, timestamp_ms: 1 };
    let run = |reads| {
        let storage = Failing { world: &world, reads_left: Cell::new(reads), read: RefCell::default() };
        let result = execute(&world.rules, &storage, &block, &accepted());
        (result, storage.read.into_inner())
    };

    let (whole, mut read) = run(usize::MAX);
    assert_eq!(whole.as_ref().map(|effects| effects.changes.len()), Ok(5), "three balances and two nonces");
    let reads = read.len();
    read.sort();
    let mut expected = vec![AccountId::from_bytes([0xFF; 32]), nonce_account(&ALICE), nonce_account(&BOB)];
    expected.extend([ALICE, BOB, CAROL].map(|person| ledger::account(&key(person))));
    expected.sort();
    assert_eq!(read, expected);

    for enough in 0..reads {
        assert_eq!(run(enough).0, Err(Broken), "after {enough} reads");
    }
    assert_eq!(run(reads).0, whole);
}
