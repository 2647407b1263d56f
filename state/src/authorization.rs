//! Who agreed to a transaction.

use std::{fmt, sync::OnceLock};

use borsh::{BorshDeserialize, BorshSerialize};
use secp256k1::{Message, Secp256k1, VerifyOnlyPreallocated, XOnlyPublicKey, ffi::types::AlignedType, schnorr};

/// A signer's public key: 32 bytes, with [`Schnorr`] the x coordinate of a point on secp256k1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshDeserialize, BorshSerialize)]
pub struct Key(pub [u8; 32]);

/// 64 bytes; what they mean is the business of the [`Authorization`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshDeserialize, BorshSerialize)]
pub struct Signature(pub [u8; 64]);

/// Decides whether a signature is that of a key. A pure function: the same answer every time and everywhere.
pub trait Authorization: fmt::Debug + Send + Sync {
    /// Number of the rules: stores made under other rules are refused.
    fn id(&self) -> u32;

    /// Whether the holder of `key` signed `message`.
    fn is_signed(&self, key: &Key, message: &[u8; 32], signature: &Signature) -> bool;
}

/// Schnorr signatures over secp256k1 as in BIP 340, like those of the L1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Schnorr;

/// Every signature is good: for simulations, where like on the simulated L1 signatures are not modelled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unchecked;

impl Authorization for Schnorr {
    fn id(&self) -> u32 {
        1
    }

    fn is_signed(&self, key: &Key, message: &[u8; 32], signature: &Signature) -> bool {
        let (Ok(key), Ok(signature)) =
            (XOnlyPublicKey::from_slice(&key.0), schnorr::Signature::from_slice(&signature.0))
        else {
            return false;
        };
        curve().verify_schnorr(&signature, &Message::from_digest(*message), &key).is_ok()
    }
}

impl Authorization for Unchecked {
    fn id(&self) -> u32 {
        2
    }

    fn is_signed(&self, _key: &Key, _message: &[u8; 32], _signature: &Signature) -> bool {
        true
    }
}

/// The library's tables. They are put into memory of our own because the library's other constructors draw randomness when
/// anything in the build asks for that feature; it would hide secrets, and verification has none.
fn curve() -> &'static Secp256k1<VerifyOnlyPreallocated<'static>> {
    static CURVE: OnceLock<Secp256k1<VerifyOnlyPreallocated<'static>>> = OnceLock::new();
    CURVE.get_or_init(|| {
        let memory = vec![AlignedType::zeroed(); Secp256k1::<VerifyOnlyPreallocated>::preallocate_verification_size()];
        Secp256k1::preallocated_verification_only(memory.leak()).expect("the memory has the size that was asked for")
    })
}
