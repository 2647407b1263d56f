//! Order of checks, texts of errors and limits of pages, on a node whose state is set by hand.

use std::time::Duration;

use bridge::wire::{ChainPage, Operation, Reader, Reply, ServerFrame, ServerHeader, Verbosity};
use kaspa_hashes::Hash;

use super::*;
use crate::dag::BlockId;
use crate::node::pruning::Pruning;
use crate::node::{BlockStatus, Progress};
use crate::params::ParameterSet;
use crate::random::Streams;

const ID: u64 = 5;

/// One node that mines alone.
struct Rig {
    store: BlockStore,
    view: NodeView,
}

impl Rig {
    /// With a selected chain of that many blocks above genesis.
    fn grown(blocks: usize) -> Self {
        let (parameters, streams) = (ParameterSet::storm(), Streams::new(1));
        let store = BlockStore::new(parameters.clone(), streams).expect("the set is sound");
        let view = NodeView::new(0, &parameters, streams, store.dag());
        let mut rig = Self { store, view };
        rig.grow(blocks);
        rig
    }

    fn grow(&mut self, blocks: usize) {
        for _ in 0..blocks {
            let parents = self.view.virtual_block(self.store.dag_mut()).parents().to_vec();
            let block = self.mine_on(&parents);
            self.view.receive(&mut self.store, &[block]);
        }
    }

    /// A block that the node does not know yet.
    fn mine_on(&mut self, parents: &[BlockId]) -> BlockId {
        let ghostdag = self.store.dag_mut().preview(parents).expect("parents are an antichain");
        let draft = self.store.draft(ghostdag);
        let at = Duration::from_millis(100 * self.store.block_count() as u64);
        self.store.mine(draft, 0, at, &[]).expect("the store is not full")
    }

    /// A block with its header alone.
    fn add_header_on(&mut self, parent: BlockId) -> BlockId {
        let block = self.mine_on(&[parent]);
        self.view.add_header(self.store.dag(), block);
        assert_eq!(self.view.status(block), Some(BlockStatus::HeaderOnly));
        block
    }

    fn chain(&self) -> Vec<BlockId> {
        self.view.selected_chain().blocks().to_vec()
    }

    fn hash(&self, block: BlockId) -> Hash {
        self.store.dag().hash(block)
    }

    fn hashes(&self, blocks: &[BlockId]) -> Vec<Hash> {
        blocks.iter().map(|&block| self.hash(block)).collect()
    }

    fn retain_from(&mut self, root: BlockId) {
        self.view.pruning = Pruning { point: root, retention_root: root, deletion_is_due: true };
    }

    fn ask(&mut self, request: NodeRequest) -> Vec<u8> {
        match answer(&mut self.view, &mut self.store, Duration::ZERO, ID, request) {
            Answer::Reply(frame) => frame,
            Answer::DropConnection => panic!("no request that can be read closes the connection"),
        }
    }

    fn refusal(&mut self, request: NodeRequest) -> Option<String> {
        let frame = self.ask(request);
        let mut reader = Reader::new(&frame);
        let header = ServerHeader::read(&mut reader).expect("a reply has a header");
        assert_eq!(header.operation, Some(request.operation() as u8));
        let is_ok = reader.bool("result").expect("a reply has a result");
        (!is_ok).then(|| {
            assert_eq!(reader.u8("error"), Ok(13));
            reader.text("error").expect("an error has a text").to_owned()
        })
    }

    /// Removed and added blocks of V2 and of V1 with ids, which agree; and the added ones of V1 without ids.
    fn page(&mut self, low: BlockId, count: Option<u64>) -> (Vec<Hash>, Vec<Hash>, Vec<Hash>) {
        let low = self.hash(low);
        let frame = self.ask(v2(low, count));
        let (removed, added) = {
            let page = page_of(&frame);
            (page.removed.to_vec(), page.added.to_vec())
        };
        let with_ids = self.ask(v1(low, true, count));
        let without_ids = self.ask(v1(low, false, count));
        assert_eq!(hashes_of(&with_ids), (removed.clone(), added.clone()));
        let (removed_without, added_without) = hashes_of(&without_ids);
        assert_eq!(removed_without, removed);
        (removed, added, added_without)
    }
}

fn v2(start_hash: Hash, min_confirmation_count: Option<u64>) -> NodeRequest {
    NodeRequest::GetVirtualChainFromBlockV2 { start_hash, verbosity: Verbosity::Low, min_confirmation_count }
}

fn v1(start_hash: Hash, with_ids: bool, min_confirmation_count: Option<u64>) -> NodeRequest {
    let include_accepted_transaction_ids = with_ids;
    NodeRequest::GetVirtualChainFromBlock { start_hash, include_accepted_transaction_ids, min_confirmation_count }
}

fn get_block(hash: Hash) -> NodeRequest {
    NodeRequest::GetBlock { hash, include_transactions: true }
}

