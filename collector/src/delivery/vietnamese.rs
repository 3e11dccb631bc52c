//! Mails in Vietnamese, for somebody who looks after an office's PCs beside their own work.

use vong_proto::event::Severity;

use super::letter::{Fact, Labels, NAME_MAX, Params, Words, sentence};
use super::shown::shown;
use crate::registry::alert::{MailKind, Verdict};
use crate::registry::delivery::DutyCard;

mod antivirus;
mod files;

/// Vietnamese.
pub(super) struct Vietnamese;

impl Words for Vietnamese {
    fn code(&self) -> &'static str {
        "vi"
    }

    fn labels(&self) -> Labels {
        Labels {
            greeting: "Kính gửi anh/chị phụ trách máy tính của đơn vị,",
            duty_greeting: "Kính gửi bộ phận trực an ninh mạng,",
            host: "Máy",
            about_unit: "Đơn vị",
            pcs: "Các máy",
            host_title: "Máy tính",
            host_name: "Tên máy",
            asset_number: "Mã tài sản",
            place: "Nơi đặt",
            unit: "Đơn vị",
            seen_title: "Đã ghi nhận",
            steps_title: "Việc cần làm",
            phone: "Điện thoại trực",
            unit_phone: "Điện thoại của đơn vị",
            link: "Xem chi tiết trên hệ thống",
            ended_at: "Kết thúc lúc",
            note: "Lưu ý",
            cloned: "hai máy đang dùng chung định danh này; thông tin có thể là của máy kia",
            cloned_title: "(định danh dùng chung, có thể là máy khác)",
            not_watched: "không còn giám sát",
            footer: "Thư được gửi tự động; giờ ghi trong thư là giờ Việt Nam.",
        }
    }

    fn severity(&self, severity: Severity) -> &'static str {
        match severity {
            Severity::Critical => "Khẩn cấp",
            Severity::High => "Mức cao",
            Severity::Medium => "Mức trung bình",
            Severity::Low => "Mức thấp",
        }
    }

    fn title(&self, code: &str, params: &Params<'_>) -> String {
        if let Some(title) = antivirus::title(code, params).or_else(|| files::title(code, params)) {
            return title;
        }
        match code {
            "probe.unreachable" => format!("không kết nối được tới “{}”", params.name("/probe")),
            "host.silent" => "mất liên lạc với hệ thống giám sát".to_owned(),
            "ledger.gap" => missing(params),
            "agent.cloned" => "hai máy dùng chung một định danh giám sát".to_owned(),
            _ => "có dấu hiệu bất thường".to_owned(),
        }
    }

    fn over(&self, code: &str, params: &Params<'_>) -> String {
        if let Some(over) = antivirus::over(code, params).or_else(|| files::over(code, params)) {
            return over;
        }
        match code {
            "probe.unreachable" => format!("đã kết nối lại được tới “{}”", params.name("/probe")),
            "host.silent" => "đã liên lạc lại với hệ thống giám sát".to_owned(),
            "agent.cloned" => "phần mềm giám sát đã được đăng ký lại".to_owned(),
            _ => format!("đã hết: {}", self.title(code, params)),
        }
    }

    fn unwatched(&self, code: &str, params: &Params<'_>) -> String {
        match code {
            "probe.unreachable" => format!("không còn giám sát kết nối tới “{}”", params.name("/probe")),
            _ => format!("không còn giám sát việc {}", self.title(code, params)),
        }
    }

    fn closed(&self, title: &str) -> String {
        let title = title.trim_end_matches(files::AT_ONCE);
        format!("đã đóng cảnh báo về việc {title}")
    }

    fn kind(&self, kind: MailKind) -> &'static str {
        match kind {
            MailKind::Opened | MailKind::Resolved => "",
            MailKind::Update => "Diễn biến mới – ",
            MailKind::Reminder => "Nhắc lại, chưa có người tiếp nhận – ",
        }
    }

    fn ended(&self, verdict: Option<Verdict>) -> &'static str {
        match verdict {
            None => "Đã khắc phục",
            Some(Verdict::True) => "Đã xử lý xong",
            Some(Verdict::Benign) => "Đã đóng: không gây hại",
            Some(Verdict::False) => "Đã đóng: cảnh báo nhầm",
        }
    }

    fn seen(&self, rule: &str, evidence: &Params<'_>) -> (String, Vec<Fact>) {
        if let Some(seen) = antivirus::seen(rule, evidence).or_else(|| files::seen(rule, evidence)) {
            return seen;
        }
        match rule {
            "probe.unreachable" => (
                format!("Không kết nối được tới “{}”", evidence.name("/probe")),
                facts([
                    ("Địa chỉ", evidence.path("/target")),
                    ("Nguyên nhân", failure(&evidence.name("/error"))),
                ]),
            ),
            "host.silent" => (
                "Máy ngừng gửi tín hiệu mà không báo trước".to_owned(),
                facts([(
                    "Tín hiệu cuối",
                    evidence
                        .number("/last_seen_ms")
                        .map(super::letter::local_time)
                        .unwrap_or_default(),
                )]),
            ),
            "ledger.gap" => (
                sentence(&missing(evidence)),
                facts([("Nguyên nhân", lost(evidence.code("/reason")))]),
            ),
            "agent.cloned" => (
                "Hai máy dùng chung một định danh giám sát".to_owned(),
                machines(evidence),
            ),
            _ => ("Dấu hiệu bất thường".to_owned(), Vec::new()),
        }
    }

    fn steps(&self, code: &str) -> [&'static str; 3] {
        if let Some(steps) = antivirus::steps(code).or_else(|| files::steps(code)) {
            return steps;
        }
        match code {
            "probe.unreachable" => [
                "Thử mở dịch vụ này trên máy và trên một máy khác cùng phòng.",
                "Nếu chỉ máy này lỗi: kiểm tra dây mạng hoặc Wi-Fi, rồi khởi động lại máy.",
                "Nếu các máy khác cũng lỗi, {call}.",
            ],
            "host.silent" => [
                "Kiểm tra máy có đang bật và cắm dây mạng không.",
                "Nếu máy đang bật, khởi động lại máy.",
                "Nếu sau 10 phút vẫn mất liên lạc, {call}.",
            ],
            "ledger.gap" => [
                "Kiểm tra ổ đĩa của máy có bị đầy hoặc báo lỗi không.",
                "Hỏi người dùng máy có mất kết nối mạng nhiều ngày không.",
                "Nếu không rõ nguyên nhân, {call}.",
            ],
            "agent.cloned" => [
                "Kiểm tra xem ổ đĩa hoặc máy ảo của máy này có được sao chép sang máy khác không.",
                "Nếu có: {call} để đăng ký lại phần mềm giám sát trên từng máy.",
                "Nếu không ai sao chép: rút dây mạng, để máy vẫn bật và {call} ngay.",
            ],
            _ => ["Không tắt máy.", "{Call} để được hướng dẫn.", ""],
        }
    }

    fn call(&self, by_phone: bool) -> &'static str {
        match by_phone {
            true => "gọi điện thoại trực",
            false => "báo bộ phận trực an ninh mạng",
        }
    }

    fn duty_steps(&self, code: &str, unit_told: bool) -> [&'static str; 3] {
        [
            files::duty_first(code),
            match unit_told {
                true => "Gọi cho đơn vị để xác nhận đã nhận được thư và đang xử lý.",
                false => "Báo cho đơn vị: chưa ai ở đơn vị nhận được thư về cảnh báo này.",
            },
            match code {
                _ if let Some(step) = antivirus::duty_step(code).or_else(|| files::duty_step(code)) => step,
                "agent.cloned" => {
                    "Cấp mã đăng ký mới và cho đăng ký lại phần mềm giám sát trên từng máy; nếu không ai sao chép máy, xử lý theo quy trình ứng cứu sự cố."
                }
                _ => "Hướng dẫn đơn vị khắc phục; theo dõi đến khi cảnh báo kết thúc.",
            },
        ]
    }

    fn duty_facts(&self, card: &DutyCard) -> Vec<Fact> {
        let told = match card.told.as_str() {
            "" => "chưa gửi cho ai (đơn vị chưa khai báo địa chỉ thư)".to_owned(),
            address => shown(address, NAME_MAX),
        };
        facts([
            ("Đơn vị liên hệ", shown(&card.unit, NAME_MAX)),
            ("Đầu mối của đơn vị", shown(&card.contact_name, NAME_MAX)),
            ("Thư gửi đơn vị", told),
        ])
    }

    fn nothing_to_do(&self) -> &'static str {
        "Anh/chị không cần làm gì thêm."
    }

    fn more_pcs(&self, count: i64) -> String {
        format!("và {} máy khác, xem trên hệ thống", grouped(count))
    }

    fn more(&self, count: i64) -> String {
        format!("… và {} dấu hiệu khác, xem trên hệ thống.", grouped(count))
    }
}

