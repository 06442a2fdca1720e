//! reduce for JavaScript.
