//! Files that are whole but not the store of this machine: of others, of other machines, of newer programs, unfinished.

use std::{fs, path::Path};

use bridge::wire::Network;
use redb::{Database, ReadableDatabase, ReadableTableMetadata, TableDefinition, TableHandle};
use state::{Machine, MachineConfig, OpenError, ReceiptRetention, program::Programs, programs::ledger::Ledger};

use super::history::{self, Contents, History};
use crate::support::{self, actors};

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

/// A file with these bytes, and its folder.
fn file_with(bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("there is a place for temporary files");
    let path = folder.path().join("store");
    fs::write(&path, bytes).expect("the folder can be written");
    (folder, path)
}

/// The error of an opening, which leaves what is in the file alone. A database notes in its header that it was opened; of
/// any other file each byte stays.
fn refused(path: &Path, config: MachineConfig) -> OpenError {
    let content = |path: &Path| {
        let bytes = fs::read(path).expect("the file is there");
        if bytes.starts_with(b"redb") { (tables(path), Vec::new()) } else { (Vec::new(), bytes) }
    };
    let before = content(path);
    let error = Machine::open(path, config).expect_err("this must not be opened");
    assert!(content(path) == before, "the file was changed: {error}");
    error
}

/// Name and number of entries of each table.
fn tables(path: &Path) -> Vec<(String, u64)> {
    let database = Database::create(path).expect("it is a database");
    let transaction = database.begin_read().expect("the disk has no faults");
    let handles = transaction.list_tables().expect("the disk has no faults");
    handles
        .map(|handle| {
            let name = handle.name().to_owned();
            let table = transaction.open_untyped_table(handle).expect("it is there");
            (name, table.len().expect("the disk has no faults"))
        })
        .collect()
}

/// The same, and that the right machine finds everything as it was.
fn refused_and_kept(config: MachineConfig) -> OpenError {
    let history = History::new(5);
    let (_folder, path) = file_with(&history.bytes);
    let error = refused(&path, config);
    let machine = Machine::open(&path, history::config()).expect("nothing is wrong with the store");
    assert_eq!(&Contents::of(&machine).expect("nothing is wrong with it"), history.newest());
    error
}

/// Changes the table `meta` of a store with redb itself.
fn with_meta(name: &str, value: Option<&[u8]>) -> (tempfile::TempDir, std::path::PathBuf) {
    let (folder, path) = file_with(&History::new(5).bytes);
    let database = Database::create(&path).expect("it is a database");
    let transaction = database.begin_write().expect("the disk has no faults");
    {
        let mut meta = transaction.open_table(META).expect("there is such a table");
        match value {
            Some(value) => drop(meta.insert(name, value).expect("the disk has no faults")),
            None => drop(meta.remove(name).expect("the disk has no faults")),
        }
    }
    transaction.commit().expect("the disk has no faults");
    database.close().expect("the disk has no faults");
    (folder, path)
}

#[test]
fn given_no_file_or_an_empty_one_when_opened_then_a_new_store() {
    let (_folder, path) = file_with(&[]);
    for path in [path.clone(), path.with_extension("other")] {
        let machine = Machine::open(&path, history::config()).expect("a store can be made");
        assert_eq!(machine.checkpoint(), None);
        assert_eq!(machine.accounts().expect("it can be read").len(), usize::from(actors::ACTORS));
    }
}

#[test]
fn given_a_text_file_when_opened_then_it_is_no_store() {
    let (_folder, path) = file_with(b"accounts: none\n".repeat(500).as_slice());
    let error = refused(&path, history::config());
    assert_eq!(error.to_string(), "the file is no store of a state machine: name another");
}

#[test]
fn given_zeros_with_something_behind_them_when_opened_then_it_is_no_store() {
    let mut bytes = vec![0; 100_000];
    bytes[99_999] = 1;
    let (_folder, path) = file_with(&bytes);
    assert!(matches!(refused(&path, history::config()), OpenError::NotAStore));
}

#[test]
fn given_a_folder_when_opened_then_an_error() {
    let folder = tempfile::tempdir().expect("there is a place for temporary files");
    let error = Machine::open(folder.path(), history::config()).expect_err("a folder is no store");
    assert!(error.to_string().starts_with("no file can be made there: "), "{error}");
}

#[test]
fn given_a_path_in_no_folder_when_opened_then_an_error() {
    let folder = tempfile::tempdir().expect("there is a place for temporary files");
    let error = Machine::open(&folder.path().join("no/store"), history::config()).expect_err("there is no such folder");
    assert!(error.to_string().starts_with("no file can be made there: No such file or directory"), "{error}");
}

