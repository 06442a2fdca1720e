//! Random numbers from Philox4x32-10, a function of a 64-bit key and a 128-bit counter (Salmon,
//! Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
//!
//! Element `i` of a filled array comes from word `i % 4` of block `offset + i / 4` (normals: from
//! a pair of words of that block), and from nothing else. All arithmetic is exact or rounds each
//! product, and no libm is called: a seed gives the same bits in every build and on every machine.

use crate::parallel::{chunk_count, chunk_range, for_each_range};
use crate::simd::{F32x4, Mask4};

/// Where a stream of random blocks starts.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    pub seed: u64,
    /// The first block of four words.
    pub offset: u64,
}

impl Stream {
    /// Block `index` of the stream.
    #[inline(always)]
    pub fn block(self, index: u64) -> [u32; 4] {
        let counter = self.offset.wrapping_add(index);
        let key = [self.seed as u32, (self.seed >> 32) as u32];
        philox([counter as u32, (counter >> 32) as u32, 0, 0], key)
    }
}

/// The words of a sample's own: a function of the seed, the pass and the sample, and disjoint from every
/// [`Stream`], whose counters end with two zeros.
#[inline(always)]
pub fn sample_block(seed: u64, epoch: u32, sample: u32, block: u32) -> [u32; 4] {
    philox([block, sample, epoch, 0x5a_3b_1e], [seed as u32, (seed >> 32) as u32])
}

/// Four normal numbers of mean 0 and variance 1 of a block's words (see [`fill_normal`]).
#[inline(always)]
pub fn normals(words: [u32; 4]) -> F32x4 {
    let [u, v, t, w] = unit(words).to_array();
    let u = F32x4::new(u, v, u, v) + F32x4::splat(TWO_TO_MINUS_24);
    let (sin, cos) = F32x4::new(t, w, t, w).sin_cos_of_turns_unfused();
    let radius = (u.ln_unfused() * F32x4::splat(-2.0)).sqrt();
    let [a, b, ..] = cos.to_array();
    let [c, d, ..] = sin.to_array();
    radius * F32x4::new(a, b, c, d)
}

#[inline(always)]
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let a = u64::from(counter[0]) * 0xd251_1f53;
        let b = u64::from(counter[2]) * 0xcd9e_8d57;
        counter = [
            (b >> 32) as u32 ^ counter[1] ^ key[0],
            b as u32,
            (a >> 32) as u32 ^ counter[3] ^ key[1],
            a as u32,
        ];
        key = [key[0].wrapping_add(0x9e37_79b9), key[1].wrapping_add(0xbb67_ae85)];
    }
    counter
}

/// Multiply-adds that four random numbers are worth.
const BLOCK_COST: usize = 64;

/// Blocks that are made before they are turned into numbers.
const BATCH: usize = 16;

type Words = [[u32; 4]; BATCH];
type Numbers = [[f32; 4]; BATCH];

/// Makes numbers of words. (A `dyn Fn` would carry each closure's code twice.)
trait Convert: Sync {
    fn convert(&self, words: &Words, numbers: &mut Numbers);
}

impl<F: Fn([u32; 4]) -> F32x4 + Sync> Convert for F {
    fn convert(&self, words: &Words, numbers: &mut Numbers) {
        for (&words, numbers) in words.iter().zip(numbers) {
            self(words).store(numbers);
        }
    }
}

/// `out[4 b..] = f(block b)`.
#[inline(always)]
fn fill(out: &mut [f32], stream: Stream, f: impl Fn([u32; 4]) -> F32x4 + Sync) {
    fill_batches(out, stream, &f);
}

/// Not generic over `f`: one copy makes the blocks of all.
#[inline(never)]
fn fill_batches(out: &mut [f32], stream: Stream, f: &dyn Convert) {
    let n = out.len();
    let chunks = chunk_count(n.div_ceil(4), BLOCK_COST);
    let range = |chunk| chunk_range(chunk, chunks, n, 4);
    for_each_range(
        [out],
        chunks,
        |chunk| [range(chunk)],
        move |chunk, [out]| {
            let mut block = range(chunk).start as u64 / 4;
            for out in out.chunks_mut(4 * BATCH) {
                let (mut words, mut numbers) = ([[0; 4]; BATCH], [[0.0; 4]; BATCH]);
                for words in &mut words[..out.len().div_ceil(4)] {
                    *words = stream.block(block);
                    block += 1;
                }
                f.convert(&words, &mut numbers);
                out.copy_from_slice(&numbers.as_flattened()[..out.len()]);
            }
        },
    );
}

