//! The replies of GetServerInfo and GetBlockDagInfo. Sources: `kaspa-rpc-core` 2.1.0, `GetServerInfoResponse` and
//! `GetBlockDagInfoResponse`.

use kaspa_hashes::Hash;

use super::{HashList, Network, Reader, WireError};

/// What a node says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerInfo<'a> {
    /// Changes when clients must refuse to connect; 1 in all nodes so far.
    pub rpc_api_version: u16,
    /// Changes when something was added to the API.
    pub rpc_api_revision: u16,
    /// Version of the node's software, such as `2.1.0`.
    pub server_version: &'a str,
    /// The network it is on.
    pub network: Network,
    /// Whether it keeps an index of UTXOs by address.
    pub has_utxo_index: bool,
    /// Whether it believes to be near the network's tip. Depends on its clock.
    pub is_synced: bool,
    /// DAA score of its virtual.
    pub virtual_daa_score: u64,
}

impl<'a> ServerInfo<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        reader.version_u16("server info")?;
        Ok(Self {
            rpc_api_version: reader.u16("API version")?,
            rpc_api_revision: reader.u16("API revision")?,
            server_version: reader.text("server version")?,
            network: Network::read(reader)?,
            has_utxo_index: reader.bool("UTXO index flag")?,
            is_synced: reader.bool("synced flag")?,
            virtual_daa_score: reader.u64("virtual DAA score")?,
        })
    }
}

/// The outline of a node's DAG.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlockDagInfo<'a> {
    /// The network it is on.
    pub network: Network,
    /// Blocks with bodies.
    pub block_count: u64,
    /// Blocks with headers only and with bodies.
    pub header_count: u64,
    /// Blocks without children.
    pub tips: HashList<'a>,
    /// Difficulty as a multiple of the easiest one. For display only.
    pub difficulty: f64,
    /// Past median time of the virtual, milliseconds since the Unix epoch.
    pub past_median_time_ms: u64,
    /// Parents of the virtual.
    pub virtual_parents: HashList<'a>,
    /// The pruning point.
    pub pruning_point_hash: Hash,
    /// DAA score of the virtual.
    pub virtual_daa_score: u64,
    /// The sink: the tip with the most blue work, selected parent of the virtual.
    pub sink: Hash,
}

impl<'a> BlockDagInfo<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        reader.version_u16("DAG info")?;
        Ok(Self {
            network: Network::read(reader)?,
            block_count: reader.u64("block count")?,
            header_count: reader.u64("header count")?,
            tips: reader.hashes("tips")?,
            difficulty: f64::from_bits(reader.u64("difficulty")?),
            past_median_time_ms: reader.u64("past median time")?,
            virtual_parents: reader.hashes("virtual parents")?,
            pruning_point_hash: reader.hash("pruning point")?,
            virtual_daa_score: reader.u64("virtual DAA score")?,
            sink: reader.hash("sink")?,
        })
    }
}
