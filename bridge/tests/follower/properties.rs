//! Laws under random chains, forks, losses and disconnects. What must hold after every single event is checked by the
//! consumer; here it is where everything ends.

use std::time::Duration;

use bridge::{Config, follower::Input};
use kaspa_hashes::Hash;
use proptest::prelude::*;

use crate::support::{
    node::{Answer, Door, chain_changed},
    pair::Pair,
    settings::config,
};

const FINALITY: u64 = 12;

/// Something that happens to the node, the network or the consumer.
#[derive(Clone, Debug)]
enum Happening {
    Grow {
        blocks: usize,
    },
    Fork {
        depth: usize,
        ahead: usize,
    },
    Wait {
        ms: u64,
    },
    HangUp,
    Refuse {
        for_ms: u64,
    },
    LoseNotifications {
        lose: bool,
    },
    Repeat {
        depth: usize,
    },
    Spoil,
    Transitional {
        on: bool,
    },
    FallBehind {
        depth: usize,
        for_ms: u64,
    },
    PageLimit {
        blocks: usize,
    },
    /// The node never saw what is not on its chain now.
    Forget,
    /// Follower and consumer die and begin again after one of the last numbered events.
    Restart {
        back: usize,
    },
    StopAcknowledging {
        for_ms: u64,
    },
    Tick,
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening as H;
    prop_oneof![
        6 => (1..8_usize).prop_map(|blocks| H::Grow { blocks }),
        3 => (1..12_usize, 1..4_usize).prop_map(|(depth, ahead)| H::Fork { depth, ahead }),
        6 => (1..60_u64).prop_map(|ms| H::Wait { ms }),
        1 => (500..3_000_u64).prop_map(|ms| H::Wait { ms }),
        2 => Just(H::HangUp),
        1 => (1..2_000_u64).prop_map(|for_ms| H::Refuse { for_ms }),
        2 => any::<bool>().prop_map(|lose| H::LoseNotifications { lose }),
        2 => (0..6_usize).prop_map(|depth| H::Repeat { depth }),
        1 => Just(H::Spoil),
        1 => any::<bool>().prop_map(|on| H::Transitional { on }),
        1 => (1..30_usize, 1..3_000_u64).prop_map(|(depth, for_ms)| H::FallBehind { depth, for_ms }),
        2 => (1..9_usize).prop_map(|blocks| H::PageLimit { blocks }),
        2 => Just(H::Forget),
        2 => (0..30_usize).prop_map(|back| H::Restart { back }),
        1 => (1..2_000_u64).prop_map(|for_ms| H::StopAcknowledging { for_ms }),
        1 => Just(H::Tick),
    ]
}

fn settings(confirmations: u64) -> Config {
    let mut settings = config(1);
    settings.finality_depth = Some(FINALITY);
    settings.high_water_mark = 10;
    settings.confirmations = confirmations;
    settings
}

/// A run, and the highest score that any sink had: what is deeper than the finality depth below it is not reorged.
struct Run {
    pair: Pair,
    highest_score: u64,
    /// Finalized blocks as they were at the last look.
    finalized: Vec<Hash>,
}

impl Run {
    fn new(confirmations: u64) -> Self {
        let mut pair = Pair::new(settings(confirmations));
        pair.nodes[0].page_limit = 6;
        pair.keeps_history = true;
        pair.start();
        Self { pair, highest_score: 0, finalized: Vec::new() }
    }

    fn happen(&mut self, happening: Happening) {
        let pair = &mut self.pair;
        let sink = pair.nodes[0].sink;
        match happening {
            Happening::Grow { blocks } => pair.grow(0, blocks),
            Happening::Fork { depth, ahead } => self.fork(depth, ahead),
            Happening::Wait { ms } => pair.run_for(Duration::from_millis(ms)),
            Happening::HangUp => pair.hang_up(),
            Happening::Refuse { for_ms } => {
                pair.nodes[0].door = Door::Refuses;
                pair.hang_up();
                pair.run_for(Duration::from_millis(for_ms));
                pair.nodes[0].door = Door::Open;
            }
            Happening::LoseNotifications { lose } => pair.nodes[0].notifies = !lose,
            Happening::Repeat { depth } => {
                let chain = pair.tree.chain(sink);
                let old = chain[chain.len().saturating_sub(depth + 1)];
                pair.send_frame(0, chain_changed(&[], &[old]));
            }
            Happening::Spoil => spoil_once(pair),
            Happening::Transitional { on } => pair.nodes[0].transitional = on,
            Happening::FallBehind { depth, for_ms } => {
                let height = pair.tree.chain(sink).len() - 1;
                let behind = pair.tree.below(sink, depth.min(height));
                pair.set_sink(0, behind);
                pair.run_for(Duration::from_millis(for_ms));
                pair.set_sink(0, sink);
            }
            Happening::PageLimit { blocks } => pair.nodes[0].page_limit = blocks,
            Happening::Forget => {
                let chain = pair.tree.chain(sink);
                pair.nodes[0].unknown = pair.tree.hashes().filter(|hash| !chain.contains(hash)).collect();
            }
            Happening::Restart { back } => self.restart(back),
            Happening::StopAcknowledging { for_ms } => {
                pair.acknowledges = false;
                pair.run_for(Duration::from_millis(for_ms));
                acknowledge_again(pair);
            }
            Happening::Tick => pair.input(Input::Tick),
        }
        self.look();
    }

