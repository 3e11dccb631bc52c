//! What a file's name says that it is.
//!
//! Names decide what is looked at, before anything else and at no cost: documents, and names with endings that
//! nobody knows, as they are left by whoever encrypts.

/// A type of document that is looked after.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Type {
    /// The ending, in lower case.
    pub(super) extension: &'static str,
    /// What its content looks like.
    pub(super) family: Family,
}

/// What the content of a document looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Family {
    /// A zip file with a known inside: today's office documents.
    Office,
    /// Compound files: office documents of before 2007, Outlook's messages.
    Compound,
    /// PDF.
    Pdf,
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// TIFF, and the raw formats that are made like it.
    Tiff,
    /// Films, and sound in the same boxes.
    Boxes,
    /// An archive of any kind.
    Archive,
    /// Readable text.
    Text,
    /// Known by one of these beginnings.
    Begins(&'static [&'static [u8]]),
}

/// What a name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named<'a> {
    /// A document.
    Document(&'static Type),
    /// An ending that stands for something else: nothing of interest by itself.
    Known,
    /// An ending that stands for anything.
    Vague,
    /// An ending that nobody knows.
    Strange(&'a [u8]),
    /// No ending.
    Bare,
}

const fn kind(extension: &'static str, family: Family) -> Type {
    Type { extension, family }
}

const OFFICE: Family = Family::Office;
const COMPOUND: Family = Family::Compound;
const TEXT: Family = Family::Text;
const ARCHIVE: Family = Family::Archive;
const BOXES: Family = Family::Boxes;
const TIFF: Family = Family::Tiff;
const RTF: Family = Family::Begins(&[b"{\\rtf"]);
const RIFF: Family = Family::Begins(&[b"RIFF"]);
const SQLITE: Family = Family::Begins(&[b"SQLite format 3\0"]);
const JET: Family = Family::Begins(&[b"\0\x01\0\0Standard "]);
const MP3: Family = Family::Begins(&[
    b"ID3",
    b"\xff\xfb",
    b"\xff\xfa",
    b"\xff\xf3",
    b"\xff\xf2",
    b"\xff\xe3",
    b"\0\0",
]);

/// Every type that is looked after.
pub(super) static TYPES: &[Type] = &[
    kind("docx", OFFICE),
    kind("xlsx", OFFICE),
    kind("pptx", OFFICE),
    kind("docm", OFFICE),
    kind("xlsm", OFFICE),
    kind("pptm", OFFICE),
    kind("dotx", OFFICE),
    kind("xltx", OFFICE),
    kind("ppsx", OFFICE),
    kind("vsdx", OFFICE),
    kind("odt", OFFICE),
    kind("ods", OFFICE),
    kind("odp", OFFICE),
    kind("odg", OFFICE),
    kind("epub", OFFICE),
    kind("doc", COMPOUND),
    kind("xls", COMPOUND),
    kind("ppt", COMPOUND),
    kind("pps", COMPOUND),
    kind("dot", COMPOUND),
    kind("vsd", COMPOUND),
    kind("mpp", COMPOUND),
    kind("msg", COMPOUND),
    kind("pdf", Family::Pdf),
    kind("jpg", Family::Jpeg),
    kind("jpeg", Family::Jpeg),
    kind("png", Family::Png),
    kind("tif", TIFF),
    kind("tiff", TIFF),
    kind("dng", TIFF),
    kind("nef", TIFF),
    kind("gif", Family::Begins(&[b"GIF8"])),
    kind("bmp", Family::Begins(&[b"BM"])),
    kind("psd", Family::Begins(&[b"8BPS"])),
    kind("webp", RIFF),
    kind("avi", RIFF),
    kind("wav", RIFF),
    kind("mp3", MP3),
    kind("mp4", BOXES),
    kind("mov", BOXES),
    kind("m4a", BOXES),
    kind("m4v", BOXES),
    kind("heic", BOXES),
    kind("mkv", Family::Begins(&[b"\x1a\x45\xdf\xa3"])),
    kind("dwg", Family::Begins(&[b"AC1", b"AC2", b"MC0"])),
    kind("rtf", RTF),
    kind("mdb", JET),
    kind("accdb", Family::Begins(&[b"\0\x01\0\0Standard ACE"])),
    kind("pst", Family::Begins(&[b"!BDN"])),
    kind("sqlite", SQLITE),
    kind("sqlite3", SQLITE),
    kind("zip", ARCHIVE),
    kind("rar", ARCHIVE),
    kind("7z", ARCHIVE),
    kind("gz", ARCHIVE),
    kind("tgz", ARCHIVE),
    kind("xz", ARCHIVE),
    kind("bz2", ARCHIVE),
    kind("zst", ARCHIVE),
    kind("txt", TEXT),
    kind("csv", TEXT),
    kind("tsv", TEXT),
    kind("html", TEXT),
    kind("htm", TEXT),
    kind("xml", TEXT),
    kind("eml", TEXT),
    kind("md", TEXT),
    kind("sql", TEXT),
    kind("ics", TEXT),
    kind("vcf", TEXT),
    kind("dxf", TEXT),
    kind("svg", TEXT),
    kind("tex", TEXT),
];

/// Endings of what is no document and no stranger either: programs, what they are made from and of, and what they
/// leave behind. In the order of the alphabet.
static KNOWN: &[&str] = &[
    "a",
    "aac",
    "adoc",
    "ai",
    "apk",
    "app",
    "asm",
    "asp",
    "aspx",
    "avif",
    "bat",
    "bib",
    "blend",
    "br",
    "c",
    "cab",
    "cat",
    "cc",
    "cdr",
    "cer",
    "cfg",
    "chm",
    "class",
    "cmake",
    "cmd",
    "coffee",
    "conf",
    "cpp",
    "crate",
    "crdownload",
    "crt",
    "cs",
    "csproj",
    "css",
    "cts",
    "cur",
    "cxx",
    "d",
    "dart",
    "db-journal",
    "db-shm",
    "db-wal",
    "deb",
    "def",
    "desktop",
    "diff",
    "dll",
    "dmg",
    "download",
    "drv",
    "ds_store",
    "dylib",
    "editorconfig",
    "ejs",
    "el",
    "elc",
    "eot",
    "erb",
    "eslintrc",
    "exe",
    "fish",
    "flac",
    "flv",
    "fon",
    "frag",
    "gitignore",
    "gitkeep",
    "go",
    "gpx",
    "gradle",
    "graphql",
    "groovy",
    "h",
    "hbs",
    "hh",
    "hpp",
    "hs",
    "hta",
    "hxx",
    "icns",
    "ico",
    "idx",
    "iml",
    "in",
    "inc",
    "inf",
    "ini",
    "ipynb",
    "iso",
    "jar",
    "java",
    "js",
    "json",
    "json5",
    "jsonl",
    "jsp",
    "jsx",
    "kml",
    "ko",
    "kt",
    "kts",
    "la",
    "ldb",
    "less",
    "lib",
    "lnk",
    "lo",
    "lock",
    "log",
    "lua",
    "m",
    "m3u",
    "m4",
    "mak",
    "map",
    "mdx",
    "mid",
    "mjs",
    "mk",
    "mm",
    "mo",
    "mod",
    "msi",
    "mts",
    "nib",
    "nix",
    "node",
    "npmignore",
    "nupkg",
    "o",
    "obj",
    "ocx",
    "odb",
    "ogg",
    "ogv",
    "opus",
    "ora",
    "org",
    "otf",
    "pack",
    "patch",
    "pbf",
    "pbxproj",
    "pch",
    "pdb",
    "pem",
    "php",
    "pid",
    "pl",
    "plist",
    "pm",
    "pma",
    "po",
    "pod",
    "pot",
    "profraw",
    "properties",
    "proto",
    "ps1",
    "psm1",
    "pub",
    "pxd",
    "py",
    "pyc",
    "pyd",
    "pyi",
    "pyo",
    "pyx",
    "qml",
    "r",
    "rake",
    "rb",
    "rc",
    "rej",
    "resx",
    "rev",
    "rlib",
    "rmeta",
    "rpm",
    "rs",
    "rst",
    "s",
    "sass",
    "scala",
    "scss",
    "sh",
    "sln",
    "snap",
    "so",
    "srt",
    "sst",
    "stderr",
    "stdout",
    "styl",
    "sum",
    "swf",
    "swift",
    "swo",
    "swp",
    "tar",
    "tcl",
    "tfstate",
    "timestamp",
    "tlog",
    "tmpl",
    "toml",
    "torrent",
    "ts",
    "tsbuildinfo",
    "tsx",
    "ttf",
    "txz",
    "vb",
    "vbs",
    "vcxproj",
    "vert",
    "vim",
    "vsix",
    "vue",
    "wal",
    "wasm",
    "webm",
    "webmanifest",
    "whl",
    "wma",
    "wmv",
    "woff",
    "woff2",
    "xcf",
    "xhtml",
    "xpi",
    "xsd",
    "xsl",
    "xslt",
    "yaml",
    "yml",
    "zig",
    "zsh",
];

/// Endings that stand for anything: what is written under them is looked at, and to take one is no sign.
static VAGUE: &[&str] = &[
    "backup", "bak", "bin", "bk", "cache", "com", "copy", "dat", "data", "db", "img", "old", "orig", "out",
    "part", "partial", "raw", "sav", "sys", "temp", "template", "test", "tmp",
];

/// Longer endings are words of a title: "1. Báo cáo quý" has none.
const EXTENSION_BYTES_MAX: usize = 24;

/// What a file's own name says.
pub(super) fn named(name: &[u8]) -> Named<'_> {
    let Some(extension) = extension(name) else {
        return Named::Bare;
    };
    let mut lower = [0; EXTENSION_BYTES_MAX];
    let lower = &mut lower[..extension.len()];
    lower.copy_from_slice(extension);
    lower.make_ascii_lowercase();
    if let Some(found) = TYPES.iter().find(|kind| kind.extension.as_bytes() == lower) {
        return Named::Document(found);
    }
    let is_one_of = |endings: &[&str]| {
        endings
            .binary_search_by(|known| known.as_bytes().cmp(lower))
            .is_ok()
    };
    let whole = name.strip_suffix(b"~").unwrap_or(stem(name));
    let is_of_document = matches!(named(whole), Named::Document(_));
    // log.1, libx.so.6, photo.~1~, a backup of an editor
    let is_number = lower.iter().all(u8::is_ascii_digit) && lower.len() <= 8;
    let is_backup = lower.ends_with(b"~") || lower.starts_with(b"~") || lower.starts_with(b"dpkg-");
    if is_one_of(VAGUE) || ((is_number || is_backup) && is_of_document) {
        Named::Vague
    } else if is_number || is_backup || (is_one_of(KNOWN) && !is_of_document) {
        Named::Known
    } else {
        Named::Strange(extension)
    }
}

