//! The whole sensor on real folders, with a spool of a few lines: a shell changes files, the oracle is what
//! the shell was told to do.
//!
//! Every story runs twice: through inotify as everybody, and with fanotify where there is privilege.

use std::collections::HashSet;

use sha2::{Digest as _, Sha256};
use vong_proto::event::{Digest, FileAction, FileEvent, Origin, Process, Severity, Who};
use vong_proto::policy::Watch;

use super::*;
use crate::report::NewEvent;

mod compare;
mod content;
mod explained;
mod mounts;
mod odd;
mod oracle;
mod stage;
mod upkeep;

use stage::{Shell, Stage, files_of, may_act_as_root, on_both};

/// The only event of a path.
fn single<'a>(events: &'a [FileEvent], path: &str) -> &'a FileEvent {
    let of_path: Vec<_> = events
        .iter()
        .filter(|event| event.path == path.as_bytes())
        .collect();
    assert_eq!(of_path.len(), 1, "{path}: {of_path:#?}");
    of_path[0]
}

#[test]
fn what_a_program_does_is_reported_with_its_bytes_and_its_name() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        let [nfc, nfd] = ["báo cáo.txt", "ba\u{301}o ca\u{301}o.txt"];
        stage.start();

        shell.run(&format!(
            "cd '{}'; printf abc > '{nfc}'; printf abd > '{nfd}'",
            stage.path("")
        ));
        let first = stage.wait_for(FileAction::Created, nfc);
        let second = stage.wait_for(FileAction::Created, nfd);

        for event in [&first, &second] {
            assert_eq!(event.origin, Origin::RealTime);
            assert_eq!(event.watch, "watch");
            match (&event.who, hearing) {
                (Who::Exact(process), Hearing::Best) => {
                    assert_eq!(process.pid, shell.pid());
                    assert_eq!(process.parent_pid, std::process::id());
                    assert!(!process.user.is_empty());
                }
                (Who::Unavailable(why), Hearing::Unprivileged) => assert_eq!(why, "unprivileged"),
                (who, _) => panic!("{who:?}"),
            }
        }
        let digest = |event: &FileEvent| event.meta.clone().expect("it is there").digest;
        assert!(matches!(digest(&first), Digest::Sha256(_)));
        assert_ne!(digest(&first), digest(&second));

        shell.run(&format!(
            "printf more >> '{nfc}'; chmod 600 '{nfd}'; mv '{nfd}' renamed; rm '{nfc}'"
        ));
        let renamed = stage.wait_for(FileAction::Renamed, "renamed");
        assert_eq!(renamed.old_path, Some(stage.path(nfd).into_bytes()));
        assert_eq!(digest(&renamed), digest(&second));
        let deleted = stage.wait_for(FileAction::Deleted, nfc);
        assert_eq!(deleted.meta, None);
        stage.stop();
    });
}

#[test]
fn each_change_is_told_apart_when_there_is_time_to_look() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!("cd '{}'; printf one > a; mkdir own", stage.path("")));
        stage.start();
        assert_eq!(stage.files(), [], "what was there before is not news");

        shell.run("printf two > a");
        stage.wait_for(FileAction::Modified, "a");
        shell.run("chmod 600 a");
        let rights = stage.wait_for(FileAction::Attributes, "a");
        assert_eq!(rights.meta.expect("it is there").mode & 0o777, 0o600);
        shell.run("printf x > b.tmp; printf x > own/c; ln -s a link");
        let link = stage.wait_for(FileAction::Created, "link");
        assert_eq!(
            link.meta.expect("it is there").digest,
            Digest::Absent("not_a_file".to_owned())
        );
        shell.run("rm a");
        stage.wait_for(FileAction::Deleted, "a");
        let paths: HashSet<Vec<u8>> = stage.files().into_iter().map(|event| event.path).collect();
        let expected = ["a", "link"].map(|name| stage.path(name).into_bytes());
        assert_eq!(
            paths,
            HashSet::from(expected),
            "excluded and own files are nobody's business"
        );
        stage.stop();
    });
}

