//! Twins of loss.
