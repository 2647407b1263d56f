//! Laws over random blocks of valid and invalid transactions of few actors.

use std::collections::BTreeMap;

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, subsequence},
    strategy::ValueTree,
    test_runner::TestRunner,
};
use state::{
    Account, AccountId,
    authorization::Key,
    execute::Effects,
    program::Programs,
    programs::{Name, charging, delivery, insurance, insurance::JobTerms, ledger, ledger::Holder},
    receipt::Outcome,
    transaction::{Signer, Step, Transaction},
};

use crate::{
    supply,
    world::{ALICE, BOB, CAROL, World, name, payload},
};

fn person() -> impl Strategy<Value = Key> {
    prop::sample::select(vec![ALICE, BOB, CAROL])
}

fn thing() -> impl Strategy<Value = Name> {
    (1u8..=3).prop_map(name)
}

fn holder() -> impl Strategy<Value = Holder> {
    prop_oneof![
        4 => person().prop_map(Holder::Key),
        1 => thing().prop_map(delivery::escrow),
        1 => thing().prop_map(insurance::escrow),
    ]
}

fn amount() -> impl Strategy<Value = u64> {
    prop_oneof![20 => 0u64..400, 1 => Just(u64::MAX), 1 => Just(1_000)]
}

/// A name with two people who usually go with it.
fn roles() -> impl Strategy<Value = (Name, Key, Key)> {
    let usual = prop::sample::select(vec![(name(1), ALICE, BOB), (name(2), BOB, CAROL), (name(3), CAROL, ALICE)]);
    prop_oneof![6 => usual, 1 => (thing(), person(), person())]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (holder(), holder(), amount()).prop_map(|(from, to, amount)| ledger::transfer(from, to, amount)),
        2 => (roles(), 0u64..9, amount()).prop_map(|((name, owner, _), price, units)| charging::open(name, owner, price, units)),
        2 => (thing(), amount()).prop_map(|(name, units)| charging::restock(name, units)),
        2 => (roles(), 0u64..40).prop_map(|((name, owner, payer), units)| charging::charge(name, owner, payer, units, 6)),
        2 => (roles(), amount(), deadline())
            .prop_map(|((job, customer, carrier), reward, end)| delivery::post(job, customer, carrier, reward, end)),
        2 => roles().prop_map(|(job, _, carrier)| delivery::confirm(job, carrier)),
        2 => roles().prop_map(|(job, customer, _)| delivery::expire(job, customer)),
        4 => (roles(), deadline(), 0u64..90, amount())
            .prop_map(|((job, one, other), end, premium, n)| insurance::insure(job, one, other, terms(job, one, other, end), premium, n)),
        2 => (roles(), roles(), deadline()).prop_map(|((name, one, other), (job, customer, carrier), end)| {
            insurance::insure(name, one, other, terms(job, customer, carrier, end), 1, 1)
        }),
        3 => roles().prop_map(|(name, _, insured)| insurance::claim(name, insured, name)),
        3 => roles().prop_map(|(name, insurer, _)| insurance::release(name, insurer, name)),
    ]
}

/// Mostly the same one, so that a job often is what an insurer takes it for.
fn deadline() -> impl Strategy<Value = u64> {
    prop_oneof![9 => Just(104), 1 => 101u64..107]
}

fn terms(job: Name, customer: Key, carrier: Key, deadline_daa_score: u64) -> JobTerms {
    JobTerms { job, customer, carrier, deadline_daa_score }
}

/// A transaction before it has a nonce.
#[derive(Clone, Debug)]
struct Draft {
    signers: Vec<Key>,
    uses_old_nonce: bool,
    steps: Vec<Step>,
    /// An account that it needs and does not declare.
    left_out: Option<Index>,
}

