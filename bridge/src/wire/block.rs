//! The reply of GetBlock. Sources: `kaspa-rpc-core` 2.1.0, `RpcBlock` and `RpcBlockVerboseData`.

use kaspa_hashes::Hash;

use super::{HashList, Header, Reader, WireError, reader::LENGTH_SIZE};

/// A block: its header and what the node knows about its place in the DAG.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    /// The header, with every field.
    pub header: Header<'a>,
    /// How many transactions the reply lists: 0 if they were not asked for. They are skipped.
    pub transaction_count: usize,
    /// What depends on the DAG around the block. Nodes always send it.
    pub verbose: Option<BlockVerboseData<'a>>,
}

impl<'a> Block<'a> {
    /// Reads the body of `GetBlockResponse`.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        reader.version_u16("block reply")?;
        let mut block = reader.envelope("block")?;
        block.version_u16("block")?;
        let header = Header::read_complete(&mut block.envelope("block header")?)?;
        let transaction_count = block.envelope("block transactions")?.count("block transactions", LENGTH_SIZE)?;
        let verbose = match block.enveloped_option("block verbose data")? {
            Some(mut inner) => Some(BlockVerboseData::read(&mut inner)?),
            None => None,
        };
        Ok(Self { header, transaction_count, verbose })
    }
}

/// What a node says about a block's place in the DAG. It is the node's word: nothing in a block commits to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlockVerboseData<'a> {
    /// The block hash.
    pub hash: Hash,
    /// Difficulty as a multiple of the easiest one. For display only.
    pub difficulty: f64,
    /// The parent with the most blue work.
    pub selected_parent: Hash,
    /// Ids of the block's own transactions, also when they are not listed.
    pub transaction_ids: HashList<'a>,
    /// Whether the node has only the header.
    pub is_header_only: bool,
    /// Number of blues in the past.
    pub blue_score: u64,
    /// Blocks that have this one as a parent.
    pub children: HashList<'a>,
    /// Blues of the mergeset, selected parent first.
    pub mergeset_blues: HashList<'a>,
    /// Reds of the mergeset.
    pub mergeset_reds: HashList<'a>,
    /// Whether it is on the node's selected chain.
    pub is_chain_block: bool,
}

impl<'a> BlockVerboseData<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        reader.version_u8("block verbose data")?;
        Ok(Self {
            hash: reader.hash("block hash")?,
            difficulty: f64::from_bits(reader.u64("block difficulty")?),
            selected_parent: reader.hash("selected parent")?,
            transaction_ids: reader.hashes("transaction ids")?,
            is_header_only: reader.bool("header-only flag")?,
            blue_score: reader.u64("block blue score")?,
            children: reader.hashes("children")?,
            mergeset_blues: reader.hashes("mergeset blues")?,
            mergeset_reds: reader.hashes("mergeset reds")?,
            is_chain_block: reader.bool("chain block flag")?,
        })
    }
}
