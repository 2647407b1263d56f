//! Balances: transfers, what they refuse, and what the genesis mints.

use state::{
    AccountId, Genesis, ProgramId,
    authorization::Key,
    program::Programs,
    programs::ledger::{self, Holder, Input, LEDGER, MintError},
    receipt::{Mode, Outcome, Rejection},
    transaction::{Access, Step},
};

use crate::{
    refusal,
    world::{ALICE, BOB, CAROL, World, key, name},
};

#[test]
fn given_a_payer_who_signs_when_money_is_moved_then_both_balances_follow() {
    let mut world = World::new(Programs::built_in());
    assert_eq!(world.run(&[ALICE], [ledger::transfer(key(ALICE), key(BOB), 300)]), Outcome::Applied);
    assert_eq!((world.balance(key(ALICE)), world.balance(key(BOB))), (700, 1_300));
}

#[test]
fn given_a_balance_that_falls_to_nothing_when_moved_then_its_account_is_gone_and_comes_back_with_version_1() {
    let mut world = World::new(Programs::built_in());
    let account = ledger::account(&key(ALICE));
    assert_eq!(world.run(&[ALICE], [ledger::transfer(key(ALICE), key(BOB), 1_000)]), Outcome::Applied);
    assert!(!world.accounts.contains_key(&account));
    assert_eq!(world.run(&[BOB], [ledger::transfer(key(BOB), key(ALICE), 1)]), Outcome::Applied);
    assert_eq!(world.accounts[&account].version, 1);
    assert_eq!(world.accounts[&ledger::account(&key(BOB))].version, 3);
}

#[test]
fn given_a_transfer_that_cannot_be_when_called_then_it_is_refused() {
    let cases = [
        (ALICE, key(ALICE), key(BOB), 0, "nothing is to be moved"),
        (ALICE, key(ALICE), key(ALICE), 5, "payer and payee are the same"),
        (BOB, key(ALICE), key(BOB), 5, "the payer has not signed"),
        (ALICE, key(ALICE), key(BOB), 1_001, "the payer has 1000, 1001 is to be moved"),
        (ALICE, key(ALICE), key(BOB), u64::MAX, "the payer has 1000, 18446744073709551615 is to be moved"),
    ];
    for (signer, from, to, amount, reason) in cases {
        let mut world = World::new(Programs::built_in());
        let before = world.accounts.clone();
        assert_eq!(refusal(&world.run(&[signer], [ledger::transfer(from, to, amount)])), reason);
        assert_eq!(world.accounts, before);
    }
}

#[test]
fn given_an_escrow_when_a_transaction_takes_from_it_then_it_is_refused_whoever_signs() {
    let mut world = World::new(Programs::built_in());
    for program in [0, 1, 3, 77].map(ProgramId) {
        let escrow = Holder::Escrow { program, name: name(1) };
        assert_eq!(world.run(&[ALICE], [ledger::transfer(key(ALICE), escrow, 10)]), Outcome::Applied);
        let robbery = world.run(&[ALICE, BOB, CAROL], [ledger::transfer(escrow, key(BOB), 10)]);
        assert_eq!(refusal(&robbery), "an escrow pays when its program says so");
        assert_eq!(world.balance(escrow), 10);
    }
}

#[test]
fn given_accounts_not_declared_for_writing_when_money_is_moved_then_the_account_is_named() {
    let mut world = World::new(Programs::built_in());
    let payee = ledger::account(&key(BOB));
    let input = Input::Transfer { from: key(ALICE), to: key(BOB), amount: 1 };
    let payer = Access::write(ledger::account(&key(ALICE)));
    let undeclared = |mode| Outcome::Rejected(Rejection::Undeclared { program: LEDGER, account: payee, mode });
    assert_eq!(world.run(&[ALICE], [Step::new(LEDGER, &input, [payer])]), undeclared(Mode::Read));
    let readable = Step::new(LEDGER, &input, [payer, Access::read(payee)]);
    assert_eq!(world.run(&[ALICE], [readable]), undeclared(Mode::Write));
}

#[test]
fn given_inputs_of_no_kind_when_called_then_they_are_refused() {
    let mut world = World::new(Programs::built_in());
    let transfer = ledger::transfer(key(ALICE), key(BOB), 1);
    let mut inputs = vec![vec![], vec![1], vec![0]];
    inputs.push([&transfer.call.input[..], &[0]].concat());
    inputs.push(transfer.call.input[..transfer.call.input.len() - 1].to_vec());
    for program in 1..=4 {
        for input in &inputs {
            let mut step = transfer.clone();
            step.call.program = ProgramId(program);
            step.call.input.clone_from(input);
            let outcome = world.run(&[ALICE], [step]);
            assert_eq!(refusal(&outcome), "the input is none of those that this program knows", "{program} {input:?}");
        }
    }
}

#[test]
fn given_holders_when_minted_then_repeated_ones_add_up_and_nothing_makes_no_account() {
    let first = ledger::mint(Genesis::default(), [(ALICE, 5), (BOB, 0), (ALICE, 6)]).expect("11");
    let genesis = ledger::mint(first, [(ALICE, 7)]).expect("18");
    let account = genesis.account(&ledger::account(&key(ALICE))).expect("minted");
    assert_eq!((account.program, account.version, &account.data[..]), (LEDGER, 1, &18u64.to_le_bytes()[..]));
    assert_eq!(genesis.account(&ledger::account(&key(BOB))), None);
}

#[test]
fn given_more_than_the_ledger_can_count_when_minted_then_it_is_an_error() {
    let full = ledger::mint(Genesis::default(), [(ALICE, u64::MAX)]).expect("all there can be");
    assert_eq!(ledger::mint(full.clone(), [(BOB, 1)]), Err(MintError::TooMuch));
    assert_eq!(ledger::mint(full.clone(), [(ALICE, 1)]), Err(MintError::TooMuch));
    assert_eq!(ledger::mint(full.clone(), [(Key([9; 32]), 0)]), Ok(full));
    let strange = Genesis::default().with(LEDGER, b"x", &7u8);
    let account = AccountId::of(LEDGER, b"x");
    assert_eq!(ledger::mint(strange, []), Err(MintError::NotABalance { account }));
}
