//! Layouts of replies and notifications, and a strict walk through bytes of a layout that notes what is present.
//!
//! Written from the layouts of `kaspa-rpc-core` 2.1.0 (`model::message`, `model::block`, `model::tx`,
//! `model::optional`) and `workflow-serializer` 0.18, apart from both what the model node writes with and what the
//! bridge reads with. Every frame that was captured from a node is used up by it to the last byte, which is what makes
//! it a yardstick.

use std::collections::BTreeMap;

use bridge::wire::{Reader, WireError};

/// The layout of a value.
pub enum Shape {
    /// So many bytes.
    Fixed(usize),
    /// One byte, 0 or 1.
    Flag,
    /// A length and so many bytes.
    Bytes,
    /// A value that may be absent.
    Maybe(&'static Shape),
    /// A count and so many values.
    List(&'static Shape),
    /// A length and a value that is exactly that long.
    Envelope(&'static Shape),
    /// Values one after the other.
    Record(&'static [(&'static str, Shape)]),
}

/// In which states a field was seen that can be absent, a list that can be empty, a flag that can be false.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    pub present: bool,
    pub absent: bool,
}

/// All such fields of a kind of frame, by their paths; that of a list ends with `[]`, that of a flag with `?`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(pub BTreeMap<String, Seen>);

impl Shape {
    /// Notes what is present in `bytes`, which must be exactly of this layout.
    pub fn walk(&self, bytes: &[u8], fields: &mut Fields) -> Result<(), WireError> {
        let mut reader = Reader::new(bytes);
        self.read(&mut reader, "", fields)?;
        reader.finish("a frame")
    }

    fn read(&self, reader: &mut Reader<'_>, path: &str, fields: &mut Fields) -> Result<(), WireError> {
        match self {
            Self::Fixed(size) => reader.take(*size, "a value").map(|_| ()),
            Self::Flag => reader.bool("a flag").map(|value| fields.note(&format!("{path}?"), value)),
            Self::Bytes => reader.byte_string("bytes").map(|_| ()),
            Self::Maybe(shape) => {
                let is_present = reader.bool("an option")?;
                fields.note(path, is_present);
                if is_present { shape.read(reader, path, fields) } else { Ok(()) }
            }
            Self::List(shape) => {
                let count = reader.count("a list", 1)?;
                fields.note(&format!("{path}[]"), count > 0);
                (0..count).try_for_each(|_| shape.read(reader, path, fields))
            }
            Self::Envelope(shape) => {
                let mut inner = reader.envelope("an envelope")?;
                shape.read(&mut inner, path, fields)?;
                inner.finish("an envelope")
            }
            Self::Record(parts) => {
                parts.iter().try_for_each(|(name, shape)| shape.read(reader, &join(path, name), fields))
            }
        }
    }
}

impl Fields {
    /// Adds what was seen in another frame.
    pub fn merge(&mut self, other: &Self) {
        for (path, seen) in &other.0 {
            let merged = self.0.entry(path.clone()).or_default();
            merged.present |= seen.present;
            merged.absent |= seen.absent;
        }
    }

    /// The fields that can be absent.
    pub fn options(&self) -> BTreeMap<&str, Seen> {
        let is_option = |path: &str| !path.ends_with("[]") && !path.ends_with('?');
        self.0.iter().filter(|(path, _)| is_option(path)).map(|(path, &seen)| (path.as_str(), seen)).collect()
    }

    /// The first path at which the fields of the model differ from these captured ones. Fields of items are not
    /// compared where no captured list had an item.
    pub fn difference(&self, model: &Self) -> Option<String> {
        let (captured, model) = (self.options(), model.options());
        let differs = captured.iter().find(|(path, seen)| model.get(*path) != Some(seen));
        let was_empty = |path: &str| {
            let parents = path.match_indices('.').map(|(end, _)| &path[..end]);
            parents.filter_map(|parent| self.0.get(&format!("{parent}[]"))).any(|list| !list.present)
        };
        let extra = model.keys().find(|path| !captured.contains_key(*path) && !was_empty(path));
        differs
            .map(|(path, _)| path)
            .or(extra)
            .map(|path| format!("{path}: captured {:?}, the model {:?}", captured.get(path), model.get(path)))
    }

