//! Stores and genesis files that cannot be used, disks that take no more: one clear sentence each, and nothing lost.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, symlink},
        process::CommandExt,
    },
    path::Path,
    process::Command,
};

use bridge::{Checkpoint, wire::Network};
use kaspa_hashes::Hash;
use rustix::process::Signal;
use state::{Machine, MachineConfig};

use crate::{
    error_of,
    follow_support::{
        command::{Follow, dagstorm, following, fresh_path, output_of, path_of, sequences},
        node::Node,
    },
    text,
};

/// A user who owns nothing.
const NOBODY: u32 = 65_534;

/// What can be told of a store without a node.
const NO_NODE: [&str; 6] = ["--url", "ws://127.0.0.1:1", "--network", "simnet", "--finality-depth", "200"];

fn written(name: &str, content: &[u8]) -> String {
    let path = fresh_path(name);
    fs::write(&path, content).expect("the scratch folder is writable");
    path.to_string_lossy().into_owned()
}

fn mint(key: &str, amount: &str) -> String {
    format!("[[mint]]\nkey = \"{key}\"\namount = {amount}\n")
}

/// What the command tells of a store; it never asks a node.
fn told_of(store: &str, others: &[&str]) -> String {
    let mut arguments = NO_NODE.to_vec();
    arguments.extend(["--store", store]);
    arguments.extend(others);
    error_of(&arguments, 2)
}

/// A store of a short chain.
fn used(name: &str) -> String {
    let node = Node::start(5);
    node.run_to_rest();
    let (url, depth, store) = (node.url(), node.finality_depth().to_string(), fresh_path(name));
    let store = store.to_string_lossy().into_owned();
    let mut follow = Follow::start(&following(&url, &depth, &["--json", "--store", &store]));
    follow.read_to_sink(&node, &[]);
    follow.signal(Signal::INT);
    let (status, stderr) = follow.wait();
    assert_eq!(status.code(), Some(0), "{stderr}");
    store
}

fn link_to_nowhere() -> String {
    let link = fresh_path("link");
    symlink("no-such-folder/store", &link).expect("the scratch folder is writable");
    link.to_string_lossy().into_owned()
}

/// Where a store stands.
fn content(store: &str) -> (Option<Checkpoint>, Hash) {
    let machine = Machine::open(Path::new(store), MachineConfig::new(Network::SIMNET)).expect("the store is whole");
    (machine.checkpoint().cloned(), machine.state_root())
}

#[test]
fn given_a_store_that_cannot_be_used_when_started_then_exit_2_and_a_sentence_each() {
    let used = used("used");
    let before = content(&used);
    let other_network = ["--url", "ws://127.0.0.1:1", "--network", "mainnet", "--store", &used];
    let genesis = written("other-genesis.toml", mint(&"01".repeat(32), "1").as_bytes());
    let bytes = fs::read(&used).expect("the store was written");
    let cut = written("cut", &bytes[..bytes.len() / 2]);
    let cases = [
        ("another network", error_of(&other_network, 2)),
        ("another genesis", told_of(&used, &["--genesis", &genesis])),
        ("cut off", told_of(&cut, &[])),
        ("text", told_of(&written("text", b"{}"), &[])),
        ("longer text", told_of(&written("longer-text", &[b'x'; 5_000]), &[])),
        ("a checkpoint", told_of(&written("checkpoint", b"L1CP\x01 and more"), &[])),
        ("no regular file", told_of("/dev/zero", &[])),
        ("nowhere", told_of("no-such-folder/store", &[])),
        ("a folder", told_of(env!("CARGO_TARGET_TMPDIR"), &[])),
        ("a new folder", told_of(&format!("{}/", fresh_path("no-folder").display()), &[])),
        ("below a file", told_of(&format!("{used}/store"), &[])),
        ("a long name", told_of(&"x".repeat(300), &[])),
        ("a link to nowhere", told_of(&link_to_nowhere(), &[])),
    ];
    assert_eq!(content(&used), before, "a refusal changed the store");
    // How far a store has grown depends on what came together.
    let lengths = format!("file_len={}, layout_len={}", bytes.len() / 2, bytes.len());
    let all = cases.map(|(what, told)| format!("{what}: {told}")).join("");
    insta::assert_snapshot!(all.replace(&lengths, "file_len=HALF, layout_len=WHOLE"));
}

