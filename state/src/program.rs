//! Programs: what transactions call. One trait, for those of this crate and for yours.

use std::{collections::BTreeMap, fmt, sync::Arc};

use thiserror::Error;

use crate::{
    account::ProgramId,
    context::CallContext,
    programs::{charging::Charging, delivery::Delivery, insurance::Insurance, ledger::Ledger},
    receipt::Rejection,
};

/// A program. Everything that it decides must follow from its input and what the context tells: no clock, no randomness,
/// no memory of its own. A panic ends the process; nothing of the block is stored then.
pub trait Program: fmt::Debug + Send + Sync {
    /// Its name for life.
    fn id(&self) -> ProgramId;

    /// Name for people.
    fn name(&self) -> &'static str;

    /// Number of the rules that it follows. A store made under other rules is refused.
    fn version(&self) -> u32 {
        1
    }

    /// Does what the input says.
    ///
    /// # Errors
    /// Why not. The whole transaction is rejected then, and nothing of it remains.
    fn call(&self, input: &[u8], context: &mut CallContext<'_>) -> Result<(), CallError>;
}

/// Why a call did not happen. Programs get one from [`CallContext::refuse`] or from what they call, in no other way: none
/// can speak for another, or at greater length than is kept.
///
/// ```compile_fail,E0277
/// use state::{program::CallError, receipt::Rejection};
///
/// let _ = CallError::from(Rejection::Malformed { reason: "made up".to_owned() });
/// ```
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(transparent)]
pub struct CallError(Rejection);

impl CallError {
    /// The error that rejects a transaction with these words.
    pub(crate) fn of(rejection: Rejection) -> Self {
        Self(rejection)
    }

    /// What the receipt will say, unless something was rejected earlier in the transaction.
    pub fn rejection(&self) -> &Rejection {
        &self.0
    }
}

/// The programs of a state machine, ordered by id.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    programs: BTreeMap<ProgramId, Arc<dyn Program>>,
}

impl Programs {
    /// The four that come with this crate: ledger, charging, delivery, insurance.
    pub fn built_in() -> Self {
        Self::default().with(Ledger).with(Charging).with(Delivery).with(Insurance)
    }

    /// Adds one; it takes the place of one with the same id. Number 0 belongs to [`SIGNERS`](crate::execute::SIGNERS): a
    /// program with that number is never called.
    #[must_use]
    pub fn with(mut self, program: impl Program + 'static) -> Self {
        self.programs.insert(program.id(), Arc::new(program));
        self
    }

    /// The program of that id.
    pub fn program(&self, id: ProgramId) -> Option<&dyn Program> {
        self.programs.get(&id).map(AsRef::as_ref)
    }

    /// All of them, ordered by id.
    pub fn iter(&self) -> impl Iterator<Item = &dyn Program> {
        self.programs.values().map(AsRef::as_ref)
    }
}
