//! The canaries' content: small, valid documents that say what they are.

/// A canary.
pub(super) struct Document {
    /// Its own name.
    pub(super) name: &'static str,
    make: fn() -> Vec<u8>,
}

const SENTENCE: &str = "Đây là tệp bẫy của phần mềm giám sát Vọng, dùng để phát hiện mã độc tống tiền. \
    Tệp này không chứa dữ liệu nào. Xin đừng sửa, đổi tên hoặc xóa: khi đó trung tâm giám sát sẽ nhận được cảnh báo.";
/// Of a font that every reader has, and that knows no Vietnamese letters.
const SENTENCE_PLAIN: &str = "Day la tep bay cua phan mem giam sat Vong. Xin dung sua, doi ten hoac xoa.";

/// All of them: the types that are asked for first.
pub(super) fn all() -> &'static [Document] {
    &[
        Document {
            name: "Báo cáo.docx",
            make: docx,
        },
        Document {
            name: "Danh sách.xlsx",
            make: xlsx,
        },
        Document {
            name: "Hướng dẫn.pdf",
            make: pdf,
        },
        Document {
            name: "Ảnh.jpg",
            make: jpeg,
        },
        Document {
            name: "Đọc tôi.txt",
            make: text,
        },
    ]
}

/// What is in the canary of this name, the same always.
pub(super) fn content(name: &str) -> Vec<u8> {
    let document = all().iter().find(|document| document.name == name);
    document.map(|document| (document.make)()).unwrap_or_default()
}

/// The sentence often enough that the file is no smaller than documents are.
fn text() -> Vec<u8> {
    format!("{SENTENCE}\r\n\r\n").repeat(16).into_bytes()
}

const XML: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#;
const RELATIONS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const TYPES: &str = "http://schemas.openxmlformats.org/package/2006/content-types";
const RELATION_TYPE: &str = "application/vnd.openxmlformats-package.relationships+xml";

fn types(part: &str, kind: &str, more: &str) -> String {
    format!(
        r#"{XML}<Types xmlns="{TYPES}"><Default Extension="rels" ContentType="{RELATION_TYPE}"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="{part}" ContentType="application/vnd.openxmlformats-officedocument.{kind}+xml"/>{more}</Types>"#
    )
}

fn relation(kind: &str, target: &str) -> String {
    format!(
        r#"{XML}<Relationships xmlns="{RELATIONS}"><Relationship Id="rId1" Type="{OFFICE}/{kind}" Target="{target}"/></Relationships>"#
    )
}

