//! One kaspad process: started on free loopback ports with scaled-down consensus parameters, killed and started again at
//! will, gone with the value.

use std::{
    fs::{self, OpenOptions},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
};

use super::{client::Client, eventually};

/// Blue score below the tip at which a block is final, as in [`PARAMETERS`].
pub const FINALITY_DEPTH: u64 = 200;

/// Blue score that the pruning point is at least below the sink, as in [`PARAMETERS`].
pub const PRUNING_DEPTH: u64 = 450;

/// Consensus parameters with which a node prunes after a minute's worth of blocks instead of a day's. A page of
/// GetVirtualChainFromBlockV2 has at most 640 merged blocks. The median time window (27 samples) must lie within the
/// difficulty window (32 samples, every second block): a pruning proof brings no more headers along than that.
const PARAMETERS: &str = r#"{
    "blockrate": {
        "target_time_per_block": 100,
        "ghostdag_k": 20,
        "past_median_time_sample_rate": 2,
        "difficulty_sample_rate": 2,
        "max_block_parents": 16,
        "mergeset_size_limit": 64,
        "merge_depth": 128,
        "finality_depth": 200,
        "pruning_depth": 450,
        "coinbase_maturity": 20
    },
    "difficulty_window_size": 32,
    "min_difficulty_window_size": 16,
    "pruning_proof_m": 16,
    "skip_proof_of_work": true
}"#;

/// Ports below the range from which systems give out ports of their own accord.
const FIRST_PORT: u16 = 20_000;
const PORTS: u16 = 12_000;

/// How much of its log a node shows when a test fails.
const LOG_LINES_SHOWN: usize = 40;

/// Numbers the nodes of this test process.
static STARTED: AtomicU16 = AtomicU16::new(0);

/// A node of an isolated simnet.
pub struct Kaspad {
    name: String,
    binary: PathBuf,
    directory: PathBuf,
    rpc_port: u16,
    peer_port: u16,
    process: Option<Child>,
}

impl Kaspad {
    /// Starts a node with an empty database and waits until it answers.
    pub async fn start(binary: &Path, name: &str) -> Self {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("dagstorm-live-{}-{number}-{name}", std::process::id()));
        fs::create_dir_all(&directory).expect("the directory for temporary files can be written");
        fs::write(directory.join("params.json"), PARAMETERS).expect("the directory was made");
        let (rpc_port, peer_port) = (free_port(), free_port());
        let mut node =
            Self { name: name.to_owned(), binary: binary.to_owned(), directory, rpc_port, peer_port, process: None };
        node.launch().await;
        node
    }

    /// Starts the process on the database that is there, and waits until it answers.
    pub async fn launch(&mut self) {
        let log = OpenOptions::new().create(true).append(true).open(self.log_path()).expect("the directory was made");
        let process = Command::new(&self.binary)
            .args(["--simnet", "--nodnsseed", "--disable-upnp", "--enable-unsynced-mining", "--unsaferpc"])
            .args(["--utxoindex", "--yes", "--nogrpc", "--nologfiles", "--ram-scale=0.1"])
            .arg(format!("--override-params-file={}", self.directory.join("params.json").display()))
            .arg(format!("--appdir={}", self.directory.join("data").display()))
            .arg(format!("--rpclisten-borsh=127.0.0.1:{}", self.rpc_port))
            .arg(format!("--listen={}", self.peer_address()))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be opened twice"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("KASPAD names {}, which cannot be run: {error}", self.binary.display()));
        self.process = Some(process);
        eventually(&format!("node {} to answer", self.name), async || {
            let process = self.process.as_mut().expect("it was just started");
            if let Some(status) = process.try_wait().expect("the process is a child of this one") {
                panic!("{} ended by itself with {status}", self.binary.display());
            }
            Client::connect(self.rpc_port).await.map(drop)
        })
        .await;
    }

    /// SIGKILL: the node has no chance to store or to say anything.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let killed = process.kill().and_then(|()| process.wait());
            assert!(killed.is_ok(), "node {} cannot be killed: {killed:?}", self.name);
        }
    }

    /// A connection of the test's own.
    pub async fn client(&self) -> Client {
        Client::connect(self.rpc_port).await.unwrap_or_else(|error| panic!("node {}: {error}", self.name))
    }

    /// Where a bridge finds it.
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.rpc_port)
    }

    /// Where other nodes find it.
    pub fn peer_address(&self) -> String {
        format!("127.0.0.1:{}", self.peer_port)
    }

    fn log_path(&self) -> PathBuf {
        self.directory.join("log")
    }
}

impl Drop for Kaspad {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself; nothing more can be done about anything else.
            let _ = process.kill().and_then(|()| process.wait());
        }
        if std::thread::panicking() {
            let log = fs::read_to_string(self.log_path()).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n");
            eprintln!("--- end of the log of node {} ---\n{tail}", self.name);
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A port on which nothing listens. Each is given out once; two test processes begin at different places.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let offset = u16::try_from(std::process::id() % 997).expect("a remainder is below its divisor") * 12;
    for _ in 0..PORTS {
        let number = offset.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS;
        let port = FIRST_PORT + number;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port from {FIRST_PORT} on is free");
}
