//! `dagstorm follow`: the shipped bridge against a real node, on the real runtime.
//!
//! Standard output has events and nothing else; what the command does is told on standard error. An event is
//! acknowledged only when it was printed and, with a store, the checkpoint after it was stored.

mod consumer;
mod error;
mod json;
mod lines;
mod progress;
mod settings;
mod stop;
mod store;
mod text;

use std::{io, path::PathBuf};

use bridge::{Checkpoint, Config, L1Bridge, NodeUrl, wire::Network};
use clap::{ArgAction, Args};
use tokio::runtime::{Builder, Runtime};

use self::{
    consumer::{Consumer, Record},
    error::FollowError,
    lines::Lines,
    settings::{PayloadPrefix, Start, Subnetwork},
    store::Store,
};
use super::output::{self, Tone};

const AFTER_HELP: &str = "\
Output: one line for each event; with --json one object a line. `event` is the name of the event, the other fields are
  those of `bridge::L1Event`: hashes, subnetworks and payloads in hex, a block as {hash, index, blue_score}, times in
  milliseconds (`retry_in_ms`), a reason as {kind, message}, accepted transactions in order of acceptance as
  {id, acceptance_index, subnetwork_id, payload}. Status, progress and errors go to standard error.

Nodes: kaspad opens no Borsh port unless told to, for mainnet with `kaspad --rpclisten-borsh=127.0.0.1:17110`.

Start: a store that has a checkpoint decides where the events go on; --from is for the first start and not looked at then,
  so that one command line does for both. Without --from the first start is at the node's pruning point: about 30
  hours of chain come first on mainnet and testnets.

Numbers: BlockAdded, Reorg and Finalized carry `sequence`, 1, 2, 3, ... without a gap, also from one process to the next
  with --store. The checkpoint is stored after the events are printed. If a process is killed between the two, the next one
  prints the events since the last checkpoint again: the same numbers, and after a reorg in the meantime other content. What
  comes last for a number counts. After Ctrl-C nothing comes again.

Output that lasts: with --store, events printed to a regular file (`>> FILE`) are on its disk before the checkpoint that
  counts them. Of a pipe or terminal the checkpoint counts what was written to it: what its reader loses does not come again.
  A kill may cut the last line off. The next process begins with a line feed if it finds such a file so and may read it; in a
  pipe its first line is joined to the cut one.

Files: beside --store PATH stays PATH.lock, which keeps a second process out; PATH.new is there while PATH is replaced.

Examples:
  dagstorm follow --url ws://127.0.0.1:17110 --network mainnet --from tip
  dagstorm follow --url ws://a:17210 --url ws://b:17210 --network testnet-10 --store chain.l1cp --json >> chain.jsonl
  dagstorm follow --url ws://127.0.0.1:17510 --network simnet --finality-depth 432000 --json | jq .event

Exit codes: 0 stopped by Ctrl-C, SIGTERM or the reader of its output, 1 cannot print or store, 2 usage, also a store that
  cannot be used, 20 no node can be followed, 101 panic, 130 or 143 stopped at once by a second Ctrl-C or SIGTERM.";

/// What `dagstorm follow` is told.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct FollowArguments {
    /// A node's wRPC Borsh address, ws://host:port or wss://host; repeat in order of preference.
    #[arg(long, required = true, value_name = "URL")]
    url: Vec<NodeUrl>,
    /// The network of the nodes: mainnet, testnet-NUMBER, simnet or devnet.
    #[arg(long, value_name = "NET")]
    network: Network,
    /// File that keeps where the events ended, to go on from there; one process at a time.
    #[arg(long, value_name = "PATH")]
    store: Option<PathBuf>,
    /// Where to begin: pruning-point (the default), tip, or the hash of a chain block. A store goes first.
    #[arg(long, value_name = "START")]
    from: Option<Start>,
    /// Print a chain block once the sink's blue score exceeds its own by more than this.
    #[arg(long, value_name = "N", default_value_t = 0)]
    confirmations: u64,
    /// Blue score below the tip at which a block is final; known for mainnet and testnets, needed for others.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    finality_depth: Option<u64>,
    /// Print only accepted transactions whose payload begins so; repeat for several prefixes.
    #[arg(long, value_name = "HEX")]
    payload_prefix: Vec<PayloadPrefix>,
    /// Print only accepted transactions of this subnetwork (40 hex digits); repeat for several.
    #[arg(long, value_name = "HEX")]
    subnetwork: Vec<Subnetwork>,
    /// Trust these certificates (PEM) too, for wss:// nodes with one of their own.
    #[arg(long, value_name = "FILE")]
    trust_certificate: Vec<PathBuf>,
    /// Print one JSON object a line for each event.
    #[arg(long)]
    json: bool,
    /// Tell on standard error what the bridge does.
    #[arg(short, long, action = ArgAction::SetTrue)]
    verbose: bool,
}

/// Follows until it is told to stop.
pub fn follow(arguments: &FollowArguments) -> u8 {
    let Err(error) = run(arguments) else { return 0 };
    if let Some(sentence) = error.sentence() {
        output::error(&sentence);
    }
    error.exit_code()
}

fn run(arguments: &FollowArguments) -> Result<(), FollowError> {
    let config = settings::config(arguments)?;
    let store = arguments.store.as_deref().map(Store::open).transpose()?;
    let checkpoint = store.as_ref().map(|store| store.load(config.network)).transpose()?.flatten();
    let lines = Lines::of_stdout().map_err(FollowError::Print)?;
    if arguments.verbose {
        tell_what_the_bridge_does();
    }
    // The bridge has a thread of its own: it answers the node's pings while this one waits for the reader or the disk.
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(FollowError::Runtime)?;
    let outcome = follow_on(&runtime, arguments, config, lines, store, checkpoint.as_ref());
    // Without waiting: the system may still be looking up a host name.
    runtime.shutdown_background();
    outcome
}

fn follow_on(
    runtime: &Runtime,
    arguments: &FollowArguments,
    config: Config,
    lines: Lines,
    store: Option<Store>,
    checkpoint: Option<&Checkpoint>,
) -> Result<(), FollowError> {
    let _inside = runtime.enter();
    let mut stop = stop::listen(runtime).map_err(FollowError::Runtime)?;
    let network = config.network;
    let bridge = match checkpoint {
        None => L1Bridge::start(config)?,
        Some(checkpoint) => L1Bridge::resume(config, checkpoint, None)?,
    };
    tell_beginning(arguments, checkpoint);
    let record = store.map(|store| Record::new(store, network, checkpoint));
    let mut consumer = Consumer::new(bridge, lines, arguments.json, record, !arguments.verbose);
    runtime.block_on(consumer.follow(&mut stop))
}

fn tell_beginning(arguments: &FollowArguments, checkpoint: Option<&Checkpoint>) {
    let nodes: Vec<&str> = arguments.url.iter().map(NodeUrl::as_str).collect();
    output::status(Tone::Good, "Following", &format!("{} through {}", arguments.network, nodes.join(", ")));
    let Some(checkpoint) = checkpoint else { return };
    let (sequence, tip) = (checkpoint.sequence(), checkpoint.tip());
    let unused = if arguments.from.is_some() { "; --from is for the first start and not looked at" } else { "" };
    let text = format!("after event {sequence} at {} index {}{unused}", tip.hash, tip.index);
    output::status(Tone::Good, "Resuming", &text);
}

/// Prints what the bridge traces. A process that has a subscriber already keeps it.
fn tell_what_the_bridge_does() {
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG);
    let _ = subscriber.with_writer(io::stderr).with_ansi(false).try_init();
}
