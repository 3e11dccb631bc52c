//! Antivirus, malware and their updates, in Vietnamese; `None` for what is about something else.

use super::super::letter::{Fact, Params, local_time, sentence};
use super::{facts, grouped};

/// What an alert is about, as the end of a sentence that began with a PC's or a unit's name.
pub(super) fn title(code: &str, params: &Params<'_>) -> Option<String> {
    Some(match code {
        "antivirus.missing" => "chưa có phần mềm diệt vi-rút".to_owned(),
        "antivirus.off" => off(params).to_owned(),
        "antivirus.crashed" => "phần mềm diệt vi-rút bị dừng đột ngột".to_owned(),
        "antivirus.expired" => "phần mềm diệt vi-rút đã hết hạn bản quyền".to_owned(),
        "antivirus.real_time_off" => "tính năng bảo vệ thời gian thực đang tắt".to_owned(),
        "antivirus.stale" => stale(params),
        "antivirus.scan_overdue" => match params.number("/days") {
            Some(days) => format!("đã {} ngày chưa quét mã độc", grouped(days)),
            None => "lâu ngày chưa quét mã độc".to_owned(),
        },
        "antivirus.exclusions_added" => "phần mềm diệt vi-rút bị đặt thêm ngoại lệ không quét".to_owned(),
        "malware.detected" if params.has("/more") => "phát hiện nhiều tệp mã độc".to_owned(),
        "malware.detected" => format!("phát hiện mã độc “{}”", params.name("/threat")),
        "malware.not_remediated" => format!("mã độc “{}” chưa được xử lý", params.name("/threat")),
        "malware.outbreak" => format!(
            "mã độc “{}” xuất hiện trên {} máy",
            params.name("/threat"),
            grouped(params.number("/pcs").unwrap_or_default())
        ),
        "updates.source_stale" => format!(
            "mẫu nhận diện mã độc của “{}” không được cập nhật trên {} máy",
            params.name("/product"),
            grouped(params.number("/pcs").unwrap_or_default())
        ),
        _ => return None,
    })
}

/// The same once it is over.
pub(super) fn over(code: &str, params: &Params<'_>) -> Option<String> {
    Some(match code {
        "antivirus.missing" => "đã có phần mềm diệt vi-rút".to_owned(),
        "antivirus.off" | "antivirus.crashed" | "antivirus.expired" => {
            "phần mềm diệt vi-rút đã hoạt động trở lại".to_owned()
        }
        "antivirus.real_time_off" => "tính năng bảo vệ thời gian thực đã được bật lại".to_owned(),
        "antivirus.stale" => "mẫu nhận diện mã độc đã được cập nhật".to_owned(),
        "antivirus.scan_overdue" => "không còn quá hạn quét mã độc".to_owned(),
        "malware.detected" | "malware.not_remediated" if params.has("/threat") => {
            format!("mã độc “{}” đã được xử lý", params.name("/threat"))
        }
        "malware.outbreak" => format!(
            "không phát hiện thêm máy nhiễm mã độc “{}”",
            params.name("/threat")
        ),
        "updates.source_stale" => format!(
            "mẫu nhận diện mã độc của “{}” đã được cập nhật trở lại",
            params.name("/product")
        ),
        _ => return None,
    })
}

/// One thing that was seen.
pub(super) fn seen(rule: &str, evidence: &Params<'_>) -> Option<(String, Vec<Fact>)> {
    Some(match rule {
        "antivirus.missing" => (
            "Không tìm thấy phần mềm diệt vi-rút nào trên máy".to_owned(),
            Vec::new(),
        ),
        "antivirus.off"
        | "antivirus.crashed"
        | "antivirus.expired"
        | "antivirus.real_time_off"
        | "antivirus.stale" => (sentence(&title(rule, evidence)?), product(evidence)),
        "antivirus.scan_overdue" => (
            sentence(&title(rule, evidence)?),
            facts([
                ("Phần mềm", evidence.name("/product")),
                ("Lần quét gần nhất", time(evidence, "/last_scan_ms")),
            ]),
        ),
        "antivirus.exclusions_added" => (
            format!(
                "Có thêm {} ngoại lệ mà phần mềm diệt vi-rút không quét",
                grouped(evidence.number("/count").unwrap_or(1))
            ),
            facts([
                ("Phần mềm", evidence.name("/product")),
                ("Ngoại lệ mới", evidence.paths("/added")),
            ]),
        ),
        "malware.detected" if evidence.has("/more") => (
            format!(
                "Phát hiện thêm {} tệp mã độc trong một giờ",
                grouped(evidence.number("/more").unwrap_or_default())
            ),
            Vec::new(),
        ),
        "malware.detected" | "malware.not_remediated" => {
            (sentence(&title(rule, evidence)?), malware(evidence))
        }
        "malware.outbreak" => (
            sentence(&title(rule, evidence)?),
            facts([("Số máy chưa xử lý được", count(evidence, "/not_harmless"))]),
        ),
        "updates.source_stale" => (
            sentence(&title(rule, evidence)?),
            facts([("Số máy đang kết nối dùng phần mềm này", count(evidence, "/of"))]),
        ),
        _ => return None,
    })
}

