//! What a program may see and do during a call.
//!
//! The accounts were read before the first call, so that nothing here can meet an error of the storage. Whatever this
//! context does not allow rejects the transaction, also if the program goes on as if nothing had happened: the first
//! rejection is kept.

use std::cell::{OnceCell, RefCell};

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{
    account::{Account, AccountId, MOST_ACCOUNT_BYTES, ProgramId},
    authorization::Key,
    encoding,
    execute::{Block, SIGNERS, overlay::Overlay, overlay::SlotNumber},
    program::{CallError, Programs},
    receipt::{Mode, Rejection},
    transaction::{Access, Call, MOST_CALL_DEPTH, MOST_NESTED_CALLS, Transaction},
};

/// Most bytes that are kept of a program's words for a refusal.
pub const MOST_REASON_BYTES: usize = 200;

/// What a program may see and do during a call.
#[derive(Debug)]
pub struct CallContext<'a> {
    scene: &'a Scene<'a>,
    work: &'a mut Work,
    program: ProgramId,
    caller: Option<ProgramId>,
    depth: usize,
}

/// What stays the same during a transaction.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) block: &'a Block,
    pub(crate) programs: &'a Programs,
    pub(crate) transaction: &'a Transaction,
}

/// What calls change.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) overlay: Overlay,
    /// Where the overlay has the accounts of [`Transaction::accounts`], in the same order.
    pub(crate) declared: Vec<SlotNumber>,
    /// The declared accounts that calls of the transaction asked for, at most once each: who loads an account mostly stores it
    /// too, and to hash its name again costs more than to look through these.
    named: RefCell<Vec<Named>>,
    calls: usize,
    first_rejection: OnceCell<Rejection>,
}

/// A declared account by its name.
#[derive(Debug)]
struct Named {
    program: ProgramId,
    name: Vec<u8>,
    /// Where it is in [`Transaction::accounts`].
    place: usize,
}

