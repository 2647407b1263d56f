//! Our reader and writer of wRPC frames against frames of a real node, and against `kaspa-rpc-core` on random values.

#[path = "frames/generate.rs"]
mod generate;

use std::{fs, path::Path};

use bridge::wire::{
    Notification, Operation, Reply, Request, RequestHeader, ServerFrame, ServerHeader, Verbosity, encode,
};
use kaspa_consensus_core::{
    hashing::header::hash as consensus_hash,
    header::{CompressedParents, Header},
};
use kaspa_hashes::Hash;
use kaspa_rpc_core::{
    GetBlockResponse, GetSinkResponse, GetVirtualChainFromBlockV2Response, RpcHeader, RpcOptionalHeader,
    api::ops::RpcApiOps,
};
use proptest::{collection::vec, prelude::*};
use scenarios::verify::frames::{FramesReport, VerifyError, compare_server_frame, verify_frames};
use workflow_rpc::{
    error::ServerError,
    messages::borsh::{BorshReqHeader, BorshServerMessageHeader, ServerMessageKind},
};
use workflow_serializer::serializer::Serializable;

const CAPTURES: [(&str, usize); 3] = [
    ("kaspad-2.1.0-simnet.jsonl", 244),
    ("kaspad-2.1.0-simnet-calls.jsonl", 112),
    ("kaspad-2.1.0-simnet-node-reset.jsonl", 553),
];

fn capture(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/wrpc").join(name)).unwrap()
}

fn verify(capture: &str) -> FramesReport {
    verify_frames(capture.as_bytes()).unwrap()
}

fn line(direction: &str, frame: &[u8]) -> String {
    format!("{{\"conn\":1,\"dir\":\"{direction}\",\"hex\":\"{}\"}}\n", hex::encode(frame))
}

/// A capture of a request and the given frame as its reply.
fn conversation(request: &Request, reply: &[u8]) -> String {
    line("c2s", &request.encode(7)) + &line("s2c", reply)
}

fn page_request() -> Request {
    let (verbosity, min_confirmation_count) = (Verbosity::Full, None);
    Request::GetVirtualChainFromBlockV2 { start_hash: Hash::default(), verbosity, min_confirmation_count }
}

fn block_request() -> Request {
    Request::GetBlock { hash: Hash::default(), include_transactions: true }
}

/// The frames from the node in a capture, with the line number of each.
fn server_frames(capture: &str) -> Vec<(usize, Vec<u8>)> {
    let records = capture.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    (1..)
        .zip(records)
        .filter(|(_, record)| record["dir"] == "s2c")
        .map(|(line, record)| (line, hex::decode(record["hex"].as_str().unwrap()).unwrap()))
        .collect()
}

/// Each reply of a capture, with the line of the request that it answers.
fn conversations(capture: &str) -> Vec<(String, Vec<u8>)> {
    let replies = server_frames(capture).into_iter().map(|(_, frame)| frame).filter(|frame| frame[0] == 1);
    let request_of = |reply: &[u8]| {
        let start = format!("\"c2s\",\"hex\":\"{}", hex::encode(&reply[..9]));
        capture.lines().find(|line| line.contains(&start)).unwrap().to_owned()
    };
    replies.map(|reply| (request_of(&reply), reply)).collect()
}

#[test]
fn given_the_captures_when_verified_then_every_field_and_every_byte_agrees() {
    let mut total = FramesReport::default();
    for (name, records) in CAPTURES {
        let report = verify(&capture(name));
        assert_eq!(report.differences, [], "{name}");
        assert!(report.passed());
        assert_eq!(report.records, records, "{name}");
        total.compared += report.compared;
        total.header_hashes += report.header_hashes;
    }
    assert!(total.compared > 600, "only {} frames are of kinds that the bridge reads", total.compared);
    assert!(total.header_hashes > 100, "only {} headers are complete", total.header_hashes);
}

