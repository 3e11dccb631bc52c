//! Compiles the `.proto` files with protox, a compiler in Rust: no `protoc` has to be installed.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=vong");
    let files = protox::compile(["vong/v1/event.proto", "vong/v1/session.proto"], ["."])?;
    prost_build::Config::new().compile_fds(files)?;
    Ok(())
}
