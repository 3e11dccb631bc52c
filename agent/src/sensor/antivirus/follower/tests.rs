//! Logs that are written, rotated and cut under the reader.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use proptest::prelude::*;

use super::*;

/// A log in a folder of the test, its writer's handle, and its reader.
struct Scene {
    folder: tempfile::TempDir,
    writer: File,
    follower: Follower,
    now: Instant,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let writer = append(&folder.path().join("log"));
        let now = Instant::now();
        let follower = follow(folder.path(), None, now);
        Self {
            folder,
            writer,
            follower,
            now,
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).expect("written");
    }

    fn read(&mut self) -> Vec<String> {
        texts(self.follower.read(self.now))
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn move_away(&self, name: &str) {
        fs::rename(self.path(), self.folder.path().join(name)).expect("renamed");
    }

    /// As after a restart of the agent.
    fn restart(&mut self) {
        let bookmark = serde_json::to_vec(&self.follower.bookmark()).expect("written");
        let bookmark = serde_json::from_slice(&bookmark).expect("read");
        self.follower = follow(self.folder.path(), Some(bookmark), self.now);
    }
}

fn append(path: &Path) -> File {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .expect("opened")
}

fn follow(folder: &Path, bookmark: Option<Bookmark>, now: Instant) -> Follower {
    Follower::new(folder.join("log"), bookmark, Box::new(|_| true), now)
}

fn texts(lines: Lines) -> Vec<String> {
    let text = |line: Vec<u8>| String::from_utf8_lossy(&line).into_owned();
    lines.lines.into_iter().map(text).collect()
}

#[test]
fn at_first_sight_it_begins_at_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = append(&folder.path().join("log"));
    writer.write_all(b"old\nhalf").expect("written");
    let now = Instant::now();
    let mut follower = follow(folder.path(), None, now);
    writer.write_all(b" old\nnew\n").expect("written");
    assert_eq!(texts(follower.read(now)), ["new"]);
}

#[test]
fn a_log_that_appears_later_is_read_from_its_beginning() {
    let folder = tempfile::tempdir().expect("a folder");
    let now = Instant::now();
    let mut follower = follow(folder.path(), None, now);
    assert!(texts(follower.read(now)).is_empty());
    append(&folder.path().join("log"))
        .write_all(b"a\n")
        .expect("written");
    assert_eq!(texts(follower.read(now)), ["a"]);
}

#[test]
fn a_log_that_is_moved_away_is_read_to_its_end() {
    let mut scene = Scene::new();
    scene.write(b"a\nb");
    assert_eq!(scene.read(), ["a"]);
    scene.move_away("log.1");
    scene.write(b"c\n");
    let mut next = append(&scene.path());
    next.write_all(b"d\n").expect("written");
    assert_eq!(scene.read(), ["bc", "d"]);
    scene.write(b"e\nno end");
    assert_eq!(scene.read(), ["e"]);
    scene.now += LINGER;
    assert_eq!(scene.read(), ["no end"]);
    next.write_all(b"f\n").expect("written");
    assert_eq!(scene.read(), ["f"]);
}

#[test]
fn a_log_that_is_copied_and_cut_begins_anew() {
    let mut scene = Scene::new();
    scene.write(b"a\nb\n");
    assert_eq!(scene.read(), ["a", "b"]);
    scene.writer.set_len(0).expect("cut");
    scene.write(b"c\n");
    assert_eq!(scene.read(), ["c"]);
    scene.writer.set_len(0).expect("cut");
    scene.write(b"d, and longer than before\n");
    assert_eq!(scene.read(), ["d, and longer than before"]);
}

#[test]
fn after_a_restart_it_goes_on_where_it_was() {
    let mut scene = Scene::new();
    scene.write(b"a\nb");
    assert_eq!(scene.read(), ["a"]);
    scene.restart();
    scene.write(b"c\n");
    assert_eq!(scene.read(), ["bc"]);
    scene.write(b"d\n");
    scene.move_away("log.1");
    append(&scene.path()).write_all(b"e\n").expect("written");
    scene.restart();
    assert_eq!(scene.read(), ["d", "e"]);
}

#[test]
fn what_was_lost_while_nobody_looked_is_known_to_be_lost() {
    let mut scene = Scene::new();
    scene.write(b"a\n");
    assert_eq!(scene.read(), ["a"]);
    scene.write(b"b\n");
    fs::remove_file(scene.path()).expect("removed");
    // Kept open, so that no other file gets its number.
    append(&scene.path()).write_all(b"c\n").expect("written");
    scene.restart();
    let lines = scene.follower.read(scene.now);
    assert!(lines.is_cut);
    assert_eq!(texts(lines), ["c"]);
}

