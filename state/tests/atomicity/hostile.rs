//! What programs try, and what they cannot.

use state::{
    AccountId, ProgramId,
    account::MOST_ACCOUNT_BYTES,
    context::MOST_REASON_BYTES,
    execute::{SIGNERS, nonce_account},
    program::Programs,
    programs::{
        delivery,
        ledger::{self, LEDGER},
    },
    receipt::{Mode, Outcome, Rejection},
    transaction::{Access, MOST_CALL_DEPTH, MOST_NESTED_CALLS, Step, Transaction},
};

use crate::{
    actors::{Act, OTHER_PUPPET, PUPPET, Puppet, input, step},
    rejection,
    world::{ALICE, BOB, World, key, name, payload},
};

fn world() -> World {
    World::new(Programs::built_in().with(Puppet(PUPPET)).with(Puppet(OTHER_PUPPET)).with(Puppet(SIGNERS)))
}

fn own(name: u8) -> Access {
    Access::write(AccountId::of(PUPPET, &[name]))
}

fn swallow(act: Act) -> Act {
    Act::Swallow(Box::new(act))
}

/// Alice signs; nothing may remain.
fn rejected(steps: impl IntoIterator<Item = Step>) -> Rejection {
    let mut world = world();
    let before = world.accounts.clone();
    let rejection = rejection(world.run(&[ALICE], steps));
    assert_eq!(world.accounts, before);
    rejection
}

#[test]
fn given_a_program_that_swallows_what_another_refused_when_executed_then_the_first_refusal_rejects_all() {
    let broke = ledger::transfer(key(ALICE), key(BOB), 5_000);
    let call = Act::Call { program: LEDGER, input: broke.call.input };
    let acts = [Act::Store { name: 1, bytes: 3 }, swallow(call), swallow(Act::Refuse { letters: 1 })];
    let mut accesses = broke.accesses;
    accesses.push(own(1));
    let reason = "the payer has 1000, 5000 is to be moved".to_owned();
    assert_eq!(rejected([step(&acts, accesses)]), Rejection::Refused { program: LEDGER, reason });
}

#[test]
fn given_a_refusal_that_a_program_only_thought_of_when_executed_then_the_transaction_is_applied() {
    let acts = [swallow(Act::Refuse { letters: 1 }), Act::Store { name: 1, bytes: 3 }];
    assert_eq!(world().run(&[ALICE], [step(&acts, [own(1)])]), Outcome::Applied);
}

#[test]
fn given_a_program_that_swallows_an_undeclared_access_when_executed_then_it_is_rejected() {
    let account = AccountId::of(PUPPET, &[1]);
    let acts: [(Act, Mode); 3] = [
        (Act::Look { program: PUPPET, name: vec![1] }, Mode::Read),
        (Act::Store { name: 1, bytes: 1 }, Mode::Write),
        (Act::Remove { name: 1 }, Mode::Write),
    ];
    for (act, mode) in acts {
        let expected = Rejection::Undeclared { program: PUPPET, account, mode };
        assert_eq!(rejected([step(&[swallow(act)], [own(2)])]), expected);
    }
    let readable = [Access::read(account)];
    let expected = Rejection::Undeclared { program: PUPPET, account, mode: Mode::Write };
    assert_eq!(rejected([step(&[Act::Store { name: 1, bytes: 1 }], readable)]), expected);
}

#[test]
fn given_accounts_of_another_program_declared_for_writing_when_a_program_writes_that_name_then_it_writes_its_own() {
    let mut world = world();
    let foreign = Access::write(AccountId::of(OTHER_PUPPET, &[1]));
    let store = Act::Store { name: 1, bytes: 3 };
    assert_eq!(world.run(&[ALICE], [step(&[store], [own(1), foreign])]), Outcome::Applied);
    assert_eq!(world.accounts[&own(1).account].program, PUPPET);
    assert!(!world.accounts.contains_key(&foreign.account));
}

#[test]
fn given_a_name_that_was_asked_for_before_when_asked_for_again_then_program_mode_and_transaction_still_decide() {
    let mut world = world();
    let foreign = AccountId::of(OTHER_PUPPET, &[1]);
    let look = |program| Act::Look { program, name: vec![1] };
    let store = || Act::Store { name: 1, bytes: 3 };
    let acts = [look(OTHER_PUPPET), look(PUPPET), store(), look(OTHER_PUPPET)];
    let accesses = [own(1), own(2), Access::write(foreign)];
    assert_eq!(world.run(&[ALICE], [step(&acts, accesses)]), Outcome::Applied);
    assert_eq!(world.accounts[&own(1).account].program, PUPPET);
    assert!(!world.accounts.contains_key(&foreign));

    // In one block, so that each follows one in which the name was declared at another place.
    let one = |acts: &[Act], accesses: &[Access]| payload(&Transaction::of([], [step(acts, accesses.iter().copied())]));
    let account = own(1).account;
    let effects = world.block(&[
        one(&[look(PUPPET)], &[own(1), own(2)]),
        one(&[look(PUPPET), store()], &[Access::read(account)]),
        one(&[look(PUPPET)], &[own(2)]),
        one(&[look(PUPPET)], &[]),
        one(&[look(PUPPET), store()], &[own(1), own(2), own(3)]),
    ]);
    let undeclared = |mode| Outcome::Rejected(Rejection::Undeclared { program: PUPPET, account, mode });
    let due =
        [Outcome::Applied, undeclared(Mode::Write), undeclared(Mode::Read), undeclared(Mode::Read), Outcome::Applied];
    assert!(effects.receipts.iter().map(|receipt| &receipt.outcome).eq(&due), "{:?}", effects.receipts);
}

