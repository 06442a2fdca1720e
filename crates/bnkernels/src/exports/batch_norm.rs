//! batch_norm for JavaScript.
