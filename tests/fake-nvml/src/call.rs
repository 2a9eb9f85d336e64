//! What every call has in common: the script, the clock, the errors that it asks for.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE as INSUFFICIENT_SIZE,
    nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT as INVALID_ARGUMENT,
    nvmlReturn_enum_NVML_ERROR_UNINITIALIZED as UNINITIALIZED,
    nvmlReturn_enum_NVML_ERROR_UNKNOWN as UNKNOWN, nvmlReturn_enum_NVML_SUCCESS as SUCCESS,
    nvmlReturn_t,
};

use crate::script::{Gpu, Script};

/// Handles of instances lie above this: 64 per GPU.
const INSTANCES: usize = 4096;

/// The machine between two calls.
#[derive(Default)]
struct Machine {
    script: Option<Script>,
    /// What it was read from.
    text: String,
    calls: BTreeMap<&'static str, u64>,
    initialized: u64,
}

/// The machine during one.
pub(crate) struct Scene {
    pub(crate) script: Script,
    pub(crate) now_ms: f64,
}

/// What a handle stands for.
pub(crate) enum Handle {
    Gpu(usize),
    Instance { gpu: usize, index: usize },
}

/// A call that is refused before `nvmlInit` and after `nvmlShutdown`.
pub(crate) fn call(
    name: &'static str,
    answer: impl FnOnce(&Scene) -> Result<(), nvmlReturn_t>,
) -> nvmlReturn_t {
    guarded(|| {
        let scene = enter(name, |machine| match machine.initialized {
            0 => Err(UNINITIALIZED),
            _ => Ok(()),
        })?;
        answer(&scene)
    })
}

/// `nvmlInit` (`by` 1) and `nvmlShutdown` (-1), which count each other.
pub(crate) fn initialize(name: &'static str, by: i64) -> nvmlReturn_t {
    guarded(|| {
        enter(name, |machine| {
            machine.initialized =
                machine.initialized.checked_add_signed(by).ok_or(UNINITIALIZED)?;
            Ok(())
        })
        .map(drop)
    })
}

/// A panic that left a function of C would end the process.
fn guarded(answer: impl FnOnce() -> Result<(), nvmlReturn_t>) -> nvmlReturn_t {
    match catch_unwind(AssertUnwindSafe(answer)) {
        Ok(Ok(())) => SUCCESS,
        Ok(Err(code)) => code,
        Err(_) => UNKNOWN,
    }
}

fn enter(
    name: &'static str,
    change: impl FnOnce(&mut Machine) -> Result<(), nvmlReturn_t>,
) -> Result<Scene, nvmlReturn_t> {
    let mut machine = machine();
    machine.refresh()?;
    let script = machine.script.clone().ok_or(UNKNOWN)?;
    let calls = machine.calls.entry(name).or_default();
    let call = *calls;
    *calls += 1;
    if let Some(failure) = script.errors.get(name)
        && call >= failure.from
        && failure.until.is_none_or(|until| call < until)
    {
        return Err(failure.code);
    }
    change(&mut machine)?;
    drop(machine);
    std::thread::sleep(Duration::from_millis(script.latency_ms));
    let now_ms = script.at_ms.unwrap_or_else(since_start_ms);
    Ok(Scene { script, now_ms })
}

fn machine() -> MutexGuard<'static, Machine> {
    static MACHINE: OnceLock<Mutex<Machine>> = OnceLock::new();
    MACHINE.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

fn since_start_ms() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64() * 1000.0
}

impl Machine {
    /// Reads the script where it changed. Without a file it is the default; one that cannot be
    /// read leaves no machine at all.
    fn refresh(&mut self) -> Result<(), nvmlReturn_t> {
        let Some(path) = file().filter(|path| path.exists()) else {
            self.script.get_or_insert_default();
            return Ok(());
        };
        // By its text: the times of files tick in milliseconds, and tests do not wait.
        let text = std::fs::read_to_string(path).map_err(|_| UNKNOWN)?;
        if self.script.is_none() || text != self.text {
            self.script = Some(serde_json::from_str(&text).map_err(|_| UNKNOWN)?);
            self.text = text;
        }
        Ok(())
    }
}

