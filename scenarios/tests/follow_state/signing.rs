//! Transactions signed as on the L1.

use secp256k1::{Keypair, Message, Secp256k1};
use state::{
    authorization::{Key, Signature},
    transaction::{Signer, Step, Transaction},
};

/// The key that signs.
pub fn signer() -> Key {
    Key(pair().x_only_public_key().0.serialize())
}

/// The payload of a transaction that does `step`, signed for the state machine with this number.
pub fn signed(nonce: u64, step: Step, genesis_id: &[u8; 32]) -> Vec<u8> {
    let transaction = Transaction::of([Signer { key: signer(), nonce }], [step]);
    let message = Message::from_digest(transaction.message(genesis_id));
    let signature = Secp256k1::new().sign_schnorr_no_aux_rand(&message, &pair());
    transaction.encode(&[Signature(signature.serialize())])
}

fn pair() -> Keypair {
    Keypair::from_seckey_slice(&Secp256k1::new(), &[7; 32]).expect("below the order of the curve")
}
