//! Frames, as they come over a connection.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vong_proto::examine::frames(bytes));
