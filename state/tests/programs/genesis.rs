//! With what a machine can begin.

use bridge::wire::Network;
use redb::backends::InMemoryBackend;
use state::{
    AccountId, Genesis, GenesisError, Machine, MachineConfig, OpenError, ProgramId,
    account::MOST_ACCOUNT_BYTES,
    execute::SIGNERS,
    programs::{
        charging::CHARGING,
        ledger::{self, LEDGER},
    },
};

use crate::world::{ALICE, BOB, key};

/// Bytes that Borsh writes as they are.
struct Raw(Vec<u8>);

impl borsh::BorshSerialize for Raw {
    fn serialize<W: borsh::io::Write>(&self, writer: &mut W) -> borsh::io::Result<()> {
        writer.write_all(&self.0)
    }
}

fn with(program: ProgramId, bytes: usize) -> Genesis {
    Genesis::default().with(program, b"x", &Raw(vec![1; bytes]))
}

#[test]
fn given_accounts_as_the_rules_make_them_when_checked_then_a_machine_can_begin() {
    assert_eq!(Genesis::default().check(), Ok(()));
    let minted = ledger::mint(with(SIGNERS, 8), [(ALICE, u64::MAX - 1), (BOB, 1)]).expect("all there can be");
    assert_eq!(minted.check(), Ok(()));
    for bytes in [0, 1, MOST_ACCOUNT_BYTES] {
        assert_eq!(with(CHARGING, bytes).check(), Ok(()), "what {bytes} bytes mean is up to the program");
    }
}

#[test]
fn given_an_account_that_no_rule_could_make_when_checked_then_it_is_named() {
    let account = |program| AccountId::of(program, b"x");
    for program in [SIGNERS, LEDGER, CHARGING, ProgramId(1_001)] {
        let bytes = MOST_ACCOUNT_BYTES + 1;
        let expected = GenesisError::TooLarge { account: account(program), program, bytes };
        assert_eq!(with(program, bytes).check(), Err(expected));
    }
    for bytes in [0, 7, 9] {
        assert_eq!(with(SIGNERS, bytes).check(), Err(GenesisError::NotANonce { account: account(SIGNERS) }));
        assert_eq!(with(LEDGER, bytes).check(), Err(GenesisError::NotABalance { account: account(LEDGER) }));
    }
    let nothing = Genesis::default().with(LEDGER, b"x", &0u64);
    assert_eq!(nothing.check(), Err(GenesisError::NotABalance { account: account(LEDGER) }));
}

#[test]
fn given_balances_beyond_the_ledger_when_checked_then_the_sum_is_too_much() {
    let full = ledger::mint(Genesis::default(), [(ALICE, u64::MAX)]).expect("all there can be");
    let account = AccountId::of(LEDGER, b"x").max(ledger::account(&key(ALICE)));
    let beyond = full.with(LEDGER, b"x", &1u64);
    assert_eq!(beyond.check(), Err(GenesisError::TooMuch { account }));
}

#[test]
fn given_a_genesis_that_cannot_be_when_a_machine_is_opened_then_it_is_refused() {
    let mut config = MachineConfig::new(Network::SIMNET);
    config.genesis = with(LEDGER, 3);
    let error = Machine::open_on(InMemoryBackend::new(), config).expect_err("no balance has three bytes");
    assert!(matches!(error, OpenError::Genesis(GenesisError::NotABalance { .. })), "{error}");
}
