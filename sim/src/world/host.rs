//! A client's side of the simulated internet: names, connections, time.

use std::{
    future::{Future, pending},
    io,
    rc::Rc,
    time::Duration,
};

use bridge::{Clock, NodeUrl, Transport};
use tokio::io::AsyncWriteExt;

use super::{World, executor::Executor, interposer::AttemptFate, link, link::Endpoint, service};
use crate::trace::Record;

/// Address of the wRPC service of a simulated node.
pub fn node_url(node: usize) -> String {
    format!("ws://node-{node}:17510")
}

/// What a proxy says whose node is away.
const BAD_GATEWAY: &[u8] = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Connects to simulated nodes.
#[derive(Clone)]
pub struct SimTransport {
    world: Rc<World>,
    client: u32,
}

impl SimTransport {
    /// Transport of client number `client` in this world.
    pub fn new(world: &Rc<World>, client: u32) -> Self {
        Self { world: Rc::clone(world), client }
    }
}

impl Transport for SimTransport {
    type Stream = Endpoint;

    fn connect(&self, node: &NodeUrl) -> impl Future<Output = io::Result<Endpoint>> + use<> {
        let (world, client) = (Rc::clone(&self.world), self.client);
        let host = node.host().to_owned();
        async move {
            let number = host.strip_prefix("node-").and_then(|number| number.parse::<usize>().ok());
            let Some(node) = number.filter(|node| *node < world.network().node_count()) else {
                return Err(io::Error::new(io::ErrorKind::NotFound, format!("no host is named {host}")));
            };
            let connection = world.new_connection(client, node);
            let (attempt, fate) = world.fate_of_attempt(client, node);
            let latency = world.draw_latency(client, attempt);
            world.executor().sleep(latency * 2).await;
            let is_up = !world.network().is_down(node);
            match fate {
                AttemptFate::Accept | AttemptFate::AcceptThenClose if !is_up => {
                    world.record(Record::ConnectionRefused { node: node as u32 });
                    Err(io::ErrorKind::ConnectionRefused.into())
                }
                AttemptFate::Refuse => {
                    world.record(Record::ConnectionRefused { node: node as u32 });
                    Err(io::ErrorKind::ConnectionRefused.into())
                }
                AttemptFate::Hang => pending().await,
                AttemptFate::NotFound => {
                    Err(io::Error::new(io::ErrorKind::NotFound, format!("no host is named {host}")))
                }
                AttemptFate::Unreachable => Err(io::ErrorKind::HostUnreachable.into()),
                AttemptFate::BadGateway => {
                    let (near, mut far, _) = link::pair(world.executor(), link::LinkProfile::good(latency));
                    // It fits the link's capacity, so that nothing waits; the far side closes when it is dropped.
                    far.write_all(BAD_GATEWAY).await?;
                    Ok(near)
                }
                AttemptFate::AcceptThenClose => {
                    let (near, far, _) = link::pair(world.executor(), link::LinkProfile::good(latency));
                    drop(far);
                    Ok(near)
                }
                AttemptFate::Accept => {
                    let (near, far, control) = link::pair(world.executor(), link::LinkProfile::good(latency));
                    world.record(Record::ConnectionAccepted { node: node as u32, connection: connection as u32 });
                    let session = world.next_session(client);
                    let serving = service::serve(Rc::clone(&world), connection, session, far, control);
                    world.executor().spawn(serving);
                    Ok(near)
                }
            }
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
