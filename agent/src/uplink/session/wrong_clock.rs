//! A PC whose battery has died, and what it says about that.

use tracing::warn;
use vong_proto::event::{Body, Lane, Sensor, Unsupported};

use super::Session;
use crate::clock;
use crate::report::{NewEvent, Report};

impl Session<'_> {
    /// Says that this PC's clock cannot be right, and takes it back when a later connection finds it right.
    pub(super) fn tell_wrong_clock(&mut self) {
        let is_wrong = self.worker.clock.is_set();
        if is_wrong == self.worker.clock_told {
            return;
        }
        let behind_s = self.behind_ms / 1_000;
        let mut why = String::new();
        if is_wrong {
            warn!(
                behind_s,
                "this PC's clock is wrong: the collector's certificate is not valid by it; going on"
            );
            why = format!("the PC's clock is {behind_s} s behind the collector's");
        }
        let unsupported = Unsupported {
            sensor: Sensor::Presence,
            what: "clock_wrong".to_owned(),
            why,
            cured: !is_wrong,
        };
        let is_kept = self.worker.uplink.reports.offer(Report {
            events: vec![NewEvent {
                lane: Lane::State,
                wall_ms: clock::wall_ms(),
                mono_ms: clock::mono_ms(),
                body: Body::Unsupported(unsupported),
            }],
            ..Report::default()
        });
        if is_kept {
            self.worker.clock_told = is_wrong;
        }
    }
}
