//! Spools in memory that keep numbers only: the events themselves come from what a PC has to tell.
//!
//! One thread serves the desks of some PCs. Whatever rings their common bell, it looks at all of them.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::mpsc::Receiver;

use vong_agent::clock;
use vong_agent::outbox::{self, Outbox, OutboxDesk, Request, Resumed, Standing};
use vong_agent::report::{Report, Reports};
use vong_proto::event::{Lane, StreamId};
use vong_proto::frame::BATCH_RAW_BYTES_MAX;
use vong_proto::session::{Batch, LaneState};
use vong_proto::wire;

/// So many desks per thread: few enough to look at all of them whenever one rings.
const DESKS_OF_A_THREAD: usize = 64;

/// Events in a batch; a PC with a backlog fills its batches, up to 2,000.
const BATCH_EVENTS: u64 = 1_000;

/// What a PC has to tell.
pub(crate) trait Content: Send + 'static {
    /// How many events it has committed by now, by lane.
    fn committed(&self) -> [u64; 4];

    /// The event at a place of a lane, counted from 1, encoded under its number in a stream. The two differ once the
    /// PC has begun another stream.
    fn event(&self, stream: StreamId, lane: Lane, place: u64, number: u64) -> Vec<u8>;
}

/// What all PCs of this process have done.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) enrolled: AtomicUsize,
    /// Connections tried since counting began.
    pub(crate) attempts: AtomicUsize,
    /// PCs that were welcomed since counting began.
    pub(crate) welcomed: AtomicUsize,
    /// Events that each PC shall commit.
    pub(crate) ordered: AtomicU64,
    pub(crate) committed: AtomicU64,
    pub(crate) acknowledged: AtomicU64,
    /// How often counting has begun.
    begun: AtomicU64,
}

impl Counts {
    /// Counts connections anew.
    pub(crate) fn restart(&self) {
        self.begun.fetch_add(1, Relaxed);
        self.attempts.store(0, Relaxed);
        self.welcomed.store(0, Relaxed);
    }
}

/// The uplinks' ends of all spools, and the bells of their threads.
pub(crate) struct Spools {
    pub(crate) outboxes: Vec<(Outbox, Reports)>,
    pub(crate) bells: Vec<Reports>,
}

impl Spools {
    /// Starts the threads for PCs that have this to tell.
    pub(crate) fn start(
        contents: impl IntoIterator<Item = impl Content>,
        counts: &Arc<Counts>,
    ) -> std::io::Result<Self> {
        let mut spools = Self {
            outboxes: Vec::new(),
            bells: Vec::new(),
        };
        let mut contents = contents.into_iter().peekable();
        while contents.peek().is_some() {
            let (bell, rings) = Reports::channel();
            let mut desks = Vec::new();
            for content in contents.by_ref().take(DESKS_OF_A_THREAD) {
                let (outbox, desk) = outbox::outbox(bell.clone());
                spools.outboxes.push((outbox, bell.clone()));
                desks.push(Spool::new(desk, content, Arc::clone(counts)));
            }
            spools.bells.push(bell);
            std::thread::Builder::new()
                .name("spools".to_owned())
                .spawn(move || serve(&rings, &mut desks))?;
        }
        Ok(spools)
    }
}

fn serve(rings: &Receiver<Report>, spools: &mut [Spool<impl Content>]) {
    while rings.recv().is_ok() {
        rings.try_iter().for_each(drop);
        spools.iter_mut().for_each(Spool::attend);
    }
}

/// The numbers of one PC's lanes.
struct Spool<C> {
    desk: OutboxDesk,
    content: C,
    stream: StreamId,
    lanes: [Numbers; 4],
    committed: [u64; 4],
    welcomed: u64,
    counts: Arc<Counts>,
}

#[derive(Clone, Copy)]
struct Numbers {
    next: u64,
    handed: u64,
    acknowledged: u64,
}

impl<C: Content> Spool<C> {
    fn new(desk: OutboxDesk, content: C, counts: Arc<Counts>) -> Self {
        let numbers = Numbers {
            next: 1,
            handed: 0,
            acknowledged: 0,
        };
        Self {
            desk,
            content,
            stream: StreamId(clock::random_id()),
            lanes: [numbers; 4],
            committed: [0; 4],
            welcomed: u64::MAX,
            counts,
        }
    }

