//! Conversions lose nothing, and whatever bytes arrive, nothing panics and nothing blocks.

use proptest::prelude::*;

use super::*;
use crate::event::*;
use crate::session::{AgentFrame, Gap};

fn header(lane: Lane, seq: u64) -> Header {
    Header {
        lane,
        seq,
        wall_ms: -5,
        mono_ms: 9,
        boot: BootId([3; 16]),
    }
}

fn file_event() -> FileEvent {
    FileEvent {
        action: FileAction::Renamed,
        path: "/srv/hồ sơ/Đề án.docx".as_bytes().to_vec(),
        old_path: Some(vec![0xff, b'/']),
        origin: Origin::RealTime,
        meta: Some(FileMeta::plain(
            1 << 40,
            -1,
            0o640,
            "1000",
            Digest::Sha256([7; 32]),
        )),
        who: Who::Exact(Process {
            pid: 42,
            user: "hạnh".to_owned(),
            ..Process::default()
        }),
        watch: "hồ sơ".to_owned(),
        severity: Some(Severity::Critical),
        changed: vec![Aspect::Content, Aspect::Acl],
        count: 3,
        first_ms: Some(-9),
        cause: Some(Cause::Package {
            manager: "dpkg".to_owned(),
            name: "openssh-server".to_owned(),
            version: "1:9.2p1-2+deb12u3".to_owned(),
        }),
    }
}

fn tripwire() -> Tripwire {
    Tripwire {
        key: "a1".to_owned(),
        level: TripwireLevel::Alarm,
        score_milli: 6_100,
        slow_score_milli: 7_000,
        reasons: vec![TripwireReason {
            code: "content_random".to_owned(),
            count: 6,
            score_milli: 6_000,
        }],
        files: vec![TripwireFile {
            path: "/home/hạnh/báo cáo.docx.khoá".as_bytes().to_vec(),
            old_path: Some("/home/hạnh/báo cáo.docx".as_bytes().to_vec()),
            reason: "content_random".to_owned(),
            score_milli: 1_000,
            at_ms: 5,
        }],
        curve: vec![TripwireScore {
            at_ms: 5,
            score_milli: 1_000,
        }],
        processes: vec![Process {
            pid: 7,
            ..Process::default()
        }],
        user: "hạnh".to_owned(),
        volume: b"/home".to_vec(),
        files_touched: 7,
        files_lost: 6,
        canaries_touched: 1,
        first_ms: 1,
        last_ms: 9,
        over: true,
    }
}

fn every_body() -> Vec<Body> {
    [file_bodies(), state_bodies(), probe_bodies(), agent_bodies()].concat()
}

fn file_bodies() -> Vec<Body> {
    vec![
        Body::File(file_event()),
        Body::File(FileEvent {
            who: Who::Exited { pid: 7 },
            meta: None,
            severity: None,
            ..file_event()
        }),
        Body::File(FileEvent {
            who: Who::Unavailable("unprivileged".to_owned()),
            meta: Some(FileMeta {
                group: "100".to_owned(),
                acl_sha256: Some([9; 32]),
                link: Some(Link {
                    text: b"../\xff".to_vec(),
                    target: LinkTarget::Loop,
                }),
                ..FileMeta::plain(5, 0, 0o120_777, "0", Digest::Absent("not_a_file".to_owned()))
            }),
            cause: Some(Cause::Planned {
                name: "vá lỗi".to_owned(),
                author: "lan".to_owned(),
            }),
            ..file_event()
        }),
        Body::Tripwire(tripwire()),
    ]
}