impl CallContext<'_> {
    /// The chain block that accepted the transaction.
    pub fn block(&self) -> &Block {
        self.scene.block
    }

    /// The program that makes this call; `None` if the transaction itself does.
    pub fn caller(&self) -> Option<ProgramId> {
        self.caller
    }

    /// Whether the holder of the key agreed to the transaction.
    pub fn is_signed_by(&self, key: &Key) -> bool {
        self.scene.transaction.signers.iter().any(|signer| signer.key == *key)
    }

    /// The account that `program` knows by `name`, as the transaction left it so far. Any program may look.
    ///
    /// # Errors
    /// An account that the transaction does not declare.
    pub fn account(&self, program: ProgramId, name: &[u8]) -> Result<Option<&Account>, CallError> {
        let number = self.find(program, name, Mode::Read)?;
        Ok(self.work.overlay.account(number))
    }

    /// The value of this program's account `name`.
    ///
    /// # Errors
    /// An undeclared account, or data that is no `T`.
    pub fn load<T: BorshDeserialize>(&self, name: &[u8]) -> Result<Option<T>, CallError> {
        self.load_of(self.program, name)
    }

    /// The value of the account that `program` knows by `name`.
    ///
    /// # Errors
    /// An undeclared account, or data that is no `T`.
    pub fn load_of<T: BorshDeserialize>(&self, program: ProgramId, name: &[u8]) -> Result<Option<T>, CallError> {
        let Some(account) = self.account(program, name)? else { return Ok(None) };
        match borsh::from_slice(&account.data) {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(self.reject(self.refusal(format!("an account of {program} has data of another kind")))),
        }
    }

    /// Sets the value of this program's account `name`.
    ///
    /// # Errors
    /// An account not declared for writing, or more than [`MOST_ACCOUNT_BYTES`].
    pub fn store<T: BorshSerialize>(&mut self, name: &[u8], value: &T) -> Result<(), CallError> {
        let number = self.find(self.program, name, Mode::Write)?;
        let data = encoding::to_vec(value).map_err(|error| self.reject(self.refusal(error.to_string())))?;
        if data.len() > MOST_ACCOUNT_BYTES {
            return Err(self.too_many("bytes in an account", data.len(), MOST_ACCOUNT_BYTES));
        }
        self.work.overlay.write(number, self.program, Some(data));
        Ok(())
    }

    /// Removes this program's account `name`, if it exists.
    ///
    /// # Errors
    /// An account not declared for writing.
    pub fn remove(&mut self, name: &[u8]) -> Result<(), CallError> {
        let number = self.find(self.program, name, Mode::Write)?;
        if self.work.overlay.account(number).is_some() {
            self.work.overlay.write(number, self.program, None);
        }
        Ok(())
    }

    /// Calls another program, or this one again.
    ///
    /// # Errors
    /// Whatever it refuses; too many or too deep calls. Pass it on: the transaction is rejected in any case.
    pub fn call(&mut self, program: ProgramId, input: &[u8]) -> Result<(), CallError> {
        let context = CallContext {
            scene: self.scene,
            work: &mut *self.work,
            program,
            caller: Some(self.program),
            depth: self.depth + 1,
        };
        context.run(input)
    }

    /// A refusal of the running program, in words for people; at most [`MOST_REASON_BYTES`] of them are kept.
    pub fn refuse(&self, reason: impl Into<String>) -> CallError {
        CallError::of(self.refusal(reason.into()))
    }

    /// Does the call that this context was made for.
    fn run(mut self, input: &[u8]) -> Result<(), CallError> {
        if let Some(rejection) = self.work.first_rejection.get() {
            return Err(CallError::of(rejection.clone()));
        }
        self.work.calls += 1;
        if self.work.calls > MOST_NESTED_CALLS {
            return Err(self.too_many("calls", self.work.calls, MOST_NESTED_CALLS));
        }
        if self.depth > MOST_CALL_DEPTH {
            return Err(self.too_many("calls within one another", self.depth, MOST_CALL_DEPTH));
        }
        let program = self.scene.programs.program(self.program).filter(|program| program.id() != SIGNERS);
        let Some(program) = program else {
            return Err(self.reject(Rejection::UnknownProgram { program: self.program }));
        };
        let result = program.call(input, &mut self).map_err(|error| self.reject(error.rejection().clone()));
        match self.work.first_rejection.get() {
            Some(rejection) => Err(CallError::of(rejection.clone())),
            None => result,
        }
    }

    fn find(&self, program: ProgramId, name: &[u8], mode: Mode) -> Result<SlotNumber, CallError> {
        let undeclared = |account| self.reject(Rejection::Undeclared { program: self.program, account, mode });
        let place = self.place(program, name).map_err(undeclared)?;
        // A place in this very list.
        let Access { account, mode: declared } = self.scene.transaction.accounts[place];
        let is_allowed = mode == Mode::Read || declared == Mode::Write;
        let number = self.work.declared.get(place).filter(|_| is_allowed);
        number.copied().ok_or_else(|| undeclared(account))
    }

    /// Where the account is in [`Transaction::accounts`]; its id if it is not declared.
    fn place(&self, program: ProgramId, name: &[u8]) -> Result<usize, AccountId> {
        let mut named = self.work.named.borrow_mut();
        if let Some(known) = named.iter().find(|known| known.program == program && known.name == name) {
            return Ok(known.place);
        }
        let id = AccountId::of(program, name);
        let declared = &self.scene.transaction.accounts;
        let place = declared.binary_search_by(|access| access.account.cmp(&id)).map_err(|_| id)?;
        named.push(Named { program, name: name.to_vec(), place });
        Ok(place)
    }

    fn too_many(&self, what: &str, count: usize, most: usize) -> CallError {
        self.reject(Rejection::TooMany { what: what.to_owned(), count: count as u64, most: most as u64 })
    }

    fn refusal(&self, mut reason: String) -> Rejection {
        reason.truncate(reason.floor_char_boundary(MOST_REASON_BYTES));
        Rejection::Refused { program: self.program, reason }
    }

    /// From now on the transaction is rejected, whatever its programs make of the error.
    fn reject(&self, rejection: Rejection) -> CallError {
        // Taken if nothing was rejected before.
        let _ = self.work.first_rejection.set(rejection.clone());
        CallError::of(rejection)
    }
}

impl Work {
    /// Nothing happened yet.
    pub(crate) fn new(overlay: Overlay) -> Self {
        Self { overlay, declared: Vec::new(), named: RefCell::default(), calls: 0, first_rejection: OnceCell::new() }
    }

    /// Does the calls of a transaction in order, up to the first that is rejected. [`declared`](Self::declared) must be that
    /// of the transaction.
    pub(crate) fn run(&mut self, scene: &Scene<'_>) -> Result<(), Rejection> {
        self.calls = 0;
        self.named.get_mut().clear();
        self.first_rejection.take();
        for Call { program, input } in &scene.transaction.calls {
            let context = CallContext { scene, work: self, program: *program, caller: None, depth: 1 };
            context.run(input).map_err(|error| error.rejection().clone())?;
        }
        Ok(())
    }
}
