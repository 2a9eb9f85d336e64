//! `timeseries.parquet`, and the same beside a record: every new reading of the meters, a row each.
//!
//! | column | type | what |
//! | --- | --- | --- |
//! | `t_before_ns`, `t_after_ns` | int64 | before and after the meter was asked, CLOCK_MONOTONIC in nanoseconds |
//! | `stamp_us` | int64, may be null | when the driver says that it took the value, wall clock in microseconds |
//! | `value` | int64 | what it said |
//! | `quantity` | text | `energy_uj`: microjoules that only grow; `power_mw`: milliwatts |
//! | `source` | text | `nvml-counter`, `nvml-power` or `rapl` |
//! | `scope` | text | what it covers: the UUID of a GPU, `package-0` |
//!
//! The metadata of the file has `wattest.schema_version`, `wattest.experiment_id` and, where they were
//! taken, `wattest.window_begin_ns` and `wattest.window_end_ns` (CLOCK_MONOTONIC) and
//! `wattest.realtime_minus_monotonic_ns` at both ends, which lead from one clock to the other.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;

use crate::energy::{Clock as _, Monotonic, Point, Quantity, Sample, Source, Trace};

/// Version of the columns and the metadata; raised when a reader would misread new ones.
pub const SCHEMA_VERSION: u32 = 1;

/// The new readings of some meters, in the order in which they were taken.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// The readings.
    pub rows: Vec<Row>,
    /// The window that they were taken for; none where nothing was measured.
    pub window: Option<Window>,
}

/// One new reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The value with the times before and after it was asked for.
    pub sample: Sample,
    /// When the driver says that it took the value, in microseconds of wall clock.
    pub stamp_us: Option<i64>,
    /// What the value is.
    pub unit: Unit,
    /// What was read.
    pub source: Source,
    /// What it covers.
    pub scope: Arc<str>,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Microjoules.
    EnergyUj,
    /// Milliwatts.
    PowerMw,
}

/// The ends of a window, by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// CLOCK_MONOTONIC at both ends, in nanoseconds.
    pub monotonic_ns: [u64; 2],
    /// CLOCK_REALTIME less CLOCK_MONOTONIC at both ends, in nanoseconds.
    pub offset_ns: [i64; 2],
}

impl Series {
    /// The readings of all meters, in the order of time. `window` is that of the work.
    pub fn of(traces: &[Trace], window: Option<Window>) -> Self {
        let mut rows: Vec<Row> = traces.iter().flat_map(Row::of).collect();
        rows.sort_by_key(|row| row.sample.before_ns);
        Self { window: window.filter(|_| !rows.is_empty()), rows }
    }
}

impl Row {
    fn of(trace: &Trace) -> impl Iterator<Item = Self> {
        let scope: Arc<str> = trace.scope().into();
        let unit = match trace.quantity() {
            Quantity::Energy { .. } => Unit::EnergyUj,
            Quantity::Power { .. } => Unit::PowerMw,
        };
        trace.points().iter().map(move |&Point { before_ns, after_ns, value, .. }| Self {
            sample: Sample { before_ns, after_ns, value },
            // Meters are read by calls that give no time of their own.
            stamp_us: None,
            unit,
            source: trace.source(),
            scope: Arc::clone(&scope),
        })
    }
}

impl Window {
    /// Does `work`, and tells when.
    pub fn around<T>(work: impl FnOnce() -> T) -> (T, Self) {
        let begin = both_clocks();
        let done = work();
        let ends = [begin, both_clocks()];
        let window = Self {
            monotonic_ns: ends.map(|(monotonic_ns, _)| monotonic_ns),
            offset_ns: ends.map(|(_, offset_ns)| offset_ns),
        };
        (done, window)
    }
}

/// CLOCK_MONOTONIC, and how far CLOCK_REALTIME is ahead of it, in nanoseconds.
fn both_clocks() -> (u64, i64) {
    let monotonic_ns = Monotonic.now_ns();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let offset_ns = since.as_nanos() as i128 - i128::from(monotonic_ns);
    (monotonic_ns, i64::try_from(offset_ns).unwrap_or(i64::MAX))
}

impl Unit {
    /// The word in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::EnergyUj => "energy_uj",
            Self::PowerMw => "power_mw",
        }
    }
}