fn state_bodies() -> Vec<Body> {
    vec![
        Body::Antivirus(AntivirusState {
            products: vec![AntivirusProduct {
                product: "ClamAV".to_owned(),
                vendor: "Cisco".to_owned(),
                version: String::new(),
                engine_version: "1.1".to_owned(),
                health: Health::InstalledOnly,
                mode: AntivirusMode::Passive,
                engine: Switch::On,
                engine_reason: "crashed".to_owned(),
                real_time: Switch::Off,
                updater: Switch::Unknown,
                tamper_protection: Switch::Snoozed,
                definitions: Definitions {
                    version: "27000".to_owned(),
                    built_ms: Some(-1),
                    updated_ms: Some(2),
                    freshness: Freshness::Stale,
                },
                quick_scan_ms: Some(3),
                full_scan_ms: Some(4),
                licence_expires_ms: Some(5),
                exclusions: vec!["/srv/dữ liệu".to_owned()],
                raw: vec!["a=b".to_owned()],
            }],
            expectations: Expectations {
                definitions_warn_days: 1,
                definitions_high_days: 2,
                scan_days: 0,
                real_time_required: true,
                hold_s: 0,
                stale_hold_s: 5,
            },
        }),
        Body::Detection(Detection {
            key: "k".to_owned(),
            product: "ClamAV".to_owned(),
            vendor: "Cisco".to_owned(),
            threat: "Eicar-Test-Signature".to_owned(),
            category: "Test".to_owned(),
            severity: Some(Severity::High),
            path: "/home/hạnh/tải về/\u{1ebf}.com".as_bytes().to_vec(),
            process: b"/usr/bin/curl".to_vec(),
            user: "hạnh".to_owned(),
            action: Remedy::Quarantined,
            outcome: Outcome::Succeeded,
            code: "1117".to_owned(),
            source: "clamonacc".to_owned(),
            found_ms: Some(-1),
            sha256: Some([9; 32]),
        }),
        Body::Neighbours(Neighbours {
            neighbours: vec![Neighbour {
                mac: "02:00:00:00:00:02".to_owned(),
                address: "10.0.0.9".to_owned(),
                adapter: "eth0".to_owned(),
            }],
        }),
        Body::Network(NetworkState {
            adapters: vec![Adapter {
                name: "eth0".to_owned(),
                mac: "02:00:00:00:00:01".to_owned(),
                addresses: vec!["10.0.0.2/24".to_owned()],
                up: true,
            }],
            gateways: vec!["10.0.0.1".to_owned()],
            resolvers: vec![],
        }),
    ]
}

fn probe_bodies() -> Vec<Body> {
    vec![
        Body::ProbeState(ProbeState {
            probe: "cổng dịch vụ".to_owned(),
            kind: ProbeKind::Https,
            target: "https://dichvucong.example".to_owned(),
            state: Reachability::Unreachable,
            error: "timeout".to_owned(),
            severity: Some(Severity::High),
        }),
        Body::ProbeSample(ProbeSample {
            probe: "p".to_owned(),
            kind: ProbeKind::Icmp,
            target: "10.0.0.1".to_owned(),
            interval_ms: 300_000,
            sent: 10,
            lost: 1,
            latency_min_us: 1,
            latency_mean_us: 2,
            latency_max_us: 3,
        }),
    ]
}

fn agent_bodies() -> Vec<Body> {
    vec![
        Body::Presence(Presence::Started(Start {
            after_crash: true,
            ..Start::default()
        })),
        Body::Presence(Presence::Stopping(StopReason::Upgrade)),
        Body::Blind(Blind {
            sensor: Sensor::Files,
            scope: b"/srv".to_vec(),
            since_ms: 1,
            until_ms: 2,
            reason: "queue_overflow".to_owned(),
        }),
        Body::Unsupported(Unsupported {
            sensor: Sensor::Network,
            what: "icmp".to_owned(),
            why: "permission denied".to_owned(),
            cured: false,
        }),
        Body::Unsupported(Unsupported {
            sensor: Sensor::Files,
            what: "watch:hồ sơ".to_owned(),
            why: String::new(),
            cured: true,
        }),
        Body::Strain(Strain {
            budget: "cpu".to_owned(),
            limit: 500,
            measured: 612,
            since_ms: 3,
            over: false,
        }),
        Body::CommandResult(CommandResult {
            command_id: "c1".to_owned(),
            done: true,
            detail: String::new(),
            counts: [("scanned".to_owned(), 7)].into(),
        }),
    ]
}

#[test]
fn every_kind_of_event_comes_back_as_it_went() {
    for body in every_body() {
        let event = Event {
            header: header(Lane::Events, 12),
            body,
        };
        assert_eq!(decode_event(Lane::Events, &encode_event(&event)), Ok(event));
    }
}

#[test]
fn a_malformed_part_is_named() {
    let mut wire = pb::Event {
        boot: vec![1; 15],
        ..pb::Event::default()
    };
    let problem = decode_event(Lane::State, &wire.encode_to_vec()).expect_err("boot is short");
    assert_eq!(problem.to_string(), "event.boot: 15 bytes instead of 16");

    wire.boot = vec![1; 16];
    let mut file = pb::FileEvent::from(&file_event());
    file.action = 99;
    wire.body = Some(pb::event::Body::File(file));
    let problem = decode_event(Lane::State, &wire.encode_to_vec()).expect_err("no such action");
    assert_eq!(problem.to_string(), "file.action: unknown value 99");
}

