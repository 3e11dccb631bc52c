//! What an event says of a change: what differs, how often it was reported, where a link leads.

use std::collections::HashSet;
use std::os::unix::fs::{MetadataExt as _, symlink};

use sha2::{Digest as _, Sha256};
use vong_os::file::{bytes_of, rights_beside_mode};
use vong_proto::event::{
    Aspect, Digest, FileAction, FileEvent, FileMeta, Link, LinkTarget, Origin, Severity, Who,
};

use super::super::*;
use super::stage::{Shell, Stage, files_of, may_act_as_root, on_both};
use crate::report::NewEvent;

fn meta(event: &FileEvent) -> FileMeta {
    event.meta.clone().expect("it is there")
}

/// Waits for the next event of a file after those that were forgotten.
fn next(stage: &Stage, name: &str) -> FileEvent {
    let path = stage.path(name).into_bytes();
    let event = stage.wait(name, |events| {
        files_of(events).into_iter().find(|event| event.path == path)
    });
    stage.forget();
    event
}

#[test]
fn an_event_says_what_differs() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!(
            "cd '{}'; for n in content mode times kind all; do printf 1 > $n; done; mkdir folder",
            stage.path("")
        ));
        stage.start();
        let mut check = |script: &str, name: &str, action: FileAction, changed: &[Aspect]| {
            shell.run(script);
            let event = next(&stage, name);
            assert_eq!(
                (event.action, event.changed.as_slice()),
                (action, changed),
                "{script}"
            );
        };
        check(
            "printf 2 > content",
            "content",
            FileAction::Modified,
            &[Aspect::Content],
        );
        check("chmod 640 mode", "mode", FileAction::Attributes, &[Aspect::Mode]);
        check(
            "touch -d @1000000000 times",
            "times",
            FileAction::Attributes,
            &[Aspect::Times],
        );
        check(
            "chmod 711 folder",
            "folder",
            FileAction::Attributes,
            &[Aspect::Mode],
        );
        check("ln -s content link", "link", FileAction::Created, &[]);
        check(
            "ln -s mode .new; mv .new kind",
            "kind",
            FileAction::Renamed,
            &[Aspect::Kind],
        );
        check(
            "printf 3 > .new; chmod 600 .new; mv .new all",
            "all",
            FileAction::Renamed,
            &[Aspect::Content, Aspect::Mode],
        );
        if vong_os::host::is_privileged() {
            check("chgrp 7 mode", "mode", FileAction::Attributes, &[Aspect::Owner]);
            check(
                "chown 7 folder",
                "folder",
                FileAction::Attributes,
                &[Aspect::Owner],
            );
        }
        stage.stop();
    });
}

#[test]
fn owner_group_and_rights_beside_the_mode_are_said() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let path = stage.path("a");
        std::fs::write(&path, "x").expect("written");
        stage.start();
        stage.stop();
        let nobody = u32::MAX;
        let entry = |tag: u16, rights: u16, id: u32| {
            [&tag.to_le_bytes()[..], &rights.to_le_bytes(), &id.to_le_bytes()].concat()
        };
        // What the mode says already, and that user 7 may read.
        let mut list = vec![2, 0, 0, 0];
        for (tag, rights, id) in [
            (1, 6, nobody),
            (2, 4, 7),
            (4, 4, nobody),
            (16, 4, nobody),
            (32, 4, nobody),
        ] {
            list.extend(entry(tag, rights, id));
        }
        set_attribute(&path, "system.posix_acl_access", &list);
        stage.start();
        let event = next(&stage, "a");
        stage.stop();
        assert_eq!(event.action, FileAction::Attributes);
        assert_eq!(event.changed, [Aspect::Acl]);
        let system = std::fs::metadata(&path).expect("it is there");
        let rights = rights_beside_mode(std::path::Path::new(&path))
            .expect("known")
            .expect("a list");
        assert_eq!(meta(&event).owner, system.uid().to_string());
        assert_eq!(meta(&event).group, system.gid().to_string());
        assert_eq!(meta(&event).acl_sha256, Some(Sha256::digest(rights).into()));
    });
}

/// By a process of its own: what the agent does itself is not reported.
fn set_attribute(path: &str, name: &str, value: &[u8]) {
    let value: String = value.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    let script = format!("import os; os.setxattr({path:?}, {name:?}, b'{value}')");
    let set = std::process::Command::new("python3")
        .args(["-c", &script])
        .status();
    assert!(set.expect("a Python").success());
}

