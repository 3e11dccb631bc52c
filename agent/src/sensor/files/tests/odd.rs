//! Bad input: names that are no text, paths without end, files without content, mounts that never answer.

use std::fmt::Write as _;

use vong_proto::event::{Digest, FileAction, LinkTarget};

use super::super::*;
use super::stage::{Shell, Stage, files_of, may_act_as_root, on_both};

#[test]
fn names_are_reported_as_the_bytes_that_they_are() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        stage.start();
        shell.run(&format!("cd '{}'", stage.path("")));
        let mut names = vec![
            b"not \xff\xfe text".to_vec(),
            b"line\nbreak\r".to_vec(),
            b"\x1b[31mred\x07".to_vec(),
            "hóa đơn\u{202e}xcod.exe".as_bytes().to_vec(),
            b" ".to_vec(),
            b"-rf".to_vec(),
            b"*".to_vec(),
            b"\\".to_vec(),
        ];
        names.push(vec![b'n'; 255]);
        names.push("ồ".repeat(85).into_bytes());
        for name in &names {
            let mut octal = String::new();
            for byte in name {
                write!(octal, "\\{byte:03o}").expect("written");
            }
            // The dot keeps a line break at the end.
            shell.run(&format!("n=\"$(printf '{octal}.')\"; printf 1 > \"./${{n%.}}\""));
        }
        for name in &names {
            let path = [stage.path("").as_bytes(), b"/", name].concat();
            stage.wait(&String::from_utf8_lossy(name), |events| {
                let mut files = files_of(events).into_iter();
                files.find(|event| event.path == path && event.action == FileAction::Created)
            });
        }
        stage.stop();
    });
}

/// Makes folders below the shell's one until their path is longer than any path may be, and a file in the last.
const DIG: &str = "d=$(printf %0200d 0); (i=0; while [ $i -lt 22 ]; do mkdir $d && cd -P $d; i=$((i+1)); done; printf 1 > file)";

#[test]
fn what_is_too_deep_for_a_path_is_said_and_the_rest_is_watched() {
    on_both(|hearing| {
        for before in [true, false] {
            let mut stage = Stage::new(hearing);
            let mut shell = Shell::new();
            shell.run(&format!("cd '{}'", stage.path("")));
            if before {
                shell.run(DIG);
            }
            stage.start();
            if !before {
                shell.run(DIG);
            }
            let why = stage.wait_for_limit("path_too_long:watch", false);
            assert!(why.starts_with(&stage.path("0000")), "{why}");
            shell.run("printf 1 > file");
            stage.wait_for(FileAction::Created, "file");
            shell.run("rm -r 0*");
            stage.rescan();
            stage.wait_for_limit("path_too_long:watch", true);
            stage.stop();
        }
    });
}

#[test]
fn what_has_no_content_is_never_opened_and_what_has_too_much_is_never_read() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!("cd '{}'", stage.path("")));
        let socket = std::os::unix::net::UnixListener::bind(stage.path("socket")).expect("bound");
        shell.run("mkfifo old-pipe; truncate -s 100G old-hole; ln -s . again; ln -s self self");
        stage.start();
        let begun = Instant::now();
        shell.run("mkfifo pipe; truncate -s 100G hole; ln -s .. above");
        let digest = |name: &str| {
            let event = stage.wait_for(FileAction::Created, name);
            event.meta.expect("it is there").digest
        };
        assert_eq!(digest("pipe"), Digest::Absent("not_a_file".to_owned()));
        assert_eq!(digest("hole"), Digest::Absent("too_large".to_owned()));
        assert_eq!(digest("above"), Digest::Absent("not_a_file".to_owned()));
        if vong_os::host::is_privileged() {
            shell.run("mknod null c 1 3; printf 1 > null");
            assert_eq!(digest("null"), Digest::Absent("not_a_file".to_owned()));
        }
        // Somebody writes into the pipe, and nobody else reads it.
        shell.run("(printf 1 > pipe) & cat pipe > read; wait");
        stage.wait_for(FileAction::Created, "read");
        assert!(begun.elapsed() < Duration::from_secs(30));
        drop(socket);
        stage.stop();
    });
}

#[test]
fn a_file_that_never_holds_still_has_its_last_content_in_the_end() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!("cd '{}'", stage.path("")));
        stage.start();
        // One descriptor stays open all the while, and others are closed again and again.
        shell.run(
            "exec 8> busy; i=0; while [ $i -lt 3000 ]; do echo $i >&8; [ $((i % 100)) = 0 ] && : >> busy; i=$((i+1)); done",
        );
        shell.run("exec 8>&-");
        let content = std::fs::read(stage.path("busy")).expect("it is there");
        let expected: [u8; 32] =
            sha2::Digest::finalize(sha2::Digest::chain_update(sha2::Sha256::default(), content)).into();
        let path = stage.path("busy").into_bytes();
        stage.wait("the last content", |events| {
            let last = files_of(events).into_iter().rfind(|event| event.path == path)?;
            (last.meta?.digest == Digest::Sha256(expected)).then_some(())
        });
        stage.stop();
    });
}

