//! Recognises coverage points in what one bridge tells and in what is true around it.
//!
//! It only looks: no count changes what a run does, and a wrong count breaks no property. Its rooms stand apart: none
//! knows of another, and each drops what can matter no more, so that a long run costs no more memory than a short one.

use bridge::L1Event;

use super::{
    Coverage, Point, backlog::Backlog, chain::Chain, depth, node::Node, process::Process, session::Session,
    spends::Spends,
};
use crate::{check::Context, oracle::outcome::Rest};

/// A branch is at the edge of finality if it ended within this part of the finality depth from it, on either side.
const EDGE: u64 = 20;

/// What must be remembered to recognise the points; one for each bridge of a run.
#[derive(Debug, Default)]
pub struct Watch {
    backlog: Backlog,
    chain: Chain,
    node: Node,
    process: Process,
    session: Session,
    spends: Spends,
}

impl Watch {
    /// Looks at the next event, which the consumer has not applied yet.
    pub fn on_event(&mut self, event: &L1Event, context: Context<'_>, coverage: &mut Coverage) {
        self.backlog.on_event(event, context, coverage);
        self.chain.on_event(event, context, coverage);
        depth::on_event(event, context, coverage);
        self.node.on_event(event, context, coverage);
        self.process.on_event(event, coverage);
        self.session.on_event(event, coverage);
        self.spends.on_event(event, context, coverage);
    }

    /// The consumer's process is back: its bridge is another, with a queue and sessions of its own.
    pub fn on_restart(&mut self) {
        (self.backlog, self.session) = (Backlog::default(), Session::default());
        self.process.on_restart();
    }

    /// Looks at the end of the run.
    pub fn at_rest(&mut self, rest: &Rest, context: Context<'_>, coverage: &mut Coverage) {
        let finality_depth = context.network.store().parameters().finality_depth;
        if rest.deepest_lost_branch.abs_diff(finality_depth) <= finality_depth / EDGE {
            coverage.hit(Point::FinalityEdge);
        }
    }
}
