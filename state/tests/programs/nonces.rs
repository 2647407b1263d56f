//! Nonces: each signer uses a number once, and numbers rise.

use state::{
    execute::{SIGNERS, nonce_account},
    program::Programs,
    programs::ledger,
    receipt::{Outcome, Rejection},
    transaction::{Signer, Transaction},
};

use crate::world::{ALICE, BOB, World, key, payload};

fn pay(nonces: &[(state::authorization::Key, u64)], amount: u64) -> Transaction {
    let signers = nonces.iter().map(|(key, nonce)| Signer { key: *key, nonce: *nonce });
    Transaction::of(signers, [ledger::transfer(key(ALICE), key(BOB), amount)])
}

#[test]
fn given_nonces_when_they_rise_with_gaps_then_each_is_taken_once() {
    let mut world = World::new(Programs::built_in());
    for (nonce, used) in [(0, None), (0, Some(0)), (5, None), (5, Some(5)), (4, Some(5)), (u64::MAX, None)] {
        let expected = match used {
            Some(used) => Outcome::Rejected(Rejection::NonceUsed { key: ALICE, nonce, used }),
            None => Outcome::Applied,
        };
        assert_eq!(world.run_as_is(&pay(&[(ALICE, nonce)], 1)), expected);
    }
    assert_eq!(world.value::<u64>(&nonce_account(&ALICE)), Some(u64::MAX));
    let account = &world.accounts[&nonce_account(&ALICE)];
    assert_eq!((account.program, account.version), (SIGNERS, 3), "three were applied");
    assert_eq!(world.balance(key(BOB)), 1_003);
}

#[test]
fn given_a_rejected_transaction_when_its_nonces_come_again_then_they_are_good() {
    let mut world = World::new(Programs::built_in());
    assert!(matches!(world.run_as_is(&pay(&[(ALICE, 7), (BOB, 3)], 5_000)), Outcome::Rejected(_)));
    assert_eq!(world.value::<u64>(&nonce_account(&ALICE)), None);
    assert_eq!(world.run_as_is(&pay(&[(ALICE, 7), (BOB, 3)], 5)), Outcome::Applied);
}

#[test]
fn given_one_used_nonce_of_two_when_executed_then_neither_is_used_up() {
    let mut world = World::new(Programs::built_in());
    assert_eq!(world.run_as_is(&pay(&[(ALICE, 1), (BOB, 9)], 1)), Outcome::Applied);
    let expected = Outcome::Rejected(Rejection::NonceUsed { key: BOB, nonce: 9, used: 9 });
    assert_eq!(world.run_as_is(&pay(&[(ALICE, 2), (BOB, 9)], 1)), expected);
    assert_eq!(world.run_as_is(&pay(&[(ALICE, 2)], 1)), Outcome::Applied);
}

#[test]
fn given_the_same_payload_twice_in_a_block_when_executed_then_the_second_is_rejected() {
    let mut world = World::new(Programs::built_in());
    let payload = payload(&pay(&[(ALICE, 1)], 1));
    let effects = world.block(&[payload.clone(), b"not for us".to_vec(), payload]);
    let outcomes: Vec<_> = effects.receipts.iter().map(|receipt| &receipt.outcome).collect();
    let used = Outcome::Rejected(Rejection::NonceUsed { key: ALICE, nonce: 1, used: 1 });
    assert_eq!(outcomes, [&Outcome::Applied, &used]);
    let places: Vec<_> = effects.receipts.iter().map(|receipt| (receipt.index, receipt.acceptance_index)).collect();
    assert_eq!(places, [(1, 0), (1, 2)], "what is not for us has no receipt");
}
