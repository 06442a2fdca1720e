//! The thread team: a region cuts its work into chunks, workers and the caller claim them one by
//! one, and the region ends when the chunks are done (not when every worker has come, so more
//! threads than cores stay fast).
//!
//! Determinism: how many chunks there are, and what each does, follows from the shape alone.
//! A chunk writes only its own part of the outputs; [`for_each_range`] and [`for_each_tile`]
//! check that the parts are in bounds and disjoint, and hand each chunk safe slices.
//!
//! Locality: the chunks are dealt out in contiguous shares, one a place of the team, and a thread
//! claims from its own share first. So the thread that wrote a part of an array mostly reads it in
//! the next region too, and it need not come over from another core's cache. So a product whose chunks could
//! be dealt by rows or by columns takes those of the larger operand: weights are updated in the same parts.

mod partition;
pub mod scratch;
pub mod team;
mod wait;

pub use partition::{
    chunk_count, chunk_range, for_each_block_tile, for_each_block_tile_and_part, for_each_part,
    for_each_range, for_each_stripe, for_each_tile, is_worth_sharing, largest_range, Dealt, Stripe, Tile,
};
pub use scratch::OutOfMemory;
pub use team::beat;
