//! Notifications. Sources: `kaspa-rpc-core` 2.1.0, `Notification` and the structures of its variants.

use kaspa_hashes::{HASH_SIZE, Hash};

use super::{HashList, NotificationKind, Reader, WireError, reader::LENGTH_SIZE, reader::bad_tag};

/// Operation numbers of all notifications of the node, in the order of the variants of its `Notification`.
const FIRST_OPERATION: u8 = 60;
const LAST_OPERATION: u8 = 68;

/// A notification.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Notification<'a> {
    /// The selected chain was re-evaluated.
    VirtualChainChanged(VirtualChainChanged<'a>),
    /// The sink's blue score changed.
    SinkBlueScoreChanged {
        /// Blue score of the sink.
        sink_blue_score: u64,
    },
    /// The virtual's DAA score changed.
    VirtualDaaScoreChanged {
        /// DAA score of the virtual.
        virtual_daa_score: u64,
    },
    /// The node was reset to a new pruning point.
    PruningPointUtxoSetOverride,
    /// One of the node's notifications that is not read here. Its body was skipped.
    Other {
        /// Its operation number.
        operation: u8,
    },
}

impl<'a> Notification<'a> {
    /// Reads what follows the header of a notification frame.
    pub(super) fn read(operation: u8, mut reader: Reader<'a>) -> Result<Self, WireError> {
        if !(FIRST_OPERATION..=LAST_OPERATION).contains(&operation) {
            return Err(WireError::UnknownOperation(operation));
        }
        let mut body = reader.last_envelope("notification")?;
        body.version_u16("notification")?;
        let variant = body.u16("notification variant")?;
        if variant != u16::from(operation - FIRST_OPERATION) {
            return Err(bad_tag("notification variant", u32::from(variant)));
        }
        let mut body = body.envelope("notification body")?;
        let Ok(kind) = NotificationKind::try_from(operation) else {
            return Ok(Self::Other { operation });
        };
        body.version_u16("notification body")?;
        Ok(match kind {
            NotificationKind::VirtualChainChanged => Self::VirtualChainChanged(VirtualChainChanged::read(&mut body)?),
            NotificationKind::SinkBlueScoreChanged => {
                Self::SinkBlueScoreChanged { sink_blue_score: body.u64("sink blue score")? }
            }
            NotificationKind::VirtualDaaScoreChanged => {
                Self::VirtualDaaScoreChanged { virtual_daa_score: body.u64("virtual DAA score")? }
            }
            NotificationKind::PruningPointUtxoSetOverride => Self::PruningPointUtxoSetOverride,
        })
    }

    /// The operation number of the notification.
    pub const fn operation(&self) -> u8 {
        match self {
            Self::VirtualChainChanged(_) => NotificationKind::VirtualChainChanged.code(),
            Self::SinkBlueScoreChanged { .. } => NotificationKind::SinkBlueScoreChanged.code(),
            Self::VirtualDaaScoreChanged { .. } => NotificationKind::VirtualDaaScoreChanged.code(),
            Self::PruningPointUtxoSetOverride => NotificationKind::PruningPointUtxoSetOverride.code(),
            Self::Other { operation } => *operation,
        }
    }
}

/// How the selected chain moved. Both lists are empty when it did not.
#[derive(Debug, Clone)]
pub struct VirtualChainChanged<'a> {
    /// Blocks that left the chain, tip first.
    pub removed: HashList<'a>,
    /// Blocks that joined the chain, oldest first.
    pub added: HashList<'a>,
    /// Ids that the added blocks accepted, in their order; nothing unless the subscription asked for it.
    pub accepted: AcceptedIdLists<'a>,
}

impl<'a> VirtualChainChanged<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        let removed = reader.hashes("removed chain blocks")?;
        let added = reader.hashes("added chain blocks")?;
        let left = reader.count("accepted id lists", HASH_SIZE + LENGTH_SIZE)?;
        let accepted = AcceptedIdLists { reader: *reader, left };
        let mut walk = accepted.clone();
        while walk.left > 0 {
            walk.read_next()?;
        }
        Ok(Self { removed, added, accepted })
    }
}

/// Iterator over the accepted ids of a notification, one list for each accepting block. It was walked once when the
/// notification was read and cannot meet an error.
#[derive(Debug, Clone)]
pub struct AcceptedIdLists<'a> {
    reader: Reader<'a>,
    left: usize,
}

/// What one chain block accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptedIds<'a> {
    /// The chain block.
    pub accepting_block_hash: Hash,
    /// The transactions that it accepted, coinbase included.
    pub transaction_ids: HashList<'a>,
}

impl<'a> AcceptedIdLists<'a> {
    fn read_next(&mut self) -> Result<AcceptedIds<'a>, WireError> {
        self.left -= 1;
        let accepting_block_hash = self.reader.hash("accepting block hash")?;
        Ok(AcceptedIds { accepting_block_hash, transaction_ids: self.reader.hashes("accepted transaction ids")? })
    }
}

impl<'a> Iterator for AcceptedIdLists<'a> {
    type Item = AcceptedIds<'a>;

    fn next(&mut self) -> Option<AcceptedIds<'a>> {
        if self.left == 0 { None } else { self.read_next().ok() }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for AcceptedIdLists<'_> {}
