//! The API as its users meet it: requests in, answers out, over a real registry and a real journal. The store
//! is one that nobody can reach, so what needs it must say so, and everything else must work without it.

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt as _;
use vong_proto::event::{AgentId, Severity};

use super::*;
use crate::clock::now_ms;
use crate::entry::HostId;
use crate::finding::{Category, Finding};
use crate::registry::alert::{Alert, AlertState};
use crate::registry::exception::{self, ExceptionKind, NewException, Subject};
use crate::registry::harness::{self, SqliteRegistry};
use crate::registry::host_state::ProtectionState;
use crate::registry::user::{self, NewUser, Role};
use crate::registry::{Page, agent, alert, audit, finding, host, host_state, policy};
use crate::store::{Secret, StoreAddress};

mod coverage;

const PASSWORD: &str = "một mật khẩu đủ dài";

/// A collector's face, and the two units A and B below a province, each with one host and one alert.
struct World {
    api: Api,
    harness: SqliteRegistry,
    stop: watch::Sender<bool>,
    units: [i64; 3],
    hosts: [HostId; 2],
    alerts: [i64; 2],
    /// Of the host in B.
    exception: i64,
    _folder: TempDir,
}

/// What came back.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    fn code(&self) -> String {
        self.json()["code"]
            .as_str()
            .expect("a refusal has a code")
            .to_owned()
    }
}

/// A signed-in browser.
struct Browser<'a> {
    world: &'a World,
    cookie: String,
    csrf: String,
}

impl World {
    async fn new() -> Self {
        let harness = harness::sqlite().await;
        let registry = &harness.registry;
        let top = harness::a_unit(registry, None, "UBND tỉnh", "soc@example.vn").await;
        let a = harness::a_unit(registry, Some(top), "Xã A", "").await;
        let b = harness::a_unit(registry, Some(top), "Xã B", "").await;
        let hosts = [
            harness::a_host(registry, a, "PC-A").await,
            harness::a_host(registry, b, "PC-B").await,
        ];
        let alerts = [
            an_alert(registry, hosts[0]).await,
            an_alert(registry, hosts[1]).await,
        ];
        let exception = an_exception(registry, hosts[1]).await;
        a_neighbour(registry, hosts[1], MACHINE).await;
        for (name, role, unit_id) in [
            ("quản trị", Role::Administrator, None),
            ("phân tích", Role::Analyst, None),
            ("cán bộ A", Role::UnitStaff, Some(a)),
            ("kiểm tra", Role::Auditor, None),
        ] {
            a_user(registry, name, role, unit_id, false).await;
        }
        let folder = TempDir::new().expect("a folder");
        let (stop, stopped) = watch::channel(false);
        let nowhere = StoreAddress {
            url: "http://127.0.0.1:1".to_owned(),
            user: "nobody".to_owned(),
            password: Secret::new(""),
        };
        let sources = Sources {
            registry: registry.clone(),
            journal: Journal::open(&folder.path().join("journal.db"), 16 << 20).expect("a new journal"),
            store: Store::new(&nowhere),
            live: Live::default(),
            metrics: Arc::default(),
        };
        Self {
            api: Api::new(sources, &Config::default(), stopped),
            harness,
            stop,
            units: [top, a, b],
            hosts,
            alerts,
            exception,
            _folder: folder,
        }
    }

    fn registry(&self) -> &Registry {
        &self.harness.registry
    }

    async fn send(&self, mut request: Request<Body>) -> Answer {
        let peer: std::net::SocketAddr = ([192, 0, 2, 7], 4711).into();
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = self
            .api
            .clone()
            .router()
            .oneshot(request)
            .await
            .expect("infallible");
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Answer {
            status: head.status,
            headers: head.headers,
            text: String::from_utf8(body.to_vec()).expect("text"),
        }
    }

    async fn attempt(&self, name: &str, password: &str) -> Answer {
        let body = json!({ "name": name, "password": password });
        self.send(request(Method::POST, "/api/v1/session", &[], Some(&body)))
            .await
    }

    async fn sign_in(&self, name: &str) -> Browser<'_> {
        let answer = self.attempt(name, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let cookie = answer.headers[header::SET_COOKIE].to_str().expect("text");
        Browser {
            world: self,
            cookie: cookie.split(';').next().expect("a pair").to_owned(),
            csrf: answer.json()["csrf"].as_str().expect("a token").to_owned(),
        }
    }

    async fn set_evidence(&self, finding: &str, evidence: &Value) {
        let mut tx = self.registry().begin().await.expect("begin");
        finding::set_evidence(&mut tx, finding, evidence)
            .await
            .expect("known");
        tx.commit().await.expect("commit");
    }

    async fn acts(&self) -> Vec<String> {
        let page = Page {
            after: None,
            limit: 200,
        };
        let acts = audit::list(self.registry(), &page).await.expect("the trail");
        acts.items
            .into_iter()
            .map(|act| format!("{} {} {}", act.actor, act.action, act.object))
            .collect()
    }
}

