//! The fixed mix of events: 60 % samples, 30 % file events (half with a hash never seen before), 10 % others.
//!
//! An event follows from its stream, lane and number, and from nothing else. What differs between real events differs
//! here: names, sizes, hashes, latencies, the times between them. What repeats on a real PC repeats: folders, programs,
//! users, a dozen probed services.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use vong_agent::clock;
use vong_proto::event::{
    Adapter, AntivirusProduct, AntivirusState, Aspect, Body, Cause, Definitions, Digest, Event, FileAction,
    FileEvent, FileMeta, Header, Lane, NetworkState, Origin, ProbeKind, ProbeSample, ProbeState, Process,
    Reachability, StreamId, Switch, Who,
};
use vong_proto::wire;

use crate::dice::Dice;
use crate::spool::{Content, Counts};

/// The mix repeats after so many events: six samples, three file events, one other.
const MIX: [Lane; 10] = {
    use Lane::{Events, Samples, State};
    [
        Samples, Events, Samples, Samples, Events, Samples, State, Samples, Events, Samples,
    ]
};

/// A service is probed all the time and told about every five minutes.
const INTERVAL_MS: u64 = 300_000;
/// Services that a policy of an office names.
const SERVICES: u64 = 12;
/// Files whose content is found on many PCs: programs, forms, templates.
const KNOWN_FILES: u64 = 1_000;
/// The oldest event happened so long ago: the load is the backlog of PCs that were away.
const BACKLOG_MS: i64 = 7 * 24 * 3_600_000;

const FOLDERS: [&str; 8] = [
    "Công văn đến",
    "Công văn đi",
    "Hồ sơ một cửa",
    "Kế hoạch",
    "Báo cáo quý",
    "Tờ trình",
    "Biên bản họp",
    "Dự toán",
];
const SUBJECTS: [&str; 8] = [
    "quyết định",
    "báo cáo",
    "thông báo",
    "giấy mời",
    "phụ lục",
    "danh sách",
    "hợp đồng",
    "đề nghị",
];
const USERS: [&str; 6] = ["lan.nt", "hung.pv", "minh.tq", "hoa.lt", "dung.vd", "thao.nt"];
const PROGRAMS: [&str; 5] = [
    "/usr/lib/libreoffice/program/soffice.bin",
    "/usr/bin/rsync",
    "/usr/sbin/smbd",
    "/usr/bin/nautilus",
    "/usr/lib/firefox-esr/firefox-esr",
];

const PACKAGES: [&str; 6] = [
    "openssl",
    "libreoffice-core",
    "firefox-esr",
    "libc6",
    "tzdata",
    "bash",
];

/// As many events as were ordered of each PC.
pub(crate) struct Mix(pub(crate) Arc<Counts>);

impl Content for Mix {
    fn committed(&self) -> [u64; 4] {
        let ordered = self.0.ordered.load(Relaxed);
        let (rounds, rest) = (ordered / MIX.len() as u64, ordered % MIX.len() as u64);
        Lane::ALL.map(|lane| {
            let of_round = MIX.iter().filter(|of| **of == lane).count() as u64;
            let of_rest = MIX.iter().take(rest as usize).filter(|of| **of == lane);
            rounds * of_round + of_rest.count() as u64
        })
    }

    fn event(&self, stream: StreamId, lane: Lane, _place: u64, number: u64) -> Vec<u8> {
        event(stream, lane, number)
    }
}

/// The event at a number, encoded.
fn event(stream: StreamId, lane: Lane, number: u64) -> Vec<u8> {
    let mut dice = dice(stream, lane, number);
    let (step_ms, body) = match lane {
        Lane::Samples => (
            INTERVAL_MS / SERVICES,
            Body::ProbeSample(sample(&mut dice, number)),
        ),
        Lane::Events => (2 * INTERVAL_MS / SERVICES, Body::File(file(&mut dice))),
        Lane::Urgent | Lane::State => (6 * INTERVAL_MS / SERVICES, other(&mut dice, number)),
    };
    let since_ms = number * step_ms + dice.below(step_ms / 2);
    let mono_ms = 60_000 + since_ms;
    wire::encode_event(&Event {
        header: Header {
            lane,
            seq: number,
            wall_ms: began_ms() + mono_ms.cast_signed(),
            mono_ms,
            boot: clock::boot_id(),
        },
        body,
    })
}

/// When the oldest event happened; the same for as long as this process lives, because an event must not change.
fn began_ms() -> i64 {
    static BEGAN_MS: std::sync::OnceLock<i64> = std::sync::OnceLock::new();
    *BEGAN_MS.get_or_init(|| clock::wall_ms() - BACKLOG_MS)
}

fn sample(dice: &mut Dice, number: u64) -> ProbeSample {
    let service = number % SERVICES;
    let least = 400 + 900 * service + dice.below(300);
    let mean = least + 50 + dice.below(400);
    ProbeSample {
        probe: format!("Dịch vụ {service}"),
        kind: ProbeKind::Tcp,
        target: format!("10.0.{service}.10:443"),
        interval_ms: INTERVAL_MS as u32,
        sent: 10,
        lost: u32::from(dice.below(200) == 0),
        latency_min_us: least as u32,
        latency_mean_us: mean as u32,
        latency_max_us: (mean + dice.below(8_000)) as u32,
    }
}

