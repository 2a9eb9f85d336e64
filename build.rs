//! Where the tests and benches of this package find libtorch (beside the library that was linked),
//! and what the pytorch backend calls of it in C++.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // torch-sys tells; without the feature `torch` there is no such variable.
    let Ok(folder) = std::env::var("DEP_TCH_LIBTORCH_LIB") else { return };
    println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");
    // `scripts/libtorch` writes this file whenever it puts another libtorch there.
    if let Some(version) = Path::new(&folder).parent().map(|above| above.join("build-version"))
        && version.exists()
    {
        println!("cargo::rerun-if-changed={}", version.display());
    }
    #[cfg(feature = "torch")]
    native(Path::new(&folder));
}

/// Compiles native.cpp as torch-sys compiles its own, against the headers beside the libraries in
/// `folder`.
#[cfg(feature = "torch")]
fn native(folder: &Path) {
    const SOURCE: &str = "src/backends/pytorch/native.cpp";
    let variable = |name: &str| {
        println!("cargo::rerun-if-env-changed={name}");
        std::env::var(name).ok()
    };
    let include = match (variable("LIBTORCH_INCLUDE"), folder.parent()) {
        (Some(place), _) => Path::new(&place).join("include"),
        (None, Some(above)) => above.join("include"),
        (None, None) => folder.join("include"),
    };
    let abi = variable("LIBTORCH_CXX11_ABI").unwrap_or_else(|| "1".to_owned());
    println!("cargo::rerun-if-changed={SOURCE}");
    cc::Build::new()
        .cpp(true)
        .pic(true)
        .std("c++17")
        .flag("-fopenmp")
        // Their warnings are not ours.
        .flag(format!("-isystem{}", include.display()))
        .define("_GLIBCXX_USE_CXX11_ABI", abi.as_str())
        .define("GLOG_USE_GLOG_EXPORT", None)
        .file(SOURCE)
        .compile("wattest_torch");
}
