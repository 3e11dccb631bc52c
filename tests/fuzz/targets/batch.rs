//! A batch, as it travels.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vong_proto::examine::batch(bytes));