impl Browser<'_> {
    async fn get(&self, path: &str) -> Answer {
        self.world
            .send(request(Method::GET, path, &[("cookie", &self.cookie)], None))
            .await
    }

    async fn change(&self, method: Method, path: &str, body: Value) -> Answer {
        let headers = [("cookie", self.cookie.as_str()), ("x-csrf-token", &self.csrf)];
        self.world
            .send(request(method, path, &headers, Some(&body)))
            .await
    }
}

fn request(method: Method, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Request<Body> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "soc.example:8080");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = match body {
        Some(body) => {
            request = request.header(header::CONTENT_TYPE, "application/json");
            Body::from(body.to_string())
        }
        None => Body::empty(),
    };
    request.body(body).expect("a request")
}

/// The hardware address of a machine that the PC in B sees.
const MACHINE: &str = "00:1b:a9:00:00:0b";

async fn a_neighbour(registry: &Registry, host: HostId, mac: &str) {
    let mut tx = registry.begin().await.expect("begin");
    sqlx::query(
        "INSERT INTO neighbours (mac, host_id, address, adapter, first_ms, last_ms) \
         VALUES ($1, $2, '192.168.1.9', 'eth0', $3, $3)",
    )
    .bind(mac.to_owned())
    .bind(host.0)
    .bind(now_ms())
    .execute(&mut *tx)
    .await
    .expect("a neighbour");
    tx.commit().await.expect("commit");
}

async fn an_exception(registry: &Registry, host: HostId) -> i64 {
    let new = NewException {
        subject: Subject::Host(host),
        kind: ExceptionKind::OfflineRule,
        reason: "máy soạn thảo văn bản mật".to_owned(),
        created_by: "quản trị".to_owned(),
        ends_ms: now_ms() + 86_400_000,
    };
    let mut tx = registry.begin().await.expect("begin");
    let id = exception::insert(&mut tx, &new, now_ms() - 1)
        .await
        .expect("an exception");
    tx.commit().await.expect("commit");
    id
}

async fn a_user(registry: &Registry, name: &str, role: Role, unit_id: Option<i64>, must_change: bool) {
    let new = NewUser {
        name: name.to_owned(),
        password_hash: password::hash(PASSWORD),
        role,
        unit_id,
        must_change_password: must_change,
        language: "vi".to_owned(),
        email: String::new(),
    };
    let mut tx = registry.begin().await.expect("begin");
    user::insert(&mut tx, &new, 1).await.expect("a user");
    tx.commit().await.expect("commit");
}

/// An alert with one finding about a file whose name is an attack on every reader.
async fn an_alert(registry: &Registry, host: HostId) -> i64 {
    let evidence = json!({ "path": HOSTILE, "action": "modified" });
    let found = Finding {
        id: format!("finding of {host}"),
        rule: "file.critical_changed".to_owned(),
        category: Category::Files,
        host,
        key: HOSTILE.to_owned(),
        severity: Severity::Critical,
        opened_pos: 1,
        opened_ms: 1_000,
        evidence: evidence.clone(),
    };
    let new = Alert {
        id: 0,
        category: Category::Files,
        host,
        unit: None,
        severity: Severity::Critical,
        state: AlertState::Open,
        verdict: None,
        assignee: None,
        opened_ms: 1_000,
        updated_ms: 1_000,
        acknowledged_ms: None,
        resolved_ms: None,
        resolved_by: None,
        findings: 1,
        open_findings: 1,
        title_code: "file.critical_changed".to_owned(),
        title_params: evidence,
        mail: None,
        mailed_ms: None,
        mailed_severity: None,
    };
    let mut tx = registry.begin().await.expect("begin");
    let id = alert::insert(&mut tx, &new).await.expect("an alert");
    finding::open(&mut tx, &found, 1_000).await.expect("a finding");
    for row in finding::unsettled(&mut tx, 10).await.expect("findings").rows {
        finding::settle(&mut tx, &row, Some(id)).await.expect("settled");
    }
    tx.commit().await.expect("commit");
    id
}

const HOSTILE: &str = "</script><img src=x onerror=alert(1)>'; DROP TABLE alerts; --\u{1b}[2J\u{202e}";

#[tokio::test]
async fn a_session_is_a_cookie_that_scripts_and_other_sites_cannot_use() {
    let world = World::new().await;
    let answer = world.attempt("quản trị", PASSWORD).await;
    let cookie = answer.headers[header::SET_COOKIE].to_str().expect("text");
    for part in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert_eq!(answer.json()["role"], "administrator");
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    let token = cookie.split(['=', ';']).nth(1).expect("a token");
    let kept = sqlx_count(&world, token).await;
    assert_eq!(kept, 0, "only the token's hash is kept");
}

