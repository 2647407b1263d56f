//! Which hot paths there are, and what they are called.
//!
//! Invariant: no two have the same name, and each is in [`HotPath::ALL`].

/// A path whose instructions are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HotPath {
    Insert,
    Answer,
    Walk,
    CatchUp,
    Follow,
    Execute,
    Apply,
    Storm,
}

impl HotPath {
    /// All, in the order of the way from the network to the state.
    pub const ALL: [Self; 8] =
        [Self::Insert, Self::Answer, Self::Walk, Self::CatchUp, Self::Follow, Self::Execute, Self::Apply, Self::Storm];

    /// Its name on the command line and in the baseline.
    pub fn name(self) -> &'static str {
        match self {
            Self::Insert => "sim::dag::insert",
            Self::Answer => "sim::node::answer",
            Self::Walk => "bridge::wire::walk",
            Self::CatchUp => "bridge::catch_up",
            Self::Follow => "bridge::follow",
            Self::Execute => "state::execute",
            Self::Apply => "state::apply",
            Self::Storm => "scenarios::run",
        }
    }

    /// The path of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|path| path.name() == name)
    }
}
