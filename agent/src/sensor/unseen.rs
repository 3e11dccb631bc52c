//! What a sensor has said that it cannot see: each thing once until it changes, and taken back when it is over.
//!
//! It outlives a run of its sensor. One that is started again after a failure could not take back what it does
//! not know to have said.

use std::collections::HashMap;

use vong_proto::event::{Body, Lane, Sensor, Unsupported};

use super::event_now;
use crate::report::NewEvent;

/// What one sensor has said.
#[derive(Debug)]
pub struct Unseen {
    sensor: Sensor,
    /// Why, under each code.
    said: HashMap<String, String>,
}

impl Unseen {
    /// Nothing is said yet.
    pub fn new(sensor: Sensor) -> Self {
        Self {
            sensor,
            said: HashMap::new(),
        }
    }

    /// Says that something cannot be seen, unless that is said already.
    pub(super) fn say(&mut self, what: &str, why: &str) -> Option<NewEvent> {
        let before = self.said.insert(what.to_owned(), why.to_owned());
        (before.as_deref() != Some(why)).then(|| event(self.sensor, what, why, false))
    }

    /// Takes back everything but what still cannot be seen.
    pub(super) fn cure_others(&mut self, is_unseen: impl Fn(&str) -> bool) -> Vec<NewEvent> {
        let cured: Vec<String> = self
            .said
            .keys()
            .filter(|what| !is_unseen(what))
            .cloned()
            .collect();
        cured
            .into_iter()
            .map(|what| {
                self.said.remove(&what);
                event(self.sensor, &what, "", true)
            })
            .collect()
    }
}

fn event(sensor: Sensor, what: &str, why: &str, cured: bool) -> NewEvent {
    event_now(
        Lane::State,
        Body::Unsupported(Unsupported {
            sensor,
            what: what.to_owned(),
            why: why.to_owned(),
            cured,
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(event: &NewEvent) -> (&str, bool) {
        match &event.body {
            Body::Unsupported(unsupported) => (&unsupported.what, unsupported.cured),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_thing_is_said_once_until_it_changes_and_taken_back_once() {
        let mut unseen = Unseen::new(Sensor::Network);
        assert!(unseen.say("icmp", "unprivileged").is_some());
        assert!(unseen.say("icmp", "unprivileged").is_none());
        assert!(unseen.say("icmp", "other").is_some());
        assert!(unseen.cure_others(|what| what == "icmp").is_empty());

        let cured = unseen.cure_others(|_| false);

        assert_eq!(cured.iter().map(said).collect::<Vec<_>>(), [("icmp", true)]);
        assert!(unseen.cure_others(|_| false).is_empty());
        assert!(unseen.say("icmp", "other").is_some());
    }
}
