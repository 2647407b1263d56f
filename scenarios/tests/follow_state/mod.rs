//! The state machine behind `dagstorm follow --store`: transactions come as payloads of a simulated node's chain.

mod signing;

use std::{fs, path::Path};

use bridge::wire::Network;
use rustix::process::Signal;
use state::{
    Genesis, Machine, MachineConfig,
    authorization::Key,
    programs::ledger::{self, Holder, LEDGER},
    receipt::{Outcome, Receipt},
};

use crate::follow_support::{
    command::{Follow, following, fresh_path, parsed, path_of, sequences},
    node::Node,
};

/// What the signer has at the beginning: more than a number in TOML can be.
const MINTED: u64 = u64::MAX - 5;

/// What the signer pays, and to whom.
const PAID: u64 = 1_000;
const PAYEE: Key = Key([2; 32]);

/// The payloads on the L1, and the genesis with which they mean something.
struct Scene {
    node: Node,
    genesis: String,
    config: MachineConfig,
}

impl Scene {
    /// One payment, mined so often that some block of the chain accepts it, and one that is malformed.
    fn new(name: &str, storm_seconds: u64) -> Self {
        let key = signing::signer();
        let genesis = ledger::mint(Genesis::default(), [(key, MINTED)]).expect("it is below the most");
        let config = MachineConfig { genesis, ..MachineConfig::new(Network::SIMNET) };
        let genesis_id = made(&fresh_path(&format!("{name}-identity")), &config).genesis_id();
        let step = ledger::transfer(Holder::Key(key), Holder::Key(PAYEE), PAID);
        let payment = signing::signed(1, step, &genesis_id);
        let mut payloads = vec![payment; 20];
        payloads.extend(vec![b"DSTX\x01cut".to_vec(); 20]);
        let text = format!("[[mint]]\nkey = \"{}\"\namount = \"{MINTED}\"\n", hex::encode(key.0));
        let genesis = fresh_path(&format!("{name}-genesis.toml"));
        fs::write(&genesis, text).expect("the scratch folder is writable");
        let genesis = genesis.to_string_lossy().into_owned();
        Self { node: Node::start_carrying(storm_seconds, payloads), genesis, config }
    }

    fn follow(&self, store: &Path, others: &[&str]) -> Follow {
        let (url, depth, store) = (self.node.url(), self.node.finality_depth().to_string(), store.to_string_lossy());
        let mut arguments = following(&url, &depth, &["--json", "--store", &store, "--genesis", &self.genesis]);
        arguments.extend(others);
        Follow::start(&arguments)
    }

    /// Follows the whole chain and stops; what was told on standard error.
    fn follow_to_sink(&self, store: &Path, before: &mut Vec<String>, others: &[&str]) -> String {
        let mut follow = self.follow(store, others);
        follow.read_to_sink(&self.node, before);
        follow.signal(Signal::INT);
        let (status, stderr) = follow.wait();
        assert_eq!(status.code(), Some(0), "{stderr}");
        before.append(&mut follow.printed);
        stderr
    }
}

fn made(store: &Path, config: &MachineConfig) -> Machine {
    Machine::open(store, config.clone()).expect("the store can be opened")
}

fn balance(machine: &Machine, key: Key) -> Option<u64> {
    let name = borsh::to_vec(&Holder::Key(key)).expect("a Vec takes everything");
    let account = machine.account(LEDGER, &name).expect("the store can be read")?;
    Some(borsh::from_slice(&account.data).expect("the ledger holds numbers"))
}

fn receipts(machine: &Machine) -> Vec<Receipt> {
    machine.receipts().expect("the store can be read")
}

