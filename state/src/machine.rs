//! The state machine: programs over a durable store.

use std::{path::Path, sync::Arc};

use bridge::{ChainRef, Checkpoint, L1Event, Window, wire::Network};
use kaspa_hashes::Hash;
use redb::StorageBackend;

use crate::{
    account::{Account, AccountId, ProgramId},
    apply,
    authorization::{Authorization, Schnorr},
    error::{ApplyError, OpenError, StoreError},
    execute::Rules,
    genesis::Genesis,
    program::Programs,
    receipt::Receipt,
    store::{Store, View},
    tree::StateTree,
};

/// Separates the identities of state machines from all other hashes.
const IDENTITY_DOMAIN: &str = "dagstorm state machine";

/// How long receipts are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptRetention {
    /// For ever: the store grows by about 200 bytes with every transaction.
    Forever,
    /// Until their chain block is more than so many chain blocks below the finalized root.
    BlocksBelowRoot(u64),
}

/// What a state machine is made from.
#[derive(Clone, Debug)]
pub struct MachineConfig {
    /// The L1 that it follows.
    pub network: Network,
    /// What transactions can call.
    pub programs: Programs,
    /// Who counts as having signed.
    pub authorization: Arc<dyn Authorization>,
    /// The accounts at the beginning.
    pub genesis: Genesis,
    /// How long receipts are kept.
    pub receipts: ReceiptRetention,
    /// Memory for pages of the database.
    pub cache_bytes: usize,
}

impl MachineConfig {
    /// The built-in programs, Schnorr signatures, no accounts, receipts for ever, 64 MiB of cache.
    pub fn new(network: Network) -> Self {
        Self {
            network,
            programs: Programs::built_in(),
            authorization: Arc::new(Schnorr),
            genesis: Genesis::default(),
            receipts: ReceiptRetention::Forever,
            cache_bytes: 64 << 20,
        }
    }

    /// Identity of the state machine: a hash over the network, the rules, the programs and the root over genesis.
    fn identity(&self, genesis_root: Hash) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key(IDENTITY_DOMAIN);
        let network = self.network.to_string();
        hasher.update(&(network.len() as u64).to_le_bytes()).update(network.as_bytes());
        hasher.update(&self.authorization.id().to_le_bytes());
        for program in self.programs.iter() {
            hasher.update(&program.id().0.to_le_bytes()).update(&program.version().to_le_bytes());
        }
        *hasher.update(&genesis_root.as_bytes()).finalize().as_bytes()
    }
}

/// What a batch of events did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Chain blocks executed.
    pub blocks_added: u64,
    /// Chain blocks of earlier batches rolled back.
    pub blocks_removed: u64,
    /// Chain blocks that a later event of the batch removed again: they were never executed.
    pub blocks_skipped: u64,
    /// Receipts of the blocks executed, in order.
    pub receipts: Vec<Receipt>,
}

/// A state machine and its store.
#[derive(Debug)]
pub struct Machine {
    store: Store,
    network: Network,
    rules: Rules,
    receipts: ReceiptRetention,
    tree: StateTree,
    window: Option<Window>,
    checkpoint: Option<Checkpoint>,
    /// A batch was not stored: what is in memory may be ahead of the store.
    has_failed: bool,
}

impl Machine {
    /// Opens the store in a file, or makes it. All of the file is read, so that damage is found now, and the tree over all
    /// accounts is built.
    ///
    /// # Errors
    /// Why the store cannot be used; what is stored in it stays as it was.
    pub fn open(path: &Path, config: MachineConfig) -> Result<Self, OpenError> {
        config.genesis.check()?;
        Self::over(Store::open_file(path, config.cache_bytes)?, config)
    }

