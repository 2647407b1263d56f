//! A follower in front of a captured session, and the report of what it told.

use std::{fmt::Write, time::Duration};

use bridge::{
    AcceptedTransaction, ChainRef, Config, DisconnectReason, L1Event,
    follower::{Follower, Input, Output},
    wire::{Operation, Request, encode},
};
use kaspa_consensus_core::header::Header;
use kaspa_hashes::Hash;
use kaspa_rpc_core::{GetBlockResponse, GetVirtualChainFromBlockV2Response, RpcBlock};
use workflow_serializer::serializer::Serializable;

use super::capture::{Capture, Sent};

const SESSION: u64 = 1;

/// Bytes before the response in a reply: id, kind, operation and result.
const REPLY_HEADER: usize = 13;

/// The joined session.
pub struct Replay {
    pub events: Vec<(Duration, L1Event)>,
    /// Replies to questions for pages, refusals among them, that were the node's own bytes.
    pub captured_pages: usize,
    follower: Follower,
    /// The session, of which the frames up to `cursor` were sent.
    capture: Capture,
    cursor: usize,
    others: Vec<Capture>,
    asked: Option<(u64, Request)>,
    wake_at: Option<Duration>,
    now: Duration,
}

impl Replay {
    /// Nothing was sent yet.
    pub fn new(config: Config, capture: Capture, others: Vec<Capture>) -> Self {
        Self {
            events: Vec::new(),
            captured_pages: 0,
            follower: Follower::new(config).expect("the settings are complete"),
            capture,
            cursor: 0,
            others,
            asked: None,
            wake_at: None,
            now: Duration::ZERO,
        }
    }

    /// The whole session; at the end of the capture the node closes it.
    pub fn run(&mut self) {
        self.input(Input::Tick);
        self.input(Input::Connected { session: SESSION });
        self.answer();
        while let Some(sent) = self.capture.sent.get(self.cursor).cloned() {
            self.wait_until(sent.at);
            self.cursor += 1;
            if sent.is_notification() {
                self.frame(sent.bytes);
            }
            self.answer();
        }
        self.input(Input::Closed { session: SESSION, reason: DisconnectReason::ClosedByNode });
    }

    /// What was asked and never answered.
    pub fn open_question(&self) -> Option<Request> {
        self.asked.map(|(_, request)| request)
    }

    /// One line an event.
    pub fn report(&self) -> String {
        let mut report = String::new();
        for (at, event) in &self.events {
            writeln!(report, "{:>5} ms  {}", at.as_millis(), line(event)).expect("a String takes every line");
        }
        report
    }

    /// Rings the follower's timer until then.
    fn wait_until(&mut self, at: Duration) {
        while let Some(wake_at) = self.wake_at.filter(|wake_at| *wake_at <= at) {
            self.now = self.now.max(wake_at);
            self.wake_at = None;
            self.input(Input::Tick);
            self.answer();
        }
        self.now = self.now.max(at);
    }

    /// Answers what can be answered now: with the newest reply to the same question since the last notification. While the
    /// session has one to come, the follower waits for it.
    fn answer(&mut self) {
        while let Some((id, request)) = self.asked {
            let (past, coming) = self.capture.sent.split_at(self.cursor);
            let since_change = past.iter().rev().take_while(|sent| !sent.is_notification());
            let bytes = match since_change.into_iter().find(|sent| sent.is_answer_to(&request)) {
                Some(sent) => {
                    self.captured_pages += usize::from(request.operation() == Operation::GetVirtualChainFromBlockV2);
                    Some(sent.with_id(id))
                }
                None if coming.iter().any(|sent| sent.is_answer_to(&request)) => None,
                None => self.elsewhere(id, &request),
            };
            let Some(bytes) = bytes else { return };
            self.asked = None;
            self.frame(bytes);
        }
    }

    fn elsewhere(&self, id: u64, request: &Request) -> Option<Vec<u8>> {
        let operation = request.operation();
        match *request {
            Request::GetServerInfo | Request::GetBlock { .. } | Request::Subscribe(_) => {
                let mut others = self.others.iter().flat_map(|other| &other.sent);
                let captured = others.find(|sent| sent.is_answer_to(request)).map(|sent| sent.with_id(id));
                captured.or_else(|| match *request {
                    Request::GetBlock { hash, .. } => self.header(hash).map(|header| {
                        let block = RpcBlock { header: (&header).into(), transactions: Vec::new(), verbose_data: None };
                        encode::reply(id, operation, &GetBlockResponse { block })
                    }),
                    _ => None,
                })
            }
            Request::GetVirtualChainFromBlockV2 { start_hash, .. } => {
                let last = self.capture.sent.iter().rev().find_map(page)?;
                let is_last = last.added_chain_block_hashes.last() == Some(&start_hash);
                is_last.then(|| encode::chain_page(id, &[], &[], []))
            }
            _ => None,
        }
    }

