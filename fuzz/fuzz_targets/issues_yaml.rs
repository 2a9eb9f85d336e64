//! Any text as issues.yaml is read or refused, never half of it, and each refusal says where.

#![no_main]

use std::io::Write as _;

use libfuzzer_sys::fuzz_target;
use wattest::issues::Book;

fuzz_target!(|text: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text).expect("it takes the text");
    match Book::load(file.path()) {
        Ok(book) => {
            let ids: std::collections::BTreeSet<_> =
                book.entries().iter().map(|entry| entry.id.clone()).collect();
            assert_eq!(ids.len(), book.entries().len(), "an ID stands twice");
        }
        Err(faults) => {
            assert!(!faults.is_empty());
            assert!(faults.iter().all(|fault| !fault.trim().is_empty()));
        }
    }
});
