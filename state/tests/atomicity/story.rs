//! A drone delivers, charges and is insured in one transaction.

use state::{
    program::Programs,
    programs::{
        charging::{self, CHARGING},
        delivery,
        insurance::{self, JobTerms},
        ledger::{self, Holder},
    },
    receipt::{Outcome, Rejection},
    transaction::Step,
};

use crate::{
    rejection, supply,
    world::{ALICE, BOB, CAROL, World, key, name},
};

/// Bob's station 1 sells 10 units at 7.
fn world() -> World {
    let mut world = World::new(Programs::built_in());
    assert_eq!(world.run(&[BOB], [charging::open(name(1), BOB, 7, 10)]), Outcome::Applied);
    world
}

/// Alice pays Bob 100 and posts a job, Carol insures it for Bob, and Alice charges `units`.
fn deal(units: u64) -> [Step; 4] {
    let terms = JobTerms { job: name(1), customer: ALICE, carrier: BOB, deadline_daa_score: 200 };
    [
        ledger::transfer(key(ALICE), key(BOB), 100),
        delivery::post(name(1), ALICE, BOB, 50, 200),
        insurance::insure(name(1), CAROL, BOB, terms, 3, 40),
        charging::charge(name(1), BOB, ALICE, units, 7),
    ]
}

#[test]
fn given_a_deal_over_four_programs_when_executed_then_all_of_it_happens() {
    let mut world = world();
    assert_eq!(world.run(&[ALICE, BOB, CAROL], deal(10)), Outcome::Applied);
    let holders = [key(ALICE), key(BOB), key(CAROL), delivery::escrow(name(1)), insurance::escrow(name(1))];
    let balances = holders.map(|holder: Holder| world.balance(holder));
    assert_eq!(balances, [1_000 - 100 - 50 - 70, 1_000 + 100 + 70 - 3, 1_000 - 40 + 3, 50, 40]);
    assert_eq!(supply(&world), 3_000);
}

#[test]
fn given_a_deal_whose_last_call_is_refused_when_executed_then_nothing_of_it_remains() {
    let mut world = world();
    let before = world.accounts.clone();
    let reason = "the station has less energy left".to_owned();
    let expected = Rejection::Refused { program: CHARGING, reason };
    assert_eq!(rejection(world.run(&[ALICE, BOB, CAROL], deal(11))), expected);
    assert_eq!(world.accounts, before, "no balance, job, policy, nonce or version has moved");
    assert_eq!(world.run(&[ALICE, BOB, CAROL], deal(10)), Outcome::Applied, "the same deal with a charge that fits");
}

#[test]
fn given_a_deal_with_any_account_left_out_when_executed_then_it_is_undeclared_and_nothing_of_it_remains() {
    let whole = state::transaction::Transaction::of([], deal(10)).accounts;
    assert_eq!(whole.len(), 8);
    for access in whole {
        let mut world = world();
        let before = world.accounts.clone();
        let steps = deal(10).map(|mut step| {
            step.accesses.retain(|other| other.account != access.account);
            step
        });
        match rejection(world.run(&[ALICE, BOB, CAROL], steps)) {
            Rejection::Undeclared { account, .. } => assert_eq!(account, access.account),
            other => panic!("{other}"),
        }
        assert_eq!(world.accounts, before);
    }
}

#[test]
fn given_a_call_of_no_program_when_executed_then_nothing_remains() {
    let mut world = world();
    let before = world.accounts.clone();
    let nowhere = Step::new(state::ProgramId(999), &(), []);
    let steps = [ledger::transfer(key(ALICE), key(BOB), 1), nowhere];
    let expected = Rejection::UnknownProgram { program: state::ProgramId(999) };
    assert_eq!(rejection(world.run(&[ALICE], steps)), expected);
    assert_eq!(world.accounts, before);
}
