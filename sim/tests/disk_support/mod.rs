//! A script of commits of a database, and what it must contain after each.

use std::collections::BTreeMap;

use redb::{
    Builder, Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageBackend, TableDefinition,
};
use sim::{
    disk::Disk,
    random::{Stream, Streams},
};

const TABLE: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("values");

/// What the table holds.
pub type Content = BTreeMap<u64, Vec<u8>>;

/// Commits that put and remove values; small and large ones, so that the file grows and shrinks.
pub struct Script {
    commits: Vec<Vec<(u64, Option<Vec<u8>>)>>,
}

impl Script {
    /// Always the same script for a seed. Some commits write a value as large as the file is at first.
    pub fn drawn(seed: u64, commits: usize) -> Self {
        let mut stream = Streams::new(seed).stream("script", 0);
        let mut commit = |number: usize| {
            let mut changes: Vec<(u64, Option<Vec<u8>>)> =
                (0..1 + stream.below(12)).map(|_| (stream.below(40), value(&mut stream, 900))).collect();
            match number % 7 {
                3 => changes.push((1_000, Some(vec![number as u8; 2 << 20]))),
                5 => changes.push((1_000, None)),
                _ => {}
            }
            changes
        };
        Self { commits: (0..commits).map(&mut commit).collect() }
    }

    /// Number of commits.
    pub fn len(&self) -> usize {
        self.commits.len()
    }

    /// What the table holds after no commit, after the first, and so on.
    pub fn contents(&self) -> Vec<Content> {
        let mut contents = vec![Content::new()];
        for commit in &self.commits {
            let mut content = contents[contents.len() - 1].clone();
            for (key, value) in commit {
                match value {
                    Some(value) => content.insert(*key, value.clone()),
                    None => content.remove(key),
                };
            }
            contents.push(content);
        }
        contents
    }

    /// Runs one commit.
    pub fn commit(&self, database: &Database, number: usize) -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        {
            let mut table = transaction.open_table(TABLE)?;
            for (key, value) in &self.commits[number] {
                match value {
                    Some(value) => table.insert(key, value.as_slice())?.is_some(),
                    None => table.remove(key)?.is_some(),
                };
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

fn value(stream: &mut Stream, most: u64) -> Option<Vec<u8>> {
    if stream.chance(1, 5) {
        return None;
    }
    let mut bytes = vec![0; stream.below(most) as usize];
    stream.fill(&mut bytes);
    Some(bytes)
}

/// Opens or makes the database on a handle.
pub fn open(backend: impl StorageBackend) -> Result<Database, redb::Error> {
    Ok(Builder::new().set_cache_size(1 << 20).create_with_backend(backend)?)
}

/// What the table holds now.
pub fn content(database: &Database) -> Result<Content, redb::Error> {
    let transaction = database.begin_read()?;
    let table = match transaction.open_table(TABLE) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Content::new()),
        Err(error) => return Err(error.into()),
    };
    let mut content = Content::new();
    for entry in table.iter()? {
        let (key, value) = entry?;
        content.insert(key.value(), value.value().to_vec());
    }
    assert_eq!(table.len()?, content.len() as u64);
    Ok(content)
}

/// A disk whose chance comes from a stream named `name`.
pub fn disk(name: &'static str) -> Disk {
    Disk::new(Streams::new(1).stream(name, 0))
}
