//! Stations: opened, restocked, and sold from.

use state::{
    program::Programs,
    programs::{
        charging::{self, Station},
        ledger,
    },
    receipt::{Mode, Outcome, Rejection},
};

use crate::{
    refusal,
    world::{ALICE, BOB, CAROL, World, key, name},
};

/// Bob's station 1 sells 10 units at 7.
fn world() -> World {
    let mut world = World::new(Programs::built_in());
    assert_eq!(world.run(&[BOB], [charging::open(name(1), BOB, 7, 10)]), Outcome::Applied);
    world
}

fn station(world: &World) -> Station {
    world.value(&charging::account(&name(1))).expect("it was opened")
}

#[test]
fn given_a_station_when_energy_is_bought_then_the_owner_is_paid_and_units_move() {
    let mut world = world();
    assert_eq!(world.run(&[ALICE], [charging::charge(name(1), BOB, ALICE, 4, 7)]), Outcome::Applied);
    assert_eq!((world.balance(key(ALICE)), world.balance(key(BOB))), (972, 1_028));
    assert_eq!(station(&world), Station { owner: BOB, price_per_unit: 7, units_left: 6, units_sold: 4 });
    assert_eq!(world.run(&[BOB], [charging::restock(name(1), 100)]), Outcome::Applied);
    assert_eq!(station(&world).units_left, 106);
}

#[test]
fn given_a_charge_that_cannot_be_when_called_then_it_is_refused() {
    let cases = [
        (charging::charge(name(1), BOB, BOB, 1, 7), "the payer has not signed"),
        (charging::charge(name(1), BOB, ALICE, 0, 7), "no energy is asked for"),
        (charging::charge(name(2), BOB, ALICE, 1, 7), "there is no such station"),
        (charging::charge(name(1), BOB, ALICE, 1, 6), "the price is above what the payer agrees to"),
        (charging::charge(name(1), BOB, ALICE, 11, 7), "the station has less energy left"),
        (charging::restock(name(1), 1), "the owner has not signed"),
        (charging::restock(name(2), 1), "there is no such station"),
        (charging::open(name(1), ALICE, 1, 1), "there is a station of that name"),
        (charging::open(name(2), BOB, 1, 1), "the owner has not signed"),
    ];
    for (step, reason) in cases {
        assert_eq!(refusal(&world().run(&[ALICE], [step])), reason);
    }
}

#[test]
fn given_numbers_at_their_end_when_called_then_they_are_refused() {
    let mut world = World::new(Programs::built_in());
    assert_eq!(world.run(&[BOB], [charging::open(name(1), BOB, u64::MAX, u64::MAX)]), Outcome::Applied);
    assert_eq!(refusal(&world.run(&[BOB], [charging::restock(name(1), 1)])), "the station cannot hold that");
    let charge = |units| charging::charge(name(1), BOB, ALICE, units, u64::MAX);
    assert_eq!(refusal(&world.run(&[ALICE], [charge(2)])), "the price is more than there can be");
    assert!(refusal(&world.run(&[ALICE], [charge(1)])).starts_with("the payer has 1000"));

    let mut free = World::new(Programs::built_in());
    assert_eq!(free.run(&[BOB], [charging::open(name(1), BOB, 0, u64::MAX)]), Outcome::Applied);
    assert_eq!(free.run(&[ALICE], [charge(u64::MAX)]), Outcome::Applied);
    assert_eq!(free.run(&[BOB], [charging::restock(name(1), 1)]), Outcome::Applied);
    assert_eq!(refusal(&free.run(&[ALICE], [charge(1)])), "the station cannot count that much");
}

#[test]
fn given_a_station_that_gives_away_when_charged_then_no_money_moves_and_its_owner_may_charge_too() {
    let mut world = World::new(Programs::built_in());
    assert_eq!(world.run(&[BOB], [charging::open(name(1), BOB, 0, 9)]), Outcome::Applied);
    let before = (world.balance(key(ALICE)), world.balance(key(BOB)));
    assert_eq!(world.run(&[ALICE], [charging::charge(name(1), BOB, ALICE, 2, 0)]), Outcome::Applied);
    assert_eq!(world.run(&[BOB], [charging::charge(name(1), BOB, BOB, 3, 0)]), Outcome::Applied);
    assert_eq!((world.balance(key(ALICE)), world.balance(key(BOB))), before);
    assert_eq!(station(&world).units_sold, 5);
}

#[test]
fn given_a_transfer_and_a_charge_in_one_transaction_when_executed_then_the_money_received_pays_the_charge() {
    let mut world = world();
    assert_eq!(world.run(&[ALICE], [ledger::transfer(key(ALICE), key(BOB), 1_000)]), Outcome::Applied);
    let steps = [ledger::transfer(key(BOB), key(ALICE), 7), charging::charge(name(1), BOB, ALICE, 1, 7)];
    assert_eq!(world.run(&[ALICE, BOB], steps), Outcome::Applied);
    assert_eq!((world.balance(key(ALICE)), world.balance(key(BOB))), (0, 2_000));
}

#[test]
fn given_another_owners_station_of_that_name_when_charged_then_that_owner_is_not_paid() {
    let mut world = World::new(Programs::built_in());
    assert_eq!(world.run(&[CAROL], [charging::open(name(1), CAROL, 7, 10)]), Outcome::Applied);
    let outcome = world.run(&[ALICE], [charging::charge(name(1), BOB, ALICE, 1, 7)]);
    let account = ledger::account(&key(CAROL));
    let expected = Rejection::Undeclared { program: ledger::LEDGER, account, mode: Mode::Read };
    assert_eq!(outcome, Outcome::Rejected(expected));
    assert_eq!(world.balance(key(ALICE)), 1_000);
}
