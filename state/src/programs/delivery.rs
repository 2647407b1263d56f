//! Jobs whose reward lies in escrow until they are confirmed or expire. A job stays for ever: others refer to how it ended.
//!
//! A reorg of the L1 can change which of two jobs with the same name comes first. A [`Confirm`](Input::Confirm) names the job
//! alone nevertheless: it counts only for a job of the customer who signs it, who has signed what that job says, so that no
//! stranger can put another one in its place; and the carrier who is paid must be one whose balance the transaction
//! declares. Only a customer who gives one name to two jobs, before the first is final, may confirm the other one and pay its
//! reward, to which that customer agreed as well: take a new name for every job.

use borsh::{BorshDeserialize, BorshSerialize};

use super::{
    Name,
    ledger::{self, Holder},
    must, must_sign, read,
};
use crate::{
    account::{AccountId, ProgramId},
    authorization::Key,
    context::CallContext,
    program::{CallError, Program},
    transaction::{Access, Step},
};

/// Number of the delivery program.
pub const DELIVERY: ProgramId = ProgramId(3);

/// Keeps rewards until jobs are done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Delivery;

/// A job: the data of the account that has its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshDeserialize, BorshSerialize)]
pub struct Job {
    /// Who pays, and confirms.
    pub customer: Key,
    /// Who is paid when the customer confirms.
    pub carrier: Key,
    /// What lies in escrow while the job is open, in units of the ledger.
    pub reward: u64,
    /// The last DAA score at which the job can be confirmed.
    pub deadline_daa_score: u64,
    /// How far it is.
    pub state: JobState,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshDeserialize, BorshSerialize)]
pub enum JobState {
    /// The reward lies in escrow.
    Open,
    /// The carrier has the reward.
    Confirmed,
    /// The customer has the reward back.
    Expired,
}

/// What the delivery program can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshDeserialize, BorshSerialize)]
pub enum Input {
    /// Offers a job and puts its reward into escrow. The customer signs.
    Post {
        /// A name that no job has.
        job: Name,
        /// Who pays.
        customer: Key,
        /// Who is to deliver.
        carrier: Key,
        /// The reward, above 0.
        reward: u64,
        /// The last DAA score at which it can be confirmed, above that of the block.
        deadline_daa_score: u64,
    },
    /// Pays the carrier. The customer signs, up to the deadline.
    Confirm {
        /// An open job.
        job: Name,
    },
    /// Gives the reward back to the customer, after the deadline. Anyone may ask for it.
    Expire {
        /// An open job.
        job: Name,
    },
}

/// The account of a job.
pub fn account(job: &Name) -> AccountId {
    AccountId::of(DELIVERY, &job.0)
}

/// Where the reward of a job lies while it is open.
pub fn escrow(job: Name) -> Holder {
    Holder::Escrow { program: DELIVERY, name: job }
}

/// Offers a job.
pub fn post(job: Name, customer: Key, carrier: Key, reward: u64, deadline_daa_score: u64) -> Step {
    let input = Input::Post { job, customer, carrier, reward, deadline_daa_score };
    step(&input, job, Holder::Key(customer))
}

/// Says that the carrier of a job has delivered.
pub fn confirm(job: Name, carrier: Key) -> Step {
    step(&Input::Confirm { job }, job, Holder::Key(carrier))
}

/// Says that a job was not confirmed in time.
pub fn expire(job: Name, customer: Key) -> Step {
    step(&Input::Expire { job }, job, Holder::Key(customer))
}

/// A job as another program sees it.
///
/// # Errors
/// The transaction does not declare it, or there is no such job.
pub fn job(name: &Name, context: &CallContext<'_>) -> Result<Job, CallError> {
    context.load_of(DELIVERY, &name.0)?.ok_or_else(|| context.refuse("there is no such job"))
}

impl Program for Delivery {
    fn id(&self) -> ProgramId {
        DELIVERY
    }

    fn name(&self) -> &'static str {
        "delivery"
    }

    fn call(&self, input: &[u8], context: &mut CallContext<'_>) -> Result<(), CallError> {
        let now = context.block().daa_score;
        match read(input, context)? {
            Input::Post { job: name, customer, carrier, reward, deadline_daa_score } => {
                must_sign(&customer, "customer", context)?;
                must(context.load::<Job>(&name.0)?.is_none(), "there is a job of that name", context)?;
                must(deadline_daa_score > now, "the deadline has passed", context)?;
                must(reward > 0, "the job has no reward", context)?;
                ledger::pay(Holder::Key(customer), escrow(name), reward, context)?;
                context.store(&name.0, &Job { customer, carrier, reward, deadline_daa_score, state: JobState::Open })
            }
            Input::Confirm { job: name } => {
                let job = job(&name, context)?;
                must_sign(&job.customer, "customer", context)?;
                must(now <= job.deadline_daa_score, "the deadline has passed", context)?;
                settle(&name, job, JobState::Confirmed, job.carrier, context)
            }
            Input::Expire { job: name } => {
                let job = job(&name, context)?;
                must(now > job.deadline_daa_score, "the deadline has not passed", context)?;
                settle(&name, job, JobState::Expired, job.customer, context)
            }
        }
    }
}

fn settle(name: &Name, job: Job, state: JobState, payee: Key, context: &mut CallContext<'_>) -> Result<(), CallError> {
    must(job.state == JobState::Open, "the job is settled", context)?;
    ledger::pay(escrow(*name), Holder::Key(payee), job.reward, context)?;
    context.store(&name.0, &Job { state, ..job })
}

fn step(input: &Input, job: Name, other: Holder) -> Step {
    let money = ledger::transfer_accesses(escrow(job), other);
    Step::new(DELIVERY, input, [Access::write(account(&job))].into_iter().chain(money))
}