#[test]
fn what_happened_while_the_agent_was_away_is_found_once() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!(
            "cd '{}'; mkdir deep; printf 1 > deep/changed; printf 2 > deleted; printf 3 > same; printf 4 > rights",
            stage.path("")
        ));
        stage.start();
        stage.stop();

        shell.run("printf x > deep/changed; rm deleted; printf 5 > 'thư mới'; chmod 611 rights");
        stage.start();
        stage.wait_for(FileAction::Deleted, "deleted");
        stage.wait_for(FileAction::Created, "thư mới");
        stage.wait_for(FileAction::Modified, "deep/changed");
        stage.wait_for(FileAction::Attributes, "rights");
        stage.stop();
        let found = stage.files();
        assert_eq!(found.len(), 4, "{found:#?}");
        for event in found {
            assert_eq!(event.origin, Origin::CatchUp);
            assert_eq!(event.who, Who::Unavailable("catch_up".to_owned()));
        }

        stage.forget();
        stage.start();
        stage.rescan();
        shell.run("printf y > last");
        stage.wait_for(FileAction::Created, "last");
        assert_eq!(stage.files().len(), 1, "it is not found again");
        stage.stop();
    });
}

#[test]
fn a_renamed_folder_keeps_what_is_known_of_its_inside() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!(
            "cd '{}'; mkdir -p old/deep; printf 1 > old/deep/file; mkdir ../outside.$$; printf 2 > ../outside.$$/new",
            stage.path("")
        ));
        stage.start();
        shell.run("mv old 'mới'");
        let renamed = stage.wait_for(FileAction::Renamed, "mới");
        assert_eq!(renamed.old_path, Some(stage.path("old").into_bytes()));

        shell.run("printf 3 > 'mới/deep/file'");
        stage.wait_for(FileAction::Modified, "mới/deep/file");
        shell.run("mv ../outside.$$ arrived");
        stage.wait_for(FileAction::Created, "arrived/new");
        shell.run("mv 'mới' ../outside.$$; rm -r ../outside.$$");
        stage.wait_for(FileAction::Deleted, "mới/deep/file");
        let files = stage.files();
        single(&files, &stage.path("arrived/new"));
        assert!(
            !files.iter().any(|event| event.path.ends_with(b"old/deep/file")),
            "{files:#?}"
        );
        stage.stop();
    });
}

/// A copy ends before its event is read. Not every one is caught when it starts, but most are.
#[test]
fn a_program_that_ends_at_once_is_named_all_the_same() {
    const COPIES: usize = 50;
    if !may_act_as_root() {
        return;
    }
    let mut stage = Stage::new(Hearing::Best);
    let mut shell = Shell::new();
    stage.start();
    shell.run(&format!("cd '{}'; printf 1 > original", stage.path("")));
    for copy in 0..COPIES {
        shell.run(&format!("cp original copy{copy}"));
        stage.wait_for(FileAction::Created, &format!("copy{copy}"));
    }
    stage.stop();
    let copied_by_cp = |event: &&FileEvent| {
        let by_cp =
            |process: &Process| process.executable.ends_with(b"/cp") && process.parent_pid == shell.pid();
        matches!(&event.who, Who::Exact(process) if by_cp(process))
    };
    let named = stage.files().iter().filter(copied_by_cp).count();
    assert!(named > COPIES / 4, "only {named} of {COPIES} were named");
}

#[test]
fn whoever_removes_a_whole_tree_is_named() {
    if !may_act_as_root() {
        return;
    }
    let mut stage = Stage::new(Hearing::Best);
    let mut shell = Shell::new();
    shell.run(&format!(
        "cd '{}'; mkdir -p before/deep; printf 1 > before/deep/file",
        stage.path("")
    ));
    stage.start();
    shell.run("mkdir -p after/deep; printf 1 > after/deep/file");
    stage.wait_for(FileAction::Created, "after/deep/file");
    shell.run("rm -r before after");
    for name in ["before/deep/file", "after/deep/file", "before", "after"] {
        let deleted = stage.wait_for(FileAction::Deleted, name);
        assert_eq!(deleted.origin, Origin::RealTime, "{deleted:#?}");
        assert!(
            matches!(deleted.who, Who::Exact(_) | Who::Exited { .. }),
            "{deleted:#?}"
        );
    }
    stage.stop();
}