fn get_blocks(low_hash: Option<Hash>) -> NodeRequest {
    NodeRequest::GetBlocks { low_hash, include_blocks: true, include_transactions: true }
}

fn page_of(frame: &[u8]) -> ChainPage<'_> {
    let Ok(ServerFrame::Reply(reply)) = ServerFrame::parse(frame) else { panic!("not a reply") };
    match reply.decode(Operation::GetVirtualChainFromBlockV2) {
        Ok(Ok(Reply::ChainPage(page))) => page,
        other => panic!("{other:?}"),
    }
}

fn hashes_of(v1_frame: &[u8]) -> (Vec<Hash>, Vec<Hash>) {
    let mut reader = Reader::new(v1_frame);
    ServerHeader::read(&mut reader).expect("a reply has a header");
    assert_eq!(reader.u8("result"), Ok(1));
    let mut content = reader.last_envelope("reply").expect("a reply has one envelope");
    content.u16("version").expect("a content has a version");
    let mut hashes = || content.hashes("hashes").expect("a list").to_vec();
    (hashes(), hashes())
}

#[test]
fn given_a_hash_that_the_node_does_not_know_when_asked_then_no_header_is_found() {
    let mut rig = Rig::grown(10);
    let only_in_the_store = rig.mine_on(&[BlockId::GENESIS]);
    for hash in [Hash::from_bytes([9; 32]), Hash::from_bytes([0; 32]), rig.hash(only_in_the_store)] {
        let expected = Some(format!("cannot find header {hash}"));
        for request in [v2(hash, None), v1(hash, true, None), get_block(hash), get_blocks(Some(hash))] {
            assert_eq!(rig.refusal(request), expected, "{request:?}");
        }
    }
}

#[test]
fn given_blocks_below_and_beside_the_retention_root_when_asked_then_pages_are_refused_and_blocks_are_not() {
    const TEXT: &str = "the queried hash does not have retention root on its chain";
    let mut rig = Rig::grown(30);
    let chain = rig.chain();
    let side = rig.mine_on(&[chain[9]]);
    rig.view.receive(&mut rig.store, &[side]);
    let header_beside = rig.add_header_on(chain[8]);
    rig.retain_from(chain[10]);
    for low in [chain[0], chain[9], side, header_beside] {
        let hash = rig.hash(low);
        for request in [v2(hash, None), v2(hash, Some(u64::MAX)), v1(hash, false, None)] {
            assert_eq!(rig.refusal(request).as_deref(), Some(TEXT), "{request:?}");
        }
        assert_eq!(rig.refusal(get_block(hash)), None);
    }
    // The root itself is served, whole.
    let (removed, added, _) = rig.page(chain[10], None);
    assert!(removed.is_empty());
    assert_eq!(added, rig.hashes(&chain[11..]));
}

#[test]
fn given_a_transitional_node_when_asked_then_that_is_checked_before_the_hash_and_only_by_pages() {
    const TEXT: &str = "consensus is currently in a transitional ibd state";
    let mut rig = Rig::grown(10);
    let (unknown, sink) = (Hash::from_bytes([9; 32]), rig.hash(rig.view.sink()));
    let below = rig.hash(BlockId::GENESIS);
    rig.retain_from(rig.chain()[5]);
    rig.view.progress = Progress::Transitional;
    for hash in [unknown, below, sink] {
        for request in [v2(hash, None), v1(hash, true, Some(3))] {
            assert_eq!(rig.refusal(request).as_deref(), Some(TEXT), "{request:?}");
        }
    }
    assert_eq!(rig.refusal(get_block(unknown)), Some(format!("cannot find header {unknown}")));
    for request in [get_block(sink), NodeRequest::GetSink, NodeRequest::GetBlockDagInfo, NodeRequest::GetServerInfo] {
        assert_eq!(rig.refusal(request), None);
    }
    let frame = rig.ask(NodeRequest::GetSyncStatus);
    assert_eq!(frame.last(), Some(&0));
    rig.view.progress = Progress::InSync;
    let frame = rig.ask(NodeRequest::GetSyncStatus);
    assert_eq!(frame.last(), Some(&1));
}

#[test]
fn given_a_chain_block_without_body_when_confirmations_are_counted_then_no_full_block_is_found() {
    let mut rig = Rig::grown(20);
    let chain = rig.chain();
    rig.view.bodies.remove(chain[18]);
    let low = rig.hash(chain[12]);
    let expected = Some(format!("cannot find full block {}", rig.hash(chain[18])));
    // Blocks are read from the newest down to the first that is deep enough.
    assert_eq!(rig.refusal(v2(low, Some(2))), expected);
    assert_eq!(rig.refusal(v1(low, false, Some(5))), expected);
    assert_eq!(rig.refusal(v2(low, Some(1))), expected);
    rig.view.bodies.remove(chain[20]);
    assert_eq!(rig.refusal(v2(low, Some(1))), Some(format!("cannot find full block {}", rig.hash(chain[20]))));
    assert_eq!(rig.refusal(v2(low, None)), None);
    assert_eq!(rig.refusal(v2(low, Some(0))), None);
}