fn file(dice: &mut Dice) -> FileEvent {
    let (user, folder, subject) = (dice.of_all(&USERS), dice.of_all(&FOLDERS), dice.of_all(&SUBJECTS));
    let executable = dice.of_all(&PROGRAMS);
    let path = format!("/home/{user}/{folder}/{subject} số {}.odt", dice.below(100_000));
    FileEvent {
        action: dice.of_all(&[FileAction::Created, FileAction::Modified, FileAction::Modified]),
        old_path: None,
        origin: Origin::RealTime,
        meta: Some(FileMeta::plain(
            4_096 + dice.below(400_000),
            (began_ms() * 1_000_000) + dice.below(600_000_000_000_000).cast_signed(),
            0o100_644,
            user,
            Digest::Sha256(hash(dice)),
        )),
        who: Who::Exact(Process {
            pid: 1_000 + dice.below(30_000) as u32,
            executable: executable.into(),
            command_line: format!("{executable} --user {user}").into_bytes(),
            user: user.to_owned(),
            parent_pid: 900 + dice.below(50) as u32,
            parent_executable: b"/usr/lib/systemd/systemd".to_vec(),
        }),
        path: path.into_bytes(),
        watch: "Hồ sơ".to_owned(),
        severity: None,
        changed: vec![Aspect::Content],
        // A program that saves a document is often reported a few times.
        count: if dice.below(4) == 0 {
            2 + dice.below(6) as u32
        } else {
            1
        },
        first_ms: (dice.below(4) == 0).then(|| began_ms() + dice.below(600_000_000).cast_signed()),
        // Now and then a package manager is at work.
        cause: (dice.below(20) == 0).then(|| Cause::Package {
            manager: "dpkg".to_owned(),
            name: dice.of_all(&PACKAGES).to_owned(),
            version: format!("1.{}-{}", dice.below(3), dice.below(2)),
        }),
    }
}

/// What a PC says rarely: how it is protected, how it is connected, what it can reach.
fn other(dice: &mut Dice, number: u64) -> Body {
    match number % 4 {
        1 => Body::Antivirus(antivirus()),
        2 => Body::Network(network(dice)),
        turn => Body::ProbeState(probe_state(dice, turn == 3)),
    }
}

fn antivirus() -> AntivirusState {
    let product = AntivirusProduct {
        product: "ClamAV".to_owned(),
        vendor: "Cisco".to_owned(),
        version: "1.4.3".to_owned(),
        engine: Switch::On,
        real_time: Switch::On,
        updater: Switch::On,
        definitions: Definitions {
            version: "27801".to_owned(),
            built_ms: Some(clock_of_definitions_ms()),
            ..Definitions::default()
        },
        raw: vec!["clamd=answers".to_owned(), "freshclam=active".to_owned()],
        ..AntivirusProduct::default()
    };
    AntivirusState {
        products: vec![product],
        ..AntivirusState::default()
    }
}

/// Fresh at every moment of the backlog.
fn clock_of_definitions_ms() -> i64 {
    began_ms() + BACKLOG_MS
}

fn network(dice: &mut Dice) -> NetworkState {
    NetworkState {
        adapters: vec![Adapter {
            name: "enp1s0".to_owned(),
            mac: "52:54:00:12:34:56".to_owned(),
            addresses: vec![format!("10.1.{}.{}/24", dice.below(256), dice.below(256))],
            up: true,
        }],
        gateways: vec!["10.1.0.1".to_owned()],
        resolvers: vec!["10.1.0.2".to_owned(), "10.1.0.3".to_owned()],
    }
}

fn probe_state(dice: &mut Dice, is_reachable: bool) -> ProbeState {
    let service = dice.below(SERVICES);
    let (state, error) = match is_reachable {
        true => (Reachability::Reachable, ""),
        false => (Reachability::Unreachable, "timeout"),
    };
    ProbeState {
        probe: format!("Dịch vụ {service}"),
        kind: ProbeKind::Tcp,
        target: format!("10.0.{service}.10:443"),
        state,
        error: error.to_owned(),
        severity: None,
    }
}

/// Chance that follows from the event's place in the world.
fn dice(stream: StreamId, lane: Lane, number: u64) -> Dice {
    let [first, second] = [&stream.0[..8], &stream.0[8..]]
        .map(|half| half.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte)));
    let which = (lane as u64) << 60 ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Dice::of(first ^ second.rotate_left(17) ^ which)
}

/// Half of all hashes have never been seen.
fn hash(dice: &mut Dice) -> [u8; 32] {
    let is_known = dice.below(2) == 0;
    let mut of_content = if is_known {
        Dice::of(dice.below(KNOWN_FILES))
    } else {
        Dice::of(dice.roll())
    };
    let mut hash = [0; 32];
    for part in hash.chunks_mut(8) {
        part.copy_from_slice(&of_content.roll().to_be_bytes());
    }
    hash
}
