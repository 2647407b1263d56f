//! `dagstorm follow` as a user meets it: the real binary, real signals, a model node on a loopback socket.

#![expect(clippy::disallowed_methods, reason = "real processes, sockets and time")]

mod follow_files;
mod follow_state;
mod follow_store;
mod follow_support;

use std::{
    fs,
    io::Read,
    process::Stdio,
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

use follow_support::{
    command::{Follow, dagstorm, following, fresh_path, output, parsed, path_of, sequences},
    node::Node,
};
use rustix::{
    io::ioctl_fionread,
    process::{Pid, Signal, kill_process},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring},
};

/// Simulated seconds of L1: some hundred chain blocks, with reorgs and finality.
const STORM_SECONDS: u64 = 60;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the command prints UTF-8")
}

/// The only error that it tells, with the path of the tests' folder left out.
fn error_of(arguments: &[&str], expected_code: i32) -> String {
    let output = output(arguments);
    let stderr = text(&output.stderr).replace(env!("CARGO_TARGET_TMPDIR"), "DIR");
    assert_eq!(output.status.code(), Some(expected_code), "{stderr}");
    assert_eq!(text(&output.stdout), "", "{stderr}");
    stderr
}

#[test]
fn given_help_when_asked_then_it_tells_output_numbers_examples_and_exit_codes() {
    let output = output(&["--help"]);
    assert!(output.status.success());
    insta::assert_snapshot!(text(&output.stdout));
}

#[test]
fn given_a_moving_chain_when_followed_as_json_then_the_lines_are_the_nodes_chain_complete_and_in_order() {
    let node = Node::start(STORM_SECONDS);
    let (url, depth) = (node.url(), node.finality_depth().to_string());
    let mut follow = Follow::start(&following(&url, &depth, &["--json"]));
    follow.read_until("synced", |line| parsed(line)["event"] == "Synced");
    // A block that was printed leaves the chain, whatever the pace of the two processes.
    let mut printed = Vec::new();
    while node.chain().starts_with(&printed) {
        if node.chain().len() > printed.len() {
            follow.read_to_sink(&node, &[]);
            printed = node.chain();
        }
        assert!(node.step(1), "no block that was printed left the chain");
    }
    node.run_slowly();
    follow.read_to_sink(&node, &[]);
    follow.signal(Signal::INT);
    let (status, stderr) = follow.wait();
    assert_eq!(status.code(), Some(0), "{stderr}");

    let numbers = sequences(&follow.printed);
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let chain = node.chain();
    assert_eq!(path_of(&follow.printed), chain);
    assert!(chain.len() > 100 && chain.iter().any(|block| block.accepted.len() > 1), "too quiet an L1");
    let names: Vec<String> =
        follow.printed.iter().map(|line| parsed(line)["event"].as_str().expect("a name").to_owned()).collect();
    for name in ["Connected", "Synced", "BlockAdded", "Reorg", "Finalized"] {
        assert!(names.iter().any(|found| found == name), "no {name}");
    }
    assert_eq!(names.first().map(String::as_str), Some("Connected"));
    let last = parsed(follow.printed.last().expect("there are lines"));
    assert_eq!((&last["event"], &last["reason"]["kind"]), (&"Disconnected".into(), &"Shutdown".into()));
    assert!(stderr.contains(&format!("Following simnet through {url}")), "{stderr}");
    assert!(stderr.contains(&format!("Stopped after event {}", numbers.len())), "{stderr}");
}

#[test]
fn given_a_node_at_rest_when_followed_as_text_then_one_line_each_for_people() {
    let node = Node::start(2);
    node.run_to_rest();
    let (url, depth) = (node.url(), node.finality_depth().to_string());
    let mut follow = Follow::start(&following(&url, &depth, &[]));
    follow.read_until("synced", |line| line.trim_start().starts_with("Synced"));
    follow.signal(Signal::TERM);
    let (status, stderr) = follow.wait();
    assert_eq!(status.code(), Some(0), "{stderr}");
    insta::assert_snapshot!(follow.printed.join("\n").replace(&url, "URL"));
}

