//! The layout, byte for byte, and the one form that every transaction has.

use borsh::BorshDeserialize;
use state::{
    AccountId, ProgramId,
    authorization::{Key, Signature},
    receipt::Mode,
    transaction::{Access, Call, Signer, Step, Transaction},
};

use crate::{payload, reason, transaction};

#[test]
fn given_a_transaction_when_encoded_then_the_bytes_are_those_of_the_format() {
    let transaction = Transaction {
        signers: vec![Signer { key: Key([0xAA; 32]), nonce: 0x0102 }],
        accounts: vec![
            Access { account: AccountId::from_bytes([0x10; 32]), mode: Mode::Read },
            Access { account: AccountId::from_bytes([0x20; 32]), mode: Mode::Write },
        ],
        calls: vec![Call { program: ProgramId(3), input: vec![7, 8] }],
    };
    let expected = [
        &b"DSTX\x01"[..],
        &[1, 0, 0, 0],
        &[0xAA; 32],
        &[2, 1, 0, 0, 0, 0, 0, 0],
        &[2, 0, 0, 0],
        &[0x10; 32],
        &[0],
        &[0x20; 32],
        &[1],
        &[1, 0, 0, 0],
        &[3, 0, 0, 0],
        &[2, 0, 0, 0, 7, 8],
        &[1, 0, 0, 0],
        &[0xEE; 64],
    ]
    .concat();
    let signatures = [Signature([0xEE; 64])];
    assert_eq!(transaction.encode(&signatures), expected);
    assert_eq!(Transaction::decode(&expected), Some(Ok((transaction, signatures.to_vec()))));
}

#[test]
fn given_a_transaction_when_its_message_is_made_then_it_is_a_hash_over_genesis_and_body() {
    let transaction = transaction(2, 3, 1);
    let payload = transaction.encode(&[]);
    let body = &payload[5..payload.len() - 4];
    assert_eq!(Transaction::try_from_slice(body).ok().as_ref(), Some(&transaction));
    let expected = blake3::derive_key("dagstorm state transaction", &[&[9; 32], body].concat());
    assert_eq!(transaction.message(&[9; 32]), expected);
    assert_ne!(transaction.message(&[8; 32]), expected, "another machine");
    let mut other = transaction;
    other.signers[0].nonce += 1;
    assert_ne!(other.message(&[9; 32]), expected, "another nonce");
}

#[test]
fn given_a_payload_without_the_magic_when_decoded_then_it_is_not_for_us() {
    for payload in [&b""[..], b"D", b"DST", b"dstx\x01", b"DSTY\x01", b"\x00DSTX\x01"] {
        assert_eq!(Transaction::decode(payload), None, "{payload:?}");
    }
}

#[test]
fn given_another_version_when_decoded_then_it_is_said() {
    let mut payload = payload(&transaction(1, 1, 1));
    for version in [0, 2, 255] {
        payload[4] = version;
        assert_eq!(reason(&payload), format!("layout version {version} is not known"));
    }
}

#[test]
fn given_a_payload_cut_anywhere_when_decoded_then_it_is_said() {
    let payload = payload(&transaction(2, 2, 2));
    for length in 4..payload.len() {
        assert_eq!(reason(&payload[..length]), "it ends in the middle of a field", "cut at {length}");
    }
}

#[test]
fn given_bytes_after_the_end_when_decoded_then_it_is_said() {
    let mut payload = payload(&transaction(1, 1, 1));
    payload.extend([0; 3]);
    assert_eq!(reason(&payload), "3 bytes follow its end");
}

#[test]
fn given_signers_or_accounts_out_of_order_or_twice_when_decoded_then_it_is_said() {
    let good = transaction(2, 2, 1);
    let mut swapped = good.clone();
    swapped.signers.swap(0, 1);
    let mut twice = good.clone();
    twice.signers[1] = Signer { nonce: 77, ..twice.signers[0] };
    for bad in [swapped, twice] {
        assert_eq!(reason(&payload(&bad)), "the keys of the signers do not strictly rise");
    }
    let mut swapped = good.clone();
    swapped.accounts.swap(0, 1);
    let mut twice = good;
    twice.accounts[1] = Access { mode: Mode::Write, ..twice.accounts[0] };
    for bad in [swapped, twice] {
        assert_eq!(reason(&payload(&bad)), "the accounts do not strictly rise");
    }
}

#[test]
fn given_no_call_when_decoded_then_it_is_said() {
    assert_eq!(reason(&payload(&transaction(1, 1, 0))), "it calls nothing");
}

#[test]
fn given_more_or_fewer_signatures_than_signers_when_decoded_then_it_is_said() {
    let transaction = transaction(2, 0, 1);
    for count in [0, 1, 3] {
        let payload = transaction.encode(&vec![Signature([0; 64]); count]);
        assert_eq!(reason(&payload), format!("2 signers and {count} signatures"));
    }
}

#[test]
fn given_an_unknown_mode_when_decoded_then_it_is_said() {
    let mut payload = payload(&transaction(0, 1, 1));
    let mode = 5 + 4 + 4 + 32;
    payload[mode] = 2;
    assert_eq!(reason(&payload), "2 is no way to use an account");
}

#[test]
fn given_steps_when_put_together_then_accounts_are_sorted_and_declared_once_for_all_that_is_done() {
    let account = |byte| AccountId::from_bytes([byte; 32]);
    let step = |number, accesses: &[Access]| Step::new(ProgramId(5), &number, accesses.iter().copied());
    let signer = |byte| Signer { key: Key([byte; 32]), nonce: 1 };
    let transaction = Transaction::of(
        [signer(2), signer(1), signer(2)],
        [
            step(1u8, &[Access::write(account(9)), Access::read(account(4))]),
            step(2u8, &[Access::read(account(9)), Access::write(account(4)), Access::read(account(1))]),
        ],
    );
    assert_eq!(transaction.signers, [signer(1), signer(2)]);
    let expected = [Access::read(account(1)), Access::write(account(4)), Access::write(account(9))];
    assert_eq!(transaction.accounts, expected);
    let inputs: Vec<_> = transaction.calls.iter().map(|call| call.input.clone()).collect();
    assert_eq!(inputs, [[1], [2]], "in the order of the steps");
    assert!(matches!(Transaction::decode(&payload(&transaction)), Some(Ok(_))));
}
