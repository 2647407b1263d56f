//! Names of variants as values of labels: a bounded set, in snake case.

use crate::{
    error::{DisconnectReason, RejectReason},
    wire::Operation,
};

impl DisconnectReason {
    /// The name of the variant, for metrics: bounded in number, without details.
    pub fn label(&self) -> &'static str {
        match self {
            Self::ClosedAtFirstRequest => "closed_at_first_request",
            Self::ClosedByNode => "closed_by_node",
            Self::ConnectFailed { .. } => "connect_failed",
            Self::ConnectTimeout { .. } => "connect_timeout",
            Self::ConnectionLost { .. } => "connection_lost",
            Self::MessageTooLarge { .. } => "message_too_large",
            Self::NotWebSocket { .. } => "not_web_socket",
            Self::NotBorsh => "not_borsh",
            Self::Rejected => "rejected",
            Self::RequestTimeout { .. } => "request_timeout",
            Self::Shutdown => "shutdown",
            Self::Silence { .. } => "silence",
            Self::TlsFailed { .. } => "tls_failed",
            Self::WebSocketBroken { .. } => "web_socket_broken",
        }
    }
}

impl RejectReason {
    /// The name of the variant, for metrics: bounded in number, without details.
    pub fn label(&self) -> &'static str {
        match self {
            Self::AnchorLeft { .. } => "anchor_left",
            Self::Conflicting { .. } => "conflicting",
            Self::Lagging { .. } => "lagging",
            Self::Malformed { .. } => "malformed",
            Self::MalformedFrame { .. } => "malformed_frame",
            Self::OperationUnknown { .. } => "operation_unknown",
            Self::Pruned { .. } => "pruned",
            Self::Refused { .. } => "refused",
            Self::Resetting => "resetting",
            Self::Stalled { .. } => "stalled",
            Self::TipRefused { .. } => "tip_refused",
            Self::UnexpectedReply { .. } => "unexpected_reply",
            Self::WrongApiVersion { .. } => "wrong_api_version",
            Self::WrongNetwork { .. } => "wrong_network",
        }
    }
}

/// The name of an operation.
pub(super) fn operation(operation: Operation) -> &'static str {
    match operation {
        Operation::Subscribe => "subscribe",
        Operation::Unsubscribe => "unsubscribe",
        Operation::Ping => "ping",
        Operation::GetServerInfo => "get_server_info",
        Operation::GetSink => "get_sink",
        Operation::GetBlock => "get_block",
        Operation::GetBlockDagInfo => "get_block_dag_info",
        Operation::GetVirtualChainFromBlockV2 => "get_virtual_chain_from_block_v2",
    }
}

#[cfg(test)]
mod tests {
    use std::{io, time::Duration};

    use kaspa_hashes::Hash;

    use super::*;
    use crate::{
        remote_error::RemoteError,
        wire::{Network, WireError},
    };

    /// One of each variant. A variant that is not in the list does not compile.
    macro_rules! every {
        ($type:ident { $($variant:ident { $($field:ident: $value:expr),* }),* $(,)? }) => {{
            let _all_are_named = |value: &$type| match value {
                $($type::$variant { .. } => ()),*
            };
            [$($type::$variant { $($field: $value),* }),*]
        }};
    }

    /// `{:?}` of a variant, without its fields, in snake case.
    fn snake_case(debug: &str) -> String {
        let name: String = debug.chars().take_while(char::is_ascii_alphanumeric).collect();
        let mut label = String::new();
        for (position, letter) in name.char_indices() {
            if letter.is_ascii_uppercase() && position > 0 {
                label.push('_');
            }
            label.push(letter.to_ascii_lowercase());
        }
        label
    }

    #[test]
    fn given_reasons_when_labelled_then_each_has_the_name_of_its_variant() {
        let (kind, after) = (io::ErrorKind::Other, Duration::ZERO);
        let message = String::new;
        let disconnects = every!(DisconnectReason {
            ClosedAtFirstRequest {},
            ClosedByNode {},
            ConnectFailed { kind: kind, message: message() },
            ConnectTimeout { after: after },
            ConnectionLost { kind: kind, message: message() },
            MessageTooLarge { limit_bytes: 1, message: message() },
            NotWebSocket { message: message() },
            NotBorsh {},
            Rejected {},
            RequestTimeout { operation: Operation::Ping, after: after },
            Shutdown {},
            Silence { after: after },
            TlsFailed { message: message() },
            WebSocketBroken { message: message() },
        });
        for reason in disconnects {
            assert_eq!(reason.label(), snake_case(&format!("{reason:?}")));
        }
        let (error, operation) = (WireError::UnknownOperation(0), Operation::Ping);
        let (hash, expected, found) = (Hash::default(), Network::MAINNET, Network::SIMNET);
        let rejects = every!(RejectReason {
            AnchorLeft { anchor: hash },
            Conflicting { root: hash },
            Lagging { sink: hash },
            Malformed { operation: operation, violation: error.into() },
            MalformedFrame { error: error },
            OperationUnknown { operation: operation },
            Pruned { root: hash, pruning_point: hash },
            Refused { operation: operation, error: RemoteError::Transitional },
            Resetting {},
            Stalled { after: after },
            TipRefused { tip: hash, error: RemoteError::HeaderUnknown },
            UnexpectedReply { request_id: 1 },
            WrongApiVersion { found: 1, expected: 2 },
            WrongNetwork { expected: expected, found: found },
        });
        for reason in rejects {
            assert_eq!(reason.label(), snake_case(&format!("{reason:?}")));
        }
    }

    #[test]
    fn given_operations_when_labelled_then_each_has_its_name() {
        let operations = (0..=u8::MAX).filter_map(|code| Operation::try_from(code).ok());
        for known in operations {
            assert_eq!(operation(known), snake_case(&format!("{known:?}")));
        }
    }
}
