//! Payloads of the state machine: what actors wish, as wishes and as the bytes that they become.

use std::collections::BTreeMap;

use dagstorm_fuzz::payload::{ACTORS, Program, Step, Wish};

/// The seeds by name.
pub fn seeds() -> BTreeMap<String, Vec<u8>> {
    let mut programs = stories();
    let bytes: Vec<(String, Program)> =
        programs.iter().map(|(name, program)| (format!("bytes-{name}"), as_bytes(program))).collect();
    programs.extend(bytes);
    programs.extend(spoiled());
    programs.into_iter().map(|(name, program)| (name, program.encode())).collect()
}

fn wish(wish: Wish) -> Step {
    Step::Wish { wish, more_to_come: false }
}

fn and(wish: Wish) -> Step {
    Step::Wish { wish, more_to_come: true }
}

fn story(name: &str, steps: Vec<Step>) -> (String, Program) {
    (name.to_owned(), Program { steps })
}

fn stories() -> BTreeMap<String, Program> {
    use Wish as W;
    let transfer = W::Transfer { from: 0, to: 1, amount: 50 };
    let open = W::Open { station: 1, owner: 1, price: 2 };
    let charge = W::Charge { station: 1, payer: 2, units: 3 };
    let post = W::Post { job: 0, customer: 0, reward: 70 };
    let insure = W::Insure { policy: 0, insurer: 3, payout: 90 };
    let expire = W::Expire { job: 0, customer: 0 };
    let nothing = || std::iter::repeat_n(Step::NextBlock, 12);
    let late = |first: Vec<Step>, last: Vec<Step>| first.into_iter().chain(nothing()).chain(last).collect();
    BTreeMap::from([
        story("transfer", vec![wish(transfer), Step::Again, Step::NextBlock, Step::Again]),
        story("overdraft", vec![wish(W::Transfer { from: 2, to: 1, amount: 255 }); 5]),
        story("to-oneself", vec![wish(W::Transfer { from: 2, to: 2, amount: 1 })]),
        story(
            "charge",
            vec![
                wish(open),
                wish(charge),
                Step::NextBlock,
                wish(charge),
                wish(W::Restock { station: 1, owner: 1, units: 9 }),
            ],
        ),
        story("delivery", vec![wish(post), Step::NextBlock, wish(W::Confirm { job: 0, customer: 0 })]),
        story("late", late(vec![wish(post)], vec![wish(expire)])),
        story("claim", late(vec![wish(post), wish(insure)], vec![wish(W::Claim { policy: 0 }), wish(expire)])),
        story(
            "release",
            late(
                vec![wish(post), wish(insure), wish(W::Confirm { job: 0, customer: 0 })],
                vec![wish(W::Release { policy: 0, insurer: 3 })],
            ),
        ),
        story("theft", vec![wish(post), wish(W::Steal { job: 0, to: 2, amount: 70 })]),
        story("together", vec![and(open), and(transfer), and(post), wish(insure)]),
        story("all-or-nothing", vec![and(transfer), wish(W::Nonsense { program: 1, input: 200 }), wish(transfer)]),
        story("nonsense", (0..8).map(|program| wish(W::Nonsense { program, input: 0 })).collect()),
        story(
            "everybody",
            (0..ACTORS).map(|from| wish(W::Transfer { from, to: (from + 1) % ACTORS, amount: 9 })).collect(),
        ),
    ])
}

/// The same transactions as the payloads that they are.
fn as_bytes(program: &Program) -> Program {
    let mut steps = Vec::new();
    for block in program.blocks() {
        steps.extend(block.into_iter().map(Step::Payload));
        steps.push(Step::NextBlock);
    }
    Program { steps }
}

fn spoiled() -> BTreeMap<String, Program> {
    let transfer = || wish(Wish::Transfer { from: 0, to: 1, amount: 50 });
    BTreeMap::from([
        story("cut", [0, 3, 5, 60, 150].into_iter().flat_map(|at| [transfer(), Step::Cut { at }]).collect()),
        story(
            "spoiled",
            [1, 4, 5, 9, 49, 200].into_iter().flat_map(|at| [transfer(), Step::Spoil { at, bits: 0x81 }]).collect(),
        ),
        story("only-magic", vec![Step::Behind { bytes: Vec::new() }, Step::Behind { bytes: vec![1; 40] }]),
        story("of-others", vec![Step::Payload(b"DST".to_vec()), Step::Payload(vec![0; 64])]),
    ])
}
