//! Questions that several stories ask of what happened.

use bridge::{
    Config, L1Event, Reorg,
    wire::{Operation, Request},
};

use crate::support::{
    node::Answer,
    pair::{Pair, Stored},
    settings,
};

/// Finality depth of stories in which something becomes final. Every block of these trees adds one to the blue score.
pub const FINALITY: usize = 12;

/// Settings with that depth.
pub fn shallow(nodes: usize) -> Config {
    let mut config = settings::config(nodes);
    config.finality_depth = Some(FINALITY as u64);
    config
}

/// Node 0 has thirty blocks, of which the lower ones are final; the follower is synced and then away.
pub fn away(config: Config) -> (Pair, Stored) {
    let mut pair = Pair::synced(config, 30);
    pair.hang_up();
    let stored = pair.stored();
    pair.events.clear();
    pair.requests.clear();
    (pair, stored)
}

/// All reorgs that were told.
pub fn reorgs(pair: &Pair) -> Vec<&Reorg> {
    let events = pair.events.iter();
    events.filter_map(|event| if let L1Event::Reorg(reorg) = event { Some(reorg) } else { None }).collect()
}

/// How many blocks were told.
pub fn blocks(pair: &Pair) -> usize {
    pair.events.iter().filter(|event| matches!(event, L1Event::BlockAdded(_))).count()
}

/// Whether this asks for a page of the chain.
pub fn is_page(request: &Request) -> bool {
    request.operation() == Operation::GetVirtualChainFromBlockV2
}

/// The pages that were asked for, in order.
pub fn pages(pair: &Pair) -> Vec<Request> {
    pair.requests.iter().map(|sent| sent.request).filter(is_page).collect()
}

/// How many blocks an answer brings.
pub fn size(answer: &Answer) -> usize {
    if let Answer::Page(page) = answer { page.blocks.len() } else { 0 }
}

/// The node forgets the newest `count` blocks of the consumer's path.
pub fn forget_newest(pair: &mut Pair, count: usize) {
    let newest: Vec<_> = pair.consumer.path().iter().rev().take(count).copied().collect();
    pair.nodes[0].unknown.extend(newest);
}
