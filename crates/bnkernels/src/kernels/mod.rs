//! One file an operation: forward, backward, unit tests against the naive f64 twins in
//! `crate::reference`.

pub mod adam;
pub mod attention;
pub mod avg_pool2d;
pub mod batch_norm;
pub mod conv2d;
pub mod copy;
pub mod cross_entropy;
pub mod elementwise;
pub mod gather;
pub mod layer_norm;
pub mod matmul;
pub mod max_pool2d;
pub mod random;
pub mod recurrent;
pub mod reduce;
pub mod sgd;
pub mod softmax;
mod vectors;
