//! `dagstorm follow`: the shipped bridge and, with a store, the state machine against a real node, on the real runtime.
//!
//! Standard output has events and nothing else; what the command does is told on standard error. An event is
//! acknowledged only when it was printed and, with a store, executed and stored together with the checkpoint after it.

mod consumer;
mod error;
mod genesis;
mod json;
mod lines;
mod progress;
mod settings;
mod source;
pub(super) mod stop;
mod store;
mod tally;
mod text;

use std::{io, path::PathBuf};

use bridge::{Config, Filter, L1Bridge, NodeUrl, wire::Network};
use clap::{ArgAction, Args};
use state::Machine;
use tokio::runtime::{Builder, Runtime};

use self::{
    consumer::{Consumer, Style},
    error::FollowError,
    lines::Lines,
    settings::{PayloadPrefix, Receipts, Start, Subnetwork},
    source::{Source, Stored},
};
use super::output::{self, Tone};

const AFTER_HELP: &str = "\
Output: one line for each event; with --json one object a line. `event` is the name of the event, the other fields are
  those of `bridge::L1Event`: hashes, subnetworks and payloads in hex, a block as {hash, index, blue_score}, times in
  milliseconds (`retry_in_ms`), a reason as {kind, message}, accepted transactions in order of acceptance as
  {id, acceptance_index, subnetwork_id, payload}. Status, progress and errors go to standard error.

Nodes: kaspad opens no Borsh port unless told to, for mainnet with `kaspad --rpclisten-borsh=127.0.0.1:17110`.

State machine: --store PATH executes accepted transactions whose payload begins with DSTX on the programs of the state crate
  (ledger, charging, delivery, insurance; Schnorr signatures over the state machine's identity, told at the start).
  It sees every transaction, whatever --payload-prefix and --subnetwork leave of the output. What became of them is known
  after they are stored, so that it is told on standard error: a count at the end, with -v a line for each. The count has
  what a reorg took back, too; the store has the receipts of the present chain.

Genesis: --genesis FILE is TOML with `[[mint]]`, `key = \"64 hex digits\"` and `amount = 1000` for each key that begins with
  money; an amount above 2^63 - 1 is written as text. A store belongs to its genesis and takes no other one.

Start: a store that has events decides where they go on; --from is for the first start and not looked at then,
  so that one command line does for both. Without --from the first start is at the node's pruning point: about 30
  hours of chain come first on mainnet and testnets.
  A state has what transactions did after that start: the state roots of two stores can be compared if they have the same
  genesis and the same start. `Anchored` on standard error names it before the first event is stored; --from takes its hash
  as long as a node serves the chain from there.

Numbers: BlockAdded, Reorg and Finalized carry `sequence`, 1, 2, 3, ... without a gap, also from one process to the next
  with --store. Events are stored, with all that they do to the state, after they are printed. If a process is killed between
  the two, the next one prints the events since the last stored one again: the same numbers, and after a reorg in the meantime
  other content. What comes last for a number counts. After Ctrl-C nothing comes again.

Output that lasts: with --store, events printed to a regular file (`>> FILE`) are on its disk before the store counts
  them. Of a pipe or terminal the store counts what was written to it: what its reader loses does not come again.
  A kill may cut the last line off. The next process begins with a line feed if it finds such a file so and may read it; in a
  pipe its first line is joined to the cut one.

Files: --store PATH is one file, a redb database, that one process at a time has open. A kill at any moment leaves it whole;
  the next process checks every page of it before it goes on.

Examples:
  dagstorm follow --url ws://127.0.0.1:17110 --network mainnet --from tip
  dagstorm follow --url ws://a:17210 --url ws://b:17210 --network testnet-10 --store state.redb --json >> chain.jsonl
  dagstorm follow --url ws://127.0.0.1:17510 --network simnet --finality-depth 432000 --json | jq .event
  dagstorm follow --url ws://127.0.0.1:17210 --network testnet-10 --from tip --store state.redb --genesis genesis.toml -v

Exit codes: 0 stopped by Ctrl-C, SIGTERM or the reader of its output, 1 cannot print or store, 2 usage, also a store or
  genesis that cannot be used, 20 no node can be followed, 101 panic, 130 or 143 stopped at once by a second Ctrl-C or SIGTERM.";

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
    /// Run the state machine on the chain, and keep it in this file together with where the events ended.
    #[arg(long, value_name = "PATH")]
    store: Option<PathBuf>,
    /// TOML file with the balances that the state machine begins with; without it nobody has any.
    #[arg(long, value_name = "FILE", requires = "store")]
    genesis: Option<PathBuf>,
    /// Keep receipts of so many chain blocks below the newest final one, or all (the default).
    #[arg(long, value_name = "N|all", requires = "store")]
    receipts: Option<Receipts>,
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
    /// Tell on standard error what the bridge does and what becomes of each transaction of the state machine.
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
    // What is wrong with the arguments is known before a store is made.
    let config = settings::config(arguments)?;
    let machine_config = settings::machine(arguments)?;
    let lines = Lines::of_stdout().map_err(FollowError::Print)?;
    let machine = match &arguments.store {
        None => None,
        Some(name) => Some((name.clone(), store::open(name, machine_config)?)),
    };
    if arguments.verbose {
        tell_what_the_bridge_does();
    }
    // The bridge has a thread of its own: it answers the node's pings while this one waits for the reader or the disk.
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(FollowError::Runtime)?;
    let outcome = follow_on(&runtime, arguments, config, lines, machine);
    // Without waiting: the system may still be looking up a host name.
    runtime.shutdown_background();
    outcome
}

