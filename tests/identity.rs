//! Who is who, while everything that vouches for it changes: authorities, certificates, disks, backups and machines.
//!
//! Each story runs the real programs and asks from outside: the API, the mails, the store's own HTTP interface, and
//! the list of a script that writes files.

#[path = "identity/approval.rs"]
mod approval;
#[path = "identity/authority.rs"]
mod authority;
#[path = "identity/backup.rs"]
mod backup;
#[path = "identity/clone.rs"]
mod clone;
#[path = "identity/expiry.rs"]
mod expiry;
#[path = "identity/reinstall.rs"]
mod reinstall;

#[test]
fn an_authority_is_replaced_under_a_living_agent() -> anyhow::Result<()> {
    authority::replaced_with_an_overlap()
}

#[test]
fn a_copied_pc_and_its_original_are_quarantined_until_each_has_enrolled_again() -> anyhow::Result<()> {
    clone::two_machines_with_one_key()
}

#[test]
fn what_a_restored_collector_lacks_is_named_and_nothing_is_there_twice() -> anyhow::Result<()> {
    backup::put_back()
}

#[test]
fn an_expired_certificate_renews_for_400_days_and_then_names_the_remedy() -> anyhow::Result<()> {
    expiry::from_a_cupboard()
}

#[test]
fn a_pc_that_was_installed_anew_under_another_name_is_the_same_host() -> anyhow::Result<()> {
    reinstall::under_another_name()
}

#[test]
fn only_who_manages_hosts_decides_about_one_that_waits() -> anyhow::Result<()> {
    approval::decided_over_the_api()
}