    /// The header of a block that is in a captured page.
    fn header(&self, hash: Hash) -> Option<Header> {
        let pages: Vec<_> = self.capture.sent.iter().filter_map(page).collect();
        let mut blocks = pages.iter().flat_map(|page| page.chain_block_accepted_transactions.iter());
        let block = blocks.find(|block| block.chain_block_header.hash == Some(hash))?;
        Header::try_from(&block.chain_block_header).ok()
    }

    fn frame(&mut self, bytes: Vec<u8>) {
        self.input(Input::Frame { session: SESSION, bytes: bytes.into() });
    }

    fn input(&mut self, input: Input) {
        self.follower.handle(input, self.now);
        let mut newest = None;
        while let Some(output) = self.follower.poll_output() {
            match output {
                Output::Event(event) => {
                    newest = event.sequence().or(newest);
                    self.events.push((self.now, event));
                }
                Output::Send { bytes, .. } => {
                    self.asked = Some(Request::parse(&bytes).expect("the follower writes well-formed requests"));
                }
                Output::WakeAt(at) => self.wake_at = Some(at),
                Output::Connect { session, .. } => assert_eq!(session, SESSION),
                Output::Close { .. } | Output::Finished => panic!("the follower ends the session: {output:?}"),
            }
        }
        if let Some(sequence) = newest {
            self.input(Input::Ack { sequence });
        }
    }
}

/// The page in a reply, as `kaspa-rpc-core` reads it.
fn page(sent: &Sent) -> Option<GetVirtualChainFromBlockV2Response> {
    let Some(Request::GetVirtualChainFromBlockV2 { .. }) = sent.answers else { return None };
    let page: Serializable<GetVirtualChainFromBlockV2Response> =
        borsh::from_slice(sent.bytes.get(REPLY_HEADER..)?).ok()?;
    Some(page.0)
}

fn line(event: &L1Event) -> String {
    match event {
        L1Event::BlockAdded(added) => {
            let accepted: Vec<String> = added.accepted.iter().map(transaction).collect();
            format!(
                "#{} BlockAdded {} on {} daa {} time {} verified {} accepts [{}]",
                added.sequence,
                place(&added.block),
                short(added.parent),
                added.daa_score,
                added.timestamp_ms,
                added.verified,
                accepted.join(", ")
            )
        }
        L1Event::Reorg(reorg) => {
            let removed: Vec<String> = reorg.removed.iter().copied().map(short).collect();
            let (fork, old_tip) = (place(&reorg.fork), place(&reorg.old_tip));
            format!("#{} Reorg to {fork} from {old_tip} removes [{}]", reorg.sequence, removed.join(" "))
        }
        L1Event::Finalized { sequence, block } => format!("#{sequence} Finalized {}", place(block)),
        L1Event::Connected { session, node, server_version, network } => {
            format!("Connected {session} to {node}, version {server_version}, {network}")
        }
        L1Event::Disconnected { session, reason, .. } => format!("Disconnected {session}: {reason}"),
        L1Event::Synced { tip } => format!("Synced {}", place(tip)),
        L1Event::NodeRejected { node, reason, retry_in } => {
            format!("NodeRejected {node}: {reason}; retry in {retry_in:?}")
        }
        other => format!("{other:?}"),
    }
}

/// Index, hash and blue score.
fn place(block: &ChainRef) -> String {
    format!("{} {} blue {}", block.index, short(block.hash), block.blue_score)
}

fn transaction(transaction: &AcceptedTransaction) -> String {
    let lane = transaction.subnetwork_id[0];
    let (index, id, payload) = (transaction.acceptance_index, short(transaction.id), transaction.payload.len());
    format!("{index} {id} lane {lane} payload {payload} B")
}

fn short(hash: Hash) -> String {
    hex::encode(&hash.as_bytes()[..4])
}
