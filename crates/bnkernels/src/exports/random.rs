//! random for JavaScript.
