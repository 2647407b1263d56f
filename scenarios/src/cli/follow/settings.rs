//! From the command line to the settings of a bridge.

use std::{
    fs::File,
    hash::{BuildHasher, RandomState},
    io::{self, Read},
    path::{Path, PathBuf},
    str::FromStr,
};

use bridge::{Config, Filter, L1Bridge, NodeUrl, StartAt};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use state::{Genesis, MachineConfig, ReceiptRetention};
use thiserror::Error;

use super::{FollowArguments, error::FollowError, genesis};

/// Bytes of a certificate file that are looked at: a few hundred certificates.
const MOST_BYTES: u64 = 1 << 20;

/// What the bridge is told; a bridge starts with it.
///
/// # Errors
/// Settings with which it would not start, and files of certificates that cannot be read.
pub fn config(arguments: &FollowArguments) -> Result<Config, FollowError> {
    let mut config = Config::new(arguments.network, arguments.url.iter().map(NodeUrl::as_str))?;
    config.finality_depth = arguments.finality_depth.or(config.finality_depth);
    config.start = arguments.from.map_or(StartAt::PruningPoint, |from| from.0);
    config.confirmations = arguments.confirmations;
    if arguments.store.is_none() {
        // A state machine needs all transactions, whatever is shown.
        config.filter = shown(arguments);
    }
    for file in &arguments.trust_certificate {
        config.trusted_certificates.extend(certificates(file)?);
    }
    // Processes that lost the same node must not come back in step.
    config.seed = RandomState::new().hash_one(0);
    L1Bridge::check(&config)?;
    Ok(config)
}

/// What is to be seen of accepted transactions.
pub fn shown(arguments: &FollowArguments) -> Filter {
    Filter {
        subnetworks: arguments.subnetwork.iter().map(|subnetwork| subnetwork.0).collect(),
        payload_prefixes: arguments.payload_prefix.iter().map(|prefix| prefix.0.clone()).collect(),
    }
}

/// What the state machine is told: the built-in programs, Schnorr signatures, and what the arguments say.
///
/// # Errors
/// A genesis that cannot be used.
pub fn machine(arguments: &FollowArguments) -> Result<MachineConfig, FollowError> {
    let genesis = arguments.genesis.as_deref().map_or(Ok(Genesis::default()), genesis::read)?;
    let receipts = arguments.receipts.map_or(ReceiptRetention::Forever, |receipts| receipts.0);
    Ok(MachineConfig { genesis, receipts, ..MachineConfig::new(arguments.network) })
}

fn certificates(file: &Path) -> Result<Vec<Vec<u8>>, CertificateError> {
    let unreadable = |error| CertificateError::Unreadable { file: file.to_owned(), error };
    let mut bytes = Vec::new();
    File::open(file).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes)).map_err(unreadable)?;
    let certificates: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(&bytes)
        .map(|certificate| certificate.map(|certificate| certificate.to_vec()))
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    if certificates.is_empty() {
        return Err(CertificateError::Empty { file: file.to_owned() });
    }
    Ok(certificates)
}

/// Where a bridge without history begins.
#[derive(Clone, Copy, Debug)]
pub struct Start(pub StartAt);

impl FromStr for Start {
    type Err = ArgumentError;

    fn from_str(text: &str) -> Result<Self, ArgumentError> {
        Ok(Self(match text {
            "pruning-point" => StartAt::PruningPoint,
            "tip" => StartAt::Sink,
            hash => StartAt::Hash(hash.parse().map_err(|_| ArgumentError::NoStart)?),
        }))
    }
}

/// How long receipts are kept.
#[derive(Clone, Copy, Debug)]
pub struct Receipts(pub ReceiptRetention);

impl FromStr for Receipts {
    type Err = ArgumentError;

    fn from_str(text: &str) -> Result<Self, ArgumentError> {
        Ok(Self(match text {
            "all" => ReceiptRetention::Forever,
            number => {
                let blocks = number.parse().map_err(|_| ArgumentError::NoRetention)?;
                ReceiptRetention::BlocksBelowRoot(blocks)
            }
        }))
    }
}

/// The first bytes of a payload.
#[derive(Clone, Debug)]
pub struct PayloadPrefix(pub Vec<u8>);

impl FromStr for PayloadPrefix {
    type Err = ArgumentError;

    fn from_str(text: &str) -> Result<Self, ArgumentError> {
        let bytes = hex::decode(text).map_err(|_| ArgumentError::NotHex)?;
        if bytes.is_empty() { Err(ArgumentError::EmptyPrefix) } else { Ok(Self(bytes)) }
    }
}

/// A subnetwork.
#[derive(Clone, Copy, Debug)]
pub struct Subnetwork(pub [u8; 20]);

impl FromStr for Subnetwork {
    type Err = ArgumentError;

    fn from_str(text: &str) -> Result<Self, ArgumentError> {
        let mut bytes = [0; 20];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| ArgumentError::NoSubnetwork)?;
        Ok(Self(bytes))
    }
}

/// What is wrong with a single value.
#[derive(Clone, Copy, Debug, Error)]
pub enum ArgumentError {
    /// Every payload begins with nothing.
    #[error("an empty prefix would keep every transaction: leave it out")]
    EmptyPrefix,
    /// Neither the word nor a number.
    #[error("expected all, or a number of chain blocks")]
    NoRetention,
    /// Neither a word nor a hash.
    #[error("expected pruning-point, tip or a block hash of 64 hex digits")]
    NoStart,
    /// Not 20 bytes.
    #[error("expected a subnetwork of 40 hex digits")]
    NoSubnetwork,
    /// Not bytes.
    #[error("expected an even number of hex digits")]
    NotHex,
}

/// Why a file gives no certificates.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// Another kind of file, perhaps DER.
    #[error("'{}' has no certificate: --trust-certificate needs PEM, with a line '-----BEGIN CERTIFICATE-----'",
        .file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// No such file, broken PEM.
    #[error("the certificates in '{}' cannot be read: {error}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's words, or what is wrong with the PEM.
        error: io::Error,
    },
}