#[test]
fn given_a_store_in_use_when_a_second_process_wants_it_then_exit_2_and_the_first_goes_on() {
    let node = Node::start(60);
    node.step(1_500);
    let (url, depth, store) = (node.url(), node.finality_depth().to_string(), fresh_path("in-use"));
    let store = store.to_string_lossy();
    let mut holder = Follow::start(&following(&url, &depth, &["--json", "--store", &store]));
    holder.read_to_sink(&node, &[]);
    insta::assert_snapshot!(
        told_of(&store, &[]),
        @"error: cannot open 'DIR/follow-in-use': the store is in use by another process: end that one, or give each its own"
    );
    node.run_slowly();
    holder.read_to_sink(&node, &[]);
    assert_eq!(path_of(&holder.printed), node.chain());
}

#[test]
fn given_a_store_with_a_wrong_bit_when_started_then_exit_2_and_it_says_so() {
    let used = used("before-damage");
    let bytes = fs::read(&used).expect("the store was written");
    let places: Vec<usize> =
        bytes.windows(6).enumerate().filter(|(_, found)| found == b"simnet").map(|(place, _)| place).collect();
    assert!(!places.is_empty(), "the store has the name of its network");
    let mut damaged = bytes;
    for place in places {
        damaged[place] ^= 1;
    }
    let told = told_of(&written("damaged", &damaged), &[]);
    assert!(told.contains("/follow-damaged': the store is damaged ("), "{told}");
}

/// The superuser may write anything: the command runs as somebody else then. False if that one does not come to the files.
fn runs_without_privileges(command: &mut Command, file: &Path) -> bool {
    if fs::metadata(file).expect("it is there").uid() != 0 {
        return true;
    }
    command.uid(NOBODY).gid(NOBODY);
    let is_open = |folder: &Path| fs::metadata(folder).is_ok_and(|found| found.permissions().mode() & 0o001 != 0);
    [Path::new(command.get_program()), file].iter().all(|path| path.ancestors().skip(1).all(is_open))
}

