//! Who is it really? Certificates that have expired, goodbyes, and machines that share one key.

use vong_proto::session::{Fingerprint, LaneState};

use super::*;
use crate::entry::{CloneSign, Cloned, Fact, HostId};
use crate::registry::host::{self, Host};

const DAY_MS: i64 = 24 * 3_600_000;

/// A fingerprint that tells something, as that of the other tests does not.
const MACHINE: &str = "5f0c1b2a9d8e7f6a5b4c3d2e1f0a9b8c";

fn on_board(smbios: &str, next: u64, last_hash: Vec<u8>) -> Hello {
    let plain = hello(next);
    let [urgent, state, events, samples] = plain.lanes.clone();
    Hello {
        fingerprint: Fingerprint {
            smbios_uuid: smbios.to_owned(),
            ..Fingerprint::default()
        },
        lanes: [urgent, LaneState { last_hash, ..state }, events, samples],
        ..plain
    }
}

/// The hello of the machine that the tests begin with, and of another one.
fn here(next: u64) -> Hello {
    on_board("4c4c4544-0051-3510", next, Vec::new())
}

fn there(next: u64) -> Hello {
    on_board("4c4c4544-0052-3510", next, Vec::new())
}

impl Front {
    /// A PC whose certificate ended so many days ago.
    async fn expired(&self, days: i64) -> Pc {
        let young = self.enrolled().await;
        self.aged(&young, days).await
    }

    /// Another certificate of the same agent, which ended so many days ago.
    async fn aged(&self, young: &Pc, days: i64) -> Pc {
        let (key, agent) = (rcgen::KeyPair::generate().expect("a key"), young.agent());
        let then_ms = now_ms() - (90 + days) * DAY_MS;
        let signed = self.authority.sign_agent(agent, &key, then_ms).expect("signed");
        let certificate = agent::Certificate {
            fingerprint: crate::fleet::certificate_fingerprint(&signed.der),
            serial: signed.serial,
            agent,
            not_before_ms: signed.not_before_ms,
            not_after_ms: signed.not_after_ms,
            authority: signed.authority,
        };
        let mut tx = self.registry.begin().await.expect("begun");
        agent::add_certificate(&mut tx, &certificate).await.expect("kept");
        tx.commit().await.expect("committed");
        Pc {
            certificate: signed.der,
            key: key.serialize_der(),
        }
    }

    /// Asks for a new certificate and says what came of it.
    async fn renew(&self, pc: &Pc) -> Result<Pc, Refusal> {
        let key = rcgen::KeyPair::try_from(pc.key.as_slice()).expect("a key");
        let request = rcgen::CertificateParams::default().serialize_request(&key);
        let csr_der = request.expect("a request").der().to_vec();
        let mut line = self.connect(Some(pc)).await.expect("connected");
        frame::write_agent_frame(&mut line, AgentFrame::Renew { csr_der })
            .await
            .expect("sent");
        match frame::read_collector_frame(&mut line).await.expect("an answer") {
            CollectorFrame::Renewed(given) => Ok(Pc {
                certificate: given.certificate_der,
                key: pc.key.clone(),
            }),
            CollectorFrame::Refusal(no) => Err(no),
            other => panic!("{other:?}"),
        }
    }

    async fn host(&self) -> Host {
        let host = host::by_id(&self.registry, HostId(1)).await.expect("read");
        host.expect("the first host")
    }

    /// Waits until the host is noted to be there, or to be gone.
    async fn until_connected(&self, connected: bool) {
        while self.host().await.connected != connected {
            tokio::task::yield_now().await;
        }
    }

    /// What the journal says of clones, once it says so many things.
    async fn clones(&self, count: usize) -> Vec<Cloned> {
        let mut durable = self.journal.durable_position();
        loop {
            durable.mark_unchanged();
            let entries = self.journal.read(0, 1_000, 1 << 20).await.expect("read");
            let clones = entries.into_iter().filter_map(|entry| match entry.fact {
                Fact::Cloned(cloned) => Some(cloned),
                _ => None,
            });
            let clones: Vec<_> = clones.collect();
            if clones.len() >= count {
                return clones;
            }
            durable.changed().await.expect("the journal lives");
        }
    }

    /// The marked and the unmarked events.
    async fn marked(&self) -> (usize, usize) {
        let entries = self.journal.read(0, 1_000, 1 << 20).await.expect("read");
        let (mut marked, mut unmarked) = (0, 0);
        for entry in entries {
            match entry.fact {
                Fact::Events(events) if events.cloned => marked += events.events.len(),
                Fact::Events(events) => unmarked += events.events.len(),
                _ => {}
            }
        }
        (marked, unmarked)
    }
}