#[test]
fn given_complete_headers_of_the_captures_when_hashed_then_consensus_gives_the_same_hash() {
    let mut hashes = 0;
    for (name, _) in CAPTURES {
        for (_, frame) in server_frames(&capture(name)) {
            let Ok(ServerFrame::Reply(reply)) = ServerFrame::parse(&frame) else { continue };
            let Some(Ok(operation)) = reply.operation.map(Operation::try_from) else { continue };
            let body = frame.get(13..).unwrap_or_default();
            match reply.decode(operation).unwrap() {
                Ok(Reply::ChainPage(page)) => {
                    let node: Serializable<GetVirtualChainFromBlockV2Response> = borsh::from_slice(body).unwrap();
                    for (ours, node) in page.blocks().zip(node.chain_block_accepted_transactions.iter()) {
                        let node =
                            Header::try_from(&node.chain_block_header).ok().map(|header| consensus_hash(&header));
                        assert_eq!(ours.header.computed_hash(), node);
                        hashes += usize::from(node.is_some());
                    }
                }
                Ok(Reply::Block(block)) => {
                    let node: Serializable<GetBlockResponse> = borsh::from_slice(body).unwrap();
                    let node = consensus_hash(&Header::try_from(&node.block.header).unwrap());
                    assert_eq!(block.header.computed_hash(), Some(node));
                    hashes += 1;
                }
                _ => {}
            }
        }
    }
    assert!(hashes > 100, "only {hashes} headers were hashed");
}

#[test]
fn given_a_changed_byte_in_a_complete_header_when_verified_then_the_difference_is_reported() {
    let (name, _) = CAPTURES[0];
    let text = capture(name);
    let (line, frame) = server_frames(&text)
        .into_iter()
        .find(|(_, frame)| frame[11] == 126 && frame[12] == 1)
        .expect("the capture has a GetBlock reply");
    // Outer envelope, block reply version, block envelope and version, header envelope and version, hash: then its
    // version.
    let mut doctored = frame.clone();
    doctored[13 + 4 + 2 + 4 + 2 + 4 + 2 + 32] ^= 1;
    let report = verify(&text.replace(&hex::encode(&frame), &hex::encode(doctored)));
    assert_eq!(report.differences.iter().map(|difference| difference.line).collect::<Vec<_>>(), [line]);
    assert!(report.differences[0].what.contains("computed and announced hash"), "{}", report.differences[0].what);
}

#[test]
fn given_a_changed_id_kind_operation_tag_length_or_version_when_verified_then_the_difference_is_reported() {
    for (name, _) in CAPTURES {
        for (request, reply) in conversations(&capture(name)) {
            assert_eq!(verify(&format!("{request}\n{}", line("s2c", &reply))).differences, []);
            // A remote error has neither envelope nor version.
            let places: &[usize] = if reply[12] == 1 { &[1, 9, 11, 12, 13, 17] } else { &[1, 9, 11, 12, 13, 14] };
            for place in places {
                let mut doctored = reply.clone();
                doctored[*place] ^= 2;
                let report = verify(&format!("{request}\n{}", line("s2c", &doctored)));
                assert!(!report.differences.is_empty(), "byte {place} of {}", hex::encode(reply));
                assert!(!report.passed() && report.differences.iter().all(|difference| difference.line == 2));
            }
        }
    }
}

#[test]
fn given_a_frame_cut_or_lengthened_by_a_byte_when_verified_then_the_difference_is_reported() {
    for (name, _) in CAPTURES {
        for (request, mut reply) in conversations(&capture(name)) {
            reply.push(0);
            assert_eq!(verify(&format!("{request}\n{}", line("s2c", &reply))).differences.len(), 1);
            reply.truncate(reply.len() - 2);
            assert_eq!(verify(&format!("{request}\n{}", line("s2c", &reply))).differences.len(), 1);
        }
        for (_, mut frame) in server_frames(&capture(name)).into_iter().filter(|(_, frame)| frame[0] == 0) {
            assert_eq!(verify(&line("s2c", &frame)).differences, []);
            frame.truncate(frame.len() - 1);
            assert_eq!(verify(&line("s2c", &frame)).differences.len(), 1);
        }
    }
}

