//! The functions of the machine as a whole.

use std::ffi::{c_char, c_int, c_uint};

use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT as INVALID_ARGUMENT,
    nvmlReturn_enum_NVML_ERROR_NOT_FOUND as NOT_FOUND, nvmlReturn_t,
};

use crate::call::{Handle, Scene, exports, initialize, put, put_text, text};
use crate::script::Gpu;

#[unsafe(no_mangle)]
extern "C" fn nvmlInit_v2() -> nvmlReturn_t {
    initialize("nvmlInit_v2", 1)
}

#[unsafe(no_mangle)]
extern "C" fn nvmlInitWithFlags(_flags: c_uint) -> nvmlReturn_t {
    initialize("nvmlInitWithFlags", 1)
}

#[unsafe(no_mangle)]
extern "C" fn nvmlShutdown() -> nvmlReturn_t {
    initialize("nvmlShutdown", -1)
}

exports! {
    fn nvmlSystemGetDriverVersion(version: *mut c_char, length: c_uint)
        |scene| put_text(version, length, &scene.script.driver)

    fn nvmlSystemGetNVMLVersion(version: *mut c_char, length: c_uint)
        |scene| put_text(version, length, &format!("12.{}", scene.script.driver))

    fn nvmlSystemGetCudaDriverVersion_v2(version: *mut c_int)
        |scene| put(version, scene.script.cuda)

    fn nvmlDeviceGetCount_v2(count: *mut c_uint)
        |scene| put(count, scene.script.gpus.len() as c_uint)

    fn nvmlDeviceGetHandleByIndex_v2(index: c_uint, device: *mut nvmlDevice_t)
        |scene| {
            let gpu = scene.script.gpus.get(index as usize).map(|_| Handle::Gpu(index as usize));
            put(device, gpu.ok_or(INVALID_ARGUMENT)?.raw())
        }

    fn nvmlDeviceGetHandleByUUID(uuid: *const c_char, device: *mut nvmlDevice_t)
        |scene| {
            let uuid = text(uuid)?;
            put(device, find(scene, |gpu| gpu.uuid == uuid)?.raw())
        }

    fn nvmlDeviceGetHandleByPciBusId_v2(bus_id: *const c_char, device: *mut nvmlDevice_t)
        |scene| {
            let bus_id = text(bus_id)?;
            put(device, find(scene, |gpu| gpu.bus_id().eq_ignore_ascii_case(bus_id))?.raw())
        }
}

fn find(scene: &Scene, is: impl Fn(&Gpu) -> bool) -> Result<Handle, nvmlReturn_t> {
    scene.script.gpus.iter().position(is).map(Handle::Gpu).ok_or(NOT_FOUND)
}