#[test]
fn given_transactions_of_the_state_machine_when_followed_with_a_store_then_they_are_executed_stored_and_told() {
    let scene = Scene::new("executed", 20);
    scene.node.run_to_rest();
    let store = fresh_path("executed");
    let mut lines = Vec::new();
    // What is printed has no part in what is executed.
    let stderr = scene.follow_to_sink(&store, &mut lines, &["-v", "--payload-prefix", "00"]);
    let is_shown = |line: &String| !parsed(line)["accepted"].as_array().is_none_or(Vec::is_empty);
    assert!(lines.iter().any(is_shown), "the filter shows nothing");
    assert!(!lines.iter().any(|line| line.contains(r#""payload":"44535458"#)), "the filter does not work");

    let machine = made(&store, &scene.config);
    assert_eq!((balance(&machine, signing::signer()), balance(&machine, PAYEE)), (Some(MINTED - PAID), Some(PAID)));
    let chain = scene.node.chain();
    let ours = chain.iter().flat_map(|block| &block.accepted).filter(|(.., payload)| payload.starts_with("44535458"));
    let receipts = receipts(&machine);
    assert_eq!(ours.count(), receipts.len());
    let (applied, rejected): (Vec<_>, Vec<_>) =
        receipts.iter().partition(|receipt| receipt.outcome == Outcome::Applied);
    assert!(applied.len() == 1 && rejected.len() > 5, "{receipts:#?}");
    let payment = applied[0];
    let told =
        format!("Applied {} in index {}, position {}\n", payment.transaction, payment.index, payment.acceptance_index);
    assert!(stderr.contains(&told), "{told}: {stderr}");
    assert!(stderr.contains("the payload is no transaction"), "{stderr}");

    let (number, tip) = (sequences(&lines).last().copied().expect("events"), chain.last().expect("blocks"));
    let end = format!(
        "Stored after event {number} at {} index {}, state root {}, 1 applied, {} rejected\n",
        tip.hash,
        chain.len(),
        machine.state_root(),
        rejected.len()
    );
    assert!(stderr.ends_with(&end), "{end}: {stderr}");
    let first = lines.iter().map(|line| parsed(line)).find(|event| event["event"] == "BlockAdded").expect("blocks");
    let parent = first["parent"].as_str().expect("text");
    assert!(stderr.contains(&format!("    Anchored at {parent} index 0, blue score ")), "{parent}: {stderr}");
    assert!(stderr.contains(&format!("of state machine {}\n", hex::encode(machine.genesis_id()))), "{stderr}");
}

#[test]
fn given_kills_and_reorgs_when_resumed_then_state_and_receipts_are_those_of_an_undisturbed_process() {
    let scene = Scene::new("killed-state", 120);
    let store = fresh_path("killed-state");
    let mut lines: Vec<String> = Vec::new();
    for kill in 1..=6 {
        scene.node.step(1_500);
        let mut follow = scene.follow(&store, &[]);
        let before = sequences(&lines).last().copied().unwrap_or(0);
        follow.read_to_sequence(before + 3 + 5 * kill);
        follow.signal(Signal::KILL);
        follow.wait();
        lines.append(&mut follow.printed);
    }
    scene.node.run_to_rest();
    let stderr = scene.follow_to_sink(&store, &mut lines, &[]);
    assert_eq!(path_of(&lines), scene.node.chain());
    assert!(stderr.contains("Resuming after event "), "{stderr}");

    assert!(!stderr.contains("Anchored"), "{stderr}");

    let undisturbed = fresh_path("undisturbed-state");
    scene.follow_to_sink(&undisturbed, &mut Vec::new(), &[]);
    let (killed, undisturbed) = (made(&store, &scene.config), made(&undisturbed, &scene.config));
    assert_eq!(killed.state_root(), undisturbed.state_root());
    assert_eq!(killed.state_root(), killed.rebuilt_state_root().expect("the store can be read"));
    assert_eq!(receipts(&killed), receipts(&undisturbed));
    assert_eq!(balance(&killed, PAYEE), Some(PAID));
}

#[test]
fn given_a_node_of_another_chain_when_resumed_there_then_exit_20_and_the_state_is_as_before() {
    let scene = Scene::new("fatal", 60);
    scene.node.run_to_rest();
    let store = fresh_path("fatal");
    let mut lines = Vec::new();
    let before = scene.follow_to_sink(&store, &mut lines, &[]);
    let elsewhere = Node::start_elsewhere(120);
    elsewhere.run_to_rest();
    let (url, depth, store_text) = (elsewhere.url(), elsewhere.finality_depth().to_string(), store.to_string_lossy());
    let arguments = ["--json", "--store", &store_text, "--genesis", &scene.genesis];
    let mut follow = Follow::start(&following(&url, &depth, &arguments));
    let (status, stderr) = follow.wait();
    assert_eq!(status.code(), Some(20), "{stderr}");
    assert!(stderr.contains("follow another node with --url, or begin anew with another --store."), "{stderr}");
    assert_eq!(sequences(&follow.printed), [0u64; 0]);
    let stored = before.lines().last().and_then(|line| line.split_once(", state root")).expect("it told").0.to_owned();
    assert!(stderr.contains(&stored), "{stored}: {stderr}");
    assert_eq!(balance(&made(&store, &scene.config), PAYEE), Some(PAID));

    let mut again = scene.follow(&store, &[]);
    again.read_until("synced", |line| parsed(line)["event"] == "Synced");
    assert_eq!(sequences(&again.printed), [0u64; 0]);
}
