//! Head and tail of a stream that may be endless.

/// Keeps the first and the last bytes of a stream within fixed bounds.
#[derive(Debug, Clone)]
pub struct Spool {
    head: Vec<u8>,
    head_limit: usize,
    /// A ring once it is full: the oldest byte is at `oldest`.
    tail: Vec<u8>,
    tail_limit: usize,
    oldest: usize,
    total: u64,
}

impl Spool {
    /// An empty spool that keeps the first `head_limit` and the last `tail_limit` bytes.
    pub fn new(head_limit: usize, tail_limit: usize) -> Self {
        Self { head: Vec::new(), head_limit, tail: Vec::new(), tail_limit, oldest: 0, total: 0 }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let room = (self.head_limit - self.head.len()).min(bytes.len());
        let (first, rest) = bytes.split_at(room);
        self.head.extend_from_slice(first);
        self.push_tail(rest);
    }

    fn push_tail(&mut self, bytes: &[u8]) {
        if bytes.len() >= self.tail_limit {
            self.tail.clear();
            self.tail.extend_from_slice(&bytes[bytes.len() - self.tail_limit..]);
            self.oldest = 0;
            return;
        }
        let room = (self.tail_limit - self.tail.len()).min(bytes.len());
        let (append, mut over) = bytes.split_at(room);
        self.tail.extend_from_slice(append);
        while !over.is_empty() {
            let run = (self.tail_limit - self.oldest).min(over.len());
            self.tail[self.oldest..self.oldest + run].copy_from_slice(&over[..run]);
            self.oldest = (self.oldest + run) % self.tail_limit;
            over = &over[run..];
        }
    }

    /// How many bytes were taken.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How many bytes between head and tail are no longer there.
    pub fn dropped(&self) -> u64 {
        self.total - (self.head.len() + self.tail.len()) as u64
    }

    /// Head and tail; where bytes between them are gone, a line between says how many.
    pub fn kept(&self) -> Vec<u8> {
        let mut kept = Vec::with_capacity(self.head.len() + self.tail.len() + 64);
        kept.extend_from_slice(&self.head);
        if self.dropped() > 0 {
            let note = format!("\n[wattest: {} bytes are not kept here]\n", self.dropped());
            kept.extend_from_slice(note.as_bytes());
        }
        kept.extend_from_slice(&self.tail[self.oldest..]);
        kept.extend_from_slice(&self.tail[..self.oldest]);
        kept
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_middle_gives_way_to_a_note() {
        let mut spool = Spool::new(3, 2);
        spool.push(b"abcdef");
        spool.push(b"gh");
        assert_eq!((spool.total(), spool.dropped()), (8, 3));
        let kept = String::from_utf8(spool.kept()).unwrap();
        assert_eq!(kept, "abc\n[wattest: 3 bytes are not kept here]\ngh");
    }

    #[test]
    fn no_tail_at_all_is_allowed() {
        let mut spool = Spool::new(1, 0);
        spool.push(b"abc");
        spool.push(b"d");
        assert_eq!(spool.dropped(), 3);
    }

    proptest! {
        #[test]
        fn head_and_tail_are_those_of_the_whole(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
            head in 0..50_usize,
            tail in 0..50_usize,
        ) {
            let mut spool = Spool::new(head, tail);
            for chunk in &chunks {
                spool.push(chunk);
            }
            let whole = chunks.concat();
            prop_assert_eq!(spool.total(), whole.len() as u64);
            let kept = spool.kept();
            if whole.len() <= head + tail {
                prop_assert_eq!(spool.dropped(), 0);
                prop_assert_eq!(kept, whole);
            } else {
                prop_assert_eq!(spool.dropped(), (whole.len() - head - tail) as u64);
                prop_assert!(kept.starts_with(&whole[..head]));
                prop_assert!(kept.ends_with(&whole[whole.len() - tail..]));
                prop_assert!(kept.len() < head + tail + 80);
            }
        }
    }
}
