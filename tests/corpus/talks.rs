//! Talks of a follower with a node: each change of a page once, alone and where a fork removes blocks, and some stories.

use std::collections::BTreeMap;

use dagstorm_fuzz::reply::{Change, Edit, Field, Setup, Step, Talk};

use super::frames::{Captured, page_payloads};

const SETUP: Setup = Setup { blocks: 9, finality_depth: 12, page_limit: 5 };

/// The seeds by name.
pub fn seeds(captures: &[Captured]) -> BTreeMap<String, Vec<u8>> {
    let mut talks = stories();
    talks.extend(restarts());
    talks.extend(absences());
    for (number, change) in changes().into_iter().enumerate() {
        talks.insert(format!("change-{number:02}"), after_growth(change));
    }
    for (name, payload) in page_payloads(captures).into_iter().filter(|(_, payload)| payload.len() < 4_096) {
        talks.insert(format!("payload-{name}"), after_growth(Change::Payload(payload)));
    }
    talks.into_iter().map(|(name, talk)| (name, talk.encode())).collect()
}

fn page(change: Change) -> Step {
    Step::Edit(Edit { of_any: false, after: 0, change })
}

fn any(change: Change) -> Step {
    Step::Edit(Edit { of_any: true, after: 0, change })
}

fn grow(blocks: u8) -> Step {
    Step::Grow { blocks, merged: 1 }
}

fn after_growth(change: Change) -> Talk {
    let steps = vec![
        page(change.clone()),
        grow(3),
        Step::Pass { ms: 2_000 },
        page(change),
        Step::Fork { depth: 3, blocks: 6 },
        Step::Pass { ms: 2_000 },
    ];
    Talk { setup: SETUP, steps }
}

/// One of each kind, and header fields of every kind.
fn changes() -> Vec<Change> {
    use Change as C;
    let mut changes = vec![
        C::DropBlock { at: 1 },
        C::DropRecord { at: 0 },
        C::SwapBlocks { at: 0, with: 1 },
        C::RepeatBlock { at: 2 },
        C::AddRemoved { block: 4 },
        C::DropRemoved { at: 0 },
        C::ReverseRemoved,
        C::Rehash { at: 2 },
        C::DropTransactions { at: 1 },
        C::Empty,
        C::Flip { at: 300, bits: 16 },
        C::Endless { at: 20 },
        C::Cut { at: 500 },
        C::Append { count: 3 },
        C::OtherId,
        C::OtherOperation { code: 110 },
        C::Silence,
        C::HangUp,
        C::Twice,
    ];
    changes.extend((0..8).map(|how| C::Parents { at: 1, how }));
    changes.extend((0..6).map(|how| C::Transaction { at: 1, how: how << 8 | 3 }));
    changes.extend((0..10).map(|text| C::RemoteError { text }));
    changes.extend(Field::ALL.map(|field| C::DropField { at: 1, field }));
    changes.extend(Field::ALL.map(|field| C::SetField { at: 1, field, to: 6 }));
    changes
}

fn stories() -> BTreeMap<String, Talk> {
    let silence = |times: usize| (0..times).flat_map(|_| [any(Change::Silence), Step::Pass { ms: 35_000 }]);
    let mut unanswered = vec![grow(8)];
    unanswered.extend(silence(8));
    let liar = vec![
        page(Change::SetField { at: 2, field: Field::BlueWork, to: 250 }),
        page(Change::Rehash { at: 2 }),
        grow(3),
        Step::Pass { ms: 3_000 },
        Step::Fork { depth: 2, blocks: 8 },
    ];
    let forks = [(2, 3), (5, 6), (1, 1), (8, 9), (15, 16)];
    let forks = forks.into_iter().flat_map(|(depth, blocks)| [Step::Fork { depth, blocks }, Step::Pass { ms: 1_500 }]);
    // Nothing is told with a number yet when the node does not know the block at which the follower begins.
    let at_anchor = Setup { blocks: 0, finality_depth: 4, page_limit: 2 };
    let lost_anchor = vec![page(Change::RemoteError { text: 0 })];
    BTreeMap::from([
        ("anchor-unknown".to_owned(), Talk { setup: at_anchor, steps: lost_anchor }),
        ("honest".to_owned(), Talk { setup: SETUP, steps: forks.collect() }),
        ("liar".to_owned(), Talk { setup: SETUP, steps: liar }),
        ("unanswered".to_owned(), Talk { setup: SETUP, steps: unanswered }),
    ])
}

/// The process dies and goes on, and the node says some untruth.
fn restarts() -> BTreeMap<String, Talk> {
    let restarted = |with_window, before: Vec<Step>, edits: Vec<Step>| {
        let steps = [before, vec![Step::Restart { with_window }], edits, vec![Step::Pass { ms: 20_000 }]];
        Talk { setup: SETUP, steps: steps.concat() }
    };
    let left = || vec![Step::Pass { ms: 10 }, Step::Fork { depth: 4, blocks: 9 }];
    let doubts = || vec![any(Change::RemoteError { text: 0 }), page(Change::DropRecord { at: 0 }), page(Change::Empty)];
    BTreeMap::from([
        ("restart-alone".to_owned(), restarted(false, Vec::new(), Vec::new())),
        ("restart-after-fork".to_owned(), restarted(false, left(), Vec::new())),
        ("restart-after-fork-with-window".to_owned(), restarted(true, left(), Vec::new())),
        ("restart-and-doubts".to_owned(), restarted(false, left(), doubts())),
        ("restart-and-doubts-with-window".to_owned(), restarted(true, left(), doubts())),
    ])
}

/// The chain goes on while no process runs, and the next one has a checkpoint alone.
fn absences() -> BTreeMap<String, Talk> {
    let away = |steps: Vec<Step>| {
        // Nothing is asked before time passes.
        let steps = [vec![Step::Restart { with_window: false }], steps, vec![Step::Pass { ms: 30_000 }]];
        Talk { setup: SETUP, steps: steps.concat() }
    };
    let prune = |depth| Step::Prune { depth };
    let pages =
        |change: Change| (0..6).map(move |after| Step::Edit(Edit { of_any: false, after, change: change.clone() }));
    let mut refused = vec![Step::Fork { depth: 4, blocks: 9 }];
    refused.extend(pages(Change::RemoteError { text: 0 }));
    let mut large = vec![Step::Grow { blocks: 8, merged: 32 }; 2];
    large.extend(pages(Change::HangUp));
    BTreeMap::from([
        ("candidates-refused".to_owned(), away(refused)),
        ("large-pages-closed".to_owned(), away(large)),
        ("pruned-above-tip".to_owned(), away(vec![grow(8), prune(2)])),
        ("pruned-below-tip".to_owned(), away(vec![grow(2), prune(4)])),
        ("pruned-where-forked".to_owned(), away(vec![Step::Fork { depth: 4, blocks: 9 }, prune(10)])),
    ])
}
