//! What can be wrong with bytes from a peer. Every value is plain data: building an error allocates nothing.

use thiserror::Error;

use super::Operation;

/// Why bytes were refused.
///
/// `what` names the field or structure that was being read when the fault was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WireError {
    /// A value of fixed size does not fit into the bytes that are left in its envelope.
    #[error("{what} is cut short: it needs {needed} bytes and {left} are left")]
    Truncated {
        /// The value.
        what: &'static str,
        /// Its size in bytes.
        needed: usize,
        /// Bytes left in the innermost envelope.
        left: usize,
    },
    /// A length or count field asks for more bytes than are left in its envelope.
    #[error("{what} announces at least {announced} bytes and {left} are left in its envelope")]
    LengthBeyondEnvelope {
        /// The structure that follows the field.
        what: &'static str,
        /// Bytes that it would take at least.
        announced: u64,
        /// Bytes left in the innermost envelope.
        left: usize,
    },
    /// A boolean, option tag or enum tag has a value without meaning.
    #[error("{what} has the tag {value}, which has no meaning")]
    BadTag {
        /// The tagged value.
        what: &'static str,
        /// The tag as it was read.
        value: u32,
    },
    /// Bytes follow the outermost envelope of a frame.
    #[error("{count} bytes follow the end of {what}")]
    TrailingBytes {
        /// The structure that should have been the last.
        what: &'static str,
        /// How many bytes follow it.
        count: usize,
    },
    /// An operation number that is not one of [`Operation`] or of the node's notifications.
    #[error("operation {0} is not one that is served or followed here")]
    UnknownOperation(u8),
    /// A reply to another operation than the one that was asked.
    #[error("the reply is for operation {found} and {expected:?} was asked")]
    UnexpectedOperation {
        /// The operation of the request.
        expected: Operation,
        /// The operation number in the reply.
        found: u8,
    },
    /// A structure announces version 0, which was never used.
    #[error("{what} announces struct version {version}, which does not exist")]
    UnsupportedVersion {
        /// The versioned structure.
        what: &'static str,
        /// The version as it was read.
        version: u16,
    },
    /// A header has more parent levels or parents than a header can have.
    #[error("a header lists {count} {what}, more than the {limit} that it can have")]
    TooManyParents {
        /// Levels or parents.
        what: &'static str,
        /// How many there are at least.
        count: usize,
        /// The largest legal number.
        limit: usize,
    },
    /// Parents that take few bytes on the wire and out of proportion many in the hashes of their headers.
    #[error("the headers of a page take {hashed} bytes of parents to hash, more than the {limit} that its size allows")]
    TooMuchToHash {
        /// Bytes to hash up to the header that was read last.
        hashed: u64,
        /// The most that a page of this size may take.
        limit: u64,
    },
    /// The cumulative levels of run-length encoded parents do not rise strictly from above 0.
    #[error("a run of parents ends at level {level} and the run before it at level {previous}")]
    ParentLevelsNotIncreasing {
        /// The cumulative level that was read.
        level: u8,
        /// The one before it, 0 at the start.
        previous: u8,
    },
    /// Two neighbouring runs of run-length encoded parents are equal.
    #[error("the run of parents that ends at level {level} repeats the run before it")]
    ParentRunRepeated {
        /// The cumulative level of the second run.
        level: u8,
    },
    /// A field that this kind of frame always has is absent.
    #[error("{what} is missing")]
    MissingField {
        /// The field.
        what: &'static str,
    },
    /// A text is not UTF-8.
    #[error("{what} is not UTF-8")]
    BadText {
        /// The text.
        what: &'static str,
    },
}
