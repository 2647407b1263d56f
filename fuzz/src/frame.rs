//! One frame exactly as it comes from a socket, from either side.
//!
//! Unlike `notification_parsing`, which puts the bytes behind a header of its own making for each kind of reply, nothing
//! is added here: header, envelope and payload are the fuzzer's. And more is checked: reading is a function of the bytes,
//! a frame has one end, and what a request says survives writing. With the feature `storm`, a frame that a node could have sent
//! also says the same to `kaspa-rpc-core`, field by field.

use std::fmt;

use bridge::wire::{Request, ServerFrame};

use crate::walk;

/// A frame. It is shown with what it is taken for.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame(pub Vec<u8>);

impl Frame {
    /// Any bytes.
    pub fn decode(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = self;
        writeln!(f, "frame of {} bytes", bytes.len())?;
        match ServerFrame::parse(bytes) {
            Ok(ServerFrame::Notification(_)) => writeln!(f, "    from a node: a notification")?,
            Ok(ServerFrame::Reply(reply)) => {
                let end = walk::server_frame(bytes).map(|_| "a whole one");
                writeln!(f, "    from a node: reply {} to operation {:?}, {end:?}", reply.id, reply.operation)?;
            }
            Err(error) => writeln!(f, "    from a node: {error}")?,
        }
        writeln!(f, "    from a client: {:?}", Request::parse(bytes))?;
        bytes.chunks(32).try_for_each(|line| {
            write!(f, "    ")?;
            line.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
            writeln!(f)
        })
    }
}

/// Checks the laws of frames.
///
/// # Panics
/// If one is broken.
pub fn check(frame: &Frame) {
    let Frame(bytes) = frame;
    let walked = walk::server_frame(bytes);
    assert_eq!(walked, walk::server_frame(bytes), "reading twice gives two results");
    if walked.is_ok() {
        has_one_end(bytes, |bytes| walk::server_frame(bytes).is_ok());
    }
    if let Ok((id, request)) = Request::parse(bytes) {
        assert_eq!(Request::parse(&request.encode(id)), Ok((id, request)), "a request does not survive writing");
        has_one_end(bytes, |bytes| Request::parse(bytes).is_ok());
    }
}

/// Checks that a frame which a node could have sent says the same to our reader as to `kaspa-rpc-core`.
///
/// # Panics
/// If it does not.
#[cfg(feature = "storm")]
pub fn check_agreement(frame: &Frame) {
    let differences = scenarios::verify::frames::compare_server_frame(&frame.0).unwrap_or_default();
    assert!(differences.is_empty(), "our reader and kaspa-rpc-core do not agree:\n{}", differences.join("\n"));
}

/// What is accepted is accepted neither without its last byte nor with one more.
fn has_one_end(bytes: &[u8], accepts: impl Fn(&[u8]) -> bool) {
    let (_, cut) = bytes.split_last().expect("no frame is empty");
    assert!(!accepts(cut), "a frame is accepted without its last byte");
    assert!(!accepts(&[bytes, &[0]].concat()), "a frame is accepted with a byte behind its end");
}
