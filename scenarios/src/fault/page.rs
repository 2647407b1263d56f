//! Pages of the chain, as faults look at them and change them.

use bridge::wire::{ChainPage, Operation, Reply, ServerFrame};
use kaspa_rpc_core::GetVirtualChainFromBlockV2Response;
use sim::world::interposer::{Message, MessageFate, MessageKind};

use super::response;

/// Where a response begins in its frame: behind the reply's header and the tag of the result, the length of its envelope and
/// its version.
pub(super) const LENGTH_AT: usize = 13;
pub(super) const VERSION_AT: usize = LENGTH_AT + 4;
const REMOVED_AT: usize = VERSION_AT + 2;
const HASH_BYTES: usize = 32;

/// How many blocks a page names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    pub(super) removed: usize,
    pub(super) added: usize,
    /// Where in the frame the number of added blocks stands.
    pub(super) added_at: usize,
}

/// How many blocks the page names; `None` if the message is no page.
pub(super) fn counts(message: &Message<'_>) -> Option<Counts> {
    let MessageKind::Reply { operation: Some(Operation::GetVirtualChainFromBlockV2), .. } = message.kind else {
        return None;
    };
    // An error has another tag there.
    if message.bytes.get(LENGTH_AT - 1) != Some(&1) {
        return None;
    }
    let number_at = |at: usize| {
        let bytes = message.bytes.get(at..)?.first_chunk::<4>()?;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    };
    let removed = number_at(REMOVED_AT)?;
    let added_at = REMOVED_AT + 4 + removed.checked_mul(HASH_BYTES)?;
    Some(Counts { removed, added: number_at(added_at)?, added_at })
}

/// The page with something changed; it passes as it is if `change` says that it found nothing to do.
pub(super) fn changed(
    message: &Message<'_>,
    change: impl FnOnce(&mut GetVirtualChainFromBlockV2Response) -> bool,
) -> MessageFate {
    response::changed(message, Operation::GetVirtualChainFromBlockV2, change)
}

/// The page as a bridge reads it, which costs no copy: a fault that waits asks each page whether it fits. `None` if the message
/// is no page, or one that a bridge cannot read.
pub(super) fn read<'a>(message: &Message<'a>) -> Option<ChainPage<'a>> {
    let operation = Operation::GetVirtualChainFromBlockV2;
    let Ok(ServerFrame::Reply(frame)) = ServerFrame::parse(message.bytes) else { return None };
    match (message.kind, frame.decode(operation)) {
        (MessageKind::Reply { operation: Some(found), .. }, Ok(Ok(Reply::ChainPage(page)))) if found == operation => {
            Some(page)
        }
        _ => None,
    }
}

/// Whether the page has blocks at Full verbosity, of which a bridge can check everything but the transactions.
pub(super) fn is_full(message: &Message<'_>) -> bool {
    // The pruning point is there at Full verbosity alone.
    counts(message).is_some_and(|counts| counts.added > 0)
        && read(message).is_some_and(|page| page.blocks().all(|block| block.header.pruning_point.is_some()))
}