    fn attend(&mut self) {
        self.commit();
        for (lane, through) in self.desk.take_acknowledged().into_iter().enumerate() {
            self.own(lane, through);
        }
        while let Some(request) = self.desk.request() {
            self.answer(request);
        }
    }

    fn commit(&mut self) {
        let committed = self.content.committed();
        if self.committed == committed {
            return;
        }
        for ((numbers, now), before) in self.lanes.iter_mut().zip(committed).zip(self.committed) {
            let newly = now - before;
            numbers.next += newly;
            self.counts.committed.fetch_add(newly, Relaxed);
        }
        self.committed = committed;
        self.desk.tell_committed(self.lanes.map(|lane| lane.next));
    }

    /// The collector owns a lane's events through this number.
    fn own(&mut self, lane: usize, through: u64) {
        let numbers = &mut self.lanes[lane];
        let newly = through.saturating_sub(numbers.acknowledged);
        numbers.acknowledged += newly;
        self.counts.acknowledged.fetch_add(newly, Relaxed);
    }

    fn answer(&mut self, request: Request) {
        match request {
            Request::Standing(reply) => drop(reply.send(self.standing())),
            Request::Resume(high_water, _, reply) => drop(reply.send(self.resume(high_water))),
            Request::BeginStream(_, _, reply) => {
                self.begin_stream();
                let _ = reply.send(());
            }
            Request::Next(lane, bytes_max, reply) => drop(reply.send(self.next(lane, bytes_max))),
        }
    }

    fn standing(&self) -> Standing {
        let lanes = Lane::ALL.map(|lane| {
            let numbers = self.lanes[lane.index()];
            let last_hash = match numbers.next - 1 {
                0 => Vec::new(),
                last => wire::event_hash(&self.event(lane, last)).to_vec(),
            };
            LaneState {
                first_retained: numbers.acknowledged + 1,
                next: numbers.next,
                last_hash,
            }
        });
        Standing {
            stream: self.stream,
            lanes,
        }
    }

    fn resume(&mut self, high_water: [u64; 4]) -> Resumed {
        let is_ahead = |(numbers, owned): (&Numbers, u64)| owned >= numbers.next;
        if self.lanes.iter().zip(high_water).any(is_ahead) {
            return Resumed::Behind;
        }
        for (lane, owned) in high_water.into_iter().enumerate() {
            self.lanes[lane].handed = owned;
            self.own(lane, owned);
        }
        let begun = self.counts.begun.load(Relaxed);
        if self.welcomed != begun {
            self.welcomed = begun;
            self.counts.welcomed.fetch_add(1, Relaxed);
        }
        Resumed::Ready
    }

    /// What is not acknowledged gets the first numbers of a new stream.
    fn begin_stream(&mut self) {
        self.stream = StreamId(clock::random_id());
        for numbers in &mut self.lanes {
            *numbers = Numbers {
                next: numbers.next - numbers.acknowledged,
                handed: 0,
                acknowledged: 0,
            };
        }
    }

    fn next(&mut self, lane: Lane, bytes_max: usize) -> Option<Batch> {
        let numbers = self.lanes[lane.index()];
        let first = numbers.handed + 1;
        let bytes_max = bytes_max.min(BATCH_RAW_BYTES_MAX);
        let (mut events, mut bytes) = (Vec::new(), 0);
        for number in first..numbers.next.min(first + BATCH_EVENTS) {
            let event = self.event(lane, number);
            bytes += event.len();
            if bytes > bytes_max && !events.is_empty() {
                break;
            }
            events.push(event);
        }
        if events.is_empty() {
            return None;
        }
        let last = numbers.handed + events.len() as u64;
        self.lanes[lane.index()].handed = last;
        let (raw_bytes, events) = wire::pack_events(events);
        Some(Batch {
            lane,
            first,
            last,
            raw_bytes,
            events,
            gaps: Vec::new(),
        })
    }
    /// The event at a number of the present stream: the last number stands for the last that was committed.
    fn event(&self, lane: Lane, number: u64) -> Vec<u8> {
        let to_come = self.lanes[lane.index()].next - 1 - number;
        let place = self.committed[lane.index()] - to_come;
        self.content.event(self.stream, lane, place, number)
    }
}
