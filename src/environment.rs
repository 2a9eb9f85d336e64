//! The snapshot of the machine and the build for the record.