#[test]
fn given_a_node_whose_version_commands_a_terminal_when_followed_as_text_then_one_harmless_line() {
    let node = Node::start(2);
    node.call_itself(*b"\n\x1b[2J");
    node.run_to_rest();
    let (url, depth) = (node.url(), node.finality_depth().to_string());
    let mut follow = Follow::start(&following(&url, &depth, &[]));
    follow.read_until("synced", |line| line.trim_start().starts_with("Synced"));
    assert!(!follow.printed.iter().any(|line| line.chars().any(char::is_control)), "{:?}", follow.printed);
    assert!(follow.printed[0].contains("[2J on simnet, session 1"), "{:?}", follow.printed);
}

#[test]
fn given_a_stop_by_ctrl_c_when_started_again_then_the_numbers_go_on_without_gap_or_repeat() {
    let node = Node::start(2 * STORM_SECONDS);
    let (url, depth, store) = (node.url(), node.finality_depth().to_string(), fresh_path("stopped"));
    let store = store.to_string_lossy();
    let arguments = following(&url, &depth, &["--json", "--store", &store]);
    let mut lines = Vec::new();
    for life in 1..=4 {
        node.step(1_500);
        let mut follow = Follow::start(&arguments);
        follow.read_to_sequence(sequences(&lines).last().copied().unwrap_or(0) + 10);
        follow.signal(Signal::INT);
        let (status, stderr) = follow.wait();
        assert_eq!(status.code(), Some(0), "{stderr}");
        assert_eq!(stderr.contains("Resuming"), life > 1, "{stderr}");
        lines.append(&mut follow.printed);
    }
    node.run_to_rest();
    let mut follow = Follow::start(&arguments);
    follow.read_to_sink(&node, &lines);
    lines.append(&mut follow.printed);

    let numbers = sequences(&lines);
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    assert_eq!(path_of(&lines), node.chain());
}

#[test]
fn given_a_kill_in_the_middle_when_started_again_then_no_number_is_missing_and_what_comes_last_counts() {
    let node = Node::start(2 * STORM_SECONDS);
    let (url, depth, store) = (node.url(), node.finality_depth().to_string(), fresh_path("killed"));
    let store = store.to_string_lossy();
    let arguments = following(&url, &depth, &["--json", "--store", &store]);
    let mut lines: Vec<String> = Vec::new();
    for kill in 1..=6 {
        node.step(1_500);
        let mut follow = Follow::start(&arguments);
        let before = sequences(&lines).last().copied().unwrap_or(0);
        // Another place each time, somewhere in a batch.
        follow.read_to_sequence(before + 3 + 5 * kill);
        follow.signal(Signal::KILL);
        follow.wait();
        let numbers = sequences(&follow.printed);
        let first = numbers[0];
        assert!(1 <= first && first <= before + 1, "event {first} after {before}");
        assert!(numbers.iter().copied().eq(first..first + numbers.len() as u64), "{numbers:?}");
        lines.append(&mut follow.printed);
    }
    node.run_to_rest();
    let mut follow = Follow::start(&arguments);
    follow.read_to_sink(&node, &lines);
    lines.append(&mut follow.printed);
    assert_eq!(path_of(&lines), node.chain());
}

#[test]
fn given_a_filter_when_followed_then_only_what_it_keeps_comes_with_its_place_in_the_whole_list() {
    let node = Node::start(20);
    node.run_to_rest();
    let chain = node.chain();
    let (_, subnetwork, payload) = chain
        .iter()
        .flat_map(|block| &block.accepted)
        .rfind(|(.., payload)| payload.len() >= 8)
        .expect("a payload")
        .clone();
    let (url, depth) = (node.url(), node.finality_depth().to_string());
    let filter = ["--json", "--payload-prefix", &payload[..8], "--subnetwork", &subnetwork];
    let mut follow = Follow::start(&following(&url, &depth, &filter));
    follow.read_to_sink(&node, &[]);
    let events = follow.printed.iter().map(|line| parsed(line)).filter(|event| event["event"] == "BlockAdded");
    let mut kept = 0;
    for (event, block) in events.zip(&chain) {
        let expected: Vec<(u64, &str)> = (0..)
            .zip(&block.accepted)
            .filter(|(_, (_, lane, bytes))| *lane == subnetwork && bytes.starts_with(&payload[..8]))
            .map(|(position, (id, ..))| (position, id.as_str()))
            .collect();
        let found = event["accepted"].as_array().expect("a list").iter();
        let found: Vec<(u64, &str)> = found
            .map(|accepted| {
                (accepted["acceptance_index"].as_u64().expect("a number"), accepted["id"].as_str().expect("text"))
            })
            .collect();
        assert_eq!(found, expected);
        kept += found.len();
    }
    let all: usize = chain.iter().map(|block| block.accepted.len()).sum();
    assert!(0 < kept && kept < all, "{kept} of {all} are kept");
}

