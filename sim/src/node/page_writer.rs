//! Borsh with the node's length-prefixed envelopes, written into one buffer: an envelope's length is filled in when it
//! is closed.
//!
//! Source of the layout: `workflow-serializer` 0.18, `payload::ser::Payload` (envelope) and `serializer` (options).

use kaspa_consensus_core::header::CompressedParents;
use kaspa_consensus_core::tx::ScriptPublicKey;
use kaspa_hashes::Hash;

/// Where an open envelope's length belongs.
#[must_use]
pub(super) struct Envelope(usize);

/// An open envelope that holds an option which holds an envelope.
#[must_use]
pub(super) struct SomeEnvelope {
    outer: Envelope,
    inner: Envelope,
}

pub(super) struct PageWriter {
    bytes: Vec<u8>,
}

impl PageWriter {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes) }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.bytes(&value.to_le_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    pub(super) fn hash(&mut self, hash: Hash) {
        self.bytes(hash.as_ref());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// A count or length. Nothing in a block comes near 4 GiB.
    pub(super) fn length(&mut self, length: usize) {
        self.u32(length as u32);
    }

    pub(super) fn sized_bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.bytes(bytes);
    }

    pub(super) fn script(&mut self, script: &ScriptPublicKey) {
        self.u16(script.version());
        self.sized_bytes(script.script());
    }

    pub(super) fn parents(&mut self, parents: &CompressedParents) {
        self.length(parents.raw().len());
        for (level, hashes) in parents.raw() {
            self.u8(*level);
            self.length(hashes.len());
            for &hash in hashes {
                self.hash(hash);
            }
        }
    }

    /// A plain Borsh option.
    pub(super) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => {
                self.u8(1);
                write(self, value);
            }
            None => self.none(),
        }
    }

    pub(super) fn none(&mut self) {
        self.u8(0);
    }

    pub(super) fn open(&mut self) -> Envelope {
        let at = self.bytes.len();
        self.u32(0);
        Envelope(at)
    }

    pub(super) fn close(&mut self, Envelope(at): Envelope) {
        let start = at + size_of::<u32>();
        let length = (self.bytes.len() - start) as u32;
        self.bytes[at..start].copy_from_slice(&length.to_le_bytes());
    }

    pub(super) fn open_some(&mut self) -> SomeEnvelope {
        let outer = self.open();
        self.u8(1);
        SomeEnvelope { outer, inner: self.open() }
    }

    pub(super) fn close_some(&mut self, SomeEnvelope { outer, inner }: SomeEnvelope) {
        self.close(inner);
        self.close(outer);
    }

    pub(super) fn enveloped_none(&mut self) {
        let at = self.open();
        self.none();
        self.close(at);
    }
}
