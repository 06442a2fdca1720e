//! Twins of matmul.
