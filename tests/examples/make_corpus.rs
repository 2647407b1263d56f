//! Writes the seed corpus of the fuzz target `notification_parsing` from the captured frames: one notification and one
//! reply of each shape, the shortest that there is. Running it again gives the same files.

use std::{collections::BTreeMap, error::Error, fs, io, path::Path};

use bridge::wire::{ChainPage, Notification, Operation, Reply, ServerFrame};

/// Longer frames slow the fuzzer down and add nothing to its reach.
const MAX_SEED_BYTES: usize = 16_384;

fn main() -> Result<(), Box<dyn Error>> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = tests.join("../fuzz/corpus/notification_parsing");
    let mut seeds: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut captures: Vec<_> =
        fs::read_dir(tests.join("vectors/wrpc"))?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    captures.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    captures.sort();
    for capture in captures {
        for line in fs::read_to_string(capture)?.lines() {
            let record: serde_json::Value = serde_json::from_str(line)?;
            if record["dir"] != "s2c" {
                continue;
            }
            let frame = hex::decode(record["hex"].as_str().ok_or("a record has no bytes")?)?;
            if let Some(shape) = shape(&frame)
                && frame.len() <= MAX_SEED_BYTES
                && seeds.get(&shape).is_none_or(|seed| frame.len() < seed.len())
            {
                seeds.insert(shape, frame);
            }
        }
    }
    fs::create_dir_all(&corpus)?;
    for (shape, frame) in &seeds {
        fs::write(corpus.join(shape), frame)?;
    }
    println!("{} seeds, {} bytes", seeds.len(), seeds.values().map(Vec::len).sum::<usize>());
    Ok(())
}

/// Frames of one shape take the same way through the reader. Frames that the reader knows nothing about have none.
fn shape(frame: &[u8]) -> Option<String> {
    Some(match ServerFrame::parse(frame).ok()? {
        ServerFrame::Notification(Notification::VirtualChainChanged(change)) => {
            let longest = change.accepted.clone().map(|accepted| accepted.transaction_ids.len()).max();
            format!(
                "chain-changed-removed{}-added{}-accepted{}-ids{}",
                few(change.removed.len()),
                few(change.added.len()),
                few(change.accepted.len()),
                few(longest.unwrap_or(0))
            )
        }
        ServerFrame::Notification(notification) => format!("notification-{}", notification.operation()),
        ServerFrame::Reply(reply) => {
            let operation = Operation::try_from(reply.operation?).ok()?;
            match reply.decode(operation).ok()? {
                Ok(Reply::ChainPage(page)) => page_shape(&page),
                Ok(_) => format!("reply-{}", operation.code()),
                Err(_) => format!("remote-error-{}", operation.code()),
            }
        }
    })
}

fn page_shape(page: &ChainPage<'_>) -> String {
    let header = page.blocks().next().map(|block| block.header);
    let verbosity = match header {
        Some(header) if header.pruning_point.is_some() => "full",
        Some(header) if header.parents.is_some() => "high",
        Some(header) if header.blue_score.is_some() => "low",
        _ => "none",
    };
    let inputs = page.blocks().flat_map(|block| block.accepted).map(|accepted| accepted.input_count).max();
    format!(
        "page-{verbosity}-removed{}-added{}-inputs{}",
        few(page.removed.len()),
        few(page.added.len()),
        few(inputs.unwrap_or(0))
    )
}

/// Three stands for many.
fn few(count: usize) -> usize {
    count.min(3)
}
