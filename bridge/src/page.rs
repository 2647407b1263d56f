//! Checks a chain page whole, before its first effect, and turns it into owned blocks.

use std::collections::BTreeSet;

use kaspa_hashes::Hash;

use crate::{
    chain::{ChainRecord, ChainView},
    error::Violation,
    event::{AcceptedTransaction, ChainRef},
    filter::Filter,
    wire::{self, ChainPage, HASHED_TOGETHER, HashList, HeaderHasher},
};

/// Most that a block's blue score can exceed its selected parent's by. It counts the blues of the mergeset, which no
/// network lets grow beyond 512 blocks (`kaspa_consensus_core::config::bps::Bps::mergeset_size_limit`); one more, so that
/// nothing depends on whether the selected parent is counted among them.
pub(crate) const LARGEST_BLUE_SCORE_RISE: u64 = 512 + 1;

/// A page every claim of which was checked against the view and against its own headers.
#[derive(Debug)]
pub(crate) struct VerifiedPage {
    /// Our blocks that the page removes, tip first.
    pub(crate) removed: Vec<Hash>,
    /// Blocks to append above the fork, oldest first.
    pub(crate) added: Vec<VerifiedBlock>,
}

/// A chain block whose header hashes to its hash and names its predecessor first.
#[derive(Debug)]
pub(crate) struct VerifiedBlock {
    pub(crate) record: ChainRecord,
    pub(crate) daa_score: u64,
    pub(crate) timestamp_ms: u64,
    pub(crate) accepted: Vec<AcceptedTransaction>,
    /// Its header was hashed here and names its predecessor.
    pub(crate) verified: bool,
}

/// How much of a page is the node's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// At Full verbosity: every header is hashed, and names its predecessor first.
    Nothing,
    /// At lower verbosity: hashes and scores are taken as told. The last block's must be confirmed before any effect.
    UpToLast,
}

/// On what the identity of one block of a page rests.
#[derive(Clone, Copy)]
enum Claim {
    /// The hash of its header, if no field was absent.
    Hashed(Option<Hash>),
    Told,
}

/// Outcome of the check.
#[derive(Debug)]
pub(crate) enum PageCheck {
    /// The page extends our chain, perhaps after a removal within the view.
    Verified(VerifiedPage),
    /// The page ends within our chain, this far below the tip: what the node has above it is still to be asked.
    WithinOurs {
        /// Number of our blocks above its last one.
        depth: usize,
    },
    /// The page removes our root: nothing of it may be applied.
    RemovesRoot,
}

/// Checks `page`, the answer for our block `depth` below the tip.
pub(crate) fn check(
    page: &ChainPage<'_>,
    view: &ChainView,
    depth: usize,
    trust: Trust,
    filter: &Filter,
) -> Result<PageCheck, Violation> {
    let (added, blocks) = (page.added.len(), page.blocks().len());
    if added != blocks {
        return Err(Violation::BlockCount { added, blocks });
    }
    let common = common_blocks(page, view, depth);
    let above_fork = depth.saturating_add(page.removed.len()) - common;
    let fork = view.below_tip(above_fork);
    let (false, Some(mut parent)) = (removes_root(page.removed, view, depth)?, fork) else {
        return Ok(PageCheck::RemovesRoot);
    };
    if common > 0 && common == added && above_fork > 0 {
        return Ok(PageCheck::WithinOurs { depth: above_fork });
    }
    if trust == Trust::UpToLast {
        check_no_repetition(page.added, view, common)?;
    }
    let mut verified = Vec::with_capacity(added - common);
    let mut hasher = HeaderHasher::default();
    let mut rest = page.added.iter().zip(page.blocks()).skip(common);
    let mut group = Vec::with_capacity(HASHED_TOGETHER);
    while let Some(first) = rest.next() {
        group.push(first);
        group.extend(rest.by_ref().take(HASHED_TOGETHER - 1));
        let computed = match trust {
            Trust::Nothing => hasher.hashes(group.iter().map(|(_, block)| &block.header)).map(Claim::Hashed),
            Trust::UpToLast => [Claim::Told; HASHED_TOGETHER],
        };
        for ((announced, block), claim) in group.drain(..).zip(computed) {
            let block = check_block(announced, block, claim, parent, filter)?;
            parent = block.record;
            verified.push(block);
        }
    }
    let removed = (0..above_fork).filter_map(|depth| view.below_tip(depth)).map(|record| record.hash).collect();
    Ok(PageCheck::Verified(VerifiedPage { removed, added: verified }))
}

/// How many of the first added blocks are the ones that our chain has there: at most `depth`, and none after a removal,
/// whose blocks these would be.
fn common_blocks(page: &ChainPage<'_>, view: &ChainView, depth: usize) -> usize {
    if !page.removed.is_empty() {
        return 0;
    }
    let ours = (0..depth).rev().map_while(|depth| view.below_tip(depth));
    page.added.iter().zip(ours).take_while(|(added, ours)| *added == ours.hash).count()
}