#[test]
fn given_a_start_at_the_tip_when_followed_then_nothing_older_is_printed() {
    let (twin, node) = (Node::start(STORM_SECONDS), Node::start(STORM_SECONDS));
    twin.run_to_rest();
    // A sink that stays on the chain: another would be replaced before the first block.
    let stays = twin.chain().split_off(9);
    while !node.chain().last().is_some_and(|sink| stays.contains(sink)) {
        assert!(node.step(1), "the twins differ");
    }
    let old = node.chain();
    let (url, depth) = (node.url(), node.finality_depth().to_string());
    let mut follow = Follow::start(&following(&url, &depth, &["--json", "--from", "tip"]));
    follow.read_until("synced", |line| parsed(line)["event"] == "Synced");
    node.run_slowly();
    follow.read_to_sink(&node, &[]);
    let first = follow.printed.iter().map(|line| parsed(line)).find(|event| event["event"] == "BlockAdded");
    let first = first.expect("blocks were added");
    assert_eq!((&first["sequence"], &first["block"]["index"]), (&1.into(), &1.into()));
    assert!(!old.iter().any(|block| first["block"]["hash"] == block.hash));
}

#[test]
fn given_a_node_of_another_network_when_followed_then_exit_20_and_a_sentence_with_node_reason_and_remedy() {
    let node = Node::start(2);
    let url = node.url();
    let output = output(&["--url", &url, "--network", "testnet-10", "--json"]);
    assert_eq!(output.status.code(), Some(20));
    let last = text(&output.stdout).lines().last().map(parsed).expect("it printed");
    assert_eq!((&last["event"], &last["nodes"][0]["reason"]["kind"]), (&"Fatal".into(), &"WrongNetwork".into()));
    insta::assert_snapshot!(text(&output.stderr).replace(&url, "URL"), @r"
       Following testnet-10 through URL
    error: no configured node can be followed: URL: it is on simnet, not on testnet-10. Name the network of the nodes with --network, or other nodes with --url.
    ");
}

#[test]
fn given_a_node_behind_tls_with_a_certificate_of_its_own_when_it_is_trusted_then_followed_and_otherwise_not() {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("it can be signed");
    let key = signing_key.serialize_der().try_into().expect("a key in PKCS 8");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the usual ones")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("the key fits");
    let node = Node::start_behind(5, TlsAcceptor::from(Arc::new(config)));
    node.run_to_rest();
    let (url, depth, file) = (node.tls_url(), node.finality_depth().to_string(), fresh_path("certificate.pem"));
    fs::write(&file, cert.pem()).expect("the scratch folder is writable");

    let mut stranger = Follow::start(&following(&url, &depth, &["--json"]));
    stranger.read_until("refused", |line| parsed(line)["event"] == "Unreachable");
    let refused = parsed(stranger.printed.last().expect("it printed"));
    assert_eq!(refused["reason"]["kind"], "TlsFailed", "{refused}");

    let file = file.to_string_lossy();
    let mut follow = Follow::start(&following(&url, &depth, &["--json", "--trust-certificate", &file]));
    follow.read_to_sink(&node, &[]);
    assert_eq!(path_of(&follow.printed), node.chain());
}

#[test]
fn given_a_certificate_file_that_has_none_when_started_then_exit_2_and_a_sentence() {
    let file = fresh_path("no-certificate.pem");
    fs::write(&file, "nothing").expect("the scratch folder is writable");
    let told = [&*file.to_string_lossy(), "no-such-file.pem"]
        .map(|file| error_of(&["--url", "wss://localhost", "--network", "mainnet", "--trust-certificate", file], 2));
    insta::assert_snapshot!(told.concat(), @r"
    error: 'DIR/follow-no-certificate.pem' has no certificate: --trust-certificate needs PEM, with a line '-----BEGIN CERTIFICATE-----'
    error: the certificates in 'no-such-file.pem' cannot be read: No such file or directory (os error 2)
    ");
}

#[test]
fn given_a_command_that_cannot_work_when_run_then_exit_2_and_a_sentence_each() {
    let url = "ws://127.0.0.1:1";
    let cases: [&[&str]; 9] = [
        &["--url", url, "--network", "simnet"],
        &["--url", url, "--network", "devnet"],
        &["--url", url, "--network", "testnet"],
        &["--url", "http://127.0.0.1:17110", "--network", "mainnet"],
        &["--url", "ws://127.0.0.1", "--network", "mainnet"],
        &["--network", "mainnet"],
        &["--url", url, "--network", "mainnet", "--from", "somewhere"],
        &["--url", url, "--network", "mainnet", "--payload-prefix", ""],
        &["--url", url, "--network", "mainnet", "--subnetwork", "00"],
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|arguments| format!("$ dagstorm follow {}\n{}", arguments.join(" "), error_of(arguments, 2)))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[cfg(target_os = "linux")]
#[test]
fn given_a_reader_that_goes_away_when_printing_then_exit_0_and_nothing_unprinted_is_stored() {
    const PIPE_BYTES: usize = 4_096;
    const SHORTEST_LINE_BYTES: usize = 140;
    let node = Node::start(STORM_SECONDS);
    node.run_to_rest();
    let (url, depth, store) = (node.url(), node.finality_depth().to_string(), fresh_path("head"));
    let store = store.to_string_lossy();
    let arguments = following(&url, &depth, &["--json", "--store", &store]);
    let mut child = dagstorm(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut reader = child.stdout.take().expect("it is piped");
    rustix::pipe::fcntl_setpipe_size(&reader, PIPE_BYTES).expect("a pipe can be small");
    let mut head = [0; PIPE_BYTES];
    reader.read_exact(&mut head).expect("it prints that much");
    drop(reader);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(!text(&output.stderr).contains("error"), "{}", text(&output.stderr));

    let mut follow = Follow::start(&arguments);
    follow.read_to_sink(&node, &[]);
    // What was read and what the pipe held may count as printed; what did not fit must not.
    let most = 2 * PIPE_BYTES / SHORTEST_LINE_BYTES;
    let first = sequences(&follow.printed)[0];
    assert!(first <= most as u64, "event {first} is the first, and those before it were not all printed");
}

#[test]
fn given_more_events_than_may_wait_when_followed_then_acknowledgements_let_all_of_them_come() {
    let node = Node::start(2_000);
    node.run_to_rest();
    let (url, depth, store) = (node.url(), node.finality_depth().to_string(), fresh_path("long"));
    let store = store.to_string_lossy();
    let mut follow = Follow::start(&following(&url, &depth, &["--json", "--store", &store]));
    follow.read_to_sink(&node, &[]);
    assert_eq!(path_of(&follow.printed), node.chain());
    // The default high-water mark and one page.
    let most_unacknowledged = 4_096 + 2 * 200;
    let count = sequences(&follow.printed).len();
    assert!(count > most_unacknowledged, "{count} events could all wait");
}

#[test]
fn given_a_reader_that_does_not_read_when_interrupted_twice_then_it_ends_at_once() {
    let node = Node::start(STORM_SECONDS);
    node.run_to_rest();
    let (url, depth) = (node.url(), node.finality_depth().to_string());
    let arguments = following(&url, &depth, &["--json"]);
    let mut child = dagstorm(&arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let reader = child.stdout.take().expect("it is piped");
    let deadline = Instant::now() + Duration::from_secs(30);
    // A write that does not fit waits, and then no more comes. A pipe holds 64 KiB, on Linux in pages of which each may
    // be half empty, as a write that does not fit into the rest of a page begins another.
    let filled = || ioctl_fionread(&reader).expect("a pipe tells what is in it");
    let (mut held, mut since) = (filled(), Instant::now());
    while held < 30_000 || since.elapsed() < Duration::from_millis(250) {
        assert!(Instant::now() < deadline, "the pipe never filled: {held} bytes");
        sleep(Duration::from_millis(5));
        if filled() != held {
            (held, since) = (filled(), Instant::now());
        }
    }
    let id = Pid::from_raw(i32::try_from(child.id()).expect("process ids are small")).expect("not zero");
    let mut interrupts = 0;
    let status = loop {
        kill_process(id, Signal::INT).expect("the child is there");
        interrupts += 1;
        // Signals that come too close are one.
        sleep(Duration::from_millis(100));
        if let Some(status) = child.try_wait().expect("it is our child") {
            break status;
        }
        assert!(Instant::now() < deadline, "it never ended");
    };
    assert_eq!(status.code(), Some(130));
    assert!(interrupts > 1, "the first asks for an end, which waits for the reader");
}
