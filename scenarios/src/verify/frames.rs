//! Captured wRPC frames against our own reader and writer.
//!
//! A capture is a text file with one JSON object a line: `conn` (which connection), `dir` (`c2s` from client to
//! server, `s2c` back) and `hex` (the WebSocket message). Each frame must
//!
//! - come out byte for byte the same when `kaspa-rpc-core` decodes and encodes its payload behind our own frame header,
//! - have the same value in every field for our reader as for `kaspa-rpc-core`, if it is of a kind that we read,
//! - have a header that hashes to the announced block hash, wherever a header is complete,
//! - be a request, a notification, or the answer to a request that stands above it.
//!
//! Files are data from outside: bytes go to `kaspa-rpc-core` only after our bounded reader has walked their lengths,
//! because the lengths alone can make its decoder abort the process.

mod fields;
mod reencode;

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, BufRead},
};

use bridge::wire::{Notification, Operation, Reader, Request, RequestHeader, ServerFrame, ServerHeader, WireError};
use serde::Deserialize;
use thiserror::Error;

/// What a capture was found to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FramesReport {
    /// Frames in the file.
    pub records: usize,
    /// Frames that our reader reads too and whose fields were compared.
    pub compared: usize,
    /// Complete headers whose hash was computed.
    pub header_hashes: usize,
    /// Everything that was not as it should be, in the order of the file.
    pub differences: Vec<Difference>,
}

impl FramesReport {
    /// Whether there were records and all of them were as they should be.
    pub fn passed(&self) -> bool {
        self.records > 0 && self.differences.is_empty()
    }
}

/// Something in a capture that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Line of the file, counted from 1.
    pub line: usize,
    /// One sentence.
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: {}", self.line, self.what)
    }
}

/// Why a file is no capture at all.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The file could not be read on.
    #[error("line {line} cannot be read: {source}")]
    Read {
        /// Line of the file, counted from 1.
        line: usize,
        /// Why.
        source: io::Error,
    },
    /// A line is not a record of a frame.
    #[error("line {line} is not a captured frame: {source}")]
    Record {
        /// Line of the file, counted from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// A record's bytes are not hexadecimal.
    #[error("the bytes in line {line} are not hexadecimal: {source}")]
    Hex {
        /// Line of the file, counted from 1.
        line: usize,
        /// Why.
        source: hex::FromHexError,
    },
}

/// Checks every frame of a capture. Empty lines are skipped; a file without records gives a report of zero records.
///
/// # Errors
/// [`VerifyError`] if a line is not a record of a frame. What is wrong inside a frame is a [`Difference`].
pub fn verify_frames(input: impl BufRead) -> Result<FramesReport, VerifyError> {
    let mut verifier = Verifier::default();
    for (line, text) in (1..).zip(input.lines()) {
        let text = text.map_err(|source| VerifyError::Read { line, source })?;
        if text.trim().is_empty() {
            continue;
        }
        let record: Record = serde_json::from_str(&text).map_err(|source| VerifyError::Record { line, source })?;
        let bytes = hex::decode(&record.hex).map_err(|source| VerifyError::Hex { line, source })?;
        verifier.report.records += 1;
        let mut found = Findings::default();
        let outcome = match record.dir {
            Direction::ClientToServer => verifier.request(record.conn, &bytes, &mut found),
            Direction::ServerToClient => verifier.server_frame(record.conn, &bytes, &mut found),
        };
        if let Err(what) = outcome {
            found.sentences.push(what);
        }
        verifier.report.compared += usize::from(found.is_compared);
        verifier.report.header_hashes += found.header_hashes;
        let sentences = found.sentences.into_iter().chain(found.wrong_hashes);
        verifier.report.differences.extend(sentences.map(|what| Difference { line, what }));
    }
    Ok(verifier.report)
}

