//! How following ends other than by Ctrl-C, in words and as an exit code.

use std::io;

use bridge::{AckError, CheckpointError, ConfigError, FatalError, RejectReason, WindowError};
use thiserror::Error;

use super::{super::USAGE, settings::CertificateError, store::StoreError};

/// Exit code if events cannot be printed or kept.
const NOT_DELIVERED: u8 = 1;

/// Exit code after `Fatal`.
const FATAL: u8 = 20;

/// Exit code if the bridge broke a promise.
const PANIC: u8 = 101;

/// Why following ended.
#[derive(Debug, Error)]
pub enum FollowError {
    /// An event was acknowledged that was never delivered.
    #[error("the bridge lost count: {0}")]
    Acknowledge(#[from] AckError),
    /// A file of certificates.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The window makes no checkpoint.
    #[error("the events make no checkpoint: {0}")]
    Checkpoint(#[from] Box<CheckpointError>),
    /// Settings with which a bridge does not start.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The stream ended without a reason.
    #[error("the bridge ended without a reason")]
    Ended,
    /// No node can be followed.
    #[error("{0}")]
    Fatal(FatalError),
    /// A numbered event came before the block on which it builds was known.
    #[error("the bridge told no anchor")]
    NoAnchor,
    /// Standard output is closed or full.
    #[error("cannot print: {0}")]
    Print(io::Error),
    /// Threads, signals.
    #[error("cannot start: {0}")]
    Runtime(io::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Events that do not follow one another.
    #[error("the events do not follow one another: {0}")]
    Window(#[from] Box<WindowError>),
}

impl FollowError {
    /// What the process says at its end.
    pub fn exit_code(&self) -> u8 {
        match self {
            _ if self.is_reader_gone() => 0,
            Self::Certificate(_) | Self::Config(_) => USAGE,
            Self::Store(StoreError::NotSaved { .. }) | Self::Print(_) | Self::Runtime(_) => NOT_DELIVERED,
            Self::Store(_) => USAGE,
            Self::Fatal(_) => FATAL,
            Self::Acknowledge(_) | Self::Checkpoint(_) | Self::Ended | Self::NoAnchor | Self::Window(_) => PANIC,
        }
    }

    /// What happened and what can be done; `None` if there is nothing to say.
    pub fn sentence(&self) -> Option<String> {
        match self {
            _ if self.is_reader_gone() => None,
            Self::Config(ConfigError::FinalityDepthUnknown { network }) => Some(format!(
                "{network} needs --finality-depth, which no node tells: give the depth in blue score that its nodes are \
                 configured with (kaspad's default is 432000)"
            )),
            Self::Config(error @ ConfigError::BadCertificate { .. }) => {
                Some(format!("{error}; numbers count all that --trust-certificate names from 0"))
            }
            Self::Fatal(fatal) => Some(format!("{fatal}. {}", remedies(fatal))),
            other => Some(other.to_string()),
        }
    }

    /// Whether whoever read the output has seen enough (`dagstorm follow ... | head`).
    pub fn is_reader_gone(&self) -> bool {
        matches!(self, Self::Print(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// One sentence for each kind of reason, in the order of the nodes.
fn remedies(fatal: &FatalError) -> String {
    let mut sentences: Vec<&str> = Vec::new();
    for (_, reason) in &fatal.nodes {
        let sentence = remedy(reason);
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences.join(" ")
}

fn remedy(reason: &RejectReason) -> &'static str {
    match reason {
        RejectReason::Conflicting { .. } => {
            "Chain and store contradict each other about what is final: follow another node with --url, or begin anew with \
             another --store."
        }
        RejectReason::Pruned { .. } => {
            "What lies between the store and the node's history is lost to it: follow a node that keeps more with --url, or \
             begin anew with another --store."
        }
        RejectReason::WrongApiVersion { .. } => "Follow a node of a version that fits with --url.",
        RejectReason::WrongNetwork { .. } => "Name the network of the nodes with --network, or other nodes with --url.",
        _ => "Follow another node with --url.",
    }
}