#[test]
fn a_folder_that_appears_later_is_watched_from_then_on() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        stage.policy.files.watches[0].path = stage.path("later");
        stage.start();
        let why = stage.wait("missing", |events| {
            events.iter().find_map(|event| match &event.body {
                Body::Unsupported(limit) if limit.what == "watch:watch" => Some(limit.why.clone()),
                _ => None,
            })
        });
        assert_eq!(why, "missing");
        shell.run(&format!(
            "cd '{}'; mkdir later; printf 1 > later/early",
            stage.path("")
        ));
        let early = stage.wait_for(FileAction::Created, "later/early");
        stage.wait("cured", |events| {
            let is_cured = |body: &Body| {
                matches!(body, Body::Unsupported(limit) if limit.what == "watch:watch" && limit.cured)
            };
            events.iter().find(|event| is_cured(&event.body)).map(|_| ())
        });
        assert_eq!(early.origin, Origin::CatchUp);
        shell.run("printf 2 > later/live");
        let live = stage.wait_for(FileAction::Created, "later/live");
        assert_eq!(live.origin, Origin::RealTime);
        shell.run("mv later gone; mkdir later; printf 3 > later/other");
        stage.wait_for(FileAction::Created, "later/other");
        stage.wait_for(FileAction::Deleted, "later/early");
        stage.stop();
    });
}

#[test]
fn a_new_policy_takes_over_without_a_gap_and_without_false_news() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!(
            "cd '{}'; mkdir one two; printf 1 > one/a; printf 2 > two/b",
            stage.path("")
        ));
        stage.policy.files.watches[0].path = stage.path("one");
        stage.policy.files.watches[0].exclude = vec!["a".to_owned()];
        stage.start();

        stage.policy.files.watches[0].exclude.clear();
        stage.policy.files.watches.push(Watch {
            name: "second".to_owned(),
            path: stage.path("two"),
            severity: None,
            exclude: Vec::new(),
        });
        stage.apply_policy();
        shell.run("printf 3 > one/during");
        stage.wait_for_first_look();
        shell.run("printf 4 > two/b");
        assert_eq!(stage.wait_for(FileAction::Modified, "two/b").watch, "second");
        stage.wait_for(FileAction::Created, "one/during");
        shell.run("printf 5 > one/a");
        stage.wait_for(FileAction::Modified, "one/a");

        stage.policy.files.watches.pop();
        stage.apply_policy();
        stage.wait_for_forgetting("two");
        shell.run("printf 6 > two/c; printf 7 > one/last");
        stage.wait_for(FileAction::Created, "one/last");
        assert_eq!(stage.files().len(), 4, "{:#?}", stage.files());
        stage.stop();
    });
}

#[test]
fn a_folder_that_is_watched_again_while_it_is_being_forgotten_is_not_taken_for_new() {
    on_both(|hearing| {
        const FILES: usize = 2_000;
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!(
            "cd '{}'; mkdir one two; for n in $(seq {FILES}); do printf 1 > two/$n; done",
            stage.path("")
        ));
        let watch = |name: &str, path: String| Watch {
            name: name.to_owned(),
            path,
            severity: None,
            exclude: Vec::new(),
        };
        let two = watch("two", stage.path("two"));
        stage.policy.files.watches = vec![watch("one", stage.path("one")), two.clone()];
        stage.start();

        stage.policy.files.watches[1] = watch("absent", stage.path("absent"));
        stage.apply_policy();
        stage.wait("a policy in force", |events| {
            events
                .iter()
                .any(|event| matches!(&event.body, Body::Unsupported(limit) if limit.what == "watch:absent"))
                .then_some(())
        });
        stage.policy.files.watches = vec![two];
        stage.apply_policy();
        let reader = StateReader::open(&stage.memory.path().join("spool.db")).expect("memory");
        let root = stage.path("two").into_bytes();
        stage.wait("a complete look", |_| {
            let stamp = reader.get(Sensor::Files, &root_key(&root)).expect("readable");
            stamp.filter(|stamp| stamp.as_slice() != FORGETTING)
        });
        shell.run("printf 2 > two/after");
        stage.wait_for(FileAction::Created, "two/after");
        stage.stop();
        assert_eq!(stage.files().len(), 1, "nothing else is new");

        shell.run(&format!("printf 3 > two/{FILES}"));
        stage.start();
        stage.wait_for(FileAction::Modified, &format!("two/{FILES}"));
        stage.stop();
    });
}

