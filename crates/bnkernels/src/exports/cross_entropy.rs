//! cross_entropy for JavaScript.