#[test]
fn given_a_header_kept_for_proofs_when_asked_then_its_data_is_missing_and_pages_name_the_retention_root() {
    let mut rig = Rig::grown(20);
    let genesis = rig.hash(BlockId::GENESIS);
    rig.retain_from(rig.chain()[5]);
    rig.view.bodies.remove(BlockId::GENESIS);
    let missing = Some(format!("some data is missing for block {genesis}"));
    for request in [get_block(genesis), get_blocks(Some(genesis)), get_blocks(None)] {
        assert_eq!(rig.refusal(request), missing, "{request:?}");
    }
    let expected = "the queried hash does not have retention root on its chain";
    assert_eq!(rig.refusal(v2(genesis, None)).as_deref(), Some(expected));
}

#[test]
fn given_a_header_ahead_of_the_sink_when_paged_then_all_down_to_the_sink_is_removed_and_nothing_added() {
    let mut rig = Rig::grown(10);
    let sink = rig.view.sink();
    let mut ahead = vec![rig.add_header_on(sink)];
    for _ in 0..4 {
        ahead.insert(0, rig.add_header_on(ahead[0]));
    }
    let expected = rig.hashes(&ahead);
    for count in [None, Some(3)] {
        let (removed, added, added_without_ids) = rig.page(ahead[0], count);
        assert_eq!(removed, expected);
        assert!(added.is_empty() && added_without_ids.is_empty());
    }
    // Such a block has a header and verbose data.
    let frame = rig.ask(get_block(rig.hash(ahead[0])));
    let Ok(ServerFrame::Reply(reply)) = ServerFrame::parse(&frame) else { panic!("not a reply") };
    let Ok(Ok(Reply::Block(block))) = reply.decode(Operation::GetBlock) else { panic!("not a block") };
    let verbose = block.verbose.expect("a block has verbose data");
    assert!(verbose.is_header_only && !verbose.is_chain_block);
    assert_eq!((block.transaction_count, verbose.transaction_ids.len()), (0, 0));
}

#[test]
fn given_as_many_chain_blocks_as_a_page_has_and_one_more_when_paged_then_the_last_one_waits() {
    let limit = ParameterSet::storm().mergeset_size_limit * PAGE_MERGESETS;
    let mut rig = Rig::grown(limit + 1);
    let chain = rig.chain();
    for low in [1, 0] {
        let (removed, added, added_without_ids) = rig.page(chain[low], None);
        assert!(removed.is_empty());
        assert_eq!(added, rig.hashes(&chain[low + 1..=low + limit]));
        assert_eq!(added_without_ids, added);
        assert_eq!(added.last() == Some(&rig.hash(rig.view.sink())), low == 1);
    }
}

#[test]
fn given_as_many_merged_blocks_as_a_page_has_and_one_more_when_paged_then_the_chain_block_above_waits() {
    let limit = ParameterSet::storm().mergeset_size_limit * PAGE_MERGESETS;
    let mut rig = Rig::grown(10);
    // One chain block above merges two blocks, not one.
    let side = rig.mine_on(&[rig.chain()[9]]);
    rig.view.receive(&mut rig.store, &[side]);
    rig.grow(limit);
    let chain = rig.chain();
    let merged =
        |blocks: &[BlockId]| -> usize { blocks.iter().map(|&block| rig.store.dag().mergeset(block).count()).sum() };
    assert_eq!((merged(&chain[1..limit]), merged(&chain[1..=limit])), (limit, limit + 1));
    let (_, added, added_without_ids) = rig.page(chain[0], None);
    assert_eq!(added, rig.hashes(&chain[1..limit]));
    // Without ids only chain blocks count.
    assert_eq!(added_without_ids, rig.hashes(&chain[1..=limit]));
}

#[test]
fn given_a_confirmation_count_when_paged_then_a_block_exactly_as_deep_waits() {
    let mut rig = Rig::grown(20);
    let chain = rig.chain();
    for (count, newest) in [(1, 18), (2, 17), (12, 7), (14, 5), (15, 5), (u64::MAX, 5)] {
        let (removed, added, added_without_ids) = rig.page(chain[5], Some(count));
        assert!(removed.is_empty());
        assert_eq!(added, rig.hashes(&chain[6..=newest]), "{count}");
        assert_eq!(added_without_ids, added);
    }
    // The count applies to what the page has, not to what is behind its limit: removed blocks stay.
    let side = rig.mine_on(&[chain[18]]);
    rig.view.receive(&mut rig.store, &[side]);
    let off_chain = if rig.view.sink() == side { chain[20] } else { side };
    let (removed, added, _) = rig.page(off_chain, Some(u64::MAX));
    assert_eq!(removed.first(), Some(&rig.hash(off_chain)));
    assert!(added.is_empty());
}
