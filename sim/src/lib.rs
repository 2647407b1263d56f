//! A deterministic simulated Kaspa L1.
//!
//! The core is pure: no I/O, no clock, no threads. A simulation is a function of its configuration and seed.
//!
//! | module | room for |
//! |---|---|
//! | [`dag`] | block DAG with dense ids, GHOSTDAG, reachability |
//! | [`params`] | consensus parameter sets |
//! | [`random`] | named streams of randomness |
//! | [`block_store`], [`acceptance`], [`workload`] | headers and transactions with real hashes, what chain blocks accept, who spends what |
//! | [`miner`], [`gossip`] | who finds blocks, and when others hear of them |
//! | [`node`] | one node's view, and what it answers |
//! | [`network`] | all of it in one event queue |
//! | [`rig`] | a follower and the nodes joined in one process, for property tests and fuzzing |
//! | [`disk`] | storage under the database `redb` that loses, tears and refuses writes (feature `disk`) |
//! | [`trace`] | the hash chain over everything that happens |
//! | [`world`] | the shell: virtual time, links, the nodes' wRPC service (feature `world`) |

#[cfg(all(feature = "world", not(madsim)))]
compile_error!(
    "the feature `world` of `sim` needs `--cfg madsim`: put `rustflags = [\"--cfg\", \"madsim\"]` under \
     `[target.'cfg(all())']` in .cargo/config.toml, and unset RUSTFLAGS, which would replace it"
);

pub mod acceptance;
pub mod block_store;
mod coinbase;
pub mod dag;
#[cfg(feature = "disk")]
pub mod disk;
pub mod gossip;
pub mod miner;
pub mod network;
pub mod node;
pub mod params;
pub mod random;
pub mod rig;
pub mod trace;
pub mod workload;
#[cfg(feature = "world")]
pub mod world;
