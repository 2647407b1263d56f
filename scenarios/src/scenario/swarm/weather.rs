//! How wild a run is, and which kinds of trouble exist in it.

use sim::random::Streams;

/// A kind of trouble that exists in a run or does not. The position is what a seed draws: new kinds go to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Faults between bridges and nodes.
    Connections,
    /// Some of them come in bursts.
    Bursts,
    /// Divisions of the network that are over soon.
    Cuts,
    /// The first bridge's first node has no hash power and hears two equal halves in turn.
    Flapping,
    /// A cut that lasts about as long as finality.
    FinalityEdge,
    /// Nodes keep the blocks that they find.
    Withholding,
    /// Nodes get headers and no bodies.
    BodiesLag,
    /// Nodes lose their data and sync from others.
    Resync,
    /// Nodes are restarted.
    Restart,
    /// Consumers that take their time.
    SlowConsumers,
    /// Consumers that stop.
    Stops,
    /// Disks that fail, and processes that die.
    Disks,
    /// Some pairs of nodes hear from each other late.
    SlowLinks,
    /// Consensus parameters under which nodes prune early.
    Parameters,
    /// Bridges or nodes of another network, or too old.
    Strangers,
}

/// What a run has in store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    pub(super) streams: Streams,
    /// How much there is of each kind that exists; 0 in a calm run.
    pub(super) wildness: u64,
}

impl Weather {
    pub(super) fn draw(streams: &Streams) -> Self {
        let wildness = match streams.stream("swarm weather", 0).below(16) {
            0 => 0,
            1..12 => 1,
            12..15 => 2,
            _ => 4,
        };
        Self { streams: *streams, wildness }
    }

    /// Whether there is trouble of this kind.
    pub(super) fn has(&self, kind: Kind) -> bool {
        self.wildness > 0 && self.streams.stream("swarm kind", kind as u64).chance(1, 2)
    }
}
