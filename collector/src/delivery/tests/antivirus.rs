//! The words for antivirus and malware: what somebody who is not an expert reads.

use super::*;

/// Title in Vietnamese and in English, and whether it must not be stated as present once it is over.
fn check(code: &str, evidence: Value, vietnamese: &str, english: &str) {
    let mut content = content(code, evidence);
    content.severity = Severity::High;
    for (language, title, about) in [("vi", vietnamese, "Máy KT-01"), ("en", english, "PC KT-01")] {
        content.language = language.to_owned();
        let letter = written(&row(MailKind::Opened, content.clone()));
        assert!(
            letter.headline.contains(&format!("{about}: {title}.")),
            "{}",
            letter.headline
        );
        assert_eq!(letter.steps.len(), 3, "{code}");
        assert!(
            letter.steps.iter().all(|step| !step.contains('{')),
            "{:?}",
            letter.steps
        );
        let facts: Vec<&str> = letter.host.iter().map(|fact| fact.value.as_str()).collect();
        assert!(
            facts.contains(&"TS-0042") && facts.contains(&"Nhà B, tầng 2"),
            "{facts:?}"
        );
        let text = email::text(&letter).expect("text");
        assert!(
            text.contains("0256 3822 113"),
            "the duty telephone stands in it: {text}"
        );
        email::html(&letter).expect("html");
        let over = written(&row(MailKind::Resolved, content.clone())).headline;
        assert_ne!(over, letter.headline, "what is over is not stated as present");
    }
    assert_no_number_is_promised(row(MailKind::Opened, content));
}

#[test]
fn each_fault_of_antivirus_has_its_own_words() {
    check(
        "antivirus.off",
        json!({"product": "ClamAV", "reason": "not_answering"}),
        "phần mềm diệt vi-rút không phản hồi",
        "its antivirus does not answer",
    );
    check(
        "antivirus.crashed",
        json!({"product": "ClamAV", "reason": "crashed"}),
        "phần mềm diệt vi-rút bị dừng đột ngột",
        "its antivirus has crashed",
    );
    check(
        "antivirus.expired",
        json!({"product": "Kaspersky"}),
        "phần mềm diệt vi-rút đã hết hạn bản quyền",
        "the licence of its antivirus has expired",
    );
    check(
        "antivirus.real_time_off",
        json!({"product": "Microsoft Defender"}),
        "tính năng bảo vệ thời gian thực đang tắt",
        "real-time protection is off",
    );
    check(
        "antivirus.scan_overdue",
        json!({"days": 45}),
        "đã 45 ngày chưa quét mã độc",
        "it was not scanned for 45 days",
    );
    check(
        "antivirus.exclusions_added",
        json!({"added": ["/tmp"], "count": 1}),
        "phần mềm diệt vi-rút bị đặt thêm ngoại lệ không quét",
        "its antivirus was told to pass something over",
    );
}

fn malware(outcome: &str, action: &str) -> Value {
    json!({
        "threat": "Eicar-Test-Signature",
        "path": "/home/hạnh/Tải về/hóa đơn.exe",
        "user": "hạnh",
        "product": "ClamAV",
        "outcome": outcome,
        "action": action,
    })
}

#[test]
fn malware_is_told_with_what_became_of_it() {
    check(
        "malware.detected",
        malware("pending", "none"),
        "phát hiện mã độc “Eicar-Test-Signature”",
        "malware “Eicar-Test-Signature” was found",
    );
    check(
        "malware.detected",
        json!({"more": 650}),
        "phát hiện nhiều tệp mã độc",
        "many malicious files were found",
    );
    check(
        "malware.not_remediated",
        malware("failed", "none"),
        "mã độc “Eicar-Test-Signature” chưa được xử lý",
        "malware “Eicar-Test-Signature” is still there",
    );
    let of = |outcome, action| {
        let letter = written(&row(
            MailKind::Opened,
            content("malware.detected", malware(outcome, action)),
        ));
        email::text(&letter).expect("text")
    };
    assert!(of("succeeded", "quarantined").contains("Kết quả xử lý: đã cách ly tệp"));
    assert!(of("pending", "blocked").contains("Kết quả xử lý: đã chặn mở tệp; tệp vẫn còn trên máy"));
    assert!(of("failed", "quarantined").contains("Kết quả xử lý: xử lý không thành công"));
    assert!(of("unknown", "unknown").contains("Tệp: /home/hạnh/Tải về/hóa đơn.exe"));
    assert!(of("unknown", "quarantined").contains("Kết quả xử lý: chưa rõ kết quả xử lý"));
}

#[test]
fn a_mail_about_many_pcs_names_the_unit_and_some_of_them() {
    let mut content = content(
        "malware.outbreak",
        json!({"threat": "Emotet", "pcs": 5, "not_harmless": 2}),
    );
    content.host = HostCard {
        unit: "UBND xã Đông Hà".to_owned(),
        ..HostCard::default()
    };
    content.pcs = vec![
        "KT-01 – Phòng Kinh tế".to_owned(),
        "VP-02\u{202e} – Văn phòng".to_owned(),
    ];
    let letter = written(&row(MailKind::Opened, content));
    assert_eq!(
        letter.subject,
        "[Khẩn cấp] Đơn vị UBND xã Đông Hà: mã độc “Emotet” xuất hiện trên 5 máy"
    );
    let text = email::text(&letter).expect("text");
    assert!(text.contains("Các máy: KT-01 – Phòng Kinh tế; VP-02"), "{text}");
    assert!(!text.contains('\u{202e}') && !text.contains("Tên máy"), "{text}");
    assert!(text.contains("Số máy chưa xử lý được: 2"), "{text}");
    assert!(text.contains("và 3 máy khác"), "{text}");
}