/// At most three steps for the unit.
pub(super) fn steps(code: &str) -> Option<[&'static str; 3]> {
    Some(match code {
        "antivirus.missing" => [
            "Kiểm tra trên máy xem đã cài phần mềm diệt vi-rút chưa.",
            "Nếu chưa có, cài phần mềm mà đơn vị được cấp, rồi khởi động lại máy.",
            "Trong lúc chờ, không cắm USB, không mở tệp đính kèm lạ. Nếu không tự cài được, {call}.",
        ],
        "antivirus.off" => [
            "Mở phần mềm diệt vi-rút trên máy và bật lại tính năng bảo vệ.",
            "Hỏi người dùng máy có tự tắt hay không.",
            "Nếu không bật lại được hoặc không ai tắt: rút dây mạng, để máy vẫn bật và {call} ngay.",
        ],
        "antivirus.crashed" => [
            "Khởi động lại máy.",
            "Mở phần mềm diệt vi-rút, kiểm tra đã ở trạng thái bật.",
            "Nếu vẫn không chạy hoặc lỗi lặp lại, {call}.",
        ],
        "antivirus.expired" => [
            "Mở phần mềm diệt vi-rút và xem ngày hết hạn bản quyền.",
            "Gia hạn, hoặc cài phần mềm mà đơn vị được cấp.",
            "Trong lúc chờ, không cắm USB, không mở tệp đính kèm lạ. Nếu cần hỗ trợ, {call}.",
        ],
        "antivirus.real_time_off" => [
            "Mở phần mềm diệt vi-rút và bật lại “Bảo vệ thời gian thực”.",
            "Hỏi người dùng máy có tự tắt hay không.",
            "Nếu không bật lại được hoặc không ai tắt: rút dây mạng, để máy vẫn bật và {call} ngay.",
        ],
        "antivirus.stale" => [
            "Kiểm tra máy có kết nối mạng bình thường không.",
            "Mở phần mềm diệt vi-rút và chọn “Cập nhật”.",
            "Nếu sau hai giờ vẫn chưa cập nhật được, {call}.",
        ],
        "antivirus.scan_overdue" => [
            "Mở phần mềm diệt vi-rút và chọn “Quét nhanh”.",
            "Để máy bật đến khi quét xong.",
            "Nếu không quét được, {call}.",
        ],
        "antivirus.exclusions_added" => [
            "Mở phần mềm diệt vi-rút, xem danh sách ngoại lệ (thư mục, tệp không quét) nêu trên.",
            "Hỏi người dùng máy và đơn vị bảo trì có tự thêm không; nếu không cần thì xóa ngoại lệ.",
            "Nếu không ai thêm: rút dây mạng, để máy vẫn bật và {call} ngay.",
        ],
        "malware.detected" => [
            "Hỏi người dùng tệp nêu trên lấy từ đâu (thư điện tử, USB, trang tải về); không mở tệp đó.",
            "Mở phần mềm diệt vi-rút trên máy và chạy quét toàn bộ.",
            "Nếu phần mềm báo không xử lý được, hoặc máy có biểu hiện lạ: rút dây mạng, để máy vẫn bật và {call}.",
        ],
        "malware.not_remediated" => [
            "Rút dây mạng của máy (hoặc tắt Wi-Fi), để máy vẫn bật, không mở tệp nêu trên.",
            "Mở phần mềm diệt vi-rút, chọn cách ly hoặc xóa tệp đó.",
            "{Call} ngay và đọc tên máy ghi ở trên.",
        ],
        "malware.outbreak" => [
            "Báo mọi người trong đơn vị không mở tệp đính kèm lạ, không cắm USB.",
            "Rút dây mạng các máy nêu trên, để máy vẫn bật.",
            "{Call} ngay để được hướng dẫn xử lý.",
        ],
        "updates.source_stale" => [
            "Kiểm tra máy chủ hoặc đường mạng mà các máy dùng để tải mẫu nhận diện mã độc.",
            "Thử cập nhật bằng tay trên một máy và ghi lại thông báo lỗi.",
            "Nếu sau hai giờ vẫn chưa cập nhật được, {call}.",
        ],
        _ => return None,
    })
}