async fn send(line: &mut TlsStream<TcpStream>, batch: Batch) {
    let through = batch.last;
    frame::write_agent_frame(line, AgentFrame::Batch(batch))
        .await
        .expect("sent");
    let ack = Ack {
        lane: Lane::State,
        through,
    };
    assert_eq!(answer(line).await, CollectorFrame::Ack(ack));
}

fn welcomed(frame: CollectorFrame) -> Welcome {
    match frame {
        CollectorFrame::Welcome(welcome) => welcome,
        other => panic!("{other:?}"),
    }
}

/// Reads the goodbye as a live agent does, and takes its leave in good order.
async fn sent_away(mut line: TlsStream<TcpStream>) -> String {
    let CollectorFrame::GoAway(go_away) = answer(&mut line).await else {
        panic!("no goodbye")
    };
    line.shutdown().await.expect("closed in good order");
    go_away.reason
}

#[tokio::test]
async fn a_pc_that_lay_in_a_cupboard_renews_and_goes_on() {
    let front = Front::start().await;
    let _begun = front.enrolled().await;
    for days in [30, 120, 399] {
        let pc = front.expired(days).await;
        let refused = refusal_of(front.greet(&pc, hello(1)).await.1);
        assert_eq!(refused.code, RefusalCode::Expired, "it may only renew");
        let renewed = front.renew(&pc).await.expect("renewed");
        assert_ne!(renewed.certificate, pc.certificate);
        welcomed(front.greet(&renewed, hello(1)).await.1);
    }
}

#[tokio::test]
async fn after_400_days_or_revoked_nothing_but_enrolling_helps() {
    let front = Front::start().await;
    let late = front
        .renew(&front.expired(401).await)
        .await
        .err()
        .expect("refused");
    assert_eq!(late.code, RefusalCode::Expired);
    assert!(late.message.contains("enrol --force"), "{}", late.message);

    let pc = front.expired(120).await;
    let mut tx = front.registry.begin().await.expect("begun");
    agent::revoke(&mut tx, pc.agent(), now_ms())
        .await
        .expect("revoked");
    tx.commit().await.expect("committed");
    let revoked = front.renew(&pc).await.err().expect("refused");
    assert_eq!(revoked.code, RefusalCode::Revoked);
}

#[tokio::test]
async fn an_agent_gets_few_certificates_a_day_and_stays_welcome() {
    let front = Front::start().await;
    let pc = front.enrolled().await;
    let mut signed = 0;
    let refused = loop {
        match front.renew(&pc).await {
            Ok(_) => signed += 1,
            Err(no) => break no,
        }
        assert!(signed < 100, "there is no end to it");
    };
    assert_eq!(refused.code, RefusalCode::Limit);
    assert!(signed >= 3, "some go wrong on a full disk: {signed}");
    welcomed(front.greet(&pc, hello(1)).await.1);
}

#[tokio::test]
async fn what_nobody_can_renew_any_more_is_forgotten_with_the_next_renewal() {
    let front = Front::start().await;
    let young = front.enrolled().await;
    let old = front.aged(&young, 401).await;
    let late = front.renew(&old).await.err().expect("refused");
    assert_eq!(late.code, RefusalCode::Expired);
    front.renew(&young).await.expect("renewed");
    let forgotten = front.renew(&old).await.err().expect("refused");
    assert_eq!(forgotten.code, RefusalCode::UnknownHost);
}

#[tokio::test]
async fn a_pc_whose_agent_said_goodbye_is_enrolled_again_at_once() {
    let front = Front::start().await;
    let pc = front
        .enrol(&front.token(1, i64::MAX).await, MACHINE)
        .await
        .expect("enrolled");
    let (line, _) = front.greet(&pc, hello(1)).await;
    front.until_connected(true).await;
    drop(line);
    front.until_connected(false).await;
    let again = front.token(1, i64::MAX).await;
    let refused = front
        .enrol(&again, MACHINE)
        .await
        .err()
        .expect("it may come back");
    assert_eq!(refused.code, RefusalCode::Unavailable);

    let (mut line, _) = front.greet(&pc, hello(1)).await;
    front.until_connected(true).await;
    line.shutdown().await.expect("a goodbye");
    front.until_connected(false).await;
    let enrolled = front.enrol(&again, MACHINE).await.expect("enrolled at once");
    welcomed(front.greet(&enrolled, hello(1)).await.1);
}

