//! The parameter files of this repository hold what a parameter file should.

use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

use crate::schema::{
    Case, Generate, Kind, Reference, Relation, Selection, Table, Type, load_all, negatives,
    same_value, values,
};

fn tables() -> Vec<Table> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("params");
    load_all(&folder).unwrap_or_else(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"))
    })
}

fn candle() -> Table {
    tables().into_iter().find(|table| table.backend == "candle").unwrap()
}

#[test]
fn the_table_is_as_large_as_the_engine() {
    let table = candle();
    let cases = table.cases(Selection::All);
    let count = |kind: Kind| cases.iter().filter(|case| case.kind == kind).count();
    let counts = (table.params.len(), count(Kind::Valid), count(Kind::Negative), cases.len());
    println!("{counts:?}");
    for case in &cases {
        println!("{} {:?}", case.name, case.relation);
    }
    assert!(counts.0 >= 58, "{counts:?}");
    assert!(counts.1 >= 170, "{counts:?}");
}
