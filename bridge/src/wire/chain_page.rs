//! The reply of GetVirtualChainFromBlockV2: the one frame whose size is in megabytes, read without copying.
//!
//! `ChainPage::read` walks everything that the iterators lend later, once and whole. The iterators read the same
//! immutable bytes with the same functions, so they cannot meet an error; they have no way to report one.
//!
//! Sources: `kaspa-rpc-core` 2.1.0, `GetVirtualChainFromBlockV2Response`, `RpcChainBlockAcceptedTransactions`,
//! `RpcOptionalTransaction`, `RpcOptionalTransactionVerboseData`.

use kaspa_hashes::Hash;

use super::{HashList, Header, Parents, Reader, WireError, reader::LENGTH_SIZE};

/// Bytes of parents that a page's headers may give to hash for each byte of the page.
///
/// A header repeats the parents of level 0 up to the lowest level that any block has, which is `max_block_level` (225 or
/// 250) less the bits of the target: about 25 on mainnet at a difficulty of 2^55, where 16 parents are 13 kB to hash. The
/// levels above differ from one another, about one for each doubling of the number of blocks, and are sent in full, 2 kB or
/// more together with level 0. So an honest header expands less than tenfold, and a page with its transactions even less.
/// Without a bound a run of 255 levels would expand 255-fold.
///
/// Sources: `kaspa_pow::calc_level_from_pow`, `kaspa_consensus::processes::parents_builder`.
const HASHED_PER_BYTE: u64 = 32;

/// Bytes that any page may give to hash, so that a few headers of a young network need no proportion.
const HASHED_ANYWAY: u64 = 1 << 20;

/// What left and what joined the node's selected chain since the block that was asked.
#[derive(Debug, Clone)]
pub struct ChainPage<'a> {
    /// Blocks that left the chain, tip first. Never cut short.
    pub removed: HashList<'a>,
    /// Blocks that joined the chain, oldest first. May end before the node's sink.
    pub added: HashList<'a>,
    blocks: ChainBlocks<'a>,
    accepted_count: usize,
}

impl<'a> ChainPage<'a> {
    /// Reads and checks the body of a reply.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        let limit = HASHED_ANYWAY.saturating_add(HASHED_PER_BYTE.saturating_mul(reader.left() as u64));
        reader.version_u16("chain page")?;
        let removed = reader.hashes("removed chain blocks")?;
        let added = reader.hashes("added chain blocks")?;
        let mut inner = reader.envelope("chain blocks")?;
        let left = inner.count("chain blocks", LENGTH_SIZE)?;
        let blocks = ChainBlocks { reader: inner, left };
        let mut accepted_count = 0;
        let mut hashed = 0;
        let mut walk = blocks.clone();
        while walk.left > 0 {
            let ChainBlock { header, mut accepted } = walk.read_next()?;
            hashed += header.parents.as_ref().map_or(0, Parents::hashed_size);
            if hashed > limit {
                return Err(WireError::TooMuchToHash { hashed, limit });
            }
            accepted_count += accepted.left;
            while accepted.left > 0 {
                accepted.read_next()?;
            }
        }
        Ok(Self { removed, added, blocks, accepted_count })
    }

    /// The chain blocks with what they accepted, in the order of [`Self::added`].
    ///
    /// An honest node sends one for each added block; the reader does not compare the two.
    pub fn blocks(&self) -> ChainBlocks<'a> {
        self.blocks.clone()
    }

    /// How many transactions all blocks of the page accepted together.
    pub const fn accepted_count(&self) -> usize {
        self.accepted_count
    }
}

/// Iterator over the blocks of a [`ChainPage`].
#[derive(Debug, Clone)]
pub struct ChainBlocks<'a> {
    reader: Reader<'a>,
    left: usize,
}

impl<'a> ChainBlocks<'a> {
    #[inline]
    fn read_next(&mut self) -> Result<ChainBlock<'a>, WireError> {
        self.left -= 1;
        let mut block = self.reader.envelope("chain block")?;
        block.version_u16("chain block")?;
        let header = Header::read_optional(&mut block.envelope("chain block header")?)?;
        let mut reader = block.envelope("accepted transactions")?;
        let left = reader.count("accepted transactions", LENGTH_SIZE)?;
        Ok(ChainBlock { header, accepted: AcceptedTransactions { reader, left } })
    }
}

impl<'a> Iterator for ChainBlocks<'a> {
    type Item = ChainBlock<'a>;