#[test]
fn given_a_reply_without_its_request_when_verified_then_the_difference_is_reported() {
    let (_, reply) = conversations(&capture(CAPTURES[0].0)).swap_remove(0);
    let report = verify(&line("s2c", &reply));
    assert_eq!(report.differences.len(), 1);
    assert!(report.differences[0].to_string().starts_with("line 1: a reply answers no request"));
}

#[test]
fn given_a_length_that_would_abort_the_decoder_when_verified_then_it_is_only_a_difference() {
    // A chain page and a BlockAdded notification, each with 4 billion items.
    let mut page = encode::chain_page(7, &[], &[], []);
    page.truncate(page.len() - 4);
    page.extend([0xff; 4]);
    assert_eq!(verify(&conversation(&page_request(), &page)).differences.len(), 1);

    let block = [&[1, 0, 0, 0, 0, 0][..], &[4, 0, 0, 0], &[0xff; 4]].concat();
    let notification = [&[1, 0][..], &14_u32.to_le_bytes(), &block].concat();
    let body = [&[1, 0, 0, 0][..], &20_u32.to_le_bytes(), &notification].concat();
    let frame = [&[0, 0xff, 1, 60][..], &28_u32.to_le_bytes(), &body].concat();
    let report = verify(&line("s2c", &frame));
    assert_eq!(report.differences.len(), 1);
    assert!(report.differences[0].what.contains("announces"), "{}", report.differences[0].what);
}

/// A reply to operation `asked` with the given body in its outermost envelope, and the request that it answers.
fn reply_with_body(asked: u8, body: &[u8]) -> String {
    let id = 7_u64.to_le_bytes();
    let request = [&[1][..], &id, &[asked], &2_u32.to_le_bytes(), &[1, 0]].concat();
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    let reply = [&[1][..], &id, &[0, 1, asked, 1], &length, body].concat();
    line("c2s", &request) + &line("s2c", &reply)
}

fn notification_with_body(operation: u8, body: &[u8]) -> String {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
    let inner = [&[1, 0, operation - 60, 0][..], &length(body), body].concat();
    line("s2c", &[&[0, 0xff, 1, operation][..], &length(&inner), &inner].concat())
}

/// Operations of `kaspa-rpc-core` whose frames are verified.
const VERIFIED: [u8; 17] = [3, 4, 110, 114, 115, 116, 120, 124, 126, 128, 129, 130, 131, 134, 138, 141, 151];

/// Struct version, so many zeros, and a count of 4 billion items, bare and in an envelope.
fn huge_counts() -> impl Iterator<Item = Vec<u8>> {
    (0..120).flat_map(|zeros| {
        let bare = [&[1, 0][..], &vec![0; zeros], &[0xff; 4]].concat();
        let enveloped = [&[1, 0][..], &vec![0; zeros], &[4, 0, 0, 0], &[0xff; 4], &[4, 0, 0, 0], &[0xff; 4]].concat();
        [bare, enveloped]
    })
}

#[test]
fn given_a_notification_of_any_number_when_it_has_a_huge_count_then_it_is_only_a_difference() {
    for operation in 60..=68 {
        for body in huge_counts() {
            let report = verify(&notification_with_body(operation, &body));
            // Where it is no count but part of a hash or a score, it is as good as any other.
            let is_field = matches!((operation, body.len()), (62 | 63, 34) | (65 | 66, 10));
            assert_eq!(report.differences.is_empty(), is_field, "notification {operation}: {}", hex::encode(body));
        }
    }
}

