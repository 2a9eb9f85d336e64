//! What a worker writes: pipes, case marks, bounded spools.
