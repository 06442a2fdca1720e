//! matmul for JavaScript.
