//! How following ends other than by Ctrl-C, in words and as an exit code.

use std::{io, path::PathBuf};

use bridge::{AckError, ConfigError, FatalError, RejectReason};
use state::{ApplyError, StoreError};
use thiserror::Error;

use super::{super::USAGE, genesis::GenesisError, settings::CertificateError, store::UnopenedError};

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
    /// Settings with which a bridge does not start.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The stream ended without a reason.
    #[error("the bridge ended without a reason")]
    Ended,
    /// No node can be followed.
    #[error("{0}")]
    Fatal(FatalError),
    /// The balances at the beginning.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The store is whole, and the next opening has something to check.
    #[error("cannot close '{}' in good order: {error}", .name.display())]
    NotClosed {
        /// The store.
        name: PathBuf,
        /// What the state crate says.
        error: Box<StoreError>,
    },
    /// The store takes no more, or events came that no state machine can take.
    #[error("cannot store in '{}': {error}; what was printed since the last event stored comes again", .name.display())]
    NotStored {
        /// The store.
        name: PathBuf,
        /// What the state crate says.
        error: Box<ApplyError>,
    },
    /// Standard output is closed or full.
    #[error("cannot print: {0}")]
    Print(io::Error),
    /// Threads, signals.
    #[error("cannot start: {0}")]
    Runtime(io::Error),
    /// No store to go on with.
    #[error(transparent)]
    Unopened(#[from] UnopenedError),
}

impl FollowError {
    /// What the process says at its end.
    pub fn exit_code(&self) -> u8 {
        match self {
            _ if self.is_reader_gone() => 0,
            Self::Certificate(_) | Self::Config(_) | Self::Genesis(_) | Self::Unopened(_) => USAGE,
            Self::NotStored { error, .. } if !matches!(**error, ApplyError::Store(_)) => PANIC,
            Self::NotClosed { .. } | Self::NotStored { .. } | Self::Print(_) | Self::Runtime(_) => NOT_DELIVERED,
            Self::Fatal(_) => FATAL,
            Self::Acknowledge(_) | Self::Ended => PANIC,
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
            Self::Unopened(error) if error.is_other_machine() => {
                Some(format!("{error}; --genesis names the file with the genesis, --store another store"))
            }
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use state::OpenError;

    use super::*;

    fn unopened(error: OpenError) -> FollowError {
        UnopenedError::Store { name: Path::new("my.redb").to_owned(), error: Box::new(error) }.into()
    }

    fn not_stored(error: ApplyError) -> FollowError {
        FollowError::NotStored { name: Path::new("my.redb").to_owned(), error: Box::new(error) }
    }

    #[test]
    fn given_a_store_of_a_newer_layout_when_told_then_exit_2_and_the_sentence_names_file_and_versions() {
        let error = unopened(OpenError::NewerVersion { found: 7, known: 1 });
        let told = "cannot open 'my.redb': the store has layout version 7, this program knows 1: use the program that made \
                    it, or a newer one";
        assert_eq!((error.exit_code(), error.sentence().as_deref()), (2, Some(told)));
    }

    #[test]
    fn given_a_full_disk_when_told_then_exit_2_before_the_first_event_and_1_later() {
        assert_eq!(unopened(StoreError::DiskFull.into()).exit_code(), 2);
        assert_eq!(not_stored(StoreError::DiskFull.into()).exit_code(), 1);
    }

    #[test]
    fn given_a_place_that_can_hold_no_file_when_told_then_exit_2_and_the_sentence_names_it() {
        let error = unopened(OpenError::Path { message: "Is a directory".to_owned() });
        let told =
            "cannot open 'my.redb': no file can be made there: Is a directory; name a file in a folder that exists";
        assert_eq!((error.exit_code(), error.sentence().as_deref()), (2, Some(told)));
    }

    #[test]
    fn given_a_database_that_cannot_go_on_when_told_then_exit_1_and_the_sentence_names_store_and_reason() {
        let error = not_stored(StoreError::Database { message: "no savepoint".to_owned() }.into());
        let told = "cannot store in 'my.redb': the database cannot go on: no savepoint; everything acknowledged is stored; \
                    what was printed since the last event stored comes again";
        assert_eq!((error.exit_code(), error.sentence().as_deref()), (1, Some(told)));
    }

    #[test]
    fn given_events_that_the_bridge_should_not_send_when_told_then_it_is_a_bug() {
        assert_eq!(not_stored(ApplyError::NoAnchor).exit_code(), 101);
    }
}