fn drafts() -> impl Strategy<Value = Draft> {
    let everyone = vec![ALICE, BOB, CAROL];
    let signers = prop_oneof![3 => Just(everyone.clone()), 1 => subsequence(everyone, 0..=3)];
    (
        signers,
        prop::bool::weighted(0.05),
        prop_oneof![vec(step(), 1), vec(step(), 1..=3)],
        prop::option::weighted(0.05, any::<Index>()),
    )
        .prop_map(|(signers, uses_old_nonce, steps, left_out)| Draft { signers, uses_old_nonce, steps, left_out })
}

/// Gives each draft a nonce above the last.
fn payloads(drafts: Vec<Draft>, nonce: &mut u64) -> Vec<Vec<u8>> {
    let finish = |draft: Draft| {
        *nonce += 1;
        let nonce = if draft.uses_old_nonce { 1 } else { *nonce };
        let signers = draft.signers.into_iter().map(|key| Signer { key, nonce });
        let mut transaction = Transaction::of(signers, draft.steps);
        if let Some(place) = draft.left_out {
            let place = place.index(transaction.accounts.len());
            transaction.accounts.remove(place);
        }
        payload(&transaction)
    };
    drafts.into_iter().map(finish).collect()
}

fn check_changes(
    before: &BTreeMap<AccountId, Account>,
    after: &BTreeMap<AccountId, Account>,
    effects: &Effects,
) -> Result<(), TestCaseError> {
    let mut undone = after.clone();
    for (id, change) in &effects.changes {
        prop_assert_ne!(&change.before, &change.after);
        prop_assert_eq!(after.get(id), change.after.as_ref());
        match &change.before {
            Some(account) => undone.insert(*id, account.clone()),
            None => undone.remove(id),
        };
    }
    prop_assert_eq!(&undone, before, "what was before restores the state");
    Ok(())
}

fn is_applied(effects: &Effects, place: usize) -> bool {
    effects.receipts[place].outcome == Outcome::Applied
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn given_random_blocks_when_executed_then_supply_is_conserved_and_rejected_transactions_leave_nothing(
        blocks in vec(vec(drafts(), 1..8), 1..12),
    ) {
        let mut world = World::new(Programs::built_in());
        let mut nonce = 0;
        for drafts in blocks {
            let block = payloads(drafts, &mut nonce);
            let before = world.accounts.clone();
            let foretold = world.would_do(&block);
            let good: Vec<_> =
                (0..block.len()).filter(|place| is_applied(&foretold, *place)).map(|place| block[place].clone()).collect();
            prop_assert_eq!(&foretold.changes, &world.would_do(&good).changes, "without those that were rejected");

            let effects = world.block(&block);
            prop_assert_eq!(&effects.changes, &foretold.changes, "execution is a pure function");
            prop_assert_eq!(effects.receipts.len(), block.len());
            check_changes(&before, &world.accounts, &effects)?;
            prop_assert_eq!(supply(&world), 3_000);
            world.daa_score += 1;
        }
    }
}

/// The laws above say little unless everything that can happen does.
#[test]
fn given_the_transactions_of_the_laws_when_many_are_run_then_each_kind_of_call_is_applied_and_rejected() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeMap::new();
    for _ in 0..300 {
        let mut world = World::new(Programs::built_in());
        let mut nonce = 0;
        for _ in 0..80 {
            let draft = drafts().new_tree(&mut runner).expect("nothing is filtered").current();
            let kinds: Vec<_> = draft.steps.iter().map(|step| (step.call.program.0, step.call.input[0])).collect();
            let effects = world.block(&payloads(vec![draft], &mut nonce));
            for kind in kinds {
                *seen.entry((kind, is_applied(&effects, 0))).or_insert(0u32) += 1;
            }
            world.daa_score += u64::from(nonce % 9 == 0);
        }
    }
    let kinds = [(1, 1), (2, 3), (3, 3), (4, 3)];
    for (program, inputs) in kinds {
        for input in 0..inputs {
            for outcome in [true, false] {
                let times = seen.get(&((program, input), outcome));
                assert!(times.is_some_and(|times| *times >= 3), "{program} {input} {outcome}: {times:?}");
            }
        }
    }
}
