//! Requests: what a client of the node asks.

use borsh::BorshSerialize;
use kaspa_hashes::Hash;
use kaspa_notify::scope::{
    PruningPointUtxoSetOverrideScope, Scope, SinkBlueScoreChangedScope, VirtualChainChangedScope,
    VirtualDaaScoreChangedScope,
};
use kaspa_rpc_core::{
    GetBlockDagInfoRequest, GetBlockRequest, GetServerInfoRequest, GetSinkRequest, GetVirtualChainFromBlockV2Request,
    PingRequest, RpcDataVerbosityLevel,
};
use workflow_serializer::serializer::Serializable;

use super::{Operation, Reader, RequestHeader, WireError, reader::bad_tag};

/// A request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// Start notifications.
    Subscribe(Subscription),
    /// Stop notifications.
    Unsubscribe(Subscription),
    /// Nothing but a reply.
    Ping,
    /// API version, server version and network.
    GetServerInfo,
    /// Outline of the DAG.
    GetBlockDagInfo,
    /// Hash of the sink.
    GetSink,
    /// One block.
    GetBlock {
        /// Its hash.
        hash: Hash,
        /// Whether the reply shall list its transactions.
        include_transactions: bool,
    },
    /// How the selected chain goes on from a block.
    GetVirtualChainFromBlockV2 {
        /// The block from which the path is computed.
        start_hash: Hash,
        /// Which fields the reply shall have.
        verbosity: Verbosity,
        /// Leaves out added blocks whose blue score is at most this much below the sink's. Removed ones stay.
        min_confirmation_count: Option<u64>,
    },
}

/// A kind of notification to start or stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subscription {
    /// Movements of the selected chain.
    VirtualChainChanged {
        /// Whether notifications shall list the accepted ids.
        include_accepted_transaction_ids: bool,
    },
    /// The blue score of the sink.
    SinkBlueScoreChanged,
    /// The DAA score of the virtual.
    VirtualDaaScoreChanged,
    /// Resets of the node to a new pruning point.
    PruningPointUtxoSetOverride,
}

/// Which fields a reply of GetVirtualChainFromBlockV2 has; each level has those of the level below it.
///
/// Source: `kaspa-rpc-core` 2.1.0, `RpcDataVerbosityLevel`; the fields are marked in [`Header`](super::Header) and
/// [`AcceptedTransaction`](super::AcceptedTransaction).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Verbosity {
    /// Hashes only.
    None = 0,
    /// Scores, times and ids.
    Low = 1,
    /// Parents, merkle roots, masses.
    High = 2,
    /// Everything: a header can be hashed.
    Full = 3,
}

impl Request {
    /// What is asked for.
    pub const fn operation(&self) -> Operation {
        match self {
            Self::Subscribe(_) => Operation::Subscribe,
            Self::Unsubscribe(_) => Operation::Unsubscribe,
            Self::Ping => Operation::Ping,
            Self::GetServerInfo => Operation::GetServerInfo,
            Self::GetBlockDagInfo => Operation::GetBlockDagInfo,
            Self::GetSink => Operation::GetSink,
            Self::GetBlock { .. } => Operation::GetBlock,
            Self::GetVirtualChainFromBlockV2 { .. } => Operation::GetVirtualChainFromBlockV2,
        }
    }

    /// The frame that asks for it under the given id.
    pub fn encode(&self, id: u64) -> Vec<u8> {
        let mut frame = Vec::with_capacity(80);
        write(&RequestHeader { id: Some(id), operation: self.operation().code() }, &mut frame);
        match *self {
            Self::Subscribe(subscription) | Self::Unsubscribe(subscription) => {
                write(&Serializable(subscription.scope()), &mut frame);
            }
            Self::Ping => write(&Serializable(PingRequest {}), &mut frame),
            Self::GetServerInfo => write(&Serializable(GetServerInfoRequest {}), &mut frame),
            Self::GetBlockDagInfo => write(&Serializable(GetBlockDagInfoRequest {}), &mut frame),
            Self::GetSink => write(&Serializable(GetSinkRequest {}), &mut frame),
            Self::GetBlock { hash, include_transactions } => {
                write(&Serializable(GetBlockRequest { hash, include_transactions }), &mut frame);
            }
            Self::GetVirtualChainFromBlockV2 { start_hash, verbosity, min_confirmation_count } => {
                let data_verbosity_level = Some(verbosity.level());
                let request =
                    GetVirtualChainFromBlockV2Request { start_hash, data_verbosity_level, min_confirmation_count };
                write(&Serializable(request), &mut frame);
            }
        }
        frame
    }

    /// Reads a request frame: its id and what is asked.
    ///
    /// # Errors
    /// [`WireError::UnknownOperation`] for one that is not an [`Operation`]; [`WireError::BadTag`] also for a
    /// subscription to a kind that is not one of [`Subscription`]; any other [`WireError`] for malformed bytes.
    pub fn parse(frame: &[u8]) -> Result<(u64, Self), WireError> {
        let mut reader = Reader::new(frame);
        let header = RequestHeader::read(&mut reader)?;
        let operation = Operation::try_from(header.operation)?;
        let id = header.id.ok_or(WireError::MissingField { what: "request id" })?;
        let mut body = reader.last_envelope("request")?;
        // The node gives this one request no struct version.
        if operation != Operation::Ping {
            body.version_u16("request")?;
        }
        let request = match operation {
            Operation::Subscribe => Self::Subscribe(Subscription::read(&mut body)?),
            Operation::Unsubscribe => Self::Unsubscribe(Subscription::read(&mut body)?),
            Operation::Ping => Self::Ping,
            Operation::GetServerInfo => Self::GetServerInfo,
            Operation::GetSink => Self::GetSink,
            Operation::GetBlockDagInfo => Self::GetBlockDagInfo,
            Operation::GetBlock => {
                Self::GetBlock { hash: body.hash("block hash")?, include_transactions: body.bool("transactions flag")? }
            }
            Operation::GetVirtualChainFromBlockV2 => Self::GetVirtualChainFromBlockV2 {
                start_hash: body.hash("start hash")?,
                verbosity: Verbosity::read(&mut body)?,
                min_confirmation_count: body.option("confirmation count", Reader::u64)?,
            },
        };
        Ok((id, request))
    }
}

