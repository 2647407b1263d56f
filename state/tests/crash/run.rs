//! Runs a script on a disk, looks at what a machine holds, and judges what a crash has left.

use bridge::ChainRef;
use kaspa_hashes::Hash;
use redb::{StorageBackend, backends::InMemoryBackend};
use sim::{
    disk::{Disk, Image, Recording},
    random::Streams,
};
use state::{Account, AccountId, ApplyError, Machine, OpenError, receipt::Receipt};

use crate::script::{ANCHOR, Script};

/// Everything that a machine tells about its store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    pub checkpoint: Option<Vec<u8>>,
    pub window: Vec<ChainRef>,
    pub root: Hash,
    pub roots: Vec<Option<Hash>>,
    pub accounts: Vec<(AccountId, Account)>,
    pub receipts: Vec<Receipt>,
    pub undo_indices: Vec<u64>,
}

impl Observation {
    /// What the machine holds; its root is that of all accounts, computed anew.
    pub fn of(machine: &Machine) -> Self {
        let window: Vec<ChainRef> = machine.window().map(|window| window.blocks().collect()).unwrap_or_default();
        let root = machine.state_root();
        assert_eq!(machine.rebuilt_state_root().unwrap(), root);
        let receipts = machine.receipts().unwrap();
        // Some of them: each look-up opens the tables anew.
        for receipt in receipts.iter().step_by(1 + receipts.len() / 8) {
            assert_eq!(machine.receipt(&receipt.transaction).unwrap().as_ref(), Some(receipt));
        }
        Self {
            checkpoint: machine.checkpoint().map(|checkpoint| checkpoint.encode()),
            roots: window.iter().map(|block| machine.state_root_at(block.index).unwrap()).collect(),
            window,
            root,
            accounts: machine.accounts().unwrap(),
            receipts,
            undo_indices: machine.undo_indices().unwrap(),
        }
    }
}

/// What the machine must hold before the first batch and after each of a run that nothing interrupts, in memory.
pub fn expected(script: &Script) -> Vec<Observation> {
    let mut machine = Machine::open_on(InMemoryBackend::new(), script.config()).unwrap();
    let mut observations = vec![Observation::of(&machine)];
    for batch in &script.batches {
        machine.apply(Some(ANCHOR), batch).unwrap();
        observations.push(Observation::of(&machine));
    }
    observations
}

/// Whether a machine does what it promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Honesty {
    /// It stores, then acknowledges, on a disk that does what it says.
    Honest,
    /// It acknowledges a batch and stores it then.
    AcknowledgesFirst,
    /// Its disk confirms syncs and does not do them.
    DiskSkipsSyncs,
}

/// A recorded run.
pub struct Run {
    pub recording: Recording,
    /// Operations of the disk after which each batch was acknowledged.
    pub acknowledged: Vec<usize>,
    /// Operations done while a machine was dropped, whose errors nobody hears.
    pub unheard: usize,
}

impl Run {
    /// Batches that were acknowledged when so many operations had happened.
    pub fn acknowledged_at(&self, operations: usize) -> usize {
        self.acknowledged.iter().filter(|&&at| at <= operations).count()
    }
}

/// Runs the whole script and records what happens on the disk.
pub fn record(script: &Script, honesty: Honesty) -> Run {
    let disk = disk("record", Image::default());
    disk.record();
    disk.set_skips_syncs(honesty == Honesty::DiskSkipsSyncs);
    let (mut acknowledged, mut unheard) = (Vec::new(), 0);
    let mut machine = Machine::open_on(disk.open(), script.config()).unwrap();
    for (number, batch) in script.batches.iter().enumerate() {
        let before = disk.recorded_operations();
        machine.apply(Some(ANCHOR), batch).unwrap();
        let acknowledges_first = honesty == Honesty::AcknowledgesFirst;
        acknowledged.push(if acknowledges_first { before } else { disk.recorded_operations() });
        if restarts(script, number) {
            let before = disk.recorded_operations();
            if end(machine, number).unwrap() == End::Dropped {
                unheard += disk.recorded_operations() - before;
            }
            machine = Machine::open_on(disk.open(), script.config()).unwrap();
        }
    }
    machine.close().unwrap();
    Run { recording: disk.take_recording(), acknowledged, unheard }
}

