//! Reference data against our own code: `dagstorm verify`.

pub mod frames;
pub mod ghostdag;