/// What the duty office does in the end.
pub(super) fn duty_step(code: &str) -> Option<&'static str> {
    Some(match code {
        "antivirus.off" | "antivirus.real_time_off" | "antivirus.exclusions_added" => {
            "Nếu không ai ở đơn vị tự làm việc này: đề nghị rút dây mạng, để máy vẫn bật, rồi xử lý theo quy trình ứng cứu sự cố."
        }
        "malware.not_remediated" | "malware.outbreak" => {
            "Đề nghị rút dây mạng các máy liên quan, để máy vẫn bật, rồi xử lý theo quy trình ứng cứu sự cố."
        }
        _ => return None,
    })
}

fn off(params: &Params<'_>) -> &'static str {
    match params.code("/reason") {
        "not_answering" => "phần mềm diệt vi-rút không phản hồi",
        "snoozed" => "phần mềm diệt vi-rút đang bị tạm dừng",
        "passive" => "phần mềm diệt vi-rút đang ở chế độ thụ động, không phần mềm nào khác bảo vệ máy",
        _ => "phần mềm diệt vi-rút đang tắt",
    }
}

fn stale(params: &Params<'_>) -> String {
    match params.number("/days") {
        Some(days) if days > 0 => format!("mẫu nhận diện mã độc chậm cập nhật {} ngày", grouped(days)),
        _ => "mẫu nhận diện mã độc chậm cập nhật".to_owned(),
    }
}

fn product(evidence: &Params<'_>) -> Vec<Fact> {
    facts([
        ("Phần mềm", evidence.name("/product")),
        ("Phiên bản mẫu nhận diện", evidence.name("/definitions_version")),
        ("Phát hành lúc", time(evidence, "/definitions_built_ms")),
    ])
}

fn malware(evidence: &Params<'_>) -> Vec<Fact> {
    facts([
        ("Tên mã độc", evidence.name("/threat")),
        ("Tệp", evidence.path("/path")),
        ("Người dùng", evidence.name("/user")),
        ("Chương trình", evidence.path("/process/executable")),
        ("Phần mềm phát hiện", evidence.name("/product")),
        ("Kết quả xử lý", remedy(evidence).to_owned()),
    ])
}

fn remedy(evidence: &Params<'_>) -> &'static str {
    match (evidence.code("/outcome"), evidence.code("/action")) {
        ("failed", _) => "xử lý không thành công, tệp vẫn còn trên máy",
        ("succeeded", "quarantined") => "đã cách ly tệp",
        ("succeeded", "removed") => "đã xóa tệp",
        ("succeeded", "cleaned") => "đã làm sạch tệp",
        ("succeeded", _) => "đã xử lý",
        (_, "blocked") => "đã chặn mở tệp; tệp vẫn còn trên máy",
        (_, "allowed") => "có người cho phép; tệp vẫn còn trên máy",
        ("pending", _) => "chưa xử lý; tệp vẫn còn trên máy",
        _ if evidence.code("/code") == "file_gone" => "không rõ: tệp không còn ở chỗ cũ",
        _ => "chưa rõ kết quả xử lý",
    }
}

fn count(evidence: &Params<'_>, pointer: &str) -> String {
    evidence.number(pointer).map(grouped).unwrap_or_default()
}

fn time(evidence: &Params<'_>, pointer: &str) -> String {
    evidence.number(pointer).map(local_time).unwrap_or_default()
}