#[test]
fn another_name_of_a_file_is_a_new_name_and_its_content_is_found_by_comparing() {
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!("cd '{}'; mkdir in out; printf 1 > in/a", stage.path("")));
        stage.policy.files.watches[0].path = stage.path("in");
        stage.start();
        shell.run("ln in/a in/b; ln in/a out/c");
        let linked = stage.wait_for(FileAction::Created, "in/b");
        shell.run("printf 2 > out/c; printf 1 > in/last");
        stage.wait_for(FileAction::Created, "in/last");
        stage.rescan();
        for name in ["in/a", "in/b"] {
            let changed = stage.wait_for(FileAction::Modified, name);
            let digest = changed.meta.expect("it is there").digest;
            assert_ne!(digest, linked.meta.clone().expect("it is there").digest);
        }
        stage.stop();
    });
}

#[test]
fn the_kernel_speaking_below_a_watch_is_passed_over_and_said() {
    if !may_act_as_root() {
        return;
    }
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        let point = stage.path("point");
        shell.run(&format!(
            "cd '{}'; mkdir point; mount -t proc none point",
            stage.path("")
        ));
        stage.start();
        assert_eq!(stage.wait_for_limit("kernel_mount:watch", false), point);
        shell.run("printf 1 > a; ln -s point/self link");
        stage.wait_for(FileAction::Created, "a");
        let link = stage
            .wait_for(FileAction::Created, "link")
            .meta
            .and_then(|meta| meta.link);
        assert_eq!(link.expect("a link").target, LinkTarget::Unknown, "nobody looked");
        shell.run("umount point");
        stage.wait_for_limit("kernel_mount:watch", true);
        shell.run("printf 1 > point/b");
        stage.wait_for(FileAction::Created, "point/b");
        stage.stop();
        assert!(
            !stage
                .files()
                .iter()
                .any(|event| event.path.starts_with(format!("{point}/self").as_bytes()))
        );
    });
}

/// A file system whose program has opened it and never answers: whoever asks for a file there waits for ever.
#[test]
fn a_mount_that_never_answers_stops_nobody() {
    if !may_act_as_root() {
        return;
    }
    on_both(|hearing| {
        let hang = "exec 9<>/dev/fuse && mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0 none";
        for (at_start, path) in [(true, "below"), (false, "below"), (true, "root"), (false, "root")] {
            let mut stage = Stage::new(hearing);
            let mut shell = Shell::new();
            let mut mounter = Shell::new();
            shell.run(&format!(
                "cd '{}'; mkdir -p root/point out; ln -s ../root/point/x out/link",
                stage.path("")
            ));
            // Either below the watch, or at its root, with another watch beside it.
            stage.policy.files.watches[0].path = stage.path("root");
            let mut other = stage.policy.files.watches[0].clone();
            (other.name, other.path) = ("other".to_owned(), stage.path("out"));
            stage.policy.files.watches.push(other);
            let point = stage.path(if path == "root" { "root" } else { "root/point" });
            if at_start && path == "below" {
                mounter.run(&format!("{hang} '{point}'"));
                stage.start();
            } else {
                stage.start();
                mounter.run(&format!("{hang} '{point}'"));
            }
            assert_eq!(stage.wait_for_limit("network_mount:watch", false), point);
            stage.rescan();
            shell.run("printf 1 > out/a");
            stage.wait_for(FileAction::Created, "out/a");
            if path == "below" {
                shell.run("printf 1 > root/b");
                stage.wait_for(FileAction::Created, "root/b");
            }
            shell.run(&format!("umount -l '{point}'"));
            stage.wait_for_limit("network_mount:watch", true);
            stage.stop();
            assert!(
                !stage
                    .files()
                    .iter()
                    .any(|event| event.action == FileAction::Deleted),
                "nothing is gone: {:#?}",
                stage.files()
            );
        }
    });
}

#[test]
fn a_folder_mounted_in_two_places_is_heard_in_both_or_found() {
    if !may_act_as_root() {
        return;
    }
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!("cd '{}'; mkdir a b; mount --bind a b", stage.path("")));
        stage.start();
        shell.run("printf 1 > a/through-a; printf 1 > b/through-b");
        stage.wait("both files", |events| {
            let seen = |name: &str| {
                files_of(events)
                    .iter()
                    .any(|event| event.path.ends_with(name.as_bytes()))
            };
            (seen("/through-a") && seen("/through-b")).then_some(())
        });
        stage.rescan();
        for name in ["a/through-a", "a/through-b", "b/through-a", "b/through-b"] {
            stage.wait_for(FileAction::Created, name);
        }
        shell.run("umount b");
        stage.wait_for_limit("unmounted:watch", false);
        stage.stop();
    });
}
