//! Which neighbours of a PC are worth telling, and when.
//!
//! The system's table changes with every machine that is spoken with. What the collector needs is who is there at
//! all, so the table is said at the first sight, again when a machine has come or gone, but not more often than
//! [`PAUSE`], and daily. Nobody is asked for anything: an office's network hears nothing of it.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;
use vong_proto::event::{Neighbour, Neighbours};

/// Changes wait for each other this long: machines come and go all day.
pub(super) const PAUSE: Duration = Duration::from_secs(15 * 60);
/// The table is said again after this time, though nothing has changed.
const REPEAT: Duration = Duration::from_secs(24 * 3_600);
/// Beginnings of the names of adapters behind which there are containers and virtual machines of this very PC.
const OF_THIS_PC: [&str; 9] = [
    "docker", "veth", "br-", "virbr", "vmnet", "vboxnet", "lxc", "lxdbr", "cni",
];

/// What was last said.
#[derive(Debug, Default)]
pub(super) struct Watch {
    said: Option<(BTreeSet<String>, Instant)>,
}

impl Watch {
    /// What shall be said now, if anything, of the neighbours that are there.
    pub(super) fn look(&mut self, neighbours: Vec<Neighbour>, now: Instant) -> Option<Neighbours> {
        let macs: BTreeSet<String> = neighbours.iter().map(|neighbour| neighbour.mac.clone()).collect();
        let is_due = self.said.as_ref().is_none_or(|(before, at)| {
            let ago = now.duration_since(*at);
            ago >= REPEAT || (ago >= PAUSE && *before != macs)
        });
        if !is_due {
            return None;
        }
        self.said = Some((macs, now));
        Some(Neighbours { neighbours })
    }
}

/// Of the system's table the machines other than this one, whose hardware addresses are `own`: sorted by hardware
/// address, each of their addresses once. When there are too many each machine keeps its first address before any gets a second.
pub(super) fn worth_telling(table: Vec<Neighbour>, own: &[String]) -> Vec<Neighbour> {
    let mut neighbours: Vec<Neighbour> = table
        .into_iter()
        .filter(|neighbour| is_machine(&neighbour.mac) && !own.contains(&neighbour.mac))
        .filter(|neighbour| !OF_THIS_PC.iter().any(|name| neighbour.adapter.starts_with(name)))
        .collect();
    neighbours.sort();
    neighbours.dedup();
    if neighbours.len() > Neighbours::MAX {
        neighbours.dedup_by(|next, kept| next.mac == kept.mac);
        neighbours.truncate(Neighbours::MAX);
    }
    neighbours
}

