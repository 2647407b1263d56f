//! Policies on jobs: the payout lies in escrow until the job is over, and goes to the insured if it expired.
//!
//! A name alone does not say which job is meant: after a reorg of the L1 another one may have it. Who insures therefore signs
//! what the risk depends on, too ([`JobTerms`]): who can confirm the job, who delivers, and how long there is time.

use borsh::{BorshDeserialize, BorshSerialize};

use super::{
    Name,
    delivery::{self, Job, JobState},
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

/// Number of the insurance program.
pub const INSURANCE: ProgramId = ProgramId(4);

/// Insures jobs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Insurance;

/// A policy: the data of the account that has its name. It stays for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshDeserialize, BorshSerialize)]
pub struct Policy {
    /// Who has the premium, and answers with the payout.
    pub insurer: Key,
    /// Who gets the payout if the job expires.
    pub insured: Key,
    /// The job.
    pub job: Name,
    /// What lies in escrow while the policy is active, in units of the ledger.
    pub payout: u64,
    /// How far it is.
    pub state: PolicyState,
}

/// How far a policy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshDeserialize, BorshSerialize)]
pub enum PolicyState {
    /// The payout lies in escrow.
    Active,
    /// The insured has the payout.
    Paid,
    /// The insurer has the payout back.
    Released,
}

/// What insurer and insured agree that the job is; a policy on any other job of that name is refused.
///
/// The reward is not among it: whether the job expires is up to customer, carrier and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobTerms {
    /// Its name.
    pub job: Name,
    /// Who alone can confirm it.
    pub customer: Key,
    /// Who delivers.
    pub carrier: Key,
    /// The last DAA score at which it can be confirmed.
    pub deadline_daa_score: u64,
}

/// What the insurance program can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshDeserialize, BorshSerialize)]
pub enum Input {
    /// Insures an open job: the insured pays the premium, the insurer puts the payout into escrow. Both sign.
    Insure {
        /// A name that no policy has.
        policy: Name,
        /// Who insures.
        insurer: Key,
        /// Who is insured.
        insured: Key,
        /// An open job.
        job: Name,
        /// Paid at once; may be 0.
        premium: u64,
        /// Paid if the job expires, above 0.
        payout: u64,
        /// Who must be the job's customer.
        customer: Key,
        /// Who must be its carrier.
        carrier: Key,
        /// What must be its deadline.
        deadline_daa_score: u64,
    },
    /// Pays the insured, when the job has expired. Anyone may ask for it.
    Claim {
        /// An active policy.
        policy: Name,
    },
    /// Gives the payout back to the insurer, when the job was confirmed. Anyone may ask for it.
    Release {
        /// An active policy.
        policy: Name,
    },
}

/// The account of a policy.
pub fn account(policy: &Name) -> AccountId {
    AccountId::of(INSURANCE, &policy.0)
}

/// Where the payout of a policy lies while it is active.
pub fn escrow(policy: Name) -> Holder {
    Holder::Escrow { program: INSURANCE, name: policy }
}

/// Insures a job that has these terms.
pub fn insure(policy: Name, insurer: Key, insured: Key, terms: JobTerms, premium: u64, payout: u64) -> Step {
    let JobTerms { job, customer, carrier, deadline_daa_score } = terms;
    let input = Input::Insure { policy, insurer, insured, job, premium, payout, customer, carrier, deadline_daa_score };
    let mut step = step(&input, policy, job, insurer);
    step.accesses.push(Access::write(ledger::account(&Holder::Key(insured))));
    step
}

/// Asks for the payout of a policy on a job that has expired.
pub fn claim(policy: Name, insured: Key, job: Name) -> Step {
    step(&Input::Claim { policy }, policy, job, insured)
}

/// Asks for the release of a policy on a job that was confirmed.
pub fn release(policy: Name, insurer: Key, job: Name) -> Step {
    step(&Input::Release { policy }, policy, job, insurer)
}

impl Program for Insurance {
    fn id(&self) -> ProgramId {
        INSURANCE
    }

    fn name(&self) -> &'static str {
        "insurance"
    }

    fn call(&self, input: &[u8], context: &mut CallContext<'_>) -> Result<(), CallError> {
        match read(input, context)? {
            Input::Insure {
                policy: name,
                insurer,
                insured,
                job,
                premium,
                payout,
                customer,
                carrier,
                deadline_daa_score,
            } => {
                let policy = Policy { insurer, insured, job, payout, state: PolicyState::Active };
                let terms = JobTerms { job, customer, carrier, deadline_daa_score };
                insure_job(&name, policy, terms, premium, context)
            }
            Input::Claim { policy } => settle(&policy, JobState::Expired, PolicyState::Paid, context),
            Input::Release { policy } => settle(&policy, JobState::Confirmed, PolicyState::Released, context),
        }
    }
}

fn insure_job(
    name: &Name,
    policy: Policy,
    terms: JobTerms,
    premium: u64,
    context: &mut CallContext<'_>,
) -> Result<(), CallError> {
    must_sign(&policy.insurer, "insurer", context)?;
    must_sign(&policy.insured, "insured", context)?;
    must(policy.payout > 0, "the policy has no payout", context)?;
    must(context.load::<Policy>(&name.0)?.is_none(), "there is a policy of that name", context)?;
    let Job { customer, carrier, deadline_daa_score, state, .. } = delivery::job(&terms.job, context)?;
    let found = JobTerms { job: terms.job, customer, carrier, deadline_daa_score };
    must(found == terms, "the job has other terms", context)?;
    must(state == JobState::Open, "the job is settled", context)?;
    if premium > 0 {
        ledger::pay(Holder::Key(policy.insured), Holder::Key(policy.insurer), premium, context)?;
    }
    ledger::pay(Holder::Key(policy.insurer), escrow(*name), policy.payout, context)?;
    context.store(&name.0, &policy)
}

fn settle(name: &Name, ended: JobState, state: PolicyState, context: &mut CallContext<'_>) -> Result<(), CallError> {
    let policy: Policy = context.load(&name.0)?.ok_or_else(|| context.refuse("there is no such policy"))?;
    must(policy.state == PolicyState::Active, "the policy is settled", context)?;
    must(delivery::job(&policy.job, context)?.state == ended, "the job did not end so", context)?;
    let payee = if state == PolicyState::Paid { policy.insured } else { policy.insurer };
    ledger::pay(escrow(*name), Holder::Key(payee), policy.payout, context)?;
    context.store(&name.0, &Policy { state, ..policy })
}

fn step(input: &Input, policy: Name, job: Name, other: Key) -> Step {
    let money = ledger::transfer_accesses(escrow(policy), Holder::Key(other));
    let own = [Access::write(account(&policy)), Access::read(delivery::account(&job))];
    Step::new(INSURANCE, input, own.into_iter().chain(money))
}
