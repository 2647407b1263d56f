//! The sparse Merkle tree over all accounts, whose root is the state root.
//!
//! A leaf's key is the account's id, its value a hash over id and account. Inner nodes are in memory alone and are built
//! when a store is opened. The shape and the hashes of inner nodes are those of `kaspa-smt` with the hasher
//! `SeqCommitActiveNode`, which KIP-21 uses for the L1's lanes: a subtree without accounts has the empty root of its level,
//! one with a single account that account's own hash, any other the hash of its halves. Its own maps of nodes, from depth and
//! first bits of a key, cost several times as much as the hashing; here nodes know the places of their halves.
//!
//! Invariant: each place in `nodes` is reached from the root once or is in `free`.

use std::sync::LazyLock;

use blake3::{
    Hasher,
    hazmat::{ContextKey, HasherExt, hash_derive_key_context},
};
use kaspa_hashes::{Hash, SeqCommitActiveNode};
use kaspa_smt::SmtHasher;

use crate::account::{Account, AccountId};

/// Separates the hashes of leaves from all other hashes.
static LEAF_DOMAIN: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context("dagstorm state leaf"));

/// The keys of the hashers `SeqCommitActiveNode` and `SeqCommitActiveCollapsedNode`: their names, filled up with zeros. Source:
/// `kaspa-hashes`, `hashers.rs`.
const NODE_KEY: [u8; 32] = *b"SeqCommitActiveNode\0\0\0\0\0\0\0\0\0\0\0\0\0";
const COLLAPSED_KEY: [u8; 32] = *b"SeqCommitActiveCollapsedNode\0\0\0\0";

/// Levels of the tree: bits of an account's id.
const LEVELS: usize = 256;

/// The place of a subtree without accounts.
const EMPTY: usize = usize::MAX;

/// The tree: its nodes and its root.
#[derive(Debug)]
pub struct StateTree {
    nodes: Vec<Node>,
    /// Places in `nodes` that are not in use.
    free: Vec<usize>,
    root: usize,
}

#[derive(Clone, Copy, Debug)]
enum Node {
    /// The only account of its subtree.
    Leaf { key: Hash, hash: Hash },
    /// The halves without and with the bit of the level.
    Inner { halves: [usize; 2], hash: Hash },
}

/// What becomes of an account's leaf; `hash` is that of a subtree with this account alone, `None` without the account.
#[derive(Clone, Copy, Debug)]
struct Update {
    key: Hash,
    hash: Option<Hash>,
}

impl Default for StateTree {
    fn default() -> Self {
        Self { nodes: Vec::new(), free: Vec::new(), root: EMPTY }
    }
}

impl StateTree {
    /// The root: equal for equal accounts, however they came about.
    pub fn root(&self) -> Hash {
        self.hash(self.root, 0)
    }