impl Subscription {
    fn scope(self) -> Scope {
        match self {
            Self::VirtualChainChanged { include_accepted_transaction_ids } => {
                VirtualChainChangedScope { include_accepted_transaction_ids }.into()
            }
            Self::SinkBlueScoreChanged => SinkBlueScoreChangedScope {}.into(),
            Self::VirtualDaaScoreChanged => VirtualDaaScoreChangedScope {}.into(),
            Self::PruningPointUtxoSetOverride => PruningPointUtxoSetOverrideScope {}.into(),
        }
    }

    /// Reads the Borsh form of `kaspa-notify`'s `Scope`, whose variants have no struct version.
    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match reader.u8("subscription scope")? {
            1 => Self::VirtualChainChanged { include_accepted_transaction_ids: reader.bool("accepted ids flag")? },
            5 => Self::SinkBlueScoreChanged,
            6 => Self::VirtualDaaScoreChanged,
            7 => Self::PruningPointUtxoSetOverride,
            value => return Err(bad_tag("subscription scope", u32::from(value))),
        })
    }
}

impl Verbosity {
    const fn level(self) -> RpcDataVerbosityLevel {
        match self {
            Self::None => RpcDataVerbosityLevel::None,
            Self::Low => RpcDataVerbosityLevel::Low,
            Self::High => RpcDataVerbosityLevel::High,
            Self::Full => RpcDataVerbosityLevel::Full,
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let Some(mut level) = reader.enveloped_option("verbosity")? else {
            // What the node takes when a request leaves the level out.
            return Ok(Self::Full);
        };
        level.version_u8("verbosity")?;
        Ok(match level.u32("verbosity")? {
            0 => Self::None,
            1 => Self::Low,
            2 => Self::High,
            3 => Self::Full,
            value => return Err(bad_tag("verbosity", value)),
        })
    }
}

fn write(value: &impl BorshSerialize, frame: &mut Vec<u8>) {
    value.serialize(frame).expect("a Vec takes every byte, and no request has a field that can refuse to be written");
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Request; 13] = [
        Request::Subscribe(Subscription::VirtualChainChanged { include_accepted_transaction_ids: true }),
        Request::Subscribe(Subscription::VirtualChainChanged { include_accepted_transaction_ids: false }),
        Request::Subscribe(Subscription::SinkBlueScoreChanged),
        Request::Subscribe(Subscription::VirtualDaaScoreChanged),
        Request::Unsubscribe(Subscription::PruningPointUtxoSetOverride),
        Request::Ping,
        Request::GetServerInfo,
        Request::GetBlockDagInfo,
        Request::GetSink,
        Request::GetBlock { hash: Hash::from_bytes([3; 32]), include_transactions: true },
        Request::GetVirtualChainFromBlockV2 {
            start_hash: Hash::from_bytes([4; 32]),
            verbosity: Verbosity::None,
            min_confirmation_count: Some(u64::MAX),
        },
        Request::GetVirtualChainFromBlockV2 {
            start_hash: Hash::from_bytes([4; 32]),
            verbosity: Verbosity::High,
            min_confirmation_count: None,
        },
        Request::GetVirtualChainFromBlockV2 {
            start_hash: Hash::from_bytes([4; 32]),
            verbosity: Verbosity::Full,
            min_confirmation_count: Some(0),
        },
    ];

    #[test]
    fn given_a_request_when_encoded_and_parsed_then_it_is_the_same() {
        for (id, request) in (7..).zip(ALL) {
            assert_eq!(Request::parse(&request.encode(id)), Ok((id, request)));
        }
    }

    #[test]
    fn given_a_cut_or_lengthened_request_when_parsed_then_a_typed_error() {
        for request in ALL {
            let mut frame = request.encode(1);
            for length in 0..frame.len() {
                assert!(Request::parse(&frame[..length]).is_err(), "{request:?} cut to {length} bytes");
            }
            frame.push(0);
            assert_eq!(Request::parse(&frame), Err(WireError::TrailingBytes { what: "request", count: 1 }));
        }
    }

    #[test]
    fn given_an_operation_that_is_not_served_when_parsed_then_it_is_named() {
        let mut frame = Request::GetSink.encode(1);
        frame[9] = 128;
        assert_eq!(Request::parse(&frame), Err(WireError::UnknownOperation(128)));
    }

    #[test]
    fn given_a_request_without_level_when_parsed_then_the_node_takes_full() {
        let start_hash = Hash::from_bytes([4; 32]);
        let mut frame = Vec::new();
        write(&RequestHeader { id: Some(9), operation: 151 }, &mut frame);
        let request =
            GetVirtualChainFromBlockV2Request { start_hash, data_verbosity_level: None, min_confirmation_count: None };
        write(&Serializable(request), &mut frame);
        let (_, parsed) = Request::parse(&frame).unwrap();
        assert!(matches!(parsed, Request::GetVirtualChainFromBlockV2 { verbosity: Verbosity::Full, .. }), "{parsed:?}");
    }
}
