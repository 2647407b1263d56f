//! Hostile bytes: whatever is done to a frame, the reader gives a typed error or a message that can be walked to its
//! end. A panic anywhere in here is a failure.

mod wire_support;

use bridge::wire::{WireError, encode};
use kaspa_consensus_core::header::{CompressedParents, Header};
use kaspa_hashes::Hash;
use kaspa_math::Uint192;
use kaspa_rpc_core::RpcChainBlockAcceptedTransactions;
use proptest::{prelude::*, sample::Index};
use wire_support::{
    captured, distinct,
    layout::{length_fields, of_server_frame},
    walk,
};

/// Frames longer than this are tampered with at every so-manieth place only.
const SMALL: usize = 3_000;
const STRIDE: usize = 97;

fn places(length: usize) -> impl Iterator<Item = usize> {
    let step = if length > SMALL { STRIDE } else { 1 };
    (0..length).filter(move |place| place % step == 0 || length - place < 200)
}

#[test]
fn given_every_captured_frame_of_our_kinds_when_walked_then_nothing_is_refused() {
    let frames = captured();
    for operation in [3, 61, 65, 66, 67, 110, 114, 120, 126, 131, 151] {
        assert!(frames.iter().any(|frame| frame.operation() == operation), "no frame of operation {operation}");
    }
}

#[test]
fn given_a_cut_frame_when_parsed_then_a_typed_error() {
    for frame in distinct() {
        for length in places(frame.bytes.len()) {
            let cut = &frame.bytes[..length];
            assert!(walk::frame(cut, frame.is_from_server).is_err(), "{} cut to {length}", frame.operation());
        }
    }
}

#[test]
fn given_a_frame_cut_inside_an_outer_envelope_that_was_shortened_with_it_then_a_typed_error() {
    for frame in distinct() {
        let Some(envelope) = frame.envelope() else { continue };
        let inside = envelope + 4;
        for length in places(frame.bytes.len()).filter(|length| *length >= inside) {
            // The envelope of a ping is empty, and a body that is skipped may be cut at will.
            if frame.bytes.len() == inside || frame.operation() == 60 {
                continue;
            }
            let mut cut = frame.bytes[..length].to_vec();
            let left = u32::try_from(length - inside).unwrap();
            cut[envelope..inside].copy_from_slice(&left.to_le_bytes());
            assert!(walk::frame(&cut, frame.is_from_server).is_err(), "{} cut to {length}", frame.operation());
        }
    }
}

#[test]
fn given_any_length_field_beyond_what_is_left_when_parsed_then_the_length_is_refused() {
    let mut fields_seen = 0;
    for frame in distinct().iter().filter(|frame| frame.is_from_server) {
        let Some(envelope) = frame.envelope() else { continue };
        for field in length_fields(&frame.bytes, envelope, of_server_frame(frame.operation())) {
            fields_seen += 1;
            for value in [field.first_too_large, u32::MAX] {
                let mut bytes = frame.bytes.clone();
                bytes[field.offset..field.offset + 4].copy_from_slice(&value.to_le_bytes());
                let walked = walk::server_frame(&bytes);
                assert!(
                    matches!(walked, Err(WireError::LengthBeyondEnvelope { .. })),
                    "operation {}, length at {} set to {value}: {walked:?}",
                    frame.operation(),
                    field.offset
                );
            }
        }
    }
    assert!(fields_seen > 3_000, "only {fields_seen} length fields were tampered with");
}

#[test]
fn given_any_flipped_bit_when_parsed_then_a_typed_error_or_a_message_that_can_be_walked() {
    let (mut refused, mut accepted) = (0_u32, 0_u32);
    for frame in distinct() {
        let mut bytes = frame.bytes.clone();
        for place in places(bytes.len()) {
            for bit in 0..8 {
                bytes[place] ^= 1 << bit;
                match walk::frame(&bytes, frame.is_from_server) {
                    Ok(_) => accepted += 1,
                    Err(_) => refused += 1,
                }
                bytes[place] ^= 1 << bit;
            }
        }
    }
    // Both happen: hashes and numbers may have any value, tags and lengths not.
    assert!(refused > 10_000 && accepted > 10_000, "{refused} refused, {accepted} accepted");
}

