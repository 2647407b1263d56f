//! A machine economy: drones deliver, stations sell them energy, insurers cover the deliveries, customers pay. It makes the
//! payloads of the L1's transactions.
//!
//! It goes on blindly: it never learns what a chain block accepted, in which order, or on which branch. So some of what it
//! makes comes too early, too late or twice, and is rejected, as in reality. Some of it is bad on purpose.
//!
//! | file | room for |
//! |---|---|
//! | `config.rs` | how large the economy is and what happens in it |
//! | `parties.rs` | who takes part, and what each has at the start |
//! | `trade.rs` | what honest parties do |
//! | `mischief.rs` | what must have no effect |

mod config;
mod mischief;
mod parties;
mod trade;

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::FxHashMap;
use sim::{
    random::{Stream, Streams},
    workload::PayloadSource,
};
use state::{
    authorization::{Key, Signature},
    transaction::{Signer, Step, Transaction},
};

pub use self::{
    config::{EconomyConfig, EconomyError, LARGEST_SUM, LONGEST_DEADLINE, MOST_PARTIES},
    parties::{genesis, opening},
};
use self::{parties::Parties, trade::Undertaking};

/// How many of the newest payloads can be repeated.
const RECENT: usize = 32;

/// The economy at work: a source of payloads.
pub struct Economy {
    config: EconomyConfig,
    parties: Parties,
    /// Highest nonce given out to each signer.
    nonces: FxHashMap<Key, u64>,
    /// Deliveries that were posted and are to be settled, by (DAA score at which that is due, number).
    under_way: BTreeMap<(u64, u64), Undertaking>,
    /// Number of deliveries so far.
    deliveries: u64,
    /// How many of the stations were opened.
    opened: usize,
    /// The newest payloads, newest last.
    recent: VecDeque<Vec<u8>>,
}

impl Economy {
    /// The economy of these settings, which must have passed [`EconomyConfig::check`]; `streams` must be those of its
    /// [`genesis`].
    pub fn new(config: &EconomyConfig, streams: Streams) -> Self {
        let parties = Parties::new(config, streams);
        Self {
            config: config.clone(),
            opened: parties.stations_at_first(),
            parties,
            nonces: FxHashMap::default(),
            under_way: BTreeMap::new(),
            deliveries: 0,
            recent: VecDeque::with_capacity(RECENT),
        }
    }

    /// A transaction of these parties, with the next nonce of each.
    fn transaction(
        &mut self,
        signers: &[Key],
        steps: impl IntoIterator<Item = Step>,
        stream: &mut Stream,
    ) -> Transaction {
        let signers: Vec<Signer> = signers.iter().map(|key| self.signer(*key, stream)).collect();
        Transaction::of(signers, steps)
    }

    /// The next nonce of a signer. Some are left out.
    fn signer(&mut self, key: Key, stream: &mut Stream) -> Signer {
        let used = self.nonces.entry(key).or_default();
        *used += 1 + stream.below(3);
        Signer { key, nonce: *used }
    }
}

impl PayloadSource for Economy {
    fn payload(&mut self, stream: &mut Stream, _: usize, at_daa_score: u64) -> Option<Vec<u8>> {
        let mut kind = stream.below(100) as u32;
        let mut is = |percent: u32| {
            let hit = kind < percent;
            kind = kind.wrapping_sub(percent);
            hit
        };
        let config = &self.config;
        let payload = if is(config.foreign_percent) {
            return None;
        } else if is(config.bad_percent) {
            self.mischief(stream, at_daa_score)
        } else if is(config.delivery_percent) {
            let delivery = if self.is_behind(at_daa_score) { Self::settle } else { Self::deliver };
            encode(&delivery(self, stream, at_daa_score))
        } else if is(config.settlement_percent) {
            encode(&self.settle(stream, at_daa_score))
        } else if is(config.station_percent) {
            encode(&self.stock(stream))
        } else {
            encode(&self.transfer(stream))
        };
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(payload.clone());
        Some(payload)
    }
}

/// The payload of a transaction, with signatures of zeros: in the simulation all are good.
fn encode(transaction: &Transaction) -> Vec<u8> {
    transaction.encode(&vec![Signature([0; 64]); transaction.signers.len()])
}
