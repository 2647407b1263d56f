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

    /// The block at `position`, or the last if there are fewer.
    pub(super) fn block(&self, position: usize) -> Option<RpcChainBlockAcceptedTransactions> {
        let last = self.blocks.len().saturating_sub(1);
        RpcChainBlockAcceptedTransactions::try_from_slice(self.blocks.get(position.min(last))?).ok()
    }

    /// Changes that block. Whether there is one and `change` found something to do.
    pub(super) fn change_block(
        &mut self,
        position: usize,
        change: impl FnOnce(&mut RpcChainBlockAcceptedTransactions) -> bool,
    ) -> bool {
        let Some(mut block) = self.block(position) else { return false };
        let is_changed = change(&mut block);
        if is_changed && let Some(bytes) = self.blocks.iter_mut().take(position.saturating_add(1)).last() {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kaspa_rpc_core::GetVirtualChainFromBlockV2Response;

    use super::*;
    use crate::fault::response;

    const CAPTURES: [&str; 2] = [
        include_str!("../../../tests/vectors/wrpc/kaspad-2.1.0-simnet.jsonl"),
        include_str!("../../../tests/vectors/wrpc/kaspad-2.1.0-simnet-calls.jsonl"),
    ];

    /// The pages that a real node sent.
    fn captured() -> Vec<(u64, Vec<u8>)> {
        let lines = CAPTURES.into_iter().flat_map(str::lines);
        let frames = lines.filter_map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).expect("a capture is JSON");
            (line["dir"] == "s2c").then(|| hex::decode(line["hex"].as_str().expect("a frame")).expect("hexadecimal"))
        });
        let pages = frames.filter_map(|frame| {
            let Ok(ServerFrame::Reply(reply)) = ServerFrame::parse(&frame) else { return None };
            let id = reply.id;
            let is_page = reply.operation == Some(Operation::GetVirtualChainFromBlockV2.code());
            is_page.then_some((id, frame))
        });
        pages.collect()
    }

    fn message(id: u64, bytes: &[u8]) -> Message<'_> {
        let kind = MessageKind::Reply { id, operation: Some(Operation::GetVirtualChainFromBlockV2) };
        Message { client: 0, node: 0, session: 1, kind, number: 1, now: Duration::ZERO, chain_blocks: 0, bytes }
    }

    fn bytes(fate: MessageFate) -> Option<Vec<u8>> {
        match fate {
            MessageFate::Replace(parcels) => Some(parcels.into_iter().flat_map(|parcel| parcel.bytes).collect()),
            MessageFate::Pass | MessageFate::CloseSession => None,
        }
    }

    #[test]
    fn given_pages_of_a_real_node_when_taken_apart_and_put_together_then_they_are_the_same() {
        let mut blocks = 0;
        for (id, frame) in captured() {
            let message = message(id, &frame);
            let Some(page) = Page::of(&message) else { continue };
            assert_eq!(page.received.blocks().len(), page.blocks.len());
            blocks += page.blocks.len();
            assert_eq!(bytes(changed(&message, |_| true)).as_ref(), Some(&frame));
            assert_eq!(bytes(changed(&message, |_| false)), None);
        }
        assert!(blocks > 100, "{blocks} blocks");
    }

    #[test]
    fn given_pages_of_a_real_node_when_a_block_is_changed_then_as_if_the_page_had_been_decoded_and_encoded() {
        let mut changes = 0;
        for (id, frame) in captured() {
            for position in [0, 1, 7, usize::MAX] {
                let message = message(id, &frame);
                let found = changed(&message, |page| {
                    page.change_block(position, |block| block.chain_block_header.nonce.take().is_some())
                });
                let due = response::changed(
                    &message,
                    Operation::GetVirtualChainFromBlockV2,
                    |page: &mut GetVirtualChainFromBlockV2Response| {
                        let blocks = Arc::make_mut(&mut page.chain_block_accepted_transactions);
                        let last = blocks.len().saturating_sub(1);
                        let block = blocks.get_mut(position.min(last));
                        block.is_some_and(|block| block.chain_block_header.nonce.take().is_some())
                    },
                );
                let (found, due) = (bytes(found), bytes(due));
                changes += usize::from(found.is_some());
                assert_eq!(found, due);
            }
        }
        assert!(changes > 20, "{changes} changes");
    }
}
