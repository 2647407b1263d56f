//! What more than one bench target needs: the command line, memory, time, and tables.

pub mod allocator;
pub mod arguments;
pub mod clock;
pub mod comparison;
