//! Who may speak for which host, over a real register: what a token opens, and what it does not.

use std::sync::Arc;

use vong_proto::session::{Fingerprint, VERSION_MAX, VERSION_MIN};

use super::*;
use crate::registry::Page;
use crate::registry::harness::{SqliteRegistry, a_unit, sqlite};
use crate::registry::host::{HostEdit, Presented};

/// Long after everything that happened before.
const LATER_MS: i64 = 3_600_000;

struct House {
    fleet: Fleet,
    sqlite: SqliteRegistry,
    province: i64,
    commune: i64,
    other: i64,
    folder: tempfile::TempDir,
}

impl House {
    async fn new() -> Self {
        let sqlite = sqlite().await;
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Arc::new(Authority::open(&folder.path().join("ca")).expect("an authority"));
        let province = a_unit(&sqlite.registry, None, "Tỉnh", "").await;
        let commune = a_unit(&sqlite.registry, Some(province), "Xã Bình Minh", "").await;
        let other = a_unit(&sqlite.registry, Some(province), "Xã Hòa An", "").await;
        Self {
            fleet: Fleet::new(sqlite.registry.clone(), authority),
            sqlite,
            province,
            commune,
            other,
            folder,
        }
    }

    async fn token(&self, unit_id: i64) -> String {
        let secret = hex::encode(random_16());
        let row = registry::token::NewToken {
            secret_hash: token::secret_hash(&secret),
            unit_id,
            uses: 1,
            expires_ms: i64::MAX,
            created_by: "test".to_owned(),
            note: String::new(),
        };
        let mut tx = self.sqlite.registry.begin().await.expect("begun");
        registry::token::insert(&mut tx, &row, 1).await.expect("a token");
        tx.commit().await.expect("committed");
        secret
    }

    /// Enrols the one PC of these tests, or somebody who knows its fingerprint.
    async fn enrol(&self, secret: &str, later_ms: i64) -> Result<EnrolAnswer, Refusal> {
        let key = rcgen::KeyPair::generate().expect("a key");
        let csr = rcgen::CertificateParams::default().serialize_request(&key);
        let request = EnrolRequest {
            version_min: VERSION_MIN,
            version_max: VERSION_MAX,
            token: secret.to_owned(),
            csr_der: csr.expect("a request").der().to_vec(),
            fingerprint: Fingerprint {
                machine_id: "0f1e2d3c4b5a69788796a5b4c3d2e1f0".to_owned(),
                ..Fingerprint::default()
            },
            hostname: "PC-VĂN-THƯ".to_owned(),
            os: "Windows 11".to_owned(),
        };
        let from = IpAddr::from([10, 1, 2, 3]);
        self.fleet.enrol(&request, from, now_ms() + later_ms).await
    }

    async fn enrolled(&self, unit: i64, later_ms: i64) -> Credentials {
        let secret = self.token(unit).await;
        self.enrol(&secret, later_ms).await.expect("enrolled").credentials
    }

    async fn renewed(&self, identity: &Identity) -> Credentials {
        let key = rcgen::KeyPair::generate().expect("a key");
        let csr = rcgen::CertificateParams::default().serialize_request(&key);
        let csr = csr.expect("a request");
        let renewed = self.fleet.renew(identity, csr.der(), now_ms()).await;
        renewed.expect("renewed")
    }

    async fn connect(&self, host: HostId) {
        let presented = Presented {
            name: "PC-VĂN-THƯ".to_owned(),
            os: "Windows 11".to_owned(),
            agent_version: "0.1".to_owned(),
            privileged: true,
            boot: String::new(),
            clock_offset_ms: 0,
        };
        let mut tx = self.sqlite.registry.begin().await.expect("begun");
        host::set_connected(&mut tx, host, &presented, now_ms())
            .await
            .expect("connected");
        tx.commit().await.expect("committed");
    }

    async fn disconnect(&self, host: HostId, said_goodbye: bool) {
        let mut tx = self.sqlite.registry.begin().await.expect("begun");
        host::set_disconnected(&mut tx, host, said_goodbye, now_ms())
            .await
            .expect("disconnected");
        tx.commit().await.expect("committed");
    }

    async fn who(&self, credentials: &Credentials) -> Result<HostId, RefusalCode> {
        let identified = self.fleet.identify(&credentials.certificate_der, now_ms()).await;
        identified.map(|identity| identity.host).map_err(|no| no.code)
    }

    async fn latest_act(&self) -> audit::Act {
        let page = Page {
            after: None,
            limit: 1,
        };
        let acts = audit::list(&self.sqlite.registry, &page).await.expect("acts");
        acts.items.into_iter().next().expect("an act")
    }
}

