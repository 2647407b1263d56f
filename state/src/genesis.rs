//! The state before the first block.
//!
//! It is checked once, when a machine is opened with it ([`Genesis::check`]): what the execution and the ledger rely on holds
//! from the beginning, so that no transaction can meet an account that the rules could not have made.

use std::collections::BTreeMap;

use borsh::BorshSerialize;
use thiserror::Error;

use crate::{
    account::{Account, AccountId, MOST_ACCOUNT_BYTES, ProgramId},
    encoding,
    execute::SIGNERS,
    programs::ledger::LEDGER,
};

/// The accounts with which a state machine begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Genesis {
    pub(crate) accounts: BTreeMap<AccountId, Account>,
}

/// Why a state machine cannot begin with a genesis.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum GenesisError {
    /// More than an account can hold.
    #[error(
        "account {account} of {program} in the genesis has {bytes} bytes, at most {MOST_ACCOUNT_BYTES} are allowed"
    )]
    TooLarge {
        /// The account.
        account: AccountId,
        /// Its program.
        program: ProgramId,
        /// Length of its data in bytes.
        bytes: usize,
    },
    /// An account of [`SIGNERS`] that does not hold the last nonce of a signer, a `u64`.
    #[error("account {account} of {SIGNERS} in the genesis holds no nonce")]
    NotANonce {
        /// The account.
        account: AccountId,
    },
    /// An account of the ledger that does not hold a `u64` above 0.
    #[error("account {account} of the ledger in the genesis holds no balance above 0")]
    NotABalance {
        /// The account.
        account: AccountId,
    },
    /// The supply is beyond the numbers of the ledger.
    #[error("with account {account} the balances of the genesis add up to more than {}", u64::MAX)]
    TooMuch {
        /// The first account, in order of ids, with which the sum is too large.
        account: AccountId,
    },
}

impl Genesis {
    /// The account that `program` knows by `name` begins with this value; the last one for a name counts.
    ///
    /// # Panics
    /// If the value is of a type that refuses to be written.
    #[must_use]
    pub fn with<T: BorshSerialize>(mut self, program: ProgramId, name: &[u8], value: &T) -> Self {
        let data = encoding::to_vec(value).expect("a Vec takes everything that the type gives");
        self.accounts.insert(AccountId::of(program, name), Account { program, version: 1, data });
        self
    }

    /// The account of that id.
    pub fn account(&self, id: &AccountId) -> Option<&Account> {
        self.accounts.get(id)
    }

    /// Whether a state machine can begin with these accounts. What accounts of other programs than the ledger mean is not
    /// looked at.
    ///
    /// # Errors
    /// The first account, in order of ids, that cannot be.
    pub fn check(&self) -> Result<(), GenesisError> {
        let mut supply = 0u64;
        for (id, Account { program, data, .. }) in &self.accounts {
            let (account, bytes) = (*id, data.len());
            if bytes > MOST_ACCOUNT_BYTES {
                return Err(GenesisError::TooLarge { account, program: *program, bytes });
            }
            let number: Option<u64> = borsh::from_slice(data).ok();
            if *program == SIGNERS && number.is_none() {
                return Err(GenesisError::NotANonce { account });
            }
            if *program == LEDGER {
                let balance = number.filter(|balance| *balance > 0).ok_or(GenesisError::NotABalance { account })?;
                supply = supply.checked_add(balance).ok_or(GenesisError::TooMuch { account })?;
            }
        }
        Ok(())
    }
}
