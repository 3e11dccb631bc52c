//! What a reader gets: rendered mails, hostile ones included, and the way through a real mail server.

use proptest::prelude::*;
use serde_json::{Value, json};
use vong_proto::event::Severity;

use super::sink::Sink;
use super::*;
use crate::config::{MailConfig, MailTls};
use crate::finding::Category;
use crate::registry::alert;
use crate::registry::alert::{Alert, AlertState, MailKind, Verdict};
use crate::registry::delivery::{Content, DutyCard, HostCard, NewDelivery, SeenFinding};
use crate::registry::harness::{SqliteRegistry, a_host, a_unit, sqlite};

mod antivirus;

/// 23/11/2026 16:05:12 in Vietnam.
const SEEN_MS: i64 = 1_795_424_712_000;

fn file_evidence(path: &str) -> Value {
    json!({
        "path": path,
        "action": "modified",
        "process": {"pid": 4242, "executable": "/usr/bin/soffice", "user": "lan"},
    })
}

fn content(code: &str, evidence: Value) -> Content {
    Content {
        language: "vi".to_owned(),
        category: Category::Files,
        severity: Severity::Critical,
        title_code: code.to_owned(),
        title_params: evidence.clone(),
        pcs: Vec::new(),
        host: HostCard {
            id: 7,
            name: "KT-01".to_owned(),
            asset_number: "TS-0042".to_owned(),
            place: "Nhà B, tầng 2".to_owned(),
            unit: "UBND xã Đông Hà".to_owned(),
        },
        opened_ms: SEEN_MS,
        resolved_ms: None,
        resolved_by: None,
        verdict: None,
        findings: vec![SeenFinding {
            rule: code.to_owned(),
            severity: Severity::Critical,
            opened_ms: SEEN_MS,
            closed_ms: None,
            evidence,
        }],
        findings_total: 1,
        findings_open: 1,
        phone: "0256 3822 113".to_owned(),
        duty: None,
    }
}

fn row(kind: MailKind, content: Content) -> Delivery {
    Delivery {
        id: 3,
        alert_id: 12,
        channel: "mail".to_owned(),
        recipient: "it@xadongha.example".to_owned(),
        kind,
        state: DeliveryState::Due,
        due_ms: SEEN_MS,
        created_ms: SEEN_MS,
        sent_ms: None,
        message_id: "<1@soc.example>".to_owned(),
        thread: "<1@soc.example>".to_owned(),
        content,
        attempts: 0,
    }
}

fn sender() -> Sender {
    Sender::new(
        "canhbao@soc.example",
        "Trung tâm ATTT tỉnh",
        "https://soc.example/",
    )
    .expect("an address")
}

fn written(row: &Delivery) -> letter::Letter {
    letter::write(row, "Trung tâm ATTT tỉnh", "https://soc.example/")
}

#[test]
fn a_mail_says_which_pc_what_when_who_and_what_to_do() {
    let evidence = file_evidence("/srv/hồ sơ/báo cáo.docx");
    let letter = written(&row(MailKind::Opened, content("file.critical_changed", evidence)));
    assert_eq!(
        letter.subject,
        "[Khẩn cấp] Máy KT-01: tệp quan trọng “báo cáo.docx” bị sửa đổi – UBND xã Đông Hà"
    );
    let expected = "\
Kính gửi anh/chị phụ trách máy tính của đơn vị,

[Khẩn cấp] Máy KT-01: tệp quan trọng “báo cáo.docx” bị sửa đổi.

MÁY TÍNH
  Tên máy: KT-01
  Mã tài sản: TS-0042
  Nơi đặt: Nhà B, tầng 2
  Đơn vị: UBND xã Đông Hà

ĐÃ GHI NHẬN
  • 23/11/2026 16:05:12 – Tệp quan trọng bị sửa đổi
      Đường dẫn: /srv/hồ sơ/báo cáo.docx
      Người dùng: lan
      Chương trình thực hiện: /usr/bin/soffice (tiến trình 4242)

VIỆC CẦN LÀM
  1. Hỏi người dùng máy có tự thay đổi tệp nêu trên không. Nếu anh/chị vừa cài hoặc cập nhật phần mềm này thì có thể là bình thường: gọi điện thoại trực để xác nhận và đóng cảnh báo.
  2. Nếu không ai thay đổi: rút dây mạng của máy (hoặc tắt Wi-Fi), không tắt máy, không mở thêm tệp nào.
  3. Gọi điện thoại trực ngay và đọc tên máy ghi ở trên.

Điện thoại trực: 0256 3822 113

Xem chi tiết trên hệ thống: https://soc.example/alerts/12

-- 
Trung tâm ATTT tỉnh – Thư được gửi tự động; giờ ghi trong thư là giờ Việt Nam.
";
    assert_eq!(
        email::text(&letter).expect("text").trim_end(),
        expected.trim_end()
    );
    let html = email::html(&letter).expect("html");
    for part in ["lang=\"vi\"", "báo cáo.docx", "KT-01", "TS-0042", "0256 3822 113"] {
        assert!(html.contains(part), "{part} is missing");
    }
    assert!(html.contains("href=\"https://soc.example/alerts/12\""));
}