    #[inline]
    fn next(&mut self) -> Option<ChainBlock<'a>> {
        if self.left == 0 { None } else { self.read_next().ok() }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for ChainBlocks<'_> {}

/// One chain block of a page.
#[derive(Debug, Clone)]
pub struct ChainBlock<'a> {
    /// Its header, as far as the verbosity goes.
    pub header: Header<'a>,
    /// The transactions that it accepted, in acceptance order: iterate over a clone to come back to them.
    pub accepted: AcceptedTransactions<'a>,
}

/// Iterator over the transactions that one chain block accepted.
#[derive(Debug, Clone)]
pub struct AcceptedTransactions<'a> {
    reader: Reader<'a>,
    left: usize,
}

impl<'a> AcceptedTransactions<'a> {
    #[inline]
    fn read_next(&mut self) -> Result<AcceptedTransaction<'a>, WireError> {
        self.left -= 1;
        AcceptedTransaction::read(&mut self.reader.envelope("accepted transaction")?)
    }
}

impl<'a> Iterator for AcceptedTransactions<'a> {
    type Item = AcceptedTransaction<'a>;

    #[inline]
    fn next(&mut self) -> Option<AcceptedTransaction<'a>> {
        if self.left == 0 { None } else { self.read_next().ok() }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for AcceptedTransactions<'_> {}

/// A transaction that a chain block accepted. Inputs and outputs are counted and skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptedTransaction<'a> {
    /// Transaction id. From `Low` on.
    pub id: Option<Hash>,
    /// Hash over the whole transaction, signatures included. From `Low` on.
    pub hash: Option<Hash>,
    /// Version of the transaction format. `Full` only.
    pub version: Option<u16>,
    /// How many inputs the reply lists: 0 where the verbosity leaves them out.
    pub input_count: usize,
    /// How many outputs the reply lists: 0 where the verbosity leaves them out.
    pub output_count: usize,
    /// Block score or time before which the transaction is not valid.
    pub lock_time: Option<u64>,
    /// The subnetwork that the transaction belongs to.
    pub subnetwork_id: Option<[u8; 20]>,
    /// Gas that it may use there.
    pub gas: Option<u64>,
    /// Data that L1 does not interpret.
    pub payload: Option<&'a [u8]>,
    /// Storage mass, in grams.
    pub storage_mass: Option<u64>,
    /// Compute mass, in grams. From `High` on.
    pub compute_mass: Option<u64>,
    /// The block that contains the transaction: a member of the chain block's mergeset. From `Low` on.
    pub block_hash: Option<Hash>,
    /// Timestamp of that block, milliseconds since the Unix epoch. From `Low` on.
    pub block_time_ms: Option<u64>,
}

impl<'a> AcceptedTransaction<'a> {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        reader.version_u16("accepted transaction")?;
        let version = reader.option("transaction version", Reader::u16)?;
        let input_count = reader.envelope("transaction inputs")?.count("transaction inputs", LENGTH_SIZE)?;
        let output_count = reader.envelope("transaction outputs")?.count("transaction outputs", LENGTH_SIZE)?;
        let lock_time = reader.option("transaction lock time", Reader::u64)?;
        let subnetwork_id = reader.option("transaction subnetwork", |reader, what| reader.array(what).copied())?;
        let gas = reader.option("transaction gas", Reader::u64)?;
        let payload = reader.option("transaction payload", Reader::byte_string)?;
        let storage_mass = reader.option("transaction storage mass", Reader::u64)?;
        let verbose = match reader.enveloped_option("transaction verbose data")? {
            Some(mut inner) => VerboseData::read(&mut inner)?,
            None => VerboseData::default(),
        };
        let VerboseData { id, hash, compute_mass, block_hash, block_time_ms } = verbose;
        Ok(Self {
            id,
            hash,
            version,
            input_count,
            output_count,
            lock_time,
            subnetwork_id,
            gas,
            payload,
            storage_mass,
            compute_mass,
            block_hash,
            block_time_ms,
        })
    }
}

#[derive(Default)]
struct VerboseData {
    id: Option<Hash>,
    hash: Option<Hash>,
    compute_mass: Option<u64>,
    block_hash: Option<Hash>,
    block_time_ms: Option<u64>,
}

impl VerboseData {
    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        reader.version_u8("transaction verbose data")?;
        Ok(Self {
            id: reader.option("transaction id", Reader::hash)?,
            hash: reader.option("transaction hash", Reader::hash)?,
            compute_mass: reader.option("transaction compute mass", Reader::u64)?,
            block_hash: reader.option("containing block hash", Reader::hash)?,
            block_time_ms: reader.option("containing block time", Reader::u64)?,
        })
    }
}