/// How many sessions are kept under a text as it is.
async fn sqlx_count(world: &World, token: &str) -> usize {
    let found = crate::registry::session::by_hash(world.registry(), token, 0)
        .await
        .expect("asked");
    usize::from(found.is_some())
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let world = World::new().await;
    let browser = world.sign_in("quản trị").await;
    assert_eq!(browser.get("/api/v1/me").await.status, StatusCode::OK);
    assert_eq!(
        browser
            .change(Method::DELETE, "/api/v1/session", json!({}))
            .await
            .status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(browser.get("/api/v1/me").await.code(), "unauthenticated");
}

#[tokio::test]
async fn nobody_learns_whether_a_name_or_a_password_was_wrong() {
    let world = World::new().await;
    let wrong = world.attempt("quản trị", "wrong").await;
    let unknown = world.attempt("nobody", "wrong").await;
    assert_eq!((wrong.status, wrong.text), (unknown.status, unknown.text));
    let mut tx = world.registry().begin().await.expect("begin");
    let lan = user::by_name(world.registry(), "kiểm tra")
        .await
        .expect("asked")
        .expect("there");
    user::set_disabled(&mut tx, lan.id, true).await.expect("disabled");
    tx.commit().await.expect("commit");
    assert_eq!(
        world.attempt("kiểm tra", PASSWORD).await.code(),
        "bad_credentials"
    );
    let acts = world.acts().await;
    assert!(
        acts.contains(&"quản trị session.refused session".to_owned()),
        "{acts:?}"
    );
}

#[tokio::test]
async fn guessing_is_slowed_down_and_others_still_get_in() {
    let world = World::new().await;
    for _ in 0..6 {
        assert_eq!(world.attempt("quản trị", "wrong").await.code(), "bad_credentials");
    }
    let slowed = world.attempt("quản trị", PASSWORD).await;
    assert_eq!(slowed.code(), "too_many_attempts");
    let wait = slowed.json()["params"]["retry_after_s"]
        .as_u64()
        .expect("seconds");
    assert!((1..=2).contains(&wait), "{wait}");
    assert_eq!(
        slowed.headers[header::RETRY_AFTER].to_str().expect("text"),
        wait.to_string()
    );
    assert_eq!(world.attempt("phân tích", PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_change_needs_the_sessions_own_value_and_our_own_page() {
    let world = World::new().await;
    let browser = world.sign_in("quản trị").await;
    let path = format!("/api/v1/alerts/{}/acknowledge", world.alerts[0]);
    let body = json!({});
    let cookie = ("cookie", browser.cookie.as_str());
    for headers in [
        &[cookie][..],
        &[cookie, ("x-csrf-token", "wrong")],
        &[
            cookie,
            ("x-csrf-token", &browser.csrf),
            ("origin", "https://evil.example"),
        ],
        &[cookie, ("x-csrf-token", &browser.csrf), ("origin", "null")],
    ] {
        let answer = world
            .send(request(Method::POST, &path, headers, Some(&body)))
            .await;
        assert_eq!(answer.code(), "csrf", "{headers:?}");
    }
    let ours = [
        cookie,
        ("x-csrf-token", browser.csrf.as_str()),
        ("origin", "https://soc.example:8080"),
    ];
    let answer = world.send(request(Method::POST, &path, &ours, Some(&body))).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let elsewhere = [("origin", "https://evil.example")];
    let body = json!({ "name": "quản trị", "password": PASSWORD });
    let answer = world
        .send(request(Method::POST, "/api/v1/session", &elsewhere, Some(&body)))
        .await;
    assert_eq!(answer.code(), "csrf", "nobody is signed in from elsewhere either");
}

#[tokio::test]
async fn a_given_password_is_good_for_choosing_another_only() {
    let world = World::new().await;
    a_user(world.registry(), "mới", Role::Analyst, None, true).await;
    let browser = world.sign_in("mới").await;
    let other = world.sign_in("mới").await;
    assert_eq!(
        browser.get("/api/v1/overview").await.code(),
        "password_change_required"
    );
    let put = |current: &str, new: &str| {
        browser.change(
            Method::PUT,
            "/api/v1/me/password",
            json!({ "current": current, "new": new }),
        )
    };
    assert_eq!(put(PASSWORD, "ngắn").await.code(), "password_too_short");
    assert_eq!(put("sai", "một mật khẩu khác").await.code(), "wrong_password");
    assert_eq!(
        put(PASSWORD, "một mật khẩu khác").await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(browser.get("/api/v1/overview").await.status, StatusCode::OK);
    assert_eq!(
        other.get("/api/v1/me").await.code(),
        "unauthenticated",
        "other sessions have ended"
    );
    assert_eq!(world.attempt("mới", PASSWORD).await.code(), "bad_credentials");
}

/// The path with what must be asked along with it.
fn asked(world: &World, path: &str) -> String {
    let query = match path.rsplit('/').next() {
        Some("history" | "report" | "report.csv") => "?from=2026-11-01&to=2026-11-30".to_owned(),
        Some("import") if path.contains("/hashes/") => "?verdict=bad&source=x".to_owned(),
        Some("certificate") => format!("?unit={}", world.units[2]),
        _ => String::new(),
    };
    format!("{path}{query}")
}

/// Every operation of the document, with the ids of unit B's things in its path, and whether there was one.
fn every_operation(world: &World) -> Vec<(Method, String, bool)> {
    let document: Value = serde_json::from_str(&openapi()).expect("JSON");
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let id = match path.split('/').nth(3) {
            Some("hosts") => world.hosts[1].0,
            Some("alerts") => world.alerts[1],
            Some("coverage") => world.exception,
            _ => world.units[2],
        };
        let path = asked(world, path);
        let of_b = ["{id}", "{mac}", "unit="].iter().any(|part| path.contains(part));
        let path = path
            .replace("{id}", &id.to_string())
            .replace("{key}", "1-0")
            .replace("{mac}", MACHINE)
            .replace("{review}", "1")
            .replace("{sha256}", &"ab".repeat(32));
        for method in item.as_object().expect("operations").keys() {
            let of_b = of_b || (method == "post" && path.ends_with("/exceptions"));
            operations.push((
                method.to_uppercase().parse().expect("a method"),
                path.clone(),
                of_b,
            ));
        }
    }
    assert!(operations.len() > 20, "{operations:?}");
    operations
}

/// What may be asked without a session.
const OPEN: [&str; 4] = ["/healthz", "/readyz", "/metrics", "/api/v1/openapi.json"];

#[tokio::test]
async fn nothing_is_shown_to_nobody() {
    let world = World::new().await;
    for (method, path, _) in every_operation(&world) {
        if OPEN.contains(&path.as_str()) || (method == Method::POST && path == "/api/v1/session") {
            continue;
        }
        let answer = world
            .send(request(method.clone(), &path, &[], Some(&json!({}))))
            .await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        let stale = [("cookie", "vong_session=AAAA")];
        let answer = world
            .send(request(method.clone(), &path, &stale, Some(&json!({}))))
            .await;
        assert_eq!(answer.code(), "unauthenticated", "{method} {path}");
    }
}

/// A body that the operation would accept.
fn body_for(world: &World, path: &str) -> Value {
    match path.rsplit('/').next() {
        Some("resolve") => json!({ "verdict": "benign", "comment": "" }),
        Some("comment") => json!({ "comment": "xong" }),
        Some("commands") => json!({ "kind": "rescan" }),
        Some("accept-baseline") => json!({ "reason": "đã cập nhật phần mềm", "findings": [] }),
        Some("file-reviews") => json!({ "event_key": "1-0", "verdict": "accepted", "reason": "đã kiểm tra" }),
        Some("hashes") => json!({ "sha256": ["ab".repeat(32)], "verdict": "bad", "source": "trung tâm" }),
        Some("mark") => json!({ "kind": "printer" }),
        Some("exceptions") => json!({
            "host_id": world.hosts[1].0, "kind": "retired", "reason": "chờ thanh lý", "ends_ms": now_ms() + 60_000,
        }),
        _ => json!({}),
    }
}

#[tokio::test]
async fn staff_of_one_unit_find_nothing_of_another_anywhere() {
    let world = World::new().await;
    let browser = world.sign_in("cán bộ A").await;
    for (method, path, of_b) in every_operation(&world) {
        let own = OPEN.contains(&path.as_str()) || path.contains("/me") || path.ends_with("/session");
        if own || path.ends_with("/live") {
            continue;
        }
        let answer = browser
            .change(method.clone(), &path, body_for(&world, &path))
            .await;
        let of_hashes = path.starts_with("/api/v1/hashes") && !path.ends_with("/sightings");
        if path.ends_with("/assets/import") || of_hashes {
            assert_eq!(answer.code(), "forbidden");
        } else if path.ends_with("/events/1-0") || path.ends_with("/sightings") {
            assert_eq!(
                answer.code(),
                "unavailable",
                "{path}: the store alone knows whose it is"
            );
        } else if of_b {
            assert_eq!(
                answer.status,
                StatusCode::NOT_FOUND,
                "{method} {path}: {}",
                answer.text
            );
        } else {
            assert_eq!(answer.status, StatusCode::OK, "{method} {path}: {}", answer.text);
        }
        for secret in ["PC-B", "Xã B", "UBND tỉnh"] {
            assert!(!answer.text.contains(secret), "{method} {path}: {}", answer.text);
        }
    }
    let unit_b = world.units[2];
    for path in [
        format!("/api/v1/hosts?unit={unit_b}"),
        format!("/api/v1/alerts?unit={unit_b}&state=active"),
        format!("/api/v1/alerts?host={}", world.hosts[1].0),
        "/api/v1/hosts?search=pc-b".to_owned(),
    ] {
        assert_eq!(browser.get(&path).await.json()["items"], json!([]), "{path}");
    }
    let overview = browser.get("/api/v1/overview").await.json();
    assert_eq!(overview["hosts"]["registered"], 1);
    assert_eq!(overview["alerts_open"]["critical"], 1);
}

#[tokio::test]
async fn an_auditor_changes_nothing() {
    let world = World::new().await;
    let browser = world.sign_in("kiểm tra").await;
    let mut refused = 0;
    for (method, path, _) in every_operation(&world) {
        let own = path.contains("/me") || path.ends_with("/session");
        if method == Method::GET || own {
            continue;
        }
        let answer = browser
            .change(method.clone(), &path, body_for(&world, &path))
            .await;
        assert_eq!(answer.code(), "forbidden", "{method} {path}");
        refused += 1;
    }
    assert!(refused >= 5, "{refused}");
}

#[tokio::test]
async fn an_alert_goes_through_its_life_and_each_step_is_written_down() {
    let world = World::new().await;
    let browser = world.sign_in("phân tích").await;
    let alert = world.alerts[0];
    let post = async |step: &str, body: Value| {
        let path = format!("/api/v1/alerts/{alert}/{step}");
        browser.change(Method::POST, &path, body).await
    };
    let taken = post("acknowledge", json!({})).await.json();
    assert_eq!(
        (&taken["state"], &taken["assignee"]),
        (&json!("acknowledged"), &json!("phân tích"))
    );
    let again = post("acknowledge", json!({})).await;
    assert_eq!(
        (again.code(), again.json()["params"]["state"].clone()),
        ("conflict".to_owned(), json!("acknowledged"))
    );
    assert_eq!(
        post("comment", json!({ "comment": " " })).await.code(),
        "bad_request"
    );
    assert_eq!(
        post("comment", json!({ "comment": "x".repeat(4_001) }))
            .await
            .code(),
        "bad_request"
    );
    assert_eq!(
        post("comment", json!({ "comment": HOSTILE })).await.status,
        StatusCode::OK
    );
    assert_eq!(
        post("resolve", json!({ "verdict": "maybe" })).await.code(),
        "bad_request"
    );
    let over = post("resolve", json!({ "verdict": "benign", "comment": "đã hỏi" }))
        .await
        .json();
    assert_eq!(
        (&over["state"], &over["verdict"], &over["open_findings"]),
        (&json!("resolved"), &json!("benign"), &json!(0))
    );
    let actions: Vec<&str> = over["history"]
        .as_array()
        .expect("history")
        .iter()
        .filter_map(|it| it["action"].as_str())
        .collect();
    assert_eq!(actions, ["acknowledged", "comment", "resolved"]);
    assert_eq!(
        over["findings_list"][0]["evidence"]["path"], HOSTILE,
        "hostile text is data"
    );
    let acts = world.acts().await;
    for action in ["alert.acknowledged", "alert.commented", "alert.resolved"] {
        assert!(
            acts.contains(&format!("phân tích {action} alert/{alert}")),
            "{acts:?}"
        );
    }
}

#[tokio::test]
async fn a_policy_with_a_fault_is_refused_by_place() {
    let world = World::new().await;
    let browser = world.sign_in("quản trị").await;
    let path = format!("/api/v1/units/{}/policy", world.units[1]);
    let refused = browser
        .change(Method::PUT, &path, json!({ "files": { "watchs": [] } }))
        .await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.json()["params"]["place"], "files.watchs");
    let document = json!({ "files": { "watches": [{ "name": "hồ sơ", "path": "/srv/hồ sơ" }] } });
    let kept = browser.change(Method::PUT, &path, document.clone()).await.json();
    assert_eq!(
        (&kept["document"], &kept["updated_by"]),
        (&document, &json!("quản trị"))
    );
    let host = browser
        .get(&format!("/api/v1/hosts/{}/policy", world.hosts[0].0))
        .await
        .json();
    assert_eq!(host["document"]["files"]["watches"][0]["path"], "/srv/hồ sơ");
    let other = policy::effective(world.registry(), world.hosts[1])
        .await
        .expect("a policy");
    assert!(
        !other.document.contains("hồ sơ"),
        "the neighbour's policy is another one"
    );
    let analyst = world.sign_in("phân tích").await;
    assert_eq!(
        analyst.change(Method::PUT, &path, json!({})).await.code(),
        "forbidden"
    );
}

#[tokio::test]
async fn a_hosts_page_shows_what_is_known_and_says_what_is_not() {
    let world = World::new().await;
    let host = world.hosts[0];
    let browser = world.sign_in("quản trị").await;
    let unknown = browser.get(&format!("/api/v1/hosts/{}", host.0)).await.json();
    assert_eq!(
        (
            &unknown["protection"],
            &unknown["antivirus"],
            &unknown["privileged"]
        ),
        (&json!("unknown"), &Value::Null, &Value::Null)
    );
    assert_eq!(
        unknown["contact"]["email"], "soc@example.vn",
        "the nearest unit above that has one"
    );
    let product = json!({
        "product": HOSTILE, "vendor": "", "version": "", "engine": "on", "real_time": "off", "updater": "unknown",
        "definitions_version": "1", "definitions_built_ms": null, "raw": [],
    });
    let mut tx = world.registry().begin().await.expect("begin");
    let detail = json!({ "products": [product] });
    let off = crate::registry::host::Protection::Off;
    let off = ProtectionState::plain(off, 5_000, detail);
    host_state::set_protection(&mut tx, host, &off)
        .await
        .expect("kept");
    host_state::set_network(&mut tx, host, 5_000, &json!("not what we expect"))
        .await
        .expect("kept");
    tx.commit().await.expect("commit");
    let known = browser.get(&format!("/api/v1/hosts/{}", host.0)).await.json();
    assert_eq!(known["antivirus"]["products"][0]["product"], HOSTILE);
    assert_eq!(known["antivirus"]["at_ms"], 5_000);
    assert_eq!(
        known["protection_gaps"],
        json!(["real_time_off"]),
        "an engine that runs is not all of it, and what is unknown is not off"
    );
    assert_eq!(
        known["network"],
        Value::Null,
        "what cannot be read is unknown, not a fault of the page"
    );
    let acts = world.acts().await;
    let looks = acts.iter().filter(|act| act.contains("host.viewed")).count();
    assert_eq!(looks, 1, "one occasion, one row: {acts:?}");
}

#[tokio::test]
async fn a_host_whose_agent_lost_its_rights_says_so_until_it_has_another() {
    let world = World::new().await;
    let host = world.hosts[0];
    let browser = world.sign_in("phân tích").await;
    let page = format!("/api/v1/hosts/{}", host.0);
    assert_eq!(
        browser.get(&page).await.json()["revoked"],
        false,
        "it never had one"
    );
    let mut tx = world.registry().begin().await.expect("begin");
    agent::insert(&mut tx, AgentId([1; 16]), host, 1_000)
        .await
        .expect("an agent");
    agent::revoke_all_of(&mut tx, host, 2_000).await.expect("revoked");
    tx.commit().await.expect("commit");
    assert_eq!(browser.get(&page).await.json()["revoked"], true);
    let mut tx = world.registry().begin().await.expect("begin");
    agent::insert(&mut tx, AgentId([2; 16]), host, 3_000)
        .await
        .expect("another");
    tx.commit().await.expect("commit");
    assert_eq!(browser.get(&page).await.json()["revoked"], false);
}

#[tokio::test]
async fn the_overviews_number_of_seen_hosts_is_that_of_its_list() {
    let world = World::new().await;
    let browser = world.sign_in("phân tích").await;
    let seen = async || {
        browser
            .get("/api/v1/hosts/count?status=active&connection=seen")
            .await
            .json()["count"]
            .clone()
    };
    assert_eq!(seen().await, 0);
    let mut tx = world.registry().begin().await.expect("begin");
    let heard = [
        (world.hosts[0], now_ms()),
        (world.hosts[1], now_ms() - overview::SEEN_MS - 1),
    ];
    host::touch_seen(&mut tx, &heard).await.expect("heard");
    tx.commit().await.expect("commit");
    assert_eq!(seen().await, 1);
    assert_eq!(browser.get("/api/v1/overview").await.json()["hosts"]["seen"], 1);
}

#[tokio::test]
async fn pages_of_hosts_join_while_others_come_and_go() {
    let world = World::new().await;
    for number in 0..9 {
        harness::a_host(world.registry(), world.units[1], &format!("máy {number}")).await;
    }
    let browser = world.sign_in("quản trị").await;
    let mut names = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = browser
            .get(&format!("/api/v1/hosts?search=máy&limit=4{cursor}"))
            .await
            .json();
        let items = page["items"].as_array().expect("items");
        names.extend(
            items
                .iter()
                .map(|host| host["name"].as_str().expect("a name").to_owned()),
        );
        // A row that comes before the cursor's place must not push another one over the edge.
        harness::a_host(world.registry(), world.units[1], &format!("máy 0{}", names.len())).await;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let expected: Vec<String> = (0..9).map(|number| format!("máy {number}")).collect();
    assert_eq!(names, expected);
    assert_eq!(
        browser.get("/api/v1/hosts?cursor=nonsense").await.code(),
        "bad_request"
    );
    assert_eq!(
        browser.get("/api/v1/hosts?sort=fastest").await.code(),
        "bad_request"
    );
}

#[tokio::test]
async fn hostile_questions_are_only_questions() {
    let world = World::new().await;
    let browser = world.sign_in("quản trị").await;
    for search in ["%27%20OR%201=1%20--", "%25", "_", "%00", "%F0%9F%92%A9", "%5C"] {
        let answer = browser.get(&format!("/api/v1/hosts?search={search}")).await;
        assert_eq!(
            (answer.status, answer.json()["items"].clone()),
            (StatusCode::OK, json!([])),
            "{search}"
        );
    }
    for path in [
        "/api/v1/hosts/x",
        "/api/v1/hosts/-1",
        "/api/v1/hosts/99999999999999999999",
        "/api/v1/events/x",
        "/api/v1/nothing",
    ] {
        assert_eq!(browser.get(path).await.code(), "not_found", "{path}");
    }
    let large = json!({ "comment": "x".repeat(300_000) });
    let path = format!("/api/v1/alerts/{}/comment", world.alerts[0]);
    let answer = browser.change(Method::POST, &path, large).await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large".to_owned())
    );
}

#[tokio::test]
async fn what_needs_the_store_says_so_and_the_overview_stands_without_it() {
    let world = World::new().await;
    let browser = world.sign_in("quản trị").await;
    let events = browser
        .get(&format!("/api/v1/hosts/{}/events", world.hosts[0].0))
        .await;
    assert_eq!(events.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        events.json(),
        json!({ "code": "unavailable", "params": { "part": "store" } })
    );
    let overview = browser.get("/api/v1/overview").await.json();
    assert_eq!(
        (&overview["hosts"]["registered"], &overview["events_per_hour"]),
        (&json!(2), &json!([]))
    );
    let ready = world.send(request(Method::GET, "/readyz", &[], None)).await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    let parts = ready.json()["parts"].as_array().expect("parts").clone();
    let failing: Vec<_> = parts
        .iter()
        .filter(|part| part["ready"] == false)
        .map(|part| part["part"].clone())
        .collect();
    assert_eq!(failing, [json!("store")]);
    let store = parts
        .iter()
        .find(|part| part["part"] == "store")
        .expect("the store");
    assert!(
        store["remedy"]
            .as_str()
            .is_some_and(|remedy| remedy.contains("store.url")),
        "{store}"
    );
    assert_eq!(store["reason"], Value::Null, "errors name addresses and paths");
    let ready = browser.get("/readyz").await.text;
    assert!(ready.contains("the store cannot answer"), "{ready}");
    let metrics = world.send(request(Method::GET, "/metrics", &[], None)).await;
    assert!(
        metrics.text.contains("\nvong_journal_position 0\n"),
        "{}",
        metrics.text
    );
}

#[tokio::test]
async fn changes_are_told_to_those_whom_they_concern_until_the_session_ends() {
    let world = World::new().await;
    let browser = world.sign_in("cán bộ A").await;
    let cookie = [("cookie", browser.cookie.as_str()), ("last-event-id", "1")];
    let request = request(Method::GET, "/api/v1/live", &cookie, None);
    let response = world
        .api
        .clone()
        .router()
        .oneshot(request)
        .await
        .expect("infallible");
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut body = response.into_body();
    assert!(
        next(&mut body).await.contains(r#"{"topic":"reload","id":null}"#),
        "an id of another life"
    );
    world.api.live.publish(crate::live::Topic::Host(world.hosts[1]));
    world.api.live.publish(crate::live::Topic::Alert(world.alerts[1]));
    world.api.live.publish(crate::live::Topic::Host(world.hosts[0]));
    world.api.live.publish(crate::live::Topic::Host(world.hosts[0]));
    let told = next(&mut body).await;
    let expected = format!(r#"{{"topic":"host","id":{}}}"#, world.hosts[0].0);
    assert!(
        told.contains("event: change") && told.contains(&expected),
        "{told}"
    );
    world.api.live.publish(crate::live::Topic::Overview);
    assert!(
        next(&mut body)
            .await
            .contains(r#"{"topic":"overview","id":null}"#),
        "told once, and nothing of B"
    );
    world.stop.send(true).expect("the stream listens");
    assert!(
        body.frame().await.is_none(),
        "the stream ends when the collector stops"
    );
}

async fn next(body: &mut Body) -> String {
    let frame = tokio::time::timeout(std::time::Duration::from_secs(10), body.frame());
    let frame = frame
        .await
        .expect("in time")
        .expect("not the end")
        .expect("no error");
    String::from_utf8(frame.into_data().expect("data").to_vec()).expect("text")
}

#[tokio::test]
async fn every_page_is_the_dashboard_and_browsers_are_told_what_they_may() {
    let world = World::new().await;
    for path in ["/", "/alerts/7", "/hosts"] {
        let answer = world.send(request(Method::GET, path, &[], None)).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(
            answer.headers[header::CONTENT_TYPE]
                .to_str()
                .expect("text")
                .starts_with("text/html"),
            "{path}"
        );
        let policy = answer.headers[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .expect("text");
        assert!(
            policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe-eval"),
            "{policy}"
        );
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-cache");
    }
    let missing = world
        .send(request(Method::GET, "/assets/no-such.js", &[], None))
        .await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_list_of_bad_files_is_kept_by_those_who_see_all_and_every_change_is_written_down() {
    let world = World::new().await;
    let browser = world.sign_in("phân tích").await;
    let bad =
        json!({ "sha256": ["AB".repeat(32)], "verdict": "bad", "source": "trung tâm", "note": "Emotet" });
    let answer = browser.change(Method::POST, "/api/v1/hashes", bad).await;
    assert_eq!(answer.json()["added"], 1, "{}", answer.text);
    let fault = json!({ "sha256": ["ab"], "verdict": "bad", "source": "x" });
    let answer = browser.change(Method::POST, "/api/v1/hashes", fault).await;
    assert_eq!(answer.code(), "bad_request");
    // The body is one that no list can be: the line is named, and nothing is kept of it.
    let path = "/api/v1/hashes/import?verdict=good&source=x";
    let answer = browser.change(Method::POST, path, json!("none")).await;
    assert_eq!(
        (answer.code().as_str(), &answer.json()["params"]["line"]),
        ("hash_list_fault", &json!(1))
    );
    let answer = browser.change(Method::POST, path, json!("cd".repeat(32))).await;
    assert_eq!(answer.json()["added"], 1, "{}", answer.text);

    let listed = browser.get("/api/v1/hashes?verdict=bad&search=ABab").await.json();
    assert_eq!(listed["items"][0]["sha256"], "ab".repeat(32));
    assert_eq!(listed["items"][0]["author"], "phân tích");
    let gone = browser
        .change(
            Method::DELETE,
            &format!("/api/v1/hashes/{}", "ab".repeat(32)),
            json!({}),
        )
        .await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(browser.get("/api/v1/hashes/count").await.json()["count"], 1);
    let acts = world.acts().await;
    for act in [
        "hashes.added hashes",
        "hashes.imported hashes",
        "hashes.removed hash/abab",
    ] {
        assert!(acts.iter().any(|line| line.contains(act)), "{act}: {acts:?}");
    }
}

#[tokio::test]
async fn accepting_a_baseline_closes_the_alert_and_keeps_the_state() {
    let world = World::new().await;
    let path = format!("/api/v1/alerts/{}/accept-baseline", world.alerts[0]);
    let finding = format!("finding of {}", world.hosts[0]);
    let body = json!({ "reason": "đã cập nhật phần mềm", "scope": "unit", "findings": [finding] });
    let staff = world.sign_in("cán bộ A").await;
    assert_eq!(
        staff.change(Method::POST, &path, body.clone()).await.code(),
        "forbidden"
    );
    let browser = world.sign_in("phân tích").await;
    let refused = async |body: &Value| {
        let answer = browser.change(Method::POST, &path, body.clone()).await;
        assert_eq!(answer.code(), "conflict");
        answer.json()["params"]["state"].clone()
    };
    let mut evidence = json!({
        "path": "/a", "path_hex": "2f61", "action": "modified", "state_key": "ab".repeat(16), "size": 5,
        "sha256_absent": "too_large",
    });
    world.set_evidence(&finding, &evidence).await;
    for seen in [json!([]), json!([finding, "another"])] {
        let body = json!({ "reason": "đã cập nhật phần mềm", "findings": seen });
        assert_eq!(
            refused(&body).await,
            "findings_changed",
            "only what was seen is accepted"
        );
    }
    assert_eq!(
        refused(&body).await,
        "nothing_to_accept",
        "size and time can be forged"
    );
    evidence["sha256"] = json!("cd".repeat(32));
    world.set_evidence(&finding, &evidence).await;
    let answer = browser.change(Method::POST, &path, body.clone()).await;
    assert_eq!(
        (&answer.json()["state"], &answer.json()["verdict"]),
        (&json!("resolved"), &json!("benign"))
    );
    let listed = browser
        .get(&format!("/api/v1/hosts/{}/file-reviews", world.hosts[0]))
        .await
        .json();
    assert_eq!(listed["items"][0]["review"]["reason"], "đã cập nhật phần mềm");
    assert_eq!(listed["items"][0]["review"]["for_unit"], true);
    assert_eq!(browser.change(Method::POST, &path, body).await.code(), "conflict");
    let acts = world.acts().await;
    let act = format!("alert.baseline_accepted alert/{}", world.alerts[0]);
    assert!(acts.iter().any(|line| line.contains(&act)), "{acts:?}");

    let review = listed["items"][0]["review"]["id"].as_i64().expect("a number");
    let path = format!("/api/v1/hosts/{}/file-reviews/{review}", world.hosts[0]);
    let elsewhere = format!("/api/v1/hosts/{}/file-reviews/{review}", world.hosts[1]);
    assert_eq!(
        browser.change(Method::DELETE, &elsewhere, json!({})).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        browser.change(Method::DELETE, &path, json!({})).await.status,
        StatusCode::NO_CONTENT
    );
}
