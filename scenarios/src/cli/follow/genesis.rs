//! The file that says which balances the state machine begins with.
//!
//! ```toml
//! [[mint]]
//! key = "64 hex digits"
//! amount = 1000
//! ```

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use secp256k1::XOnlyPublicKey;
use serde::{Deserialize, Deserializer, de};
use state::{
    Genesis,
    authorization::Key,
    programs::ledger::{self, MintError},
};
use thiserror::Error;
use toml::Spanned;

/// Bytes that such a file may have: some ten thousand balances.
const MOST_BYTES: usize = 1 << 20;

/// Reads the file.
///
/// # Errors
/// A file that cannot be read or says something else, with the line.
pub fn read(file: &Path) -> Result<Genesis, GenesisError> {
    let unreadable = |error| GenesisError::Unreadable { file: file.to_owned(), error };
    let mut bytes = Vec::new();
    // It may be a device without an end.
    File::open(file).and_then(|open| open.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() > MOST_BYTES {
        return Err(GenesisError::TooLarge { file: file.to_owned() });
    }
    let wrong = |at, message| GenesisError::Format { file: file.to_owned(), line: line_at(&bytes, at), message };
    let text = str::from_utf8(&bytes).map_err(|error| wrong(error.valid_up_to(), "this is not UTF-8".to_owned()))?;
    let written: Written = toml::from_str(text)
        .map_err(|error| wrong(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
    let balances = balances(&bytes, written).map_err(|(at, message)| wrong(at, message))?;
    ledger::mint(Genesis::default(), balances).map_err(|error| GenesisError::Mint { file: file.to_owned(), error })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    mint: Vec<Balance>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Balance {
    key: Spanned<WrittenKey>,
    amount: Amount,
}

/// 64 hex digits.
struct WrittenKey(Key);

/// A number, or text that has one: numbers in TOML end at 2^63.
struct Amount(u64);

impl<'de> Deserialize<'de> for WrittenKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| de::Error::custom("expected a public key of 64 hex digits"))?;
        // Not every x coordinate is that of a point: such a key has no secret one, and its money could never be spent.
        XOnlyPublicKey::from_slice(&bytes).map_err(|_| {
            de::Error::custom("no one can sign with this key: it is the x coordinate of no point of secp256k1")
        })?;
        Ok(Self(Key(bytes)))
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor).map(Self)
    }
}

struct AmountVisitor;

impl de::Visitor<'_> for AmountVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an amount from 1 to {}, as a number or as text", u64::MAX)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<u64, E> {
        if value > 0 { Ok(value) } else { Err(E::invalid_value(de::Unexpected::Unsigned(value), &self)) }
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<u64, E> {
        let amount = u64::try_from(value).map_err(|_| E::invalid_value(de::Unexpected::Signed(value), &self))?;
        self.visit_u64(amount)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<u64, E> {
        let amount = value.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(value), &self))?;
        self.visit_u64(amount)
    }
}

/// Who has how much; an error tells the byte.
fn balances(text: &[u8], written: Written) -> Result<BTreeMap<Key, u64>, (usize, String)> {
    let mut balances = BTreeMap::new();
    let mut places = BTreeMap::new();
    for Balance { key, amount } in written.mint {
        let at = key.span().start;
        let key = key.into_inner().0;
        if let Some(before) = places.insert(key, at) {
            return Err((at, format!("this key has a balance already, from line {}", line_at(text, before))));
        }
        balances.insert(key, amount.0);
    }
    Ok(balances)
}

/// The line, from 1, of the byte at `offset`.
fn line_at(text: &[u8], offset: usize) -> usize {
    1 + text.iter().take(offset).filter(|byte| **byte == b'\n').count()
}

/// Why a file gives no genesis.
#[derive(Debug, Error)]
pub enum GenesisError {
    /// Other text.
    #[error("the genesis in '{}' cannot be used: line {line}: {message}", .file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// Balances that do not go together.
    #[error("the genesis in '{}' cannot be used: {error}", .file.display())]
    Mint {
        /// The file.
        file: PathBuf,
        /// What is wrong with them.
        error: MintError,
    },
    /// Another kind of file.
    #[error("the genesis in '{}' cannot be used: it has more than {MOST_BYTES} bytes", .file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
    },
    /// No such file.
    #[error("the genesis in '{}' cannot be read: {error}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's words.
        error: io::Error,
    },
}