/// The file with the script.
fn file() -> Option<&'static Path> {
    static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
    FILE.get_or_init(|| {
        if let Some(file) = std::env::var_os("WATTEST_FAKE_NVML") {
            return Some(file.into());
        }
        let mut info = libc::Dl_info {
            dli_fname: std::ptr::null(),
            dli_fbase: std::ptr::null_mut(),
            dli_sname: std::ptr::null(),
            dli_saddr: std::ptr::null_mut(),
        };
        // SAFETY: `info` is of the type that is asked for; the name lives as long as the library.
        let name = unsafe {
            if libc::dladdr(file as *const libc::c_void, &raw mut info) == 0
                || info.dli_fname.is_null()
            {
                return None;
            }
            CStr::from_ptr(info.dli_fname)
        };
        Some(PathBuf::from(format!("{}.json", name.to_str().ok()?)))
    })
    .as_deref()
}

impl Scene {
    /// What a handle stands for.
    pub(crate) fn handle(&self, device: nvmlDevice_t) -> Result<Handle, nvmlReturn_t> {
        let number = device.addr();
        let handle = match number.checked_sub(INSTANCES) {
            Some(rest) => Handle::Instance { gpu: rest / 64, index: rest % 64 },
            None => Handle::Gpu(number.checked_sub(1).ok_or(INVALID_ARGUMENT)?),
        };
        let (Handle::Gpu(gpu) | Handle::Instance { gpu, .. }) = handle;
        self.script.gpus.get(gpu).map(|_| handle).ok_or(INVALID_ARGUMENT)
    }

    /// The GPU of a handle, or that of which it is a part.
    pub(crate) fn gpu(&self, device: nvmlDevice_t) -> Result<&Gpu, nvmlReturn_t> {
        let (Handle::Gpu(gpu) | Handle::Instance { gpu, .. }) = self.handle(device)?;
        self.script.gpus.get(gpu).ok_or(INVALID_ARGUMENT)
    }
}

impl Handle {
    /// As C sees it.
    pub(crate) fn raw(&self) -> nvmlDevice_t {
        let number = match self {
            Self::Gpu(gpu) => gpu + 1,
            Self::Instance { gpu, index } => INSTANCES + gpu * 64 + index,
        };
        std::ptr::without_provenance_mut(number)
    }
}

/// Answers through a pointer.
pub(crate) fn put<T>(place: *mut T, value: T) -> Result<(), nvmlReturn_t> {
    if place.is_null() {
        return Err(INVALID_ARGUMENT);
    }
    // SAFETY: the caller has room for one `T` there, by the interface.
    unsafe { place.write(value) };
    Ok(())
}

/// Answers with text and its end into a buffer of `length`.
pub(crate) fn put_text(place: *mut c_char, length: u32, text: &str) -> Result<(), nvmlReturn_t> {
    if place.is_null() {
        return Err(INVALID_ARGUMENT);
    }
    if text.len() >= length as usize {
        return Err(INSUFFICIENT_SIZE);
    }
    // SAFETY: the caller has room for `length` there, by the interface, and it was checked above.
    unsafe {
        place.copy_from_nonoverlapping(text.as_ptr().cast(), text.len());
        place.add(text.len()).write(0);
    }
    Ok(())
}

/// Text that was handed in.
pub(crate) fn text<'a>(place: *const c_char) -> Result<&'a str, nvmlReturn_t> {
    if place.is_null() {
        return Err(INVALID_ARGUMENT);
    }
    // SAFETY: the caller hands in a text with its end, by the interface.
    unsafe { CStr::from_ptr(place) }.to_str().map_err(|_| INVALID_ARGUMENT)
}

/// Functions as C calls them: each is the closure, with what [`call`] does around it.
macro_rules! exports {
    ($(fn $name:ident($($argument:ident: $type:ty),* $(,)?) $answer:expr)*) => {$(
        #[unsafe(no_mangle)]
        extern "C" fn $name($($argument: $type),*) -> nvml_wrapper_sys::bindings::nvmlReturn_t {
            crate::call::call(stringify!($name), $answer)
        }
    )*};
}

pub(crate) use exports;
