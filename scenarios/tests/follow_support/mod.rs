//! A model node on a loopback socket, and the command that follows it.

pub mod command;
pub mod node;
