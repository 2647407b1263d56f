//! Checkpoints as bytes, and the window that they are made from.

use bridge::{
    AcceptedTransaction, BlockAdded, ChainRef, Checkpoint, CheckpointError, L1Event, Reorg, Window, WindowError,
    wire::{Network, NetworkKind},
};
use kaspa_hashes::Hash;
use proptest::prelude::*;

/// The block with this index of a chain in which blue score rises by three.
fn block(index: u64) -> ChainRef {
    ChainRef { hash: Hash::from_u64_word(0x0100 + index), index, blue_score: 7 + 3 * index }
}

fn checkpoint(network: Network, sequence: u64, root: u64, tip: u64) -> Result<Checkpoint, CheckpointError> {
    Checkpoint::new(network, sequence, block(root), block(tip), |index| Some(block(index)))
}

/// Root 5 and tip 8 after event 300 on testnet 10.
fn example() -> Checkpoint {
    checkpoint(Network::testnet(10), 300, 5, 8).expect("it fits together")
}

fn added(sequence: u64, block: ChainRef, parent: Hash) -> L1Event {
    L1Event::BlockAdded(BlockAdded {
        sequence,
        block,
        parent,
        daa_score: 0,
        timestamp_ms: 0,
        accepted: Vec::<AcceptedTransaction>::new(),
        verified: true,
    })
}

#[test]
fn given_the_example_when_encoded_then_the_bytes_of_version_1() {
    // Hash, index, blue score. A hash that is made from a word has it at its end, lowest byte first.
    let reference = |word: &str, index: &str, score: &str| {
        format!("{}{word}000000000000 {index}00000000000000 {score}00000000000000 ", "00".repeat(24))
    };
    let (five, six) = (reference("0501", "05", "16"), reference("0601", "06", "19"));
    let (seven, eight) = (reference("0701", "07", "1c"), reference("0801", "08", "1f"));
    // Magic, version, testnet, its number; root, tip, sequence; the locator with its length.
    let expected =
        format!("4c314350 0100 01 010a000000 {five}{eight}2c01000000000000 04000000 {eight}{seven}{six}{five}");
    let bytes = example().encode();
    assert_eq!(hex::encode(&bytes), expected.replace(' ', ""));
    assert_eq!(Checkpoint::decode(&bytes), Ok(example()));
}

#[test]
fn given_a_long_chain_when_a_checkpoint_is_made_then_its_locator_doubles_the_distance_down_to_the_root() {
    let indices = |root, tip| {
        let checkpoint = checkpoint(Network::MAINNET, 1_000, root, tip).expect("it fits together");
        checkpoint.locator().iter().map(|entry| entry.index).collect::<Vec<_>>()
    };
    assert_eq!(indices(0, 0), [0]);
    assert_eq!(indices(9, 9), [9]);
    assert_eq!(indices(8, 9), [9, 8]);
    assert_eq!(indices(0, 20), [20, 19, 18, 16, 12, 4, 0]);
    assert_eq!(indices(4, 20), [20, 19, 18, 16, 12, 4]);
    assert_eq!(indices(5, 20), [20, 19, 18, 16, 12, 5]);
}

#[test]
fn given_the_longest_chain_there_could_be_when_encoded_then_it_is_read_again() {
    let tip = 1 << 62;
    let reference = |index| ChainRef { hash: Hash::from_u64_word(index), index, blue_score: index };
    let made = Checkpoint::new(Network::MAINNET, tip, reference(0), reference(tip), |index| Some(reference(index)));
    let made = made.expect("it fits together");
    assert_eq!(made.locator().len(), 64);
    assert_eq!(Checkpoint::decode(&made.encode()), Ok(made));
}

