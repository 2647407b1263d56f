//! Block headers as replies carry them: every field optional, parents left in the frame, the hash computed by
//! streaming.

use kaspa_consensus_core::hashing::HasherExtensions;
use kaspa_hashes::{BlockHash, Hash, HasherBase};
use kaspa_math::Uint192;

use super::{Parents, Reader, WireError};

/// A block header. Which fields are there depends on the verbosity that was asked; GetBlock gives all of them.
///
/// Source: `kaspa-rpc-core` 2.1.0, `RpcOptionalHeader` and `RpcHeader`.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    /// The block hash that the node announces. [`Self::computed_hash`] tells whether it is true.
    pub hash: Option<Hash>,
    /// Version of the block format. From `Low` on.
    pub version: Option<u16>,
    /// Parents by level. From `High` on.
    pub parents: Option<Parents<'a>>,
    /// Merkle root over the block's own transactions. From `High` on.
    pub hash_merkle_root: Option<Hash>,
    /// Commitment to what the selected parent accepted. From `High` on.
    pub accepted_id_merkle_root: Option<Hash>,
    /// Commitment to the UTXO set. `Full` only.
    pub utxo_commitment: Option<Hash>,
    /// The miner's clock, milliseconds since the Unix epoch. From `Low` on.
    pub timestamp_ms: Option<u64>,
    /// Compact difficulty target. From `Low` on.
    pub bits: Option<u32>,
    /// Proof-of-work nonce. From `Low` on.
    pub nonce: Option<u64>,
    /// DAA score. From `Low` on.
    pub daa_score: Option<u64>,
    /// Accumulated work of the blues in the past. From `Low` on.
    pub blue_work: Option<Uint192>,
    /// Number of blues in the past. From `Low` on.
    pub blue_score: Option<u64>,
    /// The pruning point from this block's view. `Full` only.
    pub pruning_point: Option<Hash>,
}

impl<'a> Header<'a> {
    /// Reads the body of `RpcOptionalHeader`.
    #[inline]
    pub(super) fn read_optional(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        reader.version_u16("optional header")?;
        Ok(Self {
            hash: reader.option("header hash", Reader::hash)?,
            version: reader.option("header version", Reader::u16)?,
            parents: reader.option("header parents", |reader, _| Parents::read_compressed(reader))?,
            hash_merkle_root: reader.option("hash merkle root", Reader::hash)?,
            accepted_id_merkle_root: reader.option("accepted id merkle root", Reader::hash)?,
            utxo_commitment: reader.option("UTXO commitment", Reader::hash)?,
            timestamp_ms: reader.option("header timestamp", Reader::u64)?,
            bits: reader.option("header bits", Reader::u32)?,
            nonce: reader.option("header nonce", Reader::u64)?,
            daa_score: reader.option("header DAA score", Reader::u64)?,
            blue_work: reader.option("header blue work", read_blue_work)?,
            blue_score: reader.option("header blue score", Reader::u64)?,
            pruning_point: reader.option("header pruning point", Reader::hash)?,
        })
    }

    /// Reads the body of `RpcHeader`, which has every field.
    pub(super) fn read_complete(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        reader.version_u16("header")?;
        Ok(Self {
            hash: Some(reader.hash("header hash")?),
            version: Some(reader.u16("header version")?),
            parents: Some(Parents::read_expanded(reader)?),
            hash_merkle_root: Some(reader.hash("hash merkle root")?),
            accepted_id_merkle_root: Some(reader.hash("accepted id merkle root")?),
            utxo_commitment: Some(reader.hash("UTXO commitment")?),
            timestamp_ms: Some(reader.u64("header timestamp")?),
            bits: Some(reader.u32("header bits")?),
            nonce: Some(reader.u64("header nonce")?),
            daa_score: Some(reader.u64("header DAA score")?),
            blue_work: Some(read_blue_work(reader, "header blue work")?),
            blue_score: Some(reader.u64("header blue score")?),
            pruning_point: Some(reader.hash("header pruning point")?),
        })
    }

    /// The first parent at level 0: the selected parent, if this is a chain block of a network after the Toccata
    /// upgrade.
    ///
    /// Source of the rule: `kaspa-consensus-core` 2.1.0, `Header::post_toccata_chainblock_selected_parent`.
    pub fn first_parent(&self) -> Option<Hash> {
        self.parents?.direct().first()
    }

    /// The hash of these fields, or `None` if one that goes into it is absent. The announced hash plays no part.
    ///
    /// Work is bounded by the node's bound on parents, 255 levels of 2048. Same function as `kaspa-consensus-core`
    /// 2.1.0, `hashing::header::hash`.
    pub fn computed_hash(&self) -> Option<Hash> {
        let mut hasher = BlockHash::new();
        self.write_hashed(&mut hasher)?;
        Some(hasher.finalize())
    }

    /// Hands over what is hashed, in order, or as much of it as comes before an absent field.
    pub(super) fn write_hashed(&self, hasher: &mut impl HasherBase) -> Option<()> {
        let parents = self.parents?;
        hasher.update(self.version?.to_le_bytes()).write_len(parents.level_count());
        for level in parents.levels() {
            hasher.write_len(level.len()).update(level.as_bytes());
        }
        hasher
            .update(self.hash_merkle_root?)
            .update(self.accepted_id_merkle_root?)
            .update(self.utxo_commitment?)
            .update(self.timestamp_ms?.to_le_bytes())
            .update(self.bits?.to_le_bytes())
            .update(self.nonce?.to_le_bytes())
            .update(self.daa_score?.to_le_bytes())
            .update(self.blue_score?.to_le_bytes())
            .write_blue_work(self.blue_work?)
            .update(self.pruning_point?);
        Some(())
    }
}

fn read_blue_work(reader: &mut Reader<'_>, what: &'static str) -> Result<Uint192, WireError> {
    reader.array(what).map(|bytes| Uint192::from_le_bytes(*bytes))
}
