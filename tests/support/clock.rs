//! Another day: programs that take the present for a day of last month, or for today's morning.
//!
//! `clock.c`, loaded into a program, shifts the clock that tells the date and leaves those alone that measure time. So
//! weeks of a province's life pass in a minute, and every program waits as long as ever.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};

/// Vietnam's clocks are this far ahead of the world's.
const ZONE_MS: i64 = 7 * 3_600_000;
const DAY_MS: i64 = 24 * 3_600_000;
/// Days begin far enough from midnight for a story to end on the day on which it began.
const MORNING_MS: i64 = 10 * 3_600_000;

/// A clock that can be set.
pub struct Clock {
    library: PathBuf,
    began: SystemTime,
}

impl Clock {
    /// Makes one; its library is kept in `folder`.
    ///
    /// # Errors
    /// There is no C compiler, or the folder cannot be made.
    pub fn prepare(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let library = folder.join("clock.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("support/clock.c");
        let said = Command::new("cc")
            .args(["-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
            .arg(&library)
            .arg(source)
            .output()
            .context("a C compiler is needed")?;
        let error = String::from_utf8_lossy(&said.stderr);
        ensure!(said.status.success(), "clock.c: {error}");
        Ok(Self {
            library,
            began: SystemTime::now(),
        })
    }

    /// The last time that it was ten in the morning in Vietnam, in milliseconds since 1970.
    ///
    /// # Errors
    /// This machine's clock stands before 1970.
    pub fn this_morning_ms(&self) -> anyhow::Result<i64> {
        let now_ms = ms(self.began.duration_since(UNIX_EPOCH)?)?;
        let mornings = (now_ms + ZONE_MS - MORNING_MS).div_euclid(DAY_MS);
        Ok(mornings * DAY_MS + MORNING_MS - ZONE_MS)
    }

    /// The environment of a program that shall live as if this had been the time when the story began.
    ///
    /// # Errors
    /// This machine's clock stands before 1970.
    pub fn at(&self, at_ms: i64) -> anyhow::Result<Vec<(&'static str, PathBuf)>> {
        let shift_s = (at_ms - ms(self.began.duration_since(UNIX_EPOCH)?)?) / 1_000;
        Ok(vec![
            ("LD_PRELOAD", self.library.clone()),
            ("CLOCK_SHIFT_S", shift_s.to_string().into()),
        ])
    }
}

fn ms(time: Duration) -> anyhow::Result<i64> {
    Ok(i64::try_from(time.as_millis())?)
}
