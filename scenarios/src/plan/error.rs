//! What can be wrong with a plan, and with the file that holds it.

use std::{io, path::PathBuf};

use bridge::{ConfigError, wire::NetworkError as NetworkNameError};
use sim::network::NetworkError;
use thiserror::Error;

use super::{MOST_BYTES, VERSION};
use crate::{economy::EconomyError, fault::TriggerError};

/// Why a plan cannot be run.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanError {
    /// A setting that a state machine would not heed.
    #[error(
        "bridge {bridge}: consumer.acknowledge_every is {value}, it must be 1 with a state machine, which acknowledges \
         each batch"
    )]
    AcknowledgesBatches {
        /// Number of the bridge, from 0.
        bridge: usize,
        /// What it is.
        value: u64,
    },
    /// A bridge's settings contradict each other.
    #[error("bridge {bridge}: {error}")]
    Bridge {
        /// Number of the bridge, from 0.
        bridge: usize,
        /// What is wrong.
        error: ConfigError,
    },
    /// A bridge is configured for a network that does not exist.
    #[error("bridge {bridge}: {error}")]
    BridgeNetwork {
        /// Number of the bridge, from 0.
        bridge: usize,
        /// What is wrong.
        error: NetworkNameError,
    },
    /// A bridge names a node that there is not.
    #[error("bridge {bridge} follows node {node}, there are {nodes} nodes")]
    BridgeNode {
        /// Number of the bridge, from 0.
        bridge: usize,
        /// The node named.
        node: u32,
        /// Number of nodes.
        nodes: usize,
    },
    /// The machine economy cannot be.
    #[error(transparent)]
    Economy(#[from] EconomyError),
    /// A fault that cannot strike.
    #[error("fault {id}: {error}")]
    Fault {
        /// Id of the fault.
        id: u32,
        /// Why.
        error: TriggerError,
    },
    /// Two faults have one id.
    #[error("two faults have the id {id}")]
    FaultId {
        /// The id.
        id: u32,
    },
    /// The text is no plan.
    #[error("line {line}: {message}")]
    Format {
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The L1 cannot be set up.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A consumer that never acknowledges would stop its bridge for good.
    #[error("bridge {bridge}: consumer.acknowledge_every is 0, it must be at least 1")]
    NeverAcknowledges {
        /// Number of the bridge, from 0.
        bridge: usize,
    },
    /// Nobody follows.
    #[error("the plan has no bridge")]
    NoBridge,
    /// A disk fault that waits for an operation which never comes.
    #[error("bridge {bridge}: disk fault {fault} strikes in operation 0, the first has number 1")]
    OperationZero {
        /// Number of the bridge, from 0.
        bridge: usize,
        /// Number of the disk fault, from 0.
        fault: usize,
    },
    /// Two ways of being slow at once.
    #[error("bridge {bridge}: consumer.store_ms must be 0 with a state machine, whose disk takes its own time")]
    StoresTwice {
        /// Number of the bridge, from 0.
        bridge: usize,
    },
    /// A stranger that there is not.
    #[error("a stranger is node {node}, there are {nodes} nodes")]
    StrangerNode {
        /// The node named.
        node: u32,
        /// Number of nodes.
        nodes: usize,
    },
    /// Two strangers in one.
    #[error("node {node} is a stranger twice, a node is strange in one way")]
    StrangerTwice {
        /// The node.
        node: u32,
    },
    /// The file is too large.
    #[error("the plan has more than {MOST_BYTES} bytes")]
    TooLarge,
    /// A run of such a plan would not end while anybody waits.
    #[error("`{field}` is {value_ms}, it must be at most {most_ms}")]
    TooLong {
        /// Where the time stands in the plan; bridges, cuts, links and outages are numbered from 0.
        field: String,
        /// The time, in milliseconds.
        value_ms: u64,
        /// The longest that is accepted there, in milliseconds.
        most_ms: u64,
    },
    /// A bridge that keeps so many blocks back would have as final what its node may have pruned.
    #[error(
        "bridge {bridge}: confirmations is {confirmations}, it must be at most {most}, a part of the finality depth"
    )]
    TooManyConfirmations {
        /// Number of the bridge, from 0.
        bridge: usize,
        /// What it is.
        confirmations: u64,
        /// The most that is accepted with these consensus parameters.
        most: u64,
    },
    /// A disk that slow would store nothing in any storm.
    #[error("`{field}` is {value_us}, it must be at most {most_us}")]
    TooSlow {
        /// Where the time stands in the plan; bridges are numbered from 0.
        field: String,
        /// The time, in microseconds.
        value_us: u64,
        /// The longest that is accepted there, in microseconds.
        most_us: u64,
    },
    /// A process that is back at once would fail at once again, as long as its disk is full.
    #[error("`{field}` is {value_ms}, a process is not back before {least_ms} ms")]
    TooSoon {
        /// Where the time stands in the plan; bridges are numbered from 0.
        field: String,
        /// The time, in milliseconds.
        value_ms: u64,
        /// The shortest that is accepted, in milliseconds.
        least_ms: u64,
    },
    /// The scenario is not one of ours.
    #[error("no scenario is named '{name}'")]
    UnknownScenario {
        /// The name.
        name: String,
    },
    /// Another version.
    #[error("line {line}: the plan has version {version}, this program reads version {VERSION}")]
    UnknownVersion {
        /// Line, from 1.
        line: usize,
        /// The version.
        version: u32,
    },
}

impl PlanError {
    pub(super) fn format(text: &str, error: &toml::de::Error) -> Self {
        let offset = error.span().map_or(0, |span| span.start);
        Self::Format { line: line_at(text.as_bytes(), offset), message: message_at(text, offset, error.message()) }
    }
}

/// Why the file of a plan cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanFileError {
    /// What the file holds is no plan that can be run.
    #[error("{}: {error}", .path.display())]
    Plan {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: Box<PlanError>,
    },
    /// The file cannot be read.
    #[error("{}: {error}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
}

/// What is wrong at the byte at `offset`, with the name of the field if the message does not have it: of a wrong value the
/// parser tells only what it is, and of a key that stands there twice not even that.
pub(crate) fn message_at(text: &str, offset: usize, message: &str) -> String {
    let (before, after) = text.split_at_checked(offset).unwrap_or((text, ""));
    let before = before.rsplit('\n').next().unwrap_or(before);
    let after = after.lines().next().unwrap_or(after);
    let line = format!("{before}{after}");
    let field = line.split_once('=').map_or("", |(field, _)| field.trim());
    let is_of_line = before.contains('=') || !message.contains('`');
    if !is_of_line || field.is_empty() || message.contains(field) {
        return message.to_owned();
    }
    format!("`{field}`: {message}")
}

/// The line, from 1, of the byte at `offset`.
pub(crate) fn line_at(text: &[u8], offset: usize) -> usize {
    1 + text.iter().take(offset).filter(|byte| **byte == b'\n').count()
}