#[test]
fn a_link_is_said_with_its_text_and_what_stands_where_it_leads() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!("cd '{}'; printf 1 > file; mkdir folder", stage.path("")));
        symlink("file", stage.path("old")).expect("linked");
        stage.start();
        let mut check = |script: &str, name: &str, text: &str, target: LinkTarget| {
            shell.run(script);
            let event = next(&stage, name);
            let text = text.as_bytes().to_vec();
            assert_eq!(meta(&event).link, Some(Link { text, target }), "{script}");
            assert_eq!(meta(&event).digest, Digest::Absent("not_a_file".to_owned()));
            event
        };
        check("ln -s file to-file", "to-file", "file", LinkTarget::File);
        check(
            "ln -s ./folder/. to-folder",
            "to-folder",
            "./folder/.",
            LinkTarget::Folder,
        );
        check(
            "ln -s nothing to-nothing",
            "to-nothing",
            "nothing",
            LinkTarget::Missing,
        );
        check("ln -s round round", "round", "round", LinkTarget::Loop);
        let moved = check("mv old new", "new", "file", LinkTarget::File);
        assert_eq!(moved.changed, []);
        let other = check("ln -sfn folder to-file", "to-file", "folder", LinkTarget::Folder);
        assert_eq!(
            other.changed,
            if other.action == FileAction::Created {
                vec![]
            } else {
                vec![Aspect::Link]
            }
        );

        // Nothing tells that what stands at the target has changed; a comparison finds it.
        shell.run("rm -r folder");
        stage.wait_for(FileAction::Deleted, "folder");
        stage.forget();
        stage.rescan();
        let event = next(&stage, "to-folder");
        assert_eq!(
            (event.action, event.changed.as_slice()),
            (FileAction::Modified, &[Aspect::Link][..])
        );
        assert_eq!(meta(&event).link.expect("a link").target, LinkTarget::Missing);
        stage.stop();
    });
}

#[test]
fn a_busy_log_is_few_events_that_say_how_many_writings_they_are() {
    on_both(|hearing| {
        for severity in [None, Some(Severity::Critical)] {
            const WRITINGS: u32 = 2_000;
            let mut stage = Stage::new(hearing);
            stage.policy.files.watches[0].severity = severity;
            let mut shell = Shell::new();
            shell.run(&format!("cd '{}'; : > log", stage.path("")));
            stage.start();
            let begun = Instant::now();
            shell.run(&format!(
                "i=0; while [ $i -lt {WRITINGS} ]; do echo $i >> log; i=$((i+1)); done"
            ));
            let content = std::fs::read(stage.path("log")).expect("it is there");
            let expected = Digest::Sha256(Sha256::digest(content).into());
            stage.wait("the final state", |events| {
                let last = files_of(events).pop()?.meta?;
                (last.digest == expected).then_some(())
            });
            let hold_ms = if severity.is_some() { 200 } else { 1_000 };
            let most = 3 + begun.elapsed().as_millis() / hold_ms;
            stage.stop();
            let events = stage.files();
            assert!(
                (1..=most as usize).contains(&events.len()),
                "{} of at most {most}",
                events.len()
            );
            let counted: u32 = events.iter().map(|event| event.count).sum();
            assert!(counted > 2 && counted <= WRITINGS + 1, "{counted}");
            if hearing == Hearing::Unprivileged {
                assert!(counted >= WRITINGS - 1, "inotify merges nothing here: {counted}");
            }
            for event in &events {
                assert_eq!(event.changed, [Aspect::Content]);
                assert_eq!(event.first_ms.is_some(), event.count > 1);
            }
        }
    });
}

#[test]
fn what_is_heard_last_is_told_with_who_did_it_though_the_sensor_stops() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!("cd '{}'; printf 1 > a", stage.path("")));
        stage.start();
        shell.run("printf 2 > a");
        stage.wait_for(FileAction::Modified, "a");
        // Within the rest of "a"; that of "b" shows that it has been heard.
        shell.run("printf 3 > a; printf 1 > b");
        stage.wait_for(FileAction::Created, "b");
        stage.stop();
        let last = stage.files().pop().expect("an event");
        assert_eq!(last.path, bytes_of(std::path::Path::new(&stage.path("a"))));
        assert_eq!(last.origin, Origin::RealTime);
        assert_eq!(meta(&last).digest, Digest::Sha256(Sha256::digest("3").into()));
    });
}

#[test]
fn what_is_heard_last_is_told_though_the_agent_is_above_its_budget() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!("cd '{}'; printf 1 > a", stage.path("")));
        stage.start();
        shell.run("printf 2 > a");
        stage.wait_for(FileAction::Modified, "a");
        // Within the rest of "a"; that of "b" shows that it has been heard.
        shell.run("printf 3 > a; printf 1 > b");
        stage.wait_for(FileAction::Created, "b");
        stage.governor.space_out();
        stage.stop();
        let last = stage.files().pop().expect("an event");
        assert_eq!(last.origin, Origin::RealTime);
        assert_eq!(meta(&last).digest, Digest::Sha256(Sha256::digest("3").into()));
    });
}

