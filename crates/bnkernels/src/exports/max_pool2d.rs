//! max_pool2d for JavaScript.
