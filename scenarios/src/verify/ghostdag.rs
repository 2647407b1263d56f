//! Reference GHOSTDAG results against `sim::dag`.
//!
//! A vector file is JSON: `meta` with `k` and `genesis` (`hash`, `bits`, `daa_score`), and `blocks` in topological order.
//! Blocks refer to each other by number: genesis is 0, `blocks[i]` is i + 1. Every block carries its parents and bits and
//! the result that the reference implementation gave it. The DAGs stay within the DAA window.

use std::fmt;

use kaspa_hashes::Hash;
use kaspa_math::Uint192;
use serde::{Deserialize, Deserializer, de};
use sim::dag::{BlockId, Dag, DagError, GhostdagParams, Limits};
use thiserror::Error;

/// Largest accepted file in bytes.
pub const MAX_FILE_BYTES: usize = 256 << 20;

/// Most list elements that a [`Difference`] shows, from the first that differs.
const MAX_SHOWN: usize = 24;

/// Reference results of one DAG.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GhostdagVectors {
    /// Parameters and genesis.
    pub meta: VectorMeta,
    /// All blocks but genesis.
    pub blocks: Vec<VectorBlock>,
}

/// How the DAG was grown, as far as the results depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct VectorMeta {
    /// GHOSTDAG's k.
    pub k: u16,
    /// Block 0.
    pub genesis: VectorGenesis,
}

/// Block 0: blue score and blue work are 0.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct VectorGenesis {
    /// Block hash.
    pub hash: Hash,
    /// Compact target.
    pub bits: u32,
    /// DAA score.
    pub daa_score: u64,
}

/// One block and its reference result.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct VectorBlock {
    /// Block hash; given, it cannot be recomputed.
    pub hash: Hash,
    /// Parents, selected parent first.
    pub parents: Vec<u32>,
    /// Compact target.
    pub bits: u32,
    /// The parent with the largest (blue work, hash).
    pub selected_parent: u32,
    /// Blue mergeset blocks in consensus order, selected parent first.
    pub mergeset_blues: Vec<u32>,
    /// Red mergeset blocks in consensus order.
    pub mergeset_reds: Vec<u32>,
    /// Number of blue blocks in the past.
    pub blue_score: u64,
    /// Work of the blue blocks in the past; hexadecimal in the file.
    #[serde(deserialize_with = "hexadecimal_work")]
    pub blue_work: Uint192,
    /// DAA score.
    pub daa_score: u64,
}

/// The outcome of [`verify_ghostdag`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GhostdagReport {
    /// Blocks compared, without genesis. A file without blocks proves nothing.
    pub blocks: usize,
    /// Every field that differs, by block.
    pub differences: Vec<Difference>,
}

impl GhostdagReport {
    /// Whether there was at least one block and none differs.
    pub fn passed(&self) -> bool {
        self.blocks > 0 && self.differences.is_empty()
    }
}

/// A field of a block in which the reference and `sim::dag` disagree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Block number; genesis is 0.
    pub block: usize,
    /// Name of the field in the file.
    pub field: &'static str,
    /// The file's value.
    pub expected: String,
    /// What `sim::dag` computed.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block {}: {} is {}, expected {}", self.block, self.field, self.found, self.expected)
    }
}

/// A file that cannot be compared.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The file is larger than [`MAX_FILE_BYTES`].
    #[error("the file has {bytes} bytes, more than the limit of {MAX_FILE_BYTES}")]
    TooLarge {
        /// Size of the file.
        bytes: usize,
    },
    /// Not a vector file; the message names line and column.
    #[error("not a GHOSTDAG vector file: {0}")]
    Format(#[from] serde_json::Error),
    /// A block that is no valid addition to the DAG before it.
    #[error("block {block} cannot be inserted: {source}")]
    Block {
        /// Block number; genesis is 0.
        block: usize,
        /// Why not.
        source: DagError,
    },
}

/// Parses a vector file.
///
/// # Errors
/// [`VerifyError::TooLarge`] and [`VerifyError::Format`].
pub fn parse_ghostdag_vectors(bytes: &[u8]) -> Result<GhostdagVectors, VerifyError> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(VerifyError::TooLarge { bytes: bytes.len() });
    }
    Ok(serde_json::from_slice(bytes)?)
}

