//! Our reader, and a visit to everything that it lends.

use std::hint::black_box;

use bridge::wire::{
    AcceptedTransaction, Block, ChainPage, HashList, Header, Notification, Operation, Reply, ServerFrame, WireError,
};

/// What is done with a header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Headers {
    /// Its fields are visited.
    Lent,
    /// It is hashed too.
    Hashed,
}

/// Reads a frame from the server and visits all of it. Gives a number that depends on each visit, for the optimiser's sake.
///
/// # Errors
/// What our reader has against the frame.
pub fn frame(bytes: &[u8], headers: Headers) -> Result<usize, WireError> {
    match ServerFrame::parse(bytes)? {
        ServerFrame::Notification(notification) => Ok(self::notification(&notification)),
        ServerFrame::Reply(frame) => {
            let operation = frame.operation.map_or(Ok(Operation::Ping), Operation::try_from)?;
            Ok(match frame.decode(operation)? {
                Ok(reply) => self::reply(&reply, headers),
                Err(error) => error.text.len(),
            })
        }
    }
}

/// Whether there is a header in it that can be hashed.
pub fn has_complete_header(bytes: &[u8]) -> bool {
    let Ok(ServerFrame::Reply(frame)) = ServerFrame::parse(bytes) else { return false };
    let Some(Ok(operation)) = frame.operation.map(Operation::try_from) else { return false };
    match frame.decode(operation) {
        Ok(Ok(Reply::ChainPage(page))) => page.blocks().any(|block| block.header.computed_hash().is_some()),
        Ok(Ok(Reply::Block(block))) => block.header.computed_hash().is_some(),
        _ => false,
    }
}

fn notification(notification: &Notification<'_>) -> usize {
    let Notification::VirtualChainChanged(change) = notification else { return 1 };
    let accepted = change.accepted.clone().map(|accepted| hashes(&accepted.transaction_ids));
    hashes(&change.removed) + hashes(&change.added) + accepted.sum::<usize>()
}

fn reply(reply: &Reply<'_>, headers: Headers) -> usize {
    match reply {
        Reply::ServerInfo(info) => info.server_version.len(),
        Reply::BlockDagInfo(info) => hashes(&info.tips) + hashes(&info.virtual_parents),
        Reply::Sink(hash) => usize::from(black_box(hash).as_bytes()[0]),
        Reply::Block(block) => self::block(block, headers),
        Reply::ChainPage(page) => chain_page(page, headers),
        _ => 1,
    }
}

fn block(block: &Block<'_>, headers: Headers) -> usize {
    let verbose = block.verbose.map_or(0, |data| {
        let lists = [data.transaction_ids, data.children, data.mergeset_blues, data.mergeset_reds];
        lists.iter().map(hashes).sum()
    });
    header(&block.header, headers) + verbose
}

fn chain_page(page: &ChainPage<'_>, headers: Headers) -> usize {
    let blocks = page.blocks().map(|block| {
        let accepted = block.accepted.map(|accepted| transaction(&accepted));
        header(&block.header, headers) + accepted.sum::<usize>()
    });
    hashes(&page.removed) + hashes(&page.added) + blocks.sum::<usize>()
}

fn header(header: &Header<'_>, headers: Headers) -> usize {
    if headers == Headers::Hashed {
        black_box(header.computed_hash());
    }
    let parents: usize = header.parents.map_or(0, |parents| parents.levels().map(|level| hashes(&level)).sum());
    black_box(header);
    parents
}

fn transaction(transaction: &AcceptedTransaction<'_>) -> usize {
    black_box(transaction);
    transaction.payload.map_or(0, <[u8]>::len) + transaction.input_count + transaction.output_count
}

/// Copies each hash out, as a reader must that wants to keep it.
fn hashes(list: &HashList<'_>) -> usize {
    list.iter().map(|hash| usize::from(black_box(hash).as_bytes()[0])).sum()
}
