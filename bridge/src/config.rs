//! What a bridge is told before it starts, checked once.

use std::{fmt, str::FromStr, time::Duration};

use kaspa_hashes::Hash;
use thiserror::Error;
use tokio_tungstenite::tungstenite::http::Uri;

use crate::{
    client,
    filter::Filter,
    window::WindowError,
    wire::{Network, NetworkKind},
};

/// Finality depth, in blue score, of the public 10 blocks per second networks: 12 hours of blocks
/// (`kaspa_consensus_core::config::bps::Bps::<10>::finality_depth`).
pub const PUBLIC_NETWORK_FINALITY_DEPTH: u64 = 432_000;

/// Port of a `wss://` address that names none, as for `https://`.
const DEFAULT_TLS_PORT: u16 = 443;

/// Longest interval that may be configured, a year: sums of times stay far from overflow.
const LONGEST_INTERVAL: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Settings of one bridge. [`Config::new`] gives the defaults; every field may be changed before the start.
#[derive(Clone, Debug)]
pub struct Config {
    /// The network every node must be on.
    pub network: Network,
    /// Nodes in order of preference; one session at a time.
    pub nodes: Vec<NodeUrl>,
    /// Blue score distance from the tip at which a chain block is final. No RPC tells it, so it must be given for
    /// networks other than mainnet and testnet.
    pub finality_depth: Option<u64>,
    /// Where a bridge without history begins. One that resumes goes on from its checkpoint.
    pub start: StartAt,
    /// Chain blocks are delivered once the sink's blue score exceeds theirs by more than this; 0 follows the sink.
    pub confirmations: u64,
    /// Which accepted transactions events carry.
    pub filter: Filter,
    /// Longest time between two fetches of a synced bridge; covers lost notifications.
    pub poll_interval: Duration,
    /// Longest time for the TCP connection and the handshakes of TLS and WebSocket together.
    pub connect_timeout: Duration,
    /// Longest time for one reply. It must be enough for the smallest to which a page can be cut: a step of 514 blue score at
    /// [`Verbosity::Low`](crate::wire::Verbosity::Low), with all transactions accepted in it and the blocks that it removes. A
    /// node over a line that needs longer is asked again and again, events say so, and the bridge does not advance with it.
    pub request_timeout: Duration,
    /// A session without any frame, and without a request in flight, for this long is closed.
    pub silence_timeout: Duration,
    /// Longest time that the end of the stream waits for the node to agree to the end of the connection, after
    /// [`L1Bridge::shutdown`](crate::L1Bridge::shutdown), `Fatal`, or when the bridge is dropped. Zero waits for nothing.
    pub shutdown_timeout: Duration,
    /// Certificates, in DER, of authorities that may vouch for a `wss://` node in addition to the public ones: that of a
    /// private authority, or a node's own self-signed one.
    pub trusted_certificates: Vec<Vec<u8>>,
    /// A node that answers and whose chain has not moved for this long is left for another, if there is one. The default of
    /// ten minutes is what a node itself takes for too old a sink (`kaspa_p2p_mining::rule_engine`).
    pub stall_timeout: Duration,
    /// Pause after the first failed attempt; doubles with each further one.
    pub backoff_min: Duration,
    /// Longest pause between attempts.
    pub backoff_max: Duration,
    /// Unacknowledged sequenced events at which fetching pauses.
    pub high_water_mark: u64,
    /// Largest WebSocket message accepted, in bytes. The removed list of one reply alone can reach 34 MB.
    pub message_limit_bytes: usize,
    /// Seed of the back-off jitter, the only random draw of a bridge.
    pub seed: u64,
}

