//! A program that does whatever its input says: what hostile and careless programs would.

use borsh::{BorshDeserialize, BorshSerialize};
use state::{
    ProgramId,
    context::CallContext,
    program::{CallError, Program},
    transaction::{Access, Step},
};

/// A puppet on either of two strings.
#[derive(Clone, Copy, Debug)]
pub struct Puppet(pub ProgramId);

pub const PUPPET: ProgramId = ProgramId(1_001);
pub const OTHER_PUPPET: ProgramId = ProgramId(1_002);

/// What a puppet does.
#[derive(Clone, Debug, BorshDeserialize, BorshSerialize)]
pub enum Act {
    /// Writes so many bytes into its account of that name.
    Store { name: u8, bytes: u32 },
    /// Removes its account of that name.
    Remove { name: u8 },
    /// Looks at an account of any program.
    Look { program: ProgramId, name: Vec<u8> },
    /// Calls a program.
    Call { program: ProgramId, input: Vec<u8> },
    /// Goes on as if the act had not failed.
    Swallow(Box<Act>),
    /// Refuses so many times the letter a-umlaut.
    Refuse { letters: u32 },
    /// Calls itself, so many levels deep.
    Descend { levels: u32 },
    /// Refuses unless this is the caller.
    CalledBy(Option<ProgramId>),
}

impl Program for Puppet {
    fn id(&self) -> ProgramId {
        self.0
    }

    fn name(&self) -> &'static str {
        "puppet"
    }

    fn call(&self, input: &[u8], context: &mut CallContext<'_>) -> Result<(), CallError> {
        let acts: Vec<Act> = borsh::from_slice(input).expect("tests write what puppets read");
        acts.into_iter().try_for_each(|act| self.act(act, context))
    }
}

impl Puppet {
    fn act(&self, act: Act, context: &mut CallContext<'_>) -> Result<(), CallError> {
        match act {
            Act::Store { name, bytes } => context.store(&[name], &Blob(bytes)),
            Act::Remove { name } => context.remove(&[name]),
            Act::Look { program, name } => context.account(program, &name).map(|_| ()),
            Act::Call { program, input } => context.call(program, &input),
            Act::Swallow(act) => {
                let _ = self.act(*act, context);
                Ok(())
            }
            Act::Refuse { letters } => Err(context.refuse("\u{e4}".repeat(letters as usize))),
            Act::Descend { levels: 0 } => Ok(()),
            Act::Descend { levels } => context.call(self.0, &input(&[Act::Descend { levels: levels - 1 }])),
            Act::CalledBy(caller) if context.caller() == caller => Ok(()),
            Act::CalledBy(_) => Err(context.refuse("another caller")),
        }
    }
}

/// So many bytes.
struct Blob(u32);

impl BorshSerialize for Blob {
    fn serialize<W: borsh::io::Write>(&self, writer: &mut W) -> borsh::io::Result<()> {
        writer.write_all(&vec![b'x'; self.0 as usize])
    }
}

/// What a puppet is told.
pub fn input(acts: &[Act]) -> Vec<u8> {
    borsh::to_vec(acts).expect("a Vec takes everything")
}

/// A call of the first puppet.
pub fn step(acts: &[Act], accesses: impl IntoIterator<Item = Access>) -> Step {
    Step::new(PUPPET, &acts, accesses)
}