/// Whether somebody has used an ending before.
pub(super) fn is_known(ending: &[u8]) -> bool {
    let lower = ending.to_ascii_lowercase();
    KNOWN
        .binary_search_by(|known| known.as_bytes().cmp(&lower))
        .is_ok()
}

/// What stands behind the last dot of a name that does not begin with it.
fn extension(name: &[u8]) -> Option<&[u8]> {
    let dot = name.iter().rposition(|byte| *byte == b'.')?;
    let extension = &name[dot + 1..];
    let is_word =
        !extension.is_empty() && extension.len() <= EXTENSION_BYTES_MAX && !extension.contains(&b' ');
    (dot > 0 && is_word).then_some(extension)
}

/// A name without its last ending.
pub(super) fn stem(name: &[u8]) -> &[u8] {
    match extension(name) {
        Some(extension) => &name[..name.len() - extension.len() - 1],
        None => name,
    }
}

/// The last part of a path.
pub(super) fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == super::SEPARATOR)
        .next()
        .unwrap_or_default()
}

/// All but the last part of a path.
pub(super) fn folder(path: &[u8]) -> &[u8] {
    let name = file_name(path);
    path.get(..path.len() - name.len()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(name: &str) -> Option<&'static str> {
        match named(name.as_bytes()) {
            Named::Document(kind) => Some(kind.extension),
            _ => None,
        }
    }

    #[test]
    fn names_say_what_they_are() {
        assert_eq!(document("Báo cáo tháng 3.DOCX"), Some("docx"));
        assert_eq!(document("ảnh.chụp.jpg"), Some("jpg"));
        for known in [
            "a.tar",
            "x.rs",
            "libx.so.6",
            "ghi chú~.c~",
            "access.log.12",
            "b.crdownload",
        ] {
            assert_eq!(named(known.as_bytes()), Named::Known, "{known}");
        }
        for vague in ["b.dat", "report.docx.bak", "report.docx.1", "ghi chú.txt~"] {
            assert_eq!(named(vague.as_bytes()), Named::Vague, "{vague}");
        }
        assert_eq!(named(b"report.docx.js"), Named::Strange(b"js"));
        assert_eq!(named(b"report.docx.locked"), Named::Strange(b"locked"));
        assert_eq!(named(b"report.enc"), Named::Strange(b"enc"));
        for bare in ["Makefile", ".bashrc", "1. Kế hoạch quý", ""] {
            assert_eq!(named(bare.as_bytes()), Named::Bare, "{bare}");
        }
    }

    #[test]
    fn known_endings_can_be_looked_up() {
        assert!(KNOWN.is_sorted() && VAGUE.is_sorted());
        for known in KNOWN.iter().chain(VAGUE) {
            assert!(TYPES.iter().all(|kind| kind.extension != *known), "{known}");
        }
    }

    #[test]
    fn paths_have_names_and_stems() {
        assert_eq!(file_name("/a/bé/c.d".as_bytes()), b"c.d");
        assert_eq!(folder(b"/a/b"), b"/a/");
        assert_eq!(stem(b"a.b.c"), b"a.b");
        assert_eq!(stem(b".profile"), b".profile");
    }
}
