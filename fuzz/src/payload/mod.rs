//! Transactions of the state machine as anyone can put them into an L1.
//!
//! A program is a list of wishes of four actors and of plain bytes, block after block. Signatures are not checked, as on
//! the simulated L1, so that everything behind them is reached.
//!
//! | file | room for |
//! |---|---|
//! | `step.rs` | wishes and their byte code |
//! | `world.rs` | accounts, execution, the laws |
//!
//! Laws: nothing panics; a payload that decodes is what encoding makes of the result; money is neither made nor lost; a
//! block has the same effects twice; without its rejected transactions it changes the same accounts; changes begin with
//! what is there and can be taken back; only who signed pays; what was signed happens once, with a nonce above the one
//! before; where signatures are checked, only what needs none happens.

mod step;
mod world;

use std::fmt;

pub use self::step::{ACTORS, Step, Wish};
use self::world::World;
use crate::code::Words;

/// Most steps of a program.
const MOST_STEPS: usize = 64;

/// A whole program.
#[derive(Clone, PartialEq, Eq)]
pub struct Program {
    /// What happens, in order.
    pub steps: Vec<Step>,
}

impl Program {
    /// Reads the byte code; every byte string is a program.
    pub fn decode(bytes: &[u8]) -> Self {
        let mut words = Words::new(bytes);
        let mut steps = Vec::new();
        while let Some(word) = words.next().filter(|_| steps.len() < MOST_STEPS) {
            steps.push(Step::read(word, &mut words));
        }
        Self { steps }
    }

    /// Writes the byte code.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.steps.iter().for_each(|step| step.write(&mut bytes));
        bytes
    }

    /// The payloads of each block.
    pub fn blocks(&self) -> Vec<Vec<Vec<u8>>> {
        let mut blocks = vec![Vec::new()];
        let mut wishes: Vec<Wish> = Vec::new();
        let mut nonce = 0_u64;
        for step in &self.steps {
            let index = blocks.len() as u64;
            let Some(block) = blocks.last_mut() else { continue };
            match step {
                Step::Wish { wish, more_to_come } => {
                    wishes.push(*wish);
                    if !more_to_come {
                        nonce += 1;
                        block.push(step::payload(&wishes, index, nonce));
                        wishes.clear();
                    }
                }
                Step::Payload(bytes) => block.push(bytes.clone()),
                Step::Behind { bytes } => block.push([&state::transaction::MAGIC, bytes.as_slice()].concat()),
                Step::Spoil { at, bits } => block.last_mut().into_iter().for_each(|last| spoil(last, *at, *bits)),
                Step::Cut { at } => block.last_mut().into_iter().for_each(|last| last.truncate(usize::from(*at))),
                Step::Again => block.extend(block.last().cloned()),
                Step::NextBlock => blocks.push(Vec::new()),
            }
        }
        blocks
    }
}

fn spoil(payload: &mut [u8], at: u16, bits: u8) {
    let place = usize::from(at).checked_rem(payload.len()).unwrap_or(0);
    payload.get_mut(place).into_iter().for_each(|byte| *byte ^= bits);
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "    {step:?}"))
    }
}

/// Runs the program.
///
/// # Panics
/// If a law is broken.
pub fn check(program: &Program) {
    let mut world = World::new();
    for payloads in program.blocks() {
        world.block(&payloads);
    }
}