#[test]
fn given_a_store_that_does_not_fit_together_when_a_checkpoint_is_made_then_a_typed_error() {
    let made = |sequence, root, tip, at: &dyn Fn(u64) -> Option<ChainRef>| {
        Checkpoint::new(Network::MAINNET, sequence, root, tip, at).expect_err("it does not fit together")
    };
    let whole = |index| Some(block(index));
    assert_eq!(made(300, block(0), block(9), &|_| None), CheckpointError::ReferenceMissing { index: 8 });
    // The store answers with another block than the one asked for.
    assert_eq!(made(300, block(0), block(9), &|_| Some(block(3))), CheckpointError::ReferenceMissing { index: 8 });
    assert!(matches!(made(300, block(9), block(0), &whole), CheckpointError::NotAncestor { .. }));
    assert_eq!(made(8, block(0), block(9), &whole), CheckpointError::SequenceTooLow { sequence: 8, index: 9 });
    assert!(matches!(made(u64::MAX, block(0), block(9), &whole), CheckpointError::SequenceTooHigh { .. }));
    let lowered = ChainRef { blue_score: block(8).blue_score, ..block(9) };
    assert!(matches!(made(300, block(0), lowered, &whole), CheckpointError::NotAncestor { .. }));
    // Nine blocks cannot rise by eight.
    let (flat, flat_tip) = (ChainRef { blue_score: 10, ..block(0) }, ChainRef { blue_score: 18, ..block(9) });
    let at = |index| Some(ChainRef { blue_score: 9 + index, ..block(index) });
    assert!(matches!(made(300, flat, flat_tip, &at), CheckpointError::NotAncestor { .. }));
}

#[test]
fn given_bytes_that_are_no_checkpoint_when_decoded_then_a_typed_error() {
    let bytes = example().encode();
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        Checkpoint::decode(&bytes).expect_err("it is no checkpoint any more")
    };
    assert_eq!(changed(&Vec::clear), CheckpointError::NotACheckpoint);
    assert_eq!(changed(&|bytes| bytes[0] ^= 1), CheckpointError::NotACheckpoint);
    assert_eq!(changed(&|bytes| bytes.truncate(5)), CheckpointError::NotACheckpoint);
    assert_eq!(changed(&|bytes| bytes[4] = 2), CheckpointError::UnknownVersion { found: 2, known: 1 });
    assert_eq!(changed(&|bytes| bytes[5] = 1), CheckpointError::UnknownVersion { found: 257, known: 1 });
    assert_eq!(changed(&|bytes| bytes[6] = 4), CheckpointError::UnknownNetwork { number: 4 });
    assert_eq!(changed(&|bytes| bytes.extend([0, 0])), CheckpointError::TrailingBytes { count: 2 });
    for length in 6..bytes.len() {
        assert!(matches!(changed(&|bytes| bytes.truncate(length)), CheckpointError::Unreadable { .. }), "{length}");
    }
    let length = 4_097;
    assert_eq!(changed(&|bytes| bytes.resize(length, 0)), CheckpointError::TooLong { length, limit: 4_096 });
    // A locator that would need more memory than there is, and one with more entries than any chain needs.
    let locator_at = bytes.len() - 4 * 48 - 4;
    let endless = |bytes: &mut Vec<u8>| bytes[locator_at..locator_at + 4].fill(0xff);
    assert!(matches!(changed(&endless), CheckpointError::Unreadable { .. }));
    let long = |bytes: &mut Vec<u8>| {
        bytes[locator_at..locator_at + 4].copy_from_slice(&70_u32.to_le_bytes());
        bytes.resize(locator_at + 4 + 70 * 48, 0);
    };
    assert_eq!(changed(&long), CheckpointError::LocatorTooLong { entries: 70, limit: 66 });
    let empty = |bytes: &mut Vec<u8>| {
        bytes.truncate(locator_at);
        bytes.extend([0; 4]);
    };
    assert_eq!(changed(&empty), CheckpointError::LocatorEnds);
    // One bit of the tip, which the locator repeats.
    assert_eq!(changed(&|bytes| bytes[12 + 48] ^= 1), CheckpointError::LocatorEnds);
}