#[test]
fn a_line_that_is_too_long_is_counted_and_the_next_one_read() {
    let mut scene = Scene::new();
    let mut too_long = 0;
    let mut texts_read = Vec::new();
    for _ in 0..3 {
        scene.write(&vec![b'x'; LINE_BYTES_MAX]);
        let lines = scene.follower.read(scene.now);
        too_long += lines.too_long;
        texts_read.extend(texts(lines));
        scene.restart();
    }
    scene.write(b" FOUND\nnext\n");
    texts_read.extend(scene.read());
    assert_eq!(too_long, 1);
    assert_eq!(texts_read, ["next"]);
}

#[test]
fn a_file_of_a_stranger_is_no_log() {
    let folder = tempfile::tempdir().expect("a folder");
    append(&folder.path().join("log"))
        .write_all(b"a\n")
        .expect("written");
    let now = Instant::now();
    let path = folder.path().join("log");
    let empty = Some(Bookmark::default());
    let mut follower = Follower::new(path, empty, Box::new(|_| false), now);
    assert!(texts(follower.read(now)).is_empty());
}

#[test]
fn a_log_that_may_not_be_read_after_a_rotation_is_missed_until_it_may() {
    let mut scene = Scene::new();
    let is_log = |facts: &Facts| facts.mode & 0o002 == 0;
    scene.follower = Follower::new(scene.path(), None, Box::new(is_log), scene.now);
    scene.write(b"a\n");
    assert_eq!(scene.read(), ["a"]);
    scene.move_away("log.1");
    scene.now += LINGER;
    assert!(scene.read().is_empty());
    assert!(!scene.follower.is_apart(scene.now), "nothing is there");

    append(&scene.path()).write_all(b"b\n").expect("written");
    let set = |mode: u32| {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(scene.folder.path().join("log"), mode).expect("set");
    };
    set(0o666);
    assert!(texts(scene.follower.read(scene.now)).is_empty());
    assert!(
        !scene.follower.is_apart(scene.now),
        "its rights may be on their way"
    );
    scene.now += LINGER;
    assert!(texts(scene.follower.read(scene.now)).is_empty());
    assert!(scene.follower.is_apart(scene.now));
    set(0o644);
    assert_eq!(texts(scene.follower.read(scene.now)), ["b"]);
    assert!(!scene.follower.is_apart(scene.now));
}

/// What may happen between two looks.
#[derive(Clone, Debug)]
enum Step {
    Write(Vec<u8>),
    Rotate,
    Restart,
    Read,
}

fn step() -> impl Strategy<Value = Step> {
    let letters = prop::sample::select(b"ab\n\xff".to_vec());
    prop_oneof![
        4 => prop::collection::vec(letters, 0..20).prop_map(Step::Write),
        1 => Just(Step::Rotate),
        1 => Just(Step::Restart),
        3 => Just(Step::Read),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is written comes out line by line, however it is cut into pieces and the log moved away.
    #[test]
    fn every_line_comes_once_and_in_order(steps in prop::collection::vec(step(), 0..30)) {
        let mut scene = Scene::new();
        let (mut written, mut read) = (Vec::new(), Vec::new());
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Write(bytes) => {
                    scene.write(&bytes);
                    written.extend(bytes);
                }
                Step::Rotate => {
                    scene.write(b"\n");
                    written.push(b'\n');
                    // Both are seen, as by a reader that looks each second at a log that rotates each day.
                    read.extend(scene.follower.read(scene.now).lines);
                    scene.move_away(&format!("log.{number}"));
                    scene.writer = append(&scene.path());
                    read.extend(scene.follower.read(scene.now).lines);
                    scene.now += LINGER;
                    read.extend(scene.follower.read(scene.now).lines);
                }
                Step::Restart => scene.restart(),
                Step::Read => read.extend(scene.follower.read(scene.now).lines),
            }
        }
        read.extend(scene.follower.read(scene.now).lines);
        let end = written.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let whole = written[..end].strip_suffix(b"\n").unwrap_or_default();
        let expected: Vec<Vec<u8>> = match end {
            0 => Vec::new(),
            _ => whole.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect(),
        };
        prop_assert_eq!(read, expected);
    }
}
