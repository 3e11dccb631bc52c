//! How much of a PC the agent may use.

use serde::{Deserialize, Serialize};

use super::{PolicyFault, fault, within};

/// How much of a PC the agent may use. The first four are for all it does; long work that nobody waits for, such as a
/// first baseline, takes at most the shares of `background`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BudgetPolicy {
    /// Of one core, on average over ten seconds, in percent.
    pub cpu_percent: u32,
    /// Resident memory, MiB.
    pub memory_mib: u32,
    /// Read from disk for hashing, MiB a second.
    pub disk_mib_s: u32,
    /// Long work: of one core, in percent; 0 for as fast as it can.
    pub background_cpu_percent: u32,
    /// Long work: read from disk, MiB a second; 0 for as fast as it can.
    pub background_disk_mib_s: u32,
    /// Whether long work goes on while the PC runs on its battery.
    pub background_on_battery: bool,
}

impl Default for BudgetPolicy {
    fn default() -> Self {
        Self {
            cpu_percent: 50,
            memory_mib: 64,
            disk_mib_s: 100,
            background_cpu_percent: 10,
            background_disk_mib_s: 20,
            background_on_battery: false,
        }
    }
}

impl BudgetPolicy {
    /// Long work is done as fast as it can be.
    pub fn flat_out() -> Self {
        Self {
            cpu_percent: 400,
            disk_mib_s: 10_000,
            background_cpu_percent: 0,
            background_disk_mib_s: 0,
            background_on_battery: true,
            ..Self::default()
        }
    }

    pub(super) fn check(&self) -> Result<(), PolicyFault> {
        within("budget.cpu_percent", self.cpu_percent, 5, 400)?;
        within("budget.memory_mib", self.memory_mib, 32, 4_096)?;
        within("budget.disk_mib_s", self.disk_mib_s, 1, 10_000)?;
        within(
            "budget.background_cpu_percent",
            self.background_cpu_percent,
            0,
            400,
        )?;
        within(
            "budget.background_disk_mib_s",
            self.background_disk_mib_s,
            0,
            10_000,
        )?;
        if self.background_cpu_percent > self.cpu_percent {
            let problem = format!(
                "{} is more than budget.cpu_percent ({})",
                self.background_cpu_percent, self.cpu_percent
            );
            return Err(fault("budget.background_cpu_percent", problem));
        }
        Ok(())
    }
}