#[test]
fn each_rule_has_its_own_words_in_both_languages() {
    let check = |code: &str, evidence: Value, vietnamese: &str, english: &str| {
        let mut content = content(code, evidence);
        content.severity = Severity::High;
        let subject = written(&row(MailKind::Opened, content.clone())).subject;
        assert_eq!(
            subject,
            format!("[Mức cao] Máy KT-01: {vietnamese} – UBND xã Đông Hà")
        );
        content.language = "en".to_owned();
        let letter = written(&row(MailKind::Opened, content.clone()));
        assert_eq!(
            letter.subject,
            format!("[High] PC KT-01: {english} – UBND xã Đông Hà")
        );
        assert!((1..=3).contains(&letter.steps.len()));
        assert_no_number_is_promised(row(MailKind::Opened, content));
        email::text(&letter).expect("text");
        email::html(&letter).expect("html");
    };
    check(
        "antivirus.missing",
        json!({}),
        "chưa có phần mềm diệt vi-rút",
        "there is no antivirus",
    );
    check(
        "antivirus.off",
        json!({"product": "ClamAV"}),
        "phần mềm diệt vi-rút đang tắt",
        "antivirus is off",
    );
    check(
        "antivirus.stale",
        json!({"days": 1_234, "product": "ClamAV"}),
        "mẫu nhận diện mã độc chậm cập nhật 1.234 ngày",
        "its malware definitions are 1234 days old",
    );
    check(
        "probe.unreachable",
        json!({"probe": "Cổng dịch vụ công", "target": "dichvucong.example:443", "error": "timeout"}),
        "không kết nối được tới “Cổng dịch vụ công”",
        "cannot reach “Cổng dịch vụ công”",
    );
    check(
        "host.silent",
        json!({"last_seen_ms": SEEN_MS, "reason": "dead"}),
        "mất liên lạc với hệ thống giám sát",
        "has stopped reporting",
    );
    check(
        "ledger.gap",
        json!({"lane": 2, "first": 1, "last": 1200, "missing": 1200, "reason": "spool_full"}),
        "thiếu 1.200 sự kiện giám sát, không khôi phục được",
        "1200 of its events are missing for good",
    );
    check(
        "agent.cloned",
        json!({"machine": "KT-01", "address": "10.1.2.3", "other_machine": "KT-09", "other_address": "10.1.2.9"}),
        "hai máy dùng chung một định danh giám sát",
        "two machines use one agent’s identity",
    );
    check(
        "file.known_bad",
        json!({"path": "/tmp/hóa đơn.exe", "list": "trung tâm"}),
        "phát hiện tệp “hóa đơn.exe” nằm trong danh sách tệp độc hại",
        "file “hóa đơn.exe”, listed as bad, was found",
    );
    check(
        "tripwire.suspicious",
        json!({"files_touched": 3}),
        "nhiều tài liệu bị thay đổi bất thường",
        "many documents are changed in an unusual way",
    );
    check(
        "file.critical_changed",
        json!({"more": 150}),
        "nhiều tệp quan trọng bị thay đổi",
        "many important files changed",
    );
}

