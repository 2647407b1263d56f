//! What honest parties do.

use sim::random::Stream;
use state::{
    authorization::Key,
    programs::{Name, charging, delivery, insurance, insurance::JobTerms, ledger, ledger::Holder},
    transaction::Transaction,
};

use super::{Economy, parties::one_of};

/// DAA scores after which a transaction is accepted wherever its block was heard of, most likely.
const ACCEPTED_AFTER: u64 = 40;

/// One in so many deliveries is settled a second time after its deadline, by somebody who tries to have both.
const SETTLED_TWICE: u64 = 8;

/// A delivery that was posted and is to be settled.
#[derive(Clone, Copy)]
pub(super) struct Undertaking {
    job: Name,
    policy: Name,
    customer: Key,
    drone: Key,
    insurer: Key,
    insured: Key,
    reward: u64,
    deadline: u64,
}

impl Economy {
    /// A customer has something delivered, and somebody insures that.
    pub(super) fn deliver(&mut self, stream: &mut Stream, at_daa_score: u64) -> Transaction {
        let number = self.deliveries;
        self.deliveries += 1;
        let config = &self.config;
        let reward = 1 + stream.below(config.most_reward);
        let (payout, premium) = (1 + stream.below(reward), stream.below(1 + reward / 10));
        let deadline = at_daa_score + config.deadline_daa_scores + stream.below(config.deadline_daa_scores);
        let expires = stream.chance(u64::from(config.expiring_percent), 100);
        let customer = *one_of(&self.parties.customers, stream);
        let drone = *one_of(&self.parties.drones, stream);
        let insurer = *one_of(&self.parties.insurers, stream);
        let insured = if stream.chance(1, 4) { drone } else { customer };
        let (job, policy) = (self.parties.job(number), self.parties.policy(number));
        let undertaking = Undertaking { job, policy, customer, drone, insurer, insured, reward, deadline };
        let due = if expires { deadline } else { at_daa_score + stream.below(ACCEPTED_AFTER) } + ACCEPTED_AFTER;
        self.under_way.insert((due, number), undertaking);
        let terms = JobTerms { job, customer, carrier: drone, deadline_daa_score: deadline };
        let steps = [
            delivery::post(job, customer, drone, reward, deadline),
            insurance::insure(policy, insurer, insured, terms, premium, payout),
        ];
        let mut signers = vec![customer, insurer];
        if insured == drone {
            signers.push(drone);
        }
        self.transaction(&signers, steps, stream)
    }

    /// Whether some end of a delivery is overdue. Without this the ends would fall behind more and more in a long storm, until
    /// every one of them came after its deadline.
    pub(super) fn is_behind(&self, at_daa_score: u64) -> bool {
        self.under_way.first_key_value().is_some_and(|((due, _), _)| due + ACCEPTED_AFTER < at_daa_score)
    }

    /// A delivery ends: the drone is paid, pays for energy, and the insurer is free; or its time is over, and the insurer
    /// pays. Another delivery if none is due.
    pub(super) fn settle(&mut self, stream: &mut Stream, at_daa_score: u64) -> Transaction {
        let first = self.under_way.first_entry().filter(|entry| entry.key().0 <= at_daa_score);
        let Some(((_, number), undertaking)) = first.map(|entry| entry.remove_entry()) else {
            return self.deliver(stream, at_daa_score);
        };
        let Undertaking { job, policy, customer, drone, insurer, insured, reward, deadline } = undertaking;
        if at_daa_score > deadline {
            // Anyone may say so.
            let steps = [delivery::expire(job, customer), insurance::claim(policy, insured, job)];
            return self.transaction(&[], steps, stream);
        }
        if stream.chance(1, SETTLED_TWICE) {
            self.under_way.insert((deadline + ACCEPTED_AFTER, number), undertaking);
        }
        let station = *one_of(&self.parties.stations[..self.opened], stream);
        let affordable = (reward / station.price_per_unit).clamp(1, self.config.most_units);
        let units = 1 + stream.below(affordable);
        let steps = [
            delivery::confirm(job, drone),
            charging::charge(station.name, station.owner, drone, units, station.price_per_unit),
            insurance::release(policy, insurer, job),
        ];
        self.transaction(&[customer, drone], steps, stream)
    }

    /// An owner opens a station, or brings energy to it.
    pub(super) fn stock(&mut self, stream: &mut Stream) -> Transaction {
        if let Some(station) = self.parties.stations.get(self.opened).copied()
            && stream.chance(1, 2)
        {
            self.opened += 1;
            let step = charging::open(station.name, station.owner, station.price_per_unit, station.units);
            return self.transaction(&[station.owner], [step], stream);
        }
        let station = *one_of(&self.parties.stations[..self.opened], stream);
        let units = 1 + stream.below(self.config.most_units * 10);
        self.transaction(&[station.owner], [charging::restock(station.name, units)], stream)
    }

    /// Somebody who has money gives some of it to somebody else.
    pub(super) fn transfer(&mut self, stream: &mut Stream) -> Transaction {
        let from = *self.rich(stream);
        let to = *one_of(&self.parties.drones, stream);
        let amount = 1 + stream.below(self.config.most_reward);
        self.transaction(&[from], [ledger::transfer(Holder::Key(from), Holder::Key(to), amount)], stream)
    }

    /// Somebody who began with money.
    pub(super) fn rich(&self, stream: &mut Stream) -> &Key {
        one_of(if stream.chance(1, 8) { &self.parties.insurers } else { &self.parties.customers }, stream)
    }
}
