//! The two layouts of an array (see the crate's page): `rows` and `lanes`.

use std::ops::Range;

/// Images that a block of the `lanes` layout holds side by side: four vectors of four.
pub const LANES: usize = 16;

/// How the images of a batch are spread over blocks of lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    /// Images in the batch.
    pub n: usize,
    /// Elements of one image: `C * H * W`.
    pub image: usize,
}

impl Blocks {
    pub fn new(n: usize, image: usize) -> Self {
        Self { n, image }
    }

    /// Blocks in the batch.
    pub fn count(self) -> usize {
        self.n.div_ceil(LANES)
    }

    /// Images in block `b`: 16, or what is left for the last.
    pub fn images(self, b: usize) -> usize {
        (self.n - b * LANES).min(LANES)
    }

    /// Lanes of block `b`: its images rounded up to a multiple of 4.
    pub fn width(self, b: usize) -> usize {
        self.images(b).next_multiple_of(4)
    }

    /// Where block `b` lies in the array.
    pub fn range(self, b: usize) -> Range<usize> {
        let start = b * LANES * self.image;
        start..start + self.width(b) * self.image
    }

    /// Where item `i` starts when each image is cut into `items` equal parts (channels, or rows of
    /// channels), counted through block after block; the array's length for one past the last.
    pub fn item(self, items: usize, i: usize) -> usize {
        // (Images of no channels have no parts.)
        let b = i.checked_div(items).unwrap_or(self.count());
        if b >= self.count() {
            return self.len();
        }
        self.range(b).start + i % items * (self.image / items) * self.width(b)
    }

    /// Length of the whole array, padding included.
    pub fn len(self) -> usize {
        if self.n == 0 {
            return 0;
        }
        self.range(self.count() - 1).end
    }

    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_the_batch_and_pad_to_four() {
        let blocks = Blocks::new(37, 3);
        assert_eq!(blocks.count(), 3);
        assert_eq!((blocks.width(0), blocks.width(2), blocks.images(2)), (16, 8, 5));
        assert_eq!(blocks.range(2), 96..120);
        assert_eq!(blocks.len(), 120);
        assert_eq!((blocks.item(3, 4), blocks.item(3, 7), blocks.item(3, 9)), (64, 104, 120));
        assert_eq!((Blocks::new(0, 3).len(), Blocks::new(5, 0).item(0, 0)), (0, 0));
        assert_eq!(Blocks::new(32, 5).len(), 160);
    }
}
