//! What the tests of the follower and of the client share: real headers in a tree, a scripted node that answers from
//! it, a consumer that checks every event against the contract, and a driver that joins them in virtual time.

// Each test target uses its own part of this.
#![allow(dead_code)]

pub mod consumer;
pub mod node;
pub mod pair;
pub mod settings;
pub mod tree;
