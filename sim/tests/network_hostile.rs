//! Frames that nobody should send: no panic, no large reply, and what the real node does about them.

mod captures_support;
mod network_support;

use std::time::Duration;

use bridge::wire::{FrameKind, Operation, Reader, Request, ServerHeader, Verbosity, encode};
use captures_support::{content, request_frame};
use kaspa_rpc_core::api::ops::RpcApiOps;
use network_support::{config, run_until};
use proptest::prelude::*;
use sim::network::Network;
use sim::node::{Answer, NodeRequest};

const NODE: usize = 2;
const ID: u64 = 77;
const VERSION: [u8; 2] = [1, 0];

fn answered(network: &mut Network, frame: &[u8]) -> Vec<u8> {
    match network.answer_frame(NODE, frame) {
        Answer::Reply(reply) => reply,
        Answer::DropConnection => panic!("the connection must stay open"),
    }
}

fn busy() -> Network {
    run_until(config(41, 20), Duration::from_secs(15))
}

#[test]
fn given_a_number_that_is_no_operation_when_sent_then_the_connection_is_dropped() {
    let mut network = busy();
    for code in 0..=u8::MAX {
        let is_operation = borsh::from_slice::<RpcApiOps>(&[code]).is_ok();
        let mut request = request_frame(ID, RpcApiOps::Ping, &[]);
        request[9] = code;
        let is_dropped = network.answer_frame(NODE, &request) == Answer::DropConnection;
        assert_eq!(is_dropped, !is_operation, "{code}");
    }
    // Neither is there a request without an id, or one without anything.
    assert_eq!(network.answer_frame(NODE, &[0, 110, 0, 0, 0, 0]), Answer::DropConnection);
    assert_eq!(network.answer_frame(NODE, &[2, 110]), Answer::DropConnection);
    assert_eq!(network.answer_frame(NODE, &[]), Answer::DropConnection);
}

#[test]
fn given_an_operation_that_is_no_method_or_a_wrong_content_when_sent_then_dispatch_fails_and_the_connection_stays() {
    let mut network = busy();
    let no_method = [RpcApiOps::NoOp, RpcApiOps::NotifyBlockAdded, RpcApiOps::VirtualChainChangedNotification];
    let mut frames: Vec<(Vec<u8>, u8)> =
        no_method.map(|operation| (request_frame(ID, operation, &VERSION), 3)).to_vec();
    let mut trailing = request_frame(ID, RpcApiOps::GetSink, &VERSION);
    trailing.push(0);
    let mut announces_too_much = request_frame(ID, RpcApiOps::GetSink, &VERSION);
    announces_too_much[10..14].fill(0xff);
    for wrong in [
        request_frame(ID, RpcApiOps::GetSink, &[]),
        request_frame(ID, RpcApiOps::GetBlock, &VERSION),
        request_frame(ID, RpcApiOps::Subscribe, &[1, 0, 9]),
        request_frame(ID, RpcApiOps::GetBlocks, &[1, 0, 2]),
        trailing,
        announces_too_much,
    ] {
        frames.push((wrong, 9));
    }
    for (request, error) in frames {
        let reply = answered(&mut network, &request);
        let mut reader = Reader::new(&reply);
        let header = ServerHeader { id: Some(ID), kind: FrameKind::Error, operation: None };
        assert_eq!(ServerHeader::read(&mut reader), Ok(header), "{request:?}");
        assert_eq!(reader.u8("error"), Ok(error));
        assert_eq!(reader.left(), 0);
    }
}

#[test]
fn given_a_content_longer_than_this_version_s_when_sent_then_the_rest_is_skipped() {
    let mut network = busy();
    let sink = network.store().dag().hash(network.node(NODE).sink());
    let mut later = VERSION.to_vec();
    later.extend([9; 40]);
    let reply = answered(&mut network, &request_frame(ID, RpcApiOps::GetSink, &later));
    assert_eq!(content(ID, &reply, RpcApiOps::GetSink).hash("sink"), Ok(sink));
    // And a struct version that never was is not looked at.
    let reply = answered(&mut network, &request_frame(ID, RpcApiOps::GetSink, &[0, 0]));
    assert_eq!(content(ID, &reply, RpcApiOps::GetSink).hash("sink"), Ok(sink));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn given_any_bytes_when_parsed_as_a_request_then_nothing_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let _ = NodeRequest::parse(&bytes);
    }

    #[test]
    fn given_any_content_of_any_operation_when_parsed_then_nothing_panics(
        code in any::<u8>(),
        content in prop::collection::vec(prop_oneof![Just(0), Just(1), Just(0xff), any::<u8>()], 0..120),
    ) {
        let mut bytes = request_frame(ID, RpcApiOps::Ping, &content);
        bytes[9] = code;
        if let Ok((id, request)) = NodeRequest::parse(&bytes) {
            prop_assert_eq!(id, ID);
            prop_assert_eq!(request.operation() as u8, code);
        }
    }
}

#[test]
fn given_hostile_frames_when_answered_then_nothing_panics_and_no_reply_is_large() {
    let mut network = busy();
    let sink = network.store().dag().hash(network.node(NODE).sink());
    let page = Request::GetVirtualChainFromBlockV2 {
        start_hash: sink,
        verbosity: Verbosity::Full,
        min_confirmation_count: Some(u64::MAX),
    };
    let largest = encode::remote_error(ID, Operation::Ping, &"x".repeat(256)).len();
    let valid = page.encode(ID);
    for position in 0..valid.len() {
        for value in [0, 1, 2, 0x7f, 0xff] {
            let mut bytes = valid.clone();
            bytes[position] = value;
            match network.answer_frame(NODE, &bytes) {
                // Another operation may be hit, with a whole block as its reply.
                Answer::Reply(reply) => assert!(position == 9 || reply.len() <= largest, "{position}: {}", reply.len()),
                Answer::DropConnection => assert!(position <= 9, "{position}"),
            }
        }
        assert!(NodeRequest::parse(&valid[..position]).is_err(), "{position}");
    }
}
