//! The counter of energy and the power of one GPU, as meters.

use std::sync::Arc;

use nvml_wrapper::error::NvmlError;

use crate::energy::nvml::device::Gpu;
use crate::energy::nvml::library;
use crate::energy::{Meter, Quantity, ReadError, Source};

/// Microjoules in a millijoule.
const UJ_PER_MJ: u64 = 1000;

/// The counter: energy since the driver was loaded. Volta and newer.
pub(crate) struct Counter(Arc<Gpu>);

/// The power. It is a mean over some time before the reading, and which time depends on the chip.
pub(crate) struct Power {
    gpu: Arc<Gpu>,
    averages_over_ns: u64,
}

impl Counter {
    /// Reads it once.
    ///
    /// # Errors
    /// What the driver said; a counter that stands at 0 counts nothing.
    pub(crate) fn open(gpu: &Arc<Gpu>) -> Result<Self, ReadError> {
        let mut counter = Self(Arc::clone(gpu));
        match counter.read()? {
            0 => Err(ReadError::Passing("the counter stands at 0".to_owned())),
            _ => Ok(counter),
        }
    }
}

impl Meter for Counter {
    fn source(&self) -> Source {
        Source::NvmlCounter
    }

    fn scope(&self) -> &str {
        self.0.uuid()
    }

    /// It has no known wrap: one that goes back was reset.
    fn quantity(&self) -> Quantity {
        Quantity::Energy { wraps_at_uj: None }
    }

    fn limit_w(&self) -> Option<f64> {
        self.0.limit_w()
    }

    fn read(&mut self) -> Result<u64, ReadError> {
        microjoules(self.0.device().total_energy_consumption())
    }
}

impl Power {
    /// Reads it once.
    ///
    /// # Errors
    /// What the driver said; 0 W is what it says for "not known".
    pub(crate) fn open(gpu: &Arc<Gpu>) -> Result<Self, ReadError> {
        let averages_over_ns = averages_over_ns(gpu.capability());
        let mut power = Self { gpu: Arc::clone(gpu), averages_over_ns };
        power.read().map(|_| power)
    }
}

impl Meter for Power {
    fn source(&self) -> Source {
        Source::NvmlPower
    }

    fn scope(&self) -> &str {
        self.gpu.uuid()
    }

    fn quantity(&self) -> Quantity {
        Quantity::Power { averages_over_ns: self.averages_over_ns }
    }

    fn limit_w(&self) -> Option<f64> {
        self.gpu.limit_w()
    }

    fn read(&mut self) -> Result<u64, ReadError> {
        milliwatts(self.gpu.device().power_usage())
    }
}

/// Millijoules of the driver as microjoules.
fn microjoules(answer: Result<u64, NvmlError>) -> Result<u64, ReadError> {
    let mj = answer.map_err(|error| library::read_error(&error))?;
    mj.checked_mul(UJ_PER_MJ)
        .ok_or_else(|| ReadError::Passing(format!("{mj} mJ is more than a counter can have seen")))
}

/// Milliwatts of the driver.
fn milliwatts(answer: Result<u32, NvmlError>) -> Result<u64, ReadError> {
    match answer.map_err(|error| library::read_error(&error))? {
        // No GPU that runs draws nothing; drivers say so when asked too often.
        0 => Err(ReadError::Passing("the driver says 0 mW, which is no power".to_owned())),
        mw => Ok(mw.into()),
    }
}

/// Over how long `nvmlDeviceGetPowerUsage` averages, by compute capability.
///
/// nvml.h: a second on Ampere and newer but for GA100 (8.0); before, what the sensor has at present:
/// between two of its updates, 100 ms on Turing and GA100 and 20 ms on Volta and Pascal (Yang,
/// Adamek, Armour: Part-time Power Measurements, arXiv 2312.02741). For what is not known the
/// longest.
fn averages_over_ns(capability: Option<(i32, i32)>) -> u64 {
    const MS: u64 = 1_000_000;
    match capability {
        Some((8, 0)) | Some((7, 5)) => 100 * MS,
        Some((6, _)) | Some((7, _)) => 20 * MS,
        _ => 1000 * MS,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Units: no millijoule is lost on its way, and none wraps around.
        #[test]
        fn millijoules_become_microjoules(mj: u64) {
            match microjoules(Ok(mj)) {
                Ok(uj) => prop_assert_eq!((uj / 1000, uj % 1000), (mj, 0)),
                Err(ReadError::Passing(_)) => prop_assert!(mj > u64::MAX / 1000),
                Err(other) => prop_assert!(false, "{other}"),
            }
        }

        #[test]
        fn milliwatts_stay_what_they_are(mw in 1u32..) {
            prop_assert_eq!(milliwatts(Ok(mw)), Ok(u64::from(mw)));
        }
    }

    #[test]
    fn a_counter_at_the_top_bit_is_an_error() {
        let error = microjoules(Ok(1 << 63)).unwrap_err();
        insta::assert_snapshot!(error, @"9223372036854775808 mJ is more than a counter can have seen");
    }

    #[test]
    fn no_power_and_no_support_pass() {
        for answer in [Ok(0), Err(NvmlError::NotSupported), Err(NvmlError::NoData)] {
            let error = milliwatts(answer).unwrap_err();
            assert!(matches!(error, ReadError::Passing(_)), "{error:?}");
        }
        let lost = milliwatts(Err(NvmlError::GpuLost)).unwrap_err();
        assert!(matches!(lost, ReadError::Lasting(_)), "{lost:?}");
    }

    #[test]
    fn hopper_averages_over_a_second_and_what_is_not_known_too() {
        let ms = |capability| averages_over_ns(capability) / 1_000_000;
        assert_eq!([ms(Some((9, 0))), ms(Some((8, 6))), ms(Some((8, 0)))], [1000, 1000, 100]);
        assert_eq!([ms(Some((7, 5))), ms(Some((7, 0))), ms(Some((6, 1)))], [100, 20, 20]);
        assert_eq!([ms(Some((5, 2))), ms(None)], [1000, 1000]);
    }
}