/// Both machines, or the one that was caught when only it was there.
fn machines(evidence: &Params<'_>) -> Vec<Fact> {
    let former = machine(evidence, "/machine", "/address");
    let latest = machine(evidence, "/other_machine", "/other_address");
    match former.is_empty() {
        true => facts([("Một trong hai máy", latest)]),
        false => facts([("Máy thứ nhất", former), ("Máy thứ hai", latest)]),
    }
}

/// A machine by name and address.
fn machine(evidence: &Params<'_>, name: &str, address: &str) -> String {
    let (name, address) = (evidence.name(name), evidence.name(address));
    match address.is_empty() {
        true => name,
        false => format!("{name} ({address})"),
    }
}

fn missing(params: &Params<'_>) -> String {
    match params.number("/missing") {
        Some(count) => format!("thiếu {} sự kiện giám sát, không khôi phục được", grouped(count)),
        None => "thiếu một số sự kiện giám sát, không khôi phục được".to_owned(),
    }
}

fn lost(reason: &str) -> String {
    match reason {
        "spool_full" => "bộ nhớ tạm trên máy đã đầy trong lúc mất kết nối",
        "collector_restored" => "máy chủ thu thập được khôi phục từ bản sao lưu",
        _ => "không rõ",
    }
    .to_owned()
}

fn failure(error: &str) -> String {
    match error {
        "timeout" => "không có phản hồi".to_owned(),
        "refused" => "kết nối bị từ chối".to_owned(),
        "no_such_name" => "không tìm thấy tên máy chủ".to_owned(),
        "dns_timeout" => "máy chủ tên miền không trả lời".to_owned(),
        "unreachable" => "không có đường truyền tới máy chủ".to_owned(),
        "tls" => "chứng thư số không hợp lệ hoặc đã hết hạn".to_owned(),
        other => match other.strip_prefix("status_") {
            Some(status) => format!("dịch vụ báo lỗi {status}"),
            None => format!("lỗi khác ({other})"),
        },
    }
}

fn facts<const N: usize>(pairs: [(&'static str, String); N]) -> Vec<Fact> {
    let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    pairs.map(|(name, value)| Fact { name, value }).collect()
}

/// 4.239, as numbers are written here.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('.');
        }
        text.push(digit);
    }
    text
}
