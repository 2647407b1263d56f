//! The same client over real TCP: the model node's service on a loopback socket, followed by `L1Bridge::start`.
//!
//! Everything but the node is real here: tokio, sockets, WebSocket frames, the operating system's clock.

#![expect(clippy::disallowed_methods, reason = "the point of this test is real time")]

use std::{cell::RefCell, collections::VecDeque, rc::Rc, time::Duration};

use bridge::{Config, L1Bridge, L1Event, wire::Network as NetworkName, wire::Request};
use futures_util::{SinkExt, StreamExt};
use scenarios::{
    check::{self, Checker, Context, matches_node},
    consumer::Replica,
    plan::PlannedBridge,
    scenario::Scenario,
};
use sim::{
    network::{Network, StepKind},
    node::{Answer, Subscriptions},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tokio_tungstenite::{accept_async, tungstenite::Message};

const NODE: usize = 0;

/// Simulated seconds of L1 that the test lives through, as fast as it can.
const STORM_SECONDS: u64 = 60;

/// The L1 and what waits to be sent on the one connection.
struct Model {
    network: RefCell<Network>,
    subscriptions: RefCell<Subscriptions>,
    outbox: RefCell<VecDeque<Vec<u8>>>,
    changed: Notify,
}

impl Model {
    /// Lets one event of the L1 happen; false when it is at rest.
    fn step(&self) -> bool {
        let mut network = self.network.borrow_mut();
        let step = network.step().expect("the L1 has room for its blocks");
        let Some(step) = step else { return false };
        let change = match &step.what {
            StepKind::BlockMined { node: NODE, change, .. } => Some(change),
            StepKind::BlockArrived { node: NODE, change, .. } => change.as_ref(),
            _ => None,
        };
        if let Some(change) = change {
            let frames = network.notifications(NODE, change, &self.subscriptions.borrow());
            self.outbox.borrow_mut().extend(frames);
            self.changed.notify_one();
        }
        true
    }

    /// Serves one connection until it ends or `requests` requests were answered.
    async fn serve(&self, stream: TcpStream, requests: usize) {
        let mut socket = accept_async(stream).await.expect("the bridge speaks WebSocket");
        *self.subscriptions.borrow_mut() = Subscriptions::default();
        let mut served = 0;
        while served < requests {
            let notification = self.outbox.borrow_mut().pop_front();
            if let Some(frame) = notification {
                if socket.send(Message::Binary(frame.into())).await.is_err() {
                    return;
                }
                continue;
            }
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                message = socket.next() => {
                    let Some(Ok(Message::Binary(frame))) = message else { return };
                    let (_, request) = Request::parse(&frame).expect("the bridge sends well-formed requests");
                    let answer = self.network.borrow_mut().answer_frame(NODE, &frame);
                    let Answer::Reply(reply) = answer else { panic!("the bridge asks only what a node answers") };
                    if let Request::Subscribe(scope) = &request {
                        self.subscriptions.borrow_mut().apply(scope, true);
                    }
                    served += 1;
                    if served < requests && socket.send(Message::Binary(reply.into())).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// What the consumer rebuilt and how often it was connected.
struct Consumer {
    replica: Replica,
    checkers: Vec<Box<dyn Checker>>,
    sessions: u64,
}

impl Consumer {
    fn take_in(&mut self, event: &L1Event, network: &Network, bridge: &PlannedBridge) {
        // Time and sinks are the simulation's: the checkers that need them are not asked here.
        let (sinks, chain_requests, now) = (&[][..], 0, Duration::ZERO);
        let context = Context { replica: &self.replica, network, sinks, bridge, chain_requests, now };
        for checker in self.checkers.iter_mut().filter(|checker| !["guarantee", "economy"].contains(&checker.name())) {
            if let Err(message) = checker.on_event(event, context) {
                panic!("{}: {message}", checker.name());
            }
        }
        self.sessions += u64::from(matches!(event, L1Event::Connected { .. }));
        self.replica.apply(event);
    }
}

#[tokio::test]
async fn given_a_node_on_a_real_socket_when_followed_through_lost_connections_then_nothing_is_missed() {
    let plan = Scenario::Reorg.plan(7, STORM_SECONDS);
    let network = Network::new(plan.network()).expect("the scenario makes a possible network");
    let model = Rc::new(Model {
        network: RefCell::new(network),
        subscriptions: RefCell::default(),
        outbox: RefCell::default(),
        changed: Notify::new(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("the listener is bound");

    let mut config = Config::new(NetworkName::SIMNET, [format!("ws://{address}").as_str()]).expect("well formed");
    config.finality_depth = Some(plan.parameters.finality_depth);
    config.backoff_min = Duration::from_millis(5);
    let mut bridge = L1Bridge::start(config).expect("the settings are complete");

    let mut consumer =
        Consumer { replica: Replica::default(), checkers: check::all(plan.parameters.finality_depth), sessions: 0 };
    let follow = async {
        loop {
            let event = bridge.next().await.expect("the bridge has no reason to end");
            consumer.take_in(&event, &model.network.borrow(), &plan.bridges[0]);
            if let Some(sequence) = event.sequence() {
                bridge.ack(sequence).expect("the event was delivered");
            }
            let network = model.network.borrow();
            let sink = network.store().dag().hash(network.node(NODE).sink());
            if network.is_quiet() && consumer.replica.tip().is_some_and(|tip| tip.hash == sink) {
                return;
            }
        }
    };
    let serve = async {
        // The first connections die while a request is in flight, in the handshake and later.
        for requests in [2, 7, 12, 20, usize::MAX] {
            let (stream, _) = listener.accept().await.expect("the listener stands");
            model.serve(stream, requests).await;
        }
    };
    let happen = async {
        // Far faster than life, but slow enough that every session sees the chain move.
        while (0..10).all(|_| model.step()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let everything = async {
        tokio::select! {
            () = follow => {}
            ((), ()) = async { tokio::join!(serve, happen) } => panic!("the node stopped serving"),
        }
    };
    tokio::time::timeout(Duration::from_secs(60), everything).await.expect("the bridge arrives in time");

    assert_eq!(matches_node::check(&consumer.replica, &model.network.borrow(), NODE), Ok(()));
    assert_eq!(consumer.sessions, 5);
    assert!(consumer.replica.max_reorg_depth >= 20, "deepest reorg {}", consumer.replica.max_reorg_depth);
    assert!(consumer.replica.finalized.is_some());
}
