//! Whatever fails, what was written to the disk is in the store, exactly once, or declared missing.
//!
//! A script outside our crates writes files and keeps its own list, while everything between its disk and the
//! store is made to fail. Afterwards the list, the store (asked over its own HTTP interface) and the declared gaps
//! must agree. The long form is `make chaos ROUNDS=n SEED=s`.

use anyhow::ensure;

#[path = "outage/chaos.rs"]
mod chaos;
#[path = "outage/fault.rs"]
mod fault;
#[path = "outage/power.rs"]
mod power;
#[path = "outage/snapshot.rs"]
mod snapshot;

use chaos::Chaos;
use power::{Journal, Medium};

#[test]
fn nothing_is_lost_and_nothing_twice_whatever_fails() -> anyhow::Result<()> {
    let mut chaos = Chaos::begin()?;
    chaos.play()?;
    let account = chaos.settle()?;
    chaos.say(&account.to_string());
    account.must_be_clean()?;
    chaos.every_restored_range_is_named()
}

#[test]
fn numbers_that_a_restored_pc_gives_again_are_other_events() -> anyhow::Result<()> {
    snapshot::numbers_given_again()?.must_be_clean()
}

#[test]
fn what_the_collector_acknowledged_survives_a_power_cut() -> anyhow::Result<()> {
    power::cut_at_the_collector(Journal::Honest)?.must_be_clean()
}

#[test]
fn a_collector_that_acknowledges_before_it_syncs_is_caught() -> anyhow::Result<()> {
    let account = power::cut_at_the_collector(Journal::AcknowledgesFirst)?;
    ensure!(account.lost > 0, "this test cannot see a loss: {account}");
    Ok(())
}

#[test]
fn what_the_spool_committed_survives_a_power_cut() -> anyhow::Result<()> {
    power::cut_at_the_pc(Medium::Honest)?.must_be_clean()
}

#[test]
fn a_disk_that_lies_about_its_cache_is_caught() -> anyhow::Result<()> {
    let account = power::cut_at_the_pc(Medium::Lying)?;
    ensure!(account.lost > 0, "this test cannot see a loss: {account}");
    Ok(())
}
