//! Every limit, at it and beyond it.

use state::{
    receipt::Rejection,
    transaction::{MAGIC, MOST_ACCOUNTS, MOST_CALLS, MOST_PAYLOAD_BYTES, MOST_SIGNERS, Transaction, VERSION},
};

use crate::{payload, reason, rejection, transaction};

fn too_many(what: &str, count: u64, most: usize) -> Rejection {
    Rejection::TooMany { what: what.to_owned(), count, most: most as u64 }
}

fn is_good(payload: &[u8]) -> bool {
    matches!(Transaction::decode(payload), Some(Ok(_)))
}

#[test]
fn given_as_many_of_each_as_allowed_when_decoded_then_it_is_a_transaction() {
    assert!(is_good(&payload(&transaction(MOST_SIGNERS, MOST_ACCOUNTS, MOST_CALLS))));
}

#[test]
fn given_one_more_than_allowed_when_decoded_then_it_is_too_many() {
    let signers = payload(&transaction(MOST_SIGNERS + 1, 1, 1));
    assert_eq!(rejection(&signers), too_many("signers", 9, MOST_SIGNERS));
    let accounts = payload(&transaction(1, MOST_ACCOUNTS + 1, 1));
    assert_eq!(rejection(&accounts), too_many("accounts", 65, MOST_ACCOUNTS));
    let calls = payload(&transaction(1, 1, MOST_CALLS + 1));
    assert_eq!(rejection(&calls), too_many("calls", 17, MOST_CALLS));
}

#[test]
fn given_a_payload_of_the_greatest_length_when_decoded_then_it_is_a_transaction_and_one_byte_more_is_too_much() {
    let mut transaction = transaction(1, 1, 1);
    let rest = payload(&transaction).len();
    transaction.calls[0].input = vec![0; MOST_PAYLOAD_BYTES - rest];
    let longest = payload(&transaction);
    assert_eq!(longest.len(), MOST_PAYLOAD_BYTES);
    assert!(is_good(&longest));
    transaction.calls[0].input.push(0);
    assert_eq!(rejection(&payload(&transaction)), too_many("bytes", 16_385, MOST_PAYLOAD_BYTES));
}

#[test]
fn given_announced_counts_of_four_billion_when_decoded_then_they_are_refused_at_the_count() {
    let head = [&MAGIC[..], &[VERSION]].concat();
    let none = 0u32.to_le_bytes();
    let all = u32::MAX.to_le_bytes();
    let lists = [("signers", MOST_SIGNERS), ("accounts", MOST_ACCOUNTS), ("calls", MOST_CALLS), ("signatures", 8)];
    for (place, (what, most)) in lists.into_iter().enumerate() {
        let payload = [&head[..], &none.repeat(place), &all].concat();
        assert_eq!(rejection(&payload), too_many(what, u64::from(u32::MAX), most));
    }
}

#[test]
fn given_an_input_of_four_billion_bytes_announced_when_decoded_then_it_is_cut() {
    let one_call = [&MAGIC[..], &[VERSION], &[0; 8], &[1, 0, 0, 0], &[1, 0, 0, 0], &[0xFF; 4], &[0; 100]].concat();
    assert_eq!(reason(&one_call), "it ends in the middle of a field");
}
