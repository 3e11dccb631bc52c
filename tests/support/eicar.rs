//! The EICAR test string: harmless, and what every antivirus is asked to find.
//!
//! Its publisher asks that it be found as malware, so it stands in no file of ours in one piece.

/// The 68 bytes of the test file.
pub fn bytes() -> Vec<u8> {
    let parts = [
        r"X5O!P%@AP[4\PZX54(P^)7CC)7}$",
        "EICAR-STANDARD-",
        "ANTIVIRUS-TEST-FILE!$H+H*",
    ];
    parts.concat().into_bytes()
}
