//! Transactions in L1 payloads: their layout, their limits, and who signed them.

mod bytes;
mod layout;
mod limits;
mod signatures;

use state::{
    AccountId, ProgramId,
    authorization::{Key, Signature},
    receipt::{Mode, Rejection},
    transaction::{Access, Call, Signer, Transaction},
};

/// A transaction with so many of each; the inputs are empty.
fn transaction(signers: usize, accounts: usize, calls: usize) -> Transaction {
    let number = |place: usize| u8::try_from(place).expect("fewer than 256");
    Transaction {
        signers: (0..signers).map(|place| Signer { key: Key([number(place); 32]), nonce: 9 }).collect(),
        accounts: (0..accounts)
            .map(|place| Access { account: AccountId::from_bytes([number(place); 32]), mode: Mode::Read })
            .collect(),
        calls: (0..calls).map(|_| Call { program: ProgramId(1), input: Vec::new() }).collect(),
    }
}

/// The payload with one signature for each signer.
fn payload(transaction: &Transaction) -> Vec<u8> {
    transaction.encode(&vec![Signature([3; 64]); transaction.signers.len()])
}

/// Why a payload with the magic is no transaction.
fn rejection(payload: &[u8]) -> Rejection {
    Transaction::decode(payload).expect("it has the magic").expect_err("it is no transaction")
}

/// What is wrong with a payload, in words.
fn reason(payload: &[u8]) -> String {
    match rejection(payload) {
        Rejection::Malformed { reason } => reason,
        other => panic!("not malformed: {other}"),
    }
}
