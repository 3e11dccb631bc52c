//! Random operations on a small tree, with the sensor stopped, killed and started in between. The oracle is the tree
//! itself: in the end memory holds exactly what is there, and so does whoever replays the reported events.
//!
//! `VONG_ORACLE_CASES` is how many sequences are drawn for each way of hearing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::thread;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sha2::{Digest as _, Sha256};
use vong_os::file::bytes_of;
use vong_proto::event::{Digest, FileAction, FileEvent};

use super::super::known::{Beside, Known, Mark, path_of as path_of_key, prefix_below};
use super::super::watch::is_within;
use super::super::*;
use super::stage::{DEADLINE, Shell, Stage, files_of, on_both};

/// Sequences for each way of hearing, unless the environment says otherwise.
const CASES: u32 = 24;
/// Most of a sequence is waiting, so many of them wait at the same time.
const AT_ONCE: u32 = 8;

/// Something that is done to the tree, or to the agent.
#[derive(Clone, Debug)]
enum Step {
    /// A line for the shell, which stands in the watched folder.
    Shell(String),
    /// The agent stops and starts, with these done while it is away.
    Restart(Vec<String>),
    /// The agent dies and starts; whether what was on its way is kept.
    Crash {
        keeps_last: bool,
        meanwhile: Vec<String>,
    },
}

/// Names of folders and files that meet often. Some look the same and are not.
fn any_path() -> impl Strategy<Value = String> {
    let folder = prop_oneof![Just("d/"), Just("d/e/"), Just("thư mục/"), Just("d e/")];
    let folder = prop_oneof![3 => Just(""), 3 => folder, 1 => Just("../out/")];
    let name = prop_oneof![
        4 => Just("a"), 3 => Just("b"), 2 => Just("ấ"), 1 => Just("a\u{302}\u{301}"), 2 => Just("d"), 1 => Just("e"),
        1 => Just("thư mục"), 1 => Just("d e"), 1 => Just("x.tmp"),
    ];
    (folder, name).prop_map(|(folder, name)| format!("'{folder}{name}'"))
}

