//! Hashes of several headers at once: a page has about a thousand of them, and hashing is what costs in it.
//!
//! The processor's vector units take four inputs for the time of one or two. Their bytes must be written out for that, so
//! headers of unusual size are hashed one by one, as streams.

use blake2b_simd::{
    Params,
    many::{HashManyJob, hash_many},
};
use kaspa_hashes::{HASH_SIZE, Hash, HasherBase};

use super::Header;

/// Headers that are hashed together.
pub(crate) const HASHED_TOGETHER: usize = 4;

/// Bytes of parents up to which a header is written out. Mainnet's need 15 kB.
const LARGEST_WRITTEN: u64 = 64 << 10;

/// Domain separation (`kaspa_hashes::BlockHash`).
const KEY: &[u8] = b"BlockHash";

/// Room for the bytes of a few headers, kept from group to group.
#[derive(Debug, Default)]
pub(crate) struct HeaderHasher {
    written: [Vec<u8>; HASHED_TOGETHER],
}

impl HeaderHasher {
    /// The hashes of at most [`HASHED_TOGETHER`] headers, each as [`Header::computed_hash`] gives it. Those beyond are left
    /// out.
    pub(crate) fn hashes<'h, 'f: 'h>(
        &mut self,
        headers: impl ExactSizeIterator<Item = &'h Header<'f>> + Clone,
    ) -> [Option<Hash>; HASHED_TOGETHER] {
        let mut hashes = [None; HASHED_TOGETHER];
        let is_usual =
            |header: &Header<'_>| header.parents.is_none_or(|parents| parents.hashed_size() <= LARGEST_WRITTEN);
        if headers.len() < 2 || !headers.clone().all(is_usual) {
            hashes.iter_mut().zip(headers).for_each(|(hash, header)| *hash = header.computed_hash());
            return hashes;
        }
        let count = headers.len().min(HASHED_TOGETHER);
        let mut is_complete = [false; HASHED_TOGETHER];
        for ((bytes, is_complete), header) in self.written.iter_mut().zip(&mut is_complete).zip(headers) {
            bytes.clear();
            *is_complete = header.write_hashed(&mut Written(bytes)).is_some();
        }
        let mut params = Params::new();
        params.hash_length(HASH_SIZE).key(KEY);
        let mut jobs = self.written.each_ref().map(|bytes| HashManyJob::new(&params, bytes));
        hash_many(jobs.iter_mut().take(count));
        for ((hash, job), _) in hashes.iter_mut().zip(&jobs).zip(is_complete).filter(|(_, is_complete)| *is_complete) {
            *hash = <[u8; HASH_SIZE]>::try_from(job.to_hash().as_bytes()).ok().map(Hash::from_bytes);
        }
        hashes
    }
}

/// Keeps what would be hashed.
struct Written<'a>(&'a mut Vec<u8>);

impl HasherBase for Written<'_> {
    fn update<A: AsRef<[u8]>>(&mut self, data: A) -> &mut Self {
        self.0.extend_from_slice(data.as_ref());
        self
    }
}

#[cfg(test)]
mod tests {
    use kaspa_consensus_core::header::{CompressedParents, Header as FullHeader};
    use kaspa_math::Uint192;
    use kaspa_rpc_core::RpcOptionalHeader;
    use proptest::prelude::*;
    use workflow_serializer::prelude::Serializer;

    use super::*;
    use crate::wire::Reader;

    fn header(levels: &[Vec<u8>], number: u64) -> FullHeader {
        let levels: Vec<Vec<Hash>> =
            levels.iter().map(|level| level.iter().map(|byte| Hash::from_bytes([*byte; 32])).collect()).collect();
        FullHeader::new_finalized(
            number as u16,
            CompressedParents::try_from(levels).expect("few levels"),
            Hash::from_u64_word(number),
            Hash::from_u64_word(2),
            Hash::from_u64_word(3),
            number,
            0x207f_ffff,
            number,
            number,
            Uint192::from_u64(number),
            number,
            Hash::from_u64_word(4),
        )
    }

    proptest! {
        #[test]
        fn given_any_headers_when_hashed_together_then_each_has_the_hash_that_it_has_alone(
            shapes in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..60), 0..5),
            cut in any::<bool>(),
        ) {
            let full: Vec<FullHeader> = shapes.iter().zip(1..).map(|(levels, number)| header(levels, number)).collect();
            let frames: Vec<Vec<u8>> = full
                .iter()
                .map(|header| {
                    let mut optional = RpcOptionalHeader::from(header.clone());
                    if cut && header.nonce == 2 {
                        optional.pruning_point = None;
                    }
                    let mut bytes = Vec::new();
                    Serializer::serialize(&optional, &mut bytes).unwrap();
                    bytes
                })
                .collect();
            let headers: Vec<Header<'_>> =
                frames.iter().map(|bytes| Header::read_optional(&mut Reader::new(bytes)).unwrap()).collect();
            let mut hasher = HeaderHasher::default();
            for _ in 0..2 {
                let hashes = hasher.hashes(headers.iter());
                for (position, hash) in hashes.into_iter().enumerate() {
                    let expected = full.get(position).filter(|header| !(cut && header.nonce == 2)).map(|header| header.hash);
                    prop_assert_eq!(hash, expected);
                }
            }
        }
    }
}