/// The references of a page that continues a chain from `base` on, as the node tells them.
pub(crate) fn check_references(page: &ChainPage<'_>, base: ChainRef) -> Result<Vec<ChainRef>, Violation> {
    let (added, blocks) = (page.added.len(), page.blocks().len());
    if added != blocks {
        return Err(Violation::BlockCount { added, blocks });
    }
    let mut references = Vec::with_capacity(added);
    let mut parent = base;
    for (announced, block) in page.added.iter().zip(page.blocks()) {
        check_named(announced, &block.header)?;
        let record = chain_record(announced, &block.header)?;
        check_rise(&record, parent.blue_score)?;
        // An index counts blocks of which each took a message of its own: it stays far below the end of its range.
        parent = ChainRef { hash: announced, index: parent.index + 1, blue_score: record.blue_score };
        references.push(parent);
    }
    Ok(references)
}

/// The chain record of a header that was fetched by hash.
pub(crate) fn check_header(asked: Hash, header: &wire::Header<'_>) -> Result<ChainRecord, Violation> {
    let found = header.hash.ok_or(Violation::Missing { field: "hash", hash: asked })?;
    if found != asked {
        return Err(Violation::WrongBlock { asked, found });
    }
    check_hash(asked, header.computed_hash())?;
    chain_record(asked, header)
}

/// Whether the list, which must name our chain downwards from the block `depth` below the tip, reaches our root.
fn removes_root(removed: HashList<'_>, view: &ChainView, depth: usize) -> Result<bool, Violation> {
    for (position, found) in removed.iter().enumerate() {
        match view.below_tip(depth.saturating_add(position)) {
            Some(ours) if ours.hash == found => {}
            Some(ours) => return Err(Violation::RemovedNotOurs { position, found, expected: ours.hash }),
            // What is below our root we cannot compare.
            None => return Ok(true),
        }
    }
    Ok(view.below_tip(depth.saturating_add(removed.len())).is_none())
}

fn check_block(
    announced: Hash,
    block: wire::ChainBlock<'_>,
    claim: Claim,
    parent: ChainRecord,
    filter: &Filter,
) -> Result<VerifiedBlock, Violation> {
    let header = &block.header;
    match claim {
        Claim::Hashed(computed) => {
            check_hash(announced, computed)?;
            if header.first_parent() != Some(parent.hash) {
                return Err(Violation::Discontinuous { hash: announced, expected_parent: parent.hash });
            }
        }
        Claim::Told => check_named(announced, header)?,
    }
    let record = chain_record(announced, header)?;
    check_rise(&record, parent.blue_score)?;
    if record.blue_work <= parent.blue_work {
        return Err(Violation::BlueNotIncreasing { hash: announced });
    }
    let missing = |field| Violation::Missing { field, hash: announced };
    let mut accepted = Vec::with_capacity(if filter.keeps_all() { block.accepted.len() } else { 0 });
    for (acceptance_index, transaction) in (0_u32..).zip(block.accepted) {
        let id = transaction.id.ok_or(missing("verbose_data.transaction_id"))?;
        let subnetwork_id = transaction.subnetwork_id.ok_or(missing("subnetwork_id"))?;
        let payload = transaction.payload.ok_or(missing("payload"))?;
        if filter.keeps(&subnetwork_id, payload) {
            accepted.push(AcceptedTransaction { id, acceptance_index, subnetwork_id, payload: payload.to_vec() });
        }
    }
    Ok(VerifiedBlock {
        record,
        daa_score: header.daa_score.ok_or(missing("daa_score"))?,
        timestamp_ms: header.timestamp_ms.ok_or(missing("timestamp"))?,
        accepted,
        verified: matches!(claim, Claim::Hashed(_)),
    })
}

/// Headers that are hashed cannot be on a chain twice; hashes that are only told can.
fn check_no_repetition(added: HashList<'_>, view: &ChainView, common: usize) -> Result<(), Violation> {
    let mut seen = BTreeSet::new();
    let repeated = added.iter().skip(common).find(|hash| view.contains(hash) || !seen.insert(*hash));
    repeated.map_or(Ok(()), |hash| Err(Violation::Repeated { hash }))
}

fn check_rise(record: &ChainRecord, parent_blue_score: u64) -> Result<(), Violation> {
    let hash = record.hash;
    match record.blue_score.checked_sub(parent_blue_score) {
        None | Some(0) => Err(Violation::BlueNotIncreasing { hash }),
        Some(rise) if rise > LARGEST_BLUE_SCORE_RISE => {
            Err(Violation::BlueScoreLeap { hash, rise, limit: LARGEST_BLUE_SCORE_RISE })
        }
        Some(_) => Ok(()),
    }
}

/// Whether the header, which lacks fields, at least claims to be the one of the block.
fn check_named(announced: Hash, header: &wire::Header<'_>) -> Result<(), Violation> {
    let found = header.hash.ok_or(Violation::Missing { field: "hash", hash: announced })?;
    if found == announced { Ok(()) } else { Err(Violation::WrongBlock { asked: announced, found }) }
}

fn check_hash(announced: Hash, computed: Option<Hash>) -> Result<(), Violation> {
    let missing = Violation::Missing { field: "header (not all fields at full verbosity)", hash: announced };
    let computed = computed.ok_or(missing)?;
    if computed != announced {
        return Err(Violation::HashMismatch { announced, computed });
    }
    Ok(())
}

fn chain_record(hash: Hash, header: &wire::Header<'_>) -> Result<ChainRecord, Violation> {
    let missing = |field| Violation::Missing { field, hash };
    Ok(ChainRecord {
        hash,
        blue_score: header.blue_score.ok_or(missing("blue_score"))?,
        blue_work: header.blue_work.ok_or(missing("blue_work"))?,
    })
}
