//! Twins of batch_norm.
