//! Where a consumer stands: what it stores in one transaction with its effects, and a later bridge goes on from.
//!
//! Invariants of every [`Checkpoint`], made or decoded: the locator begins with the tip and ends with the root; towards
//! the root, index and blue score fall strictly, blue score by at least as much as the index; the sequence number is not
//! below the tip's index, and far from the end of its range.

use borsh::{BorshDeserialize, BorshSerialize};
use kaspa_hashes::Hash;
use thiserror::Error;

use crate::{
    event::ChainRef,
    wire::{Network, NetworkKind},
};

/// First bytes of every encoded checkpoint.
const MAGIC: [u8; 4] = *b"L1CP";

/// Version of the layout that follows the version number.
const VERSION: u16 = 1;

/// Most entries of a locator: the tip, an ancestor for each power of two that a 64-bit distance has, the root.
const LOCATOR_LIMIT: usize = 66;

/// Highest sequence number: no bridge comes near it, and none can overflow that begins below it.
const SEQUENCE_LIMIT: u64 = 1 << 62;

/// Longest encoding that is looked at; the longest that [`Checkpoint::encode`] writes is shorter.
const LENGTH_LIMIT: usize = 4_096;

/// The state of a consumer after one numbered event, as far as a bridge must know it to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    network: Network,
    root: ChainRef,
    tip: ChainRef,
    sequence: u64,
    locator: Vec<ChainRef>,
}

impl Checkpoint {
    /// A checkpoint after event `sequence`, which left the chain `root` to `tip`. `reference_at` looks up what the consumer
    /// has stored of the chain block with an index between the two; it is asked about 30 times.
    ///
    /// # Errors
    /// What does not fit together, or an index that `reference_at` does not know.
    pub fn new(
        network: Network,
        sequence: u64,
        root: ChainRef,
        tip: ChainRef,
        mut reference_at: impl FnMut(u64) -> Option<ChainRef>,
    ) -> Result<Self, CheckpointError> {
        let mut locator = Vec::new();
        for index in locator_indices(root.index, tip.index) {
            let entry = match index {
                index if index == tip.index => Some(tip),
                index if index == root.index => Some(root),
                index => reference_at(index).filter(|entry| entry.index == index),
            };
            locator.push(entry.ok_or(CheckpointError::ReferenceMissing { index })?);
        }
        Self { network, root, tip, sequence, locator }.checked()
    }

    /// A checkpoint whose locator may leave blocks out, as it does after a resume from a checkpoint alone.
    pub(crate) fn of_locator(network: Network, sequence: u64, locator: Vec<ChainRef>) -> Result<Self, CheckpointError> {
        let (Some(&tip), Some(&root)) = (locator.first(), locator.last()) else {
            return Err(CheckpointError::LocatorEnds);
        };
        Self { network, root, tip, sequence, locator }.checked()
    }

    /// The network of the chain.
    pub fn network(&self) -> Network {
        self.network
    }

    /// The oldest block that the consumer can roll back to: final, or the one at which it began.
    pub fn root(&self) -> ChainRef {
        self.root
    }

    /// The newest block whose effects are stored.
    pub fn tip(&self) -> ChainRef {
        self.tip
    }

    /// The last numbered event whose effects are stored; the next one has this number plus one.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The tip, its ancestors at distances 1, 2, 4 and so on above the root as far as they are known, the root.
    pub fn locator(&self) -> &[ChainRef] {
        &self.locator
    }