#[test]
fn given_events_when_a_window_follows_them_then_it_is_the_chain_from_root_to_tip() {
    let mut window = Window::new(block(0));
    let mut apply = |event| window.apply(&event).expect("it follows");
    (1..=6).for_each(|index| apply(added(index, block(index), block(index - 1).hash)));
    let branch = ChainRef { hash: Hash::from_u64_word(99), ..block(5) };
    apply(L1Event::Finalized { sequence: 7, block: block(2) });
    apply(L1Event::Synced { tip: block(6) });
    let removed = vec![block(6).hash, block(5).hash];
    apply(L1Event::Reorg(Reorg { sequence: 8, fork: block(4), old_tip: block(6), removed, removed_known: true }));
    apply(added(9, branch, block(4).hash));
    let blocks: Vec<ChainRef> = window.blocks().collect();
    assert_eq!(blocks, [block(2), block(3), block(4), branch]);
    assert_eq!((window.root(), window.tip(), window.sequence()), (block(2), branch, 9));
    assert_eq!((window.block_at(1), window.block_at(3), window.block_at(6)), (None, Some(block(3)), None));
    let checkpoint = window.checkpoint(Network::SIMNET).expect("the window is sound");
    assert_eq!(Window::restored(&checkpoint, blocks), Ok(window));
}

#[test]
fn given_an_event_that_does_not_follow_when_applied_to_a_window_then_an_error_and_no_change() {
    let mut window = Window::new(block(0));
    (1..=6).for_each(|index| window.apply(&added(index, block(index), block(index - 1).hash)).expect("it follows"));
    window.apply(&L1Event::Finalized { sequence: 7, block: block(2) }).expect("it follows");
    let before = window.clone();
    let foreign = ChainRef { hash: Hash::from_u64_word(99), ..block(4) };
    let reorg =
        |fork| L1Event::Reorg(Reorg { sequence: 8, fork, old_tip: block(6), removed: Vec::new(), removed_known: true });
    let from = |old_tip| {
        L1Event::Reorg(Reorg { sequence: 8, fork: block(4), old_tip, removed: Vec::new(), removed_known: true })
    };
    let other_tip = ChainRef { hash: Hash::from_u64_word(98), ..block(6) };
    let flat_tip = ChainRef { blue_score: block(5).blue_score, ..block(6) };
    let flat = ChainRef { blue_score: block(6).blue_score, ..block(7) };
    let cases = [
        (added(7, block(7), block(6).hash), WindowError::OutOfOrder { sequence: 7, expected: 8 }),
        (added(9, block(7), block(6).hash), WindowError::OutOfOrder { sequence: 9, expected: 8 }),
        (added(8, block(7), block(5).hash), WindowError::NotOnTip { block: block(7), tip: block(6) }),
        (added(8, block(8), block(6).hash), WindowError::NotOnTip { block: block(8), tip: block(6) }),
        (added(8, flat, block(6).hash), WindowError::NotOnTip { block: flat, tip: block(6) }),
        (reorg(block(1)), WindowError::NotInside { block: block(1) }),
        (reorg(block(7)), WindowError::NotInside { block: block(7) }),
        (reorg(foreign), WindowError::NotInside { block: foreign }),
        (from(block(5)), WindowError::NotFromTip { old_tip: block(5), tip: block(6) }),
        (from(block(7)), WindowError::NotFromTip { old_tip: block(7), tip: block(6) }),
        (from(other_tip), WindowError::NotFromTip { old_tip: other_tip, tip: block(6) }),
        (from(flat_tip), WindowError::NotFromTip { old_tip: flat_tip, tip: block(6) }),
        (L1Event::Finalized { sequence: 8, block: foreign }, WindowError::NotInside { block: foreign }),
    ];
    for (event, error) in cases {
        assert_eq!(window.apply(&event), Err(error));
        assert_eq!(window, before);
    }
}

