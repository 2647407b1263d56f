//! Schnorr signatures as in BIP 340, against test vectors of that document, and a transaction that is signed with a key.

use std::sync::Arc;

use bridge::AcceptedTransaction;
use kaspa_hashes::Hash;
use secp256k1::{Keypair, Message, Secp256k1};
use state::{
    Genesis,
    authorization::{Authorization, Key, Schnorr, Signature, Unchecked},
    execute::{Block, Rules, execute},
    program::Programs,
    programs::ledger::{self, Holder},
    receipt::{Outcome, Rejection},
    transaction::{Signer, Transaction},
};

const GENESIS_ID: [u8; 32] = [5; 32];

/// A key whose owner signs other messages below.
const KEY: &str = "dff1d77f2a671c5f36183726db2341be58feae1da2deced843240f7b502ba659";
const MESSAGE: &str = "243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c89";

fn is_signed(key: &str, message: &str, signature: &str) -> bool {
    let mut bytes = ([0; 32], [0; 32], [0; 64]);
    hex::decode_to_slice(key, &mut bytes.0).expect("32 bytes");
    hex::decode_to_slice(message, &mut bytes.1).expect("32 bytes");
    hex::decode_to_slice(signature, &mut bytes.2).expect("64 bytes");
    Schnorr.is_signed(&Key(bytes.0), &bytes.1, &Signature(bytes.2))
}

#[test]
fn given_good_signatures_of_bip_340_when_checked_then_they_are_good() {
    let good = [
        (
            "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "e907831f80848d1069a5371b402410364bdf1c5f8307b0084c55f1ce2dca8215\
             25f66a4a85ea8b71e482a74f382d2ce5ebeee8fdb2172f477df4900d310536c0",
        ),
        (
            KEY,
            MESSAGE,
            "6896bd60eeae296db48a229ff71dfe071bde413e6d43f917dc8dcf8c78de3341\
             8906d11ac976abccb20b091292bff4ea897efcb639ea871cfa95f6de339e4b0a",
        ),
        (
            "d69c3509bb99e412e68b0fe8544e72837dfa30746d8be2aa65975f29d22dc7b9",
            "4df3c3f68fcc83b27e9d42c90431a72499f17875c81a599b566c9889b9696703",
            "00000000000000000000003b78ce563f89a0ed9414f5aa28ad0d96d6795f9c63\
             76afb1548af603b3eb45c9f8207dee1060cb71c04e80f593060b07d28308d7f4",
        ),
    ];
    for (key, message, signature) in good {
        assert!(is_signed(key, message, signature), "{key}");
    }
}

#[test]
fn given_bad_signatures_of_bip_340_when_checked_then_they_are_bad() {
    let good = "6cff5c3ba86c69ea4b7376f31a9bcb4f74c1976089b2d9963da2e5543e177769\
                69e89b4c5564d00349106b8497785dd7d1d713a8ae82b32fa79d5f7fc407d39b";
    let negated_response = "6cff5c3ba86c69ea4b7376f31a9bcb4f74c1976089b2d9963da2e5543e177769\
                            961764b3aa9b2ffcb6ef947b6887a226e8d7c93e00c5ed0c1834ff0d0c2e6da6";
    let nonce_with_odd_y = "fff97bd5755eeea420453a14355235d382f6472f8568a18b2f057a1460297556\
                            3cc27944640ac607cd107ae10923d9ef7a73c643e166be5ebeafa34b1ac553e2";
    let negated_message = "1fa62e331edbc21c394792d2ab1100a7b432b013df3f6ff4f99fcb33e0e1515f\
                           28890b3edb6e7189b630448b515ce4f8622a954cfe545735aaea5134fccdb2bd";
    let nonce_of_field_size = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f\
                               69e89b4c5564d00349106b8497785dd7d1d713a8ae82b32fa79d5f7fc407d39b";
    let response_of_curve_order = "6cff5c3ba86c69ea4b7376f31a9bcb4f74c1976089b2d9963da2e5543e177769\
                                   fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    for signature in [negated_response, nonce_with_odd_y, negated_message, nonce_of_field_size, response_of_curve_order]
    {
        assert!(!is_signed(KEY, MESSAGE, signature), "{signature}");
    }
    let not_on_the_curve = "eefdea4cdb677750a420fee807eacf21eb9898ae79b9768766e4faa04a2d4a34";
    let above_field_size = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc30";
    for key in [not_on_the_curve, above_field_size] {
        assert!(!is_signed(key, MESSAGE, good), "{key}");
    }
}