#[tokio::test]
async fn a_token_of_another_unit_does_not_speak_for_a_known_pc() {
    let house = House::new().await;
    let owner = house.enrolled(house.commune, 0).await;
    let host = house.who(&owner).await.expect("known");
    let secret = house.token(house.other).await;
    let answer = house.enrol(&secret, LATER_MS).await.expect("enrolled");
    assert!(answer.pending, "whoever enrols hears that it waits");
    let stranger = answer.credentials;
    assert_eq!(house.who(&stranger).await, Err(RefusalCode::Pending));
    assert_eq!(house.who(&owner).await, Ok(host), "the owner keeps its rights");
    let act = house.latest_act().await;
    assert_eq!((act.actor.as_str(), act.action.as_str()), (ACTOR, "host.pending"));
    assert_eq!(
        act.detail["doubt"],
        json!({ "like": host, "doubt": "other_unit" })
    );
}

#[tokio::test]
async fn nobody_takes_a_connected_pc_over() {
    let house = House::new().await;
    let owner = house.enrolled(house.commune, 0).await;
    let host = house.who(&owner).await.expect("known");
    house.connect(host).await;
    let thief = house.enrolled(house.commune, LATER_MS).await;
    assert_eq!(house.who(&thief).await, Err(RefusalCode::Pending));
    assert_eq!(house.who(&owner).await, Ok(host));
}

#[tokio::test]
async fn an_agent_that_may_be_about_to_come_back_keeps_its_place_and_the_token_its_use() {
    let house = House::new().await;
    let owner = house.enrolled(house.commune, 0).await;
    let host = house.who(&owner).await.expect("known");
    house.connect(host).await;
    house.disconnect(host, false).await;
    let secret = house.token(house.commune).await;
    let refusal = house.enrol(&secret, 0).await.expect_err("too soon");
    assert_eq!(refusal.code, RefusalCode::Unavailable);
    assert_eq!(house.who(&owner).await, Ok(host));
    let again = house.enrol(&secret, LATER_MS).await.expect("enrolled again");
    assert!(!again.pending);
    assert_eq!(
        house.who(&again.credentials).await,
        Ok(host),
        "its history goes on"
    );
}

#[tokio::test]
async fn who_said_goodbye_is_enrolled_again_at_once() {
    let house = House::new().await;
    let owner = house.enrolled(house.commune, 0).await;
    let host = house.who(&owner).await.expect("known");
    house.connect(host).await;
    house.disconnect(host, true).await;
    let again = house.enrolled(house.commune, 0).await;
    assert_eq!(house.who(&again).await, Ok(host));
}

#[tokio::test]
async fn two_machines_with_one_key_are_both_out_once_one_of_them_has_enrolled_again() {
    let house = House::new().await;
    let shared = house.enrolled(house.commune, 0).await;
    let identity = house
        .fleet
        .identify(&shared.certificate_der, now_ms())
        .await
        .expect("known");
    house.connect(identity.host).await;
    let mut tx = house.sqlite.registry.begin().await.expect("begun");
    let how = crate::entry::CloneSign::TakeOvers;
    for is_news in [true, false] {
        let noted = agent::note_cloned(&mut tx, identity.agent, how, now_ms()).await;
        assert_eq!(noted.expect("noted"), is_news);
    }
    tx.commit().await.expect("committed");
    let known = house
        .fleet
        .recheck(&identity, now_ms())
        .await
        .expect("still heard");
    assert!(known.cloned);

    let first = house.enrolled(house.commune, 0).await;
    assert_eq!(
        house.who(&first).await,
        Ok(identity.host),
        "although the other one is connected"
    );
    assert_eq!(house.who(&shared).await, Err(RefusalCode::Revoked));
    let host = host::by_id(&house.sqlite.registry, identity.host)
        .await
        .expect("read");
    assert_eq!(host.expect("there").cloned_ms, None, "the host is itself again");
    let second = house.enrolled(house.commune, 0).await;
    assert_eq!(
        house.who(&second).await,
        Err(RefusalCode::Pending),
        "a person decides who it is"
    );
}

#[tokio::test]
async fn a_pc_enrolled_again_goes_on_and_its_former_agents_do_not() {
    let house = House::new().await;
    let first = house.enrolled(house.commune, 0).await;
    let host = house.who(&first).await.expect("known");
    for unit in [house.commune, house.province] {
        let again = house.enrolled(unit, LATER_MS).await;
        assert_eq!(house.who(&again).await, Ok(host));
        assert_eq!(house.who(&first).await, Err(RefusalCode::Revoked));
        assert_eq!(house.latest_act().await.action, "host.enrolled_again");
    }
}

#[tokio::test]
async fn who_waits_for_approval_is_let_in_by_a_person_and_hides_nobody() {
    let house = House::new().await;
    let owner = house.enrolled(house.commune, 0).await;
    let host = house.who(&owner).await.expect("known");
    let waiting = house.enrolled(house.other, LATER_MS).await;
    assert_eq!(house.who(&waiting).await, Err(RefusalCode::Pending));
    let again = house.enrolled(house.commune, LATER_MS).await;
    assert_eq!(
        house.who(&again).await,
        Ok(host),
        "the one that waits is not known yet"
    );

    let approved = HostEdit {
        status: Some(HostStatus::Active),
        ..HostEdit::default()
    };
    let second = HostId(host.0 + 1);
    let mut tx = house.sqlite.registry.begin().await.expect("begun");
    assert!(host::edit(&mut tx, second, &approved).await.expect("approved"));
    tx.commit().await.expect("committed");
    assert_eq!(house.who(&waiting).await, Ok(second));
}

