//! What an order does: the rules of the programs, from their description alone.
//!
//! An order happens as a whole or not at all. Why it does not happen is of no interest here.

use super::{
    accounts::Accounts,
    payload::Order,
    reader::{Reader, Unreadable, read_whole},
    record::{
        CHARGING, DELIVERY, Holder, INSURANCE, Job, JobState, LEDGER, Name, Place, Policy, PolicyState, PublicKey,
        Station, Value,
    },
};

/// The order must not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Refused;

impl From<Unreadable> for Refused {
    fn from(_: Unreadable) -> Self {
        Self
    }
}

/// Carries out an order at that DAA score.
///
/// # Errors
/// The accounts that it would have written before it came to what cannot be. Nothing of it has happened.
pub(super) fn carry_out(accounts: &mut Accounts, order: &Order, daa_score: u64) -> Result<(), Vec<Place>> {
    let before = accounts.mark();
    let outcome = Turn { accounts, order, daa_score }.run();
    outcome.map_err(|Refused| accounts.undo_to(before))
}

/// An order while it is carried out.
struct Turn<'a> {
    accounts: &'a mut Accounts,
    order: &'a Order,
    daa_score: u64,
}

impl Turn<'_> {
    fn run(&mut self) -> Result<(), Refused> {
        for (key, nonce) in &self.order.signers {
            let place = Place::Nonce(*key);
            if let Some(Value::Amount(used)) = self.accounts.get(&place)
                && nonce <= used
            {
                return Err(Refused);
            }
            self.accounts.put(place, Some(Value::Amount(*nonce)));
        }
        for (program, input) in &self.order.calls {
            read_whole(input, |reader| {
                Ok(match *program {
                    LEDGER => self.ledger(reader),
                    CHARGING => self.charging(reader),
                    DELIVERY => self.delivery(reader),
                    INSURANCE => self.insurance(reader),
                    _ => Err(Refused),
                })
            })??;
        }
        Ok(())
    }

    fn ledger(&mut self, input: &mut Reader<'_>) -> Result<(), Refused> {
        match input.byte()? {
            0 => {
                let (from, to) = (Holder::read(input)?, Holder::read(input)?);
                self.transfer(None, from, to, input.number64()?)
            }
            _ => Err(Refused),
        }
    }

    fn charging(&mut self, input: &mut Reader<'_>) -> Result<(), Refused> {
        let kind = input.byte()?;
        let name = Name::read(input)?;
        let place = Place::Station(name);
        match kind {
            0 => {
                let owner = self.signed(PublicKey::read(input)?)?;
                let (price_per_unit, units_left) = (input.number64()?, input.number64()?);
                self.absent(place)?;
                self.put(place, Value::Station(Station { owner, price_per_unit, units_left, units_sold: 0 }))
            }
            1 => {
                let units = input.number64()?;
                let mut station = self.station(name)?;
                self.signed(station.owner)?;
                station.units_left = station.units_left.checked_add(units).ok_or(Refused)?;
                self.put(place, Value::Station(station))
            }
            2 => {
                let payer = self.signed(PublicKey::read(input)?)?;
                let (units, most_price_per_unit) = (input.number64()?, input.number64()?);
                let mut station = self.station(name)?;
                require(units > 0 && station.price_per_unit <= most_price_per_unit)?;
                station.units_left = station.units_left.checked_sub(units).ok_or(Refused)?;
                station.units_sold = station.units_sold.checked_add(units).ok_or(Refused)?;
                let price = units.checked_mul(station.price_per_unit).ok_or(Refused)?;
                let owner = station.owner;
                self.put(place, Value::Station(station))?;
                self.transfer_unless_zero(CHARGING, Holder::Key(payer), Holder::Key(owner), price)
            }
            _ => Err(Refused),
        }
    }

    fn delivery(&mut self, input: &mut Reader<'_>) -> Result<(), Refused> {
        let kind = input.byte()?;
        let name = Name::read(input)?;
        let place = Place::Job(name);
        let escrow = Holder::Escrow { program: DELIVERY, name };
        if kind == 0 {
            let (customer, carrier) = (self.signed(PublicKey::read(input)?)?, PublicKey::read(input)?);
            let (reward, deadline_daa_score) = (input.number64()?, input.number64()?);
            require(reward > 0 && deadline_daa_score > self.daa_score)?;
            self.absent(place)?;
            let job = Job { customer, carrier, reward, deadline_daa_score, state: JobState::Open };
            self.put(place, Value::Job(job))?;
            return self.transfer(Some(DELIVERY), Holder::Key(customer), escrow, reward);
        }
        let job = self.job(name)?;
        let in_time = self.daa_score <= job.deadline_daa_score;
        let (state, to) = match kind {
            1 => {
                self.signed(job.customer)?;
                require(in_time)?;
                (JobState::Confirmed, job.carrier)
            }
            2 => {
                require(!in_time)?;
                (JobState::Expired, job.customer)
            }
            _ => return Err(Refused),
        };
        require(job.state == JobState::Open)?;
        let reward = job.reward;
        self.put(place, Value::Job(Job { state, ..job }))?;
        self.transfer(Some(DELIVERY), escrow, Holder::Key(to), reward)
    }

    fn insurance(&mut self, input: &mut Reader<'_>) -> Result<(), Refused> {
        let kind = input.byte()?;
        let name = Name::read(input)?;
        let place = Place::Policy(name);
        let escrow = Holder::Escrow { program: INSURANCE, name };
        if kind == 0 {
            let (insurer, insured) = (PublicKey::read(input)?, PublicKey::read(input)?);
            let job = Name::read(input)?;
            let (premium, payout) = (input.number64()?, input.number64()?);
            let insurer = self.signed(insurer)?;
            let insured = self.signed(insured)?;
            let (customer, carrier) = (PublicKey::read(input)?, PublicKey::read(input)?);
            let deadline_daa_score = input.number64()?;
            let insurable = self.job(job)?;
            require(payout > 0 && insurable.state == JobState::Open)?;
            require(insurable.customer == customer && insurable.carrier == carrier)?;
            require(insurable.deadline_daa_score == deadline_daa_score)?;
            self.absent(place)?;
            let policy = Policy { insurer, insured, job, payout, state: PolicyState::Active };
            self.put(place, Value::Policy(policy))?;
            self.transfer_unless_zero(INSURANCE, Holder::Key(insured), Holder::Key(insurer), premium)?;
            return self.transfer(Some(INSURANCE), Holder::Key(insurer), escrow, payout);
        }
        let Some(Value::Policy(policy)) = self.get(place)? else { return Err(Refused) };
        let (wanted, state, to) = match kind {
            1 => (JobState::Expired, PolicyState::Paid, policy.insured),
            2 => (JobState::Confirmed, PolicyState::Released, policy.insurer),
            _ => return Err(Refused),
        };
        require(policy.state == PolicyState::Active && self.job(policy.job)?.state == wanted)?;
        let payout = policy.payout;
        self.put(place, Value::Policy(Policy { state, ..policy }))?;
        self.transfer(Some(INSURANCE), escrow, Holder::Key(to), payout)
    }

    /// The ledger's transfer, called by the order itself or by a program.
    fn transfer(&mut self, caller: Option<u32>, from: Holder, to: Holder, amount: u64) -> Result<(), Refused> {
        require(amount > 0 && from != to)?;
        match from {
            Holder::Key(key) => _ = self.signed(key)?,
            Holder::Escrow { program, .. } => require(caller == Some(program))?,
        }
        let left = self.balance(from)?.checked_sub(amount).ok_or(Refused)?;
        let grown = self.balance(to)?.checked_add(amount).ok_or(Refused)?;
        self.write(Place::Balance(from), (left > 0).then_some(Value::Amount(left)))?;
        self.put(Place::Balance(to), Value::Amount(grown))
    }

    fn transfer_unless_zero(&mut self, caller: u32, from: Holder, to: Holder, amount: u64) -> Result<(), Refused> {
        if amount == 0 { Ok(()) } else { self.transfer(Some(caller), from, to, amount) }
    }

    fn signed(&self, key: PublicKey) -> Result<PublicKey, Refused> {
        require(self.order.is_signed_by(&key)).map(|()| key)
    }

    fn balance(&mut self, holder: Holder) -> Result<u64, Refused> {
        match self.get(Place::Balance(holder))? {
            Some(Value::Amount(amount)) => Ok(amount),
            _ => Ok(0),
        }
    }

    fn station(&mut self, name: Name) -> Result<Station, Refused> {
        match self.get(Place::Station(name))? {
            Some(Value::Station(station)) => Ok(station),
            _ => Err(Refused),
        }
    }

    fn job(&mut self, name: Name) -> Result<Job, Refused> {
        match self.get(Place::Job(name))? {
            Some(Value::Job(job)) => Ok(job),
            _ => Err(Refused),
        }
    }

    fn absent(&mut self, place: Place) -> Result<(), Refused> {
        require(self.get(place)?.is_none())
    }

    fn get(&mut self, place: Place) -> Result<Option<Value>, Refused> {
        require(self.order.may_read(&self.accounts.id(&place)))?;
        Ok(self.accounts.get(&place).cloned())
    }

    fn put(&mut self, place: Place, value: Value) -> Result<(), Refused> {
        self.write(place, Some(value))
    }

    fn write(&mut self, place: Place, value: Option<Value>) -> Result<(), Refused> {
        require(self.order.may_write(&self.accounts.id(&place)))?;
        self.accounts.put(place, value);
        Ok(())
    }
}

fn require(holds: bool) -> Result<(), Refused> {
    if holds { Ok(()) } else { Err(Refused) }
}
