//! The line between a PC and the collector, which a story can spoil: a TCP proxy of its own.
//!
//! It has one state at a time, for all its connections, the next ones included. What it does to bytes it does to
//! both directions alike, except where the state says otherwise.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// A read takes at most this much: several make a large batch, so that a state may begin in its middle.
const CHUNK_BYTES: usize = 8 * 1024;

/// A chunk on a narrow line: some packets, so that many connections take turns.
const NARROW_CHUNK_BYTES: usize = 2 * 1024;

/// What the line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// It carries everything at once.
    Whole,
    /// Each chunk comes late by this much.
    Slow(Duration),
    /// Nothing comes through, and nobody is told; what waits comes when it is whole again.
    Stalled,
    /// Chunks vanish from the middle of the conversation.
    Swallowing,
    /// Half of the next chunk comes through, then the connection breaks.
    Truncating,
    /// What the PC sends ends; what the collector says still comes.
    HalfClosed,
    /// Connections break at once, old and new.
    Cut,
}

/// The office's own line, which the lines of several PCs share: what they send queues here, first come, first served.
pub struct Bottleneck {
    bytes_per_s: f64,
    free_at: Mutex<Instant>,
}

impl Bottleneck {
    /// A line that carries so much from the PCs to the collector.
    pub fn of(kbit_s: u32) -> Arc<Self> {
        Arc::new(Self {
            bytes_per_s: f64::from(kbit_s) * 125.0,
            free_at: Mutex::new(Instant::now()),
        })
    }

    /// Queues so many bytes; the answer is when the last of them is through.
    fn queue(&self, bytes: usize) -> Instant {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let time = Duration::from_secs_f64(bytes as f64 / self.bytes_per_s);
        *free_at = (*free_at).max(Instant::now()) + time;
        *free_at
    }
}

/// The line of one PC.
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
}

struct Shared {
    upstream: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    line: Line,
    bottleneck: Option<Arc<Bottleneck>>,
    connections: Vec<Weak<Ends>>,
    closed: bool,
}

/// One connection; it is closed when both of its directions have ended.
struct Ends {
    pc: TcpStream,
    collector: TcpStream,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

impl Proxy {
    /// A whole line to `upstream`.
    ///
    /// # Errors
    /// There is no port for it.
    pub fn to(upstream: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream,
            state: Mutex::new(State {
                line: Line::Whole,
                bottleneck: None,
                connections: Vec::new(),
                closed: false,
            }),
            changed: Condvar::new(),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || serving.serve(&listener));
        Ok(Self { shared, address })
    }

    /// Where the PC connects.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads the line through one that others share, or past it again.
    pub fn narrow(&self, bottleneck: Option<Arc<Bottleneck>>) {
        self.shared.state().bottleneck = bottleneck;
    }

    /// Changes the line, for old connections and new ones.
    pub fn set(&self, line: Line) {
        let mut state = self.shared.state();
        state.line = line;
        for ends in state.connections.iter().filter_map(Weak::upgrade) {
            match line {
                Line::Cut => ends.break_off(),
                Line::HalfClosed => drop(ends.collector.shutdown(Shutdown::Write)),
                _ => {}
            }
        }
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Line::Cut);
        self.shared.state().closed = true;
        // Wakes the listener, which then ends.
        let _woken = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(self: &Arc<Self>, listener: &TcpListener) {
        for pc in listener.incoming().flatten() {
            if self.state().closed {
                return;
            }
            // While nobody listens upstream the PC's connection breaks, as it would without a proxy.
            let is_cut = self.state().line == Line::Cut;
            if !is_cut && let Ok(collector) = TcpStream::connect(self.upstream) {
                // A connection that breaks while it is made is one that broke.
                let _joined = self.join(pc, collector);
            }
        }
    }

    fn join(self: &Arc<Self>, pc: TcpStream, collector: TcpStream) -> std::io::Result<()> {
        pc.set_nodelay(true)?;
        collector.set_nodelay(true)?;
        let ends = Arc::new(Ends { pc, collector });
        let mut state = self.state();
        state.connections.retain(|known| known.strong_count() > 0);
        state.connections.push(Arc::downgrade(&ends));
        for direction in [Direction::Up, Direction::Down] {
            let (shared, ends) = (Arc::clone(self), Arc::clone(&ends));
            thread::spawn(move || shared.carry(&ends, direction));
        }
        Ok(())
    }

    /// Carries one direction until it ends, or the line ends it.
    fn carry(&self, ends: &Ends, direction: Direction) {
        let (mut from, mut to) = match direction {
            Direction::Up => (&ends.pc, &ends.collector),
            Direction::Down => (&ends.collector, &ends.pc),
        };
        let mut chunk = [0; CHUNK_BYTES];
        loop {
            let bottleneck = self.bottleneck(direction);
            let most = bottleneck.as_ref().map_or(CHUNK_BYTES, |_| NARROW_CHUNK_BYTES);
            let Ok(length) = from.read(&mut chunk[..most]) else {
                break;
            };
            if let Some(bottleneck) = bottleneck {
                self.wait_until(bottleneck.queue(length));
            }
            let line = self.line();
            // An end of one direction is passed on as such.
            if length == 0 || (line == Line::HalfClosed && direction == Direction::Up) {
                drop(to.shutdown(Shutdown::Write));
                return;
            }
            let goes_on = match line {
                Line::Swallowing => true,
                Line::Truncating => {
                    drop(to.write_all(&chunk[..length / 2]));
                    false
                }
                Line::Cut => false,
                _ => to.write_all(&chunk[..length]).is_ok(),
            };
            if !goes_on {
                break;
            }
        }
        ends.break_off();
    }

    /// The narrow line that this direction goes through.
    fn bottleneck(&self, direction: Direction) -> Option<Arc<Bottleneck>> {
        let bottleneck = self.state().bottleneck.clone();
        bottleneck.filter(|_| direction == Direction::Up)
    }

    /// Waits while the line stays as it is.
    fn wait_until(&self, moment: Instant) {
        let state = self.state();
        let line = state.line;
        let time = moment.saturating_duration_since(Instant::now());
        let same = |state: &mut State| state.line == line;
        drop(self.changed.wait_timeout_while(state, time, same));
    }

    /// What the line does to a chunk that has come; answers when it may go on.
    fn line(&self) -> Line {
        let mut state = self.state();
        if let Line::Slow(late) = state.line {
            let slow = |state: &mut State| matches!(state.line, Line::Slow(_));
            let waited = self.changed.wait_timeout_while(state, late, slow);
            return waited.unwrap_or_else(PoisonError::into_inner).0.line;
        }
        while state.line == Line::Stalled {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.line
    }
}

impl Ends {
    /// Breaks the connection; one that has ended is past it.
    fn break_off(&self) {
        drop(self.pc.shutdown(Shutdown::Both));
        drop(self.collector.shutdown(Shutdown::Both));
    }
}
