//! What the tests of the wire share: the captured frames, and a walk over everything in a frame.

// Each test target uses its own part of this.
#![allow(dead_code)]

pub mod layout;
pub mod walk;

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

/// A frame that was captured between a client and a node.
pub struct Captured {
    /// Whether the node sent it.
    pub is_from_server: bool,
    /// The frame.
    pub bytes: Vec<u8>,
}

impl Captured {
    /// The operation number in the frame's header.
    pub fn operation(&self) -> u8 {
        match (self.is_from_server, self.bytes[0]) {
            (false, _) => self.bytes[9],
            (true, 0) => self.bytes[3],
            (true, _) => self.bytes[11],
        }
    }

    /// Where the outermost envelope's length field is; a remote error has none.
    pub fn envelope(&self) -> Option<usize> {
        match (self.is_from_server, self.bytes[0]) {
            (false, _) => Some(10),
            (true, 0) => Some(4),
            (true, _) if self.bytes[12] == 1 => Some(13),
            (true, _) => None,
        }
    }
}

/// All captured frames of the kinds that the bridge asks for or reads.
pub fn captured() -> Vec<Captured> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/wrpc");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    let mut frames = Vec::new();
    for file in files {
        for line in fs::read_to_string(file).unwrap().lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            let bytes = hex::decode(record["hex"].as_str().unwrap()).unwrap();
            frames.push(Captured { is_from_server: record["dir"] == "s2c", bytes });
        }
    }
    assert_eq!(frames.len(), 909, "the captures changed");
    frames.retain(|frame| walk::frame(&frame.bytes, frame.is_from_server).is_ok());
    assert!(frames.len() > 650, "our reader refuses most captured frames: {} are left", frames.len());
    frames
}

/// One captured frame of each direction, operation and length.
pub fn distinct() -> Vec<Captured> {
    let mut seen = BTreeSet::new();
    let mut frames = captured();
    frames.retain(|frame| seen.insert((frame.is_from_server, frame.operation(), frame.bytes.len())));
    frames
}
