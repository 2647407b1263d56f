//! Versions of accounts, and what counts as a change.

use state::{
    AccountId,
    program::Programs,
    programs::ledger,
    receipt::Outcome,
    transaction::{Access, Signer, Step, Transaction},
};

use crate::{
    actors::{Act, PUPPET, Puppet, step},
    world::{ALICE, BOB, CAROL, World, key, payload},
};

fn world() -> World {
    World::new(Programs::built_in().with(Puppet(PUPPET)))
}

fn account() -> AccountId {
    AccountId::of(PUPPET, &[1])
}

fn act(acts: &[Act]) -> Step {
    step(acts, [Access::write(account())])
}

fn store(bytes: u32) -> Act {
    Act::Store { name: 1, bytes }
}

#[test]
fn given_an_account_when_written_then_its_version_counts_the_transactions_that_changed_it() {
    let mut world = world();
    let cases = [
        (vec![act(&[store(1)])], Some(1)),
        (vec![act(&[store(2), store(3)]), act(&[store(4)])], Some(2)),
        (vec![act(&[store(4)])], Some(2)),
        (vec![act(&[store(5), store(4)])], Some(2)),
        (vec![act(&[Act::Remove { name: 1 }, store(4)])], Some(2)),
        (vec![act(&[Act::Remove { name: 1 }, store(6)])], Some(3)),
        (vec![act(&[Act::Remove { name: 1 }])], None),
        (vec![act(&[Act::Remove { name: 1 }])], None),
        (vec![act(&[store(9), Act::Remove { name: 1 }])], None),
        (vec![act(&[store(6)])], Some(1)),
    ];
    for (number, (steps, version)) in cases.into_iter().enumerate() {
        assert_eq!(world.run(&[], steps), Outcome::Applied);
        assert_eq!(world.accounts.get(&account()).map(|account| account.version), version, "transaction {number}");
    }
}

#[test]
fn given_several_transactions_in_a_block_when_executed_then_each_sees_the_one_before_and_the_block_has_one_change() {
    let mut world = world();
    let pay = |from, to, amount, nonce| {
        payload(&Transaction::of([Signer { key: from, nonce }], [ledger::transfer(key(from), key(to), amount)]))
    };
    let payloads = [pay(ALICE, BOB, 1_000, 1), pay(BOB, CAROL, 2_000, 1), pay(CAROL, ALICE, 9_000, 1)];
    let effects = world.block(&payloads);
    let applied = effects.receipts.iter().filter(|receipt| receipt.outcome == Outcome::Applied).count();
    assert_eq!(applied, 2, "the last asks for too much");
    assert_eq!((world.balance(key(ALICE)), world.balance(key(BOB)), world.balance(key(CAROL))), (0, 0, 3_000));
    assert_eq!(effects.changes.len(), 5, "three balances and two nonces");
}

#[test]
fn given_a_block_that_leaves_an_account_as_it_was_when_executed_then_it_is_no_change() {
    let mut world = world();
    assert_eq!(world.run(&[], [act(&[store(1)])]), Outcome::Applied);
    let one = |acts: &[Act]| payload(&Transaction::of([], [act(acts)]));
    let effects = world.block(&[one(&[Act::Remove { name: 1 }]), one(&[store(1)])]);
    assert!(effects.changes.is_empty(), "removed and made again with version 1, as before: {effects:?}");
    let effects = world.block(&[one(&[store(2)]), one(&[store(1)])]);
    assert_eq!(effects.changes.len(), 1, "the same data with another version");
}
