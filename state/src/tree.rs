//! The sparse Merkle tree over all accounts, whose root is the state root.
//!
//! A leaf's key is the account's id, its value a hash over id and account. Inner nodes are in memory alone and are built
//! when a store is opened. Source of the shape and of the hashes of inner nodes: `kaspa-smt`, with the hasher
//! `SeqCommitActiveNode` that KIP-21 uses for the L1's lanes.

use std::{convert::Infallible, sync::LazyLock};

use blake3::{
    Hasher,
    hazmat::{ContextKey, HasherExt, hash_derive_key_context},
};
use kaspa_hashes::{Hash, SeqCommitActiveNode, ZERO_HASH};
use kaspa_smt::{
    SmtHasher,
    store::{BranchKey, LeafUpdate, Node, SmtStore, SortedLeafUpdates},
    tree::compute_root_update,
};
use rustc_hash::FxHashMap;

use crate::account::{Account, AccountId};

/// Separates the hashes of leaves from all other hashes.
static LEAF_DOMAIN: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context("dagstorm state leaf"));

/// The tree: its inner nodes and its root.
#[derive(Debug)]
pub struct StateTree {
    nodes: Nodes,
    root: Hash,
}

/// Asked for single nodes, never walked. Whoever wants keys that collide must find accounts whose ids share all bits down to
/// the node: a key is a depth and the first so many bits.
#[derive(Debug, Default)]
struct Nodes(FxHashMap<BranchKey, Node>);

impl SmtStore for Nodes {
    type Error = Infallible;

    fn get_node(&self, key: &BranchKey) -> Result<Option<Node>, Infallible> {
        Ok(self.0.get(key).copied())
    }
}

impl Nodes {
    /// Whether there is a leaf of that key.
    fn contain(&self, key: &Hash) -> bool {
        let path = (0..=u8::MAX).map(|depth| self.0.get(&BranchKey::new(depth, key)));
        for node in path {
            match node {
                None => return false,
                Some(Node::Collapsed(leaf)) => return leaf.lane_key == *key,
                Some(Node::Internal(_)) => {}
            }
        }
        // Two keys with 255 equal bits; the library does not keep them apart, and no hashes are so alike.
        true
    }
}

impl Default for StateTree {
    fn default() -> Self {
        Self { nodes: Nodes::default(), root: SeqCommitActiveNode::empty_root() }
    }
}

impl StateTree {
    /// The root: equal for equal accounts, however they came about.
    pub fn root(&self) -> Hash {
        self.root
    }

    /// Sets accounts; `None` removes one, if it is there. Each id must come once.
    pub fn update<'a>(&mut self, accounts: impl IntoIterator<Item = (AccountId, Option<&'a Account>)>) {
        let updates = accounts.into_iter().filter_map(|(id, account)| {
            let key = Hash::from_bytes(*id.as_bytes());
            let leaf_hash = match account {
                Some(account) => leaf(&id, account),
                // The library must not be told to remove what is not there: if a batch removes two keys, the only one under a
                // node and one that is not there, kaspa-smt 2.1.0 keeps the node, and later roots are wrong.
                None if !self.nodes.contain(&key) => return None,
                None => ZERO_HASH,
            };
            Some(LeafUpdate { key, leaf_hash })
        });
        let updates = SortedLeafUpdates::from_unsorted(updates);
        let Ok((root, changes)) = compute_root_update::<SeqCommitActiveNode, Nodes>(&self.nodes, self.root, updates);
        for (key, node) in changes {
            match node {
                Some(node) => self.nodes.0.insert(key, node),
                None => self.nodes.0.remove(&key),
            };
        }
        self.root = root;
    }
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
            prop_assert!(tree.nodes.0.is_empty(), "nodes of accounts that are gone stay in memory");
        }
    }

    /// kaspa-smt 2.1.0 keeps a node that a batch empties if the batch also removes a key that was never there.
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