    /// A branch that is heavier by `ahead`, and leaves the chain no deeper than a node may reorganise.
    fn fork(&mut self, depth: usize, ahead: usize) {
        let pair = &mut self.pair;
        let sink = pair.nodes[0].sink;
        let lowest = self.highest_score.saturating_sub(FINALITY).max(pair.tree.score(pair.tree.genesis()));
        let room = pair.tree.score(sink).saturating_sub(lowest) as usize;
        let depth = depth.min(room);
        pair.fork(0, depth, depth + ahead);
    }

    fn restart(&mut self, back: usize) {
        let pair = &mut self.pair;
        let Some(newest) = pair.history.len().checked_sub(1) else { return };
        pair.history.truncate(newest.saturating_sub(back) + 1);
        if let Some(stored) = pair.history.last().cloned() {
            let stays = stored.consumer.finalized().len();
            assert!(self.finalized.starts_with(stored.consumer.finalized()), "what was final changed");
            self.finalized.truncate(stays);
            pair.restart_with(&stored);
        }
    }

    /// The finalized prefix only grows.
    fn look(&mut self) {
        self.highest_score = self.highest_score.max(self.pair.tree.score(self.pair.nodes[0].sink));
        let now = self.pair.consumer.finalized();
        assert!(now.starts_with(&self.finalized), "what was final changed");
        self.finalized = now.to_vec();
    }

    /// Everything is well again, and time passes.
    fn calm_down(&mut self) {
        let node = &mut self.pair.nodes[0];
        node.tamper = None;
        node.transitional = false;
        node.door = Door::Open;
        acknowledge_again(&mut self.pair);
        self.pair.run_for(Duration::from_secs(75));
        self.look();
    }
}

fn acknowledge_again(pair: &mut Pair) {
    pair.acknowledges = true;
    pair.input(Input::Ack { sequence: pair.consumer.sequence() });
}

/// The next page with blocks has a fault in its last one.
fn spoil_once(pair: &mut Pair) {
    let mut spoilt = false;
    pair.nodes[0].tamper(move |_, answer: &mut Answer| {
        if let (false, Some(page)) = (spoilt, answer.page_with_blocks()) {
            let last = page.blocks.len() - 1;
            page.blocks[last].chain_block_header.nonce = Some(u64::MAX);
            spoilt = true;
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn given_any_history_when_calm_returns_then_the_path_is_the_nodes_chain(
        happenings in proptest::collection::vec(happening(), 1..60),
    ) {
        let mut run = Run::new(0);
        happenings.into_iter().for_each(|happening| run.happen(happening));
        run.calm_down();
        run.pair.assert_follows(0);
        // The root's child is less than the finality depth deep.
        let path = run.pair.consumer.path();
        if let Some(child) = path.get(run.finalized.len()) {
            let tip = run.pair.nodes[0].sink;
            prop_assert!(run.pair.tree.score(tip) - run.pair.tree.score(*child) < FINALITY);
        }
        prop_assert_eq!(run.pair.consumer.fatal(), None);
    }

    #[test]
    fn given_any_history_and_confirmations_when_calm_returns_then_the_path_ends_at_that_depth(
        confirmations in 1..15_u64,
        happenings in proptest::collection::vec(happening(), 1..40),
    ) {
        let mut run = Run::new(confirmations);
        happenings.into_iter().for_each(|happening| run.happen(happening));
        run.calm_down();
        let (pair, sink) = (&run.pair, run.pair.nodes[0].sink);
        let mut eligible = pair.tree.chain(sink);
        eligible.retain(|&hash| pair.tree.score(sink) - pair.tree.score(hash) > confirmations);
        let path = pair.consumer.path();
        prop_assert!(eligible.len() < 2 || path.ends_with(&eligible[1..]), "{path:?} and {eligible:?}");
        prop_assert!(eligible.len() > 1 || path.len() < 2);
        prop_assert_eq!(pair.consumer.fatal(), None);
    }
}
