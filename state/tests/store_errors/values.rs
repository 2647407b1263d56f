//! Values that this crate never wrote in a database that is whole: a typed error at the opening or at the use, no panic,
//! and never a changed store.

use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::{Database, ReadableTable, Table, TableDefinition, WriteTransaction};
use sim::{
    disk::Disk,
    random::{Stream, Streams},
};
use state::{ApplyError, Machine, OpenError, StoreError};

use super::history::{self, Contents, History};

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const ACCOUNTS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("accounts");
const UNDO: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("undo");
const CHAIN: TableDefinition<'_, u64, &[u8; 72]> = TableDefinition::new("chain");
const RECEIPTS: TableDefinition<'_, (u64, u32), &[u8]> = TableDefinition::new("receipts");
const PLACES: TableDefinition<'_, &[u8; 32], (u64, u32)> = TableDefinition::new("places");

/// Changes a store with redb itself.
fn changed(history: &History, change: impl FnOnce(&WriteTransaction)) -> Disk {
    let disk = history::disk_with(&history.bytes);
    let database = Database::builder().create_with_backend(disk.open()).expect("it is a database");
    let transaction = database.begin_write().expect("the disk has no faults");
    change(&transaction);
    transaction.commit().expect("the disk has no faults");
    database.close().expect("the disk has no faults");
    disk
}

/// What comes of opening, reading everything, and following the chain further, back and on.
fn used(disk: &Disk, history: &History) -> Result<(), ApplyError> {
    let machine = Machine::open_on(disk.open(), history::config());
    let mut machine = machine.map_err(|error| match error {
        OpenError::Store(error) => ApplyError::Store(error),
        error => panic!("not the error for a damaged value: {error}"),
    })?;
    Contents::of(&machine)?;
    let mut chain = history.chain.clone();
    // To the root, so that every undo record is read.
    let events = [chain.cut(chain.root().index).0];
    machine.apply(None, &events)?;
    for batch in 100..108 {
        history::feed(&mut machine, &mut chain, batch)?;
    }
    Contents::of(&machine)?;
    Ok(())
}

/// A damaged value must be told, by an error that says so.
fn must_be_told(what: &str, change: impl FnOnce(&WriteTransaction)) {
    let history = History::new(6);
    let disk = changed(&history, change);
    let result = catch_unwind(AssertUnwindSafe(|| used(&disk, &history)));
    match result {
        Ok(Err(ApplyError::Store(error @ StoreError::Damaged { .. }))) => {
            let text = error.to_string();
            assert!(text.starts_with("the store is damaged (") && text.ends_with("follow anew"), "{what}: {text}");
        }
        Ok(Err(error)) => panic!("{what}: not the error for a damaged value: {error}"),
        Ok(Ok(())) => panic!("{what}: nobody noticed"),
        Err(_) => panic!("{what}: a panic"),
    }
}

fn table<'t, K: redb::Key + 'static, V: redb::Value + 'static>(
    transaction: &'t WriteTransaction,
    definition: TableDefinition<'_, K, V>,
) -> Table<'t, K, V> {
    transaction.open_table(definition).expect("there is such a table")
}

/// Some ways to spoil bytes.
fn spoilt(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut stream = Streams::new(9).stream("spoilt", 0);
    let mut random = vec![0; bytes.len()];
    stream.fill(&mut random);
    let cut = bytes[..bytes.len() - 1].to_vec();
    let longer = [bytes, &[0]].concat();
    vec![Vec::new(), vec![0xff; 4], vec![0xff; 64], random, cut, longer]
}

#[test]
fn given_a_spoilt_value_in_meta_when_used_then_it_is_told() {
    let mut spoilt_values = 0;
    for name in ["checkpoint", "state root"] {
        for at in 0..6 {
            must_be_told(&format!("{name}, way {at}"), |transaction| {
                let mut meta = table(transaction, META);
                let value = meta.get(name).expect("no faults").expect("it is there").value().to_vec();
                drop(meta.insert(name, spoilt(&value)[at].as_slice()).expect("no faults"));
            });
            spoilt_values += 1;
        }
    }
    assert_eq!(spoilt_values, 12);
}