    /// Opens the store on any storage: a simulated disk, memory.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_on(storage: impl StorageBackend, config: MachineConfig) -> Result<Self, OpenError> {
        config.genesis.check()?;
        Self::over(Store::open(storage, config.cache_bytes)?, config)
    }

    fn over(store: Store, config: MachineConfig) -> Result<Self, OpenError> {
        let mut genesis_tree = StateTree::default();
        genesis_tree.update(config.genesis.accounts.iter().map(|(id, account)| (*id, Some(account))));
        let identity = config.identity(genesis_tree.root());
        let rules = Rules {
            programs: config.programs.clone(),
            authorization: Arc::clone(&config.authorization),
            genesis: identity,
        };
        let (network, receipts) = (config.network, config.receipts);
        let view = store.view()?;
        let (tree, window, checkpoint) = if view.is_empty() {
            store.write(|writer| {
                for (id, account) in &config.genesis.accounts {
                    writer.put_account(id, Some(account.clone()));
                }
                writer.begin(&network.to_string(), &identity, genesis_tree.root())
            })?;
            (genesis_tree, None, None)
        } else {
            check_identity(&view, network, &identity)?;
            let checkpoint = view.checkpoint()?;
            let window = checkpoint.as_ref().map(|checkpoint| restored(checkpoint, &view)).transpose()?;
            if window.is_none() && !view.chain()?.is_empty() {
                return Err(StoreError::Damaged { what: "there are chain blocks and no checkpoint".to_owned() }.into());
            }
            (rebuilt(&view)?, window, checkpoint)
        };
        Ok(Self { store, network, rules, receipts, tree, window, checkpoint, has_failed: false })
    }

    /// Applies events in order, in one transaction of the database that is durable when this returns. Events without a
    /// number change nothing. `anchor` is the block on which the first event of a new bridge builds
    /// ([`bridge::L1Bridge::anchor`]); it is looked at before the first event only.
    ///
    /// # Errors
    /// The batch is not known to be stored: if the disk failed at the very end it is there as a whole, otherwise nothing of it
    /// is. What the machine has in memory may be ahead of its store, so that it takes no more events: drop it, open it anew,
    /// and go on from its [`checkpoint`](Self::checkpoint).
    pub fn apply(&mut self, anchor: Option<ChainRef>, events: &[L1Event]) -> Result<Applied, ApplyError> {
        self.check_usable()?;
        if events.iter().all(|event| event.sequence().is_none()) {
            return Ok(Applied::default());
        }
        self.has_failed = true;
        let (network, receipts) = (self.network, self.receipts);
        let Self { store, rules, tree, window, .. } = self;
        let (applied, checkpoint) = store.write(|writer| {
            let window = match window {
                Some(window) => window,
                none => {
                    let anchor = anchor.ok_or(ApplyError::NoAnchor)?;
                    apply::begin(writer, anchor, tree.root());
                    none.insert(Window::new(anchor))
                }
            };
            let (tip, applied) = (window.tip().index, Applied::default());
            let mut batch = apply::Batch { rules, retention: receipts, writer, tree, tip, applied };
            for (event, later_fork) in events.iter().zip(apply::later_forks(events)) {
                window.apply(event).map_err(Box::new)?;
                batch.follow(event, later_fork)?;
            }
            let applied = batch.applied;
            let checkpoint = window.checkpoint(network).map_err(Box::new)?;
            writer.set_position(&checkpoint, tree.root())?;
            Ok::<_, ApplyError>((applied, checkpoint))
        })?;
        self.checkpoint = Some(checkpoint);
        self.has_failed = false;
        Ok(applied)
    }

    /// The store as it is now, to read more than one thing from.
    ///
    /// # Errors
    /// The store's.
    pub fn view(&self) -> Result<View, StoreError> {
        self.store.view()
    }

    /// Where the store stands; `None` before the first event.
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        self.checkpoint.as_ref()
    }

    /// The chain from the finalized root to the tip; `None` before the first event.
    pub fn window(&self) -> Option<&Window> {
        self.window.as_ref()
    }

    /// Identity of the machine: a hash over network, programs, rules and genesis. Signatures are bound to it.
    pub fn genesis_id(&self) -> [u8; 32] {
        self.rules.genesis
    }

    /// Root of the tree over all accounts, after the tip.
    pub fn state_root(&self) -> Hash {
        self.tree.root()
    }

    /// The state root after the chain block of that index, from the finalized root to the tip.
    ///
    /// # Errors
    /// The store's.
    pub fn state_root_at(&self, index: u64) -> Result<Option<Hash>, StoreError> {
        self.view()?.state_root_at(index)
    }

    /// The state root computed anew from all accounts in the store.
    ///
    /// # Errors
    /// The store's.
    pub fn rebuilt_state_root(&self) -> Result<Hash, StoreError> {
        Ok(rebuilt(&self.view()?)?.root())
    }

    /// The account that `program` knows by `name`.
    ///
    /// # Errors
    /// The store's.
    pub fn account(&self, program: ProgramId, name: &[u8]) -> Result<Option<Account>, StoreError> {
        self.account_by_id(&AccountId::of(program, name))
    }

    /// The account of that id.
    ///
    /// # Errors
    /// The store's.
    pub fn account_by_id(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        self.view()?.account(id)
    }

    /// All accounts, ordered by id.
    ///
    /// # Errors
    /// The store's.
    pub fn accounts(&self) -> Result<Vec<(AccountId, Account)>, StoreError> {
        self.view()?.accounts()
    }

    /// What became of a transaction on the present chain.
    ///
    /// # Errors
    /// The store's.
    pub fn receipt(&self, transaction: &Hash) -> Result<Option<Receipt>, StoreError> {
        self.view()?.receipt(transaction)
    }

    /// All receipts, in order of acceptance.
    ///
    /// # Errors
    /// The store's.
    pub fn receipts(&self) -> Result<Vec<Receipt>, StoreError> {
        self.view()?.receipts()
    }

    /// Indices of the chain blocks that can be undone, lowest first.
    ///
    /// # Errors
    /// The store's.
    pub fn undo_indices(&self) -> Result<Vec<u64>, StoreError> {
        self.view()?.undo_indices()
    }

    /// Closes the database in good order, so that the next opening has nothing to repair.
    ///
    /// # Errors
    /// The storage's; everything that was applied is durable nevertheless.
    pub fn close(self) -> Result<(), StoreError> {
        self.store.close()
    }

    fn check_usable(&self) -> Result<(), StoreError> {
        if self.has_failed { Err(StoreError::Closed) } else { Ok(()) }
    }
}

fn check_identity(view: &View, network: Network, identity: &[u8; 32]) -> Result<(), OpenError> {
    let found = view.network()?.unwrap_or_default();
    if found != network.to_string() {
        return Err(OpenError::OtherNetwork { found, wanted: network });
    }
    if view.genesis()?.as_deref() != Some(identity.as_slice()) {
        return Err(OpenError::OtherMachine);
    }
    Ok(())
}

fn restored(checkpoint: &Checkpoint, view: &View) -> Result<Window, StoreError> {
    let window = Window::restored(checkpoint, view.chain()?);
    window.map_err(|error| StoreError::Damaged { what: error.to_string() })
}

/// The tree over all accounts in the store.
fn rebuilt(view: &View) -> Result<StateTree, StoreError> {
    let mut tree = StateTree::default();
    view.visit_accounts(|chunk| tree.update(chunk.iter().map(|(id, account)| (*id, Some(account)))))?;
    if view.state_root()? != Some(tree.root()) {
        return Err(StoreError::Damaged { what: "the accounts do not have the stored state root".to_owned() });
    }
    Ok(tree)
}
