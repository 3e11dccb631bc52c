//! A comparison alone, on trees drawn at random.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use proptest::prelude::*;
use vong_os::file::bytes_of;
use vong_proto::event::{Digest, FileAction};
use vong_proto::policy::Watch;

use super::super::task::Progress;
use super::super::*;
use super::stage::{Given, Shell, Stage, files_of, on_both, spool};
use crate::report::Reports;
use crate::sensor::programs::Programs;

/// A tree of a few files: names from which some are folders of others, contents of one byte.
fn any_tree() -> impl Strategy<Value = BTreeMap<String, u8>> {
    let name = prop_oneof![
        Just("a"),
        Just("a-b"),
        Just("a.c"),
        Just("hồ"),
        Just("ho\u{302}\u{300}")
    ];
    let path = (name.clone(), name).prop_map(|(folder, file)| format!("{folder}/{file}"));
    prop::collection::btree_map(path, 0_u8..3, 0..12)
}

fn plant(folder: &Path, tree: &BTreeMap<String, u8>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        std::fs::remove_dir_all(entry.expect("an entry").path()).expect("removed");
    }
    for (path, content) in tree {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, [*content]).expect("written");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever a tree was and is, a comparison reports exactly the files that differ.
    #[test]
    fn a_comparison_finds_the_difference(before in any_tree(), after in any_tree()) {
        let folder = tempfile::tempdir_in("/dev/shm").expect("a folder");
        let root = bytes_of(folder.path()).to_vec();
        let memory = tempfile::tempdir_in("/dev/shm").expect("a folder");
        let file = memory.path().join("spool.db");
        let (reports, received) = Reports::channel();
        let given = Arc::new(Given::default());
        let spool = spool(&file, received, Arc::clone(&given), Arc::default());
        let mut looker = Looker::new(
            Memory::new(StateReader::open(&file).expect("memory"), reports),
            Explainer::new(&Places::default()),
        );
        let watch = Watch { name: "watch".to_owned(), path: String::new(), severity: None, exclude: Vec::new() };
        looker.watches = Arc::new(WatchSet::new(vec![Watched::new(&watch, root.clone())], Vec::new()));
        looker.bytes_max = 1 << 20;

        plant(folder.path(), &before);
        compare_all(&mut looker, Comparison::first(root.clone(), i64::MAX, Vec::new()));
        plant(folder.path(), &after);
        compare_all(&mut looker, Comparison::new(root, Vec::from(bytes_of(folder.path())), i64::MAX));
        drop(looker);
        spool.join().expect("no panic");

        let found: HashSet<(FileAction, Vec<u8>)> = files_of(&given.events.lock().expect("no panic"))
            .into_iter()
            .filter(|event| event.meta.as_ref().is_none_or(|meta| matches!(meta.digest, Digest::Sha256(_))))
            .filter(|event| depth(&event.path) == depth(bytes_of(folder.path())) + 2)
            .map(|event| (event.action, event.path))
            .collect();
        let expected = difference(folder.path(), &before, &after);
        prop_assert_eq!(found, expected);
    }
}

fn depth(path: &[u8]) -> usize {
    path.iter().filter(|byte| **byte == b'/').count()
}

fn compare_all(looker: &mut Looker, mut comparison: Comparison) {
    let inbox = Arc::new(Inbox::default());
    let source = imp::Source::open(Hearing::Unprivileged, Arc::clone(&inbox), &Programs::default());
    loop {
        match comparison.advance(looker, &inbox, &source).expect("readable") {
            Progress::Done(blanks) => break assert_eq!(blanks, task::Blanks::default()),
            Progress::More => {}
            Progress::Later(pause) => inbox.wait(pause),
        }
    }
    looker.memory.settle().expect("kept");
}

/// A rewritten file has new times even where its content is the same.
fn difference(
    folder: &Path,
    before: &BTreeMap<String, u8>,
    after: &BTreeMap<String, u8>,
) -> HashSet<(FileAction, Vec<u8>)> {
    let path = |name: &String| bytes_of(&folder.join(name)).to_vec();
    let gone = before
        .keys()
        .filter(|name| !after.contains_key(*name))
        .map(|name| (FileAction::Deleted, path(name)));
    let there = after.iter().map(|(name, content)| {
        let action = match before.get(name) {
            None => FileAction::Created,
            Some(earlier) if earlier == content => FileAction::Attributes,
            Some(_) => FileAction::Modified,
        };
        (action, path(name))
    });
    gone.chain(there).collect()
}

/// A folder gets another time from every entry, and nothing is said of the folder itself then.
#[test]
fn a_folder_that_was_made_while_nobody_listened_is_found_though_it_is_used_at_once() {
    on_both(|hearing| {
        for seen in [true, false] {
            let mut stage = Stage::new(hearing);
            let mut shell = Shell::new();
            shell.run(&format!("cd '{}'; printf 1 > a", stage.path("")));
            if seen {
                stage.start();
                stage.stop();
            }
            shell.run("mkdir folder");
            let mut busy = Shell::new();
            let folder = stage.path("folder");
            busy.run(&format!(
                "cd '{folder}'; (i=0; while [ -e ../a ]; do printf 1 > f; rm f; done) > /dev/null 2>&1 &"
            ));
            stage.start();
            if seen {
                stage.wait_for(FileAction::Created, "folder");
            }
            let reader = StateReader::open(&stage.memory.path().join("spool.db")).expect("memory");
            let key = known::key_of(folder.as_bytes());
            let is_kept = || reader.get(Sensor::Files, &key).expect("readable").is_some();
            assert!(stage.holds_within(Duration::from_secs(20), is_kept));
            shell.run("rm a");
            stage.stop();
            let made = stage
                .files()
                .into_iter()
                .filter(|event| event.path == folder.as_bytes());
            assert_eq!(made.count(), usize::from(seen));
        }
    });
}