#[test]
fn a_mail_about_ransomware_says_what_to_do_in_its_first_line_and_what_was_hit() {
    let evidence = json!({
        "level": "alarm", "files_touched": 1_240, "files_lost": 1_198, "user": "lan",
        "process": { "pid": 9, "executable": "/tmp/.x/locker" },
        "files": [{ "path": "/home/lan/báo cáo.docx" }, { "path": "/home/lan/lương.xlsx\r\nBcc: x@y" }],
    });
    let letter = written(&row(
        MailKind::Opened,
        content("tripwire.ransomware", evidence.clone()),
    ));
    assert_eq!(
        letter.subject,
        "[Khẩn cấp] Máy KT-01: nghi mã độc tống tiền đang mã hóa tệp, cần rút dây mạng ngay – UBND xã Đông Hà"
    );
    let mut closed = row(MailKind::Resolved, content("tripwire.ransomware", evidence));
    closed.content.resolved_by = Some("lan".to_owned());
    closed.content.verdict = Some(Verdict::Benign);
    let over = written(&closed);
    assert!(!over.subject.contains("cần rút"), "{}", over.subject);
    let text = email::text(&letter).expect("text");
    for line in [
        "1. Rút ngay dây mạng (hoặc tắt Wi-Fi) của máy nêu trên",
        "2. Không tắt máy, không khởi động lại, không xóa tệp nào",
        "3. Gọi điện thoại trực ngay",
        "Số tệp bị tác động: 1.240",
        "Trong đó có thể đã hỏng hoặc mất: 1.198",
        "Chương trình: /tmp/.x/locker",
        "Một số tệp: /home/lan/báo cáo.docx; /home/lan/lương.xlsx\u{fffd}\u{fffd}Bcc: x@y",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn a_mail_about_a_file_says_what_changed_and_that_it_may_be_normal() {
    let mut evidence = file_evidence("/usr/bin/sudo");
    evidence["changed"] = json!(["content", "mode"]);
    evidence["count"] = json!(12);
    let letter = written(&row(MailKind::Opened, content("file.critical_changed", evidence)));
    let text = email::text(&letter).expect("text");
    for line in [
        "Nội dung thay đổi: nội dung tệp, quyền truy cập",
        "Số lần: 12 lần liên tiếp",
        "Nếu anh/chị vừa cài hoặc cập nhật phần mềm này thì có thể là bình thường",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

/// A mail without a number asks nobody to call one.
fn assert_no_number_is_promised(mut row: Delivery) {
    row.content.phone = String::new();
    for language in ["vi", "en"] {
        row.content.language = language.to_owned();
        let text = email::text(&written(&row)).expect("text").to_lowercase();
        for promise in ["điện thoại", "telephone", "{call}"] {
            assert!(!text.contains(promise), "{promise} in {text}");
        }
    }
}

#[test]
fn the_duty_office_is_not_told_to_call_itself() {
    let mut row = row(
        MailKind::Opened,
        content("file.critical_changed", file_evidence("/a")),
    );
    row.content.duty = Some(DutyCard {
        told: "it@xadongha.example".to_owned(),
        unit: "UBND xã Đông Hà".to_owned(),
        contact_name: "Lê Thị Lan".to_owned(),
        contact_phone: "0256 3999 001".to_owned(),
    });
    let text = email::text(&written(&row)).expect("text");
    for part in [
        "Kính gửi bộ phận trực an ninh mạng,",
        "Đơn vị liên hệ: UBND xã Đông Hà",
        "Đầu mối của đơn vị: Lê Thị Lan",
        "Thư gửi đơn vị: it@xadongha.example",
        "Gọi cho đơn vị để xác nhận",
        "Điện thoại của đơn vị: 0256 3999 001",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(
        !text.contains("0256 3822 113") && !text.contains("điện thoại trực"),
        "{text}"
    );
    row.content.duty = Some(DutyCard::default());
    let text = email::text(&written(&row)).expect("text");
    assert!(text.contains("chưa ai ở đơn vị nhận được thư"), "{text}");
    assert!(!text.contains("Điện thoại"), "{text}");
}

#[test]
fn what_is_over_is_not_stated_as_present() {
    let check = |code: &str, params: Value, vietnamese: &str, english: &str| {
        let mut content = content(code, params);
        content.findings[0].closed_ms = Some(SEEN_MS + 60_000);
        let mut row = row(MailKind::Resolved, content);
        let subject = |row: &Delivery| written(row).subject;
        let expected = format!("[Đã khắc phục] Máy KT-01: {vietnamese} – UBND xã Đông Hà");
        assert_eq!(subject(&row), expected);
        row.content.language = "en".to_owned();
        let expected = format!("[Resolved] PC KT-01: {english} – UBND xã Đông Hà");
        assert_eq!(subject(&row), expected);
    };
    let probe = json!({"probe": "Cổng DVC"});
    check(
        "antivirus.missing",
        json!({}),
        "đã có phần mềm diệt vi-rút",
        "antivirus is now installed",
    );
    check(
        "antivirus.off",
        json!({}),
        "phần mềm diệt vi-rút đã hoạt động trở lại",
        "antivirus is on again",
    );
    check(
        "antivirus.stale",
        json!({"days": 9}),
        "mẫu nhận diện mã độc đã được cập nhật",
        "its malware definitions have been updated",
    );
    check(
        "probe.unreachable",
        probe,
        "đã kết nối lại được tới “Cổng DVC”",
        "can reach “Cổng DVC” again",
    );
    check(
        "probe.unreachable",
        json!({"probe": "Cổng DVC", "ended": "not_watched"}),
        "không còn giám sát kết nối tới “Cổng DVC”",
        "“Cổng DVC” is no longer watched",
    );
    check(
        "host.silent",
        json!({}),
        "đã liên lạc lại với hệ thống giám sát",
        "is reporting again",
    );
    check(
        "agent.cloned",
        json!({}),
        "phần mềm giám sát đã được đăng ký lại",
        "its agent has been enrolled again",
    );
    let mut row = row(MailKind::Resolved, content("antivirus.off", json!({})));
    row.content.verdict = Some(Verdict::Benign);
    assert_eq!(
        written(&row).subject,
        "[Đã đóng: không gây hại] Máy KT-01: đã đóng cảnh báo về việc phần mềm diệt vi-rút đang tắt – UBND xã Đông Hà"
    );
}

#[test]
fn of_two_machines_with_one_identity_one_may_be_all_that_is_known() {
    let facts = |evidence: Value| -> Vec<(&str, String)> {
        let letter = written(&row(MailKind::Opened, content("agent.cloned", evidence)));
        let facts = letter.seen[0].facts.iter();
        facts.map(|fact| (fact.name, fact.value.clone())).collect()
    };
    let two = json!({"machine": "KT-01", "address": "10.1.2.3", "other_machine": "KT-09", "other_address": "10.1.2.9"});
    assert_eq!(
        facts(two),
        [
            ("Máy thứ nhất", "KT-01 (10.1.2.3)".to_owned()),
            ("Máy thứ hai", "KT-09 (10.1.2.9)".to_owned())
        ]
    );
    let one =
        json!({"machine": null, "address": null, "other_machine": "KT-09", "other_address": "10.1.2.9"});
    assert_eq!(facts(one), [("Một trong hai máy", "KT-09 (10.1.2.9)".to_owned())]);
}

#[test]
fn what_a_cloned_agent_says_is_told_as_such() {
    let mut evidence = file_evidence("/a");
    evidence["cloned"] = json!(true);
    let mut row = row(
        MailKind::Opened,
        content("file.critical_changed", evidence.clone()),
    );
    row.content.title_params = evidence;
    let letter = written(&row);
    assert!(
        letter
            .headline
            .contains("(định danh dùng chung, có thể là máy khác)"),
        "{}",
        letter.headline
    );
    let note = letter.seen[0].facts.last().expect("a note");
    assert_eq!(
        (note.name, note.value.contains("có thể là của máy kia")),
        ("Lưu ý", true)
    );
}

#[test]
fn later_mails_say_what_they_are_and_join_the_thread() {
    let mut row = row(MailKind::Reminder, content("antivirus.off", json!({})));
    assert!(
        written(&row)
            .subject
            .starts_with("[Khẩn cấp] Nhắc lại, chưa có người tiếp nhận – Máy KT-01")
    );
    row.kind = MailKind::Update;
    assert!(
        written(&row)
            .subject
            .starts_with("[Khẩn cấp] Diễn biến mới – Máy KT-01")
    );
    row.kind = MailKind::Resolved;
    row.content.findings[0].closed_ms = Some(SEEN_MS + 60_000);
    let letter = written(&row);
    assert!(letter.subject.starts_with("[Đã khắc phục] Máy KT-01"));
    assert_eq!(letter.steps, ["Anh/chị không cần làm gì thêm."]);
    assert_eq!(
        letter.seen[0].facts.last().expect("an end").value,
        "23/11/2026 16:06:12"
    );
    row.content.verdict = Some(Verdict::False);
    assert!(written(&row).subject.starts_with("[Đã đóng: cảnh báo nhầm]"));
    row.message_id = "<2@soc.example>".to_owned();
    let mail = raw(&row);
    assert!(mail.contains("\r\nReferences: <1@soc.example>\r\n"), "{mail}");
    assert!(mail.contains("\r\nIn-Reply-To: <1@soc.example>\r\n"), "{mail}");
}

fn raw(row: &Delivery) -> String {
    let message = email::compose(row, &sender()).expect("a mail");
    String::from_utf8(message.formatted()).expect("ASCII")
}

#[test]
fn headers_come_from_the_row_and_robots_stay_silent() {
    let row = row(MailKind::Opened, content("antivirus.off", json!({})));
    let mail = raw(&row);
    for header in [
        "Message-ID: <1@soc.example>\r\n",
        "Date: Mon, 23 Nov 2026 09:05:12 +0000\r\n",
        "List-Id: <alerts.soc.example>\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Importance: high\r\n",
        "To: it@xadongha.example\r\n",
    ] {
        assert!(mail.contains(header), "{header} is missing in {mail}");
    }
    assert!(!mail.contains("References:"));
    let boundary_free = |mail: String| {
        let mut lines: Vec<String> = mail.lines().map(str::to_owned).collect();
        lines.retain(|line| !line.contains("boundary") && !line.starts_with("--"));
        lines
    };
    assert_eq!(
        boundary_free(raw(&row)),
        boundary_free(mail),
        "a retry is the same mail"
    );
}

#[test]
fn a_recipient_that_is_none_is_named() {
    let mut row = row(MailKind::Opened, content("antivirus.off", json!({})));
    row.recipient = "không có".to_owned();
    assert!(email::compose(&row, &sender()).is_err());
}

#[test]
fn opening_a_mail_asks_nobody_on_the_internet() {
    let letter = written(&row(
        MailKind::Opened,
        content("file.critical_changed", file_evidence("/a")),
    ));
    let html = email::html(&letter).expect("html");
    let without_link = html.replace(&letter.link, "");
    for fetched in ["<link", "@import", "url(", "src=", "//fonts"] {
        assert!(!without_link.contains(fetched), "{fetched}: {html}");
    }
}

#[test]
fn a_backslash_in_a_linux_name_cuts_nothing_off() {
    let subject = |path| {
        written(&row(
            MailKind::Opened,
            content("file.critical_changed", file_evidence(path)),
        ))
        .subject
    };
    assert!(subject("/srv/thật\\giả.docx").contains("thật\\giả.docx"));
    assert!(subject("C:\\Hồ sơ\\kế hoạch.docx").contains("kế hoạch.docx"));
    assert!(!subject("C:\\Hồ sơ\\kế hoạch.docx").contains("Hồ sơ"));
}

#[test]
fn hostile_text_is_harmless_everywhere() {
    let hostile = "a\r\nBcc: victim@x.example\r\n\r\n<script>alert(1)</script></mj-text><mj-raw><img src=x onerror=y>\u{202e}cod.exe&{{7*7}}\0";
    let mut content = content("file.critical_changed", file_evidence(hostile));
    content.host.name = hostile.to_owned();
    content.host.place = hostile.to_owned();
    content.host.unit = hostile.to_owned();
    let row = row(MailKind::Opened, content);
    let mail = raw(&row);
    let headers = mail.split("\r\n\r\n").next().expect("headers");
    assert!(!headers.lines().any(|line| line.starts_with("Bcc:")), "{headers}");
    let letter = written(&row);
    assert_harmless(&letter);
    assert!(email::html(&letter).expect("html").contains("&#60;script&#62;"));
}

/// No line of the text is of the evidence's making, and no element of the HTML.
fn assert_harmless(letter: &letter::Letter) {
    assert!(letter.subject.chars().count() <= 140);
    let text = email::text(letter).expect("text");
    let html = email::html(letter).expect("html");
    for shown in [&letter.subject, &text, &html] {
        let bad = |c: char| {
            (c.is_control() && c != '\n' && c != '\r' && c != '\t') || ('\u{202a}'..='\u{202e}').contains(&c)
        };
        assert!(!shown.contains(bad), "{shown:?}");
    }
    assert!(!letter.subject.contains(['\r', '\n']));
    assert!(!text.lines().any(|line| line.starts_with("Bcc")), "{text}");
    assert!(
        !html.contains("<script") && !html.contains("<img") && !html.contains("<mj-"),
        "{html}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_text_breaks_a_mail(path in "\\PC{0,60}|[<>&\"'/\\\\{}\\-!\\[\\]=;%#\\x00-\\x1f]{0,40}|(<!--|-->|<!\\[CDATA\\[|]]>|</?mj-[a-z]+>|&#x?[0-9a-f]+;|<script>){0,5}", name in "\\PC{0,40}") {
        let mut content = content("file.critical_changed", file_evidence(&path));
        content.host.name = name;
        let row = row(MailKind::Opened, content);
        assert_harmless(&written(&row));
        email::compose(&row, &sender()).expect("a mail");
    }
}

#[test]
fn retries_pause_longer_and_end_after_two_days() {
    let mut row = row(MailKind::Opened, content("antivirus.off", json!({})));
    let mut now_ms = SEEN_MS;
    let mut pauses = Vec::new();
    loop {
        let (state, due_ms) = retry::next(&row, Outcome::Deferred, now_ms);
        row.attempts += 1;
        if state == DeliveryState::Failed {
            break;
        }
        pauses.push((due_ms - now_ms) / 60_000);
        now_ms = due_ms;
    }
    assert_eq!(pauses[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
    assert!(now_ms - SEEN_MS > 46 * 3_600_000 && now_ms - SEEN_MS <= 48 * 3_600_000);
    assert_eq!(
        retry::next(&row, Outcome::Bounced, now_ms).0,
        DeliveryState::Failed
    );
    assert_eq!(
        retry::next(&row, Outcome::Accepted, now_ms).0,
        DeliveryState::Sent
    );
}

fn message() -> lettre::Message {
    let row = row(MailKind::Opened, content("antivirus.off", json!({})));
    email::compose(&row, &sender()).expect("a mail")
}

#[tokio::test]
async fn a_mail_is_accepted_over_starttls_and_over_implicit_tls() {
    for (switches, tls) in [
        (&[][..], MailTls::Starttls),
        (&["--implicit-tls"], MailTls::Implicit),
    ] {
        let sink = Sink::start(switches);
        let (outcome, detail) = sink.relay(tls).send(message()).await;
        assert_eq!(outcome, Outcome::Accepted, "{detail}");
        assert!(sink.mails()[0].contains("Message-ID: <1@soc.example>"));
    }
}

#[tokio::test]
async fn what_is_not_safe_gets_no_mail() {
    let check = async |sink: &Sink, config: MailConfig, password: &str, what: &str| {
        let relay = Relay::open(&config, Some(password.to_owned())).expect("a relay");
        let (outcome, detail) = relay.send(message()).await;
        assert_eq!(outcome, Outcome::Error, "{what}: {detail}");
        assert_eq!(sink.mails(), [""; 0], "{what}");
    };
    let sink = Sink::start(&[]);
    let password = sink.access()["password"].as_str().expect("a password").to_owned();
    check(&sink, sink.config(MailTls::Starttls), "wrong", "a bad password").await;
    let unknown = MailConfig {
        ca_file: None,
        ..sink.config(MailTls::Starttls)
    };
    check(&sink, unknown, &password, "an unknown authority").await;
    let plain = Sink::start(&["--no-tls"]);
    let password = plain.access()["password"]
        .as_str()
        .expect("a password")
        .to_owned();
    check(&plain, plain.config(MailTls::Starttls), &password, "no TLS").await;
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let sink = Sink::start(&["--refuse", "550"]);
    assert_eq!(
        sink.relay(MailTls::Starttls).send(message()).await.0,
        Outcome::Bounced
    );
    let sink = Sink::start(&["--tempfail", "1"]);
    let relay = sink.relay(MailTls::Starttls);
    let (outcome, detail) = relay.send(message()).await;
    assert_eq!(outcome, Outcome::Deferred);
    assert!(detail.contains("451"), "{detail}");
    assert_eq!(relay.send(message()).await.0, Outcome::Accepted);
}

/// A registry with one delivery that is due.
async fn with_a_delivery(registry: &Registry) -> i64 {
    let unit = a_unit(registry, None, "Xã", "").await;
    let host = a_host(registry, unit, "KT-01").await;
    let alert = Alert {
        id: 0,
        category: Category::Files,
        host,
        unit: None,
        severity: Severity::Critical,
        state: AlertState::Open,
        verdict: None,
        assignee: None,
        opened_ms: SEEN_MS,
        updated_ms: SEEN_MS,
        acknowledged_ms: None,
        resolved_ms: None,
        resolved_by: None,
        findings: 1,
        open_findings: 1,
        title_code: "antivirus.off".to_owned(),
        title_params: json!({}),
        mail: None,
        mailed_ms: None,
        mailed_severity: None,
    };
    let mut tx = registry.begin().await.expect("begin");
    let alert_id = alert::insert(&mut tx, &alert).await.expect("an alert");
    let new = NewDelivery {
        alert_id,
        recipient: "it@xadongha.example".to_owned(),
        kind: MailKind::Opened,
        message_id: "<1@soc.example>".to_owned(),
        content: content("antivirus.off", json!({})),
    };
    delivery::insert(&mut tx, &new, now_ms())
        .await
        .expect("a delivery");
    tx.commit().await.expect("commit");
    alert_id
}

fn stage(sqlite: &SqliteRegistry, relay: Relay) -> Deliveries {
    Deliveries {
        registry: sqlite.registry.clone(),
        relay,
        sender: sender(),
        live: Live::default(),
        metrics: Arc::default(),
        letters_written: Arc::default(),
        stop: watch::channel(false).1,
    }
}

#[tokio::test]
async fn every_attempt_is_a_row() {
    let sqlite = sqlite().await;
    let alert_id = with_a_delivery(&sqlite.registry).await;
    let sink = Sink::start(&["--tempfail", "1"]);
    let stage = stage(&sqlite, sink.relay(MailTls::Starttls));
    let start_ms = now_ms();
    assert_eq!(stage.look(start_ms).await.expect("a look"), 1);
    assert_eq!(
        stage.look(start_ms).await.expect("a look"),
        0,
        "it waits for its time"
    );
    let delivery = the_delivery(&sqlite, alert_id).await;
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Due, 1));
    let later_ms = start_ms + 2 * 60_000;
    assert_eq!(stage.look(later_ms).await.expect("a look"), 1);
    assert_eq!(
        outcomes(&sqlite, delivery.id).await,
        [Outcome::Deferred, Outcome::Accepted]
    );
    let delivery = the_delivery(&sqlite, alert_id).await;
    assert_eq!(delivery.state, DeliveryState::Sent);
    assert!(delivery.sent_ms.is_some());
    assert_eq!(sink.mails().len(), 1);
}

async fn the_delivery(sqlite: &SqliteRegistry, alert_id: i64) -> Delivery {
    let rows = delivery::of_alert(&sqlite.registry, alert_id).await;
    rows.expect("rows").remove(0)
}

async fn outcomes(sqlite: &SqliteRegistry, delivery_id: i64) -> Vec<Outcome> {
    let attempts = delivery::attempts(&sqlite.registry, delivery_id).await;
    attempts.expect("attempts").iter().map(|a| a.outcome).collect()
}

async fn run_sql(sqlite: &SqliteRegistry, statement: &'static str) {
    let mut tx = sqlite.registry.begin().await.expect("begin");
    sqlx::raw_sql(statement).execute(&mut *tx).await.expect("changed");
    tx.commit().await.expect("commit");
}

#[tokio::test]
async fn what_cannot_be_noted_is_not_sent() {
    let sqlite = sqlite().await;
    let alert_id = with_a_delivery(&sqlite.registry).await;
    let sink = Sink::start(&[]);
    let stage = stage(&sqlite, sink.relay(MailTls::Starttls));
    run_sql(
        &sqlite,
        "CREATE TRIGGER full BEFORE INSERT ON attempts BEGIN SELECT RAISE(ABORT, 'disk is full'); END",
    )
    .await;
    for _ in 0..3 {
        assert!(stage.look(now_ms()).await.is_err());
    }
    assert_eq!(sink.mails(), [""; 0], "one a second would go out");
    run_sql(&sqlite, "DROP TRIGGER full").await;
    assert_eq!(stage.look(now_ms()).await.expect("a look"), 1);
    assert_eq!(sink.mails().len(), 1);
    assert_eq!(the_delivery(&sqlite, alert_id).await.state, DeliveryState::Sent);
}

#[tokio::test]
async fn a_mail_whose_outcome_cannot_be_noted_waits_and_the_doubt_is_seen() {
    let sqlite = sqlite().await;
    let alert_id = with_a_delivery(&sqlite.registry).await;
    let sink = Sink::start(&[]);
    let stage = stage(&sqlite, sink.relay(MailTls::Starttls));
    run_sql(
        &sqlite,
        "CREATE TRIGGER full BEFORE UPDATE ON attempts BEGIN SELECT RAISE(ABORT, 'disk is full'); END",
    )
    .await;
    let start_ms = now_ms();
    assert_eq!(stage.look(start_ms).await.expect("a look"), 1);
    assert_eq!(stage.look(start_ms + 30_000).await.expect("a look"), 0);
    assert_eq!(sink.mails().len(), 1);
    let waiting = the_delivery(&sqlite, alert_id).await;
    assert_eq!((waiting.state, waiting.attempts), (DeliveryState::Due, 1));
    assert!(waiting.due_ms >= start_ms + 60_000);
    assert_eq!(outcomes(&sqlite, waiting.id).await, [Outcome::Unknown]);
    assert_eq!(stage.metrics.deliveries_unknown.get(), 1);

    run_sql(&sqlite, "DROP TRIGGER full").await;
    assert_eq!(stage.look(waiting.due_ms).await.expect("a look"), 1);
    assert_eq!(
        outcomes(&sqlite, waiting.id).await,
        [Outcome::Unknown, Outcome::Accepted]
    );
}

#[tokio::test]
async fn a_delivery_that_nobody_can_read_holds_up_no_other() {
    let sqlite = sqlite().await;
    let alert_id = with_a_delivery(&sqlite.registry).await;
    run_sql(
        &sqlite,
        "INSERT INTO deliveries SELECT d.id + n.id, alert_id, channel, recipient, 'later', state, due_ms - 1, \
         created_ms, sent_ms, message_id, thread, '{', attempts FROM deliveries d, \
         (SELECT 100 AS id UNION SELECT 200 UNION SELECT 300 UNION SELECT 400) n",
    )
    .await;
    let sink = Sink::start(&[]);
    let stage = stage(&sqlite, sink.relay(MailTls::Starttls));
    stage.look(now_ms()).await.expect("a look");
    stage.look(now_ms()).await.expect("a look");
    assert_eq!(sink.mails().len(), 1);
    assert_eq!(stage.metrics.health.set_aside.list().len(), 4);
    let now_ms = now_ms();
    assert_eq!(
        stage.until_next(now_ms).await,
        LOOK_INTERVAL,
        "they do not keep the stage busy"
    );
    let mut tx = sqlite.registry.begin().await.expect("begin");
    let sent: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM deliveries WHERE state = 'sent' AND alert_id = $1")
            .bind(alert_id)
            .fetch_one(&mut *tx)
            .await
            .expect("a number");
    assert_eq!(sent, 1);
}
