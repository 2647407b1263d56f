//! Pages of the chain, as faults look at them and change them.

use std::{borrow::Cow, time::Duration};

use bridge::wire::{ChainPage, Operation, Reply, ServerFrame, encode};
use kaspa_hashes::{HASH_SIZE, Hash};
use kaspa_rpc_core::RpcChainBlockAcceptedTransactions;
use sim::world::interposer::{Message, MessageFate, MessageKind, Parcel};
use workflow_serializer::serializer::Deserializer;

/// Where a response begins in its frame: behind the reply's header and the tag of the result, the length of its envelope and
/// its version.
pub(super) const LENGTH_AT: usize = 13;
pub(super) const VERSION_AT: usize = LENGTH_AT + 4;
const REMOVED_AT: usize = VERSION_AT + 2;

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
    let added_at = REMOVED_AT + 4 + removed.checked_mul(HASH_SIZE)?;
    Some(Counts { removed, added: number_at(added_at)?, added_at })
}

/// A page cut into its blocks, each as it stands in the bytes: to change one costs that block and a copy of the page.
#[derive(Debug)]
pub(super) struct Page<'a> {
    /// As a bridge reads it, before any change.
    pub(super) received: ChainPage<'a>,
    pub(super) removed: Vec<Hash>,
    /// As many as `blocks`, unless another fault struck the page before.
    pub(super) added: Vec<Hash>,
    /// Each an `RpcChainBlockAcceptedTransactions`.
    pub(super) blocks: Vec<Cow<'a, [u8]>>,
}

impl<'a> Page<'a> {
    /// `None` if the message is no page, or one that a bridge cannot read.
    pub(super) fn of(message: &Message<'a>) -> Option<Self> {
        let received = read(message)?;
        let mut left = message.bytes.get(REMOVED_AT..)?;
        let removed = take_hashes(&mut left)?;
        let added = take_hashes(&mut left)?;
        let mut left = take_sized(&mut left)?;
        let blocks = take_number(&mut left)?;
        let blocks = (0..blocks).map(|_| take_sized(&mut left).map(Cow::Borrowed)).collect::<Option<_>>()?;
        Some(Self { received, removed, added, blocks })
    }

    /// Changes the block at `position`, or the last if there are fewer. Whether there is one and `change` found something to do.
    pub(super) fn change_block(
        &mut self,
        position: usize,
        change: impl FnOnce(&mut RpcChainBlockAcceptedTransactions) -> bool,
    ) -> bool {
        let last = self.blocks.len().saturating_sub(1);
        let Some(bytes) = self.blocks.get_mut(position.min(last)) else { return false };
        let Ok(mut block) = RpcChainBlockAcceptedTransactions::try_from_slice(bytes) else { return false };
        let is_changed = change(&mut block);
        if is_changed {
            *bytes = Cow::Owned(encode::chain_block(&block));
        }
        is_changed
    }
}

/// The page with something changed; it passes as it is if `change` says that it found nothing to do.
pub(super) fn changed(message: &Message<'_>, change: impl FnOnce(&mut Page<'_>) -> bool) -> MessageFate {
    let (MessageKind::Reply { id, .. }, Some(mut page)) = (message.kind, Page::of(message)) else {
        return MessageFate::Pass;
    };
    if !change(&mut page) {
        return MessageFate::Pass;
    }
    let bytes = encode::chain_page(id, &page.removed, &page.added, page.blocks.iter().map(AsRef::as_ref));
    MessageFate::Replace(vec![Parcel { after: Duration::ZERO, bytes }])
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

fn take_hashes(left: &mut &[u8]) -> Option<Vec<Hash>> {
    let hashes = take_number(left)?.checked_mul(HASH_SIZE)?;
    let (hashes, rest) = left.split_at_checked(hashes)?;
    *left = rest;
    let (hashes, _) = hashes.as_chunks();
    Some(hashes.iter().map(|bytes| Hash::from_bytes(*bytes)).collect())
}

/// Bytes with their number before them.
fn take_sized<'a>(left: &mut &'a [u8]) -> Option<&'a [u8]> {
    let size = take_number(left)?;
    let (bytes, rest) = left.split_at_checked(size)?;
    *left = rest;
    Some(bytes)
}

fn take_number(left: &mut &[u8]) -> Option<usize> {
    let (number, rest) = left.split_first_chunk()?;
    *left = rest;
    usize::try_from(u32::from_le_bytes(*number)).ok()
}