#[test]
fn given_a_checkpoint_alone_when_its_window_follows_events_then_the_next_checkpoints_fit() {
    let mut window = Window::new(block(0));
    (1..=40).for_each(|index| window.apply(&added(index, block(index), block(index - 1).hash)).expect("it follows"));
    let checkpoint = window.checkpoint(Network::SIMNET).expect("the window is sound");
    let mut sparse = Window::of_checkpoint(&checkpoint);
    assert!(window.is_complete() && !sparse.is_complete());
    assert_eq!((sparse.root(), sparse.tip(), sparse.sequence()), (block(0), block(40), 40));
    assert_eq!(sparse.checkpoint(Network::SIMNET), Ok(checkpoint));
    // The locator has the distances 1, 2, 4, 8, 16, 32: index 30 is not in it, 24 is.
    assert_eq!((sparse.block_at(24), sparse.block_at(30)), (Some(block(24)), None));
    let removed = (31..=40).rev().map(|index| block(index).hash).collect();
    let reorg =
        |fork, removed| L1Event::Reorg(Reorg { sequence: 41, fork, old_tip: block(40), removed, removed_known: true });
    let foreign = ChainRef { hash: Hash::from_u64_word(99), ..block(24) };
    assert_eq!(sparse.apply(&reorg(foreign, Vec::new())), Err(WindowError::NotInside { block: foreign }));
    // Between its neighbours in the locator, 24 and 32, a block has a blue score between theirs, and neither of theirs.
    for neighbour in [block(36), block(32), block(24)] {
        let misplaced = ChainRef { blue_score: neighbour.blue_score, ..block(30) };
        assert_eq!(sparse.apply(&reorg(misplaced, Vec::new())), Err(WindowError::NotInside { block: misplaced }));
    }
    let old_tip = block(39);
    let late =
        L1Event::Reorg(Reorg { sequence: 41, fork: block(24), old_tip, removed: Vec::new(), removed_known: true });
    assert_eq!(sparse.apply(&late), Err(WindowError::NotFromTip { old_tip, tip: block(40) }));
    sparse.apply(&reorg(block(30), removed)).expect("it fits between its neighbours");
    assert_eq!((sparse.tip(), sparse.block_at(31)), (block(30), None));
    sparse.apply(&L1Event::Finalized { sequence: 42, block: block(20) }).expect("it fits between its neighbours");
    assert_eq!((sparse.root(), sparse.block_at(8)), (block(20), None));
    let checkpoint = sparse.checkpoint(Network::SIMNET).expect("the window is sound");
    assert_eq!(checkpoint.locator(), [block(30), block(24), block(20)]);
    let mut sequence = 43;
    for index in 31..60 {
        sparse.apply(&added(sequence, block(index), block(index - 1).hash)).expect("it follows");
        sequence += 1;
    }
    sparse.apply(&L1Event::Finalized { sequence, block: block(40) }).expect("it is inside");
    assert!(sparse.is_complete());
}

fn any_checkpoint() -> impl Strategy<Value = Checkpoint> {
    let kind = prop_oneof![
        Just(NetworkKind::Mainnet),
        Just(NetworkKind::Testnet),
        Just(NetworkKind::Devnet),
        Just(NetworkKind::Simnet)
    ];
    let network = (kind, any::<Option<u32>>()).prop_map(|(kind, suffix)| Network { kind, suffix });
    (network, 0..1_000_000_u64, 0..1_000_000_u64, 0..1_000_u64).prop_map(|(network, root, length, more)| {
        let tip = root + length;
        checkpoint(network, tip + more, root, tip).expect("it fits together")
    })
}

proptest! {
    #[test]
    fn given_any_checkpoint_when_encoded_and_decoded_then_it_is_the_same(checkpoint in any_checkpoint()) {
        prop_assert_eq!(Checkpoint::decode(&checkpoint.encode()), Ok(checkpoint));
    }

    #[test]
    fn given_changed_bytes_when_decoded_then_refused_or_a_sound_checkpoint(
        checkpoint in any_checkpoint(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        length in any::<Option<prop::sample::Index>>(),
    ) {
        let mut bytes = checkpoint.encode();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(length) = length {
            bytes.truncate(length.index(bytes.len()));
        }
        if let Ok(read) = Checkpoint::decode(&bytes) {
            prop_assert_eq!(read.encode(), bytes);
            prop_assert_eq!(read.locator().first(), Some(&read.tip()));
            prop_assert_eq!(read.locator().last(), Some(&read.root()));
            prop_assert!(read.sequence() >= read.tip().index);
            let falls = |above: &ChainRef, below: &ChainRef| above.index > below.index && above.blue_score > below.blue_score;
            prop_assert!(read.locator().is_sorted_by(falls));
        }
    }

    #[test]
    fn given_any_bytes_when_decoded_then_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Checkpoint::decode(&bytes).is_err());
    }
}