#[test]
fn given_a_reply_to_any_operation_when_it_has_a_huge_count_then_nothing_passes_without_a_walk() {
    let known = (0..=u8::MAX).filter(|code| borsh::from_slice::<RpcApiOps>(&[*code]).is_ok());
    let mut refused = 0;
    for operation in known {
        for body in huge_counts() {
            let report = verify(&reply_with_body(operation, &body));
            let of_reply: Vec<_> = report.differences.iter().filter(|difference| difference.line == 2).collect();
            if !VERIFIED.contains(&operation) {
                let sentence = format!("replies of operation {operation} are not verified");
                assert_eq!(of_reply.iter().map(|difference| &difference.what).collect::<Vec<_>>(), [&sentence]);
                refused += 1;
            } else if matches!(operation, 126 | 128 | 129 | 134 | 151) {
                assert!(!of_reply.is_empty(), "reply {operation}: {}", hex::encode(body));
            }
        }
    }
    assert!(refused > 30 * 240, "{refused}");
}

#[test]
fn given_a_request_of_any_operation_when_it_has_a_huge_count_then_nothing_unknown_passes() {
    for operation in (0..=u8::MAX).filter(|code| borsh::from_slice::<RpcApiOps>(&[*code]).is_ok()) {
        for body in huge_counts() {
            let length = u32::try_from(body.len()).unwrap().to_le_bytes();
            let frame = [&[1][..], &7_u64.to_le_bytes(), &[operation], &length, &body].concat();
            let report = verify(&line("c2s", &frame));
            if !VERIFIED.contains(&operation) {
                assert_eq!(
                    report.differences.iter().map(|difference| difference.what.as_str()).collect::<Vec<_>>(),
                    [format!("requests of operation {operation} are not verified")]
                );
            }
        }
    }
}

#[test]
fn given_a_kind_of_each_captured_frame_when_any_four_bytes_become_a_huge_number_then_it_is_only_a_difference() {
    let mut seen = std::collections::BTreeSet::new();
    let huge = |frame: &[u8], from: usize| {
        let mut frame = frame.to_vec();
        frame[from..from + 4].fill(0xff);
        frame
    };
    let places = |frame: &[u8], first: usize| first..frame.len().saturating_sub(3).min(2_500);
    for (name, _) in CAPTURES {
        let text = capture(name);
        for (request, reply) in conversations(&text) {
            // The largest have every list.
            if reply.len() < 3_000 && seen.insert((reply[11], reply.len() / 400)) {
                places(&reply, 13).for_each(|place| {
                    verify(&format!("{request}\n{}", line("s2c", &huge(&reply, place))));
                });
            }
        }
        for (_, frame) in server_frames(&text).into_iter().filter(|(_, frame)| frame[0] == 0) {
            if frame.len() < 3_000 && seen.insert((frame[3], frame.len() / 400)) {
                places(&frame, 4).for_each(|place| {
                    verify(&line("s2c", &huge(&frame, place)));
                });
            }
        }
    }
    assert!(seen.len() > 20, "{}", seen.len());
}

#[test]
fn given_a_transaction_with_a_huge_count_in_a_block_reply_when_verified_then_it_is_only_a_difference() {
    let envelope = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_le_bytes()[..], bytes].concat();
    let mut header = Header::from_precomputed_hash(Hash::default(), vec![]);
    header.finalize();
    let block = kaspa_rpc_core::RpcBlock { header: RpcHeader::from(&header), transactions: vec![], verbose_data: None };
    let sound = encode::reply(7, Operation::GetBlock, &GetBlockResponse { block });
    assert_eq!(verify(&conversation(&block_request(), &sound)).differences, []);
    // Behind the header: transactions in an envelope, then verbose data in an envelope.
    let Some((head, [4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0])) = sound.split_last_chunk::<13>() else {
        panic!("an empty list of transactions, and no verbose data")
    };
    for inputs in [[0_u8; 4], [0xff; 4]] {
        let transaction = [&[1, 0, 0, 0][..], &envelope(&inputs), &envelope(&[0; 4])].concat();
        let transactions = [&[1, 0, 0, 0][..], &envelope(&transaction)].concat();
        let block = [&head[13 + 4 + 2 + 4..], &envelope(&transactions), &[1, 0, 0, 0, 0]].concat();
        let body = [&[1, 0][..], &envelope(&block)].concat();
        let report = verify(
            &(line("c2s", &block_request().encode(7)) + &line("s2c", &[&head[..13], &envelope(&body)].concat())),
        );
        assert_eq!(report.differences.len(), 1);
        let is_refused_by_the_walk = report.differences[0].what.contains("announces");
        assert_eq!(is_refused_by_the_walk, inputs == [0xff; 4], "{}", report.differences[0].what);
    }
}

