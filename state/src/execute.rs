//! Executes what a chain block accepted: a pure function of (state, block).
//!
//! For each transaction: it is decoded, the nonces of its signers are checked and used, its signatures are checked, the
//! accounts that it declares are read, and its calls happen in order. The first thing that is wrong takes all of it back.

pub(crate) mod overlay;

use std::{collections::BTreeMap, convert::Infallible, sync::Arc};

use bridge::AcceptedTransaction;
use kaspa_hashes::Hash;

use self::overlay::Overlay;
use crate::{
    account::{Account, AccountId, ProgramId},
    authorization::{Authorization, Key, Signature},
    context::{Scene, Work},
    genesis::Genesis,
    program::Programs,
    receipt::{Outcome, Receipt, Rejection},
    transaction::{Signer, Transaction},
};

/// Owns the accounts that hold the last nonce of each signer. It is no program: only the execution itself writes them.
pub const SIGNERS: ProgramId = ProgramId(0);

/// The account that holds the last nonce that a signer used, a `u64`. Transactions need not declare it.
pub fn nonce_account(key: &Key) -> AccountId {
    AccountId::of(SIGNERS, &key.0)
}

/// The chain block that accepts transactions, as programs see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Identity.
    pub hash: Hash,
    /// Number of followed chain blocks below it.
    pub index: u64,
    /// Blue score of its header.
    pub blue_score: u64,
    /// DAA score of its header: the clock of programs.
    pub daa_score: u64,
    /// Timestamp of its header in milliseconds since the Unix epoch; a miner's word.
    pub timestamp_ms: u64,
}

/// By what rules transactions are executed.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What can be called.
    pub programs: Programs,
    /// Who counts as having signed.
    pub authorization: Arc<dyn Authorization>,
    /// Identity of the state machine; signatures are bound to it.
    pub genesis: [u8; 32],
}

/// The state before the block.
pub trait Accounts {
    /// Why an account cannot be read.
    type Error;

    /// The account, if it exists.
    ///
    /// # Errors
    /// The storage's.
    fn account(&self, id: &AccountId) -> Result<Option<Account>, Self::Error>;
}

impl Accounts for BTreeMap<AccountId, Account> {
    type Error = Infallible;

    fn account(&self, id: &AccountId) -> Result<Option<Account>, Infallible> {
        Ok(self.get(id).cloned())
    }
}

impl Accounts for Genesis {
    type Error = Infallible;

    fn account(&self, id: &AccountId) -> Result<Option<Account>, Infallible> {
        Ok(self.account(id).cloned())
    }
}

/// What a block changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// The accounts that are not as before.
    pub changes: BTreeMap<AccountId, Change>,
    /// One for each transaction that was meant for us, in order of acceptance.
    pub receipts: Vec<Receipt>,
}

/// An account before and after; never the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Before the block.
    pub before: Option<Account>,
    /// After it.
    pub after: Option<Account>,
}

/// Executes the transactions that `block` accepted, in order. Each happens as a whole or changes nothing.
///
/// # Errors
/// Those of `accounts`; there is no effect then.
pub fn execute<A: Accounts>(
    rules: &Rules,
    accounts: &A,
    block: &Block,
    accepted: &[AcceptedTransaction],
) -> Result<Effects, A::Error> {
    let mut work = Work::new(Overlay::new());
    let mut receipts = Vec::new();
    for transaction in accepted {
        let Some(decoded) = Transaction::decode(&transaction.payload) else { continue };
        let outcome = match decoded {
            Ok((body, signatures)) => execute_one(rules, accounts, block, &mut work, &body, &signatures)?,
            Err(rejection) => Outcome::Rejected(rejection),
        };
        receipts.push(Receipt {
            transaction: transaction.id,
            index: block.index,
            acceptance_index: transaction.acceptance_index,
            outcome,
        });
    }
    Ok(Effects { changes: work.overlay.into_changes(), receipts })
}

/// Why a transaction does not happen.
enum Stop<E> {
    Storage(E),
    Rejected(Rejection),
}

/// Executes one transaction and leaves in `work` either all of it or nothing.
fn execute_one<A: Accounts>(
    rules: &Rules,
    accounts: &A,
    block: &Block,
    work: &mut Work,
    transaction: &Transaction,
    signatures: &[Signature],
) -> Result<Outcome, A::Error> {
    match attempt(rules, accounts, block, work, transaction, signatures) {
        Ok(()) => {
            work.overlay.commit();
            Ok(Outcome::Applied)
        }
        Err(Stop::Rejected(rejection)) => {
            work.overlay.roll_back();
            Ok(Outcome::Rejected(rejection))
        }
        Err(Stop::Storage(error)) => Err(error),
    }
}

fn attempt<A: Accounts>(
    rules: &Rules,
    accounts: &A,
    block: &Block,
    work: &mut Work,
    transaction: &Transaction,
    signatures: &[Signature],
) -> Result<(), Stop<A::Error>> {
    use_nonces(accounts, &mut work.overlay, &transaction.signers)?;
    check_signatures(rules, transaction, signatures).map_err(Stop::Rejected)?;
    work.declared.clear();
    for access in &transaction.accounts {
        let number = work.overlay.load(accounts, &access.account).map_err(Stop::Storage)?;
        work.declared.push(number);
    }
    work.run(&Scene { block, programs: &rules.programs, transaction }).map_err(Stop::Rejected)
}

/// Writes the nonces of all signers, if each is above the last one used.
fn use_nonces<A: Accounts>(accounts: &A, overlay: &mut Overlay, signers: &[Signer]) -> Result<(), Stop<A::Error>> {
    for Signer { key, nonce } in signers {
        let number = overlay.load(accounts, &nonce_account(key)).map_err(Stop::Storage)?;
        if let Some(account) = overlay.account(number) {
            // Only the execution writes there, and a genesis is checked; whatever else a caller may bring is of no use.
            let used = borsh::from_slice(&account.data).unwrap_or(u64::MAX);
            if *nonce <= used {
                return Err(Stop::Rejected(Rejection::NonceUsed { key: *key, nonce: *nonce, used }));
            }
        }
        overlay.write(number, SIGNERS, Some(nonce.to_le_bytes().to_vec()));
    }
    Ok(())
}

fn check_signatures(rules: &Rules, transaction: &Transaction, signatures: &[Signature]) -> Result<(), Rejection> {
    let message = transaction.message(&rules.genesis);
    for (signer, signature) in transaction.signers.iter().zip(signatures) {
        if !rules.authorization.is_signed(&signer.key, &message, signature) {
            return Err(Rejection::BadSignature { key: signer.key });
        }
    }
    Ok(())
}
