//! What more than one bench target needs: the command line, memory and time.

pub mod allocator;
pub mod arguments;
pub mod clock;