fn any_operation() -> impl Strategy<Value = String> {
    let content = "[a-c]{0,3}";
    let mode = prop_oneof![Just("600"), Just("644"), Just("755"), Just("4755")];
    prop_oneof![
        6 => (any_path(), content).prop_map(|(path, text)| format!("printf '{text}' > {path}")),
        3 => (any_path(), content).prop_map(|(path, text)| format!("printf '{text}' >> {path}")),
        1 => any_path().prop_map(|path| format!("true > {path}")),
        2 => (any_path(), mode).prop_map(|(path, mode)| format!("chmod {mode} {path}")),
        1 => (any_path(), 0..3_u32).prop_map(|(path, user)| format!("chown -h {user} {path}")),
        1 => (any_path(), 0..3_u32).prop_map(|(path, time)| format!("touch -h -c -d @{time} {path}")),
        6 => (any_path(), any_path()).prop_map(|(from, to)| format!("mv -T {from} {to}")),
        3 => any_path().prop_map(|path| format!("rm -f {path}")),
        1 => any_path().prop_map(|path| format!("rm -rf {path}")),
        1 => any_path().prop_map(|path| format!("rmdir {path}")),
        4 => any_path().prop_map(|path| format!("mkdir -p {path}")),
        1 => (any_path(), any_path()).prop_map(|(from, to)| format!("ln -s {from} {to}")),
        1 => (any_path(), any_path()).prop_map(|(from, to)| format!("ln {from} {to}")),
        1 => (any_path(), any_path()).prop_map(|(from, to)| format!("cp -rT {from} {to}")),
        4 => prop_oneof![Just("0.01"), Just("0.05"), Just("0.2")].prop_map(|pause| format!("sleep {pause}")),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let meanwhile = || prop::collection::vec(any_operation(), 0..8);
    prop_oneof![
        20 => any_operation().prop_map(Step::Shell),
        1 => meanwhile().prop_map(Step::Restart),
        1 => (any::<bool>(), meanwhile()).prop_map(|(keeps_last, meanwhile)| Step::Crash { keeps_last, meanwhile }),
    ]
}

/// What is known of one path: its kind as the mode says it, its rights, its content.
type Entry = (u32, Option<[u8; 32]>);
type Tree = BTreeMap<Vec<u8>, Entry>;

/// The world outside.
fn tree_of(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut ahead = vec![root.to_owned()];
    while let Some(path) = ahead.pop() {
        if path.extension().is_some_and(|extension| extension == "tmp") {
            continue;
        }
        let metadata = fs::symlink_metadata(&path).expect("nobody changes anything now");
        let content = match metadata.file_type() {
            kind if kind.is_file() => Some(fs::read(&path).expect("root reads all")),
            kind if kind.is_symlink() => Some(bytes_of(&fs::read_link(&path).expect("a link")).to_vec()),
            _ => None,
        };
        if metadata.is_dir() {
            ahead.extend(
                fs::read_dir(&path)
                    .expect("root reads all")
                    .map(|entry| entry.expect("an entry").path()),
            );
        }
        let hash = content.map(|content| Sha256::digest(content).into());
        tree.insert(bytes_of(&path).to_vec(), (metadata.mode(), hash));
    }
    tree
}

/// What the sensor remembers.
fn memory_of(reader: &StateReader, root: &[u8]) -> Tree {
    let own = reader.get(Sensor::Files, &known::key_of(root)).expect("readable");
    let below = reader
        .page(Sensor::Files, Some(&prefix_below(root)), 10_000)
        .expect("readable");
    let own = own.map(|value| (known::key_of(root), value));
    own.into_iter()
        .chain(below)
        .filter(|(key, _)| *key == known::key_of(root) || key.starts_with(&prefix_below(root)))
        .map(|(key, value)| {
            let known = Known::decode(&value).expect("of this version");
            let hash = match (known.mark, known.beside) {
                (Mark::Sha256(hash), _) => Some(hash),
                (_, Beside::Link { text, .. }) => Some(text),
                _ => None,
            };
            (path_of_key(&key).expect("a path"), (known.facts.mode, hash))
        })
        .collect()
}

/// What somebody knows who is told the events only.
fn replay(tree: &mut Tree, event: &FileEvent) {
    let now = event.meta.as_ref().map(|meta| {
        let hash = match (&meta.digest, &meta.link) {
            (Digest::Sha256(hash), _) => Some(*hash),
            (_, Some(link)) => Some(Sha256::digest(&link.text).into()),
            _ => None,
        };
        (meta.mode, hash)
    });
    if let (FileAction::Renamed, Some(from)) = (event.action, &event.old_path) {
        let below = |path: &Vec<u8>| is_within(from, path);
        let moved: Vec<Vec<u8>> = tree.keys().filter(|path| below(path)).cloned().collect();
        for path in moved {
            let entry = tree.remove(&path).expect("it is there");
            tree.insert([&event.path, &path[from.len()..]].concat(), entry);
        }
    }
    match now {
        Some(entry) => tree.insert(event.path.clone(), entry),
        None => tree.remove(&event.path),
    };
}

fn differences(expected: &Tree, found: &Tree) -> String {
    let paths = expected.keys().chain(found.keys());
    let differ = paths.filter(|path| expected.get(*path) != found.get(*path));
    let lines = differ.map(|path| {
        let said = |tree: &Tree| {
            tree.get(path).map(|(mode, hash)| {
                let begin = hash.map(|hash| hex::encode(&hash[..3]));
                format!("{mode:o} {begin:?}")
            })
        };
        let path = String::from_utf8_lossy(path);
        format!("{path}: is {:?}, said {:?}", said(expected), said(found))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether files get other names on the way. Nobody hears of a writing through one of them: it is found by comparing.
fn makes_other_names(before: &[String], steps: &[Step]) -> bool {
    let lines = steps.iter().flat_map(|step| match step {
        Step::Shell(line) => std::slice::from_ref(line),
        Step::Restart(meanwhile) | Step::Crash { meanwhile, .. } => meanwhile,
    });
    before.iter().chain(lines).any(|line| line.starts_with("ln '"))
}

/// Does what is drawn, and checks what is known in the end.
fn play(hearing: Hearing, before: &[String], steps: &[Step]) -> Result<(), TestCaseError> {
    let mut stage = Stage::new(hearing);
    let mut shell = Shell::new();
    let root = stage.path("in");
    stage.policy.files.watches[0].path.clone_from(&root);
    shell.run(&format!(
        "exec 2> /dev/null; cd '{}'; mkdir in out; cd in",
        stage.path("")
    ));
    for line in before {
        shell.run(line);
    }
    stage.start();
    let mut replayed = tree_of(Path::new(&root));
    for step in steps {
        match step {
            Step::Shell(line) => shell.run(line),
            Step::Restart(meanwhile) => {
                stage.stop();
                meanwhile.iter().for_each(|line| shell.run(line));
                stage.start();
            }
            Step::Crash {
                keeps_last,
                meanwhile,
            } => {
                stage.crash(*keeps_last);
                meanwhile.iter().for_each(|line| shell.run(line));
                stage.start();
            }
        }
    }
    if makes_other_names(before, steps) {
        stage.rescan();
    }
    let tree = tree_of(Path::new(&root));
    let reader = StateReader::open(&stage.memory.path().join("spool.db")).expect("memory");
    let is_known = stage.holds_within(DEADLINE / 4, || memory_of(&reader, root.as_bytes()) == tree);
    stage.stop();
    let remembered = memory_of(&reader, root.as_bytes());
    let events = files_of(&stage.given.events.lock().expect("no panic"));
    for event in &events {
        replay(&mut replayed, event);
    }
    let story = || {
        let told = events.iter().map(|event| {
            let path = String::from_utf8_lossy(&event.path).into_owned();
            let from = event.old_path.as_deref().map(String::from_utf8_lossy);
            format!(
                "{:?} {:?} {path} {from:?} {}",
                event.origin,
                event.action,
                event.meta.is_some()
            )
        });
        told.collect::<Vec<_>>().join("\n")
    };
    prop_assert!(
        is_known,
        "remembered:\n{}\n{}",
        differences(&tree, &remembered),
        story()
    );
    prop_assert!(
        replayed == tree,
        "replayed:\n{}\n{}",
        differences(&tree, &replayed),
        story()
    );
    Ok(())
}

fn cases() -> u32 {
    let said = std::env::var("VONG_ORACLE_CASES").ok();
    said.and_then(|said| said.parse().ok()).unwrap_or(CASES)
}

#[test]
fn what_is_reported_is_what_happened_whatever_happens() {
    on_both(|hearing| {
        thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(move || {
                    let config = Config {
                        cases: cases().div_ceil(AT_ONCE),
                        max_shrink_iters: 60,
                        failure_persistence: None,
                        ..Config::default()
                    };
                    let before = prop::collection::vec(any_operation(), 0..10);
                    let steps = prop::collection::vec(any_step(), 1..40);
                    let played = TestRunner::new(config)
                        .run(&(before, steps), |(before, steps)| play(hearing, &before, &steps));
                    if let Err(error) = played {
                        panic!("{hearing:?}: {error}");
                    }
                });
            }
        });
    });
}

/// The same after the system has lost events: a flood fills every queue while the spool stands still.
#[test]
fn what_an_overflow_swallows_is_known_in_the_end() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        let root = stage.path("in");
        stage.policy.files.watches[0].path.clone_from(&root);
        shell.run(&format!(
            "cd '{}'; mkdir in out; cd in; mkdir d; printf 1 > d/a; printf 1 > b; printf 1 > r0",
            stage.path("")
        ));
        stage.start();
        let mut replayed = tree_of(Path::new(&root));
        let gate = Arc::clone(&stage.gate);
        let closed = gate.lock().expect("no panic");
        // One file goes through many names, which nobody can take for one change, and more happens under the flood.
        shell.run("python3 -c 'for n in range(60000): import os; os.rename(f\"r{n}\", f\"r{n + 1}\")'");
        shell.run("mv d 'thư mục'; printf 2 > 'thư mục/a'; mv 'thư mục/a' c; rm b; ln -s c b; chmod 600 c");
        drop(closed);
        stage.wait_for_blind("queue_overflow");
        let tree = tree_of(Path::new(&root));
        let reader = StateReader::open(&stage.memory.path().join("spool.db")).expect("memory");
        let is_known = stage.holds_within(DEADLINE, || memory_of(&reader, root.as_bytes()) == tree);
        stage.stop();
        for event in stage.files() {
            replay(&mut replayed, &event);
        }
        let remembered = memory_of(&reader, root.as_bytes());
        assert!(
            is_known,
            "{hearing:?} remembered:\n{}",
            differences(&tree, &remembered)
        );
        assert!(
            replayed == tree,
            "{hearing:?} replayed:\n{}",
            differences(&tree, &replayed)
        );
    });
}
