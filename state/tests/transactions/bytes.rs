//! Laws for any bytes: nothing panics, what is ours is answered, and what decodes has one form.

use proptest::{collection::vec, prelude::*, sample::Index};
use state::{
    AccountId, ProgramId,
    authorization::{Key, Signature},
    receipt::Mode,
    transaction::{Access, Call, MAGIC, MOST_ACCOUNTS, MOST_CALLS, MOST_SIGNERS, Signer, Transaction, VERSION},
};

fn transactions() -> impl Strategy<Value = Transaction> {
    let signers = proptest::collection::btree_map(any::<[u8; 32]>(), any::<u64>(), 0..=MOST_SIGNERS);
    let accounts = proptest::collection::btree_map(any::<[u8; 32]>(), any::<bool>(), 0..=MOST_ACCOUNTS);
    let calls = vec((any::<u32>(), vec(any::<u8>(), 0..200)), 1..=MOST_CALLS);
    (signers, accounts, calls).prop_map(|(signers, accounts, calls)| Transaction {
        signers: signers.into_iter().map(|(key, nonce)| Signer { key: Key(key), nonce }).collect(),
        accounts: accounts
            .into_iter()
            .map(|(id, writes)| Access {
                account: AccountId::from_bytes(id),
                mode: if writes { Mode::Write } else { Mode::Read },
            })
            .collect(),
        calls: calls.into_iter().map(|(program, input)| Call { program: ProgramId(program), input }).collect(),
    })
}

fn signatures(transaction: &Transaction) -> Vec<Signature> {
    (0u8..).map(|byte| Signature([byte; 64])).take(transaction.signers.len()).collect()
}

proptest! {
    #[test]
    fn given_any_bytes_after_the_magic_when_decoded_then_there_is_an_answer_and_what_decodes_has_one_form(
        bytes in vec(any::<u8>(), 0..600), has_version in any::<bool>(),
    ) {
        let version: &[u8] = if has_version { &[VERSION] } else { &[] };
        let payload = [&MAGIC[..], version, &bytes].concat();
        let answer = Transaction::decode(&payload);
        prop_assert!(answer.is_some());
        if let Some(Ok((transaction, signatures))) = answer {
            prop_assert_eq!(transaction.encode(&signatures), payload);
        }
    }

    #[test]
    fn given_any_bytes_without_the_magic_when_decoded_then_they_are_not_for_us(bytes in vec(any::<u8>(), 0..200)) {
        prop_assume!(!bytes.starts_with(&MAGIC));
        prop_assert_eq!(Transaction::decode(&bytes), None);
    }

    #[test]
    fn given_any_transaction_when_encoded_and_decoded_then_it_is_the_same(transaction in transactions()) {
        let signatures = signatures(&transaction);
        let payload = transaction.encode(&signatures);
        prop_assert_eq!(Transaction::decode(&payload), Some(Ok((transaction, signatures))));
    }

    #[test]
    fn given_a_payload_with_bytes_changed_when_decoded_then_it_is_refused_or_has_one_form(
        transaction in transactions(), changes in vec((any::<Index>(), any::<u8>()), 1..6),
    ) {
        let mut payload = transaction.encode(&signatures(&transaction));
        for (place, byte) in changes {
            let place = place.index(payload.len());
            payload[place] = byte;
        }
        if let Some(Ok((transaction, signatures))) = Transaction::decode(&payload) {
            prop_assert_eq!(transaction.encode(&signatures), payload);
        }
    }
}
