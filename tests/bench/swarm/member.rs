//! One PC of the swarm: the agent's uplink, over a spool that is not there.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use vong_agent::command;
use vong_agent::outbox::Outbox;
use vong_agent::policy::Policies;
use vong_agent::report::Reports;
use vong_agent::status::{Status, StatusFile};
use vong_agent::stop::Stop;
use vong_agent::uplink::Uplink;

use crate::enrolment::Enrolled;
use crate::spool::Counts;

/// The uplink of a PC.
pub(crate) fn uplink(
    of: Enrolled,
    (outbox, reports): (Outbox, Reports),
    counts: &Arc<Counts>,
) -> anyhow::Result<Uplink> {
    let (policies, _watch) = Policies::open(&of.data.policy());
    let (orders, _nobody_takes_them) = command::orders();
    let (counts, pc) = (Arc::clone(counts), of.pc);
    Ok(Uplink {
        address: of.collector,
        pc: Box::new(move || {
            // Asked before each connection.
            counts.attempts.fetch_add(1, Relaxed);
            pc.clone()
        }),
        status: StatusFile::new(of.data.status(), Status::default()),
        data: of.data,
        outbox,
        reports,
        policies,
        orders,
        finish: Stop::new(),
    })
}