#[test]
fn given_a_program_that_takes_from_an_escrow_of_another_when_executed_then_the_ledger_refuses() {
    let mut world = world();
    assert_eq!(world.run(&[ALICE], [delivery::post(name(1), ALICE, BOB, 50, 200)]), Outcome::Applied);
    let before = world.accounts.clone();
    let theft = ledger::transfer(delivery::escrow(name(1)), key(BOB), 50);
    let call = Act::Call { program: LEDGER, input: theft.call.input };
    let reason = "an escrow pays when its program says so".to_owned();
    let expected = Rejection::Refused { program: LEDGER, reason };
    assert_eq!(rejection(world.run(&[ALICE, BOB], [step(&[call], theft.accesses)])), expected);
    assert_eq!(world.accounts, before);
}

#[test]
fn given_nested_calls_when_asked_for_the_caller_then_it_is_the_program_just_above() {
    let innermost = Act::Call { program: OTHER_PUPPET, input: input(&[Act::CalledBy(Some(OTHER_PUPPET))]) };
    let inner = [Act::CalledBy(Some(PUPPET)), innermost];
    let outer = [Act::CalledBy(None), Act::Call { program: OTHER_PUPPET, input: input(&inner) }, Act::CalledBy(None)];
    assert_eq!(world().run(&[], [step(&outer, [])]), Outcome::Applied);
}

#[test]
fn given_calls_within_calls_when_one_level_too_deep_then_it_is_rejected() {
    let levels = u32::try_from(MOST_CALL_DEPTH).expect("small") - 1;
    assert_eq!(world().run(&[ALICE], [step(&[Act::Descend { levels }], [])]), Outcome::Applied);
    let expected = Rejection::TooMany {
        what: "calls within one another".to_owned(),
        count: MOST_CALL_DEPTH as u64 + 1,
        most: MOST_CALL_DEPTH as u64,
    };
    assert_eq!(rejected([step(&[Act::Descend { levels: levels + 1 }], [])]), expected);
    assert_eq!(rejected([step(&[swallow(Act::Descend { levels: levels + 1 })], [])]), expected);
}

#[test]
fn given_many_calls_when_one_too_many_then_it_is_rejected_whoever_makes_them() {
    let calls = |count| vec![Act::Descend { levels: 1 }; count];
    let half = MOST_NESTED_CALLS / 2 - 1;
    let allowed = [step(&calls(half), []), step(&calls(half), [])];
    assert_eq!(world().run(&[ALICE], allowed), Outcome::Applied);
    let expected = Rejection::TooMany {
        what: "calls".to_owned(),
        count: MOST_NESTED_CALLS as u64 + 1,
        most: MOST_NESTED_CALLS as u64,
    };
    assert_eq!(rejected([step(&calls(half), []), step(&calls(half + 1), [])]), expected);
}

#[test]
fn given_an_account_when_written_to_the_brim_then_it_is_stored_and_one_byte_more_is_rejected() {
    let bytes = u32::try_from(MOST_ACCOUNT_BYTES).expect("small");
    let store = |bytes| [swallow(Act::Store { name: 1, bytes })];
    assert_eq!(world().run(&[ALICE], [step(&store(bytes), [own(1)])]), Outcome::Applied);
    let what = "bytes in an account".to_owned();
    let most = MOST_ACCOUNT_BYTES as u64;
    assert_eq!(rejected([step(&store(bytes + 1), [own(1)])]), Rejection::TooMany { what, count: most + 1, most });
}

#[test]
fn given_a_long_refusal_when_executed_then_its_beginning_is_kept_without_half_letters() {
    for letters in [1_000, 100, 99] {
        let Rejection::Refused { program: PUPPET, reason } = rejected([step(&[Act::Refuse { letters }], [])]) else {
            panic!("refused by another, or not at all");
        };
        assert_eq!(reason.chars().count(), 100.min(letters as usize));
        assert!(reason.len() <= MOST_REASON_BYTES);
    }
}

#[test]
fn given_a_long_refusal_that_another_program_passes_on_when_executed_then_it_is_no_longer_and_not_the_other_ones() {
    let inner = Act::Call { program: OTHER_PUPPET, input: input(&[Act::Refuse { letters: 1_000_000 }]) };
    let expected = Rejection::Refused { program: OTHER_PUPPET, reason: "\u{e4}".repeat(MOST_REASON_BYTES / 2) };
    assert_eq!(rejected([step(std::slice::from_ref(&inner), [])]), expected);
    assert_eq!(rejected([step(&[swallow(inner), Act::Refuse { letters: 1 }], [])]), expected);
}

#[test]
fn given_a_program_with_the_number_of_the_signers_when_called_then_there_is_none() {
    let usurper = Step::new(SIGNERS, &vec![Act::Remove { name: 1 }], []);
    assert_eq!(rejected([usurper.clone()]), Rejection::UnknownProgram { program: ProgramId(0) });
    let call = Act::Call { program: SIGNERS, input: usurper.call.input };
    assert_eq!(rejected([step(&[call], [])]), Rejection::UnknownProgram { program: ProgramId(0) });
}

#[test]
fn given_a_nonce_account_that_is_declared_when_looked_at_then_any_program_may() {
    let look = Act::Look { program: SIGNERS, name: ALICE.0.to_vec() };
    let outcome = world().run(&[ALICE], [step(&[look], [Access::read(nonce_account(&ALICE))])]);
    assert_eq!(outcome, Outcome::Applied);
}
