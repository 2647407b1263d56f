//! Reads payloads that anyone may have made.
//!
//! A count is compared with its limit before anything is reserved for it, and a length with the bytes that are left, so that
//! a payload costs no more memory than its own size asks for.

use super::{
    Access, Call, MAGIC, MOST_ACCOUNTS, MOST_CALLS, MOST_PAYLOAD_BYTES, MOST_SIGNERS, Signer, Transaction, VERSION,
};
use crate::{
    account::{AccountId, ProgramId},
    authorization::{Key, Signature},
    receipt::{Mode, Rejection},
};

/// Reads what follows the magic.
pub(super) fn payload(bytes: &[u8]) -> Result<(Transaction, Vec<Signature>), Rejection> {
    let length = MAGIC.len() + bytes.len();
    if length > MOST_PAYLOAD_BYTES {
        return Err(too_many("bytes", length as u64, MOST_PAYLOAD_BYTES));
    }
    let mut reader = Reader { left: bytes };
    let version = reader.byte()?;
    if version != VERSION {
        return Err(malformed(&format!("layout version {version} is not known")));
    }
    let signers = reader.list("signers", MOST_SIGNERS, |reader| {
        Ok(Signer { key: Key(reader.array()?), nonce: u64::from_le_bytes(reader.array()?) })
    })?;
    let accounts = reader.list("accounts", MOST_ACCOUNTS, |reader| {
        Ok(Access { account: AccountId::from_bytes(reader.array()?), mode: reader.mode()? })
    })?;
    let calls = reader.list("calls", MOST_CALLS, |reader| {
        Ok(Call { program: ProgramId(reader.number()?), input: reader.input()? })
    })?;
    let signatures = reader.list("signatures", MOST_SIGNERS, |reader| Ok(Signature(reader.array()?)))?;
    let transaction = Transaction { signers, accounts, calls };
    check(&transaction, signatures.len(), reader.left.len())?;
    Ok((transaction, signatures))
}

fn check(transaction: &Transaction, signatures: usize, bytes_left: usize) -> Result<(), Rejection> {
    if bytes_left > 0 {
        return Err(malformed(&format!("{bytes_left} bytes follow its end")));
    }
    if signatures != transaction.signers.len() {
        return Err(malformed(&format!("{} signers and {signatures} signatures", transaction.signers.len())));
    }
    if !transaction.signers.is_sorted_by(|a, b| a.key < b.key) {
        return Err(malformed("the keys of the signers do not strictly rise"));
    }
    if !transaction.accounts.is_sorted_by(|a, b| a.account < b.account) {
        return Err(malformed("the accounts do not strictly rise"));
    }
    if transaction.calls.is_empty() {
        return Err(malformed("it calls nothing"));
    }
    Ok(())
}

fn malformed(reason: &str) -> Rejection {
    Rejection::Malformed { reason: reason.to_owned() }
}

fn too_many(what: &str, count: u64, most: usize) -> Rejection {
    Rejection::TooMany { what: what.to_owned(), count, most: most as u64 }
}

/// The bytes that are not read yet.
struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Rejection> {
        let (bytes, left) = self.left.split_at_checked(count).ok_or_else(cut)?;
        self.left = left;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Rejection> {
        let (bytes, left) = self.left.split_first_chunk().ok_or_else(cut)?;
        self.left = left;
        Ok(*bytes)
    }

    fn byte(&mut self) -> Result<u8, Rejection> {
        self.array().map(|[byte]| byte)
    }

    fn number(&mut self) -> Result<u32, Rejection> {
        self.array().map(u32::from_le_bytes)
    }

    fn mode(&mut self) -> Result<Mode, Rejection> {
        match self.byte()? {
            0 => Ok(Mode::Read),
            1 => Ok(Mode::Write),
            other => Err(malformed(&format!("{other} is no way to use an account"))),
        }
    }

    fn input(&mut self) -> Result<Vec<u8>, Rejection> {
        let length = usize::try_from(self.number()?).map_err(|_| cut())?;
        self.bytes(length).map(<[u8]>::to_vec)
    }

    fn list<T>(
        &mut self,
        what: &str,
        most: usize,
        mut item: impl FnMut(&mut Self) -> Result<T, Rejection>,
    ) -> Result<Vec<T>, Rejection> {
        let announced = self.number()?;
        let count = usize::try_from(announced)
            .ok()
            .filter(|count| *count <= most)
            .ok_or_else(|| too_many(what, announced.into(), most))?;
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }
}

fn cut() -> Rejection {
    malformed("it ends in the middle of a field")
}
