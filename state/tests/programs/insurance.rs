//! Policies: they follow how the job ends.

use state::{
    program::Programs,
    programs::{
        delivery,
        insurance::{self, JobTerms, Policy, PolicyState},
    },
    receipt::{Mode, Outcome, Rejection},
};

use crate::{
    refusal,
    world::{ALICE, BOB, CAROL, World, key, name},
};

const DEADLINE: u64 = 110;

const TERMS: JobTerms = JobTerms { job: name(1), customer: ALICE, carrier: BOB, deadline_daa_score: DEADLINE };

/// Alice's job 1 for Bob, and Carol's policy 2 on it for Bob: premium 3, payout 40.
fn world() -> World {
    let mut world = World::new(Programs::built_in());
    assert_eq!(world.run(&[ALICE], [delivery::post(name(1), ALICE, BOB, 50, DEADLINE)]), Outcome::Applied);
    let insure = insurance::insure(name(2), CAROL, BOB, TERMS, 3, 40);
    assert_eq!(world.run(&[BOB, CAROL], [insure]), Outcome::Applied);
    assert_eq!((world.balance(key(BOB)), world.balance(key(CAROL))), (997, 963));
    assert_eq!(world.balance(insurance::escrow(name(2))), 40);
    world
}

fn state(world: &World) -> PolicyState {
    world.value::<Policy>(&insurance::account(&name(2))).expect("it was made").state
}

#[test]
fn given_a_job_that_expired_when_claimed_then_the_insured_is_paid_once() {
    let mut world = world();
    assert_eq!(refusal(&world.run(&[], [insurance::claim(name(2), BOB, name(1))])), "the job did not end so");
    world.daa_score = DEADLINE + 1;
    let steps = [delivery::expire(name(1), ALICE), insurance::claim(name(2), BOB, name(1))];
    assert_eq!(world.run(&[], steps), Outcome::Applied);
    assert_eq!((world.balance(key(BOB)), world.balance(insurance::escrow(name(2)))), (1_037, 0));
    assert_eq!(state(&world), PolicyState::Paid);
    for again in [insurance::claim(name(2), BOB, name(1)), insurance::release(name(2), CAROL, name(1))] {
        assert_eq!(refusal(&world.run(&[], [again])), "the policy is settled");
    }
}

#[test]
fn given_a_job_that_was_confirmed_when_released_then_the_insurer_is_paid_back() {
    let mut world = world();
    assert_eq!(world.run(&[ALICE], [delivery::confirm(name(1), BOB)]), Outcome::Applied);
    assert_eq!(refusal(&world.run(&[], [insurance::claim(name(2), BOB, name(1))])), "the job did not end so");
    assert_eq!(world.run(&[], [insurance::release(name(2), CAROL, name(1))]), Outcome::Applied);
    assert_eq!((world.balance(key(CAROL)), world.balance(insurance::escrow(name(2)))), (1_003, 0));
    assert_eq!(state(&world), PolicyState::Released);
}

#[test]
fn given_a_step_that_cannot_be_when_called_then_it_is_refused() {
    let insure = insurance::insure;
    let cases = [
        (insure(name(2), CAROL, BOB, TERMS, 3, 40), "there is a policy of that name"),
        (insure(name(3), CAROL, BOB, TERMS, 3, 0), "the policy has no payout"),
        (insure(name(3), CAROL, BOB, JobTerms { job: name(9), ..TERMS }, 3, 40), "there is no such job"),
        (insure(name(3), ALICE, BOB, TERMS, 3, 40), "the insurer has not signed"),
        (insure(name(3), CAROL, ALICE, TERMS, 3, 40), "the insured has not signed"),
        (insure(name(3), CAROL, CAROL, TERMS, 3, 40), "payer and payee are the same"),
        (insure(name(3), CAROL, BOB, TERMS, 998, 1), "the payer has 997, 998 is to be moved"),
        (insure(name(3), CAROL, BOB, TERMS, 3, 967), "the payer has 966, 967 is to be moved"),
        (insurance::claim(name(3), BOB, name(1)), "there is no such policy"),
        (insurance::release(name(2), CAROL, name(1)), "the job did not end so"),
    ];
    for (step, reason) in cases {
        assert_eq!(refusal(&world().run(&[BOB, CAROL], [step])), reason);
    }
}

#[test]
fn given_a_settled_job_when_insured_then_it_is_refused() {
    let mut world = world();
    assert_eq!(world.run(&[ALICE], [delivery::confirm(name(1), BOB)]), Outcome::Applied);
    let late = insurance::insure(name(3), CAROL, BOB, TERMS, 3, 40);
    assert_eq!(refusal(&world.run(&[BOB, CAROL], [late])), "the job is settled");
}

#[test]
fn given_no_premium_when_insured_then_only_the_payout_moves_and_one_may_insure_oneself() {
    let mut world = world();
    let own = insurance::insure(name(3), CAROL, CAROL, TERMS, 0, 10);
    assert_eq!(world.run(&[CAROL], [own]), Outcome::Applied);
    assert_eq!((world.balance(key(CAROL)), world.balance(insurance::escrow(name(3)))), (953, 10));
}

#[test]
fn given_a_job_that_is_not_declared_when_insured_then_the_account_is_named() {
    let mut step = insurance::insure(name(3), CAROL, BOB, TERMS, 3, 40);
    let job = delivery::account(&name(1));
    step.accesses.retain(|access| access.account != job);
    let program = insurance::INSURANCE;
    let expected = Outcome::Rejected(Rejection::Undeclared { program, account: job, mode: Mode::Read });
    assert_eq!(world().run(&[BOB, CAROL], [step]), expected);
}

#[test]
fn given_two_posts_of_one_name_when_the_order_is_another_after_a_reorg_then_the_policy_is_refused() {
    // Alice offers Bob job 5 with time to deliver, Carol insures that, and Alice signs a second offer of that name.
    let terms = JobTerms { job: name(5), deadline_daa_score: 200, ..TERMS };
    let insured = insurance::insure(name(6), CAROL, BOB, terms, 3, 40);
    let mut first_chain = world();
    let post = delivery::post(name(5), ALICE, BOB, 50, 200);
    assert_eq!(first_chain.run(&[ALICE], [post]), Outcome::Applied);
    assert_eq!(first_chain.run(&[BOB, CAROL], [insured.clone()]), Outcome::Applied);
    let others = [
        (ALICE, delivery::post(name(5), ALICE, BOB, 50, 101)),
        (ALICE, delivery::post(name(5), ALICE, BOB, 50, 201)),
        (ALICE, delivery::post(name(5), ALICE, CAROL, 50, 200)),
        (BOB, delivery::post(name(5), BOB, BOB, 50, 200)),
    ];
    for (customer, other) in others {
        let mut second_chain = world();
        assert_eq!(second_chain.run(&[customer], [other]), Outcome::Applied);
        let before = second_chain.accounts.clone();
        assert_eq!(refusal(&second_chain.run(&[BOB, CAROL], [insured.clone()])), "the job has other terms");
        assert_eq!(second_chain.accounts, before, "neither premium nor payout has moved");
    }
}

#[test]
fn given_another_reward_when_insured_then_the_policy_is_made_since_the_risk_is_the_same() {
    let mut world = world();
    assert_eq!(world.run(&[ALICE], [delivery::post(name(5), ALICE, BOB, 7, DEADLINE)]), Outcome::Applied);
    let insured = insurance::insure(name(6), CAROL, BOB, JobTerms { job: name(5), ..TERMS }, 3, 40);
    assert_eq!(world.run(&[BOB, CAROL], [insured]), Outcome::Applied);
}
