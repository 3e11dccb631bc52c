//! Each documented event as a row, in the forms that converters from XML give it.

use proptest::prelude::*;
use serde_json::json;
use vong_proto::event::{Outcome, Remedy, Severity};

use super::*;

const ID: &str = "{26C3583A-98B2-4E88-9B8A-0E9BDEBEB9B4}";

/// What Defender for Windows in Vietnamese wrote of a test file; the texts are never read.
fn found() -> Value {
    json!({
        "Product Name": "Microsoft Defender Antivirus", "Detection ID": ID,
        "Detection Time": "2026-11-22T21:31:00.000Z", "Threat ID": "2147519003",
        "Threat Name": "Virus:DOS/EICAR_Test_File", "Severity ID": "5", "Severity Name": "Nghiêm trọng",
        "Category ID": "42", "Category Name": "Vi-rút", "Process Name": "C:\\Windows\\explorer.exe",
        "Path": "file:_C:\\Hồ sơ\\eicar.com", "Detection User": "TINH\\lan", "Action ID": "9",
        "Action Name": "Không áp dụng", "Error Code": "0x00000000", "Additional Actions ID": "0",
    })
}

fn row(id: i64, data: Value) -> Value {
    json!({ "Event": { "System": { "EventID": id, "TimeCreated": { "SystemTime": "2026-11-22T21:31:05Z" } },
                       "EventData": data } })
}

fn with(id: i64, changes: &[(&str, &str)]) -> Detection {
    let mut data = found();
    for (name, value) in changes {
        data[name] = json!(value);
    }
    match decode(&row(id, data)) {
        DefenderEvent::Detection(detection) | DefenderEvent::Behaviour(detection) => *detection,
        other => panic!("{other:?}"),
    }
}

#[test]
fn malware_that_was_found_is_told_with_everything_known() {
    for id in [1006, 1116] {
        let detection = with(id, &[]);
        assert_eq!(detection.key, ID);
        assert_eq!(detection.threat, "Virus:DOS/EICAR_Test_File");
        assert_eq!(detection.category, "Vi-rút");
        assert_eq!(detection.severity, Some(Severity::Critical));
        assert_eq!(detection.path, "C:\\Hồ sơ\\eicar.com".as_bytes());
        assert_eq!(detection.process, b"C:\\Windows\\explorer.exe");
        assert_eq!(detection.user, "TINH\\lan");
        assert_eq!(
            (detection.action, detection.outcome),
            (Remedy::None, Outcome::Pending)
        );
        assert_eq!(detection.code, id.to_string());
        assert_eq!(detection.found_ms, Some(1_795_383_060_000));
    }
}

#[test]
fn what_was_done_and_whether_it_worked_is_told_by_numbers() {
    let check = |id: i64, changes: &[(&str, &str)], expected: (Remedy, Outcome), code: &str| {
        let detection = with(id, changes);
        assert_eq!(
            (detection.action, detection.outcome),
            expected,
            "{id} {changes:?}"
        );
        assert_eq!(detection.code, code, "{id} {changes:?}");
        assert_eq!(detection.key, ID, "follow-ups are joined");
    };
    use Outcome::{Failed, Pending, Succeeded, Unknown};
    for (id, code) in [(1007, "1007"), (1117, "1117")] {
        check(id, &[("Action ID", "1")], (Remedy::Cleaned, Succeeded), code);
        check(id, &[("Action ID", "2")], (Remedy::Quarantined, Succeeded), code);
        check(id, &[("Action ID", "3")], (Remedy::Removed, Succeeded), code);
        check(id, &[("Action ID", "6")], (Remedy::Allowed, Pending), code);
        check(id, &[("Action ID", "9")], (Remedy::None, Pending), code);
        check(id, &[("Action ID", "10")], (Remedy::Blocked, Pending), code);
        check(id, &[("Action ID", "")], (Remedy::Unknown, Succeeded), code);
        check(id, &[("Action ID", "77")], (Remedy::Unknown, Unknown), code);
        let restart = [("Action ID", "2"), ("Additional Actions ID", "8")];
        check(id, &restart, (Remedy::Quarantined, Pending), code);
    }
    let refused = [("Action ID", "2"), ("Error Code", "0x80508023")];
    check(1117, &refused, (Remedy::Quarantined, Failed), "1117 0x80508023");
    check(1008, &refused, (Remedy::Quarantined, Failed), "1008 0x80508023");
    check(1118, &refused, (Remedy::Quarantined, Failed), "1118 0x80508023");
    check(1119, &[("Action ID", "3")], (Remedy::Removed, Failed), "1119");
}

#[test]
fn severities_are_numbers_too() {
    let check = |id: &str, expected: Option<Severity>| {
        assert_eq!(with(1116, &[("Severity ID", id)]).severity, expected, "{id}");
    };
    check("0", None);
    check("1", Some(Severity::Low));
    check("2", Some(Severity::Medium));
    check("3", None);
    check("4", Some(Severity::High));
    check("5", Some(Severity::Critical));
    check("rất cao", None);
}