const TWO_TO_MINUS_24: f32 = 1.0 / 16_777_216.0;

/// Uniform in [0, 1), a multiple of 2^-24.
#[inline(always)]
pub fn unit(words: [u32; 4]) -> F32x4 {
    let [a, b, c, d] = words.map(|word| (word >> 8) as f32);
    F32x4::new(a, b, c, d) * F32x4::splat(TWO_TO_MINUS_24)
}

/// Uniform in [low, high).
pub fn fill_uniform(out: &mut [f32], stream: Stream, low: f32, high: f32) {
    let (from, span) = (F32x4::splat(low), F32x4::splat(high - low));
    // The sum may round up to `high`.
    let last = F32x4::splat(if high > low { high.next_down() } else { high });
    fill(out, stream, |words| (unit(words) * span + from).min(last));
}

/// Normal, by Box and Muller: `√(-2 ln u) (cos 2πt, sin 2πt)` with u in (0, 1], t in [0, 1).
pub fn fill_normal(out: &mut [f32], stream: Stream, mean: f32, std: f32) {
    let (mean, std) = (F32x4::splat(mean), F32x4::splat(std));
    fill(out, stream, |words| normals(words) * std + mean);
}

/// `scale` with `keep_probability`, else 0: the mask of dropout.
pub fn fill_bernoulli(out: &mut [f32], stream: Stream, keep_probability: f64, scale: f32) {
    let kept = Kept::new(keep_probability, scale);
    fill(out, stream, move |words| kept.of(words));
}

/// Numbers that are kept with some probability, and else 0.
#[derive(Clone, Copy)]
pub(super) struct Kept {
    /// The largest word that keeps one.
    most: u32,
    scale: f32,
}

impl Kept {
    pub fn new(probability: f64, scale: f32) -> Self {
        // (Of a probability of 1 each of the 2^32 words keeps it.)
        match (probability.clamp(0.0, 1.0) * 4_294_967_296.0) as u64 {
            0 => Self { most: 0, scale: 0.0 },
            kept => Self { most: (kept - 1) as u32, scale },
        }
    }

    /// The scale, or 0, of each word.
    #[inline(always)]
    pub fn of(self, words: [u32; 4]) -> F32x4 {
        Mask4::at_most(words, self.most).keep(F32x4::splat(self.scale))
    }
}

/// A random order of `0..out.len()` (Fisher and Yates), each order as likely as any other. Gives
/// the number of blocks that it used up: at least a quarter of the length, more after rejections.
pub fn random_permutation(out: &mut [u32], stream: Stream) -> u64 {
    out.iter_mut().enumerate().for_each(|(i, value)| *value = i as u32);
    let mut used = 0;
    let (mut words, mut left) = ([0; 4], 0);
    let mut next = || {
        if left == 0 {
            (words, left) = (stream.block(used), 4);
            used += 1;
        }
        left -= 1;
        words[3 - left]
    };
    for i in (1..out.len()).rev() {
        out.swap(i, below(i as u32 + 1, &mut next) as usize);
    }
    used
}

