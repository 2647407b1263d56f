//! The words of a node that refuses a request, and what they mean.
//!
//! On the wire an error is bare text. The table is what rusty-kaspa 2.1.0 says where a follower can hear it; each text was
//! seen from a running node or read in the source that its variant names. None of them ends a bridge: each is retried, or
//! leads to further questions whose answers decide.

use thiserror::Error;

/// An error text of the node, classified.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemoteError {
    /// The hash is on a side branch below, or itself below, the node's retention root
    /// (`kaspa_consensus_core::errors::consensus::ConsensusError::General`, seen).
    #[error("the block is below the node's retention root or on a branch that left it")]
    BelowRetentionRoot,
    /// The body of a block, or other data of it, is missing (`ConsensusError::BlockNotFound`, `MissingData`).
    #[error("the node has not all of a block: '{text}'")]
    BodyMissing {
        /// The node's words.
        text: String,
    },
    /// The node never saw the block, or deleted it (`ConsensusError::HeaderNotFound`, seen).
    #[error("the node does not know the block")]
    HeaderUnknown,
    /// The request is one that this node does not serve (`kaspa_rpc_core::RpcError::NotImplemented`, seen).
    #[error("the node does not implement the request")]
    NotImplemented,
    /// The block left the selected chain between two questions (`RpcError::ConsensusError`, of a lane proof).
    #[error("the block is not on the node's selected chain: '{text}'")]
    NotOnSelectedChain {
        /// The node's words.
        text: String,
    },
    /// The block is below the pruning point (of a lane proof).
    #[error("the block is below the node's pruning point: '{text}'")]
    TooDeep {
        /// The node's words.
        text: String,
    },
    /// The block is genesis, which has no selected parent (of a lane proof).
    #[error("the block is genesis: '{text}'")]
    IsGenesis {
        /// The node's words.
        text: String,
    },
    /// The node is replacing its consensus: IBD with a pruning proof (`ConsensusError::IbdState`, seen).
    #[error("the node is in a transitional state")]
    Transitional,
    /// An input whose spent output the node did not find in time (`kaspa_rpc_core::RpcError::ConsensusConverterRequired`).
    #[error("the node did not find a spent output: '{text}'")]
    UtxoEntryMissing {
        /// The node's words.
        text: String,
    },
    /// Any other text: retried and shown.
    #[error("'{text}'")]
    Unknown {
        /// The node's words.
        text: String,
    },
}

/// How a text is recognised.
enum Text {
    Is(&'static str),
    Begins(&'static str),
    /// Begins with the first and ends with the second; a hash is in between.
    Around(&'static str, &'static str),
}

/// A row: the text, and the variant made of it.
struct Row(Text, fn(String) -> RemoteError);

/// No two rows fit the same text.
const TABLE: [Row; 11] = [
    Row(Text::Begins("cannot find header "), |_| RemoteError::HeaderUnknown),
    Row(Text::Is("the queried hash does not have retention root on its chain"), |_| RemoteError::BelowRetentionRoot),
    Row(Text::Is("consensus is currently in a transitional ibd state"), |_| RemoteError::Transitional),
    Row(Text::Begins("cannot find full block "), |text| RemoteError::BodyMissing { text }),
    Row(Text::Begins("some data is missing for block "), |text| RemoteError::BodyMissing { text }),
    Row(Text::Begins("consensus converter required "), |text| RemoteError::UtxoEntryMissing { text }),
    Row(Text::Around("block ", " is not in the selected parent chain"), |text| RemoteError::NotOnSelectedChain {
        text,
    }),
    Row(Text::Around("low hash ", " is not in selected parent chain"), |text| RemoteError::NotOnSelectedChain { text }),
    Row(Text::Around("block ", " is too deep (before the current pruning point)"), |text| RemoteError::TooDeep {
        text,
    }),
    Row(Text::Around("block ", " is genesis and has no selected parent"), |text| RemoteError::IsGenesis { text }),
    Row(Text::Is("Not implemented"), |_| RemoteError::NotImplemented),
];

impl RemoteError {
    /// Classifies the bare text of a remote error.
    pub fn classify(text: &str) -> Self {
        let row = TABLE.iter().find(|Row(pattern, _)| pattern.fits(text));
        row.map_or_else(|| Self::Unknown { text: shortened(text) }, |Row(_, variant)| variant(shortened(text)))
    }
}

impl Text {
    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Is(whole) => text == *whole,
            Self::Begins(beginning) => text.starts_with(beginning),
            Self::Around(beginning, end) => text.starts_with(beginning) && text.ends_with(end),
        }
    }
}

