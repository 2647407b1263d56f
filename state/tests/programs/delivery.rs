//! Jobs: posted, confirmed up to the deadline, expired after it.

use state::{
    program::Programs,
    programs::{
        delivery::{self, Job, JobState},
        ledger,
    },
    receipt::{Mode, Outcome, Rejection},
};

use crate::{
    refusal,
    world::{ALICE, BOB, CAROL, World, key, name},
};

const DEADLINE: u64 = 110;

/// At DAA score 100 Alice offers Bob 50 for job 1, up to 110.
fn world() -> World {
    let mut world = World::new(Programs::built_in());
    assert_eq!(world.run(&[ALICE], [delivery::post(name(1), ALICE, BOB, 50, DEADLINE)]), Outcome::Applied);
    assert_eq!((world.balance(key(ALICE)), world.balance(delivery::escrow(name(1)))), (950, 50));
    world
}

fn state(world: &World) -> JobState {
    world.value::<Job>(&delivery::account(&name(1))).expect("it was posted").state
}

#[test]
fn given_an_open_job_when_confirmed_at_the_deadline_then_the_carrier_is_paid_once() {
    let mut world = world();
    world.daa_score = DEADLINE;
    assert_eq!(world.run(&[ALICE], [delivery::confirm(name(1), BOB)]), Outcome::Applied);
    assert_eq!((world.balance(key(BOB)), world.balance(delivery::escrow(name(1)))), (1_050, 0));
    assert_eq!(state(&world), JobState::Confirmed);
    assert_eq!(refusal(&world.run(&[ALICE], [delivery::confirm(name(1), BOB)])), "the job is settled");
    world.daa_score = DEADLINE + 1;
    assert_eq!(refusal(&world.run(&[], [delivery::expire(name(1), ALICE)])), "the job is settled");
}

#[test]
fn given_an_open_job_when_the_deadline_has_passed_then_anyone_can_give_the_reward_back_once() {
    let mut world = world();
    world.daa_score = DEADLINE + 1;
    assert_eq!(refusal(&world.run(&[ALICE], [delivery::confirm(name(1), BOB)])), "the deadline has passed");
    assert_eq!(world.run(&[], [delivery::expire(name(1), ALICE)]), Outcome::Applied);
    assert_eq!((world.balance(key(ALICE)), world.balance(delivery::escrow(name(1)))), (1_000, 0));
    assert_eq!(state(&world), JobState::Expired);
    assert_eq!(refusal(&world.run(&[], [delivery::expire(name(1), ALICE)])), "the job is settled");
}

#[test]
fn given_a_step_that_cannot_be_when_called_then_it_is_refused() {
    let cases = [
        (delivery::post(name(1), BOB, CAROL, 1, 200), "there is a job of that name"),
        (delivery::post(name(2), BOB, CAROL, 1, 100), "the deadline has passed"),
        (delivery::post(name(2), BOB, CAROL, 0, 200), "the job has no reward"),
        (delivery::post(name(2), ALICE, CAROL, 1, 200), "the customer has not signed"),
        (delivery::post(name(2), BOB, CAROL, 1_001, 200), "the payer has 1000, 1001 is to be moved"),
        (delivery::confirm(name(1), BOB), "the customer has not signed"),
        (delivery::confirm(name(2), BOB), "there is no such job"),
        (delivery::expire(name(1), ALICE), "the deadline has not passed"),
        (delivery::expire(name(2), ALICE), "there is no such job"),
    ];
    for (step, reason) in cases {
        assert_eq!(refusal(&world().run(&[BOB], [step])), reason);
    }
}

#[test]
fn given_money_sent_to_an_escrow_by_a_stranger_when_the_job_is_settled_then_only_the_reward_leaves_it() {
    let mut world = world();
    let gift = ledger::transfer(key(CAROL), delivery::escrow(name(1)), 5);
    assert_eq!(world.run(&[CAROL], [gift]), Outcome::Applied);
    assert_eq!(world.run(&[ALICE], [delivery::confirm(name(1), BOB)]), Outcome::Applied);
    assert_eq!((world.balance(key(BOB)), world.balance(delivery::escrow(name(1)))), (1_050, 5));
}

#[test]
fn given_a_job_of_that_name_with_another_carrier_or_customer_when_confirmed_then_nobody_is_paid() {
    let confirm = delivery::confirm(name(2), BOB);
    let mut world = world();
    assert_eq!(world.run(&[ALICE], [delivery::post(name(2), ALICE, CAROL, 50, DEADLINE)]), Outcome::Applied);
    let account = ledger::account(&key(CAROL));
    let expected = Rejection::Undeclared { program: ledger::LEDGER, account, mode: Mode::Read };
    assert_eq!(world.run(&[ALICE], [confirm.clone()]), Outcome::Rejected(expected));
    let mut world = self::world();
    assert_eq!(world.run(&[CAROL], [delivery::post(name(2), CAROL, BOB, 50, DEADLINE)]), Outcome::Applied);
    assert_eq!(refusal(&world.run(&[ALICE], [confirm])), "the customer has not signed");
    assert_eq!(world.balance(delivery::escrow(name(2))), 50);
}