fn follow_on(
    runtime: &Runtime,
    arguments: &FollowArguments,
    config: Config,
    lines: Lines,
    machine: Option<(PathBuf, Machine)>,
) -> Result<(), FollowError> {
    let _inside = runtime.enter();
    let mut stop = stop::listen(runtime).map_err(FollowError::Runtime)?;
    let source = match machine {
        None => Source::Bridge(L1Bridge::start(config)?),
        Some((name, machine)) => {
            let consumer = state::Consumer::start(config, machine)?;
            Source::Machine(Box::new(Stored { consumer, name }))
        }
    };
    tell_beginning(arguments, source.machine());
    // The bridge alone has left out already what is not to be seen.
    let shown = source.machine().map_or_else(Filter::default, |_| settings::shown(arguments));
    let style = Style { json: arguments.json, verbose: arguments.verbose, shown };
    let consumer = Consumer::new(source, lines, style);
    runtime.block_on(consumer.follow(&mut stop))
}

fn tell_beginning(arguments: &FollowArguments, machine: Option<&Machine>) {
    let nodes: Vec<&str> = arguments.url.iter().map(NodeUrl::as_str).collect();
    output::status(Tone::Good, "Following", &format!("{} through {}", arguments.network, nodes.join(", ")));
    let Some(machine) = machine else { return };
    let (id, root) = (hex::encode(machine.genesis_id()), machine.state_root());
    let Some(checkpoint) = machine.checkpoint() else {
        output::status(Tone::Good, "Beginning", &format!("with state root {root} of state machine {id}"));
        return;
    };
    let (sequence, tip) = (checkpoint.sequence(), checkpoint.tip());
    let unused = if arguments.from.is_some() { "; --from is for the first start and not looked at" } else { "" };
    let place = format!("after event {sequence} at {} index {}", tip.hash, tip.index);
    output::status(Tone::Good, "Resuming", &format!("{place}, state root {root} of state machine {id}{unused}"));
}

/// Prints what the bridge traces. A process that has a subscriber already keeps it.
fn tell_what_the_bridge_does() {
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG);
    let _ = subscriber.with_writer(io::stderr).with_ansi(false).try_init();
}