/// Texts of nodes are untrusted, and are printed and logged: they are kept only up to a length that fits a line, and
/// without what would begin another line or command a terminal.
pub(crate) fn shortened(text: &str) -> String {
    const LIMIT_CHARACTERS: usize = 200;
    let mut characters = text.chars();
    let printable = |character: char| if character.is_control() { char::REPLACEMENT_CHARACTER } else { character };
    let mut kept: String = characters.by_ref().take(LIMIT_CHARACTERS).map(printable).collect();
    if characters.next().is_some() {
        kept.push_str("...");
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts() -> Vec<(String, RemoteError)> {
        let hash = "0f".repeat(32);
        let with_text = |text: &str, variant: fn(String) -> RemoteError| (text.to_owned(), variant(text.to_owned()));
        vec![
            (format!("cannot find header {hash}"), RemoteError::HeaderUnknown),
            ("the queried hash does not have retention root on its chain".to_owned(), RemoteError::BelowRetentionRoot),
            ("consensus is currently in a transitional ibd state".to_owned(), RemoteError::Transitional),
            with_text(&format!("cannot find full block {hash}"), |text| RemoteError::BodyMissing { text }),
            with_text(&format!("some data is missing for block {hash}"), |text| RemoteError::BodyMissing { text }),
            with_text("consensus converter required UtxoEntry - but was not found", |text| {
                RemoteError::UtxoEntryMissing { text }
            }),
            with_text(&format!("block {hash} is not in the selected parent chain"), |text| {
                RemoteError::NotOnSelectedChain { text }
            }),
            with_text(&format!("low hash {hash} is not in selected parent chain"), |text| {
                RemoteError::NotOnSelectedChain { text }
            }),
            with_text(&format!("block {hash} is too deep (before the current pruning point)"), |text| {
                RemoteError::TooDeep { text }
            }),
            with_text(&format!("block {hash} is genesis and has no selected parent"), |text| RemoteError::IsGenesis {
                text,
            }),
            ("Not implemented".to_owned(), RemoteError::NotImplemented),
        ]
    }

    #[test]
    fn given_every_text_of_a_node_when_classified_then_each_has_its_variant() {
        for (text, variant) in texts() {
            assert_eq!(RemoteError::classify(&text), variant);
        }
    }

    #[test]
    fn given_the_texts_of_a_node_when_compared_with_the_table_then_each_fits_one_row_and_each_row_a_text() {
        let texts = texts();
        for (text, _) in &texts {
            assert_eq!(TABLE.iter().filter(|Row(pattern, _)| pattern.fits(text)).count(), 1, "{text}");
        }
        for (row, Row(pattern, _)) in TABLE.iter().enumerate() {
            assert!(texts.iter().any(|(text, _)| pattern.fits(text)), "row {row} fits no text");
        }
    }

    #[test]
    fn given_the_words_of_a_client_when_classified_then_they_are_not_taken_for_a_nodes() {
        // These are made by the Rust client of a node, and never come over the wire.
        for text in ["RPC request timeout", "WebSocket disconnected", "WebSocket -> WebSocket is not connected"] {
            assert_eq!(RemoteError::classify(text), RemoteError::Unknown { text: text.to_owned() });
        }
    }

    #[test]
    fn given_an_endless_error_text_when_classified_then_it_is_shortened_at_a_character() {
        let RemoteError::Unknown { text } = RemoteError::classify(&"\u{e9}".repeat(10_000)) else {
            panic!("unknown text")
        };
        assert_eq!(text.chars().count(), 203);
    }

    #[test]
    fn given_an_error_text_that_commands_a_terminal_when_classified_then_it_is_one_harmless_line() {
        let text = RemoteError::classify("no\r\n       Added 7: \u{1b}[2J\u{9b}31m").to_string();
        assert!(!text.chars().any(char::is_control), "{text:?}");
        assert!(text.contains("Added 7"));
    }
}