    /// The bytes to store: magic `L1CP`, version 1, then Borsh.
    pub fn encode(&self) -> Vec<u8> {
        let stored = StoredCheckpoint {
            network_kind: kind_number(self.network.kind),
            network_suffix: self.network.suffix,
            root: self.root.into(),
            tip: self.tip.into(),
            sequence: self.sequence,
            locator: self.locator.iter().copied().map(StoredRef::from).collect(),
        };
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        let written = stored.serialize(&mut bytes);
        debug_assert!(written.is_ok(), "a Vec takes everything, and a locator is shorter than 2^32");
        bytes
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// Bytes that are no checkpoint, of another version, cut, too long, or that contradict themselves.
    pub fn decode(bytes: &[u8]) -> Result<Self, CheckpointError> {
        if bytes.len() > LENGTH_LIMIT {
            return Err(CheckpointError::TooLong { length: bytes.len(), limit: LENGTH_LIMIT });
        }
        let bytes = bytes.strip_prefix(&MAGIC).ok_or(CheckpointError::NotACheckpoint)?;
        let (version, mut body) = bytes.split_first_chunk().ok_or(CheckpointError::NotACheckpoint)?;
        let found = u16::from_le_bytes(*version);
        if found != VERSION {
            return Err(CheckpointError::UnknownVersion { found, known: VERSION });
        }
        // The length of the locator is bounded by the bytes that are there, and those by the limit above.
        let stored = StoredCheckpoint::deserialize(&mut body)
            .map_err(|error| CheckpointError::Unreadable { message: error.to_string() })?;
        if !body.is_empty() {
            return Err(CheckpointError::TrailingBytes { count: body.len() });
        }
        let kind = kind_of(stored.network_kind)?;
        Self {
            network: Network { kind, suffix: stored.network_suffix },
            root: stored.root.into(),
            tip: stored.tip.into(),
            sequence: stored.sequence,
            locator: stored.locator.into_iter().map(ChainRef::from).collect(),
        }
        .checked()
    }

    fn checked(self) -> Result<Self, CheckpointError> {
        if self.locator.len() > LOCATOR_LIMIT {
            return Err(CheckpointError::LocatorTooLong { entries: self.locator.len(), limit: LOCATOR_LIMIT });
        }
        if self.locator.first() != Some(&self.tip) || self.locator.last() != Some(&self.root) {
            return Err(CheckpointError::LocatorEnds);
        }
        for (above, below) in self.locator.iter().zip(self.locator.iter().skip(1)) {
            let blocks = above.index.checked_sub(below.index).filter(|blocks| *blocks > 0);
            let score = above.blue_score.checked_sub(below.blue_score);
            if blocks.zip(score).is_none_or(|(blocks, score)| blocks > score) {
                return Err(CheckpointError::NotAncestor { above: *above, below: *below });
            }
        }
        // Every index above 0 took an event of its own.
        if self.sequence < self.tip.index {
            return Err(CheckpointError::SequenceTooLow { sequence: self.sequence, index: self.tip.index });
        }
        if self.sequence > SEQUENCE_LIMIT {
            return Err(CheckpointError::SequenceTooHigh { sequence: self.sequence, limit: SEQUENCE_LIMIT });
        }
        Ok(self)
    }
}

/// The indices of a locator, newest first: `tip`, then at distances 1, 2, 4 and so on above `root`, then `root`.
pub(crate) fn locator_indices(root: u64, tip: u64) -> impl Iterator<Item = u64> {
    let distances = std::iter::successors(Some(1_u64), |distance| distance.checked_mul(2));
    let between = distances.map_while(move |distance| tip.checked_sub(distance).filter(|index| *index > root));
    std::iter::once(tip).chain(between).chain((root != tip).then_some(root))
}

/// Layout of version 1.
#[derive(BorshDeserialize, BorshSerialize)]
struct StoredCheckpoint {
    network_kind: u8,
    network_suffix: Option<u32>,
    root: StoredRef,
    tip: StoredRef,
    sequence: u64,
    locator: Vec<StoredRef>,
}

#[derive(BorshDeserialize, BorshSerialize)]
struct StoredRef {
    hash: [u8; 32],
    index: u64,
    blue_score: u64,
}

impl From<ChainRef> for StoredRef {
    fn from(block: ChainRef) -> Self {
        Self { hash: block.hash.as_bytes(), index: block.index, blue_score: block.blue_score }
    }
}

impl From<StoredRef> for ChainRef {
    fn from(block: StoredRef) -> Self {
        Self { hash: Hash::from_bytes(block.hash), index: block.index, blue_score: block.blue_score }
    }
}

fn kind_number(kind: NetworkKind) -> u8 {
    match kind {
        NetworkKind::Mainnet => 0,
        NetworkKind::Testnet => 1,
        NetworkKind::Devnet => 2,
        NetworkKind::Simnet => 3,
    }
}

fn kind_of(number: u8) -> Result<NetworkKind, CheckpointError> {
    Ok(match number {
        0 => NetworkKind::Mainnet,
        1 => NetworkKind::Testnet,
        2 => NetworkKind::Devnet,
        3 => NetworkKind::Simnet,
        number => return Err(CheckpointError::UnknownNetwork { number }),
    })
}

/// Why something is no checkpoint.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The locator does not lead from the tip to the root.
    #[error("the checkpoint's locator does not begin with its tip and end with its root")]
    LocatorEnds,
    /// More entries than any chain needs.
    #[error("the checkpoint's locator has {entries} entries, at most {limit} are possible")]
    LocatorTooLong {
        /// Entries found.
        entries: usize,
        /// Most that are accepted.
        limit: usize,
    },
    /// Other bytes.
    #[error("the bytes do not begin as a checkpoint does")]
    NotACheckpoint,
    /// Two neighbours in the locator that cannot be on one chain.
    #[error("{} with index {} and blue score {} cannot be an ancestor of {} with index {} and blue score {}",
        .below.hash, .below.index, .below.blue_score, .above.hash, .above.index, .above.blue_score)]
    NotAncestor {
        /// The entry nearer to the tip.
        above: ChainRef,
        /// The entry nearer to the root.
        below: ChainRef,
    },
    /// The consumer's store has a gap.
    #[error("the store does not know the chain block with index {index}")]
    ReferenceMissing {
        /// Index asked for.
        index: u64,
    },
    /// A sequence number that no bridge can have reached.
    #[error("sequence number {sequence} is above {limit}, which no bridge reaches")]
    SequenceTooHigh {
        /// Number of the last event.
        sequence: u64,
        /// Highest that is accepted.
        limit: u64,
    },
    /// A sequence number that the tip cannot have been reached with.
    #[error("the tip has index {index}, which takes more than {sequence} events")]
    SequenceTooLow {
        /// Number of the last event.
        sequence: u64,
        /// Index of the tip.
        index: u64,
    },
    /// More bytes than any checkpoint has.
    #[error("{length} bytes are no checkpoint: the longest has {limit}")]
    TooLong {
        /// Bytes given.
        length: usize,
        /// Most that are read.
        limit: usize,
    },
    /// Bytes after the end.
    #[error("{count} bytes follow the checkpoint")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// A network that this version does not know.
    #[error("the checkpoint names network kind {number}, which does not exist")]
    UnknownNetwork {
        /// The number found.
        number: u8,
    },
    /// Written by another version of this crate.
    #[error("the checkpoint has version {found}, this bridge reads version {known}")]
    UnknownVersion {
        /// Version found.
        found: u16,
        /// The version that is read.
        known: u16,
    },
    /// Bytes that are cut or that Borsh does not accept.
    #[error("the checkpoint is unreadable: {message}")]
    Unreadable {
        /// Borsh's words.
        message: String,
    },
}