#[test]
fn a_folder_is_heard_whatever_its_name_ends_with() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!("cd '{}'; mkdir 'in (deleted)'", stage.path("")));
        stage.start();
        // What was learnt about folders is forgotten with a new policy.
        stage.policy.files.watches[0].severity = Some(Severity::Low);
        stage.apply_policy();
        stage.wait_for_severity(&mut shell);
        shell.run("printf 1 > 'in (deleted)/file'");
        stage.wait_for(FileAction::Created, "in (deleted)/file");
        stage.stop();
    });
}

#[test]
fn two_contents_of_one_size_are_two_changes_however_fast() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!("cd '{}'", stage.path("")));
        stage.start();
        for round in 0..5 {
            shell.run(&format!("printf {round:03} > file"));
            let expected = Digest::Sha256(Sha256::digest(format!("{round:03}")).into());
            stage.wait("the newest content", |events| {
                let files = files_of(events);
                let last = files.last()?.meta.as_ref()?;
                (last.digest == expected).then_some(())
            });
        }
        stage.stop();
    });
}

/// Only somebody without privilege can be kept out of a folder.
#[test]
fn a_folder_that_may_not_be_read_is_named_and_all_others_are_watched() {
    if vong_os::host::is_privileged() {
        return;
    }
    let mut stage = Stage::new(Hearing::Unprivileged);
    let mut shell = Shell::new();
    shell.run(&format!(
        "cd '{}'; mkdir -p a closed/in z/deep z/closed; chmod 0 closed z/closed",
        stage.path("")
    ));
    stage.start();
    let both = [stage.path("closed"), stage.path("z/closed")].join(", ");
    assert_eq!(stage.wait_for_limit("unreadable:watch", false), both);
    shell.run("printf 1 > a/file; printf 2 > z/deep/file");
    stage.wait_for(FileAction::Created, "a/file");
    stage.wait_for(FileAction::Created, "z/deep/file");
    shell.run("chmod 700 closed z/closed");
    stage.rescan();
    stage.wait_for_limit("unreadable:watch", true);
    stage.stop();
}

#[test]
fn a_grave_change_takes_the_urgent_lane() {
    let mut stage = Stage::new(Hearing::Unprivileged);
    stage.policy.files.watches[0].severity = Some(Severity::Critical);
    let mut shell = Shell::new();
    stage.start();
    shell.run(&format!("printf 1 > '{}'", stage.path("a")));
    let lane = stage.wait("event", |events| {
        let file = |event: &&NewEvent| matches!(event.body, Body::File(_));
        events.iter().find(file).map(|event| event.lane)
    });
    assert_eq!(lane, Lane::Urgent);
    stage.stop();
}

#[test]
fn twenty_thousand_changes_at_once_are_all_accounted_for() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        stage.start();
        let begun = Instant::now();
        shell.run(&format!(
            "cd '{}'; i=0; while [ $i -lt 20000 ]; do echo $i > f$i; i=$((i+1)); done",
            stage.path("")
        ));
        let written = begun.elapsed();
        stage.wait_for_paths(20_000);
        println!(
            "{hearing:?}: written in {written:?}, reported in {:?}",
            begun.elapsed()
        );
        stage.stop();
    });
}

#[test]
fn an_overflow_is_said_and_what_it_swallowed_is_found() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        stage.start();
        let closed = Arc::clone(&stage.gate);
        let closed = closed.lock().expect("no panic");
        // More than everything between the kernel and the closed spool can hold.
        shell.run(&format!(
            "cd '{}'; i=0; while [ $i -lt 40000 ]; do echo $i > f$i; i=$((i+1)); done",
            stage.path("")
        ));
        drop(closed);
        stage.wait("overflow", |events| {
            events
                .iter()
                .any(|event| matches!(&event.body, Body::Blind(blind) if blind.reason == "queue_overflow"))
                .then_some(())
        });
        stage.wait_for_paths(40_000);
        stage.stop();
        let caught_up = stage
            .files()
            .iter()
            .filter(|event| event.origin == Origin::CatchUp)
            .count();
        assert!(caught_up > 0, "nothing was swallowed");
    });
}
