//! Points that events alone reach.

use std::{io, ops::Range, time::Duration};

use bridge::{
    ChainRef, DisconnectReason, FatalError, L1Event, RejectReason, RemoteError, Violation,
    wire::{Network as NetworkName, Operation, WireError},
};
use kaspa_hashes::Hash;
use scenarios::coverage::Point;

use crate::scene::{Scene, empty_network};

/// What a bridge tells, or what is true when it does.
pub enum Told {
    /// A block of that name and that blue score is added.
    Add(u64, u64),
    /// Blocks of these names are added, with blue scores from 1.
    AddAll(Range<u64>),
    /// So many blocks are removed.
    Remove(usize),
    /// The block of that index is final.
    Finalize(usize),
    /// Anything else.
    Event(L1Event),
    /// From now on so many events wait.
    Waiting(u64),
}

use Told::{Add, AddAll, Event, Finalize, Remove, Waiting};

fn reached(told: Vec<Told>) -> Vec<Point> {
    let network = empty_network();
    let mut scene = Scene::new(&network);
    scene.bridge.high_water_mark = 4;
    for told in told {
        match told {
            Add(name, blue_score) => scene.add(Hash::from_u64_word(name), blue_score),
            AddAll(names) => {
                names.zip(1..).for_each(|(name, blue_score)| scene.add(Hash::from_u64_word(name), blue_score));
            }
            Remove(count) => scene.remove(count),
            Finalize(index) => scene.finalize(index),
            Event(event) => scene.tell(&event),
            Waiting(waiting) => scene.waiting = waiting,
        }
    }
    // How deep reorgs are is looked at elsewhere.
    scene.reached().into_iter().filter(|point| !crate::DEPTHS.contains(point)).collect()
}

/// Blocks of names 1, 2, ... with these blue scores.
fn blocks(blue_scores: &[u64]) -> Vec<Told> {
    (1..).zip(blue_scores).map(|(name, &blue_score)| Add(name, blue_score)).collect()
}

fn then(mut told: Vec<Told>, more: impl IntoIterator<Item = Told>) -> Vec<Told> {
    told.extend(more);
    told
}

/// The finality depth is 200.
fn chain_cases() -> Vec<(Vec<Told>, Vec<Point>)> {
    vec![
        (vec![AddAll(0..30), Remove(19)], vec![]),
        (vec![AddAll(0..30), Remove(20)], vec![Point::DeepReorg]),
        (vec![AddAll(0..3), Remove(2)], vec![]),
        (vec![AddAll(0..3), Remove(3)], vec![Point::ReorgToAnchor]),
        // The lowest removed block is as deep as the tip's blue score says, not as many blocks.
        (then(blocks(&[1, 2, 151]), [Remove(2)]), vec![]),
        (then(blocks(&[1, 2, 152]), [Remove(2)]), vec![Point::ReorgNearFinality]),
        (vec![AddAll(0..3), Remove(1), Add(9, 3)], vec![]),
        (vec![AddAll(0..3), Remove(1), Add(9, 3), Remove(1), Add(2, 3)], vec![Point::ReorgBack]),
        (vec![AddAll(0..3), Remove(1), Add(2, 3), Remove(1), Add(2, 3)], vec![Point::ReorgBack; 2]),
        // What came back is removed no more.
        (vec![AddAll(0..3), Remove(1), Add(2, 3), Add(2, 3)], vec![Point::ReorgBack]),
        // A block can come back while its blue score is above the root's, and is forgotten then.
        (vec![AddAll(0..3), Remove(1), Add(9, 4), Finalize(2), Remove(1), Add(2, 3)], vec![Point::ReorgBack]),
        (vec![AddAll(0..3), Remove(1), Add(9, 3), Finalize(3), Add(2, 3)], vec![]),
    ]
}

fn connected() -> Told {
    Event(L1Event::Connected {
        session: 1,
        node: String::new(),
        server_version: String::new(),
        network: NetworkName::SIMNET,
    })
}

fn synced() -> Told {
    Event(L1Event::Synced { tip: ChainRef { hash: Hash::default(), index: 0, blue_score: 0 } })
}

fn disconnected(reason: DisconnectReason) -> Told {
    Event(L1Event::Disconnected { session: 1, reason, retry_in: None })
}

fn late() -> DisconnectReason {
    DisconnectReason::RequestTimeout { operation: Operation::GetServerInfo, after: Duration::ZERO }
}

fn catching_up() -> Told {
    Event(L1Event::CatchingUp { tip_blue_score: 1, sink_blue_score: 2 })
}

fn session_cases() -> Vec<(Vec<Told>, Vec<Point>)> {
    let ended = || disconnected(DisconnectReason::ClosedByNode);
    let muted = vec![Point::DiesBeforeChain];
    vec![
        (vec![AddAll(0..3), ended(), connected(), Remove(1)], vec![Point::ReorgAfterReconnect]),
        (vec![AddAll(0..3), ended(), connected(), Add(9, 4), Remove(1)], vec![]),
        (vec![AddAll(0..3), ended(), connected(), synced(), Remove(1)], vec![]),
        (vec![connected(), ended()], muted.clone()),
        (vec![AddAll(0..3), connected(), ended()], muted),
        (vec![connected(), synced(), ended()], vec![]),
        (vec![connected(), Add(1, 1), ended()], vec![]),
        (vec![AddAll(0..3), connected(), Remove(1), ended()], vec![Point::ReorgAfterReconnect]),
        (vec![disconnected(late())], vec![Point::RequestTimeout]),
        (vec![catching_up()], vec![Point::CatchesUp]),
        (vec![disconnected(DisconnectReason::Silence { after: Duration::ZERO })], vec![]),
    ]
}

