//! Trees as kernels and containers show them, each in a folder of its own.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use insta::assert_snapshot;
use proptest::prelude::*;
use tempfile::TempDir;

use super::meter::number;
use super::*;
use crate::energy::{Quantity, ReadError};

/// A tree: (folder, name, counter).
fn tree(zones: &[(&str, &str, u64)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (id, name, value) in zones {
        let zone = root.path().join(id);
        fs::create_dir_all(&zone).unwrap();
        fs::write(zone.join("name"), format!("{name}\n")).unwrap();
        fs::write(zone.join("max_energy_range_uj"), "262143328850\n").unwrap();
        set(root.path(), id, &format!("{value}\n"));
    }
    root
}

fn set(root: &Path, id: &str, text: &str) {
    fs::write(root.join(id).join("energy_uj"), text).unwrap();
}

/// What a tree comes to outside of a container.
fn look(root: &TempDir) -> (Presence, Vec<Box<dyn Meter>>) {
    let (probe, meters) = open_in(root.path(), false);
    assert_eq!(probe.source, Source::Rapl);
    (probe.presence, meters)
}

fn scopes(root: &TempDir) -> Vec<String> {
    match look(root) {
        (Presence::Present { scope }, meters) => {
            assert!(meters.iter().map(|meter| meter.scope()).eq(&scope));
            scope
        }
        (other, _) => panic!("{other:?}"),
    }
}

fn said(root: &TempDir, container: bool) -> String {
    let presence = open_in(root.path(), container).0.presence;
    let text = serde_json::to_string_pretty(&presence).unwrap();
    text.replace(&root.path().display().to_string(), "ROOT")
}

#[test]
fn what_overlaps_is_left_out() {
    let root = tree(&[
        ("intel-rapl:0", "package-0", 5_000_000),
        ("intel-rapl:0:0", "core", 1_000_000),
        ("intel-rapl:0:1", "uncore", 10),
        ("intel-rapl:0:2", "dram", 2_000_000),
        ("intel-rapl:1", "psys", 9_000_000),
        ("intel-rapl:1:0", "dram", 3),
        ("intel-rapl-mmio:0", "package-0", 5_000_000),
        ("dtpm", "dtpm", 1),
    ]);
    fs::create_dir(root.path().join("intel-rapl")).unwrap();
    assert_eq!(scopes(&root), ["package-0", "package-0/dram"]);
    let mut values = look(&root).1;
    let values: Vec<_> = values.iter_mut().map(|meter| meter.read()).collect();
    assert_eq!(values, [Ok(5_000_000), Ok(2_000_000)]);
}

#[test]
fn two_packages_with_their_memory() {
    let root = tree(&[
        ("intel-rapl:0", "package-1", 5),
        ("intel-rapl:0:0", "dram", 6),
        ("intel-rapl:1", "package-0", 7),
        ("intel-rapl:1:0", "dram", 8),
    ]);
    assert_eq!(scopes(&root), ["package-1", "package-1/dram", "package-0", "package-0/dram"]);
}

#[test]
fn dies_of_a_package_are_added_up() {
    let root = tree(&[
        ("intel-rapl:0", "package-0-die-0", 5_000),
        ("intel-rapl:1", "package-0-die-1", 7_000),
        ("intel-rapl:1:0", "dram", 70),
    ]);
    assert_eq!(scopes(&root), ["package-0-die-0", "package-0-die-1", "package-0-die-1/dram"]);
}

#[test]
fn dies_that_mirror_each_other_count_once() {
    let root = tree(&[
        ("intel-rapl:0", "package-0-die-0", 5_000),
        ("intel-rapl:0:0", "dram", 60),
        ("intel-rapl:1", "package-0-die-1", 5_000),
        ("intel-rapl:1:0", "dram", 60),
        // Another package is another counter, whatever it shows.
        ("intel-rapl:2", "package-1-die-0", 5_000),
    ]);
    assert_eq!(scopes(&root), ["package-0-die-0", "package-0-die-0/dram", "package-1-die-0"]);
}

#[test]
fn amd_has_packages_with_cores_and_no_memory() {
    let root = tree(&[("intel-rapl:0", "package-0", 5), ("intel-rapl:0:0", "core", 3)]);
    assert_eq!(scopes(&root), ["package-0"]);
}

#[test]
fn parts_are_found_within_their_whole_as_well() {
    let root =
        tree(&[("intel-rapl:0", "package-0", 5), ("intel-rapl:0/intel-rapl:0:0", "dram", 3)]);
    assert_eq!(scopes(&root), ["package-0", "package-0/dram"]);
    // As in /sys/class/powercap, where the same part is there twice.
    symlink(root.path().join("intel-rapl:0/intel-rapl:0:0"), root.path().join("intel-rapl:0:0"))
        .unwrap();
    assert_eq!(scopes(&root), ["package-0", "package-0/dram"]);
}

#[test]
fn the_range_and_the_limits_are_those_of_the_kernel() {
    let root = tree(&[("intel-rapl:0", "package-0", 5)]);
    let zone = root.path().join("intel-rapl:0");
    let wraps = |root: &TempDir| look(root).1[0].quantity();
    assert_eq!(wraps(&root), Quantity::Energy { wraps_at_uj: Some(262_143_328_850) });
    assert_eq!(look(&root).1[0].limit_w(), None);
    fs::write(zone.join("constraint_0_power_limit_uw"), "125000000\n").unwrap();
    fs::write(zone.join("constraint_1_power_limit_uw"), "253000000\n").unwrap();
    assert_eq!(look(&root).1[0].limit_w(), Some(253.0));
    fs::remove_file(zone.join("max_energy_range_uj")).unwrap();
    assert_eq!(wraps(&root), Quantity::Energy { wraps_at_uj: None });
}

#[test]
fn a_counter_that_may_not_be_read_denies_the_whole() {
    let root = tree(&[("intel-rapl:0", "package-0", 5), ("intel-rapl:1", "package-1", 5)]);
    let counter = root.path().join("intel-rapl:1/energy_uj");
    fs::set_permissions(&counter, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&counter).is_ok() {
        // Root may read everything: the kernel's refusal is made by hand.
        let zone = &Zone::all(root.path()).unwrap()[1];
        let refused = ReadFailure::Io(io::ErrorKind::PermissionDenied.into());
        assert!(matches!(unread(zone, false, &refused), Presence::Denied { .. }));
        return;
    }
    assert_snapshot!(said(&root, false), @r#"
    {
      "state": "denied",
      "reason": "ROOT/intel-rapl:1/energy_uj: Permission denied (os error 13)",
      "remedy": "read it as root, or run `chmod a+r /sys/class/powercap/*/energy_uj` as root (it lasts until the next boot)"
    }
    "#);
}

#[test]
fn an_empty_tree_is_masked_in_a_container_and_absent_outside() {
    let root = tree(&[]);
    assert_snapshot!(said(&root, true), @r#"
    {
      "state": "masked",
      "reason": "ROOT has no zone of a processor, in a container",
      "remedy": "start the container with `--security-opt systempaths=unconfined`, or run outside of it"
    }
    "#);
    assert_snapshot!(said(&root, false), @r#"
    {
      "state": "absent",
      "reason": "ROOT has no zone of a processor: its driver is not loaded (`modprobe intel_rapl_msr`), or this is a virtual machine"
    }
    "#);
}

#[test]
fn links_without_their_devices_are_masked() {
    let root = tree(&[]);
    symlink("../../devices/virtual/powercap/intel-rapl:0", root.path().join("intel-rapl:0"))
        .unwrap();
    assert_snapshot!(said(&root, true), @r#"
    {
      "state": "masked",
      "reason": "ROOT/intel-rapl:0/energy_uj: No such file or directory (os error 2)",
      "remedy": "start the container with `--security-opt systempaths=unconfined`, or run outside of it"
    }
    "#);
}

#[test]
fn no_tree_is_absent() {
    let root = tree(&[]);
    let (probe, meters) = open(&root.path().join("none"));
    assert!(matches!(probe.presence, Presence::Absent { .. }) && meters.is_empty());
}

#[test]
fn a_platform_alone_is_no_package() {
    let root = tree(&[("intel-rapl:0", "psys", 5)]);
    assert_snapshot!(said(&root, false), @r#"
    {
      "state": "unsupported",
      "reason": "ROOT: no package among psys"
    }
    "#);
}

/// A value that cannot be read is an error and never 0, which would be taken for a wrap.
#[test]
fn what_is_not_a_number_is_an_error_that_may_pass() {
    let root = tree(&[("intel-rapl:0", "package-0", 5)]);
    let mut meter = look(&root).1.remove(0);
    for wrong in ["", "\n", "12", "-1\n", "1.5\n", "1 2\n", "99999999999999999999\n"] {
        set(root.path(), "intel-rapl:0", wrong);
        assert!(matches!(meter.read(), Err(ReadError::Passing(_))), "{wrong:?}");
        assert!(matches!(look(&root).0, Presence::Unsupported { .. }), "{wrong:?}");
    }
    set(root.path(), "intel-rapl:0", "12\n");
    assert_eq!(meter.read(), Ok(12));
}

#[test]
fn a_zone_that_vanishes_is_an_error_that_lasts() {
    let root = tree(&[("intel-rapl:0", "package-0", 5)]);
    let mut meter = look(&root).1.remove(0);
    fs::remove_dir_all(root.path().join("intel-rapl:0")).unwrap();
    let error = meter.read().unwrap_err();
    assert!(matches!(error, ReadError::Lasting(_)), "{error:?}");
    let text = error.to_string().replace(&root.path().display().to_string(), "ROOT");
    assert_snapshot!(text, @"ROOT/intel-rapl:0/energy_uj: No such file or directory (os error 2)");
}

proptest! {
    #[test]
    fn every_number_is_read_as_it_is(value in any::<u64>()) {
        prop_assert_eq!(number(format!("{value}\n").as_bytes()), Some(value));
    }

    /// A beginning of a number is another number, and must not be taken for one.
    #[test]
    fn no_beginning_of_a_number_is_read(value in any::<u64>(), cut in 0usize..20) {
        let text = format!("{value}\n");
        let cut = cut.min(text.len() - 1);
        prop_assert_eq!(number(&text.as_bytes()[..cut]), None);
    }

    #[test]
    fn no_text_makes_it_panic(text in proptest::collection::vec(any::<u8>(), 0..24)) {
        let _ = number(&text);
    }
}
