//! Asks another program of this PC: runs it, and takes what it says.

use std::io;
use std::path::Path;
use std::time::Duration;

#[cfg(target_os = "linux")]
#[path = "program/linux.rs"]
mod imp;

/// What a program writes to its output, when it has ended by itself. It gets an empty environment and no input; no
/// shell is involved. With the deadline it is killed, and everything that it has started.
///
/// # Errors
/// The system's; `TimedOut` after the deadline, `FileTooLarge` for more than `bytes_max` bytes.
pub fn answer(
    program: &Path,
    arguments: &[&str],
    deadline: Duration,
    bytes_max: usize,
) -> io::Result<Vec<u8>> {
    imp::answer(program, arguments, deadline, bytes_max)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(20);

    fn sh(script: &str, deadline: Duration) -> io::Result<Vec<u8>> {
        answer(Path::new("/bin/sh"), &["-c", script], deadline, 64)
    }

    #[test]
    fn what_a_program_says_is_taken_however_it_ends() {
        assert_eq!(
            sh("printf a; printf b >&2; exit 3", DEADLINE).expect("said"),
            b"a"
        );
        assert_eq!(sh("read x || printf none", DEADLINE).expect("said"), b"none");
        assert_eq!(sh("printf \"$HOME\"", DEADLINE).expect("said"), b"");
        let missing = answer(Path::new("/no/such/program"), &[], DEADLINE, 1);
        assert_eq!(missing.expect_err("not there").kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_program_that_says_too_much_is_cut_off() {
        let refused = sh("while :; do printf 0123456789; done", DEADLINE).expect_err("too much");
        assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_what_it_started() {
        let check = |script: &str| {
            let begun = Instant::now();
            let refused = sh(script, Duration::from_millis(200)).expect_err("too late");
            assert_eq!(refused.kind(), io::ErrorKind::TimedOut, "{script}");
            assert!(begun.elapsed() < DEADLINE, "{script}");
        };
        check("sleep 600");
        check("sleep 600 & wait");
        // It lets go of its output and goes on.
        check("exec >&-; sleep 600");
        // Its child keeps the output when it has ended itself.
        check("sleep 600 &");
    }
}
