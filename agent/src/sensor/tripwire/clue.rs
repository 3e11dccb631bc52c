//! One piece of evidence, and what it weighs.

/// A process, or a volume where no process is known.
pub(super) type Key = u64;

/// Keys of users, who are beneath all that they start, begin here.
pub(super) const USERS: Key = 1 << 62;
/// Keys of volumes, where no process is known, begin here.
pub(super) const VOLUMES: Key = 1 << 63;

/// A kind of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Code {
    Canary,
    ContentRandom,
    TailRandom,
    Base64,
    Extension,
    RewrittenAndDeleted,
    ArchivedAndDeleted,
    Note,
}

impl Code {
    /// Each of them.
    pub(super) const ALL: [Code; 8] = [
        Code::Canary,
        Code::ContentRandom,
        Code::TailRandom,
        Code::Base64,
        Code::Extension,
        Code::RewrittenAndDeleted,
        Code::ArchivedAndDeleted,
        Code::Note,
    ];

    /// As events carry it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Code::Canary => "canary",
            Code::ContentRandom => "content_random",
            Code::TailRandom => "tail_random",
            Code::Base64 => "base64",
            Code::Extension => "extension",
            Code::RewrittenAndDeleted => "rewritten_and_deleted",
            Code::ArchivedAndDeleted => "archived_and_deleted",
            Code::Note => "note",
        }
    }
}

/// Something that counts against whoever did it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Clue {
    pub(super) code: Code,
    pub(super) points: f64,
    pub(super) path: Vec<u8>,
    pub(super) old_path: Option<Vec<u8>>,
    /// The document's type.
    pub(super) kind: Option<&'static str>,
    /// The document is lost.
    pub(super) is_lost: bool,
    /// Whom it counts against, the lowest first.
    pub(super) chain: Vec<Key>,
}

/// The weights. A warning needs 3 points in about a minute, an alarm 6.
pub(super) mod points {
    /// A canary that is encrypted, or whose name or place is taken by something else.
    pub(crate) const CANARY: f64 = 10.0;
    /// One that is touched and still is what it was, as by somebody who sharpens all pictures, or that is gone:
    /// a warning at once.
    pub(crate) const CANARY_TOUCHED: f64 = 3.2;
    /// Further ones of these.
    pub(crate) const CANARY_TOUCHED_FURTHER: f64 = 0.5;
    pub(crate) const CANARY_GONE_FURTHER: f64 = 1.0;
    /// Three documents to the alarm, or two of different types that were given a new ending, too. An honest program
    /// never writes random bytes over a document: of clean files 3 in 1,000 look like it.
    pub(crate) const RANDOM: f64 = 2.5;
    /// Neither the type's nor any other known beginning, and not random: a wiped head, a weak cipher, a format
    /// that nobody here knows.
    pub(crate) const LOST: f64 = 0.6;
    /// Nearly as strong: three documents, but one more where all are of one type and a while apart. Half-written files
    /// look like it now and then.
    pub(crate) const BROKEN: f64 = 2.1;
    /// A picture or an office document in letters is readable by nobody.
    pub(crate) const BASE64: f64 = 1.8;
    /// A text may hold a key.
    pub(crate) const BASE64_TEXT: f64 = 0.5;
    /// People rename files.
    pub(crate) const EXTENSION: f64 = 0.3;
    /// Nobody gives one new ending to everything.
    pub(crate) const EXTENSION_SHARED: f64 = 0.2;
    /// The same name, random bytes, and the original gone. Somebody may do so with two or three files before he sends
    /// them.
    pub(crate) const REWRITTEN: f64 = 1.6;
    /// Random bytes under any name, and a document gone.
    pub(crate) const REPLACED: f64 = 0.9;
    /// The original is in an archive that only a password opens.
    pub(crate) const ARCHIVED_ENCRYPTED: f64 = 1.2;
    /// The original is in an archive that anybody opens: people do that, so the sum of these is bounded.
    pub(crate) const ARCHIVED: f64 = 0.25;
    /// Half of a warning, once.
    pub(crate) const NOTE: f64 = 2.0;
}

/// Whether two chains have somebody in common.
pub(super) fn meets(one: &[Key], other: &[Key]) -> bool {
    one.iter().any(|key| other.contains(key))
}

/// Those of a chain who had a part in all of it; whoever did the last of it, if nobody had.
pub(super) fn common(chain: &[Key], one: &[Key], other: &[Key]) -> Vec<Key> {
    let all: Vec<Key> = chain
        .iter()
        .filter(|key| one.contains(key) && other.contains(key))
        .copied()
        .collect();
    if !all.is_empty() {
        return all;
    }
    let some: Vec<Key> = chain
        .iter()
        .filter(|key| one.contains(key) || other.contains(key))
        .copied()
        .collect();
    if some.is_empty() { chain.to_vec() } else { some }
}
