//! Coverage as its users meet it: a register brought in, numbers with their lists, exceptions, and what is exported.

use super::*;
use crate::registry::host::{self, HostEdit};

const REGISTER: &str = "Mã tài sản;Tên máy;Đơn vị;Người sử dụng\r\nTS-A;PC-A;Xã A;Lan\r\nTS-B;PC-B;Xã B;Hùng\r\n\
    =1+1;PC-C;Xã B;\r\nTS-X;PC-X;Xã nào;\r\n";

async fn upload(browser: &Browser<'_>, path: &str, file: &str) -> Answer {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("host", "soc.example:8080")
        .header("cookie", &browser.cookie)
        .header("x-csrf-token", &browser.csrf)
        .body(Body::from(file.to_owned()))
        .expect("a request");
    browser.world.send(request).await
}

#[tokio::test]
async fn a_register_is_tried_brought_in_and_shown() {
    let world = World::new().await;
    let admin = world.sign_in("quản trị").await;
    let tried = upload(&admin, "/api/v1/assets/import", REGISTER).await.json();
    assert_eq!(
        (
            &tried["dry_run"],
            &tried["added"],
            &tried["joined"],
            &tried["bad_lines"]
        ),
        (&json!(true), &json!(3), &json!(2), &json!(1))
    );
    assert_eq!(tried["faults"][0]["code"], "unknown_unit");
    assert_eq!(tried["changes"][0]["action"], "add");
    let path = "/api/v1/coverage/pcs/count?of=not_in_register";
    assert_eq!(admin.get(path).await.json()["count"], 2, "nothing was changed");
    let view = "quản trị register.viewed register".to_owned();
    assert!(world.acts().await.contains(&view), "it said what stood there");

    let done = upload(&admin, "/api/v1/assets/import?dry_run=false", REGISTER)
        .await
        .json();
    assert_eq!((&done["added"], &done["joined"]), (&json!(3), &json!(2)));
    let again = upload(&admin, "/api/v1/assets/import?dry_run=false", REGISTER)
        .await
        .json();
    assert_eq!((&again["added"], &again["unchanged"]), (&json!(0), &json!(3)));
    let coverage = admin.get("/api/v1/coverage").await.json();
    let total = &coverage["units"][0]["total"];
    assert_eq!(
        (&total["registered"], &total["seen"], &total["not_enrolled"]),
        (&json!(3), &json!(0), &json!(1))
    );
    assert_eq!((&total["excepted"], &total["unmanaged"]), (&json!(1), &json!(1)));
    assert_eq!(total["protected_percent"], 0.0);
    assert_eq!(coverage["units"][0]["own"]["protected_percent"], Value::Null);
    let file = admin.get("/api/v1/coverage/pcs.csv?of=not_enrolled").await;
    assert!(
        file.text.starts_with("\u{feff}\"Số tài sản\",\"Tên máy\""),
        "{}",
        file.text
    );
    assert!(
        file.text.contains("\"'=1+1\",\"PC-C\""),
        "a formula is text: {}",
        file.text
    );
    let acts = world.acts().await;
    for act in ["import_begun", "imported"] {
        let act = format!("quản trị register.{act} register");
        assert!(acts.contains(&act), "{act} in {acts:?}");
    }
    assert!(
        acts.contains(&"quản trị coverage.pcs_exported register".to_owned()),
        "{acts:?}"
    );
}

