//! Files that are not as they were written: flipped bits, lost and misplaced pieces, cut files, files of others.
//!
//! Opening tells an error of the kinds below and leaves the file alone, or shows the newest state that was acknowledged.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sim::random::{Stream, Streams};
use state::{OpenError, StoreError};

use super::history::{self, Contents, History};

/// What an opening came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// A store with the newest state: what was damaged is not in use.
    Newest,
    /// A store that was never written.
    New,
    Damaged,
    NotAStore,
}

/// Opens a file with these bytes and judges what happens; panics if that is not allowed.
fn judge(bytes: &[u8], history: &History, what: &str) -> Verdict {
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let (disk, machine) = history::open(bytes);
        let contents = machine.map(|machine| Contents::of(&machine).map_err(OpenError::from)).and_then(|read| read);
        (disk, contents)
    }));
    let Ok((disk, contents)) = opened else { panic!("{what}: the opening panics") };
    let verdict = match contents {
        Ok(contents) => {
            return match history.acknowledged.iter().position(|earlier| *earlier == contents) {
                Some(0) => Verdict::New,
                Some(at) if at + 1 == history.acknowledged.len() => Verdict::Newest,
                Some(_) => panic!("{what}: the store went back behind what was acknowledged"),
                None => panic!("{what}: the store shows what was never acknowledged"),
            };
        }
        Err(OpenError::Store(StoreError::Damaged { .. })) => Verdict::Damaged,
        Err(OpenError::NotAStore) => Verdict::NotAStore,
        Err(error) => panic!("{what}: not the error for a damaged file: {error}"),
    };
    assert!(history::bytes_of(&disk) == bytes, "{what}: the file was changed, although it could not be opened");
    verdict
}

/// What is done to a piece of the file.
#[derive(Clone, Copy, Debug)]
enum Damage {
    FlipBit(u8),
    Random,
    Zero,
    /// What belongs to the next page.
    Misplaced,
}

impl Damage {
    fn done(self, intact: &[u8], at: usize, length: usize, stream: &mut Stream) -> Vec<u8> {
        let mut bytes = intact.to_vec();
        let end = (at + length).min(bytes.len());
        match self {
            Self::FlipBit(bit) => bytes[at] ^= 1 << bit,
            Self::Random => stream.fill(&mut bytes[at..end]),
            Self::Zero => bytes[at..end].fill(0),
            Self::Misplaced => {
                let source = intact.iter().cycle().skip(at + 4_096);
                bytes[at..end].iter_mut().zip(source).for_each(|(byte, other)| *byte = *other);
            }
        }
        bytes
    }
}

/// Does all of it, one after another, and counts the verdicts.
fn judge_all(jobs: impl IntoIterator<Item = (usize, usize, Damage)>) -> Vec<(Verdict, usize)> {
    let history = History::new(20);
    let mut stream = Streams::new(3).stream("damage", 0);
    let mut verdicts = std::collections::BTreeMap::new();
    for (at, length, damage) in jobs {
        if at < history.bytes.len() {
            let bytes = damage.done(&history.bytes, at, length, &mut stream);
            let verdict = judge(&bytes, &history, &format!("{damage:?} of {length} bytes at {at}"));
            *verdicts.entry(verdict).or_insert(0) += 1;
        }
    }
    verdicts.into_iter().collect()
}

#[test]
fn given_any_bit_of_the_header_flipped_when_opened_then_an_error_or_the_newest_state() {
    let verdicts = judge_all((0..320).flat_map(|at| (0..8).map(move |bit| (at, 1, Damage::FlipBit(bit)))));
    assert!(verdicts.iter().any(|(verdict, _)| *verdict == Verdict::Damaged), "{verdicts:?}");
    assert!(verdicts.iter().any(|(verdict, _)| *verdict == Verdict::NotAStore), "{verdicts:?}");
    assert!(verdicts.iter().any(|(verdict, _)| *verdict == Verdict::Newest), "{verdicts:?}");
}

#[test]
fn given_bytes_flipped_all_over_the_file_when_opened_then_an_error_or_the_newest_state() {
    let history = History::new(20);
    let used = (0..history.bytes.len()).filter(|at| history.bytes[*at] != 0).step_by(9);
    let anywhere = (0..history.bytes.len()).step_by(199);
    let jobs = used.chain(anywhere).map(|at| (at, 1, Damage::FlipBit((at % 8) as u8)));
    let verdicts = judge_all(jobs);
    assert!(verdicts.iter().any(|(verdict, count)| *verdict == Verdict::Damaged && *count > 500), "{verdicts:?}");
    assert!(verdicts.iter().any(|(verdict, count)| *verdict == Verdict::Newest && *count > 500), "{verdicts:?}");
}

#[test]
fn given_sectors_and_pages_lost_or_misplaced_when_opened_then_an_error_or_the_newest_state() {
    let kinds = [Damage::Random, Damage::Zero, Damage::Misplaced];
    let pieces = (0..1_200).map(|sector| (512 * sector, 512)).chain((0..150).map(|page| (4_096 * page, 4_096)));
    let verdicts = judge_all(pieces.flat_map(|(at, length)| kinds.map(|damage| (at, length, damage))));
    assert!(verdicts.iter().any(|(verdict, count)| *verdict == Verdict::Damaged && *count > 100), "{verdicts:?}");
}

#[test]
fn given_a_cut_file_when_opened_then_an_error_or_the_newest_state() {
    let history = History::new(20);
    let lengths = (1..600).chain((600..history.bytes.len()).step_by(211));
    let cut: Vec<_> = lengths.chain(history.bytes.len() - 5..history.bytes.len()).collect();
    let mut damaged = 0;
    for &length in &cut {
        let verdict = judge(&history.bytes[..length], &history, &format!("cut to {length} bytes"));
        damaged += usize::from(matches!(verdict, Verdict::Damaged | Verdict::NotAStore));
    }
    // A store grows in advance: only what is cut off behind its last page does no harm.
    assert!(cut.len() > 1_000 && 10 * damaged > 9 * cut.len(), "{damaged} of {}", cut.len());
}

#[test]
fn given_a_file_with_bytes_behind_its_end_when_opened_then_an_error_or_the_newest_state() {
    let history = History::new(5);
    for more in [1, 511, 4_096, 70_000, 1_000_000] {
        for byte in [0, 0xff] {
            let mut bytes = history.bytes.clone();
            bytes.resize(bytes.len() + more, byte);
            judge(&bytes, &history, &format!("{more} bytes more"));
        }
    }
}

#[test]
fn given_random_bytes_when_opened_then_it_is_no_store() {
    let history = History::new(1);
    let mut stream = Streams::new(4).stream("random", 0);
    for case in 0..200 {
        let mut bytes = vec![0; 1 + stream.below(40_000) as usize];
        stream.fill(&mut bytes);
        assert_eq!(judge(&bytes, &history, &format!("random file {case}")), Verdict::NotAStore);
    }
}
