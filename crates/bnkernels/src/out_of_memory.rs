//! What a kernel says that asked for scratch memory where there was none.

/// No memory was left. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;
