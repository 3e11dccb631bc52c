//! What can go wrong, and how it begins and ends.

use std::fs;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use vong_tests::pc::{Pc, Snapshot};
use vong_tests::proxy::Line;
use vong_tests::stack::Stack;

/// Late enough to be felt by every exchange, and short beside the limits of a handshake.
const LATE: Duration = Duration::from_millis(150);

/// Something that goes wrong for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// kill -9 of a PC's agent.
    AgentKilled(usize),
    /// An agent is stopped in order.
    AgentStopped(usize),
    /// SIGSTOP of an agent.
    AgentHangs(usize),
    /// A PC is set back to an older copy of its agent's data.
    SnapshotRestored(usize),
    /// A PC's line to the collector.
    LineBad(usize, Line),
    /// A PC's disk has no byte left.
    DiskFull(usize),
    /// kill -9 of the collector.
    CollectorKilled,
    /// The collector is stopped in order.
    CollectorStopped,
    /// SIGSTOP of the collector.
    CollectorHangs,
    /// kill -9 of the engine.
    EngineKilled,
    /// SIGSTOP of the engine.
    EngineHangs,
}

/// What a fault befalls; two at once befall two different ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Agent(usize),
    Line(usize),
    Server,
}

/// What a fault needs for its end.
pub(crate) enum Remains {
    Nothing,
    Snapshot(Snapshot),
    Process(Pid),
}

impl Fault {
    /// Each of the three programs is killed, a disk fills up, a PC is set back.
    pub(crate) const PROMISED: [Self; 5] = [
        Self::AgentKilled(2),
        Self::CollectorKilled,
        Self::DiskFull(0),
        Self::EngineKilled,
        Self::SnapshotRestored(1),
    ];

    /// Every fault for so many PCs, the first of which has a small disk; the usual ones more often.
    pub(crate) fn deck(pcs: usize) -> Vec<Self> {
        use Fault::*;
        let mut deck = vec![
            CollectorKilled,
            CollectorKilled,
            CollectorStopped,
            CollectorHangs,
            EngineKilled,
            EngineKilled,
            EngineHangs,
            DiskFull(0),
        ];
        for pc in 0..pcs {
            deck.extend([
                AgentKilled(pc),
                AgentStopped(pc),
                AgentHangs(pc),
                SnapshotRestored(pc),
            ]);
        }
        let lines = [
            Line::Slow(LATE),
            Line::Stalled,
            Line::Swallowing,
            Line::Truncating,
            Line::HalfClosed,
            Line::Cut,
        ];
        deck.extend(
            lines
                .into_iter()
                .enumerate()
                .map(|(turn, line)| LineBad(turn % pcs, line)),
        );
        deck
    }

    pub(crate) fn part(self) -> Part {
        match self {
            Self::AgentKilled(pc)
            | Self::AgentStopped(pc)
            | Self::AgentHangs(pc)
            | Self::SnapshotRestored(pc)
            | Self::DiskFull(pc) => Part::Agent(pc),
            Self::LineBad(pc, _) => Part::Line(pc),
            Self::CollectorKilled
            | Self::CollectorStopped
            | Self::CollectorHangs
            | Self::EngineKilled
            | Self::EngineHangs => Part::Server,
        }
    }

    pub(crate) fn begin(self, stack: &mut Stack, pcs: &mut [Pc]) -> anyhow::Result<Remains> {
        match self {
            Self::AgentKilled(pc) => pcs[pc].kill()?,
            Self::AgentStopped(pc) => pcs[pc].stop()?,
            Self::AgentHangs(pc) => pcs[pc].agent.as_ref().context("it runs")?.freeze()?,
            Self::SnapshotRestored(pc) => return Ok(Remains::Snapshot(pcs[pc].snapshot()?)),
            Self::LineBad(pc, line) => pcs[pc].line.set(line),
            Self::DiskFull(pc) => pcs[pc].small.as_ref().context("its disk is small")?.fill()?,
            Self::CollectorKilled => drop(stack.collector.take().context("it runs")?.kill()?),
            Self::CollectorStopped => drop(stack.collector.take().context("it runs")?.stop()?),
            Self::CollectorHangs => stack.collector.as_ref().context("it runs")?.freeze()?,
            Self::EngineKilled | Self::EngineHangs => {
                // None while the collector is still starting it: then nobody is hit this time.
                if let Some(engine) = engine(stack)? {
                    let hangs = self == Self::EngineHangs;
                    kill_process(engine, if hangs { Signal::STOP } else { Signal::KILL })?;
                    return Ok(if hangs {
                        Remains::Process(engine)
                    } else {
                        Remains::Nothing
                    });
                }
            }
        }
        Ok(Remains::Nothing)
    }

    pub(crate) fn end(self, stack: &mut Stack, pcs: &mut [Pc], remains: Remains) -> anyhow::Result<()> {
        match self {
            Self::AgentKilled(pc) | Self::AgentStopped(pc) => pcs[pc].start()?,
            Self::AgentHangs(pc) => pcs[pc].agent.as_ref().context("it runs")?.signal(Signal::CONT),
            Self::LineBad(pc, _) => pcs[pc].line.set(Line::Whole),
            Self::DiskFull(pc) => {
                pcs[pc].small.as_ref().context("its disk is small")?.clear()?;
                // An agent may give up on a full disk; whoever manages services starts it again.
                pcs[pc].revive()?;
            }
            Self::CollectorKilled | Self::CollectorStopped => drop(stack.start_collector()?),
            Self::CollectorHangs => stack.collector.as_ref().context("it runs")?.signal(Signal::CONT),
            Self::SnapshotRestored(pc) => {
                if let Remains::Snapshot(snapshot) = remains {
                    pcs[pc].restore(snapshot)?;
                }
            }
            Self::EngineKilled => {}
            Self::EngineHangs => {
                if let Remains::Process(engine) = remains {
                    // It may have been killed for its silence.
                    let _gone = kill_process(engine, Signal::CONT);
                }
            }
        }
        Ok(())
    }
}

/// The one child of the collector: the engine.
pub(crate) fn engine(stack: &Stack) -> anyhow::Result<Option<Pid>> {
    let parent = stack.collector.as_ref().context("the collector runs")?.pid();
    let tasks = fs::read_dir(format!("/proc/{parent}/task"))?;
    let first = tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok())
        .find_map(|list| list.split_whitespace().next()?.parse().ok());
    Ok(first.and_then(Pid::from_raw))
}