fn docx() -> Vec<u8> {
    let space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
    let paragraph = format!("<w:p><w:r><w:t>{SENTENCE}</w:t></w:r></w:p>").repeat(16);
    zip(&[
        (
            "[Content_Types].xml",
            types("/word/document.xml", "wordprocessingml.document.main", ""),
        ),
        ("_rels/.rels", relation("officeDocument", "word/document.xml")),
        (
            "word/document.xml",
            format!(r#"{XML}<w:document xmlns:w="{space}"><w:body>{paragraph}</w:body></w:document>"#),
        ),
    ])
}

fn xlsx() -> Vec<u8> {
    let space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let sheet = r#"<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>"#;
    let row = |number: usize| {
        format!(r#"<row r="{number}"><c r="A{number}" t="inlineStr"><is><t>{SENTENCE}</t></is></c></row>"#)
    };
    let rows: String = (1..=16).map(row).collect();
    zip(&[
        (
            "[Content_Types].xml",
            types("/xl/workbook.xml", "spreadsheetml.sheet.main", sheet),
        ),
        ("_rels/.rels", relation("officeDocument", "xl/workbook.xml")),
        (
            "xl/_rels/workbook.xml.rels",
            relation("worksheet", "worksheets/sheet1.xml"),
        ),
        (
            "xl/workbook.xml",
            format!(
                r#"{XML}<workbook xmlns="{space}" xmlns:r="{OFFICE}"><sheets><sheet name="Vọng" sheetId="1" r:id="rId1"/></sheets></workbook>"#
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!(r#"{XML}<worksheet xmlns="{space}"><sheetData>{rows}</sheetData></worksheet>"#),
        ),
    ])
}

/// A zip file whose parts are stored as they are.
fn zip(parts: &[(&str, String)]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in parts {
        let offset = length(&file);
        let mut facts = Vec::new();
        // Version 2.0, names in UTF-8, stored, the first day of 2026.
        for number in [20_u16, 0x0800, 0, 0, 0x5c21] {
            facts.extend(number.to_le_bytes());
        }
        facts.extend(crc32(content.as_bytes()).to_le_bytes());
        facts.extend(length(content.as_bytes()).to_le_bytes());
        facts.extend(length(content.as_bytes()).to_le_bytes());
        facts.extend(u16::try_from(name.len()).unwrap_or_default().to_le_bytes());
        facts.extend([0; 2]);
        file.extend(b"PK\x03\x04");
        file.extend(&facts);
        file.extend(name.as_bytes());
        file.extend(content.as_bytes());
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&facts);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, count) = (length(&file), u16::try_from(parts.len()).unwrap_or_default());
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend(count.to_le_bytes());
    file.extend(count.to_le_bytes());
    file.extend(length(&directory).to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend([0; 2]);
    file
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or_default()
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                (crc >> 1) ^ 0xedb8_8320
            } else {
                crc >> 1
            }
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}

fn pdf() -> Vec<u8> {
    let line = format!("({SENTENCE_PLAIN}) Tj 0 -18 Td\n").repeat(24);
    let stream = format!("BT /F1 10 Tf 60 780 Td\n{line}ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{stream}\nendstream", stream.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut file = "%PDF-1.4\n".to_owned();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (number, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{} 0 obj\n{object}\nendobj\n", number + 1));
    }
    let start = file.len();
    file.push_str(&table);
    file.push_str(&format!(
        "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n",
        objects.len() + 1
    ));
    file.into_bytes()
}

/// A grey square of 8 × 8 points, and the sentence as a comment.
fn jpeg() -> Vec<u8> {
    let mut file = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0".to_vec();
    let comment = format!("{SENTENCE}\n").repeat(8);
    file.extend(b"\xff\xfe");
    file.extend(u16::try_from(comment.len() + 2).unwrap_or(2).to_be_bytes());
    file.extend(comment.as_bytes());
    // One table of divisors, all 1; one component of 8 bits.
    file.extend(b"\xff\xdb\0\x43\0");
    file.extend([1; 64]);
    file.extend(b"\xff\xc0\0\x0b\x08\0\x08\0\x08\x01\x01\x11\0");
    // Each code table holds one code of one bit, for zero: no difference, end of block.
    for table in [b"\0", b"\x10"] {
        file.extend(b"\xff\xc4\0\x14");
        file.extend(table);
        file.push(1);
        file.extend([0; 16]);
    }
    file.extend(b"\xff\xda\0\x08\x01\x01\0\0\x3f\0\x3f\xff\xd9");
    file
}

#[cfg(test)]
mod tests {
    use super::super::super::content::{Content, Verdict, judge};
    use super::super::super::kinds::{Named, named};
    use super::*;

    #[test]
    fn each_is_what_its_name_says_and_always_the_same() {
        for document in all() {
            let content = content(document.name);
            let read = |offset: u64, buffer: &mut [u8]| {
                let rest = content.get(offset as usize..).unwrap_or_default();
                let length = rest.len().min(buffer.len());
                buffer[..length].copy_from_slice(&rest[..length]);
                length
            };
            let Named::Document(kind) = named(document.name.as_bytes()) else {
                panic!("{} is no document", document.name)
            };
            let size = content.len() as u64;
            assert!((1_000..16_000).contains(&size), "{}: {size}", document.name);
            assert_eq!(
                judge(kind, &Content { size, read: &read }),
                Verdict::Sound,
                "{}",
                document.name
            );
            assert_eq!(content, super::content(document.name));
        }
    }

    #[test]
    fn sums_are_those_of_zip() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