#[test]
fn given_the_two_rules_when_asked_then_their_numbers_differ_and_only_one_checks() {
    assert_eq!((Schnorr.id(), Unchecked.id()), (1, 2));
    assert!(Unchecked.is_signed(&Key([0; 32]), &[0; 32], &Signature([0; 64])));
    assert!(!Schnorr.is_signed(&Key([0; 32]), &[0; 32], &Signature([0; 64])));
}

/// Someone with a key.
struct Person {
    pair: Keypair,
}

impl Person {
    fn new(secret: u8) -> Self {
        let pair = Keypair::from_seckey_slice(&Secp256k1::new(), &[secret; 32]).expect("below the order of the curve");
        Self { pair }
    }

    fn key(&self) -> Key {
        Key(self.pair.x_only_public_key().0.serialize())
    }

    fn sign(&self, transaction: &Transaction, genesis: &[u8; 32]) -> Signature {
        let message = Message::from_digest(transaction.message(genesis));
        Signature(Secp256k1::new().sign_schnorr_no_aux_rand(&message, &self.pair).serialize())
    }
}

fn outcome(payload: Vec<u8>, rich: Key) -> Outcome {
    let genesis = ledger::mint(Genesis::default(), [(rich, 10)]).expect("10");
    let rules = Rules { programs: Programs::built_in(), authorization: Arc::new(Schnorr), genesis: GENESIS_ID };
    let block = Block { hash: Hash::default(), index: 1, blue_score: 1, daa_score: 1, timestamp_ms: 1 };
    let accepted = [AcceptedTransaction { id: Hash::default(), acceptance_index: 0, subnetwork_id: [0; 20], payload }];
    let Ok(effects) = execute(&rules, &genesis, &block, &accepted);
    effects.receipts[0].outcome.clone()
}

fn transfer(from: Key, to: Key) -> Transaction {
    let step = ledger::transfer(Holder::Key(from), Holder::Key(to), 4);
    Transaction::of([from, to].map(|key| Signer { key, nonce: 1 }), [step])
}

#[test]
fn given_a_transaction_signed_by_both_when_executed_then_it_is_applied() {
    let (anna, boris) = (Person::new(1), Person::new(2));
    let transaction = transfer(anna.key(), boris.key());
    let mut signed = [&anna, &boris].map(|person| (person.key(), person.sign(&transaction, &GENESIS_ID)));
    signed.sort_by_key(|(key, _)| *key);
    let payload = transaction.encode(&signed.map(|(_, signature)| signature));
    assert_eq!(outcome(payload, anna.key()), Outcome::Applied);
}

#[test]
fn given_a_signature_for_another_machine_or_by_another_or_of_another_transaction_when_executed_then_it_is_not_good() {
    let (anna, boris) = (Person::new(1), Person::new(2));
    let step = ledger::transfer(Holder::Key(anna.key()), Holder::Key(boris.key()), 4);
    let transaction = Transaction::of([Signer { key: anna.key(), nonce: 1 }], [step]);
    let mut other = transaction.clone();
    other.signers[0].nonce = 2;
    let good = anna.sign(&transaction, &GENESIS_ID);
    assert_eq!(outcome(transaction.encode(&[good]), anna.key()), Outcome::Applied);
    let bad =
        [anna.sign(&transaction, &[6; 32]), boris.sign(&transaction, &GENESIS_ID), anna.sign(&other, &GENESIS_ID)];
    for signature in bad {
        let expected = Outcome::Rejected(Rejection::BadSignature { key: anna.key() });
        assert_eq!(outcome(transaction.encode(&[signature]), anna.key()), expected);
    }
}
