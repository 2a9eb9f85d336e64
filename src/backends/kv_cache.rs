//! What a key-value cache is in numbers: its sizes, how it grows, and whether there is memory for
//! it. Knows no tensor library.

use super::load::CacheKind;
use super::memory;
use crate::generate::ModelFault;

/// Positions that a growing cache starts with.
const FIRST_CAPACITY: usize = 64;

/// Sizes of a key-value cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CacheSizes {
    /// Blocks of the model.
    pub layers: usize,
    /// Key and value heads of a block.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Bytes of an element.
    pub element: usize,
    /// Positions that a row may have.
    pub limit: usize,
    /// How it gets its memory.
    pub kind: CacheKind,
}

impl CacheSizes {
    /// Bytes of a cache for `rows` rows of `capacity` positions.
    pub(super) fn bytes(&self, rows: usize, capacity: usize) -> u128 {
        let factors = [2, self.layers, rows, self.kv_heads, capacity, self.head_dim, self.element];
        factors.iter().map(|factor| *factor as u128).product()
    }

    /// Positions that a new cache has room for.
    pub(super) fn first_capacity(&self) -> usize {
        match self.kind {
            CacheKind::Dynamic => FIRST_CAPACITY.min(self.limit),
            CacheKind::Static => self.limit,
        }
    }

    /// The capacity that `len` positions need where there is room for `capacity`: at least doubled
    /// when it grows, so that appending one by one copies each position only a few times.
    pub(super) fn capacity_for(&self, capacity: usize, len: usize) -> usize {
        if len <= capacity { capacity } else { len.max(capacity * 2).min(self.limit.max(len)) }
    }

    /// Refuses a cache in main memory that has no room for it.
    ///
    /// # Errors
    /// [`ModelFault::OutOfMemory`].
    pub(super) fn check_memory(&self, rows: usize, capacity: usize) -> Result<(), ModelFault> {
        memory::check_cache("a key-value cache", self.bytes(rows, capacity), rows, capacity)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sizes(limit: usize, kind: CacheKind) -> CacheSizes {
        CacheSizes { layers: 3, kv_heads: 2, head_dim: 8, element: 2, limit, kind }
    }

    #[test]
    fn sizes_are_products() {
        // Keys and values, 3 layers, 5 rows, 2 heads, 7 positions, 8 wide, 2 bytes each.
        assert_eq!(sizes(300, CacheKind::Dynamic).bytes(5, 7), 2 * 3 * 5 * 2 * 7 * 8 * 2);
        assert_eq!(sizes(300, CacheKind::Dynamic).first_capacity(), 64);
        assert_eq!(sizes(20, CacheKind::Dynamic).first_capacity(), 20);
        assert_eq!(sizes(300, CacheKind::Static).first_capacity(), 300);
    }

    #[test]
    fn what_no_memory_holds_is_refused() {
        let fault = sizes(1 << 28, CacheKind::Static).check_memory(1 << 20, 1 << 28).unwrap_err();
        let text = fault.to_string();
        assert!(
            text.contains("1048576 rows and 268435456 positions takes 51539607552 MiB"),
            "{text}"
        );
        assert!(sizes(300, CacheKind::Static).check_memory(1, 300).is_ok());
    }

    proptest! {
        /// It is enough, never shrinks, at least doubles below the limit, and is past the limit
        /// only where that was asked for.
        #[test]
        fn growth(limit in 1_usize..500, capacity in 0_usize..500, len in 0_usize..500) {
            let capacity = capacity.min(limit);
            let grown = sizes(limit, CacheKind::Dynamic).capacity_for(capacity, len);
            prop_assert!(grown >= len.max(capacity));
            prop_assert!(grown <= limit.max(len));
            if len <= capacity {
                prop_assert_eq!(grown, capacity);
            } else {
                prop_assert!(grown >= (2 * capacity).min(limit));
            }
        }
    }
}
