//! softmax for JavaScript.