    /// Sets accounts; `None` removes one, if it is there. Each id must come once.
    pub fn update<'a>(&mut self, accounts: impl IntoIterator<Item = (AccountId, Option<&'a Account>)>) {
        let update = |(id, account): (AccountId, Option<&Account>)| {
            let key = Hash::from_bytes(*id.as_bytes());
            let hash = account.map(|account| joint_hash(&COLLAPSED_KEY, key, leaf(&id, account)));
            Update { key, hash }
        };
        let mut updates: Vec<Update> = accounts.into_iter().map(update).collect();
        updates.sort_unstable_by_key(|update| update.key);
        updates.dedup_by_key(|update| update.key);
        self.root = self.updated(self.root, 0, &updates);
    }

    /// The place of a subtree at this depth after updates that all belong into it, sorted by key.
    fn updated(&mut self, place: usize, depth: usize, updates: &[Update]) -> usize {
        if updates.is_empty() {
            return place;
        }
        match self.nodes.get(place).copied() {
            None => self.made(depth, updates),
            Some(Node::Leaf { key, hash }) => {
                match (updates, updates.binary_search_by_key(&key, |update| update.key)) {
                    ([Update { hash: Some(hash), .. }], Ok(_)) => {
                        self.nodes[place] = Node::Leaf { key, hash: *hash };
                        place
                    }
                    (_, Ok(_)) => {
                        self.free.push(place);
                        self.made(depth, updates)
                    }
                    (_, Err(at)) => {
                        self.free.push(place);
                        let own = Update { key, hash: Some(hash) };
                        self.made(depth, &[&updates[..at], &[own], &updates[at..]].concat())
                    }
                }
            }
            Some(Node::Inner { halves: [left, right], .. }) => {
                let (left_updates, right_updates) = split(updates, depth);
                let left = self.updated(left, depth + 1, left_updates);
                let right = self.updated(right, depth + 1, right_updates);
                self.free.push(place);
                self.joined([left, right], depth)
            }
        }
    }

    /// A subtree where none was.
    fn made(&mut self, depth: usize, updates: &[Update]) -> usize {
        match updates {
            [] | [Update { hash: None, .. }] => EMPTY,
            [Update { key, hash: Some(hash) }] => self.put(Node::Leaf { key: *key, hash: *hash }),
            _ => {
                let (left, right) = split(updates, depth);
                let halves = [self.made(depth + 1, left), self.made(depth + 1, right)];
                self.joined(halves, depth)
            }
        }
    }

    /// The subtree of two halves: a single account stands for the whole.
    fn joined(&mut self, halves: [usize; 2], depth: usize) -> usize {
        let [left, right] = halves;
        let is_leaf = |place: usize| matches!(self.nodes.get(place), Some(Node::Leaf { .. }));
        if right == EMPTY && (left == EMPTY || is_leaf(left)) {
            return left;
        }
        if left == EMPTY && is_leaf(right) {
            return right;
        }
        let hash = joint_hash(&NODE_KEY, self.hash(left, depth + 1), self.hash(right, depth + 1));
        self.put(Node::Inner { halves, hash })
    }

    fn hash(&self, place: usize, depth: usize) -> Hash {
        match self.nodes.get(place) {
            Some(Node::Leaf { hash, .. } | Node::Inner { hash, .. }) => *hash,
            None => SeqCommitActiveNode::EMPTY_HASHES[LEVELS - depth],
        }
    }

    fn put(&mut self, node: Node) -> usize {
        match self.free.pop() {
            Some(place) => {
                // What is free was in use, and the nodes never become fewer.
                self.nodes[place] = node;
                place
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() - 1
            }
        }
    }
}

/// Those whose keys do not have the bit of that level, and those whose keys have it. Different keys part at some level, so that
/// nobody asks for a bit that there is not.
fn split(updates: &[Update], depth: usize) -> (&[Update], &[Update]) {
    let has_bit = |key: &Hash| key.as_slice()[depth / 8] & (0x80 >> (depth % 8)) != 0;
    updates.split_at(updates.partition_point(|update| !has_bit(&update.key)))
}

fn joint_hash(key: &[u8; 32], first: Hash, second: Hash) -> Hash {
    let mut both = [0; 64];
    both[..32].copy_from_slice(&first.as_bytes());
    both[32..].copy_from_slice(&second.as_bytes());
    Hash::from_bytes(*blake3::keyed_hash(key, &both).as_bytes())
}

