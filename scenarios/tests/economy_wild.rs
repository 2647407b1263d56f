//! Transactions that no economy would make: few names, every input of every program, sums at the ends of the numbers, parties
//! that pay themselves, declarations and nonces that are as often wrong as right. Two readings of the same rules must agree
//! about each of them.

mod economy_support;

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use scenarios::oracle::economy::{self as truth, Books, Opening, Place, Value};
use sim::{
    dag::BlockId,
    network::{Network, NetworkConfig},
    params::ParameterSet,
    random::Stream,
    workload::{PayloadSource, WorkloadConfig},
};
use state::{
    Genesis, ProgramId,
    authorization::{Key, Signature},
    programs::{
        Name,
        charging::{self, CHARGING},
        delivery,
        insurance::{self, INSURANCE, JobTerms},
        ledger::{self, Holder},
    },
    receipt::{Mode, Outcome, Rejection},
    transaction::{Signer, Step, Transaction},
};

use economy_support::{Executed, name_of};

/// What the parties own in the beginning.
const BALANCES: [u64; 4] = [40, 1_000, 1_000_000, u64::MAX / 2];

/// Names of each sort of thing that are in use at the same time.
const NAMES: u64 = 8;

/// After so many transactions there is a new name.
const NAME_EVERY: u64 = 20;

/// So many posts are remembered by those who insure.
const POSTED: usize = 8;

/// One unit costs so much at the first station.
const PRICE: u64 = 3;

fn key(number: u64) -> Key {
    Key([number as u8 + 1; 32])
}

fn name(number: u64) -> Name {
    let mut name = [7; 32];
    name[..8].copy_from_slice(&number.to_le_bytes());
    Name(name)
}

fn genesis() -> Genesis {
    let station =
        charging::Station { owner: key(0), price_per_unit: PRICE, units_left: 500, units_sold: u64::MAX - 400 };
    let genesis = Genesis::default().with(CHARGING, &name(0).0, &station);
    ledger::mint(genesis, (0..).map(key).zip(BALANCES)).expect("the balances fit into 64 bits")
}

fn opening() -> Opening {
    let owner = truth::PublicKey(key(0).0);
    let station = truth::Station { owner, price_per_unit: PRICE, units_left: 500, units_sold: u64::MAX - 400 };
    let balance =
        |(number, amount)| (Place::Balance(truth::Holder::Key(truth::PublicKey(key(number).0))), Value::Amount(amount));
    let station = (Place::Station(truth::Name(name(0).0)), Value::Station(station));
    Opening { accounts: (0..).zip(BALANCES).map(balance).chain([station]).collect() }
}

/// Makes whatever can be put into a transaction; counts them.
#[derive(Default)]
struct Wild {
    made: u64,
    /// What the newest posts said, newest first: whether they happened is not known.
    posted: VecDeque<JobTerms>,
}

impl Wild {
    fn step(&mut self, stream: &mut Stream, at_daa_score: u64) -> Step {
        let party = |stream: &mut Stream| key(stream.below(BALANCES.len() as u64));
        let (a, b, c) = (party(stream), party(stream), party(stream));
        let first_name = 1 + self.made / NAME_EVERY;
        let named = |stream: &mut Stream| name(first_name + stream.below(NAMES));
        let (thing, job) = (named(stream), named(stream));
        let (some, more) = (amount(stream), amount(stream));
        match stream.below(14) {
            // Nobody pays into an escrow without its program: the books would rightly call that unbalanced.
            0 | 1 => ledger::transfer(Holder::Key(a), Holder::Key(b), some),
            2 => ledger::transfer(delivery::escrow(job), Holder::Key(a), some),
            3 => charging::open(thing, a, some, more),
            4 => charging::restock(thing, some),
            5 | 6 => charging::charge(
                if stream.chance(1, 2) { name(0) } else { thing },
                if stream.chance(1, 2) { key(0) } else { b },
                a,
                some,
                more,
            ),
            7 | 8 => {
                let deadline_daa_score = (at_daa_score + stream.below(60)).saturating_sub(10);
                self.remember(JobTerms { job, customer: a, carrier: b, deadline_daa_score });
                delivery::post(job, a, b, some, deadline_daa_score)
            }
            9 => delivery::confirm(job, b),
            10 => delivery::expire(job, b),
            11 => insurance::insure(thing, a, b, self.terms(c, stream), some, more),
            12 if stream.chance(1, 2) => insurance::claim(thing, b, job),
            12 => insurance::release(thing, b, job),
            _ if stream.chance(1, 8) => Step::new(ProgramId(stream.below(7) as u32), &(some as u8, thing), []),
            _ => delivery::confirm(job, c),
        }
    }

    fn remember(&mut self, terms: JobTerms) {
        self.posted.truncate(POSTED - 1);
        self.posted.push_front(terms);
    }

