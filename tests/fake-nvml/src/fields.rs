//! `nvmlDeviceGetFieldValues`, with the numbers of the driver that it plays.

use std::ffi::c_int;

use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlFieldValue_t,
    nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT as INVALID_ARGUMENT,
    nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED as NOT_SUPPORTED, nvmlValue_t,
};

use crate::call::exports;
use crate::energy;
use crate::script::Field;

/// Total energy, in millijoules.
const ENERGY: u32 = 83;
/// Power, in milliwatts: its mean over a second.
const POWER_AVERAGE: u32 = 185;
/// Types of values: 32 and 64 bits.
const UNSIGNED: u32 = 1;
const UNSIGNED_LONG_LONG: u32 = 3;

exports! {
    fn nvmlDeviceGetFieldValues(
        device: nvmlDevice_t, count: c_int, values: *mut nvmlFieldValue_t,
    )
        |scene| {
            let gpu = scene.gpu(device)?;
            let count = usize::try_from(count).map_err(|_| INVALID_ARGUMENT)?;
            if values.is_null() || count == 0 {
                return Err(INVALID_ARGUMENT);
            }
            // SAFETY: the caller has so many values there, by the interface.
            let values = unsafe { std::slice::from_raw_parts_mut(values, count) };
            for value in values {
                let id = canonical(&scene.script.driver, value.fieldId);
                let own = |id| gpu.fields.get(&id).copied().or(match id {
                    ENERGY => Some(Field {
                        kind: UNSIGNED_LONG_LONG,
                        value: energy::counter_mj(gpu, scene.now_ms),
                        code: 0,
                    }),
                    POWER_AVERAGE => Some(Field {
                        kind: UNSIGNED,
                        value: energy::power_mw(gpu, scene.now_ms).into(),
                        code: 0,
                    }),
                    _ => None,
                });
                let field = id.and_then(|id| match value.scopeId {
                    0 => own(id),
                    scope => gpu.scopes.get(&scope)?.get(&id).copied(),
                });
                let field = field.unwrap_or(Field { kind: UNSIGNED, value: 0, code: NOT_SUPPORTED });
                value.timestamp = (scene.now_ms * 1000.0) as i64;
                value.latencyUsec = 0;
                value.valueType = field.kind;
                value.nvmlReturn = field.code;
                value.value = nvmlValue_t { ullVal: field.value };
            }
            Ok(())
        }
}

/// The id that a driver before 580.82 has for what this one calls `id`: from then on, those of
/// why clocks are held down lie 18 higher, and the 18 behind them 5 lower.
fn canonical(driver: &str, id: u32) -> Option<u32> {
    let mut parts = driver.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    match id {
        251..=268 if version >= (580, 82) => Some(id + 5),
        269..=273 if version >= (580, 82) => Some(id - 18),
        269..=273 => None,
        _ => Some(id),
    }
}
