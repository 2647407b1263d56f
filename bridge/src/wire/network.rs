//! Which Kaspa network a node belongs to.

use std::{fmt, str::FromStr};

use kaspa_rpc_core::{RpcNetworkId, RpcNetworkType};
use thiserror::Error;

use super::{Reader, WireError, reader::bad_tag};

/// A network, such as `mainnet` or `testnet-10`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    /// What kind of network it is.
    pub kind: NetworkKind,
    /// Tells networks of one kind apart; testnets always have one.
    pub suffix: Option<u32>,
}

/// The kinds of network. Source of the order, which is that of the wire: `kaspa-consensus-core` 2.1.0, `NetworkType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetworkKind {
    /// The network whose coins have value.
    Mainnet,
    /// A public network for trials.
    Testnet,
    /// A private network for development.
    Devnet,
    /// A private network without proof-of-work difficulty.
    Simnet,
}

/// A text that names no network.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"{text}\" names no network: mainnet, simnet, devnet or testnet-NUMBER are expected")]
pub struct NetworkError {
    /// The text.
    pub text: String,
}

impl Network {
    /// The main network.
    pub const MAINNET: Self = Self { kind: NetworkKind::Mainnet, suffix: None };
    /// The simulation network.
    pub const SIMNET: Self = Self { kind: NetworkKind::Simnet, suffix: None };

    /// The testnet with this number.
    pub const fn testnet(suffix: u32) -> Self {
        Self { kind: NetworkKind::Testnet, suffix: Some(suffix) }
    }

    /// Reads the Borsh form of `kaspa-consensus-core`'s `NetworkId`.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let kind = match reader.u8("network type")? {
            0 => NetworkKind::Mainnet,
            1 => NetworkKind::Testnet,
            2 => NetworkKind::Devnet,
            3 => NetworkKind::Simnet,
            value => return Err(bad_tag("network type", u32::from(value))),
        };
        Ok(Self { kind, suffix: reader.option("network suffix", Reader::u32)? })
    }
}

impl fmt::Display for NetworkKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Mainnet => "mainnet",
            Self::Testnet => "testnet",
            Self::Devnet => "devnet",
            Self::Simnet => "simnet",
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.suffix {
            Some(suffix) => write!(formatter, "{}-{suffix}", self.kind),
            None => write!(formatter, "{}", self.kind),
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    /// Reads what `Display` writes. A testnet needs its number.
    ///
    /// # Errors
    /// [`NetworkError`] with the text.
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let refused = || NetworkError { text: text.to_owned() };
        let (kind, suffix) = match text.split_once('-') {
            Some((kind, suffix)) => (kind, Some(suffix)),
            None => (text, None),
        };
        let kind = match kind {
            "mainnet" => NetworkKind::Mainnet,
            "testnet" => NetworkKind::Testnet,
            "devnet" => NetworkKind::Devnet,
            "simnet" => NetworkKind::Simnet,
            _ => return Err(refused()),
        };
        let suffix = suffix.map(|digits| digits.parse().map_err(|_| refused())).transpose()?;
        let network = Self { kind, suffix };
        // One spelling per network: no sign, no leading zeros, no testnet without a number.
        if network.to_string() != text || network == (Self { kind: NetworkKind::Testnet, suffix: None }) {
            return Err(refused());
        }
        Ok(network)
    }
}

impl From<RpcNetworkId> for Network {
    fn from(network: RpcNetworkId) -> Self {
        let kind = match network.network_type {
            RpcNetworkType::Mainnet => NetworkKind::Mainnet,
            RpcNetworkType::Testnet => NetworkKind::Testnet,
            RpcNetworkType::Devnet => NetworkKind::Devnet,
            RpcNetworkType::Simnet => NetworkKind::Simnet,
        };
        Self { kind, suffix: network.suffix }
    }
}

impl From<Network> for RpcNetworkId {
    fn from(network: Network) -> Self {
        let network_type = match network.kind {
            NetworkKind::Mainnet => RpcNetworkType::Mainnet,
            NetworkKind::Testnet => RpcNetworkType::Testnet,
            NetworkKind::Devnet => RpcNetworkType::Devnet,
            NetworkKind::Simnet => RpcNetworkType::Simnet,
        };
        Self { network_type, suffix: network.suffix }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_a_network_when_written_and_read_as_text_then_it_is_the_same() {
        for text in ["mainnet", "simnet", "devnet", "devnet-3", "testnet-10"] {
            assert_eq!(text.parse::<Network>().map(|network| network.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn given_another_spelling_when_read_then_it_is_refused() {
        for text in
            ["", "testnet", "testnet-", "testnet-+1", "testnet-010", "testnet-4294967296", "Mainnet", "testnet-1-2"]
        {
            assert_eq!(text.parse::<Network>(), Err(NetworkError { text: text.to_owned() }));
        }
    }

    #[test]
    fn given_every_network_of_the_node_when_converted_there_and_back_then_it_is_the_same() {
        for network in RpcNetworkId::iter() {
            let ours = Network::from(network);
            assert_eq!(ours.to_string(), network.to_string());
            assert_eq!(RpcNetworkId::from(ours), network);
            let bytes = borsh::to_vec(&network).unwrap();
            assert_eq!(Network::read(&mut Reader::new(&bytes)), Ok(ours));
        }
    }
}