#[test]
fn given_a_store_or_folder_that_may_not_be_written_when_started_then_exit_2_and_it_says_so() {
    let used = used("read-only");
    let folder = fresh_path("read-only-folder");
    let _ = fs::create_dir(&folder);
    let mut told = Vec::new();
    for (path, mode) in [(Path::new(&used), 0o444), (&folder, 0o555)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
        let store = if mode == 0o555 { path.join("store") } else { path.to_owned() };
        let mut arguments = NO_NODE.to_vec();
        let store = store.to_string_lossy();
        arguments.extend(["--store", &store]);
        let mut command = dagstorm(&arguments);
        if !runs_without_privileges(&mut command, path) {
            eprintln!("skipped: only the superuser comes to {}", path.display());
            return;
        }
        let output = output_of(&mut command);
        assert_eq!(output.status.code(), Some(2));
        told.push(text(&output.stderr).replace(env!("CARGO_TARGET_TMPDIR"), "DIR"));
    }
    insta::assert_snapshot!(told.concat(), @r"
    error: cannot open 'DIR/follow-read-only': the store may not be written: Permission denied (os error 13); give this process the right to write it
    error: cannot open 'DIR/follow-read-only-folder/store': the store may not be written: Permission denied (os error 13); give this process the right to write it
    ");
}

#[test]
fn given_a_genesis_file_that_cannot_be_used_when_started_then_exit_2_a_sentence_each_and_no_store() {
    let key = "ab".repeat(32);
    let cases = [
        ("no amount", format!("# Nobody\n[[mint]]\nkey = \"{key}\"\n")),
        ("a negative amount", mint(&key, "-1")),
        ("nothing", mint(&key, "0")),
        ("more than an amount can be", mint(&key, "\"18446744073709551616\"")),
        ("a fraction", mint(&key, "0.5")),
        ("a short key", mint("ab", "1")),
        ("no hex digits", mint(&"xy".repeat(32), "1")),
        ("a key that cannot sign", mint(&key, "1") + &mint(&"cd".repeat(32), "1")),
        ("a key twice", mint(&key, "1") + &mint(&key.to_uppercase(), "2")),
        ("too much in all", mint(&key, "\"18446744073709551615\"") + &mint(&"01".repeat(32), "1")),
        ("another field", mint(&key, "1") + "name = \"me\"\n"),
        ("another table", "[burn]\n".to_owned()),
        ("no TOML", "mint\n".to_owned()),
        ("too long", "#".repeat((1 << 20) + 1)),
    ];
    let store = fresh_path("never-made");
    let told_by = |file: &str| told_of(&store.to_string_lossy(), &["--genesis", file]);
    let mut told: Vec<String> = cases
        .iter()
        .map(|(what, text)| format!("{what}: {}", told_by(&written("genesis.toml", text.as_bytes()))))
        .collect();
    told.push(format!("no text: {}", told_by(&written("genesis.toml", b"\n\xff"))));
    told.push(format!("no file: {}", told_by("no-such-genesis.toml")));
    assert!(!store.exists());
    insta::assert_snapshot!(told.concat());
}

#[test]
fn given_a_setting_with_which_no_bridge_starts_when_a_store_is_named_then_exit_2_and_no_store() {
    let pem = written("no-der.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let store = fresh_path("never-made-either");
    let told = told_of(&store.to_string_lossy(), &["--trust-certificate", &pem]);
    assert!(told.starts_with("error: trusted certificate number 0 is not a DER certificate: "), "{told}");
    assert!(told.ends_with("; numbers count all that --trust-certificate names from 0\n"), "{told}");
    assert!(!store.exists());
}

/// A file that must not grow is to the store what a full disk is.
#[test]
fn given_a_disk_that_becomes_full_when_followed_then_exit_1_and_the_next_process_goes_on_where_the_store_ends() {
    // Each is recorded in the store as malformed.
    let payloads = vec![b"DSTX".to_vec(); 100_000];
    let node = Node::start_carrying(1_500, payloads);
    node.run_to_rest();
    let (url, depth, store) = (node.url(), node.finality_depth().to_string(), fresh_path("full"));
    let store = store.to_string_lossy().into_owned();
    let arguments = following(&url, &depth, &["--json", "--store", &store]);
    let follow = dagstorm(&arguments);
    let mut shell = Command::new("sh");
    // In units of 512 bytes: what a new store takes, and little more.
    shell
        .args(["-c", r#"trap '' XFSZ; ulimit -f 2100; exec "$0" "$@""#])
        .arg(follow.get_program())
        .args(follow.get_args());
    let mut follow = Follow::of(&mut shell);
    let (status, stderr) = follow.wait();
    assert_eq!(status.code(), Some(1), "{stderr}");
    let mut lines = follow.printed.split_off(0);
    let told = format!(
        "error: cannot store in '{store}': the disk is full: free space and start again; everything acknowledged is stored; \
         what was printed since the last event stored comes again\n"
    );
    assert!(stderr.ends_with(&told), "{stderr}");

    let checkpoint = content(&store).0.expect("events were stored");
    let (stored, tip) = (checkpoint.sequence(), checkpoint.tip());
    let place = format!("      Stored up to event {stored} at {} index {}, 0 applied, ", tip.hash, tip.index);
    assert!(stderr.contains(&place), "{place}: {stderr}");
    let mut next = Follow::start(&arguments);
    next.read_to_sink(&node, &[]);
    assert_eq!(sequences(&next.printed)[0], stored + 1);
    assert!(sequences(&lines).contains(&stored), "event {stored} was stored and not printed");
    lines.append(&mut next.printed);
    assert_eq!(path_of(&lines), node.chain());
}
