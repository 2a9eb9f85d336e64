//! torch's generator on the CPU, for what must be drawn exactly as transformers draws it.

const SIZE: usize = 624;
const SHIFT: usize = 397;

/// MT19937 as torch seeds it: with the low 32 bits of the seed.
pub(super) struct Mersenne {
    state: [u32; SIZE],
    next: usize,
}

impl Mersenne {
    /// The generator after `torch.Generator.manual_seed(seed)`.
    pub(super) fn new(seed: u64) -> Self {
        let mut state = [0u32; SIZE];
        state[0] = seed as u32;
        for at in 1..SIZE {
            let last = state[at - 1];
            state[at] = 1_812_433_253u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(at as u32);
        }
        Self { state, next: SIZE }
    }

    /// 32 random bits.
    pub(super) fn draw(&mut self) -> u32 {
        if self.next == SIZE {
            self.twist();
        }
        let mut bits = self.state[self.next];
        self.next += 1;
        bits ^= bits >> 11;
        bits ^= (bits << 7) & 0x9d2c_5680;
        bits ^= (bits << 15) & 0xefc6_0000;
        bits ^ (bits >> 18)
    }

    fn twist(&mut self) {
        for at in 0..SIZE {
            let mixed =
                (self.state[at] & 0x8000_0000) | (self.state[(at + 1) % SIZE] & 0x7fff_ffff);
            let odd = if mixed & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[at] = self.state[(at + SHIFT) % SIZE] ^ (mixed >> 1) ^ odd;
        }
        self.next = 0;
    }

    /// The first `head` entries of `torch.randperm(size)`: its shuffle settles one entry per
    /// draw, from the front.
    pub(super) fn permutation(&mut self, size: usize, head: usize) -> Vec<u32> {
        let mut entries: Vec<u32> = (0..size as u32).collect();
        for at in 0..head.min(size.saturating_sub(1)) {
            let other = at + self.draw() as usize % (size - at);
            entries.swap(at, other);
        }
        entries.truncate(head);
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_as_the_reference_implementation() {
        // First outputs of mt19937ar after init_genrand(5489), and the 10000th, which the C++
        // standard fixes for std::mt19937.
        let mut generator = Mersenne::new(5489);
        assert_eq!(generator.draw(), 3_499_211_612);
        assert_eq!(generator.draw(), 581_869_302);
        let last = (2..10_000).map(|_| generator.draw()).last();
        assert_eq!(last, Some(4_123_659_995));
    }

    #[test]
    fn permutes_as_torch() {
        // torch.manual_seed(0); torch.randperm(10)
        let all = Mersenne::new(0).permutation(10, 10);
        assert_eq!(all, [4, 1, 7, 5, 3, 9, 0, 8, 6, 2]);
        assert_eq!(Mersenne::new(0).permutation(10, 3), all[..3]);
    }
}
