//! copy for JavaScript.
