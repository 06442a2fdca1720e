//! Twins of conv2d.
