//! Recognises points of the nodes that a bridge meets: which one, and where that is by then.

use bridge::L1Event;
use sim::{
    dag::BlockId,
    node::{NodeView, Progress},
    world::host::node_url,
};

use super::{Coverage, Point};
use crate::check::Context;

/// Blue blocks that a node is ahead at least, if it has news at all: more than come in a second.
const AHEAD: u64 = 10;

/// See the module documentation.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// The node of the last session.
    last: Option<u32>,
    /// Its pruning point when it told a block last.
    pruning_point: Option<BlockId>,
}

impl Node {
    pub(super) fn on_event(&mut self, event: &L1Event, context: Context<'_>, coverage: &mut Coverage) {
        match event {
            L1Event::Connected { node, .. } => {
                let mut nodes = context.bridge.nodes.iter().copied();
                if let Some(node) = nodes.find(|number| node_url(*number as usize) == *node) {
                    self.on_session(node, context, coverage);
                }
            }
            L1Event::BlockAdded(_) => {
                let Some(node) = self.last else { return };
                let point = context.network.node(node as usize).pruning_point();
                if self.pruning_point.replace(point).is_some_and(|before| before != point) {
                    coverage.hit(Point::PrunedWhileFollowed);
                }
            }
            L1Event::CatchingUp { .. } => coverage.hit(Point::CatchesUp),
            _ => {}
        }
    }

    fn on_session(&mut self, node: u32, context: Context<'_>, coverage: &mut Coverage) {
        self.pruning_point = None;
        let is_preferred = context.bridge.nodes.first() == Some(&node);
        if self.last.replace(node).is_some_and(|before| before != node) {
            coverage.hit(if is_preferred { Point::ReturnsToPreferred } else { Point::SwitchesNode });
        }
        look_at_node(context.network.node(node as usize), context, coverage);
    }
}

fn look_at_node(view: &NodeView, context: Context<'_>, coverage: &mut Coverage) {
    let dag = context.network.store().dag();
    if view.progress() != Progress::InSync {
        coverage.hit(Point::MeetsNodeSyncing);
    }
    let Some(tip) = context.replica.tip().and_then(|tip| dag.id(&tip.hash)) else { return };
    let sink = view.sink();
    if tip != sink && dag.is_chain_ancestor(sink, tip) {
        coverage.hit(Point::MeetsNodeBehind);
    } else if !dag.is_chain_ancestor(tip, sink) {
        coverage.hit(Point::MeetsNodeElsewhere);
    } else if dag.blue_score(sink) - dag.blue_score(tip) >= AHEAD {
        coverage.hit(Point::MeetsNodeAhead);
    }
}
