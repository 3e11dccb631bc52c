//! Files and what encrypts them, in Vietnamese; `None` for what is about something else.

use super::super::letter::{Fact, Params, sentence};
use super::{facts, grouped};

/// What a title asks for; of an alert that was closed it must not be said any more.
pub(super) const AT_ONCE: &str = ", cần rút dây mạng ngay";

/// What an alert is about, as the end of a sentence that began with a PC's name.
pub(super) fn title(code: &str, params: &Params<'_>) -> Option<String> {
    Some(match code {
        "file.critical_changed" if params.has("/more") => "nhiều tệp quan trọng bị thay đổi".to_owned(),
        "file.critical_changed" => file_title(params),
        "file.known_bad" if params.has("/more") => {
            "phát hiện nhiều tệp trong danh sách tệp độc hại".to_owned()
        }
        "file.known_bad" => format!(
            "phát hiện tệp “{}” nằm trong danh sách tệp độc hại",
            params.file_name()
        ),
        "tripwire.ransomware" => format!("nghi mã độc tống tiền đang mã hóa tệp{AT_ONCE}"),
        "tripwire.suspicious" => "nhiều tài liệu bị thay đổi bất thường".to_owned(),
        _ => return None,
    })
}

/// The same once it is over.
pub(super) fn over(code: &str, _: &Params<'_>) -> Option<String> {
    Some(match code {
        "tripwire.ransomware" => "không còn thấy tệp bị mã hóa hàng loạt".to_owned(),
        "tripwire.suspicious" => "không còn thấy tài liệu bị thay đổi bất thường".to_owned(),
        _ => return None,
    })
}

/// One thing that was seen.
pub(super) fn seen(rule: &str, evidence: &Params<'_>) -> Option<(String, Vec<Fact>)> {
    Some(match rule {
        "file.critical_changed" => file(evidence),
        "file.known_bad" if evidence.has("/more") => (
            format!(
                "Phát hiện thêm {} tệp trong danh sách tệp độc hại",
                grouped(evidence.number("/more").unwrap_or_default())
            ),
            Vec::new(),
        ),
        "file.known_bad" => (sentence(&title(rule, evidence)?), known_bad(evidence)),
        "tripwire.ransomware" | "tripwire.suspicious" if evidence.has("/more") => (
            format!(
                "Có thêm {} lần nhiều tài liệu bị thay đổi bất thường trong một giờ",
                grouped(evidence.number("/more").unwrap_or_default())
            ),
            Vec::new(),
        ),
        "tripwire.ransomware" => (
            "Nhiều tệp đang bị mã hóa hoặc phá hỏng".to_owned(),
            tripwire(evidence),
        ),
        "tripwire.suspicious" => (sentence(&title(rule, evidence)?), tripwire(evidence)),
        _ => return None,
    })
}

/// At most three steps for the unit.
pub(super) fn steps(code: &str) -> Option<[&'static str; 3]> {
    Some(match code {
        "file.critical_changed" => [
            "Hỏi người dùng máy có tự thay đổi tệp nêu trên không. Nếu anh/chị vừa cài hoặc cập nhật phần mềm này thì có thể là bình thường: {call} để xác nhận và đóng cảnh báo.",
            "Nếu không ai thay đổi: rút dây mạng của máy (hoặc tắt Wi-Fi), không tắt máy, không mở thêm tệp nào.",
            "{Call} ngay và đọc tên máy ghi ở trên.",
        ],
        "file.known_bad" => [
            "Rút ngay dây mạng (hoặc tắt Wi-Fi) của máy nêu trên, để máy vẫn bật.",
            "Không mở và không xóa tệp nêu trên; hỏi người dùng lấy tệp từ đâu (thư điện tử, USB, trang tải về).",
            "{Call} ngay và đọc tên máy ghi ở trên.",
        ],
        "tripwire.ransomware" => [
            "Rút ngay dây mạng (hoặc tắt Wi-Fi) của máy nêu trên; rút cả USB và ổ cứng gắn ngoài.",
            "Không tắt máy, không khởi động lại, không xóa tệp nào, không làm theo lời đòi tiền chuộc.",
            "{Call} ngay và đọc tên máy ghi ở trên.",
        ],
        "tripwire.suspicious" => [
            "Hỏi người dùng máy có đang nén, mã hóa, chuyển đổi hoặc đổi tên hàng loạt tài liệu không.",
            "Nếu không, hoặc không hỏi được: rút ngay dây mạng (hoặc tắt Wi-Fi) của máy, không tắt máy, không xóa tệp nào.",
            "{Call} và đọc tên máy ghi ở trên.",
        ],
        _ => return None,
    })
}

/// What the duty office does first, where that cannot wait for a look into the system.
pub(super) fn duty_first(code: &str) -> &'static str {
    match code {
        "tripwire.ransomware" => {
            "Gọi ngay cho đơn vị: yêu cầu rút dây mạng (hoặc tắt Wi-Fi) của máy nêu trên, để máy vẫn bật."
        }
        _ => "Tiếp nhận cảnh báo trên hệ thống.",
    }
}