#[test]
fn given_a_value_gone_from_meta_when_used_then_it_is_told() {
    for name in ["checkpoint", "state root"] {
        must_be_told(name, |transaction| drop(table(transaction, META).remove(name).expect("no faults")));
    }
}

#[test]
fn given_an_identity_that_is_spoilt_or_gone_when_opened_then_it_is_another_machine() {
    let history = History::new(3);
    for name in ["network", "genesis"] {
        for value in [None, Some(&[][..]), Some(&[0xff; 7][..])] {
            let disk = changed(&history, |transaction| {
                let mut meta = table(transaction, META);
                match value {
                    Some(value) => drop(meta.insert(name, value).expect("no faults")),
                    None => drop(meta.remove(name).expect("no faults")),
                }
            });
            let error = Machine::open_on(disk.open(), history::config()).expect_err("it is not this machine's");
            assert!(matches!(error, OpenError::OtherNetwork { .. } | OpenError::OtherMachine), "{name}: {error}");
        }
    }
}

#[test]
fn given_a_spoilt_account_when_used_then_it_is_told() {
    for at in 0..6 {
        must_be_told(&format!("way {at}"), |transaction| {
            let mut accounts = table(transaction, ACCOUNTS);
            let (id, value) = accounts
                .first()
                .expect("no faults")
                .map(|(id, value)| (*id.value(), value.value().to_vec()))
                .expect("there are some");
            drop(accounts.insert(&id, spoilt(&value)[at].as_slice()).expect("no faults"));
        });
    }
    must_be_told("one gone", |transaction| drop(table(transaction, ACCOUNTS).pop_first().expect("no faults")));
    must_be_told("one more", |transaction| {
        let mut accounts = table(transaction, ACCOUNTS);
        let value = accounts.first().expect("no faults").expect("there are some").1.value().to_vec();
        drop(accounts.insert(&[7; 32], value.as_slice()).expect("no faults"));
    });
}

#[test]
fn given_a_spoilt_undo_record_when_used_then_it_is_told() {
    for at in 0..6 {
        must_be_told(&format!("way {at}"), |transaction| {
            let mut undo = table(transaction, UNDO);
            let (index, value) = undo
                .first()
                .expect("no faults")
                .map(|(index, value)| (index.value(), value.value().to_vec()))
                .expect("there are some");
            drop(undo.insert(index, spoilt(&value)[at].as_slice()).expect("no faults"));
        });
    }
    must_be_told("lowest gone", |transaction| drop(table(transaction, UNDO).pop_first().expect("no faults")));
    must_be_told("highest gone", |transaction| drop(table(transaction, UNDO).pop_last().expect("no faults")));
    must_be_told("one that undoes nothing", |transaction| {
        let mut undo = table(transaction, UNDO);
        let lowest = undo.first().expect("no faults").expect("there are some").0.value();
        drop(undo.insert(lowest, [0; 4].as_slice()).expect("no faults"));
    });
}

#[test]
fn given_a_spoilt_chain_reference_when_used_then_it_is_told() {
    for what in
        ["another hash", "another blue score", "another root", "gone", "one above the tip", "one below the root"]
    {
        must_be_told(what, |transaction| {
            let mut chain = table(transaction, CHAIN);
            // The root's, which every opening and the reorg to it look at.
            let (at, mut entry) = {
                let first = chain.first().expect("no faults").expect("there are some");
                (first.0.value(), *first.1.value())
            };
            let key = match what {
                "one above the tip" => 10_000,
                "one below the root" => 0,
                _ => at,
            };
            match what {
                "another hash" => entry[0] ^= 1,
                "another blue score" => entry[39] ^= 0x80,
                "another root" => entry[71] ^= 1,
                _ => {}
            }
            match what {
                "gone" => drop(chain.remove(key).expect("no faults")),
                _ => drop(chain.insert(key, &entry).expect("no faults")),
            }
        });
    }
}