#[test]
fn of_several_things_the_file_itself_is_named() {
    let check = |path: &str, expected: &str| {
        let found = with(1116, &[("Path", path)]).path;
        assert_eq!(String::from_utf8(found).expect("text"), expected);
    };
    check("file:_C:\\a.exe; file:_D:\\b.exe", "C:\\a.exe");
    check(
        "containerfile:_C:\\a.zip; file:_C:\\a.zip->b.exe; webfile:_C:\\a.zip|https://a.vn/a.zip|pid:7,ProcessStart:1",
        "C:\\a.zip->b.exe",
    );
    check("containerfile:_C:\\a.zip", "C:\\a.zip");
    check("webfile:_C:\\a.zip|https://a.vn/a.zip|pid:7", "C:\\a.zip");
    check("file:_\\\\máy chủ\\chung\\a.exe", "\\\\máy chủ\\chung\\a.exe");
    check("regkey:_HKCU\\Run\\a; process:_pid:7", "regkey:_HKCU\\Run\\a");
    check("", "");
}

#[test]
fn without_an_id_threat_and_path_make_the_key() {
    let key = |changes: &[(&str, &str)]| with(1116, changes).key;
    let bare = key(&[("Detection ID", "")]);
    assert_eq!(bare.len(), 2 * 16);
    assert_eq!(key(&[("Detection ID", ""), ("Severity ID", "1")]), bare);
    assert_ne!(key(&[("Detection ID", ""), ("Path", "file:_D:\\x")]), bare);
    assert_ne!(key(&[("Detection ID", ""), ("Threat Name", "Khác")]), bare);
    assert_eq!(key(&[("Detection ID", &"x".repeat(5_000))]).len(), 2 * 16);
}

#[test]
fn a_missing_time_is_that_of_the_event() {
    assert_eq!(
        with(1116, &[("Detection Time", "")]).found_ms,
        Some(1_795_383_065_000)
    );
}

#[test]
fn suspicious_behaviour_is_a_detection_of_its_own_kind() {
    let data = json!({ "Threat Name": "Behavior:Win32/Hive.ZY", "Severity ID": 5, "Process Name": "Unknown",
                       "Path": "behavior:_process: C:\\a.exe, pid:3760:1; process:_pid:3760" });
    let DefenderEvent::Behaviour(detection) = decode(&row(1015, data)) else {
        panic!("no behaviour")
    };
    assert_eq!(detection.process, b"");
    assert_eq!(detection.path, b"behavior:_process: C:\\a.exe, pid:3760:1");
    assert_eq!(
        (detection.action, detection.outcome),
        (Remedy::None, Outcome::Pending)
    );
}

#[test]
fn every_other_documented_event_has_its_meaning() {
    let text = str::to_owned;
    let check = |id: i64, data: Value, expected: DefenderEvent| {
        assert_eq!(decode(&row(id, data)), expected, "{id}");
    };
    use DefenderEvent as Is;
    let asr = json!({ "ID": "d4f940ab-401b-4efc-aadc-ad5f3c50688a", "Path": "C:\\Windows\\System32\\cmd.exe",
                      "Process Name": "C:\\Office\\WINWORD.EXE", "User": "TINH\\lan" });
    check(
        1121,
        asr,
        Is::AttackSurface {
            rule: text("d4f940ab-401b-4efc-aadc-ad5f3c50688a"),
            path: text("C:\\Windows\\System32\\cmd.exe"),
            process: text("C:\\Office\\WINWORD.EXE"),
            user: text("TINH\\lan"),
        },
    );
    check(1150, json!({ "Platform version": "4.18.26100.5" }), Is::Health);
    check(1151, json!({ "RTP state": "Enabled" }), Is::Health);
    let updated = |version: &str| Is::DefinitionsUpdated {
        version: text(version),
    };
    check(
        2000,
        json!({ "Current security intelligence Version": "1.451.120.0" }),
        updated("1.451.120.0"),
    );
    check(
        2000,
        json!({ "Current Signature Version": "1.200.1.0" }),
        updated("1.200.1.0"),
    );
    let error =
        || json!({ "Error Code": "0x80072ee7", "Error Description": "Không phân giải được tên máy chủ" });
    let code = text("0x80072ee7");
    check(2001, error(), Is::DefinitionsFailed { error: code.clone() });
    check(2003, error(), Is::EngineUpdateFailed { error: code.clone() });
    check(3002, error(), Is::RealTimeFailed { error: code });
    check(3007, json!({ "Feature ID": "1" }), Is::RealTimeRecovered);
    check(5000, json!({}), Is::RealTime { on: true });
    check(5001, json!({}), Is::RealTime { on: false });
    check(
        5008,
        json!({ "Failure Type": "%%830", "Exception Code": "0xc0000005" }),
        Is::EngineCrashed {
            error: text("0xc0000005"),
        },
    );
    check(
        5008,
        json!({ "Failure Type": "%%830" }),
        Is::EngineCrashed { error: text("%%830") },
    );
    check(5010, json!({}), Is::ScanningOff);
    check(5012, json!({}), Is::ScanningOff);
    let guarded = "HKLM\\SOFTWARE\\Microsoft\\Windows Defender\\Features\\TamperProtection = 0x0";
    check(
        5013,
        json!({ "Value": guarded }),
        Is::TamperBlocked {
            setting: text(guarded),
        },
    );
    check(5100, json!({ "Expiration Reason": "%%872" }), Is::Expiring);
    check(5101, json!({ "Expiration Reason": "%%872" }), Is::Expired);
}