#[tokio::test]
async fn who_guesses_tokens_does_not_queue_for_the_registrys_writer() {
    let house = House::new().await;
    let writing = house.sqlite.registry.begin().await.expect("the only writer");
    let guess = house.enrol("a guess", 0).await.expect_err("refused");
    assert_eq!(guess.code, RefusalCode::Token);
    writing.rollback().await.expect("undone");
}

/// The register is put back to a moment before this certificate was signed.
async fn forget(house: &House, credentials: &Credentials) {
    let mut tx = house.sqlite.registry.begin().await.expect("begun");
    let forgotten = sqlx::query("DELETE FROM certificates WHERE fingerprint = $1")
        .bind(certificate_fingerprint(&credentials.certificate_der))
        .execute(&mut *tx)
        .await
        .expect("forgotten");
    assert_eq!(forgotten.rows_affected(), 1);
    tx.commit().await.expect("committed");
}

#[tokio::test]
async fn a_restored_collector_knows_what_it_signed_after_the_backup() {
    let house = House::new().await;
    let before = house.enrolled(house.commune, 0).await;
    let identity = house.fleet.identify(&before.certificate_der, now_ms()).await;
    let identity = identity.expect("known");
    let renewed = house.renewed(&identity).await;
    let kept = house.fleet.identify(&renewed.certificate_der, now_ms()).await;
    forget(&house, &renewed).await;
    for _ in 0..2 {
        let known = house.fleet.identify(&renewed.certificate_der, now_ms()).await;
        assert_eq!(known, kept, "all that the row said stands in the certificate");
        let act = house.latest_act().await;
        assert_eq!(act.action, "certificate.recognised");
        assert_eq!(act.object, format!("host/{}", identity.host));
    }
    let page = Page {
        after: None,
        limit: 9,
    };
    let acts = audit::list(&house.sqlite.registry, &page).await.expect("acts");
    assert_eq!(acts.items.len(), 2, "enrolled and recognised, once each");
}

#[tokio::test]
async fn what_was_revoked_retired_or_too_old_does_not_come_back_as_forgotten() {
    let house = House::new().await;
    let first = house.enrolled(house.commune, 0).await;
    let identity = house.fleet.identify(&first.certificate_der, now_ms()).await;
    let identity = identity.expect("known");
    let renewed = house.renewed(&identity).await;
    forget(&house, &renewed).await;
    let later = now_ms() + 491 * DAY_MS;
    let aged = house.fleet.identify(&renewed.certificate_der, later).await;
    assert_eq!(aged.map_err(|no| no.code), Err(RefusalCode::UnknownHost));

    let again = house.enrolled(house.commune, LATER_MS).await;
    assert_eq!(house.who(&again).await, Ok(identity.host));
    assert_eq!(
        house.who(&renewed).await,
        Err(RefusalCode::UnknownHost),
        "revoked"
    );
    forget(&house, &again).await;
    let retired = HostEdit {
        status: Some(HostStatus::Retired),
        ..HostEdit::default()
    };
    let mut tx = house.sqlite.registry.begin().await.expect("begun");
    host::edit(&mut tx, identity.host, &retired)
        .await
        .expect("retired");
    tx.commit().await.expect("committed");
    assert_eq!(house.who(&again).await, Err(RefusalCode::UnknownHost), "retired");
}

#[tokio::test]
async fn only_our_own_trusted_signature_stands_for_a_row() {
    let house = House::new().await;
    let own = house.enrolled(house.commune, 0).await;
    let identity = house.fleet.identify(&own.certificate_der, now_ms()).await;
    let agent = identity.expect("known").agent;
    let folder = tempfile::tempdir().expect("a folder");
    let signed = |authority: &Authority, agent| {
        let key = rcgen::KeyPair::generate().expect("a key");
        let signed = authority.sign_agent(agent, &key, now_ms()).expect("signed");
        Credentials {
            certificate_der: signed.der,
            ca_der: Vec::new(),
        }
    };
    let other = Authority::open(&folder.path().join("ca")).expect("another authority");
    let forged = signed(&other, agent);
    assert_eq!(house.who(&forged).await, Err(RefusalCode::UnknownHost));
    let unknown = signed(house.fleet.authority(), AgentId([7; 16]));
    assert_eq!(house.who(&unknown).await, Err(RefusalCode::UnknownHost));
    let forgotten = signed(house.fleet.authority(), agent);

    let ca = house.folder.path().join("ca");
    Authority::rotate(&ca, 0).expect("rotated");
    let retired = Arc::new(Authority::retire(&ca).expect("retired"));
    let after = Fleet::new(house.sqlite.registry.clone(), retired);
    let told = after.identify(&forgotten.certificate_der, now_ms()).await;
    assert_eq!(told.map_err(|no| no.code), Err(RefusalCode::UnknownHost));
    assert!(
        house.who(&forgotten).await.is_ok(),
        "trusted still, it would be recognised"
    );
}