/// What our reader and `kaspa-rpc-core` see differently in one frame from a node, one sentence each. Whether a header hashes
/// to what it announces is not asked.
///
/// `None` where there is nothing to compare: our reader refuses the frame or skips it, or no node would write it so, because
/// `kaspa-rpc-core` refuses it or writes what it has read in other bytes, or because it is an error that is not a text.
pub fn compare_server_frame(bytes: &[u8]) -> Option<Vec<String>> {
    let mut reader = Reader::new(bytes);
    let header = ServerHeader::read(&mut reader).ok()?;
    let payload = rest(reader);
    let mut found = Findings::default();
    let outcome = match ServerFrame::parse(bytes).ok()? {
        ServerFrame::Notification(Notification::Other { .. }) => return None,
        ServerFrame::Notification(notification) => {
            let again = reencode::notification(header, notification.operation(), payload).ok()?;
            (again == bytes).then(|| fields::notification(&notification, payload, &mut found))?
        }
        ServerFrame::Reply(frame) => {
            // What could not be dispatched names no operation, and is an error whatever was asked.
            let operation = header.operation.map_or(Ok(Operation::Ping), Operation::try_from).ok()?;
            let ours = frame.decode(operation).ok()?;
            let again = reencode::reply(header, operation.code(), payload).ok()?;
            (again == bytes).then(|| fields::answer(&ours, answer_of(header, payload), &mut found))?
        }
    };
    found.sentences.extend(outcome.err());
    Some(found.sentences)
}

#[derive(Deserialize)]
struct Record {
    conn: u64,
    dir: Direction,
    hex: String,
}

#[derive(Clone, Copy, Deserialize)]
enum Direction {
    #[serde(rename = "c2s")]
    ClientToServer,
    #[serde(rename = "s2c")]
    ServerToClient,
}

/// What one frame brought to light.
#[derive(Default)]
struct Findings {
    is_compared: bool,
    header_hashes: usize,
    /// What our reader and `kaspa-rpc-core` do not see in the same way.
    sentences: Vec<String>,
    /// Headers that do not hash to what they announce.
    wrong_hashes: Vec<String>,
}

#[derive(Default)]
struct Verifier {
    report: FramesReport,
    /// Operation of each request that was not answered yet, by connection and id.
    asked: BTreeMap<(u64, u64), u8>,
}

impl Verifier {
    fn request(&mut self, connection: u64, bytes: &[u8], found: &mut Findings) -> Result<(), String> {
        let mut reader = Reader::new(bytes);
        let header = RequestHeader::read(&mut reader).map_err(|error| format!("request header: {error}"))?;
        let id = header.id.ok_or("a request has no id")?;
        self.asked.insert((connection, id), header.operation);
        let parsed = Request::parse(bytes);
        let again = reencode::request(header, rest(reader))?;
        expect_same_bytes("request", header.operation, bytes, &again, found);
        match parsed {
            Ok((read_id, request)) => {
                found.is_compared = true;
                fields::request(read_id == id, &request, rest(reader), found)
            }
            Err(error) if is_not_ours(error, header.operation) => Ok(()),
            Err(error) => Err(format!("our reader refuses request {}: {error}", header.operation)),
        }
    }