#[test]
fn given_a_database_of_others_when_opened_then_it_is_no_store() {
    let tables: [TableDefinition<'_, &str, u64>; 3] =
        [TableDefinition::new("fruit"), TableDefinition::new("meta"), TableDefinition::new("accounts")];
    for table in tables {
        let (_folder, path) = file_with(&[]);
        let database = Database::create(&path).expect("the folder can be written");
        let transaction = database.begin_write().expect("the disk has no faults");
        drop(transaction.open_table(table).expect("it is new").insert("apples", 7).expect("the disk has no faults"));
        transaction.commit().expect("the disk has no faults");
        database.close().expect("the disk has no faults");
        assert!(matches!(refused(&path, history::config()), OpenError::NotAStore));
    }
}

#[test]
fn given_a_store_of_a_newer_version_when_opened_then_it_says_so() {
    let (_folder, path) = with_meta("layout", Some(&2_u32.to_le_bytes()));
    let error = refused(&path, history::config());
    let expected = "the store has layout version 2, this program knows 1: use the program that made it, or a newer one";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn given_a_store_without_a_readable_version_when_opened_then_it_is_no_store() {
    for value in [None, Some(&[1][..]), Some(&[0; 9])] {
        let (_folder, path) = with_meta("layout", value);
        assert!(matches!(refused(&path, history::config()), OpenError::NotAStore), "{value:?}");
    }
}

#[test]
fn given_a_store_of_another_network_when_opened_then_it_says_so() {
    let error = refused_and_kept(MachineConfig { network: Network::MAINNET, ..history::config() });
    assert_eq!(error.to_string(), "the store is of simnet, not of mainnet: each network needs its own store");
}

#[test]
fn given_a_store_of_another_machine_when_opened_then_it_says_so() {
    let other_genesis = support::config_with(ReceiptRetention::BlocksBelowRoot(8), [(actors::key(0), 1)]);
    let other_programs = MachineConfig { programs: Programs::default().with(Ledger), ..history::config() };
    let other_authorization =
        MachineConfig { authorization: MachineConfig::new(support::NETWORK).authorization, ..history::config() };
    let expected =
        "the store belongs to a state machine with another genesis or other programs: use those, or another store";
    for config in [other_genesis, other_programs, other_authorization] {
        assert_eq!(refused_and_kept(config).to_string(), expected);
    }
}

#[test]
fn given_another_retention_when_opened_then_the_store_is_the_same() {
    let history = History::new(5);
    let (_folder, path) = file_with(&history.bytes);
    let config = MachineConfig { receipts: ReceiptRetention::Forever, ..history::config() };
    let machine = Machine::open(&path, config).expect("retention is no identity");
    assert_eq!(&Contents::of(&machine).expect("nothing is wrong with it"), history.newest());
}

#[test]
fn given_a_file_that_only_looks_like_a_making_that_was_cut_off_when_opened_then_it_is_left_alone() {
    const MEBIBYTE: usize = 1 << 20;
    let page_size = 4_096_u32.to_le_bytes();
    let file = |length: usize, parts: &[(usize, &[u8])]| {
        let mut bytes = vec![0; length];
        parts.iter().for_each(|(at, part)| bytes[*at..at + part.len()].copy_from_slice(part));
        bytes
    };
    let others = [
        file(4_096, &[(9, &[0xaa; 100])]),
        file(4 * MEBIBYTE, &[(2_000, b"x")]),
        file(4 * MEBIBYTE, &[(12, &page_size), (400, b"x")]),
        file(4 * MEBIBYTE, &[(12, &page_size), (4 * MEBIBYTE - 1, b"x")]),
        file(4 * MEBIBYTE, &[(20, b"x")]),
        file(4 * MEBIBYTE, &[(0, b"x"), (12, &page_size)]),
    ];
    for (number, bytes) in others.iter().enumerate() {
        let (_folder, path) = file_with(bytes);
        assert!(matches!(refused(&path, history::config()), OpenError::NotAStore), "{number}");
    }
}

#[test]
fn given_a_making_that_was_cut_off_when_opened_then_the_store_is_made_anew() {
    let recorded = support::empty_disk();
    recorded.record();
    drop(Machine::open_on(recorded.open(), history::config()).expect("the disk has no faults"));
    let recording = recorded.take_recording();
    let mut images = 0;
    let stream = || sim::random::Streams::new(5).stream("disk", 0);
    for unsynced in [sim::disk::Unsynced::Kept, sim::disk::Unsynced::Lost, sim::disk::Unsynced::Drawn] {
        for image in recording.crash_images(unsynced, stream()) {
            images += 1;
            let (_disk, machine) = history::open(&image.to_bytes());
            let machine = machine.unwrap_or_else(|error| panic!("image {images} cannot be opened: {error}"));
            assert_eq!(machine.checkpoint(), None);
            assert_eq!(machine.accounts().expect("it can be read").len(), usize::from(actors::ACTORS));
        }
    }
    assert!(images > 20, "{images}");
}