impl Config {
    /// The defaults for a bridge to `network` through `nodes` (`ws://host:port` or `wss://host`, in order of preference).
    ///
    /// # Errors
    /// The first node that is not a usable WebSocket address.
    pub fn new<'a>(network: Network, nodes: impl IntoIterator<Item = &'a str>) -> Result<Self, ConfigError> {
        let nodes = nodes.into_iter().map(str::parse).collect::<Result<Vec<_>, _>>()?;
        let finality_depth = match network.kind {
            NetworkKind::Mainnet | NetworkKind::Testnet => Some(PUBLIC_NETWORK_FINALITY_DEPTH),
            NetworkKind::Devnet | NetworkKind::Simnet => None,
        };
        Ok(Self {
            network,
            nodes,
            finality_depth,
            start: StartAt::PruningPoint,
            confirmations: 0,
            filter: Filter::default(),
            poll_interval: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            silence_timeout: Duration::from_secs(15),
            shutdown_timeout: Duration::from_secs(1),
            trusted_certificates: Vec::new(),
            stall_timeout: Duration::from_secs(600),
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(30),
            high_water_mark: 4_096,
            message_limit_bytes: 256 << 20,
            seed: 0,
        })
    }

    /// Checks what no single field can tell, and returns the finality depth in blue score.
    pub(crate) fn check(&self) -> Result<u64, ConfigError> {
        if self.nodes.is_empty() {
            return Err(ConfigError::NoNodes);
        }
        for (field, value) in [
            ("poll_interval", self.poll_interval),
            ("connect_timeout", self.connect_timeout),
            ("request_timeout", self.request_timeout),
            ("silence_timeout", self.silence_timeout),
            ("stall_timeout", self.stall_timeout),
            ("backoff_min", self.backoff_min),
            ("backoff_max", self.backoff_max),
        ] {
            if value.is_zero() {
                return Err(ConfigError::Zero { field });
            }
            within_longest(field, value)?;
        }
        within_longest("shutdown_timeout", self.shutdown_timeout)?;
        if self.high_water_mark == 0 {
            return Err(ConfigError::Zero { field: "high_water_mark" });
        }
        if self.message_limit_bytes == 0 {
            return Err(ConfigError::Zero { field: "message_limit_bytes" });
        }
        if self.backoff_min > self.backoff_max {
            return Err(ConfigError::BackoffReversed { min: self.backoff_min, max: self.backoff_max });
        }
        client::trusted_roots(&self.trusted_certificates)?;
        match self.finality_depth {
            Some(0) => Err(ConfigError::Zero { field: "finality_depth" }),
            Some(depth) => Ok(depth),
            None => Err(ConfigError::FinalityDepthUnknown { network: self.network }),
        }
    }
}

fn within_longest(field: &'static str, value: Duration) -> Result<(), ConfigError> {
    if value > LONGEST_INTERVAL { Err(ConfigError::TooLong { field, longest: LONGEST_INTERVAL }) } else { Ok(()) }
}

/// Where a bridge without history begins. The block chosen becomes index 0 and is not announced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartAt {
    /// This block, which must be on the node's selected chain and above its pruning point. It is never replaced by
    /// another. A block that is at least [`Config::finality_depth`] below the sink is as safe as the pruning point; a newer
    /// one may leave the chain as [`StartAt::Sink`] may.
    Hash(Hash),
    /// The oldest chain block from which the node serves history. It is final, so no reorg reaches it.
    #[default]
    PruningPoint,
    /// The node's present sink: nothing older is delivered. A sink is not final: a reorg within the first blocks may go
    /// below it. Before the first event another sink is chosen then. Afterwards every session ends in
    /// [`RejectReason::AnchorLeft`](crate::RejectReason::AnchorLeft) until the network returns to the anchor, which it
    /// may never do; the remedy is a new bridge, which loses what the old one delivered in those first minutes. Where
    /// that matters, start at the pruning point or at a deep [`StartAt::Hash`].
    Sink,
}

/// The address of a node's wRPC Borsh service: `ws://host:port`, or `wss://host:port` with TLS, where the port may be
/// left out. A path is sent in the WebSocket handshake, for proxies that look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeUrl {
    text: String,
    is_secure: bool,
    host: String,
    port: u16,
}