    /// What a post said, or something else.
    fn terms(&self, party: Key, stream: &mut Stream) -> JobTerms {
        let unknown = JobTerms { job: name(0), customer: party, carrier: party, deadline_daa_score: 0 };
        let drawn = stream.below(1 + self.posted.len() as u64) as usize;
        let mut terms = self.posted.get(drawn).copied().unwrap_or(unknown);
        match stream.below(12) {
            0 => terms.customer = party,
            1 => terms.carrier = party,
            2 => terms.deadline_daa_score ^= 1,
            _ => {}
        }
        terms
    }
}

impl PayloadSource for Wild {
    fn payload(&mut self, stream: &mut Stream, _: usize, at_daa_score: u64) -> Option<Vec<u8>> {
        self.made += 1;
        let steps: Vec<Step> =
            (0..1 + stream.below(2) * stream.below(3)).map(|_| self.step(stream, at_daa_score)).collect();
        // Most of the time everybody signs, with a nonce that rises with time.
        let mut signers = Vec::new();
        for number in 0..BALANCES.len() as u64 {
            if stream.chance(7, 8) {
                let nonce = if stream.chance(31, 32) { self.made } else { self.made.saturating_sub(stream.below(25)) };
                signers.push(Signer { key: key(number), nonce });
            }
        }
        let mut transaction = Transaction::of(signers, steps);
        if stream.chance(1, 12) && !transaction.accounts.is_empty() {
            let position = stream.below(transaction.accounts.len() as u64) as usize;
            match stream.chance(1, 2) {
                true => _ = transaction.accounts.remove(position),
                false => transaction.accounts[position].mode = Mode::Read,
            }
        }
        if stream.chance(1, 12) {
            damage(&mut transaction.calls[0].input, stream);
        }
        let mut payload = transaction.encode(&vec![Signature([0; 64]); transaction.signers.len()]);
        if stream.chance(1, 24) {
            damage(&mut payload, stream);
        }
        Some(payload)
    }
}

/// Cuts, lengthens or changes the bytes somewhere.
fn damage(bytes: &mut Vec<u8>, stream: &mut Stream) {
    let position = stream.below(bytes.len() as u64) as usize;
    match stream.below(3) {
        0 => bytes.truncate(position),
        1 => bytes.push(stream.below(256) as u8),
        _ => bytes[position] ^= 1 << stream.below(8),
    }
}

fn amount(stream: &mut Stream) -> u64 {
    const AMOUNTS: [u64; 10] = [0, 1, 1, 2, 3, 5, 7, 40, 1 << 40, u64::MAX];
    AMOUNTS[stream.below(AMOUNTS.len() as u64) as usize]
}

fn is_refused_for_its_terms(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Rejected(Rejection::Refused { program: INSURANCE, reason }) if reason == "the job has other terms")
}

#[test]
fn given_wild_transactions_when_executed_then_the_books_agree_about_each_of_them() {
    let mut outcomes = BTreeSet::new();
    let (mut applied, mut rejected, mut other_terms) = (0, 0, 0);
    for seed in 1..=6 {
        // A single miner: transactions are accepted as they were made, or most nonces would come too late.
        let network = NetworkConfig {
            workload: WorkloadConfig::mixed(20_000, 200),
            mining_until: Duration::from_secs(25),
            ..NetworkConfig::new(seed, ParameterSet::storm(), vec![1])
        };
        let mut network = Network::with_payloads(network, Box::new(Wild { made: 10, ..Wild::default() }))
            .expect("the network is possible");
        while network.step().expect("a short run never fills the store").is_some() {}
        let (store, sink) = (network.store(), network.node(0).sink());
        let mut executed = Executed::new(&genesis(), &opening());
        executed.go_to(store, sink);
        let mut books = Books::new(&opening(), store, BlockId::GENESIS);
        books.go_to(store, sink).expect("supply and escrows fit");
        executed.assert_is(&books, store);
        books.check_escrows().expect("every escrow has what it is for");
        for receipt in executed.receipts.iter().flatten() {
            let outcome = name_of(&receipt.outcome);
            if outcome == "applied" {
                applied += 1
            } else {
                rejected += 1
            }
            outcomes.insert(outcome);
            other_terms += u32::from(is_refused_for_its_terms(&receipt.outcome));
        }
        let is_settled = |(_, value): (&Place, &Value)| match value {
            Value::Job(job) => job.state != truth::JobState::Open,
            _ => false,
        };
        assert!(books.accounts().any(is_settled), "no delivery ended with seed {seed}");
        let has_policy = books.accounts().any(|(place, _)| matches!(place, Place::Policy(_)));
        assert!(has_policy, "nothing was insured with seed {seed}");
    }
    assert!(applied > 500 && rejected > 5_000, "{applied} applied, {rejected} rejected");
    assert!(other_terms > 20, "{other_terms} policies on a job that is another one");
    assert_eq!(outcomes.len(), 7, "all but bad signatures: {outcomes:?}");
}
