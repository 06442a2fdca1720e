//! gather for JavaScript.