#[tokio::test]
async fn one_key_with_two_fingerprints_is_two_machines_and_both_are_quarantined() {
    let front = Front::start().await;
    let pc = front.enrolled().await;
    let (mut first, _) = front.greet(&pc, here(1)).await;
    send(&mut first, batch(1, 3)).await;

    let (_second, welcome) = front.greet(&pc, there(1)).await;
    assert!(welcomed(welcome).new_stream, "what it says is kept apart");
    let cloned = front.clones(1).await.remove(0);
    assert_eq!(
        (cloned.how, cloned.machines.len()),
        (CloneSign::TwoFingerprints, 2)
    );
    let host = front.host().await;
    assert!(host.cloned_ms.is_some());
    assert_eq!(host.cloned_how, Some(CloneSign::TwoFingerprints));

    let own = |hello: Hello, stream| Hello {
        stream: StreamId([stream; 16]),
        ..hello
    };
    let (mut second, welcome) = front.greet(&pc, own(there(1), 9)).await;
    assert!(!welcomed(welcome).new_stream);
    let (mut first, welcome) = front.greet(&pc, here(4)).await;
    assert_eq!(welcomed(welcome).high_water[1], 3);
    // Both stay connected, and lose nothing to each other.
    send(&mut first, batch(4, 5)).await;
    send(&mut second, batch(1, 2)).await;
    assert_eq!(front.marked().await, (4, 3));
    assert_eq!(front.clones(1).await.len(), 1, "said once");
}

#[tokio::test]
async fn a_replaced_board_is_no_clone_until_the_old_one_speaks_again() {
    let front = Front::start().await;
    let pc = front.enrolled().await;
    for hello in [here(1), there(1), there(1)] {
        let (line, welcome) = front.greet(&pc, hello).await;
        assert!(!welcomed(welcome).new_stream);
        front.until_connected(true).await;
        drop(line);
        front.until_connected(false).await;
    }
    assert_eq!(front.host().await.cloned_ms, None);
    front.greet(&pc, here(1)).await;
    assert_eq!(front.clones(1).await[0].how, CloneSign::TwoFingerprints);
}

#[tokio::test]
async fn connections_that_keep_taking_over_from_each_other_are_two_machines() {
    let front = Front::start().await;
    let pc = front.enrolled().await;
    let (mut line, _) = front.greet(&pc, here(1)).await;
    for _ in 0..3 {
        let (next, _) = front.greet(&pc, here(1)).await;
        assert_eq!(sent_away(line).await, "taken_over");
        line = next;
    }
    assert_eq!(front.clones(1).await[0].how, CloneSign::TakeOvers);
}

#[tokio::test]
async fn one_range_with_two_contents_of_two_that_live_is_a_clone() {
    let front = Front::start().await;
    let pc = front.enrolled().await;
    let (mut first, _) = front.greet(&pc, here(1)).await;
    send(&mut first, batch(1, 3)).await;
    let copy = on_board("4c4c4544-0051-3510", 4, vec![7; 16]);
    let (_second, welcome) = front.greet(&pc, copy).await;
    assert!(
        welcomed(welcome).new_stream,
        "nothing of it is taken for a repetition"
    );
    assert_eq!(sent_away(first).await, "taken_over");
    assert_eq!(front.clones(1).await[0].how, CloneSign::TwoContents);
}

#[tokio::test]
async fn a_restored_snapshot_begins_a_new_stream_and_is_no_clone() {
    let front = Front::start().await;
    let pc = front.enrolled().await;
    let (mut before, _) = front.greet(&pc, here(1)).await;
    send(&mut before, batch(1, 5)).await;
    // The machine of that connection is no more: it never answers.
    for hello in [here(3), on_board("4c4c4544-0051-3510", 6, vec![7; 16])] {
        let (_line, welcome) = front.greet(&pc, hello).await;
        assert!(welcomed(welcome).new_stream);
    }
    let own = Hello {
        stream: StreamId([9; 16]),
        ..here(1)
    };
    let (mut line, _) = front.greet(&pc, own).await;
    send(&mut line, batch(1, 2)).await;
    assert_eq!(front.host().await.cloned_ms, None);
    assert_eq!(front.marked().await, (0, 7));
    drop(before);
}

#[tokio::test]
async fn a_reconnect_takes_over_at_once_from_connections_that_say_nothing_more() {
    let front = Front::start().await;
    let pc = front.enrolled().await;
    let mut half_dead = Vec::new();
    for _ in 0..6 {
        let greeted = tokio::time::timeout(PATIENCE / 2, front.greet(&pc, here(1))).await;
        let (line, welcome) = greeted.expect("at once");
        welcomed(welcome);
        half_dead.push(line);
    }
    assert_eq!(front.host().await.cloned_ms, None);
}
