//! Twins of max_pool2d.