/// The value of an account's leaf: BLAKE3 in key derivation mode over the id, program and version (little endian), and the data.
fn leaf(id: &AccountId, account: &Account) -> Hash {
    let mut hasher = Hasher::new_from_context_key(&LEAF_DOMAIN);
    hasher.update(id.as_bytes()).update(&account.program.0.to_le_bytes()).update(&account.version.to_le_bytes());
    Hash::from_bytes(*hasher.update(&account.data).finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kaspa_hashes::{HasherBase, SeqCommitActiveCollapsedNode};
    use kaspa_smt::{
        store::{BTreeSmtStore, LeafUpdate, SortedLeafUpdates},
        tree::compute_root_update,
    };
    use proptest::prelude::*;

    use super::*;
    use crate::account::ProgramId;

    /// The root by its definition: a half without accounts hashes to the empty root of its level, one with a single account
    /// to that account's own hash, any other to the hash of its halves.
    fn root_by_definition(leaves: &[(Hash, Hash)], depth: usize) -> Hash {
        match leaves {
            [] => SeqCommitActiveNode::EMPTY_HASHES[256 - depth],
            [(key, leaf)] => {
                let mut hasher = SeqCommitActiveCollapsedNode::default();
                hasher.update(key).update(leaf);
                hasher.finalize()
            }
            _ => {
                let is_right = |key: &Hash| key.as_bytes()[depth / 8] & (0x80 >> (depth % 8)) != 0;
                let (right, left): (Vec<_>, Vec<_>) = leaves.iter().copied().partition(|(key, _)| is_right(key));
                let mut hasher = SeqCommitActiveNode::default();
                hasher.update(root_by_definition(&left, depth + 1)).update(root_by_definition(&right, depth + 1));
                hasher.finalize()
            }
        }
    }

    fn account(value: u8) -> Account {
        Account { program: ProgramId(1), version: u64::from(value), data: vec![value] }
    }

    /// Few ids, many of which share long prefixes, but never all bits but the last.
    fn any_id() -> impl Strategy<Value = AccountId> {
        (0_u8..4, 0_u8..8, 28_usize..32).prop_map(|(first, last, at)| {
            let mut bytes = [0; 32];
            (bytes[0], bytes[at]) = (first << 6, bytes[at] | last << 1);
            AccountId::from_bytes(bytes)
        })
    }

    proptest! {
        #[test]
        fn given_any_changes_in_any_batches_when_updated_then_the_root_is_that_of_the_definition(
            batches in prop::collection::vec(prop::collection::vec((any_id(), prop::option::of(any::<u8>())), 0..12), 0..12),
        ) {
            let (mut tree, mut accounts) = (StateTree::default(), BTreeMap::new());
            for batch in batches {
                let batch: BTreeMap<_, _> = batch.into_iter().map(|(id, value)| (id, value.map(account))).collect();
                tree.update(batch.iter().map(|(id, account)| (*id, account.as_ref())));
                for (id, account) in batch {
                    match account {
                        Some(account) => accounts.insert(id, account),
                        None => accounts.remove(&id),
                    };
                }
                let leaves: Vec<_> = accounts
                    .iter()
                    .map(|(id, account)| (Hash::from_bytes(*id.as_bytes()), leaf(id, account)))
                    .collect();
                prop_assert_eq!(tree.root(), root_by_definition(&leaves, 0));
            }
            let mut anew = StateTree::default();
            anew.update(accounts.iter().map(|(id, account)| (*id, Some(account))));
            prop_assert_eq!(anew.root(), tree.root());
            tree.update(accounts.keys().map(|id| (*id, None)));
            prop_assert_eq!(tree.root(), StateTree::default().root());
            prop_assert_eq!(tree.nodes.len(), tree.free.len(), "nodes of accounts that are gone stay in use");
        }
    }

    proptest! {
        #[test]
        fn given_any_accounts_when_the_library_computes_the_root_then_it_is_the_same(
            ids in prop::collection::btree_map(prop_oneof![any_id(), any::<[u8; 32]>().prop_map(AccountId::from_bytes)], any::<u8>(), 0..40),
        ) {
            let accounts: BTreeMap<_, _> = ids.into_iter().map(|(id, value)| (id, account(value))).collect();
            let mut tree = StateTree::default();
            tree.update(accounts.iter().map(|(id, account)| (*id, Some(account))));
            let leaves = accounts.iter().map(|(id, account)| LeafUpdate {
                key: Hash::from_bytes(*id.as_bytes()),
                leaf_hash: leaf(id, account),
            });
            let (store, leaves) = (BTreeSmtStore::default(), SortedLeafUpdates::from_unsorted(leaves));
            let empty = SeqCommitActiveNode::empty_root();
            let Ok((root, _)) = compute_root_update::<SeqCommitActiveNode, _>(&store, empty, leaves);
            prop_assert_eq!(tree.root(), root);
        }
    }

    #[test]
    fn given_a_leaf_removed_beside_one_that_is_not_there_when_another_comes_then_nothing_of_the_first_is_left() {
        let id = |first: u8, last: u8| {
            let mut bytes = [0; 32];
            (bytes[0], bytes[31]) = (first, last);
            AccountId::from_bytes(bytes)
        };
        let value = account(1);
        let mut tree = StateTree::default();
        tree.update([(id(0, 0), Some(&value)), (id(0x40, 2), Some(&value))]);
        tree.update([(id(0x40, 2), None), (id(0x40, 0), None)]);
        tree.update([(id(0x40, 4), Some(&value))]);
        let mut anew = StateTree::default();
        anew.update([(id(0, 0), Some(&value)), (id(0x40, 4), Some(&value))]);
        assert_eq!(tree.root(), anew.root());
    }
}
