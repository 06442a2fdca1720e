//! optim for JavaScript.
