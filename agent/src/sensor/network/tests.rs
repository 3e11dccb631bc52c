//! Probes against real servers on this machine.

use std::net::{TcpListener, UdpSocket};
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::thread::{self, JoinHandle};

use hickory_proto::op::{Message, ResponseCode};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use vong_proto::event::{ProbeKind, Reachability, Sensor};
use vong_proto::policy::Policy;

use super::*;
use crate::policy::PolicyWatch;
use crate::report::Reports;
use crate::stop::Stop;

fn probe(kind: ProbeKind, target: String) -> Probe {
    Probe {
        name: "probe".to_owned(),
        kind,
        target,
        interval_s: 1,
        timeout_ms: 2_000,
        threshold: 1,
        severity: Some(Severity::High),
    }
}

fn ask(attempts: &Attempts, probe: &Probe) -> Outcome {
    runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(attempts.ask(probe))
}

fn outcome(kind: ProbeKind, target: String) -> Outcome {
    ask(&Attempts::default(), &probe(kind, target))
}

fn lost(error: &str) -> Outcome {
    Outcome::Lost {
        error: error.to_owned(),
    }
}

fn is_answered(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Answered { .. })
}

/// A port on which nobody listens.
fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

#[test]
fn a_listening_port_answers_and_a_closed_one_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let open = listener.local_addr().expect("an address");
    assert!(is_answered(&outcome(ProbeKind::Tcp, open.to_string())));
    assert_eq!(
        outcome(ProbeKind::Tcp, format!("127.0.0.1:{}", closed_port())),
        lost("refused")
    );
    assert_eq!(
        outcome(ProbeKind::Tcp, "no-such-host.invalid:80".to_owned()),
        lost("no_such_name")
    );
}

#[test]
fn a_silent_name_server_times_out() {
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let server = silent.local_addr().expect("an address");
    let mut probe = probe(ProbeKind::Dns, format!("tinh.gov.vn@{server}"));
    probe.timeout_ms = 60;
    assert_eq!(ask(&Attempts::default(), &probe), lost("timeout"));
}

#[test]
fn a_name_server_is_believed_in_what_it_answers() {
    for (code, expected) in [
        (ResponseCode::NoError, None),
        (ResponseCode::NXDomain, Some("no_such_name")),
        (ResponseCode::ServFail, Some("servfail")),
    ] {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let server = socket.local_addr().expect("an address");
        let serving = thread::spawn(move || {
            let mut buffer = [0; 512];
            let (length, from) = socket.recv_from(&mut buffer).expect("a query");
            let mut answer = Message::from_vec(&buffer[..length])
                .expect("a query")
                .into_response();
            // An answer to another question is passed over.
            answer.metadata.id ^= 1;
            socket
                .send_to(&answer.to_vec().expect("bytes"), from)
                .expect("sent");
            answer.metadata.id ^= 1;
            answer.metadata.response_code = code;
            socket
                .send_to(&answer.to_vec().expect("bytes"), from)
                .expect("sent");
        });
        let outcome = outcome(ProbeKind::Dns, format!("tinh.gov.vn@{server}"));
        serving.join().expect("no panic");
        match expected {
            Some(error) => assert_eq!(outcome, lost(error)),
            None => assert!(is_answered(&outcome), "{outcome:?}"),
        }
    }
}

/// Answers one request with a status.
fn serve(listener: TcpListener, status: &'static str, tls: Option<Arc<ServerConfig>>) -> JoinHandle<()> {
    use std::io::{Read, Write};
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        let mut buffer = [0; 512];
        if let Some(config) = tls {
            let connection = ServerConnection::new(config).expect("a connection");
            let mut stream = StreamOwned::new(connection, stream);
            // A client that does not trust the certificate goes away.
            if stream.read(&mut buffer).is_ok() {
                let _ = stream.write_all(answer.as_bytes());
            }
        } else {
            let mut stream = stream;
            let _ = stream.read(&mut buffer).expect("a request");
            stream.write_all(answer.as_bytes()).expect("answered");
        }
    })
}

#[test]
fn a_web_server_that_fails_is_not_reachable() {
    for (status, expected) in [
        ("200 OK", None),
        ("404 Not Found", None),
        ("502 Bad Gateway", Some("status_502")),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/portal", listener.local_addr().expect("an address"));
        let serving = serve(listener, status, None);
        let outcome = outcome(ProbeKind::Https, url);
        serving.join().expect("no panic");
        match expected {
            Some(error) => assert_eq!(outcome, lost(error)),
            None => assert!(is_answered(&outcome), "{status}: {outcome:?}"),
        }
    }
}

#[test]
fn a_certificate_that_the_pc_does_not_trust_is_a_fault() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a key");
    let config = Arc::new(config);
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).expect("a root");
    let trusting = Attempts::trusting(roots);
    for (attempts, trusted) in [(Attempts::default(), false), (trusting, true)] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let serving = serve(listener, "200 OK", Some(Arc::clone(&config)));
        let outcome = ask(
            &attempts,
            &probe(ProbeKind::Https, format!("https://localhost:{port}/")),
        );
        serving.join().expect("no panic");
        if trusted {
            assert!(is_answered(&outcome), "{outcome:?}");
        } else {
            assert_eq!(outcome, lost("tls"));
        }
    }
}

