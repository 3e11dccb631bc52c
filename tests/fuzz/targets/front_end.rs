//! A request to the embedded engine.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vong_collector::engine::examine::front_end(bytes));
