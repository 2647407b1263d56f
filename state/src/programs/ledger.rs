//! Balances. The genesis mints, and then money only moves: the sum of all balances stays what it was.
//!
//! An account belongs to a [`Holder`] and holds a `u64`, never 0: an account that falls to nothing is removed.

use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use super::{Name, must, must_sign, read};
use crate::{
    account::{AccountId, ProgramId},
    authorization::Key,
    context::CallContext,
    encoding,
    genesis::Genesis,
    program::{CallError, Program},
    transaction::{Access, Step},
};

/// Number of the ledger.
pub const LEDGER: ProgramId = ProgramId(1);

/// Moves balances between holders.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ledger;

/// Whose balance it is. In Borsh this is the name of the ledger's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshDeserialize, BorshSerialize)]
pub enum Holder {
    /// Whoever signs with this key.
    Key(Key),
    /// A program, for a purpose that it names. Only that program can take from it.
    Escrow {
        /// The program.
        program: ProgramId,
        /// What for.
        name: Name,
    },
}

/// What the ledger can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshDeserialize, BorshSerialize)]
pub enum Input {
    /// Moves money. A key must have signed the transaction; an escrow's program must be the caller.
    Transfer {
        /// Who pays.
        from: Holder,
        /// Who is paid, another one.
        to: Holder,
        /// How much, above 0.
        amount: u64,
    },
}

/// Why money cannot be minted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum MintError {
    /// The supply is beyond the numbers of the ledger.
    #[error("the balances of the genesis add up to more than {}", u64::MAX)]
    TooMuch,
    /// An account that was put into the genesis as the ledger's, and is none.
    #[error("ledger account {account} of the genesis holds no balance")]
    NotABalance {
        /// The account.
        account: AccountId,
    },
}

/// The account with the balance of a holder.
pub fn account(holder: &Holder) -> AccountId {
    AccountId::of(LEDGER, &name(holder))
}

/// Moves `amount` from one holder to another.
pub fn transfer(from: Holder, to: Holder, amount: u64) -> Step {
    Step::new(LEDGER, &Input::Transfer { from, to, amount }, transfer_accesses(from, to))
}

/// What a transfer touches.
pub fn transfer_accesses(from: Holder, to: Holder) -> [Access; 2] {
    [Access::write(account(&from)), Access::write(account(&to))]
}

/// Gives balances to keys at the beginning; a key that has one already gets more.
///
/// # Errors
/// More than `u64::MAX` in total.
pub fn mint(genesis: Genesis, holders: impl IntoIterator<Item = (Key, u64)>) -> Result<Genesis, MintError> {
    let mut supply = 0u64;
    for (id, present) in genesis.accounts.iter().filter(|(_, present)| present.program == LEDGER) {
        let balance = borsh::from_slice::<u64>(&present.data).map_err(|_| MintError::NotABalance { account: *id })?;
        supply = supply.checked_add(balance).ok_or(MintError::TooMuch)?;
    }
    let mut genesis = genesis;
    for (key, amount) in holders.into_iter().filter(|(_, amount)| *amount > 0) {
        supply = supply.checked_add(amount).ok_or(MintError::TooMuch)?;
        let holder = Holder::Key(key);
        let present = genesis.account(&account(&holder)).and_then(|account| borsh::from_slice(&account.data).ok());
        let balance = amount + present.unwrap_or(0u64);
        genesis = genesis.with(LEDGER, &name(&holder), &balance);
    }
    Ok(genesis)
}

impl Program for Ledger {
    fn id(&self) -> ProgramId {
        LEDGER
    }

    fn name(&self) -> &'static str {
        "ledger"
    }

    fn call(&self, input: &[u8], context: &mut CallContext<'_>) -> Result<(), CallError> {
        let Input::Transfer { from, to, amount } = read(input, context)?;
        must(amount > 0, "nothing is to be moved", context)?;
        must(from != to, "payer and payee are the same", context)?;
        match from {
            Holder::Key(key) => must_sign(&key, "payer", context)?,
            Holder::Escrow { program, .. } => {
                must(context.caller() == Some(program), "an escrow pays when its program says so", context)?;
            }
        }
        let (from, to) = (name(&from), name(&to));
        let payer = balance(&from, context)?;
        let payee = balance(&to, context)?;
        let payer_left = payer
            .checked_sub(amount)
            .ok_or_else(|| context.refuse(format!("the payer has {payer}, {amount} is to be moved")))?;
        let payee_total =
            payee.checked_add(amount).ok_or_else(|| context.refuse("the payee would hold more than there can be"))?;
        if payer_left == 0 {
            context.remove(&from)?;
        } else {
            context.store(&from, &payer_left)?;
        }
        context.store(&to, &payee_total)
    }
}

/// Moves money on behalf of a program.
pub(super) fn pay(from: Holder, to: Holder, amount: u64, context: &mut CallContext<'_>) -> Result<(), CallError> {
    let input = encoding::to_vec(&Input::Transfer { from, to, amount }).expect("a Vec takes everything");
    context.call(LEDGER, &input)
}

fn balance(name: &[u8], context: &CallContext<'_>) -> Result<u64, CallError> {
    Ok(context.load(name)?.unwrap_or(0))
}

fn name(holder: &Holder) -> Vec<u8> {
    encoding::to_vec(holder).expect("a Vec takes everything")
}
