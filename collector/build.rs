//! Refuses a release build without the dashboard's bundle: a collector that shows nothing must not be shipped.
//!
//! The bundle is made by npm, on purpose not from here: a build of Rust code that runs another ecosystem's
//! build is slow, needs the network and fails far from its cause.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("PROFILE").as_deref() != Ok("release") {
        return;
    }
    println!("cargo::rerun-if-changed=../dashboard/dist");
    if !std::path::Path::new("../dashboard/dist/index.html").exists() {
        println!(
            "cargo::error=dashboard/dist is missing; make it with: (cd dashboard && npm ci && npm run build)"
        );
        std::process::exit(1);
    }
}