impl NodeUrl {
    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Host name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// TCP port; 443 for a `wss://` address without one.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the connection is encrypted and the node's certificate verified: `wss://`.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }
}

impl fmt::Display for NodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for NodeUrl {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let bad = |problem| ConfigError::BadUrl { url: text.to_owned(), problem };
        let uri: Uri = text.parse().map_err(|_| bad(UrlProblem::NotAUrl))?;
        let is_secure = match uri.scheme_str() {
            Some("ws") => false,
            Some("wss") => true,
            _ => return Err(bad(UrlProblem::NotWebSocket)),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| bad(UrlProblem::NoHost))?;
        // What is not a port at all is not to be taken for one that was left out.
        let is_left_out =
            is_secure && uri.authority().and_then(|authority| authority.as_str().rsplit('@').next()) == Some(host);
        let port = if is_left_out { Some(DEFAULT_TLS_PORT) } else { uri.port_u16() };
        let port = port.filter(|port| *port != 0).ok_or_else(|| bad(UrlProblem::NoPort))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if is_secure && !client::is_verifiable_host(&host) {
            return Err(bad(UrlProblem::NotVerifiable));
        }
        Ok(Self { text: text.to_owned(), is_secure, host, port })
    }
}

/// What is wrong with a node's address.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlProblem {
    /// There is no host in it.
    #[error("it names no host")]
    NoHost,
    /// There is no port in it.
    #[error("it names no port (wRPC Borsh: 17110 mainnet, 17210 testnet, 17510 simnet, 17610 devnet)")]
    NoPort,
    /// It cannot be parsed.
    #[error("it is not a URL")]
    NotAUrl,
    /// Another scheme, or none.
    #[error("its scheme is neither ws:// nor wss://")]
    NotWebSocket,
    /// With `wss://`, a host to which no certificate can be issued.
    #[error("no certificate can name its host")]
    NotVerifiable,
}

/// Settings with which a bridge cannot start. Nothing was sent to any node.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The back-off would shrink.
    #[error("backoff_min ({min:?}) is longer than backoff_max ({max:?})")]
    BackoffReversed {
        /// The configured first pause.
        min: Duration,
        /// The configured longest pause.
        max: Duration,
    },
    /// An additional certificate that cannot be trusted, because it is not a certificate in DER.
    #[error("trusted certificate number {position} is not a DER certificate: {message}")]
    BadCertificate {
        /// Position in [`Config::trusted_certificates`].
        position: usize,
        /// What is wrong with it.
        message: String,
    },
    /// A node address that cannot be used.
    #[error("node address '{url}' cannot be used: {problem}; expected ws://host:port or wss://host")]
    BadUrl {
        /// The address as given.
        url: String,
        /// What is wrong with it.
        problem: UrlProblem,
    },
    /// The checkpoint is of another network.
    #[error("the checkpoint is of {found}, the configured network is {configured}")]
    CheckpointNetwork {
        /// The configured network.
        configured: Network,
        /// The network of the checkpoint.
        found: Network,
    },
    /// No RPC tells the finality depth of this network.
    #[error("the finality depth of {network} is not known: set finality_depth to the network's own value")]
    FinalityDepthUnknown {
        /// The configured network.
        network: Network,
    },
    /// The list of nodes is empty.
    #[error("no node address is configured")]
    NoNodes,
    /// An interval that no one would live to see the end of.
    #[error("{field} is longer than {longest:?}")]
    TooLong {
        /// Name of the field of [`Config`].
        field: &'static str,
        /// The longest interval that is accepted.
        longest: Duration,
    },
    /// The window given with a checkpoint is not the checkpoint's chain.
    #[error("cannot resume: {0}")]
    Window(#[from] WindowError),
    /// A value that must not be zero.
    #[error("{field} must not be zero")]
    Zero {
        /// Name of the field of [`Config`].
        field: &'static str,
    },
}