#[test]
fn given_a_notification_of_changed_utxos_when_verified_then_its_bytes_agree_and_huge_lists_are_refused() {
    use kaspa_rpc_core::{Notification, UtxosChangedNotification};
    let frame = encode::notification(&Notification::UtxosChanged(UtxosChangedNotification::default()));
    assert_eq!(verify(&line("s2c", &frame)).differences, []);
    for place in [frame.len() - 4, frame.len() - 12] {
        let mut doctored = frame.clone();
        doctored[place..place + 4].fill(0xff);
        let report = verify(&line("s2c", &doctored));
        assert_eq!(report.differences.len(), 1);
        assert!(report.differences[0].what.contains("UTXOs announces"), "{}", report.differences[0].what);
    }
}

#[test]
fn given_a_frame_when_compared_then_only_what_a_node_would_write_has_an_answer() {
    let mut compared = 0;
    for (name, _) in CAPTURES {
        for (line, frame) in server_frames(&capture(name)) {
            // Of every other kind our reader sees no field.
            let is_read = match ServerFrame::parse(&frame).unwrap() {
                ServerFrame::Notification(notification) => !matches!(notification, Notification::Other { .. }),
                ServerFrame::Reply(reply) => reply.operation.is_none_or(|code| Operation::try_from(code).is_ok()),
            };
            assert_eq!(compare_server_frame(&frame), is_read.then(Vec::new), "{name}, line {line}");
            compared += usize::from(is_read);
            assert_eq!(compare_server_frame(&[&frame[..], &[0]].concat()), None, "{name}, line {line}");
        }
    }
    assert!(compared > 300, "only {compared} frames were compared");
    // No capture has a request that could not be dispatched.
    let text = borsh::to_vec(&ServerError::Text("unknown".to_owned())).unwrap();
    let undispatched = [&[1][..], &7_u64.to_le_bytes(), &[1, 0], &text].concat();
    assert_eq!(compare_server_frame(&undispatched), Some(vec![]));
    assert_eq!(verify(&conversation(&Request::GetSink, &undispatched)).differences, []);
    // A struct version that our reader takes and `kaspa-rpc-core` does not write.
    let mut newer = encode::reply(7, Operation::GetSink, &GetSinkResponse { sink: Hash::default() });
    assert_eq!(compare_server_frame(&newer), Some(vec![]));
    newer[13 + 4] += 1;
    assert!(ServerFrame::parse(&newer).is_ok());
    assert_eq!(compare_server_frame(&newer), None);
}

#[test]
fn given_an_empty_file_when_verified_then_the_report_has_no_records() {
    assert_eq!(verify("\n\n"), FramesReport::default());
    assert!(!FramesReport::default().passed());
}

#[test]
fn given_a_file_that_is_no_capture_when_verified_then_the_error_names_the_line() {
    let sound = line("c2s", &Request::GetSink.encode(1));
    let error = verify_frames(format!("{sound}nonsense\n").as_bytes()).unwrap_err();
    assert!(matches!(error, VerifyError::Record { line: 2, .. }), "{error}");
    let error = verify_frames(sound.replace("\"hex\":\"", "\"hex\":\"x").as_bytes()).unwrap_err();
    assert!(matches!(error, VerifyError::Hex { line: 1, .. }), "{error}");
    let error = verify_frames(&b"\xff\n"[..]).unwrap_err();
    assert!(matches!(error, VerifyError::Read { line: 1, .. }), "{error}");
}