    /// Whether a list was never empty, or never anything else; `None` if it was both, or is not there.
    pub fn is_filled(&self, list: &str) -> Option<bool> {
        let seen = self.0.get(&format!("{list}[]"))?;
        (seen.present != seen.absent).then_some(seen.present)
    }

    fn note(&mut self, path: &str, is_present: bool) {
        let seen = self.0.entry(path.to_owned()).or_default();
        seen.present |= is_present;
        seen.absent |= !is_present;
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

use Shape::{Bytes, Envelope, Fixed, Flag, List, Maybe, Record};

const BYTE: Shape = Fixed(1);
const TWO: Shape = Fixed(2);
const FOUR: Shape = Fixed(4);
const EIGHT: Shape = Fixed(8);
const HASH: Shape = Fixed(32);
const WORK: Shape = Fixed(24);
const SUBNETWORK: Shape = Fixed(20);
const HASHES: Shape = List(&HASH);
const SCRIPT: Shape = Record(&[("version", TWO), ("script", Bytes)]);
const ADDRESS: Shape = Record(&[("kind", TWO), ("payload", Bytes)]);
const NETWORK: Shape = Record(&[("kind", BYTE), ("suffix", Maybe(&FOUR))]);

const ACCEPTED_IDS: Shape = List(&Record(&[("accepting_block_hash", HASH), ("accepted_transaction_ids", HASHES)]));

const HEADER: Shape = Record(&[
    ("struct_version", TWO),
    ("hash", HASH),
    ("version", TWO),
    ("parents_by_level", List(&HASHES)),
    ("hash_merkle_root", HASH),
    ("accepted_id_merkle_root", HASH),
    ("utxo_commitment", HASH),
    ("timestamp", EIGHT),
    ("bits", FOUR),
    ("nonce", EIGHT),
    ("daa_score", EIGHT),
    ("blue_work", WORK),
    ("blue_score", EIGHT),
    ("pruning_point", HASH),
]);

const COVENANT: Shape = Record(&[("struct_version", BYTE), ("authorizing_input", TWO), ("covenant_id", HASH)]);

const INPUT: Shape = Record(&[
    ("struct_version", BYTE),
    ("previous_outpoint", Envelope(&Record(&[("struct_version", BYTE), ("transaction_id", HASH), ("index", FOUR)]))),
    ("signature_script", Bytes),
    ("sequence", EIGHT),
    ("sig_op_count", BYTE),
    ("verbose_data", Envelope(&Maybe(&Envelope(&BYTE)))),
    ("compute_budget", TWO),
]);

const OUTPUT: Shape = Record(&[
    ("struct_version", BYTE),
    ("value", EIGHT),
    ("script_public_key", SCRIPT),
    (
        "verbose_data",
        Envelope(&Maybe(&Envelope(&Record(&[("struct_version", BYTE), ("class", BYTE), ("address", ADDRESS)])))),
    ),
    ("covenant", Envelope(&Maybe(&Envelope(&COVENANT)))),
]);

const TRANSACTION: Shape = Record(&[
    ("struct_version", TWO),
    ("version", TWO),
    ("inputs", Envelope(&List(&Envelope(&INPUT)))),
    ("outputs", Envelope(&List(&Envelope(&OUTPUT)))),
    ("lock_time", EIGHT),
    ("subnetwork_id", SUBNETWORK),
    ("gas", EIGHT),
    ("payload", Bytes),
    ("storage_mass", EIGHT),
    (
        "verbose_data",
        Envelope(&Maybe(&Envelope(&Record(&[
            ("struct_version", BYTE),
            ("transaction_id", HASH),
            ("hash", HASH),
            ("compute_mass", EIGHT),
            ("block_hash", HASH),
            ("block_time", EIGHT),
        ])))),
    ),
]);

const BLOCK: Shape = Record(&[
    ("struct_version", TWO),
    ("header", Envelope(&HEADER)),
    ("transactions", Envelope(&List(&Envelope(&TRANSACTION)))),
    (
        "verbose_data",
        Envelope(&Maybe(&Envelope(&Record(&[
            ("struct_version", BYTE),
            ("hash", HASH),
            ("difficulty", EIGHT),
            ("selected_parent_hash", HASH),
            ("transaction_ids", HASHES),
            ("is_header_only", Flag),
            ("blue_score", EIGHT),
            ("children_hashes", HASHES),
            ("merge_set_blues_hashes", HASHES),
            ("merge_set_reds_hashes", HASHES),
            ("is_chain_block", Flag),
        ])))),
    ),
]);

const OPTIONAL_HEADER: Shape = Record(&[
    ("struct_version", TWO),
    ("hash", Maybe(&HASH)),
    ("version", Maybe(&TWO)),
    ("parents_by_level", Maybe(&List(&Record(&[("level", BYTE), ("parents", HASHES)])))),
    ("hash_merkle_root", Maybe(&HASH)),
    ("accepted_id_merkle_root", Maybe(&HASH)),
    ("utxo_commitment", Maybe(&HASH)),
    ("timestamp", Maybe(&EIGHT)),
    ("bits", Maybe(&FOUR)),
    ("nonce", Maybe(&EIGHT)),
    ("daa_score", Maybe(&EIGHT)),
    ("blue_work", Maybe(&WORK)),
    ("blue_score", Maybe(&EIGHT)),
    ("pruning_point", Maybe(&HASH)),
]);

const SCRIPT_KIND: Shape = Record(&[("struct_version", BYTE), ("class", Maybe(&BYTE)), ("address", Maybe(&ADDRESS))]);

const UTXO_ENTRY: Shape = Record(&[
    ("struct_version", BYTE),
    ("amount", Maybe(&EIGHT)),
    ("script_public_key", Maybe(&SCRIPT)),
    ("block_daa_score", Maybe(&EIGHT)),
    ("is_coinbase", Maybe(&BYTE)),
    ("verbose_data", Envelope(&Maybe(&Envelope(&SCRIPT_KIND)))),
    ("covenant_id", Maybe(&HASH)),
]);

const OPTIONAL_INPUT: Shape = Record(&[
    ("struct_version", BYTE),
    (
        "previous_outpoint",
        Envelope(&Maybe(&Envelope(&Record(&[
            ("struct_version", BYTE),
            ("transaction_id", Maybe(&HASH)),
            ("index", Maybe(&FOUR)),
        ])))),
    ),
    ("signature_script", Maybe(&Bytes)),
    ("sequence", Maybe(&EIGHT)),
    ("sig_op_count", Maybe(&BYTE)),
    (
        "verbose_data",
        Envelope(&Maybe(&Envelope(&Record(&[
            ("struct_version", BYTE),
            ("utxo_entry", Envelope(&Maybe(&Envelope(&UTXO_ENTRY)))),
        ])))),
    ),
    ("compute_budget", Maybe(&TWO)),
]);

const OPTIONAL_OUTPUT: Shape = Record(&[
    ("struct_version", BYTE),
    ("value", Maybe(&EIGHT)),
    ("script_public_key", Maybe(&SCRIPT)),
    ("verbose_data", Envelope(&Maybe(&Envelope(&SCRIPT_KIND)))),
    (
        "covenant",
        Envelope(&Maybe(&Envelope(&Record(&[
            ("struct_version", BYTE),
            ("binding", Envelope(&Maybe(&Envelope(&COVENANT)))),
        ])))),
    ),
]);

const OPTIONAL_TRANSACTION: Shape = Record(&[
    ("struct_version", TWO),
    ("version", Maybe(&TWO)),
    ("inputs", Envelope(&List(&Envelope(&OPTIONAL_INPUT)))),
    ("outputs", Envelope(&List(&Envelope(&OPTIONAL_OUTPUT)))),
    ("lock_time", Maybe(&EIGHT)),
    ("subnetwork_id", Maybe(&SUBNETWORK)),
    ("gas", Maybe(&EIGHT)),
    ("payload", Maybe(&Bytes)),
    ("storage_mass", Maybe(&EIGHT)),
    (
        "verbose_data",
        Envelope(&Maybe(&Envelope(&Record(&[
            ("struct_version", BYTE),
            ("transaction_id", Maybe(&HASH)),
            ("hash", Maybe(&HASH)),
            ("compute_mass", Maybe(&EIGHT)),
            ("block_hash", Maybe(&HASH)),
            ("block_time", Maybe(&EIGHT)),
        ])))),
    ),
]);

const CHAIN_BLOCK: Shape = Record(&[
    ("struct_version", TWO),
    ("chain_block_header", Envelope(&OPTIONAL_HEADER)),
    ("accepted_transactions", Envelope(&List(&Envelope(&OPTIONAL_TRANSACTION)))),
]);

/// The content of a successful reply, inside its envelope, by the operation's number.
pub fn reply(operation: u8) -> Option<Shape> {
    Some(match operation {
        3 => Record(&[("struct_version", TWO), ("connection", EIGHT)]),
        4 | 124 => TWO,
        110 => BYTE,
        114 => Record(&[
            ("struct_version", TWO),
            ("api_version", TWO),
            ("api_revision", TWO),
            ("server_version", Bytes),
            ("network", NETWORK),
            ("has_utxo_index", Flag),
            ("is_synced", Flag),
            ("virtual_daa_score", EIGHT),
        ]),
        115 => Record(&[("struct_version", TWO), ("is_synced", Flag)]),
        116 => Record(&[("struct_version", TWO), ("network", BYTE)]),
        120 => Record(&[("struct_version", TWO), ("sink", HASH)]),
        126 => Record(&[("struct_version", TWO), ("block", Envelope(&BLOCK))]),
        128 => Record(&[("struct_version", TWO), ("removed", HASHES), ("added", HASHES), ("accepted", ACCEPTED_IDS)]),
        129 => {
            Record(&[("struct_version", TWO), ("block_hashes", HASHES), ("blocks", Envelope(&List(&Envelope(&BLOCK))))])
        }
        130 => Record(&[("struct_version", TWO), ("header_count", EIGHT), ("block_count", EIGHT)]),
        131 => Record(&[
            ("struct_version", TWO),
            ("network", NETWORK),
            ("block_count", EIGHT),
            ("header_count", EIGHT),
            ("tip_hashes", HASHES),
            ("difficulty", EIGHT),
            ("past_median_time", EIGHT),
            ("virtual_parent_hashes", HASHES),
            ("pruning_point_hash", HASH),
            ("virtual_daa_score", EIGHT),
            ("sink", HASH),
        ]),
        138 => Record(&[("struct_version", TWO), ("blue_score", EIGHT)]),
        141 => Record(&[
            ("struct_version", TWO),
            ("p2p_id", Bytes),
            ("mempool_size", EIGHT),
            ("server_version", Bytes),
            ("is_utxo_indexed", Flag),
            ("is_synced", Flag),
            ("has_notify_command", Flag),
            ("has_message_id", Flag),
        ]),
        151 => Record(&[
            ("struct_version", TWO),
            ("removed", HASHES),
            ("added", HASHES),
            ("blocks", Envelope(&List(&Envelope(&CHAIN_BLOCK)))),
        ]),
        _ => return None,
    })
}

/// The content of a notification, inside its envelope, by its number.
pub fn notification(operation: u8) -> Option<Shape> {
    Some(match operation {
        60 => Record(&[
            ("struct_version", TWO),
            ("variant", TWO),
            ("content", Envelope(&Record(&[("struct_version", TWO), ("block", Envelope(&BLOCK))]))),
        ]),
        61 => Record(&[
            ("struct_version", TWO),
            ("variant", TWO),
            (
                "content",
                Envelope(&Record(&[
                    ("struct_version", TWO),
                    ("removed", HASHES),
                    ("added", HASHES),
                    ("accepted", ACCEPTED_IDS),
                ])),
            ),
        ]),
        65 | 66 => Record(&[
            ("struct_version", TWO),
            ("variant", TWO),
            ("content", Envelope(&Record(&[("struct_version", TWO), ("score", EIGHT)]))),
        ]),
        67 | 68 => Record(&[("struct_version", TWO), ("variant", TWO), ("content", Envelope(&TWO))]),
        _ => return None,
    })
}
