//! conv2d for JavaScript.
