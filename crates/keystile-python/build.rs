//! Tells the crate what kind of interpreter it is built for.

fn main() {
    // Without this, cargo would run it again for every change of any file, and all that depends on it.
    println!("cargo::rerun-if-changed=build.rs");
    pyo3_build_config::use_pyo3_cfgs();
}