/// A number in `0..bound`, each as likely as any other (Lemire, "Fast random integer generation
/// in an interval", 2019: the words whose product falls in the uneven rest are thrown away).
#[inline(always)]
fn below(bound: u32, mut next: impl FnMut() -> u32) -> u32 {
    let mut product = u64::from(next()) * u64::from(bound);
    if (product as u32) < bound {
        let rest = bound.wrapping_neg() % bound;
        while (product as u32) < rest {
            product = u64::from(next()) * u64::from(bound);
        }
    }
    (product >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: Stream = Stream { seed: 0x0123_4567_89ab_cdef, offset: 3 };

    fn filled(n: usize, stream: Stream, f: impl Fn(&mut [f32], Stream)) -> Vec<f32> {
        let mut out = vec![f32::NAN; n];
        f(&mut out, stream);
        out
    }

    fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
        values.clone().sum::<f64>() / values.count() as f64
    }

    /// The vectors published with the authors' Random123 library (kat_vectors).
    #[test]
    fn philox_gives_the_published_answers() {
        let ones = u32::MAX;
        for (counter, key, answer) in [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([ones; 4], [ones; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ] {
            assert_eq!(philox(counter, key), answer);
        }
    }

    #[test]
    fn an_element_depends_on_the_stream_and_its_place_alone() {
        type Fill = fn(&mut [f32], Stream);
        let fills: [Fill; 3] = [
            |out, stream| fill_uniform(out, stream, -1.0, 2.0),
            |out, stream| fill_normal(out, stream, 0.0, 1.0),
            |out, stream| fill_bernoulli(out, stream, 0.5, 2.0),
        ];
        for f in fills {
            let all = filled(5003, STREAM, f);
            for n in [0, 1, 2, 3, 5, 1001] {
                assert_eq!(filled(n, STREAM, f), all[..n]);
            }
            let later = Stream { offset: STREAM.offset + 100, ..STREAM };
            assert_eq!(filled(30, later, f), all[400..430]);
            assert_ne!(filled(40, Stream { seed: 1, ..STREAM }, f), all[..40]);
        }
        // The counter carries into its upper word and wraps at its end.
        let edge = Stream { seed: 5, offset: u64::MAX };
        assert_eq!(edge.block(1), Stream { seed: 5, offset: 0 }.block(0));
        assert_eq!(Stream { seed: 5, offset: 1 << 32 }.block(0), philox([0, 1, 0, 0], [5, 0]));
    }

    #[test]
    fn uniform_numbers_fill_their_interval() {
        let x = filled(200_000, STREAM, |out, stream| fill_uniform(out, stream, -1.0, 3.0));
        assert!(x.iter().all(|&x| (-1.0..3.0).contains(&x)));
        let wide = || x.iter().map(|&x| f64::from(x));
        assert!((mean(wide()) - 1.0).abs() < 0.01);
        assert!((mean(wide().map(|x| (x - 1.0).powi(2))) - 16.0 / 12.0).abs() < 0.02);
        // Here adding rounds half of the numbers up to the bound.
        let low = 16_777_214.0;
        let near = filled(1000, STREAM, |out, stream| fill_uniform(out, stream, low, low + 1.0));
        assert!(near.iter().all(|&x| x == low));
    }

    #[test]
    fn normal_numbers_have_normal_moments() {
        let x = filled(400_000, STREAM, |out, stream| fill_normal(out, stream, 2.0, 3.0));
        let z = || x.iter().map(|&x| (f64::from(x) - 2.0) / 3.0);
        for (power, expected, tolerance) in [(1, 0.0, 0.01), (2, 1.0, 0.01), (3, 0.0, 0.03), (4, 3.0, 0.06)] {
            assert!((mean(z().map(|z| z.powi(power))) - expected).abs() < tolerance);
        }
        let within = |limit: f64| mean(z().map(|z| f64::from(u8::from(z.abs() < limit))));
        assert!((within(1.0) - 0.682_689).abs() < 0.004 && (within(2.0) - 0.954_5).abs() < 0.002);
        for (lag, name) in [(1, "neighbours"), (2, "sine and cosine")] {
            let product = mean(z().zip(z().skip(lag)).map(|(a, b)| a * b));
            assert!(product.abs() < 0.01, "{name} are correlated: {product}");
        }
    }

    #[test]
    fn bernoulli_numbers_keep_their_share() {
        for keep in [0.0, 0.3, 1.0] {
            let x = filled(100_000, STREAM, |out, stream| fill_bernoulli(out, stream, keep, 1.5));
            assert!(x.iter().all(|&x| x == 0.0 || x == 1.5));
            let kept = x.iter().filter(|&&x| x != 0.0).count() as f64 / 100_000.0;
            assert!(if keep == 0.3 { (kept - keep).abs() < 0.01 } else { kept == keep });
        }
    }

    #[test]
    fn permutations_are_complete_and_even() {
        for n in [0, 1, 2, 1000] {
            let mut order = vec![u32::MAX; n];
            let used = random_permutation(&mut order, STREAM);
            assert!(used as usize >= n.saturating_sub(1).div_ceil(4));
            order.sort_unstable();
            assert!(order.iter().enumerate().all(|(i, &value)| value == i as u32));
        }
        let mut counts = [0; 24];
        for offset in 0..24_000 {
            let mut order = [0; 4];
            random_permutation(&mut order, Stream { seed: 9, offset: 4 * offset });
            let rank = order.iter().enumerate().fold(0, |rank, (i, value)| {
                rank * (4 - i) + order[i + 1..].iter().filter(|later| *later < value).count()
            });
            counts[rank] += 1;
        }
        // 1000 each, with a standard deviation of 31.
        assert!(counts.iter().all(|count| (870..1130).contains(count)), "{counts:?}");
    }

    #[test]
    fn bounded_numbers_reject_the_uneven_rest() {
        // 2^32 = 2 (2^31 - 1) + 2: of the products' low words, 0 and 1 are thrown away.
        let mut words = [0, 0, 7].into_iter();
        assert_eq!(below((1 << 31) - 1, || words.next().unwrap_or(0)), 3);
        assert_eq!(words.next(), None);
    }
}
