//! Values in Borsh.

use std::io;

use borsh::BorshSerialize;

/// What most values need.
const ROOM_BYTES: usize = 64;

/// A value in Borsh.
///
/// `borsh::to_vec` makes room for a kilobyte, which every account of some bytes would then keep for as long as it is in memory.
///
/// # Errors
/// Those of the value's type: a `Vec` takes everything.
pub(crate) fn to_vec(value: &impl BorshSerialize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(ROOM_BYTES);
    value.serialize(&mut bytes)?;
    Ok(bytes)
}