#[test]
fn an_echo_is_answered_or_said_to_be_impossible() {
    let outcome = outcome(ProbeKind::Icmp, "127.0.0.1".to_owned());
    if vong_os::host::is_privileged() {
        assert!(is_answered(&outcome), "{outcome:?}");
    } else {
        assert!(
            is_answered(&outcome) || matches!(&outcome, Outcome::Impossible { what, .. } if what == "icmp"),
            "{outcome:?}"
        );
    }
}

/// A name service that never answers.
fn never(_: &str, _: u16) -> io::Result<Vec<std::net::SocketAddr>> {
    loop {
        thread::park();
    }
}

#[test]
fn a_name_service_that_hangs_holds_up_nobody_who_needs_no_names() {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(ECHOES_MAX + LOOKUPS_MAX)
        .build()
        .expect("a runtime");
    let attempts = Arc::new(Attempts::looking_up(never));
    let mut by_name = probe(ProbeKind::Tcp, "cong.tinh.gov.vn:443".to_owned());
    by_name.timeout_ms = 200;
    let outcomes = runtime.block_on(async {
        let mut asking = JoinSet::new();
        for _ in 0..2 * (ECHOES_MAX + LOOKUPS_MAX) {
            let (attempts, by_name) = (Arc::clone(&attempts), by_name.clone());
            asking.spawn(async move { attempts.ask(&by_name).await });
        }
        asking.join_all().await
    });
    assert!(
        outcomes.iter().all(|outcome| *outcome == lost("dns_timeout")),
        "{outcomes:?}"
    );

    let echo = probe(ProbeKind::Icmp, "127.0.0.1".to_owned());
    let echoed = runtime.block_on(attempts.ask(&echo));
    runtime.shutdown_background();

    assert_ne!(echoed, lost("timeout"));
}

fn next(received: &Receiver<Report>, wanted: impl Fn(&Body) -> bool) -> NewEvent {
    loop {
        let report = received
            .recv_timeout(Duration::from_secs(30))
            .expect("a report in time");
        if let Some(event) = report.events.into_iter().find(|event| wanted(&event.body)) {
            return event;
        }
    }
}

#[test]
fn the_end_of_a_service_is_reported_and_its_return_too() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut policy = Policy::default();
    policy.network.aggregate_s = 1;
    policy
        .network
        .probes
        .push(probe(ProbeKind::Tcp, address.to_string()));
    let (reports, received) = Reports::channel();
    let context = Context {
        reports,
        state: PathBuf::new(),
        policy: PolicyWatch::fixed(policy),
        stop: Stop::new(),
        own_folders: Vec::new(),
        governor: crate::governor::Governor::flat_out(),
        programs: crate::sensor::programs::Programs::default(),
    };
    let sensor = thread::spawn({
        let context = context.clone();
        move || run(&context, &mut Unseen::new(Sensor::Network)).expect("it runs")
    });
    let state_is = |wanted: Reachability| move |body: &Body| matches!(body, Body::ProbeState(state) if state.state == wanted);

    next(&received, |body| matches!(body, Body::Network(_)));
    let neighbours = next(&received, |body| matches!(body, Body::Neighbours(_)));
    assert_eq!(neighbours.lane, Lane::State);
    next(&received, state_is(Reachability::Reachable));
    let sample = next(&received, |body| matches!(body, Body::ProbeSample(_)));
    assert_eq!(sample.lane, Lane::Samples);
    drop(listener);
    let gone = next(&received, state_is(Reachability::Unreachable));
    assert_eq!(gone.lane, Lane::Urgent);
    assert!(matches!(gone.body, Body::ProbeState(state) if state.error == "refused"));
    let _again = TcpListener::bind(address).expect("the port is free");
    next(&received, state_is(Reachability::Reachable));

    context.stop.request();
    sensor.join().expect("no panic");
}

#[test]
fn what_an_earlier_run_could_not_ask_is_taken_back_when_nobody_asks_for_it() {
    let mut policy = Policy::default();
    policy
        .network
        .probes
        .push(probe(ProbeKind::Tcp, "127.0.0.1:9".to_owned()));
    let (reports, received) = Reports::channel();
    let context = Context {
        reports,
        state: PathBuf::new(),
        policy: PolicyWatch::fixed(policy),
        stop: Stop::new(),
        own_folders: Vec::new(),
        governor: crate::governor::Governor::flat_out(),
        programs: crate::sensor::programs::Programs::default(),
    };
    let mut unseen = Unseen::new(Sensor::Network);
    unseen.say("icmp", "unprivileged").expect("news");
    let sensor = thread::spawn({
        let context = context.clone();
        move || run(&context, &mut unseen).expect("it runs")
    });

    next(
        &received,
        |body| matches!(body, Body::Unsupported(said) if said.what == "icmp" && said.cured),
    );

    context.stop.request();
    sensor.join().expect("no panic");
}
