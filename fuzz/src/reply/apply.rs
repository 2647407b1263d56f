//! Does to a page, or to the bytes of any reply, what an edit says.

use std::collections::BTreeMap;

use kaspa_consensus_core::header::{CompressedParents, Header};
use kaspa_hashes::Hash;
use kaspa_math::Uint192;
use kaspa_rpc_core::{RpcChainBlockAcceptedTransactions, RpcOptionalHeader, RpcOptionalTransaction};

use super::{
    edit::{Change, Field},
    node::Page,
};

/// Bytes of the header of a reply that names an operation.
const HEADER_BYTES: usize = 12;

/// Where the id of a reply is: behind the tag that says that there is one.
const ID_AT: usize = 1;

/// Where the operation of a reply is.
const OPERATION_AT: usize = 11;

/// Changes a page. `strangers` are hashes that stand for other blocks: some that exist, and one that does not. Headers that
/// get a hash which fits them join `made_up`.
pub(super) fn to_page(change: &Change, page: &mut Page, strangers: &[Hash], made_up: &mut BTreeMap<Hash, Header>) {
    let stranger = |number: u16| strangers[usize::from(number) % strangers.len()];
    match *change {
        Change::DropBlock { at } => {
            take(&mut page.added, at);
            take(&mut page.blocks, at);
        }
        Change::DropRecord { at } => {
            take(&mut page.blocks, at);
        }
        Change::SwapBlocks { at, with } => {
            swap(&mut page.added, at, with);
            swap(&mut page.blocks, at, with);
        }
        Change::RepeatBlock { at } => {
            page.added.extend(nth(&page.added, at).copied());
            page.blocks.extend(nth(&page.blocks, at).cloned());
        }
        Change::AddRemoved { block } => page.removed.push(stranger(block)),
        Change::DropRemoved { at } => {
            take(&mut page.removed, at);
        }
        Change::ReverseRemoved => page.removed.reverse(),
        Change::Empty => *page = Page { removed: Vec::new(), added: Vec::new(), blocks: Vec::new() },
        Change::Rehash { at } => rehash(page, at, made_up),
        Change::SetField { at, field: Field::Hash, to } => {
            let hash = stranger(u16::from(to));
            nth_mut(&mut page.added, at).into_iter().for_each(|added| *added = hash);
            header_at(page, at).into_iter().for_each(|header| header.hash = Some(hash));
        }
        Change::DropField { at, field } => {
            header_at(page, at).into_iter().for_each(|header| drop_field(header, field));
        }
        Change::SetField { at, field, to } => {
            header_at(page, at).into_iter().for_each(|header| set_field(header, field, to, stranger(u16::from(to))));
        }
        Change::Parents { at, how } => {
            header_at(page, at).into_iter().for_each(|header| other_parents(header, how, stranger(how >> 3)));
        }
        Change::DropTransactions { at } => {
            nth_mut(&mut page.blocks, at).into_iter().for_each(|block| block.accepted_transactions.clear());
        }
        Change::Transaction { at, how } => {
            nth_mut(&mut page.blocks, at).into_iter().for_each(|block| other_transaction(block, how));
        }
        _ => {}
    }
}

/// Changes the bytes of a reply.
pub(super) fn to_bytes(change: &Change, bytes: &mut Vec<u8>) {
    let place = |at: u16| usize::from(at) % bytes.len().max(1);
    match change {
        Change::Flip { at, bits } => {
            let place = place(*at);
            bytes.get_mut(place).into_iter().for_each(|byte| *byte ^= bits);
        }
        Change::Endless { at } => {
            let place = place(*at);
            bytes.iter_mut().skip(place).take(4).for_each(|byte| *byte = 0xff);
        }
        Change::Cut { at } => bytes.truncate(place(*at)),
        Change::Append { count } => bytes.extend(std::iter::repeat_n(0, usize::from(*count))),
        Change::OtherId => bytes.get_mut(ID_AT).into_iter().for_each(|byte| *byte ^= 0x40),
        Change::OtherOperation { code } => bytes.get_mut(OPERATION_AT).into_iter().for_each(|byte| *byte = *code),
        Change::Payload(payload) => {
            bytes.truncate(HEADER_BYTES);
            bytes.extend(payload);
        }
        _ => {}
    }
}

/// A text that nodes have for what they do not answer.
pub(super) fn remote_error(number: u8) -> String {
    let hash = Hash::from_u64_word(u64::from(number));
    match number % 10 {
        0 => format!("cannot find header {hash}"),
        1 => "the queried hash does not have retention root on its chain".to_owned(),
        2 => "consensus is currently in a transitional ibd state".to_owned(),
        3 => format!("cannot find full block {hash}"),
        4 => format!("some data is missing for block {hash}"),
        5 => format!("block {hash} is not in the selected parent chain"),
        6 => format!("block {hash} is too deep (before the current pruning point)"),
        7 => format!("block {hash} is genesis and has no selected parent"),
        8 => "Not implemented".to_owned(),
        _ => "something\nelse".repeat(usize::from(number)),
    }
}

fn place(at: u8, length: usize) -> Option<usize> {
    usize::from(at).checked_rem(length)
}

