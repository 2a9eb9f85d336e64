//! Where the command and the tests find libtorch and libpython: those that were linked.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "python")]
    python();
    // torch-sys tells; without the feature `torch` there is no such variable.
    let Ok(folder) = std::env::var("DEP_TCH_LIBTORCH_LIB") else { return };
    println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");
    // `scripts/libtorch` writes this file whenever it puts another libtorch there.
    if let Some(version) = Path::new(&folder).parent().map(|above| above.join("build-version"))
        && version.exists()
    {
        println!("cargo::rerun-if-changed={}", version.display());
    }
    // Nothing refers to the half for GPUs, which registers itself: the linker would drop it.
    let cuda = Path::new(&folder).join("libtorch_cuda.so");
    if cuda.exists() {
        let cuda = cuda.display();
        println!("cargo::rustc-link-arg=-Wl,--no-as-needed,{cuda},--as-needed");
    }
}

/// Has the loader take the libpython that was linked, and tells the tests whose it is.
#[cfg(feature = "python")]
fn python() {
    pyo3_build_config::add_libpython_rpath_link_args();
    let linked = pyo3_build_config::get().executable().unwrap_or_default();
    println!("cargo::rustc-env=WATTEST_PYTHON_LINKED={linked}");
}