/// Computes every block of a vector file anew and compares all of its fields.
///
/// # Errors
/// The file is no vector file, or holds a block that no DAG can hold. Wrong results are differences, not errors.
pub fn verify_ghostdag(bytes: &[u8]) -> Result<GhostdagReport, VerifyError> {
    let vectors = parse_ghostdag_vectors(bytes)?;
    let params = GhostdagParams {
        k: vectors.meta.k,
        difficulty_window_size: u64::MAX,
        genesis_daa_score: vectors.meta.genesis.daa_score,
        limits: Limits::NONE,
    };
    let genesis = &vectors.meta.genesis;
    let in_block = |block: usize| move |source: DagError| VerifyError::Block { block, source };
    let mut dag = Dag::new(params, genesis.hash, genesis.bits).map_err(in_block(0))?;
    let mut differences = Vec::new();
    for (index, expected) in vectors.blocks.iter().enumerate() {
        let number = index + 1;
        let parents: Vec<BlockId> = expected.parents.iter().copied().map(BlockId).collect();
        let id = dag.insert(expected.hash, &parents, expected.bits).map_err(in_block(number))?;
        compare(&dag, id, expected, &mut differences);
    }
    Ok(GhostdagReport { blocks: vectors.blocks.len(), differences })
}

fn compare(dag: &Dag, id: BlockId, expected: &VectorBlock, differences: &mut Vec<Difference>) {
    let mut check = |field, expected: Value<'_>, found: Value<'_>| {
        if expected != found {
            let (expected, found) = (expected.to_string(), found.to_string());
            differences.push(Difference { block: id.index(), field, expected, found });
        }
    };
    let numbers = |ids: &[BlockId]| ids.iter().map(|id| id.0).collect::<Vec<u32>>();
    let selected_parent = dag.selected_parent(id).map_or(0, |parent| parent.0);
    let first_parent = expected.parents.first().copied().unwrap_or(0);
    let blues = numbers(dag.mergeset_blues(id));
    let reds = numbers(dag.mergeset_reds(id));

    check("parents[0]", Value::Number(first_parent.into()), Value::Number(selected_parent.into()));
    check("selected_parent", Value::Number(expected.selected_parent.into()), Value::Number(selected_parent.into()));
    for (field, expected, found) in [
        ("mergeset_blues", expected.mergeset_blues.as_slice(), blues.as_slice()),
        ("mergeset_reds", expected.mergeset_reds.as_slice(), reds.as_slice()),
    ] {
        let equal = expected.iter().zip(found).take_while(|(a, b)| a == b).count();
        check(field, Value::List { equal, numbers: expected }, Value::List { equal, numbers: found });
    }
    check("blue_score", Value::Number(expected.blue_score), Value::Number(dag.blue_score(id)));
    check("blue_work", Value::Work(expected.blue_work), Value::Work(dag.blue_work(id)));
    check("daa_score", Value::Number(expected.daa_score), Value::Number(dag.daa_score(id)));
}

/// A field's value, turned into text only where it differs.
#[derive(PartialEq)]
enum Value<'a> {
    Number(u64),
    Work(Uint192),
    List {
        /// Length of the start that the file's and the computed list share.
        equal: usize,
        numbers: &'a [u32],
    },
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Work(work) => write!(f, "{work:x}"),
            Self::List { numbers, .. } if numbers.len() <= MAX_SHOWN => write!(f, "{numbers:?}"),
            Self::List { equal, numbers } => {
                let shown: Vec<&u32> = numbers.iter().skip(*equal).take(MAX_SHOWN).collect();
                write!(f, "a list of {} that goes on after {equal} with {shown:?}", numbers.len())
            }
        }
    }
}

/// Hexadecimal without prefix; leading zeros may be missing.
fn hexadecimal_work<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uint192, D::Error> {
    let text = String::deserialize(deserializer)?;
    Uint192::from_hex(&text).ok().filter(|_| !text.is_empty()).ok_or_else(|| {
        de::Error::custom(format_args!("blue work {text:?} is not a hexadecimal number of at most 192 bits"))
    })
}
