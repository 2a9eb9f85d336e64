//! The functions of one GPU.

use std::ffi::{c_char, c_int, c_uint, c_ulonglong};

use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlMemory_v2_t, nvmlPciInfo_t, nvmlProcessInfo_t,
    nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE as INSUFFICIENT_SIZE,
    nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT as INVALID_ARGUMENT,
    nvmlReturn_enum_NVML_ERROR_NOT_FOUND as NOT_FOUND,
    nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED as NOT_SUPPORTED, nvmlReturn_t, nvmlUtilization_t,
};

use crate::call::{Handle, exports, put, put_text};
use crate::energy;
use crate::script::Gpu;

/// What stands for "no instance" in a process.
const NONE: c_uint = c_uint::MAX;

exports! {
    fn nvmlDeviceGetName(device: nvmlDevice_t, name: *mut c_char, length: c_uint)
        |scene| put_text(name, length, &scene.gpu(device)?.name)

    fn nvmlDeviceGetUUID(device: nvmlDevice_t, uuid: *mut c_char, length: c_uint)
        |scene| {
            let gpu = scene.gpu(device)?;
            match scene.handle(device)? {
                Handle::Gpu(_) => put_text(uuid, length, &gpu.uuid),
                Handle::Instance { index, .. } => put_text(uuid, length, instance(gpu, index)?),
            }
        }

    fn nvmlDeviceGetIndex(device: nvmlDevice_t, index: *mut c_uint)
        |scene| {
            let (Handle::Gpu(gpu) | Handle::Instance { index: gpu, .. }) = scene.handle(device)?;
            put(index, gpu as c_uint)
        }

    fn nvmlDeviceGetPciInfo_v3(device: nvmlDevice_t, info: *mut nvmlPciInfo_t)
        |scene| {
            let gpu = scene.gpu(device)?;
            let mut bus_id = [0; 32];
            for (place, byte) in bus_id.iter_mut().zip(gpu.bus_id().bytes()) {
                *place = byte as c_char;
            }
            put(info, nvmlPciInfo_t {
                busIdLegacy: [0; 16],
                domain: 0,
                bus: gpu.bus,
                device: 0,
                pciDeviceId: 0x2335_10de,
                pciSubSystemId: 0,
                busId: bus_id,
            })
        }

    fn nvmlDeviceGetCudaComputeCapability(
        device: nvmlDevice_t, major: *mut c_int, minor: *mut c_int,
    )
        |scene| {
            let (first, second) = scene.gpu(device)?.capability;
            put(major, first)?;
            put(minor, second)
        }

    fn nvmlDeviceGetMemoryInfo_v2(device: nvmlDevice_t, memory: *mut nvmlMemory_v2_t)
        |scene| {
            let gpu = scene.gpu(device)?;
            let (total, used) = (gpu.memory_mib << 20, gpu.memory_used_mib << 20);
            put(memory, nvmlMemory_v2_t {
                version: 0,
                total,
                reserved: 0,
                free: total.saturating_sub(used),
                used,
            })
        }

    fn nvmlDeviceGetTotalEnergyConsumption(device: nvmlDevice_t, energy: *mut c_ulonglong)
        |scene| put(energy, energy::counter_mj(scene.gpu(device)?, scene.now_ms))

    fn nvmlDeviceGetPowerUsage(device: nvmlDevice_t, power: *mut c_uint)
        |scene| put(power, energy::power_mw(scene.gpu(device)?, scene.now_ms))

    fn nvmlDeviceGetEnforcedPowerLimit(device: nvmlDevice_t, limit: *mut c_uint)
        |scene| put(limit, milliwatts(scene.gpu(device)?.limit_w))

    fn nvmlDeviceGetPowerManagementLimit(device: nvmlDevice_t, limit: *mut c_uint)
        |scene| put(limit, milliwatts(scene.gpu(device)?.limit_w))

    fn nvmlDeviceGetPowerManagementDefaultLimit(device: nvmlDevice_t, limit: *mut c_uint)
        |scene| put(limit, milliwatts(scene.gpu(device)?.default_limit_w))

    fn nvmlDeviceGetPowerManagementLimitConstraints(
        device: nvmlDevice_t, lowest: *mut c_uint, highest: *mut c_uint,
    )
        |scene| {
            let (least, most) = scene.gpu(device)?.limits_w;
            put(lowest, milliwatts(least))?;
            put(highest, milliwatts(most))
        }

    fn nvmlDeviceGetCurrentClocksThrottleReasons(device: nvmlDevice_t, bits: *mut c_ulonglong)
        |scene| put(bits, scene.gpu(device)?.throttle)

    fn nvmlDeviceGetTemperature(device: nvmlDevice_t, sensor: c_uint, degrees: *mut c_uint)
        |scene| match sensor {
            0 => put(degrees, scene.gpu(device)?.temperature),
            _ => Err(INVALID_ARGUMENT),
        }

    fn nvmlDeviceGetPersistenceMode(device: nvmlDevice_t, mode: *mut c_uint)
        |scene| put(mode, scene.gpu(device)?.persistence.into())

    fn nvmlDeviceGetUtilizationRates(device: nvmlDevice_t, rates: *mut nvmlUtilization_t)
        |scene| {
            let busy = if scene.gpu(device)?.processes.is_empty() { 0 } else { 100 };
            put(rates, nvmlUtilization_t { gpu: busy, memory: busy })
        }

    fn nvmlDeviceGetClockInfo(device: nvmlDevice_t, kind: c_uint, clock: *mut c_uint)
        |scene| put(clock, of_kind(&scene.gpu(device)?.clocks_mhz, kind)?)

    fn nvmlDeviceGetMaxClockInfo(device: nvmlDevice_t, kind: c_uint, clock: *mut c_uint)
        |scene| put(clock, of_kind(&scene.gpu(device)?.max_clocks_mhz, kind)?)

    fn nvmlDeviceGetPerformanceState(device: nvmlDevice_t, state: *mut c_uint)
        |scene| scene.gpu(device).and_then(|_| put(state, 0))

    fn nvmlDeviceGetMigMode(device: nvmlDevice_t, now: *mut c_uint, pending: *mut c_uint)
        |scene| {
            let mode = scene.gpu(device)?.mig.as_ref().ok_or(NOT_SUPPORTED)?;
            put(now, (!mode.is_empty()).into())?;
            put(pending, (!mode.is_empty()).into())
        }

    fn nvmlDeviceGetMaxMigDeviceCount(device: nvmlDevice_t, count: *mut c_uint)
        |scene| put(count, if scene.gpu(device)?.mig.is_some() { 7 } else { 0 })

    fn nvmlDeviceGetMigDeviceHandleByIndex(
        device: nvmlDevice_t, index: c_uint, part: *mut nvmlDevice_t,
    )
        |scene| {
            let Handle::Gpu(gpu) = scene.handle(device)? else { return Err(INVALID_ARGUMENT) };
            instance(scene.gpu(device)?, index as usize)?;
            put(part, Handle::Instance { gpu, index: index as usize }.raw())
        }

    fn nvmlDeviceIsMigDeviceHandle(device: nvmlDevice_t, is: *mut c_uint)
        |scene| put(is, matches!(scene.handle(device)?, Handle::Instance { .. }).into())

    fn nvmlDeviceGetComputeRunningProcesses_v3(
        device: nvmlDevice_t, count: *mut c_uint, processes: *mut nvmlProcessInfo_t,
    )
        |scene| {
            let pids = &scene.gpu(device)?.processes;
            if count.is_null() {
                return Err(INVALID_ARGUMENT);
            }
            // SAFETY: the caller says there how many it has room for, by the interface.
            let room = unsafe { count.read() } as usize;
            put(count, pids.len() as c_uint)?;
            if room < pids.len() {
                return Err(INSUFFICIENT_SIZE);
            }
            for (k, &pid) in pids.iter().enumerate() {
                // SAFETY: there is room for that many.
                put(unsafe { processes.add(k) }, nvmlProcessInfo_t {
                    pid,
                    usedGpuMemory: 1 << 30,
                    gpuInstanceId: NONE,
                    computeInstanceId: NONE,
                })?;
            }
            Ok(())
        }
}

fn milliwatts(watts: f64) -> c_uint {
    (watts * 1000.0).round() as c_uint
}

fn of_kind(clocks: &[u32; 4], kind: c_uint) -> Result<c_uint, nvmlReturn_t> {
    clocks.get(kind as usize).copied().ok_or(INVALID_ARGUMENT)
}

fn instance(gpu: &Gpu, index: usize) -> Result<&str, nvmlReturn_t> {
    let parts = gpu.mig.as_ref().ok_or(NOT_SUPPORTED)?;
    parts.get(index).map(String::as_str).ok_or(NOT_FOUND)
}

impl Gpu {
    /// Address on the PCI bus, as NVML writes it.
    pub(crate) fn bus_id(&self) -> String {
        format!("00000000:{:02X}:00.0", self.bus)
    }
}
