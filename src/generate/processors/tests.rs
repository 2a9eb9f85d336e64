//! Tests of the processors.
