//! A few actors, what they want, and the payloads that say so.

use proptest::prelude::*;
use state::{
    authorization::{Key, Signature},
    programs::{Name, charging, delivery, insurance, insurance::JobTerms, ledger, ledger::Holder},
    transaction::{Call, Signer, Step, Transaction},
};

use super::chain::DAA_STEP;

/// Number of actors.
pub const ACTORS: u8 = 4;

/// Names that stations, jobs and policies can have.
pub const NAMES: u8 = 4;

/// What someone wants. Much of it is refused: no money, no such job, not yet, not any more.
#[derive(Clone, Debug)]
pub enum Wish {
    Transfer {
        from: u8,
        to: u8,
        amount: u64,
    },
    Open {
        station: u8,
        owner: u8,
        price: u64,
    },
    Restock {
        station: u8,
        owner: u8,
        units: u64,
    },
    Charge {
        station: u8,
        owner: u8,
        payer: u8,
        units: u64,
    },
    Post {
        job: u8,
        customer: u8,
        carrier: u8,
        reward: u64,
        blocks: u64,
    },
    Confirm {
        job: u8,
        customer: u8,
        carrier: u8,
    },
    Expire {
        job: u8,
        customer: u8,
    },
    Insure {
        policy: u8,
        insurer: u8,
        insured: u8,
        job: u8,
        customer: u8,
        carrier: u8,
        blocks: u64,
        premium: u64,
        payout: u64,
    },
    Claim {
        policy: u8,
        insured: u8,
        job: u8,
    },
    Release {
        policy: u8,
        insurer: u8,
        job: u8,
    },
    /// Input that no program knows.
    Nonsense {
        program: u32,
    },
}

/// One transaction of the L1.
#[derive(Clone, Debug)]
pub enum Order {
    /// Several wishes, all or none. `is_stale`: with a nonce that was used, if the signers signed before.
    Wishes { wishes: Vec<Wish>, is_stale: bool },
    /// One in which an account is not declared.
    Undeclared(Wish),
    /// A payload that is meant for the state machine and cut.
    Cut(Wish),
    /// A payload of somebody else.
    Foreign(Vec<u8>),
}

/// The key of an actor.
pub fn key(actor: u8) -> Key {
    Key([actor + 1; 32])
}

/// A name.
pub fn name(number: u8) -> Name {
    Name([number + 101; 32])
}

/// Orders as they come.
pub fn any_order() -> impl Strategy<Value = Order> {
    let wishes = (
        prop_oneof![3 => prop::collection::vec(any_wish(), 1), 2 => prop::collection::vec(any_wish(), 2..4)],
        prop::bool::weighted(0.1),
    );
    prop_oneof![
        20 => wishes.prop_map(|(wishes, is_stale)| Order::Wishes { wishes, is_stale }),
        1 => any_wish().prop_map(Order::Undeclared),
        1 => any_wish().prop_map(Order::Cut),
        1 => prop::collection::vec(any::<u8>(), 0..9).prop_map(Order::Foreign),
    ]
}

fn any_wish() -> impl Strategy<Value = Wish> {
    let amount = prop_oneof![9 => 1_u64..60, 1 => 0_u64..2_000];
    let who = (0..ACTORS, 0..ACTORS, 0..NAMES, prop::bool::weighted(0.1), amount, 0_u64..9);
    (0_u8..30, who).prop_map(|(kind, (a, b, thing, is_odd, amount, few))| {
        // The roles of a thing are mostly those of its number, so that wishes meet one another.
        let role = |number: u8| if is_odd { b } else { (thing + number) % ACTORS };
        match kind {
            0..=5 => Wish::Transfer { from: a, to: b, amount },
            6..=8 => Wish::Open { station: thing, owner: role(0), price: few },
            9 => Wish::Restock { station: thing, owner: role(0), units: few },
            10..=13 => Wish::Charge { station: thing, owner: role(0), payer: a, units: few },
            14..=18 => Wish::Post { job: thing, customer: role(0), carrier: role(1), reward: amount, blocks: few },
            19 | 20 => Wish::Confirm { job: thing, customer: role(0), carrier: role(1) },
            21 | 22 => Wish::Expire { job: thing, customer: role(0) },
            23..=26 => {
                let (insurer, insured) = (role(3), role(2));
                let (customer, carrier) = (role(0), role(1));
                let (premium, payout, blocks) = (few, amount, few);
                Wish::Insure { policy: thing, insurer, insured, job: thing, customer, carrier, blocks, premium, payout }
            }
            27 => Wish::Claim { policy: thing, insured: role(2), job: thing },
            28 => Wish::Release { policy: thing, insurer: role(3), job: thing },
            _ => Wish::Nonsense { program: u32::from(thing) },
        }
    })
}