#[test]
fn an_event_from_the_future_becomes_opaque_and_keeps_its_number_and_time() {
    // seq 5; wall_ms -5 (zigzag 9); boot; field 99 of type bytes, unknown to this build.
    let mut bytes = vec![0x08, 5, 0x10, 9, 0x22, 16];
    bytes.extend([3; 16]);
    bytes.extend([0x9a, 0x06, 2, b'h', b'i']);
    let event = decode_event_or_opaque(Lane::State, 5, &bytes);
    assert_eq!(
        event.header,
        Header {
            mono_ms: 0,
            ..header(Lane::State, 5)
        }
    );
    let Body::Opaque(opaque) = event.body else {
        panic!("{event:?}")
    };
    assert_eq!((opaque.kind, opaque.bytes), (99, bytes));
}

#[test]
fn an_event_with_another_number_becomes_opaque() {
    let event = Event {
        header: header(Lane::State, 6),
        body: every_body().remove(0),
    };
    let decoded = decode_event_or_opaque(Lane::State, 5, &encode_event(&event));
    assert_eq!(decoded.header.seq, 5);
    assert_eq!(decoded.body.kind(), "opaque");
}

fn batch(first: u64, last: u64, raw_bytes: u32, events: Vec<u8>) -> Batch {
    Batch {
        lane: Lane::Events,
        first,
        last,
        raw_bytes,
        events,
        gaps: Vec::new(),
    }
}

#[test]
fn numbers_that_no_lane_can_reach_are_refused() {
    for (first, last) in [(0, 5), (7, 5), ((1 << 63) - 2, (1 << 63) + 9), (1, u64::MAX)] {
        let frame = encode_agent_frame(AgentFrame::Batch(batch(first, last, 0, Vec::new())));
        assert!(decode_agent_frame(&frame).is_err(), "{first} to {last}");
    }
}

#[test]
fn a_batch_declares_so_many_gaps_of_so_many_kinds_and_no_more() {
    let with = |gaps: usize, kinds: usize, reason: usize| {
        let gap = Gap {
            lane: Lane::Events,
            first: 1,
            last: 1,
            reason: "ế".repeat(reason),
            counts: (0..kinds).map(|kind| (kind.to_string(), 1)).collect(),
        };
        let gaps = vec![gap; gaps];
        let frame = AgentFrame::Batch(Batch {
            gaps,
            ..batch(2, 1, 0, Vec::new())
        });
        decode_agent_frame(&encode_agent_frame(frame))
    };
    assert!(with(64, 128, 10).is_ok());
    assert!(with(65, 1, 10).is_err());
    assert!(with(1, 129, 10).is_err());
    let Ok(AgentFrame::Batch(cut)) = with(1, 1, 100_000) else {
        panic!("a long reason is no reason to fall silent")
    };
    assert_eq!(cut.gaps[0].reason, "ế".repeat(42), "cut between letters");
}

#[test]
fn a_decompression_bomb_is_stopped_at_what_it_says() {
    let (_, bomb) = pack_events(vec![vec![0; 900_000]]);
    assert!(bomb.len() < 1_000, "it compresses well");
    assert!(unpack_events(&batch(1, 1, 10, bomb.clone())).is_err());
    assert!(unpack_events(&batch(1, 1, u32::MAX, bomb)).is_err());
}

#[test]
fn the_number_of_events_must_be_what_the_range_says() {
    let (raw_bytes, events) = pack_events(vec![vec![1], vec![2]]);
    assert_eq!(
        unpack_events(&batch(7, 8, raw_bytes, events.clone())),
        Ok(vec![vec![1], vec![2]])
    );
    assert!(unpack_events(&batch(7, 9, raw_bytes, events)).is_err());
    assert_eq!(unpack_events(&batch(7, 6, 0, Vec::new())), Ok(Vec::new()));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), seq in any::<u64>()) {
        let _ = decode_agent_frame(&bytes);
        let _ = decode_collector_frame(&bytes);
        let event = decode_event_or_opaque(Lane::Events, seq, &bytes);
        prop_assert_eq!(event.header.seq, seq);
        let _ = unpack_events(&batch(1, 1 + seq % 3, 1_000, bytes));
    }

    #[test]
    fn a_flipped_bit_never_blocks(index in 0usize..100, bit in 0u8..8) {
        let event = Event { header: header(Lane::Events, 12), body: Body::File(file_event()) };
        let mut bytes = encode_event(&event);
        let index = index % bytes.len();
        bytes[index] ^= 1 << bit;
        prop_assert_eq!(decode_event_or_opaque(Lane::Events, 12, &bytes).header.seq, 12);
    }
}