#[test]
fn given_a_body_longer_than_we_know_when_parsed_then_what_we_know_is_read() {
    for frame in distinct() {
        let Some(envelope) = frame.envelope() else { continue };
        let mut bytes = frame.bytes.clone();
        bytes.extend([0xab; 7]);
        assert!(
            matches!(walk::frame(&bytes, frame.is_from_server), Err(WireError::TrailingBytes { count: 7, .. })),
            "bytes after the outermost envelope were not refused"
        );
        let longer = u32::try_from(bytes.len() - envelope - 4).unwrap();
        bytes[envelope..envelope + 4].copy_from_slice(&longer.to_le_bytes());
        let walked = walk::frame(&bytes, frame.is_from_server);
        assert!(
            walked.is_ok(),
            "operation {}: a field appended by a newer node is refused: {walked:?}",
            frame.operation()
        );
    }
}

/// A page of headers that have these parents, given as runs up to a level.
fn page(headers: usize, runs: &[(u8, usize)]) -> Vec<u8> {
    let hash = |number| Hash::from_u64_word(number as u64);
    let runs: Vec<(u8, Vec<Hash>)> = runs
        .iter()
        .map(|&(level, parents)| (level, (0..parents).map(|n| hash(usize::from(level) << 16 | n)).collect()))
        .collect();
    let parents = CompressedParents::try_from(runs).unwrap();
    let zero = Hash::default();
    let header = Header::new_finalized(1, parents, zero, zero, zero, 1, 1, 1, 1, Uint192::from_u64(1), 1, zero);
    let added = vec![header.hash; headers];
    let block = encode::chain_block(&RpcChainBlockAcceptedTransactions {
        chain_block_header: header.into(),
        accepted_transactions: Vec::new(),
    });
    encode::chain_page(1, &[], &added, added.iter().map(|_| block.as_slice()))
}

#[test]
fn given_headers_as_a_public_network_has_them_when_parsed_then_they_pass() {
    // Level 0 repeated up to the lowest level of any block, then one run for each doubling of the number of blocks.
    let mainnet = |shared: u8, parents: usize| {
        let mut runs = vec![(shared, parents)];
        runs.extend((1..=28).map(|above| (shared + above, 1 + usize::from(28 - above) % 4)));
        runs
    };
    for (shared, parents) in [(25, 10), (30, 16), (60, 16)] {
        assert!(walk::server_frame(&page(2_000, &mainnet(shared, parents))).is_ok(), "{shared} levels of {parents}");
    }
    // A network with few blocks but every level: a few pages' worth of headers are no burden.
    assert!(walk::server_frame(&page(8, &[(250, 10)])).is_ok());
}

#[test]
fn given_few_bytes_of_parents_that_expand_out_of_proportion_when_parsed_then_refused_before_any_is_hashed() {
    for (headers, runs) in [(1, vec![(255, 2_048)]), (1_000, vec![(255, 16)])] {
        let refused = walk::server_frame(&page(headers, &runs));
        assert!(matches!(refused, Err(WireError::TooMuchToHash { .. })), "{headers} with {runs:?}: {refused:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn given_random_bytes_when_parsed_then_nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = walk::frame(&bytes, true);
        let _ = walk::frame(&bytes, false);
    }

    #[test]
    fn given_random_bytes_behind_a_sound_header_when_parsed_then_nothing_panics(
        operation in prop::sample::select(vec![3_u8, 4, 61, 65, 66, 67, 110, 114, 120, 126, 131, 151]),
        body in prop::collection::vec(
            prop_oneof![3 => Just(0_u8), 2 => Just(1_u8), 1 => 2..9_u8, 1 => any::<u8>()],
            0..300,
        ),
    ) {
        let is_notification = (60..70).contains(&operation);
        let mut bytes = if is_notification { vec![0, 0xff, 1] } else { vec![1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1] };
        bytes.push(operation);
        if !is_notification {
            bytes.push(1);
        }
        bytes.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
        bytes.extend(&body);
        let _ = walk::server_frame(&bytes);
    }

    #[test]
    fn given_a_frame_with_several_words_overwritten_when_parsed_then_nothing_panics(
        frame in any::<Index>(),
        edits in prop::collection::vec((any::<Index>(), prop_oneof![0..64_u32, any::<u32>()]), 1..6),
    ) {
        thread_local! {
            static FRAMES: Vec<wire_support::Captured> = distinct();
        }
        FRAMES.with(|frames| {
            let frame = frame.get(frames);
            let mut bytes = frame.bytes.clone();
            for (place, value) in edits {
                let place = place.index(bytes.len() - 4);
                bytes[place..place + 4].copy_from_slice(&value.to_le_bytes());
            }
            let _ = walk::frame(&bytes, frame.is_from_server);
        });
    }
}