#[tokio::test]
async fn what_was_exported_changes_nothing_when_it_is_brought_in() {
    let world = World::new().await;
    let admin = world.sign_in("quản trị").await;
    let register = "Mã tài sản;Tên máy;Đơn vị;Nơi đặt;Hệ điều hành;Ghi chú\r\nTS-A;pc a;UBND tỉnh;Phòng 1;;-\r\n\
        TS-B;PC-B;Xã B;Phòng 2;Windows 10;\r\n;PC-C;Xã B;;;a;=1\r\n";
    let register = register.replace("a;=1", "\"a;=1\"");
    let done = upload(&admin, "/api/v1/assets/import?dry_run=false", &register).await;
    assert_eq!(done.json()["joined"], 2, "{}", done.text);
    let by_hand = HostEdit {
        place: Some("Kho".to_owned()),
        asset_number: Some("TS-0".to_owned()),
        ..HostEdit::default()
    };
    let mut tx = world.registry().begin().await.expect("begin");
    host::edit(&mut tx, world.hosts[0], &by_hand)
        .await
        .expect("an edit");
    tx.commit().await.expect("commit");
    for lang in ["vi", "en"] {
        let file = admin
            .get(&format!("/api/v1/coverage/pcs.csv?lang={lang}"))
            .await
            .text;
        let again = upload(&admin, "/api/v1/assets/import?dry_run=false", &file)
            .await
            .json();
        let counts = ["added", "changed", "unchanged", "bad_lines"].map(|count| again[count].clone());
        assert_eq!(json!(counts), json!([0, 0, 3, 0]), "{file}\n{again}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_register_is_refused_with_a_code() {
    let world = World::new().await;
    let admin = world.sign_in("quản trị").await;
    for (path, file, problem) in [
        ("", "", "empty"),
        ("", "a;b\n1;2\n", "no_header"),
        ("?map=tuoi=A", "Tên máy\nx\n", "unknown_field"),
        ("?map=name=A", "Tên máy\nx\n", "unknown_column"),
    ] {
        let answer = upload(&admin, &format!("/api/v1/assets/import{path}"), file).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{path} {file}");
        assert_eq!(answer.json()["params"]["problem"], problem);
    }
    let none = upload(&admin, "/api/v1/assets/import?unit=999", "Tên máy\nx\n").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    let analyst = world.sign_in("phân tích").await;
    assert_eq!(
        upload(&analyst, "/api/v1/assets/import", REGISTER).await.code(),
        "forbidden"
    );
}

#[tokio::test]
async fn a_register_larger_than_other_bodies_is_read() {
    let world = World::new().await;
    let admin = world.sign_in("quản trị").await;
    let lines: String = (0..20_000).map(|at| format!("TS-{at};PC-{at};Xã A\n")).collect();
    let file = format!("Mã tài sản;Tên máy;Đơn vị\n{lines}");
    assert!(file.len() > extract::BODY_BYTES_MAX);
    let tried = upload(&admin, "/api/v1/assets/import", &file).await.json();
    assert_eq!(tried["added"], 20_000);
}

#[tokio::test]
async fn an_exception_is_made_and_ended_by_administrators() {
    let world = World::new().await;
    let admin = world.sign_in("quản trị").await;
    let [host_a, host_b] = world.hosts.map(|host| host.0);
    let day_ms = 86_400_000;
    let make = async |browser: &Browser<'_>, host: i64, reason: &str, ends_ms: i64| {
        let body = json!({ "host_id": host, "kind": "tablet_kiosk", "reason": reason, "ends_ms": ends_ms });
        browser
            .change(Method::POST, "/api/v1/coverage/exceptions", body)
            .await
    };
    let soon = now_ms() + day_ms;
    for (host, reason, ends_ms, code) in [
        (host_a, "x", soon, "bad_request"),
        (host_a, "ki-ốt", now_ms() - 1, "bad_request"),
        (host_a, "ki-ốt", now_ms() + 367 * day_ms, "bad_request"),
        (host_b, "ki-ốt", soon, "conflict"),
        (999, "ki-ốt", soon, "not_found"),
    ] {
        assert_eq!(
            make(&admin, host, reason, ends_ms).await.code(),
            code,
            "{host} {reason} {ends_ms}"
        );
    }
    let analyst = world.sign_in("phân tích").await;
    assert_eq!(make(&analyst, host_a, "ki-ốt", soon).await.code(), "forbidden");
    let made = make(&admin, host_a, "ki-ốt", soon).await.json()["id"]
        .as_i64()
        .expect("an id");
    let staff = world.sign_in("cán bộ A").await;
    let listed = staff.get("/api/v1/coverage/exceptions").await.json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(
        (&listed["items"][0]["id"], &listed["items"][0]["current"]),
        (&json!(made), &json!(true))
    );
    let end = format!("/api/v1/coverage/exceptions/{made}/end");
    assert_eq!(
        staff.change(Method::POST, &end, json!({})).await.code(),
        "forbidden"
    );
    assert_eq!(
        admin.change(Method::POST, &end, json!({})).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        admin.change(Method::POST, &end, json!({})).await.code(),
        "conflict"
    );
    assert_eq!(
        staff.get("/api/v1/coverage/exceptions/count").await.json()["count"],
        0
    );
    let acts = world.acts().await;
    for act in ["made", "ended"] {
        let act = format!("quản trị exception.{act} exception/{made}");
        assert!(acts.contains(&act), "{act} in {acts:?}");
    }
}

#[tokio::test]
async fn a_machine_that_is_no_pc_leaves_the_list() {
    let world = World::new().await;
    let analyst = world.sign_in("phân tích").await;
    let listed = analyst.get("/api/v1/coverage/unmanaged").await.json();
    let row = &listed["items"][0];
    assert_eq!(
        (&row["mac"], &row["vendor"], &row["gateway"]),
        (&json!(MACHINE), &json!("Brother"), &json!(false))
    );
    let mark = format!("/api/v1/coverage/unmanaged/{MACHINE}/mark");
    let staff = world.sign_in("cán bộ A").await;
    assert_eq!(
        staff
            .change(Method::POST, &mark, json!({ "kind": "printer" }))
            .await
            .code(),
        "not_found"
    );
    let marked = analyst
        .change(
            Method::POST,
            &mark,
            json!({ "kind": "printer", "note": "tầng 2" }),
        )
        .await;
    assert_eq!(marked.status, StatusCode::NO_CONTENT, "{}", marked.text);
    assert_eq!(
        analyst.get("/api/v1/coverage/unmanaged/count").await.json()["count"],
        0
    );
    let listed = analyst.get("/api/v1/coverage/unmanaged?of=marked").await.json();
    assert_eq!(listed["items"][0]["mark"]["marked_by"], "phân tích");
    let file = analyst.get("/api/v1/coverage/unmanaged.csv?of=marked").await.text;
    assert!(
        file.contains("\"Máy in, máy quét, máy photo\",\"tầng 2\""),
        "{file}"
    );
    let unmark = format!("/api/v1/coverage/unmanaged/{MACHINE}/unmark");
    assert_eq!(
        analyst.change(Method::POST, &unmark, json!({})).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        analyst.get("/api/v1/coverage/unmanaged/count").await.json()["count"],
        1
    );
}

#[tokio::test]
async fn a_certificate_says_everything_of_one_moment() {
    let world = World::new().await;
    let staff = world.sign_in("cán bộ A").await;
    let [_, unit_a, unit_b] = world.units;
    let certificate = staff
        .get(&format!("/api/v1/coverage/certificate?unit={unit_a}&days=30"))
        .await
        .json();
    assert_eq!(certificate["chain"], json!([{ "id": unit_a, "name": "Xã A" }]));
    assert_eq!(
        (&certificate["days"], &certificate["issued_by"]),
        (&json!(30), &json!("cán bộ A"))
    );
    assert_eq!(certificate["total"]["registered"], 1);
    assert_eq!(
        (
            &certificate["not_seen"]["count"],
            &certificate["exceptions_count"]
        ),
        (&json!(1), &json!(0))
    );
    let other = staff
        .get(&format!("/api/v1/coverage/certificate?unit={unit_b}"))
        .await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
    let act = format!("cán bộ A coverage.certificate_exported unit/{unit_a}");
    assert!(world.acts().await.contains(&act));
    for path in [
        "/api/v1/coverage?days=0",
        "/api/v1/coverage?days=91",
        "/api/v1/coverage/report?from=x&to=y",
    ] {
        assert_eq!(staff.get(path).await.code(), "bad_request", "{path}");
    }
}

#[tokio::test]
async fn the_report_of_a_period_counts_malware_and_threats() {
    let world = World::new().await;
    let mut tx = world.registry().begin().await.expect("begin");
    sqlx::query(
        "INSERT INTO detections (id, host_id, key, product, vendor, threat, category, path, path_hex, process, \
         user_name, sha256, action, outcome, code, source, found_ms, updated_ms, event_key) VALUES \
         (1, $1, 'k', 'ClamAV', 'Cisco', '=Eicar', '', 'x', '', '', '', '', 'quarantined', 'succeeded', '', 'clamd', \
         $2, $2, '1-0')",
    )
    .bind(world.hosts[0].0)
    .bind(now_ms())
    .execute(&mut *tx)
    .await
    .expect("a detection");
    tx.commit().await.expect("commit");
    let admin = world.sign_in("quản trị").await;
    let today = crate::registry::day::Day::of(now_ms());
    let report = admin
        .get(&format!("/api/v1/coverage/report?from={today}&to={today}"))
        .await
        .json();
    let total = &report["units"][0]["total"];
    assert_eq!(
        (&total["infected"], &total["files_handled"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(total["infected_percent"], 50.0);
    assert_eq!(report["threats"][0]["threat"], "=Eicar");
    let file = admin
        .get(&format!(
            "/api/v1/coverage/report.csv?from={today}&to={today}&lang=en"
        ))
        .await
        .text;
    assert!(
        file.contains("\"UBND tỉnh\",\"2\",\"0\"") && file.contains("\"'=Eicar\",\"1\",\"1\""),
        "{file}"
    );
    let file = admin.get("/api/v1/detections.csv").await.text;
    assert!(file.contains("\"Cách ly tệp\",\"Đã xử lý xong\""), "{file}");
    let listed = admin.get("/api/v1/detections?outcome=succeeded").await.json();
    assert_eq!(listed["items"][0]["action"], "quarantined");
    let threats = admin.get("/api/v1/detections/threats").await.json();
    assert_eq!(threats["items"][0]["hosts"], 1);
}

#[tokio::test]
async fn a_scan_is_ordered_for_a_host_or_for_a_unit() {
    let world = World::new().await;
    let staff = world.sign_in("cán bộ A").await;
    let host = format!("/api/v1/hosts/{}/commands", world.hosts[0].0);
    let order = async |path: &str, body: Value| staff.change(Method::POST, path, body).await;
    assert_eq!(
        order(&host, json!({ "kind": "quick_scan", "limit_s": 59 }))
            .await
            .code(),
        "bad_request"
    );
    assert_eq!(
        order(&host, json!({ "kind": "format_disk" })).await.code(),
        "bad_request"
    );
    assert_eq!(
        order(&host, json!({ "kind": "update_signatures" })).await.status,
        StatusCode::OK
    );
    let unit = format!("/api/v1/units/{}/commands", world.units[1]);
    assert_eq!(
        order(&unit, json!({ "kind": "quick_scan" })).await.json()["hosts"],
        1
    );
    let above = format!("/api/v1/units/{}/commands", world.units[0]);
    assert_eq!(
        order(&above, json!({ "kind": "quick_scan" })).await.status,
        StatusCode::NOT_FOUND
    );
    let listed = staff.get(&host).await.json();
    assert_eq!(listed["items"][0]["parameters"], json!({ "limit_s": 7_200 }));
    assert_eq!(listed["items"][1]["parameters"], json!({ "limit_s": 900 }));
    assert_eq!(listed["items"][0]["counts"], json!({}));
}

#[tokio::test]
async fn protection_is_shown_as_the_host_reports_it_and_by_unit() {
    let world = World::new().await;
    let product = json!({
        "product": "ClamAV", "vendor": "Cisco", "version": "1.4", "engine": "off", "engine_reason": "stopped",
        "real_time": "off", "updater": "on", "definitions_version": "27", "definitions_built_ms": 5, "raw": [],
        "health": "reported", "mode": "active", "tamper_protection": "unknown", "definitions_freshness": "stale",
        "quick_scan_ms": 7, "exclusions": ["/tmp"], "word of a newer agent": 1,
    });
    let mut tx = world.registry().begin().await.expect("begin");
    sqlx::query(
        "UPDATE hosts SET protection = 'off', protection_reason = 'engine_off', product = 'ClamAV', \
         product_version = '1.4', definitions_ms = 5, protection_ms = 9, protection_detail = $1 WHERE id = $2",
    )
    .bind(json!({ "products": [product] }).to_string())
    .bind(world.hosts[0].0)
    .execute(&mut *tx)
    .await
    .expect("a host");
    tx.commit().await.expect("commit");
    let staff = world.sign_in("cán bộ A").await;
    let page = staff
        .get(&format!("/api/v1/hosts/{}", world.hosts[0].0))
        .await
        .json();
    let shown = &page["antivirus"]["products"][0];
    assert_eq!(
        [
            &shown["engine_reason"],
            &shown["mode"],
            &shown["definitions_freshness"],
            &shown["exclusions"]
        ],
        [
            &json!("stopped"),
            &json!("active"),
            &json!("stale"),
            &json!(["/tmp"])
        ]
    );
    assert_eq!(
        (&shown["full_scan_ms"], &shown["engine_version"]),
        (&Value::Null, &json!(""))
    );
    for (query, expected) in [
        ("product=ClamAV", 1),
        ("product=Defender", 0),
        ("reason=engine_off", 1),
        ("definitions_older_than_days=15", 1),
    ] {
        let listed = staff.get(&format!("/api/v1/hosts?{query}")).await.json();
        assert_eq!(
            listed["items"].as_array().map(Vec::len),
            Some(expected),
            "{query}"
        );
    }
    let admin = world.sign_in("quản trị").await;
    let matrix = admin.get("/api/v1/protection/matrix").await.json();
    let top = &matrix["units"][0];
    assert_eq!(
        (&top["own"]["off"], &top["total"]["off"], &top["total"]["unknown"]),
        (&json!(0), &json!(1), &json!(1))
    );
    let products = staff.get("/api/v1/protection/products").await.json();
    assert_eq!(
        (
            &products["products"][0]["hosts"],
            &products["definitions"]["days_over_15"]
        ),
        (&json!(1), &json!(1))
    );
}