#[test]
fn a_time_that_was_set_back_hides_no_change() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        let named = ["a", "with other rights"];
        shell.run(&format!("cd '{}'", stage.path("")));
        for name in named {
            shell.run(&format!(
                "printf 12345 > '{name}'; touch -r '{name}' '{name}.tmp'"
            ));
        }
        stage.start();
        let write = |name: &str, then: &str| {
            format!("exec 3<>'{name}'; printf 54321 >&3; touch -r '{name}.tmp' '{name}'; {then}")
        };
        let digest = Digest::Sha256(Sha256::digest("54321").into());

        // While it is open.
        shell.run(&write("a", ""));
        let event = next(&stage, "a");
        assert_eq!(event.action, FileAction::Modified);
        assert_eq!(event.changed, [Aspect::Content]);
        assert_eq!(meta(&event).digest, digest);

        // At the latest when it is closed.
        shell.run(&write("with other rights", "chmod 600 'with other rights'"));
        let first = next(&stage, "with other rights");
        shell.run("exec 3>&-");
        stage.stop();
        stage.start();
        stage.stop();
        let path = stage.path("with other rights").into_bytes();
        let later = stage.files().into_iter().filter(|event| event.path == path);
        let told = [first].into_iter().chain(later).any(|event| {
            let is_it = meta(&event).digest == digest;
            is_it && event.origin == Origin::RealTime
        });
        assert!(told, "{:?}", stage.files());
    });
}

#[test]
fn what_an_earlier_version_remembers_makes_no_news_and_is_learnt() {
    let mut stage = Stage::new(Hearing::Unprivileged);
    std::fs::write(stage.path("a"), "x").expect("written");
    symlink("a", stage.path("link")).expect("linked");
    stage.start();
    stage.stop();
    let reader = StateReader::open(&stage.memory.path().join("spool.db")).expect("memory");
    let keys = ["", "a", "link"].map(|name| known::key_of(stage.path(name).as_bytes()));
    let version = |key: &[u8]| reader.get(Sensor::Files, key).expect("readable").expect("kept")[0];
    {
        let spool = rusqlite::Connection::open(stage.memory.path().join("spool.db")).expect("a spool");
        for key in &keys {
            let value = reader.get(Sensor::Files, key).expect("readable").expect("kept");
            let mut known = known::Known::decode(&value).expect("known");
            known.beside = known::Beside::NotLookedAt;
            known.facts.group = 0;
            let update = "UPDATE sensor_state SET value = ?1 WHERE key = ?2";
            assert_eq!(
                spool.execute(update, rusqlite::params![known.encode(), key]),
                Ok(1)
            );
            assert_eq!(version(key), 1);
        }
    }
    stage.start();
    stage.rescan();
    stage.wait("the present version", |_| {
        keys.iter().all(|key| version(key) == 2).then_some(())
    });
    stage.stop();
    assert_eq!(stage.files(), []);
}

#[test]
fn what_is_made_in_a_folder_that_was_just_renamed_is_told_with_who_did_it() {
    if !may_act_as_root() {
        return;
    }
    let mut stage = Stage::new(Hearing::Best);
    let mut shell = Shell::new();
    stage.start();
    let (folders, files) = (60, 10);

    shell.run(&format!(
        "cd '{}'; for d in $(seq {folders}); do mkdir $d.new; mv $d.new $d; \
         for f in 0 1 2 3 4 5 6 7 8 9; do printf $f > $d/$f; done; done",
        stage.path("")
    ));
    let made = |events: &[NewEvent]| -> Vec<FileEvent> {
        let is_made = |event: &FileEvent| event.meta.as_ref().is_some_and(|meta| meta.size == 1);
        files_of(events).into_iter().filter(is_made).collect()
    };
    let told = stage.wait("every file", |events| {
        let made = made(events);
        let paths: HashSet<&[u8]> = made.iter().map(|event| &event.path[..]).collect();
        (paths.len() == folders * files).then(|| made.clone())
    });

    for event in told {
        assert_eq!(event.origin, Origin::RealTime, "{event:#?}");
        assert!(matches!(event.who, Who::Exact(_)), "{event:#?}");
    }
    stage.stop();
}

#[test]
fn a_folder_that_had_a_name_that_is_passed_over_is_heard_under_its_next_one() {
    if !may_act_as_root() {
        return;
    }
    let mut stage = Stage::new(Hearing::Best);
    stage.policy.files.watches[0].exclude = vec!["*.new".to_owned()];
    let mut shell = Shell::new();
    stage.start();
    // Whoever reads that the first folder's rights changed has read it when the second file is told.
    shell.run(&format!(
        "cd '{}'; mkdir d.new; chmod 700 d.new; printf 1 > d.new/x; printf 1 > told",
        stage.path("")
    ));
    stage.wait_for(FileAction::Created, "told");

    shell.run("mv d.new d; printf 2 > d/y");
    let made = stage.wait_for(FileAction::Created, "d/y");
    assert_eq!(made.origin, Origin::RealTime, "{made:#?}");
    assert_eq!(stage.wait_for(FileAction::Created, "d/x").origin, Origin::CatchUp);
    stage.stop();
}
