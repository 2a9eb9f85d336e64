//! A template is its own template, holds no more than its message, and no run of blanks.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wattest::scan::mask;

fuzz_target!(|message: &str| {
    let template = mask(message);
    assert_eq!(mask(&template), template, "{message:?}");
    assert_eq!(mask(message), template);
    // `1` becomes `<n>` and `/ab` `<path>`: nothing grows more than threefold.
    assert!(template.len() <= 3 * message.len(), "{message:?} gives {template:?}");
    assert!(!template.contains("  ") && template.trim() == template, "{template:?}");
});
