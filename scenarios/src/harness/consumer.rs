//! What a consumer must be able to do to be stormed.

use std::fmt;

use bridge::{ChainRef, Checkpoint, L1Event};

/// Software that derives something from the events of a bridge: an indexer, a rollup, a wallet.
///
/// The storm does what the main loop of your program does. It takes events from a real bridge, hands them over, acknowledges
/// what is stored, and after a crash starts a new bridge where the consumer stands. In the end the consumer must be as one that
/// was fed the final chain straight: no expected values are needed.
pub trait Consumer: Sized + 'static {
    /// All that was derived from the chain, or a digest of it. Equal for equal chains, whatever happened on the way: it must not
    /// hold what differs from run to run, such as the numbers of events, how many reorgs there were, or the time of day.
    type Digest: PartialEq + fmt::Debug;

    /// Takes in one numbered event: a [`BlockAdded`](L1Event::BlockAdded), [`Reorg`](L1Event::Reorg) or
    /// [`Finalized`](L1Event::Finalized). `after` is where the consumer stands after it: what is stored of the event must be
    /// stored together with `after`, in one transaction, because that is from where a later process goes on.
    ///
    /// The root of the first checkpoint is the anchor on which the first block builds.
    fn on_event(&mut self, event: &L1Event, after: &Checkpoint);

    /// Takes notice of an event without a number: how the connection stands. It comes to nobody twice, and may be lost with a
    /// process.
    fn on_status(&mut self, _event: &L1Event) {}

    /// No more events wait. Whatever is still to be stored must be stored when this returns; a consumer that stores each event at
    /// once has nothing to do.
    fn on_idle(&mut self) {}

    /// The checkpoint that is stored, with all effects up to it; `None` if there is none. Up to there the storm acknowledges,
    /// and from there it goes on after a crash.
    fn checkpoint(&self) -> Option<Checkpoint>;

    /// The references to the chain from root to tip that are stored with the checkpoint, root first, if the consumer stores
    /// them. Otherwise the storm keeps them, as [`bridge::Window`] does.
    fn window(&self) -> Option<Vec<ChainRef>> {
        None
    }

    /// The process died, perhaps in the middle of a call, and starts again: what is on disk stays, everything else is lost.
    /// Usually this opens the store of `self` anew and drops the rest. It must not store anything, as a dead process does not.
    fn restart(self) -> Self;

    /// See [`Digest`](Self::Digest). Compared when nothing more comes; a hash of it is noted in the log whenever a process starts.
    fn digest(&self) -> Self::Digest;
}
