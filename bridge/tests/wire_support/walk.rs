//! Visits everything that a frame lends: every iterator to its end, every header hash. What a parse has accepted must
//! be walkable to the announced lengths, so a walk asserts those.

use bridge::wire::{
    AcceptedTransaction, Block, ChainPage, Header, Notification, Operation, Reply, Request, ServerFrame, WireError,
};

/// All operations that have replies.
pub const OPERATIONS: [Operation; 8] = [
    Operation::Subscribe,
    Operation::Unsubscribe,
    Operation::Ping,
    Operation::GetServerInfo,
    Operation::GetSink,
    Operation::GetBlock,
    Operation::GetBlockDagInfo,
    Operation::GetVirtualChainFromBlockV2,
];

/// Parses a frame from the server and visits all of it. Gives the number of bytes that were lent, for the optimiser's
/// sake.
pub fn server_frame(bytes: &[u8]) -> Result<usize, WireError> {
    match ServerFrame::parse(bytes)? {
        ServerFrame::Notification(notification) => Ok(self::notification(&notification)),
        ServerFrame::Reply(frame) => {
            let expected = frame.operation.map_or(Ok(Operation::Ping), Operation::try_from)?;
            Ok(match frame.decode(expected)? {
                Ok(reply) => self::reply(&reply),
                Err(error) => error.text.len(),
            })
        }
    }
}

/// Parses a frame from either side and visits all of it.
pub fn frame(bytes: &[u8], is_from_server: bool) -> Result<usize, WireError> {
    if is_from_server { server_frame(bytes) } else { Request::parse(bytes).map(|(_, request)| size_of_val(&request)) }
}

fn notification(notification: &Notification<'_>) -> usize {
    let Notification::VirtualChainChanged(change) = notification else { return 1 };
    let announced = change.accepted.len();
    let mut lists = 0;
    let mut lent = change.removed.as_bytes().len() + change.added.as_bytes().len();
    for accepted in change.accepted.clone() {
        lists += 1;
        lent += accepted.transaction_ids.iter().count() * 32;
    }
    assert_eq!(lists, announced);
    lent
}

fn reply(reply: &Reply<'_>) -> usize {
    match reply {
        Reply::ServerInfo(info) => info.server_version.chars().count(),
        Reply::BlockDagInfo(info) => info.tips.len() + info.virtual_parents.len(),
        Reply::Block(block) => self::block(block),
        Reply::ChainPage(page) => chain_page(page),
        _ => 1,
    }
}

fn block(block: &Block<'_>) -> usize {
    assert!(block.header.computed_hash().is_some());
    let verbose = block.verbose.map_or(0, |data| {
        [data.transaction_ids, data.children, data.mergeset_blues, data.mergeset_reds]
            .map(|hashes| hashes.iter().count())
            .iter()
            .sum()
    });
    header(&block.header) + verbose
}

fn chain_page(page: &ChainPage<'_>) -> usize {
    let (mut blocks, mut transactions, mut lent) = (0, 0, page.removed.len() + page.added.len());
    for block in page.blocks() {
        blocks += 1;
        lent += header(&block.header);
        for accepted in block.accepted {
            transactions += 1;
            lent += transaction(&accepted);
        }
    }
    assert_eq!((blocks, transactions), (page.blocks().len(), page.accepted_count()));
    lent
}

fn header(header: &Header<'_>) -> usize {
    let levels = header.parents.map_or(0, |parents| parents.levels().count());
    assert_eq!(levels, header.parents.map_or(0, |parents| parents.level_count()));
    // The bound of the reader allows 16 MB of parents; a walk over thousands of frames does without hashing those.
    let parents: usize = header.parents.map_or(0, |parents| parents.levels().map(|level| level.len()).sum());
    if parents < 10_000 {
        let _ = std::hint::black_box(header.computed_hash());
    }
    parents + header.first_parent().map_or(0, |parent| parent.as_bytes().len())
}

fn transaction(transaction: &AcceptedTransaction<'_>) -> usize {
    transaction.payload.map_or(0, <[u8]>::len) + transaction.input_count + transaction.output_count
}
