//! A client's side of the simulated internet: names, connections, time.

use std::{future::Future, io, rc::Rc, time::Duration};

use bridge::{Clock, NodeUrl, Transport};

use super::{World, executor::Executor, link, link::Endpoint, service};
use crate::trace::Record;

/// Address of the wRPC service of a simulated node.
pub fn node_url(node: usize) -> String {
    format!("ws://node-{node}:17510")
}

/// Connects to simulated nodes.
#[derive(Clone)]
pub struct SimTransport {
    world: Rc<World>,
}

impl SimTransport {
    /// Transport of a client in this world.
    pub fn new(world: &Rc<World>) -> Self {
        Self { world: Rc::clone(world) }
    }
}

impl Transport for SimTransport {
    type Stream = Endpoint;

    fn connect(&self, node: &NodeUrl) -> impl Future<Output = io::Result<Endpoint>> + use<> {
        let world = Rc::clone(&self.world);
        let host = node.host().to_owned();
        async move {
            let number = host.strip_prefix("node-").and_then(|number| number.parse::<usize>().ok());
            let Some(node) = number.filter(|node| *node < world.network().node_count()) else {
                return Err(io::Error::new(io::ErrorKind::NotFound, format!("no host is named {host}")));
            };
            let connection = world.new_connection(node);
            let latency = world.draw_latency(connection);
            world.executor().sleep(latency * 2).await;
            if world.refuses(node) {
                world.record(Record::ConnectionRefused { node: node as u32 });
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let (near, far, control) = link::pair(world.executor(), link::LinkProfile::good(latency));
            world.record(Record::ConnectionAccepted { node: node as u32, connection: connection as u32 });
            world.executor().spawn(service::serve(Rc::clone(&world), connection, far, control));
            Ok(near)
        }
    }
}

/// Simulated time.
#[derive(Clone)]
pub struct SimClock {
    executor: Executor,
}

impl SimClock {
    /// The clock of a client on this executor.
    pub fn new(executor: &Executor) -> Self {
        Self { executor: executor.clone() }
    }
}

impl Clock for SimClock {
    fn now(&self) -> Duration {
        self.executor.now()
    }

    fn sleep_until(&self, deadline: Duration) -> impl Future<Output = ()> + use<> {
        self.executor.sleep_until(deadline)
    }
}
