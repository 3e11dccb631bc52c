//! Where nobody shall look: looking may never end, or what stands there is no file.
//!
//! A server that has gone away keeps everybody waiting who asks for one of its files, the whole sensor too, and nothing
//! can be done about it afterwards. So what is mounted from a network, or by a program, is passed over and said to be:
//! its files are for the agent on the server. The same holds for windows into the kernel, whose files never hold still.

use vong_proto::policy::Watch;

use super::leads::{Lead, follow};
use super::limit::Limit;
use super::watch::is_within;

/// A mount that is passed over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Foreign {
    /// Where.
    pub(super) point: Vec<u8>,
    /// Why.
    pub(super) why: WhyForeign,
}

/// Why a mount is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum WhyForeign {
    /// A server or a program stands behind it.
    Network,
    /// The kernel speaks there.
    Kernel,
}

impl WhyForeign {
    const ALL: [WhyForeign; 2] = [WhyForeign::Network, WhyForeign::Kernel];

    fn code(self) -> &'static str {
        match self {
            WhyForeign::Network => "network_mount",
            WhyForeign::Kernel => "kernel_mount",
        }
    }
}

/// Where they are.
pub(super) fn points(foreign: &[Foreign]) -> Vec<Vec<u8>> {
    foreign.iter().map(|foreign| foreign.point.clone()).collect()
}

/// What of the watches is passed over; each of these with its root.
pub(super) fn limits(foreign: &[Foreign], wanted: &[(Watch, Vec<u8>)]) -> Vec<Limit> {
    let all = points(foreign);
    let mut limits = Vec::new();
    for (watch, root) in wanted {
        let leads_to = match follow(b"/", watch.path.as_bytes(), &all) {
            Lead::Foreign(point) => Some(point),
            _ => None,
        };
        for why in WhyForeign::ALL {
            let concerned: Vec<&[u8]> = foreign
                .iter()
                .filter(|foreign| foreign.why == why)
                .map(|foreign| foreign.point.as_slice())
                .filter(|point| leads_to.as_deref() == Some(point) || is_within(root, point))
                .collect();
            if !concerned.is_empty() {
                limits.push(Limit::foreign(why.code(), &watch.name, &concerned));
            }
        }
    }
    limits
}