fn unreachable(reason: DisconnectReason) -> Told {
    Event(L1Event::Unreachable { node: String::new(), reason, retry_in: Duration::ZERO })
}

fn attempt_cases() -> Vec<(Vec<Told>, Vec<Point>)> {
    let message = String::new;
    let failed = |kind| DisconnectReason::ConnectFailed { kind, message: message() };
    let lost = DisconnectReason::ConnectionLost { kind: io::ErrorKind::ConnectionReset, message: message() };
    let too_slow = DisconnectReason::ConnectTimeout { after: Duration::ZERO };
    let strange = || unreachable(DisconnectReason::NotBorsh);
    let mut cases = vec![
        (vec![unreachable(failed(io::ErrorKind::ConnectionRefused))], vec![Point::RefusedConnect]),
        (vec![unreachable(failed(io::ErrorKind::NetworkUnreachable))], vec![]),
        (vec![unreachable(too_slow)], vec![Point::ConnectTimeout]),
        (vec![strange(), strange()], vec![]),
        (vec![strange(), strange(), connected(), strange()], vec![]),
        // One row, however long, counts once.
        (vec![strange(), strange(), strange(), strange()], vec![Point::FailuresInARow]),
    ];
    let broken = [DisconnectReason::ClosedByNode, lost, late(), failed(io::ErrorKind::ConnectionReset)];
    cases.extend(broken.map(|reason| (vec![unreachable(reason)], vec![Point::DiesInHandshake])));
    cases
}

fn verdict_cases() -> Vec<(Vec<Told>, Vec<Point>)> {
    let hash = Hash::default();
    let operation = Operation::GetVirtualChainFromBlockV2;
    let malformed = |violation| RejectReason::Malformed { operation, violation };
    let unreadable = WireError::UnknownOperation(0);
    let refused = RejectReason::Refused { operation, error: RemoteError::HeaderUnknown };
    let elsewhere = RejectReason::WrongNetwork { expected: NetworkName::SIMNET, found: NetworkName::MAINNET };
    let left = RejectReason::Conflicting { root: hash };
    let rejections = [
        (malformed(Violation::Missing { field: "", hash }), Some(Point::MissingField)),
        (malformed(Violation::Wire(unreadable)), Some(Point::MalformedReply)),
        (RejectReason::MalformedFrame { error: unreadable }, Some(Point::MalformedReply)),
        (RejectReason::UnexpectedReply { request_id: 0 }, Some(Point::UnexpectedReply)),
        (refused.clone(), Some(Point::RequestRefused)),
        (RejectReason::TipRefused { tip: hash, error: RemoteError::HeaderUnknown }, None),
        (RejectReason::Resetting, Some(Point::NodeResetting)),
        (RejectReason::Lagging { sink: hash }, Some(Point::NodeLags)),
        // A rejection alone is no end.
        (left.clone(), None),
        (elsewhere.clone(), None),
    ];
    let rejected = |reason| Event(L1Event::NodeRejected { node: String::new(), reason, retry_in: None });
    let fatal = |reason| Event(L1Event::Fatal(FatalError { nodes: vec![(String::new(), reason)] }));
    let mut cases = vec![
        (vec![fatal(left)], vec![Point::ConflictEnds]),
        (vec![fatal(elsewhere)], vec![Point::WrongNetworkEnds]),
        (vec![fatal(refused)], vec![]),
    ];
    cases.extend(rejections.map(|(reason, point)| (vec![rejected(reason)], Vec::from_iter(point))));
    cases
}

/// The high-water mark is 4.
fn backlog_cases() -> Vec<(Vec<Told>, Vec<Point>)> {
    let paused = || vec![Waiting(4), Add(1, 1), Waiting(0), AddAll(2..5)];
    let resumed = vec![Point::Paused, Point::ResumesAfterPause];
    vec![
        (vec![Waiting(3), AddAll(0..9)], vec![]),
        // Events without a number are not acknowledged, and wait for nobody.
        (vec![Waiting(4), synced()], vec![]),
        // Event 5 was there when the bridge paused; only event 6 shows that it fetched again.
        (then(paused(), [Add(5, 5)]), vec![Point::Paused]),
        (then(paused(), [Add(5, 5), Add(6, 6)]), resumed.clone()),
        (then(paused(), [Remove(1), Add(6, 6)]), resumed.clone()),
        (then(paused(), [Add(5, 5), Remove(1)]), vec![Point::Paused, Point::ResumesAfterPause, Point::ReorgAfterPause]),
        (vec![Waiting(4), AddAll(1..6), Waiting(0), AddAll(6..10)], resumed),
    ]
}

/// What is told, and each point that is reached as often as it is.
pub fn cases() -> Vec<(Vec<Told>, Vec<Point>)> {
    [chain_cases(), session_cases(), attempt_cases(), verdict_cases(), backlog_cases()].into_iter().flatten().collect()
}

#[test]
fn given_events_that_reach_a_point_and_near_misses_when_told_then_exactly_those_points_are_counted() {
    for (number, (told, expected)) in cases().into_iter().enumerate() {
        assert_eq!(reached(told), expected, "case {number}");
    }
}