    fn server_frame(&mut self, connection: u64, bytes: &[u8], found: &mut Findings) -> Result<(), String> {
        let mut reader = Reader::new(bytes);
        let header = ServerHeader::read(&mut reader).map_err(|error| format!("frame header: {error}"))?;
        match ServerFrame::parse(bytes).map_err(|error| format!("our reader refuses the frame: {error}"))? {
            ServerFrame::Notification(notification) => {
                let again = reencode::notification(header, notification.operation(), rest(reader))?;
                expect_same_bytes("notification", notification.operation(), bytes, &again, found);
                fields::notification(&notification, rest(reader), found)
            }
            ServerFrame::Reply(frame) => {
                let asked = self.asked.remove(&(connection, frame.id));
                let asked = asked.ok_or_else(|| format!("a reply answers no request: id {:016x}", frame.id))?;
                let mut ours = None;
                if let Ok(operation) = Operation::try_from(asked) {
                    found.is_compared = true;
                    let refused = |error: WireError| format!("our reader refuses reply {asked}: {error}");
                    ours = Some(frame.decode(operation).map_err(refused)?);
                } else if header.operation.is_some_and(|operation| operation != asked) {
                    return Err(format!("the reply to operation {asked} names operation {:?}", header.operation));
                }
                // Before any field: it walks the lists that our reader skips.
                let again = reencode::reply(header, asked, rest(reader))?;
                expect_same_bytes("reply", asked, bytes, &again, found);
                ours.map_or(Ok(()), |ours| fields::answer(&ours, answer_of(header, rest(reader)), found))
            }
        }
    }
}

/// What stands behind the tag that tells a response from an error. What could not be dispatched has no tag.
fn answer_of(header: ServerHeader, payload: &[u8]) -> &[u8] {
    let tag_bytes = usize::from(header.operation.is_some());
    payload.get(tag_bytes..).unwrap_or_default()
}

/// The bytes that a reader has not read.
fn rest(mut reader: Reader<'_>) -> &[u8] {
    reader.take(reader.left(), "rest").unwrap_or_default()
}

/// Whether a request is refused only because the bridge never asks it.
fn is_not_ours(error: WireError, operation: u8) -> bool {
    error == WireError::UnknownOperation(operation)
        || matches!(error, WireError::BadTag { what: "subscription scope", value: 0 | 2 | 3 | 4 | 8 })
}

fn expect_same_bytes(what: &str, operation: u8, bytes: &[u8], again: &[u8], found: &mut Findings) {
    if bytes == again {
        return;
    }
    let position = bytes.iter().zip(again).take_while(|(left, right)| left == right).count();
    found.sentences.push(format!(
        "{what} {operation} of {} bytes is encoded again to {} bytes that differ from byte {position} on",
        bytes.len(),
        again.len()
    ));
}

#[cfg(test)]
mod tests {
    use bridge::wire::encode;
    use kaspa_hashes::Hash;
    use kaspa_rpc_core::{GetSinkResponse, Notification as NodeNotification, SinkBlueScoreChangedNotification};

    use super::*;

    /// The differences between what we read in one frame and what `kaspa-rpc-core` reads in another one.
    fn differences(ours: &[u8], node: &[u8]) -> Vec<String> {
        let mut found = Findings::default();
        let mut reader = Reader::new(node);
        let header = ServerHeader::read(&mut reader).unwrap();
        match ServerFrame::parse(ours).unwrap() {
            ServerFrame::Notification(notification) => {
                fields::notification(&notification, rest(reader), &mut found).unwrap();
            }
            ServerFrame::Reply(frame) => {
                let ours = frame.decode(Operation::GetSink).unwrap();
                fields::answer(&ours, answer_of(header, rest(reader)), &mut found).unwrap();
            }
        }
        found.sentences
    }

    #[test]
    fn given_frames_with_different_fields_when_each_is_read_by_one_reader_then_the_difference_is_told() {
        let sink = |byte| {
            let sink = Hash::from_bytes([byte; 32]);
            encode::reply(7, Operation::GetSink, &GetSinkResponse { sink })
        };
        let score = |sink_blue_score| {
            let changed = SinkBlueScoreChangedNotification { sink_blue_score };
            encode::notification(&NodeNotification::SinkBlueScoreChanged(changed))
        };
        for (field, one, other) in [("sink", sink(1), sink(2)), ("sink_blue_score", score(1), score(2))] {
            assert_eq!(differences(&one, &one), Vec::<String>::new());
            let told = differences(&one, &other);
            assert!(told.len() == 1 && told[0].starts_with(&format!("{field}: our reader has")), "{told:?}");
        }
    }
}