#[test]
fn given_our_frame_headers_when_encoded_then_the_bytes_are_those_of_workflow_rpc() {
    let ours = borsh::to_vec(&RequestHeader { id: Some(77), operation: 151 }).unwrap();
    let theirs = BorshReqHeader::new(Some(77_u64), RpcApiOps::GetVirtualChainFromBlockV2);
    assert_eq!(ours, borsh::to_vec(&theirs).unwrap());
    for (kind, their_kind) in [
        (bridge::wire::FrameKind::Success, ServerMessageKind::Success),
        (bridge::wire::FrameKind::Error, ServerMessageKind::Error),
        (bridge::wire::FrameKind::Notification, ServerMessageKind::Notification),
    ] {
        let header = ServerHeader { id: Some(5), kind, operation: Some(110) };
        let theirs = BorshServerMessageHeader::new(Some(5_u64), their_kind, Some(RpcApiOps::Ping));
        let bytes = borsh::to_vec(&header).unwrap();
        assert_eq!(bytes, borsh::to_vec(&theirs).unwrap());
        assert_eq!(ServerHeader::read(&mut bridge::wire::Reader::new(&bytes)), Ok(header));
    }
}

#[test]
fn given_every_server_error_when_it_arrives_then_its_text_is_read() {
    let text = || "text".to_owned();
    let errors = [
        ServerError::Close,
        ServerError::Timeout,
        ServerError::NoData,
        ServerError::NotFound,
        ServerError::PoisonError,
        ServerError::NonBorshRequest,
        ServerError::NonSerdeRequest,
        ServerError::ReqSerialize,
        ServerError::ReqDeserialize,
        ServerError::RespSerialize,
        ServerError::NotificationDeserialize(text()),
        ServerError::RespDeserialize(text()),
        ServerError::Data(vec![1, 2, 3]),
        ServerError::Text(text()),
        ServerError::WebSocketError(text()),
        ServerError::ReceiveChannelRx,
        ServerError::ReceiveChannelTx,
    ];
    for error in errors {
        let bytes = borsh::to_vec(&error).unwrap();
        // Once from a method, once because there was none.
        let method = [&[1, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1, 120, 0][..], &bytes].concat();
        let dispatch = [&[1, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0][..], &bytes].concat();
        for frame in [method, dispatch] {
            let Ok(ServerFrame::Reply(reply)) = ServerFrame::parse(&frame) else { panic!("not a reply") };
            let remote = reply.decode(Operation::GetSink).unwrap().unwrap_err();
            assert_eq!((reply.id, remote.text), (9, error.to_string().trim_start_matches("WebSocket -> ")));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn given_any_chain_page_when_encoded_by_the_node_then_our_reader_sees_the_same_fields(
        page in generate::chain_page(),
    ) {
        let frame = encode::reply(7, Operation::GetVirtualChainFromBlockV2, &page);
        let report = verify(&conversation(&page_request(), &frame));
        prop_assert_eq!(report.differences, []);
        prop_assert_eq!(report.compared, 2);
    }

    #[test]
    fn given_any_block_when_encoded_by_the_node_then_our_reader_sees_the_same_fields(block in generate::block()) {
        let frame = encode::reply(7, Operation::GetBlock, &block);
        let report = verify(&conversation(&block_request(), &frame));
        prop_assert_eq!(report.differences, []);
        prop_assert_eq!((report.compared, report.header_hashes), (2, 1));
    }

    #[test]
    fn given_any_info_when_encoded_by_the_node_then_our_reader_sees_the_same_fields(
        dag_info in generate::dag_info(),
        server_info in generate::server_info(),
    ) {
        let frame = encode::reply(7, Operation::GetBlockDagInfo, &dag_info);
        prop_assert_eq!(verify(&conversation(&Request::GetBlockDagInfo, &frame)).differences, []);
        let frame = encode::reply(7, Operation::GetServerInfo, &server_info);
        prop_assert_eq!(verify(&conversation(&Request::GetServerInfo, &frame)).differences, []);
    }

    #[test]
    fn given_any_chain_movement_when_encoded_by_the_node_then_our_reader_sees_the_same_fields(
        notification in generate::chain_changed(),
        text in ".{0,60}",
    ) {
        let report = verify(&line("s2c", &encode::notification(&notification)));
        prop_assert_eq!(report.differences, []);
        prop_assert_eq!(report.compared, 1);
        let error = encode::remote_error(7, Operation::GetSink, &text);
        prop_assert_eq!(verify(&conversation(&Request::GetSink, &error)).differences, []);
    }

    #[test]
    fn given_any_header_when_hashed_from_either_encoding_then_consensus_gives_the_same_hash(
        header in generate::header(),
    ) {
        let chain_block = kaspa_rpc_core::RpcChainBlockAcceptedTransactions {
            chain_block_header: RpcOptionalHeader::from(&header),
            accepted_transactions: vec![],
        };
        let block = encode::chain_block(&chain_block);
        let compressed = encode::chain_page(7, &[], &[header.hash], [&block[..]]);
        let block = kaspa_rpc_core::RpcBlock {
            header: RpcHeader::from(&header),
            transactions: vec![],
            verbose_data: None,
        };
        let expanded = encode::reply(7, Operation::GetBlock, &GetBlockResponse { block });
        let frames = [(compressed, Operation::GetVirtualChainFromBlockV2), (expanded, Operation::GetBlock)];
        for (frame, operation) in frames {
            let Ok(ServerFrame::Reply(reply)) = ServerFrame::parse(&frame) else { panic!("not a reply") };
            let ours = match reply.decode(operation).unwrap().unwrap() {
                Reply::ChainPage(page) => page.blocks().next().unwrap().header,
                Reply::Block(block) => block.header,
                other => panic!("{other:?}"),
            };
            prop_assert_eq!(ours.computed_hash(), Some(consensus_hash(&header)));
            let levels: Vec<Vec<Hash>> = ours.parents.unwrap().levels().map(|level| level.to_vec()).collect();
            prop_assert_eq!(CompressedParents::try_from(levels).unwrap(), header.parents_by_level.clone());
        }
    }

    #[test]
    fn given_shared_blocks_when_a_page_is_assembled_then_it_is_byte_for_byte_the_encoded_response(
        blocks in vec(generate::chain_block(), 0..5),
        removed in generate::hashes(4),
        added in generate::hashes(4),
        id in any::<u64>(),
    ) {
        let encoded: Vec<Vec<u8>> = blocks.iter().map(encode::chain_block).collect();
        let assembled = encode::chain_page(id, &removed, &added, encoded.iter().map(Vec::as_slice));
        let whole = GetVirtualChainFromBlockV2Response {
            removed_chain_block_hashes: removed.into(),
            added_chain_block_hashes: added.into(),
            chain_block_accepted_transactions: blocks.into(),
        };
        prop_assert_eq!(assembled, encode::reply(id, Operation::GetVirtualChainFromBlockV2, &whole));
    }

    #[test]
    fn given_a_response_when_encoded_then_the_frame_is_the_one_that_workflow_rpc_sends(page in generate::chain_page()) {
        let header = BorshServerMessageHeader::new(
            Some(7_u64),
            ServerMessageKind::Success,
            Some(RpcApiOps::GetVirtualChainFromBlockV2),
        );
        let ours = encode::reply(7, Operation::GetVirtualChainFromBlockV2, &page);
        let result: Result<Serializable<GetVirtualChainFromBlockV2Response>, ServerError> = Ok(Serializable(page));
        let theirs = [borsh::to_vec(&header).unwrap(), borsh::to_vec(&result).unwrap()].concat();
        prop_assert_eq!(ours, theirs);
    }
}