#[test]
fn a_changed_setting_names_the_exclusion_that_came_or_went() {
    let setting = "HKLM\\SOFTWARE\\Microsoft\\Windows Defender\\Exclusions\\Paths\\C:\\Tạm = dấu = 0x0";
    let exclusion = Exclusion {
        kind: "Paths".to_owned(),
        value: "C:\\Tạm = dấu".to_owned(),
    };
    let check = |id: i64, before: &str, after: &str, added: bool, removed: bool| {
        let data = json!({ "Old Value": before, "New Value": after });
        let DefenderEvent::Configuration(change) = decode(&row(id, data)) else {
            panic!("no change")
        };
        assert_eq!(
            change.exclusion_added,
            added.then(|| exclusion.clone()),
            "{before} {after}"
        );
        assert_eq!(
            change.exclusion_removed,
            removed.then(|| exclusion.clone()),
            "{before} {after}"
        );
        assert_eq!((change.before.as_str(), change.after.as_str()), (before, after));
    };
    check(5007, "", setting, true, false);
    check(5007, setting, "", false, true);
    check(5007, setting, setting, false, false);
    check(
        5007,
        "",
        &setting.replace("\\Exclusions\\", "\\exclusions\\"),
        true,
        false,
    );
    check(
        5007,
        "",
        "HKLM\\…\\Real-Time Protection\\DisableRealtimeMonitoring = 0x1",
        false,
        false,
    );
    check(5004, "", "", false, false);
}

#[test]
fn the_number_and_the_data_come_in_every_form() {
    let numbers = [
        json!(5001),
        json!("5001"),
        json!({ "#text": "5001", "#attributes": { "Qualifiers": "" } }),
        json!({ "#text": 5001 }),
    ];
    for number in numbers {
        for row in [
            json!({ "Event": { "System": { "EventID": number } } }),
            json!({ "System": { "EventID": number } }),
        ] {
            assert_eq!(decode(&row), DefenderEvent::RealTime { on: false }, "{row}");
        }
    }
    let names = [
        json!([{ "Name": "Error Code", "#text": "0x1" }]),
        json!([{ "@Name": "Other" }, { "@Name": "Error Code", "#text": "0x1" }]),
        json!([{ "#attributes": { "Name": "Error Code" }, "#text": "0x1" }]),
        json!({ "Error Code": "0x1" }),
        json!({ "error code": { "#text": "0x1" } }),
    ];
    for data in names {
        let expected = DefenderEvent::DefinitionsFailed {
            error: "0x1".to_owned(),
        };
        assert_eq!(decode(&row(2001, json!({ "Data": data }))), expected, "{data}");
        assert_eq!(decode(&row(2001, data.clone())), expected, "{data}");
    }
}

#[test]
fn an_unknown_number_stays_unknown() {
    let check =
        |row: Value, id: Option<i64>| assert_eq!(decode(&row), DefenderEvent::Unknown { id }, "{row}");
    for id in [
        0, 1, 1000, 1009, 1115, 1120, 1122, 2002, 5002, 5009, 5011, 9999, -1116,
    ] {
        check(row(id, found()), Some(id));
    }
    check(json!({ "System": { "EventID": "phát hiện" } }), None);
    check(json!({ "System": null }), None);
    check(json!([1116]), None);
    check(json!(null), None);
}

/// Any JSON of some depth.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    let names = prop_oneof!["[a-z]{1,4}", Just("#text".to_owned()), Just("Name".to_owned())];
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names.clone(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_stands_in_a_row_nothing_panics(row in anything(), id in 1_000_i64..5_200, value in ".*") {
        let _ = decode(&row);
        let _ = decode(&json!({ "System": row, "EventData": row }));
        let data = json!({ "Path": value, "Detection ID": value, "Error Code": value, "New Value": value,
                           "Detection Time": value, "Threat Name": row });
        let event = decode(&json!({ "System": { "EventID": id, "TimeCreated": row }, "EventData": data }));
        if let DefenderEvent::Detection(detection) = event {
            prop_assert!(!detection.key.is_empty() && detection.key.len() <= 128);
            prop_assert!(detection.code.len() <= 128);
        }
    }
}