fn nth<T>(list: &[T], at: u8) -> Option<&T> {
    place(at, list.len()).and_then(|place| list.get(place))
}

fn nth_mut<T>(list: &mut [T], at: u8) -> Option<&mut T> {
    place(at, list.len()).and_then(|place| list.get_mut(place))
}

fn take<T>(list: &mut Vec<T>, at: u8) {
    if let Some(place) = place(at, list.len()) {
        list.remove(place);
    }
}

fn swap<T>(list: &mut [T], at: u8, with: u8) {
    if let (Some(one), Some(other)) = (place(at, list.len()), place(with, list.len())) {
        list.swap(one, other);
    }
}

fn header_at(page: &mut Page, at: u8) -> Option<&mut RpcOptionalHeader> {
    nth_mut(&mut page.blocks, at).map(|block| &mut block.chain_block_header)
}

fn rehash(page: &mut Page, at: u8, made_up: &mut BTreeMap<Hash, Header>) {
    let Some(header) = header_at(page, at) else { return };
    let Ok(mut whole) = Header::try_from(&*header) else { return };
    whole.finalize();
    header.hash = Some(whole.hash);
    nth_mut(&mut page.added, at).into_iter().for_each(|added| *added = whole.hash);
    made_up.insert(whole.hash, whole);
}

fn drop_field(header: &mut RpcOptionalHeader, field: Field) {
    match field {
        Field::Hash => header.hash = None,
        Field::Version => header.version = None,
        Field::Timestamp => header.timestamp = None,
        Field::Bits => header.bits = None,
        Field::Nonce => header.nonce = None,
        Field::DaaScore => header.daa_score = None,
        Field::BlueWork => header.blue_work = None,
        Field::BlueScore => header.blue_score = None,
        Field::PruningPoint => header.pruning_point = None,
        Field::MerkleRoot => header.hash_merkle_root = None,
    }
}

fn set_field(header: &mut RpcOptionalHeader, field: Field, to: u8, hash: Hash) {
    let number = |old: Option<u64>| Some(other_number(old.unwrap_or(0), to));
    match field {
        Field::Hash => header.hash = Some(hash),
        Field::Version => header.version = Some(u16::from(to)),
        Field::Timestamp => header.timestamp = number(header.timestamp),
        Field::Bits => header.bits = Some(u32::from(to) << 24),
        Field::Nonce => header.nonce = number(header.nonce),
        Field::DaaScore => header.daa_score = number(header.daa_score),
        Field::BlueWork if to == 0xff => header.blue_work = Some(Uint192::MAX),
        Field::BlueWork => {
            let old = header.blue_work.map_or(0, |work| work.as_u64());
            header.blue_work = Some(Uint192::from_u64(other_number(old, to)));
        }
        Field::BlueScore => header.blue_score = number(header.blue_score),
        Field::PruningPoint => header.pruning_point = Some(hash),
        Field::MerkleRoot => header.hash_merkle_root = Some(hash),
    }
}

/// Numbers near the old one, near the ends of the range, and small ones.
fn other_number(old: u64, to: u8) -> u64 {
    let distance = u64::from(to >> 2);
    match to % 4 {
        0 => old.wrapping_add(distance),
        1 => old.wrapping_sub(distance),
        2 => u64::MAX - distance,
        _ => distance,
    }
}

fn other_parents(header: &mut RpcOptionalHeader, how: u16, hash: Hash) {
    let old = header.parents_by_level.clone();
    let mut levels: Vec<Vec<Hash>> =
        old.into_iter().flat_map(|parents| parents.expanded_iter().map(<[Hash]>::to_vec).collect::<Vec<_>>()).collect();
    match how % 8 {
        0 => levels.clear(),
        1 => levels.iter_mut().take(1).for_each(Vec::clear),
        2 => levels.iter_mut().take(1).for_each(|direct| direct.insert(0, hash)),
        3 => levels.iter_mut().take(1).for_each(|direct| direct.push(hash)),
        4 => levels.iter_mut().take(1).for_each(|direct| direct.reverse()),
        5 => levels.push(vec![hash]),
        6 => levels.extend(vec![vec![hash]; 200]),
        _ => return header.parents_by_level = None,
    }
    header.parents_by_level = CompressedParents::try_from(levels).ok();
}

fn other_transaction(block: &mut RpcChainBlockAcceptedTransactions, how: u16) {
    let [size, how] = how.to_le_bytes();
    let Some(first) = block.accepted_transactions.first().cloned() else { return };
    let transactions = &mut block.accepted_transactions;
    let change = |transactions: &mut Vec<RpcOptionalTransaction>, change: &dyn Fn(&mut RpcOptionalTransaction)| {
        transactions.iter_mut().take(1).for_each(change);
    };
    match how % 6 {
        0 => transactions.extend(std::iter::repeat_n(first, usize::from(size))),
        1 => change(transactions, &|first| first.payload = None),
        2 => change(transactions, &|first| first.payload = Some(vec![size; usize::from(size) * 16])),
        3 => change(transactions, &|first| first.verbose_data = None),
        4 => change(transactions, &|first| {
            first.verbose_data.iter_mut().for_each(|data| data.transaction_id = None);
        }),
        _ => change(transactions, &|first| first.subnetwork_id = None),
    }
}