#[test]
fn given_a_spoilt_receipt_when_used_then_it_is_told() {
    for at in 0..6 {
        must_be_told(&format!("way {at}"), |transaction| {
            let mut receipts = table(transaction, RECEIPTS);
            let (place, value) = receipts
                .last()
                .expect("no faults")
                .map(|(place, value)| (place.value(), value.value().to_vec()))
                .expect("there are some");
            // Every 32 bytes are an id.
            let spoilt = spoilt(&value)[at].clone();
            drop(receipts.insert(place, spoilt.as_slice()).expect("no faults"));
        });
    }
}

#[test]
fn given_the_place_of_a_receipt_that_is_wrong_when_asked_then_it_is_told() {
    let history = History::new(6);
    let disk = changed(&history, |transaction| {
        let mut receipts = table(transaction, RECEIPTS);
        drop(receipts.pop_last().expect("no faults"));
    });
    let machine = Machine::open_on(disk.open(), history::config()).expect("receipts are not looked at");
    let gone =
        history.chain.blocks().last().and_then(|added| added.accepted.last()).expect("there are transactions").id;
    let error = machine.receipt(&gone).expect_err("the receipt is gone and its place is not");
    assert!(error.to_string().starts_with("the store is damaged ("), "{error}");
}

#[test]
fn given_a_table_of_another_type_or_gone_when_opened_then_a_typed_error() {
    let history = History::new(3);
    for name in ["meta", "accounts", "undo", "chain", "receipts", "places"] {
        for is_replaced in [false, true] {
            let disk = changed(&history, |transaction| {
                let any: TableDefinition<'_, u8, u8> = TableDefinition::new(name);
                transaction
                    .rename_table(
                        transaction
                            .list_tables()
                            .expect("no faults")
                            .find(|table| redb::TableHandle::name(table) == name)
                            .expect("it is there"),
                        TableDefinition::<u8, u8>::new("elsewhere"),
                    )
                    .expect("no faults");
                if is_replaced {
                    drop(transaction.open_table(any).expect("it is new").insert(1, 2).expect("no faults"));
                }
            });
            let result = catch_unwind(AssertUnwindSafe(|| Machine::open_on(disk.open(), history::config())));
            let Ok(Err(error)) = result else { panic!("{name}, replaced {is_replaced}: no error") };
            assert!(
                matches!(error, OpenError::NotAStore | OpenError::Store(StoreError::Damaged { .. })),
                "{name}: {error}"
            );
        }
    }
}

/// Random values at random places, in a store that is used to its end.
#[test]
fn given_random_values_anywhere_when_used_then_no_panic() {
    let history = History::new(6);
    let mut stream = Streams::new(10).stream("values", 0);
    let mut told = 0;
    for case in 0..400 {
        let disk = changed(&history, |transaction| scribble(transaction, &mut stream));
        let result = catch_unwind(AssertUnwindSafe(|| used(&disk, &history)));
        match result {
            Ok(Err(ApplyError::Store(StoreError::Damaged { .. }))) => told += 1,
            Ok(Ok(())) => {}
            Ok(Err(error)) => panic!("case {case}: not the error for a damaged value: {error}"),
            Err(_) => panic!("case {case}: a panic"),
        }
    }
    assert!(told > 200, "{told}");
}

fn scribble(transaction: &WriteTransaction, stream: &mut Stream) {
    let mut value = vec![0; stream.below(100) as usize];
    stream.fill(&mut value);
    let mut id = [0; 32];
    stream.fill(&mut id);
    let index = stream.below(30);
    match stream.below(6) {
        0 => drop(
            table(transaction, META)
                .insert(["checkpoint", "state root"][stream.below(2) as usize], value.as_slice())
                .expect("no faults"),
        ),
        1 => drop(table(transaction, ACCOUNTS).insert(&id, value.as_slice()).expect("no faults")),
        2 => drop(table(transaction, UNDO).insert(index, value.as_slice()).expect("no faults")),
        3 => {
            let mut entry = [0; 72];
            stream.fill(&mut entry);
            drop(table(transaction, CHAIN).insert(index, &entry).expect("no faults"));
        }
        4 => drop(table(transaction, RECEIPTS).insert((index, 1), value.as_slice()).expect("no faults")),
        _ => drop(table(transaction, PLACES).insert(&id, (index, 9)).expect("no faults")),
    }
}
