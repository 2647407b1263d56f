//! Captured frames: of each shape the shortest that there is.

use std::{collections::BTreeMap, error::Error, fs, io, path::Path};

use bridge::wire::{ChainPage, Notification, Operation, Reply, Request, ServerFrame};

/// Longer frames slow the fuzzer down and add nothing to its reach.
const MAX_SEED_BYTES: usize = 16_384;

/// A captured frame and who sent it.
pub struct Captured {
    is_from_node: bool,
    bytes: Vec<u8>,
}

/// All captured frames, file by file.
pub fn captured() -> Result<Vec<Captured>, Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/wrpc");
    let mut paths: Vec<_> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    paths.sort();
    let mut captures = Vec::new();
    for path in paths {
        for line in fs::read_to_string(path)?.lines() {
            let record: serde_json::Value = serde_json::from_str(line)?;
            let bytes = hex::decode(record["hex"].as_str().ok_or("a record has no bytes")?)?;
            captures.push(Captured { is_from_node: record["dir"] == "s2c", bytes });
        }
    }
    Ok(captures)
}

/// Frames that nodes sent.
pub fn from_nodes(captures: &[Captured]) -> BTreeMap<String, Vec<u8>> {
    shortest(captures.iter().filter(|frame| frame.is_from_node).filter_map(|frame| Some((shape(&frame.bytes)?, frame))))
}

/// Frames that nodes and clients sent.
pub fn both_sides(captures: &[Captured]) -> BTreeMap<String, Vec<u8>> {
    let requests = captures.iter().filter(|frame| !frame.is_from_node).filter_map(|frame| {
        let (_, request) = Request::parse(&frame.bytes).ok()?;
        Some((format!("request-{}", request.operation().code()), frame))
    });
    let mut seeds = shortest(requests);
    seeds.extend(from_nodes(captures));
    seeds
}

/// Payloads of chain pages, without the header of the reply.
pub fn page_payloads(captures: &[Captured]) -> BTreeMap<String, Vec<u8>> {
    const HEADER_BYTES: usize = 12;
    let pages = from_nodes(captures).into_iter().filter(|(name, _)| name.starts_with("page-"));
    pages.map(|(name, bytes)| (name, bytes.into_iter().skip(HEADER_BYTES).collect())).collect()
}

fn shortest<'a>(frames: impl Iterator<Item = (String, &'a Captured)>) -> BTreeMap<String, Vec<u8>> {
    let mut seeds: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (shape, frame) in frames.filter(|(_, frame)| frame.bytes.len() <= MAX_SEED_BYTES) {
        if seeds.get(&shape).is_none_or(|seed| frame.bytes.len() < seed.len()) {
            seeds.insert(shape, frame.bytes.clone());
        }
    }
    seeds
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