/// Whether a hardware address is one machine's: neither nobody's nor a group's, which broadcast is too.
fn is_machine(mac: &str) -> bool {
    let first = mac.get(..2).and_then(|byte| u8::from_str_radix(byte, 16).ok());
    let is_nobodys = mac.bytes().all(|digit| matches!(digit, b'0' | b':'));
    first.is_some_and(|byte| byte & 1 == 0) && !is_nobodys
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OWN: &str = "02:00:00:00:00:01";
    const A: &str = "4c:cc:6a:00:00:0a";
    const B: &str = "4c:cc:6a:00:00:0b";

    fn at(mac: &str, address: &str, adapter: &str) -> Neighbour {
        Neighbour {
            mac: mac.to_owned(),
            address: address.to_owned(),
            adapter: adapter.to_owned(),
        }
    }

    fn table(macs: &[&str]) -> Vec<Neighbour> {
        macs.iter().map(|mac| at(mac, "192.168.1.7", "eth0")).collect()
    }

    #[test]
    fn a_table_is_said_at_once_then_when_machines_change_and_daily() {
        let start = Instant::now();
        let mut watch = Watch::default();
        let mut check = |after: Duration, macs: &[&str], expected: bool| {
            let said = watch.look(table(macs), start + after);
            assert_eq!(said.is_some(), expected, "{macs:?} after {after:?}");
        };
        let second = Duration::from_secs(1);
        check(Duration::ZERO, &[A], true);
        check(second, &[A], false);
        check(second * 2, &[A, B], false);
        check(PAUSE - second, &[A, B], false);
        check(PAUSE, &[A, B], true);
        check(PAUSE + second, &[B], false);
        check(PAUSE * 2 - second, &[A, B], false);
        check(PAUSE * 2, &[A, B], false);
        check(PAUSE * 3, &[B], true);
        check(PAUSE * 3 + REPEAT - second, &[B], false);
        check(PAUSE * 3 + REPEAT, &[B], true);
    }

    #[test]
    fn an_empty_table_is_said_too() {
        let said = Watch::default().look(Vec::new(), Instant::now());
        assert_eq!(said, Some(Neighbours::default()));
    }

    #[test]
    fn another_address_of_the_same_machine_is_no_news() {
        let mut watch = Watch::default();
        let start = Instant::now();
        watch.look(table(&[A]), start);
        let moved = vec![at(A, "192.168.1.8", "eth0")];
        assert_eq!(watch.look(moved, start + PAUSE), None);
    }

    #[test]
    fn only_other_machines_are_neighbours_each_once_and_sorted() {
        let rows = vec![
            at(B, "192.168.1.8", "eth0"),
            at(A, "192.168.1.7", "eth0"),
            at(A, "192.168.1.7", "eth0"),
            at(A, "192.168.1.9", "eth0"),
            at(OWN, "192.168.1.1", "eth0"),
            at("00:00:00:00:00:00", "192.168.1.2", "eth0"),
            at("ff:ff:ff:ff:ff:ff", "192.168.1.255", "eth0"),
            at("01:00:5e:00:00:fb", "224.0.0.251", "eth0"),
            at("33:33:00:00:00:01", "ff02::1", "eth0"),
            at("4c:cc:6a:00:00:0c", "172.17.0.2", "docker0"),
            at("4c:cc:6a:00:00:0d", "172.18.0.2", "br-1a2b3c"),
            at("4c:cc:6a:00:00:0e", "192.168.122.2", "virbr0"),
            at("4c:cc:6a:00:00:0f", "10.0.0.2", "veth12ab"),
            at("nonsense", "10.0.0.3", "eth0"),
        ];
        let expected = vec![
            at(A, "192.168.1.7", "eth0"),
            at(A, "192.168.1.9", "eth0"),
            at(B, "192.168.1.8", "eth0"),
        ];
        assert_eq!(worth_telling(rows, &[OWN.to_owned()]), expected);
    }

    #[test]
    fn of_too_many_each_machine_is_named_before_any_is_named_twice() {
        let machine = |number: usize| format!("4c:cc:6a:00:{:02x}:{:02x}", number / 256, number % 256);
        let rows: Vec<Neighbour> = (0..Neighbours::MAX)
            .flat_map(|number| {
                [
                    at(&machine(number), "10.0.0.1", "eth0"),
                    at(&machine(number), "10.0.0.2", "eth0"),
                ]
            })
            .collect();
        let told = worth_telling(rows, &[]);
        let macs: BTreeSet<&str> = told.iter().map(|neighbour| neighbour.mac.as_str()).collect();
        assert_eq!((told.len(), macs.len()), (Neighbours::MAX, Neighbours::MAX));
    }

    /// Few machines, so that they come and go.
    fn some_macs() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(0_u8..4, 0..4)
    }

    proptest! {
        #[test]
        fn never_more_often_than_the_pause_and_never_later_than_the_day(
            looks in prop::collection::vec((0_u64..3_000, some_macs()), 1..60),
        ) {
            let mut watch = Watch::default();
            let mut now = Instant::now();
            let mut last: Option<(Instant, BTreeSet<String>)> = None;
            for (seconds, macs) in looks {
                now += Duration::from_secs(seconds);
                let macs: BTreeSet<String> = macs.iter().map(|mac| format!("4c:cc:6a:00:00:{mac:02x}")).collect();
                let rows = macs.iter().map(|mac| at(mac, "10.0.0.1", "eth0")).collect();
                let said = watch.look(rows, now);
                let must = match &last {
                    None => true,
                    Some((at, before)) => {
                        let ago = now - *at;
                        ago >= REPEAT || (ago >= PAUSE && *before != macs)
                    }
                };
                prop_assert_eq!(said.is_some(), must);
                if said.is_some() {
                    last = Some((now, macs));
                }
            }
        }

        #[test]
        fn whatever_stands_in_the_table_the_answer_is_sorted_and_bounded(
            rows in prop::collection::vec((".{0,20}", ".{0,9}", "[a-z]{0,5}"), 0..40),
        ) {
            let rows = rows.iter().map(|(mac, address, adapter)| at(mac, address, adapter)).collect();
            let told = worth_telling(rows, &[]);
            prop_assert!(told.len() <= Neighbours::MAX);
            prop_assert!(told.is_sorted());
        }
    }
}