/// The bytes of `timeseries.parquet` of the experiment `id`. A series without rows has all columns.
///
/// # Errors
/// What the writer says: a value beyond 63 bits, as a rule.
pub fn parquet(series: &Series, id: &str) -> Result<Vec<u8>, ParquetError> {
    let rows = &series.rows;
    let properties = WriterProperties::builder()
        .set_created_by(format!("wattest {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(metadata(series, id)))
        .build();
    let mut writer =
        SerializedFileWriter::new(Vec::new(), Arc::new(schema()?), Arc::new(properties))?;
    // A file without rows has no row group.
    if !rows.is_empty() {
        let mut group = writer.next_row_group()?;
        let whole = |value: u64| {
            i64::try_from(value).map_err(|error| ParquetError::General(format!("{value}: {error}")))
        };
        let column = |of: fn(&Row) -> u64| {
            rows.iter().map(|row| whole(of(row))).collect::<Result<Vec<i64>, _>>()
        };
        integers(&mut group, &column(|row| row.sample.before_ns)?, None)?;
        integers(&mut group, &column(|row| row.sample.after_ns)?, None)?;
        let levels: Vec<i16> = rows.iter().map(|row| row.stamp_us.is_some().into()).collect();
        let stamps: Vec<i64> = rows.iter().filter_map(|row| row.stamp_us).collect();
        integers(&mut group, &stamps, Some(&levels))?;
        integers(&mut group, &column(|row| row.sample.value)?, None)?;
        texts(&mut group, rows.iter().map(|row| row.unit.word().to_owned()))?;
        texts(&mut group, rows.iter().map(|row| row.source.to_string()))?;
        texts(&mut group, rows.iter().map(|row| row.scope.to_string()))?;
        group.close()?;
    }
    writer.into_inner()
}

/// The columns.
fn schema() -> Result<Type, ParquetError> {
    let number = |name: &str, repetition| {
        Type::primitive_type_builder(name, Physical::INT64).with_repetition(repetition).build()
    };
    let text = |name: &str| {
        Type::primitive_type_builder(name, Physical::BYTE_ARRAY)
            .with_repetition(Repetition::REQUIRED)
            .with_logical_type(Some(LogicalType::String))
            .build()
    };
    let columns = vec![
        Arc::new(number("t_before_ns", Repetition::REQUIRED)?),
        Arc::new(number("t_after_ns", Repetition::REQUIRED)?),
        Arc::new(number("stamp_us", Repetition::OPTIONAL)?),
        Arc::new(number("value", Repetition::REQUIRED)?),
        Arc::new(text("quantity")?),
        Arc::new(text("source")?),
        Arc::new(text("scope")?),
    ];
    Type::group_type_builder("reading").with_fields(columns).build()
}

fn metadata(series: &Series, id: &str) -> Vec<KeyValue> {
    let mut all =
        vec![("schema_version", SCHEMA_VERSION.to_string()), ("experiment_id", id.into())];
    if let Some(Window { monotonic_ns: [begin, end], offset_ns: [at_begin, at_end] }) =
        series.window
    {
        all.extend([
            ("window_begin_ns", begin.to_string()),
            ("window_end_ns", end.to_string()),
            ("realtime_minus_monotonic_ns.begin", at_begin.to_string()),
            ("realtime_minus_monotonic_ns.end", at_end.to_string()),
        ]);
    }
    all.into_iter().map(|(key, value)| KeyValue::new(format!("wattest.{key}"), value)).collect()
}

/// What a row group is written to.
type Group<'a> = SerializedRowGroupWriter<'a, Vec<u8>>;

fn integers(
    group: &mut Group<'_>,
    values: &[i64],
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let mut column = next(group.next_column()?)?;
    column.typed::<Int64Type>().write_batch(values, levels, None)?;
    column.close()
}

fn texts(group: &mut Group<'_>, values: impl Iterator<Item = String>) -> Result<(), ParquetError> {
    let values: Vec<ByteArray> = values.map(|text| text.into_bytes().into()).collect();
    let mut column = next(group.next_column()?)?;
    column.typed::<ByteArrayType>().write_batch(&values, None, None)?;
    column.close()
}

fn next<T>(column: Option<T>) -> Result<T, ParquetError> {
    column.ok_or_else(|| ParquetError::General("there are more values than columns".to_owned()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;
    use proptest::prelude::*;

    use super::*;

    fn row(before_ns: u64, value: u64, stamp_us: Option<i64>) -> Row {
        Row {
            sample: Sample { before_ns, after_ns: before_ns + 1_500, value },
            stamp_us,
            unit: Unit::EnergyUj,
            source: Source::NvmlCounter,
            scope: "GPU-4b1f".into(),
        }
    }

    /// What a reader finds: rows as text, and the metadata.
    fn read(bytes: Vec<u8>) -> (Vec<String>, Vec<String>) {
        let file = SerializedFileReader::new(Bytes::from(bytes)).unwrap();
        let metadata = file.metadata().file_metadata();
        let pairs = metadata.key_value_metadata().unwrap().iter();
        let pairs = pairs.map(|one| format!("{}={}", one.key, one.value.as_deref().unwrap()));
        let rows = file.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string());
        (rows.collect(), pairs.collect())
    }

    /// The series that is kept as a file, which readers of other languages are tried on.
    fn kept() -> Series {
        let power = Row {
            unit: Unit::PowerMw,
            source: Source::NvmlPower,
            ..row(2_000_000, 118_250, Some(1_795_284_000_000_123))
        };
        let package =
            Row { source: Source::Rapl, scope: "package-0".into(), ..row(3_000_000, 7_001, None) };
        Series {
            rows: vec![row(1_000_000, 5_000_000, None), power, package],
            window: Some(Window { monotonic_ns: [900_000, 4_000_000], offset_ns: [17, 19] }),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let (rows, metadata) = read(parquet(&kept(), "e-1").unwrap());
        insta::assert_snapshot!(rows.join("\n"), @r#"
        {t_before_ns: 1000000, t_after_ns: 1001500, stamp_us: null, value: 5000000, quantity: "energy_uj", source: "nvml-counter", scope: "GPU-4b1f"}
        {t_before_ns: 2000000, t_after_ns: 2001500, stamp_us: 1795284000000123, value: 118250, quantity: "power_mw", source: "nvml-power", scope: "GPU-4b1f"}
        {t_before_ns: 3000000, t_after_ns: 3001500, stamp_us: null, value: 7001, quantity: "energy_uj", source: "rapl", scope: "package-0"}
        "#);
        insta::assert_snapshot!(metadata.join("\n"), @"
        wattest.schema_version=1
        wattest.experiment_id=e-1
        wattest.window_begin_ns=900000
        wattest.window_end_ns=4000000
        wattest.realtime_minus_monotonic_ns.begin=17
        wattest.realtime_minus_monotonic_ns.end=19
        ");
    }

    #[test]
    fn a_series_without_rows_has_its_columns() {
        let bytes = parquet(&Series::default(), "e-2").unwrap();
        let file = SerializedFileReader::new(Bytes::from(bytes.clone())).unwrap();
        let columns = file.metadata().file_metadata().schema_descr().columns().to_vec();
        let names: Vec<&str> = columns.iter().map(|column| column.name()).collect();
        let wanted =
            ["t_before_ns", "t_after_ns", "stamp_us", "value", "quantity", "source", "scope"];
        assert_eq!(names, wanted);
        let (rows, metadata) = read(bytes);
        assert!(rows.is_empty());
        assert_eq!(metadata, ["wattest.schema_version=1", "wattest.experiment_id=e-2"]);
    }

    #[test]
    fn the_kept_file_is_what_is_written() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/timeseries.parquet");
        let bytes = parquet(&kept(), "kept").unwrap();
        let there = std::fs::read(file).unwrap_or_default();
        if there != bytes {
            let new = format!("{file}.new");
            std::fs::write(&new, &bytes).unwrap();
            panic!("{file} is stale; {new} is what is written now: move it there");
        }
    }

    #[test]
    fn a_value_beyond_what_readers_know_is_an_error() {
        let series = Series { rows: vec![row(0, u64::MAX, None)], window: None };
        assert!(parquet(&series, "e").is_err());
    }

    proptest! {
        #[test]
        fn any_series_is_read_back(
            rows in prop::collection::vec(
                (0_u64..1 << 62, 0_u64..1 << 62, prop::option::of(any::<i64>()), "\\PC{0,12}"),
                0..40,
            )
        ) {
            let rows: Vec<Row> = rows
                .into_iter()
                .map(|(at, value, stamp, scope)| Row { scope: scope.into(), ..row(at, value, stamp) })
                .collect();
            let series = Series { rows: rows.clone(), window: None };
            let bytes = parquet(&series, "e").unwrap();
            let file = SerializedFileReader::new(Bytes::from(bytes)).unwrap();
            let found: Vec<_> = file.get_row_iter(None).unwrap().map(Result::unwrap).collect();
            prop_assert_eq!(found.len(), rows.len());
            for (found, row) in found.iter().zip(&rows) {
                prop_assert_eq!(found.get_long(0).unwrap() as u64, row.sample.before_ns);
                prop_assert_eq!(found.get_long(2).ok(), row.stamp_us);
                prop_assert_eq!(found.get_long(3).unwrap() as u64, row.sample.value);
                prop_assert_eq!(found.get_string(6).unwrap().as_str(), &*row.scope);
            }
        }
    }
}