/// What the duty office does in the end.
pub(super) fn duty_step(code: &str) -> Option<&'static str> {
    Some(match code {
        "file.critical_changed" => {
            "Nếu không ai ở đơn vị tự làm việc này: đề nghị rút dây mạng, để máy vẫn bật, rồi xử lý theo quy trình ứng cứu sự cố."
        }
        "file.known_bad" => {
            "Đề nghị rút dây mạng, để máy vẫn bật; xem tệp này còn ở máy nào khác, rồi xử lý theo quy trình ứng cứu sự cố."
        }
        "tripwire.ransomware" => {
            "Tiếp nhận cảnh báo trên hệ thống; kiểm tra thư mục dùng chung mà máy này truy cập, rồi xử lý theo quy trình ứng cứu sự cố."
        }
        "tripwire.suspicious" => {
            "Nếu không ai ở đơn vị tự làm việc này: đề nghị rút dây mạng ngay, để máy vẫn bật, rồi xử lý theo quy trình ứng cứu sự cố."
        }
        _ => return None,
    })
}

/// How much was hit, by what, and some of it.
fn tripwire(evidence: &Params<'_>) -> Vec<Fact> {
    let count = |pointer: &str| evidence.number(pointer).filter(|count| *count > 0).map(grouped);
    let program = evidence.path("/process/executable");
    let unknown = program.is_empty() && !evidence.has("/more");
    facts([
        ("Số tệp bị tác động", count("/files_touched").unwrap_or_default()),
        (
            "Trong đó có thể đã hỏng hoặc mất",
            count("/files_lost").unwrap_or_default(),
        ),
        (
            "Chương trình",
            if unknown {
                "không xác định được".to_owned()
            } else {
                program
            },
        ),
        ("Người dùng", evidence.name("/user")),
        ("Một số tệp", evidence.some_files()),
    ])
}

fn known_bad(evidence: &Params<'_>) -> Vec<Fact> {
    let mut all = facts([
        ("Tệp", evidence.path("/path")),
        ("Danh sách", evidence.name("/list")),
        ("Ghi chú của danh sách", evidence.path("/list_note")),
        ("Tên mã độc", evidence.name("/threat")),
    ]);
    all.extend(who(evidence));
    all
}

/// What differs, in words.
fn changed(evidence: &Params<'_>) -> String {
    let word = |code: &str| match code {
        "content" => "nội dung tệp",
        "mode" => "quyền truy cập",
        "owner" => "chủ sở hữu",
        "acl" => "danh sách quyền",
        "times" => "thời gian",
        "kind" => "loại tệp",
        "link" => "liên kết",
        _ => "khác",
    };
    let words: Vec<&str> = evidence.codes("/changed").map(word).collect();
    words.join(", ")
}

/// How often, where that was more than once.
fn times(evidence: &Params<'_>) -> String {
    let times = evidence.number("/count").filter(|count| *count > 1);
    times
        .map(|times| format!("{} lần liên tiếp", grouped(times)))
        .unwrap_or_default()
}

fn file(evidence: &Params<'_>) -> (String, Vec<Fact>) {
    if let Some(more) = evidence.number("/more") {
        return (
            format!(
                "Có thêm {} tệp quan trọng bị thay đổi trong một phút",
                grouped(more)
            ),
            Vec::new(),
        );
    }
    let mut all = facts([
        ("Đường dẫn", evidence.path("/path")),
        ("Tên cũ", evidence.path("/old_path")),
        ("Nội dung thay đổi", changed(evidence)),
        ("Số lần", times(evidence)),
    ]);
    all.extend(who(evidence));
    (sentence(file_action(evidence)), all)
}

fn file_title(params: &Params<'_>) -> String {
    let name = params.file_name();
    match params.code("/action") {
        "created" => format!("có tệp mới “{name}” trong thư mục quan trọng"),
        "deleted" => format!("tệp quan trọng “{name}” bị xóa"),
        "renamed" => format!("tệp quan trọng bị đổi tên thành “{name}”"),
        "attributes" => format!("thuộc tính của tệp quan trọng “{name}” bị thay đổi"),
        _ => format!("tệp quan trọng “{name}” bị sửa đổi"),
    }
}

fn file_action(params: &Params<'_>) -> &'static str {
    match params.code("/action") {
        "created" => "có tệp mới trong thư mục quan trọng",
        "deleted" => "tệp quan trọng bị xóa",
        "renamed" => "tệp quan trọng bị đổi tên",
        "attributes" => "thuộc tính của tệp quan trọng bị thay đổi",
        _ => "tệp quan trọng bị sửa đổi",
    }
}

fn who(evidence: &Params<'_>) -> Vec<Fact> {
    let program = evidence.path("/process/executable");
    let pid = evidence.number("/process/pid");
    let program = match (program.is_empty(), pid) {
        (false, Some(pid)) => format!("{program} (tiến trình {pid})"),
        (false, None) => program,
        (true, Some(pid)) => format!("tiến trình {pid}, đã kết thúc trước khi kịp ghi nhận tên"),
        (true, None) => match evidence.code("/who_reason") {
            "catch_up" => "không rõ: tệp thay đổi khi phần mềm giám sát không chạy".to_owned(),
            _ => "không xác định được".to_owned(),
        },
    };
    facts([
        ("Người dùng", evidence.name("/process/user")),
        ("Chương trình thực hiện", program),
    ])
}