/// The payload of an order that is made for a block of that index. `nonce` must be above every one used before.
pub fn payload(order: &Order, index: u64, nonce: u64) -> Vec<u8> {
    match order {
        Order::Wishes { wishes, is_stale } => encoded(&transaction(wishes, index, if *is_stale { 1 } else { nonce })),
        Order::Undeclared(wish) => {
            let mut transaction = transaction(std::slice::from_ref(wish), index, nonce);
            transaction.accounts.pop();
            encoded(&transaction)
        }
        Order::Cut(wish) => {
            let mut payload = encoded(&transaction(std::slice::from_ref(wish), index, nonce));
            payload.pop();
            payload
        }
        Order::Foreign(bytes) => bytes.clone(),
    }
}

/// The payload of a transfer.
pub fn transfer(from: Key, to: Key, amount: u64, nonce: u64) -> Vec<u8> {
    let step = ledger::transfer(Holder::Key(from), Holder::Key(to), amount);
    encoded(&Transaction::of([Signer { key: from, nonce }], [step]))
}

fn encoded(transaction: &Transaction) -> Vec<u8> {
    transaction.encode(&vec![Signature([0; 64]); transaction.signers.len()])
}

fn transaction(wishes: &[Wish], index: u64, nonce: u64) -> Transaction {
    let signers = wishes.iter().flat_map(signers).map(|actor| Signer { key: key(actor), nonce });
    Transaction::of(signers, wishes.iter().map(|wish| step(wish, index)))
}

fn signers(wish: &Wish) -> Vec<u8> {
    match *wish {
        Wish::Transfer { from, .. } => vec![from],
        Wish::Open { owner, .. } | Wish::Restock { owner, .. } => vec![owner],
        Wish::Charge { payer, .. } => vec![payer],
        Wish::Post { customer, .. } | Wish::Confirm { customer, .. } => vec![customer],
        Wish::Insure { insurer, insured, .. } => vec![insurer, insured],
        Wish::Expire { .. } | Wish::Claim { .. } | Wish::Release { .. } | Wish::Nonsense { .. } => Vec::new(),
    }
}

fn step(wish: &Wish, index: u64) -> Step {
    match *wish {
        Wish::Transfer { from, to, amount } => ledger::transfer(Holder::Key(key(from)), Holder::Key(key(to)), amount),
        Wish::Open { station, owner, price } => charging::open(name(station), key(owner), price, 20),
        Wish::Restock { station, units, .. } => charging::restock(name(station), units),
        Wish::Charge { station, owner, payer, units } => {
            charging::charge(name(station), key(owner), key(payer), units, 6)
        }
        Wish::Post { job, customer, carrier, reward, blocks } => {
            delivery::post(name(job), key(customer), key(carrier), reward, deadline(index, blocks))
        }
        Wish::Confirm { job, carrier, .. } => delivery::confirm(name(job), key(carrier)),
        Wish::Expire { job, customer } => delivery::expire(name(job), key(customer)),
        Wish::Insure { policy, insurer, insured, job, customer, carrier, blocks, premium, payout } => {
            let (customer, carrier, deadline_daa_score) = (key(customer), key(carrier), deadline(index, blocks));
            let terms = JobTerms { job: name(job), customer, carrier, deadline_daa_score };
            insurance::insure(name(policy), key(insurer), key(insured), terms, premium, payout)
        }
        Wish::Claim { policy, insured, job } => insurance::claim(name(policy), key(insured), name(job)),
        Wish::Release { policy, insurer, job } => insurance::release(name(policy), key(insurer), name(job)),
        Wish::Nonsense { program } => {
            Step { call: Call { program: state::ProgramId(program), input: vec![255] }, accesses: Vec::new() }
        }
    }
}

/// The deadline of a job, so many blocks after this one. There are few, so that who insures a job often knows its own.
fn deadline(index: u64, blocks: u64) -> u64 {
    DAA_STEP * ((index + blocks) / 8 * 8 + 4)
}