/// Why a live run stopped.
#[derive(Debug)]
pub enum Stop {
    Open(OpenError),
    Apply(ApplyError),
    Close(state::StoreError),
}

/// Runs the script on a disk until something fails: how many batches were acknowledged, and why it stopped.
pub fn live(script: &Script, disk: &Disk) -> (usize, Option<Stop>) {
    let open = || Machine::open_on(disk.open(), script.config()).map_err(Stop::Open);
    let mut acknowledged = 0;
    let mut run = || -> Result<(), Stop> {
        let mut machine = open()?;
        for (number, batch) in script.batches.iter().enumerate() {
            if let Err(error) = machine.apply(Some(ANCHOR), batch) {
                let again = machine.apply(Some(ANCHOR), batch);
                assert!(again.is_err(), "a machine that has failed takes nothing");
                return Err(Stop::Apply(error));
            }
            acknowledged += 1;
            if restarts(script, number) {
                end(machine, number).map_err(Stop::Close)?;
                machine = open()?;
            }
        }
        machine.close().map_err(Stop::Close)
    };
    let stop = run().err();
    (acknowledged, stop)
}

/// How a machine ends before a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    Dropped,
}

fn end(machine: Machine, number: usize) -> Result<End, state::StoreError> {
    if number.is_multiple_of(2) { machine.close().map(|()| End::Closed) } else { Ok(End::Dropped) }
}

fn restarts(script: &Script, number: usize) -> bool {
    (number + 1).is_multiple_of(script.shape.restart_after)
}

/// A disk with these bytes.
pub fn disk(name: &'static str, image: Image) -> Disk {
    Disk::with_image(image, Streams::new(1).stream(name, 0))
}

/// Opens what a crash has left: the machine must stand where `acknowledged` batches, or one more, lead to, and go on from
/// there to the end. Returns where it stood.
///
/// # Errors
/// What is wrong, in a sentence.
pub fn judge(
    script: &Script,
    expected: &[Observation],
    acknowledged: usize,
    storage: impl StorageBackend,
) -> Result<usize, String> {
    let mut machine = Machine::open_on(storage, script.config()).map_err(|error| format!("it cannot open: {error}"))?;
    let stands_at = stands_at(&machine, expected, acknowledged)?;
    let sequence = machine.checkpoint().map_or(0, |checkpoint| checkpoint.sequence());
    // Other batches than before: what a machine holds does not depend on them.
    for events in script.events_after(sequence).chunks(64) {
        machine.apply(Some(ANCHOR), events).map_err(|error| format!("it cannot go on: {error}"))?;
    }
    let last = expected.last().ok_or("nothing is expected")?;
    let is_same = Observation::of(&machine) == *last;
    is_same.then_some(stands_at).ok_or_else(|| format!("it stood after batch {stands_at} and ended elsewhere"))
}

/// After which batch the machine stands.
///
/// # Errors
/// If it is before an acknowledged batch, after one that was not begun, or in the middle of one.
pub fn stands_at(machine: &Machine, expected: &[Observation], acknowledged: usize) -> Result<usize, String> {
    let found = Observation::of(machine);
    let most = expected.len().min(acknowledged + 2);
    let place = (acknowledged..most).find(|&batches| expected[batches] == found);
    place.ok_or_else(|| match expected.iter().position(|observation| *observation == found) {
        Some(batches) => format!("{acknowledged} batches are acknowledged and {batches} stored"),
        None => "it stands in the middle of a batch".to_owned(),
    })
}
