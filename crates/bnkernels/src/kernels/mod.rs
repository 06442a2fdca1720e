//! One file an operation: forward, backward, unit tests against the naive f64 twins in
//! `crate::reference`.

pub mod adagrad;
pub mod adam;
pub mod attention;
pub mod augment;
pub mod avg_pool2d;
pub mod batch_norm;
pub mod chain;
pub mod conv2d;
pub mod copy;
pub mod cross_entropy;
pub mod cumsum;
pub mod elementwise;
pub mod gather;
pub mod gather_dim;
pub mod group_norm;
pub mod index_select;
pub mod layer_norm;
pub mod lerp;
pub mod matmul;
pub mod max_pool2d;
pub mod nadam;
pub mod random;
pub mod recurrent;
pub mod reduce;
pub mod resample;
pub mod rmsprop;
pub mod sgd;
pub mod softmax;
pub mod triangle;
pub(crate) mod vectors;
