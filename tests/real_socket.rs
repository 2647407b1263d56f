//! The same client over real TCP: the model node's service on a loopback socket, followed by `L1Bridge::start`.
//!
//! Everything but the node is real here: tokio, sockets, WebSocket frames, the operating system's clock.

#![expect(clippy::disallowed_methods, reason = "the point of this test is real time")]

use std::{cell::RefCell, collections::VecDeque, rc::Rc, time::Duration};

use bridge::{
    Config, L1Bridge, L1Event,
    wire::{Network as NetworkName, Operation, Request},
};
use futures_util::{SinkExt, StreamExt};
use scenarios::{
    check::{self, Checker, Context},
    consumer::Replica,
    oracle::{Walk, outcome::Rest},
    plan::Plan,
    scenario::Scenario,
};
use sim::{
    network::Network,
    node::{Answer, Subscriptions},
    world::{ChainAnswer, Counters},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tokio_tungstenite::{accept_async, tungstenite::Message};

const NODE: usize = 0;

/// Simulated seconds of L1 that the test lives through, as fast as it can.
const STORM_SECONDS: u64 = 60;

/// How long nothing must come before the consumer has everything.
const SETTLING_TIME: Duration = Duration::from_millis(200);

/// The L1 and what waits to be sent on the one connection.
struct Model {
    network: RefCell<Network>,
    subscriptions: RefCell<Subscriptions>,
    outbox: RefCell<VecDeque<Vec<u8>>>,
    /// What was true when chain requests were answered; time stands still here.
    answers: RefCell<Vec<ChainAnswer>>,
    changed: Notify,
}

impl Model {
    /// Lets one event of the L1 happen; false when it is at rest.
    fn step(&self) -> bool {
        let mut network = self.network.borrow_mut();
        let step = network.step().expect("the L1 has room for its blocks");
        let Some(step) = step else { return false };
        if let Some((NODE, change)) = &step.resolved {
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
                    if request.operation() == Operation::GetVirtualChainFromBlockV2 {
                        let sink = self.network.borrow().node(NODE).sink();
                        let answer = ChainAnswer { at: Duration::ZERO, node: NODE as u32, sink };
                        self.answers.borrow_mut().push(answer);
                    }
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
    oracle: Walk,
    checkers: Vec<Box<dyn Checker>>,
    sessions: u64,
}

impl Consumer {
    fn take_in(&mut self, event: &L1Event, model: &Model, plan: &Plan) {
        let new_tip = match event {
            L1Event::BlockAdded(added) => Some(added.block.hash),
            L1Event::Reorg(reorg) => Some(reorg.fork.hash),
            _ => None,
        };
        if let Some(new_tip) = new_tip {
            let network = model.network.borrow();
            let block = network.store().dag().id(&new_tip).expect("the bridge follows this L1");
            self.oracle.go_to(network.store(), block);
        }
        self.ask(model, plan, None, |checker, context| checker.on_event(event, context));
        self.sessions += u64::from(matches!(event, L1Event::Connected { .. }));
        self.replica.apply(event);
    }

    fn acknowledge(&mut self, sequence: u64, model: &Model, plan: &Plan) {
        self.ask(model, plan, None, |checker, context| checker.on_acknowledged(sequence, context));
    }

    fn check_at_rest(&mut self, model: &Model, plan: &Plan) {
        let rest = Rest::new(plan, 0, &model.network.borrow(), &[], true);
        self.oracle.go_to(model.network.borrow().store(), rest.sink);
        self.ask(model, plan, Some(&rest), |checker, context| checker.at_rest(context));
    }

    fn ask(
        &mut self,
        model: &Model,
        plan: &Plan,
        rest: Option<&Rest>,
        question: impl Fn(&mut dyn Checker, Context<'_>) -> Result<(), String>,
    ) {
        let context = Context {
            replica: &self.replica,
            oracle: &self.oracle,
            rest,
            machine: None,
            network: &model.network.borrow(),
            sinks: &[],
            answers: &model.answers.borrow(),
            bridge: &plan.bridges[0],
            counters: Counters::default(),
            waiting: 0,
            stream_over: false,
            now: Duration::ZERO,
        };
        for checker in &mut self.checkers {
            if let Err(message) = question(checker.as_mut(), context) {
                panic!("{}: {message}", checker.name());
            }
        }
    }
}

#[tokio::test]
async fn given_a_node_on_a_real_socket_when_followed_through_lost_connections_then_nothing_is_missed() {
    let mut plan = Scenario::Reorg.plan(7, STORM_SECONDS);
    plan.bridges[0].backoff_min_ms = 5;
    let network = Network::new(plan.network()).expect("the scenario makes a possible network");
    let model = Rc::new(Model {
        network: RefCell::new(network),
        subscriptions: RefCell::default(),
        outbox: RefCell::default(),
        answers: RefCell::default(),
        changed: Notify::new(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("the listener is bound");

    let mut config = Config::new(NetworkName::SIMNET, [format!("ws://{address}").as_str()]).expect("well formed");
    config.finality_depth = Some(plan.parameters.finality_depth);
    config.backoff_min = Duration::from_millis(plan.bridges[0].backoff_min_ms);
    let mut bridge = L1Bridge::start(config).expect("the settings are complete");

    let mut consumer = Consumer {
        replica: Replica::default(),
        oracle: Walk::new(),
        // Announced pauses are those of simulated time, which does not pass here.
        checkers: check::all(&plan, 0).into_iter().filter(|checker| checker.name() != "rate").collect(),
        sessions: 0,
    };
    let follow = async {
        loop {
            // What follows the last block, as that another became final, comes at once.
            let Ok(event) = tokio::time::timeout(SETTLING_TIME, bridge.next()).await else {
                let network = model.network.borrow();
                let sink = network.store().dag().hash(network.node(NODE).sink());
                if network.is_quiet() && consumer.replica.tip().is_some_and(|tip| tip.hash == sink) {
                    return;
                }
                continue;
            };
            let event = event.expect("the bridge has no reason to end");
            consumer.take_in(&event, &model, &plan);
            if let Some(sequence) = event.sequence() {
                bridge.ack(sequence).expect("the event was delivered");
                consumer.acknowledge(sequence, &model, &plan);
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

    consumer.check_at_rest(&model, &plan);
    assert_eq!(consumer.sessions, 5);
    assert!(consumer.replica.max_reorg_depth >= 20, "deepest reorg {}", consumer.replica.max_reorg_depth);
    assert!(consumer.replica.finalized.is_some());
}
