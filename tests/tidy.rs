//! The house rules that a program can check, checked over every tracked file.
//!
//! A reviewer should read for meaning; sizes, borders between stages and words that may not stand in
//! a place are a machine's work. Each violation prints where it is, which rule it breaks and what to
//! do instead. Exceptions are few, dated by the commit that adds them, and all stand in [`EXCEPTIONS`].

#[path = "tidy/manifest.rs"]
mod manifest;
#[path = "tidy/source.rs"]
mod source;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a house rule is broken, and how to mend it.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    file: String,
    line: usize,
    rule: Rule,
    detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            rule,
            detail,
        } = self;
        write!(out, "{file}:{line}: {rule:?}: {detail}; {}", rule.remedy())
    }
}

/// What is checked; the remedy of each stands in [`Rule::remedy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// The file is Rust that `syn` can read; without that no other rule could be checked.
    Parses,
    /// The first line is `//!`.
    ModuleDocs,
    /// At most [`source::FILE_LINES`] lines before the tests.
    FileLength,
    /// At most [`source::FUNCTION_LINES`] lines from `fn` to the closing brace.
    FunctionLength,
    /// `foo.rs` beside `foo/`; no file named for nothing in particular.
    FileName,
    /// Crates know each other only as agent → proto, os and collector → proto.
    CrateBorder,
    /// Stages of one crate do not import each other.
    StageBorder,
    /// `cfg` on an operating system stands in face lines, `agent/os` and Cargo.toml only.
    SystemCfg,
    /// `unsafe` stands in `agent/os` and `collector/src/engine/` only.
    Unsafe,
    /// No test is switched off.
    Ignored,
    /// Nothing is left for later.
    Unfinished,
    /// Stories wait for a condition, never for a time.
    Sleep,
}

impl Rule {
    fn remedy(self) -> &'static str {
        match self {
            Self::Parses => "mend the syntax",
            Self::ModuleDocs => "begin the file with `//!`: what this is, and why it is so",
            Self::FileLength => "find the seam and split it, or move long tests to `<name>/tests.rs`",
            Self::FunctionLength => "name its steps and call them",
            Self::FileName => "name it after the domain's noun: `foo.rs` beside `foo/`",
            Self::CrateBorder => "exchange domain types of vong-proto; only tests know everybody",
            Self::StageBorder => "pass domain types through a channel joined in lib.rs or pipeline.rs",
            Self::SystemCfg => "put it into agent/os, or behind a `#[cfg] #[path] mod imp;` face",
            Self::Unsafe => "put it behind a safe function of agent/os or collector/src/engine/",
            Self::Ignored => "mend the test or remove it",
            Self::Unfinished => "finish it, or leave it out",
            Self::Sleep => "poll the condition with support's deadline helper",
        }
    }
}

/// A place where a rule does not hold, and why it may stay so.
struct Exception {
    rule: Rule,
    /// A file, or a folder when it ends in `/`.
    path: &'static str,
    reason: &'static str,
}

/// Every exception to the rules. An entry without a living violation is an error, so none outlives
/// its reason.
const EXCEPTIONS: &[Exception] = &[Exception {
    rule: Rule::Sleep,
    path: "tests/support/poll.rs",
    reason: "the one place that lets time pass, between two looks at a condition",
}];

impl Exception {
    fn covers(&self, violation: &Violation) -> bool {
        self.rule == violation.rule
            && (violation.file == self.path
                || (self.path.ends_with('/') && violation.file.starts_with(self.path)))
    }
}

/// All violations of one file, by its path in the repository and its text.
fn check(path: &str, text: &str) -> Vec<Violation> {
    if path.ends_with("Cargo.toml") {
        manifest::check(path, text)
    } else {
        source::check(path, text)
    }
}

#[test]
fn the_house_rules_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ stands in the workspace");
    let mut violations = Vec::new();
    for path in tracked_files(root) {
        let text = std::fs::read_to_string(root.join(&path)).expect("a tracked file can be read");
        violations.extend(check(&path, &text));
    }
    let used = |exception: &&Exception| violations.iter().any(|violation| exception.covers(violation));
    let stale: Vec<String> = EXCEPTIONS
        .iter()
        .filter(|exception| !used(exception))
        .map(|exception| {
            format!(
                "tests/tidy.rs: nothing needs the exception for {}",
                exception.path
            )
        })
        .collect();
    let open: Vec<String> = violations
        .iter()
        .filter(|violation| !EXCEPTIONS.iter().any(|exception| exception.covers(violation)))
        .map(ToString::to_string)
        .chain(stale)
        .collect();
    assert!(
        open.is_empty(),
        "{} house rules are broken:\n{}",
        open.len(),
        open.join("\n")
    );
}

#[test]
fn every_exception_says_why() {
    for Exception { path, reason, .. } in EXCEPTIONS {
        assert!(reason.len() > 20, "the exception for {path} needs a reason");
    }
}

/// Rust files and manifests, as git lists them: what is ignored or untracked is nobody's business.
fn tracked_files(root: &Path) -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--", "*.rs", "*Cargo.toml"])
        .current_dir(root)
        .output()
        .expect("git is needed to list the tracked files");
    assert!(
        listed.status.success(),
        "git ls-files failed: {}",
        String::from_utf8_lossy(&listed.stderr)
    );
    let names = String::from_utf8(listed.stdout).expect("our own paths are UTF-8");
    let files: Vec<String> = names.split_terminator('\0').map(str::to_owned).collect();
    assert!(
        files.len() > 5,
        "git lists only {files:?}: is this the whole repository?"
    );
    // A file that is deleted but not yet committed is still listed.
    files
        .into_iter()
        .filter(|path| PathBuf::from(root).join(path).exists())
        .collect()
}
