//! Stories of what is mounted and unmounted below a watch; they need root.

use vong_proto::event::{FileAction, Origin};

use super::super::*;
use super::stage::{Shell, Stage, may_act_as_root, on_both};

#[test]
fn what_is_mounted_below_a_watch_is_heard_from_then_on() {
    if !may_act_as_root() {
        return;
    }
    on_both(|hearing| {
        let mut stage = Stage::new(hearing);
        let mut shell = Shell::new();
        shell.run(&format!(
            "cd '{}'; mkdir point; printf 1 > point/below",
            stage.path("")
        ));
        stage.start();

        shell.run("mount -t tmpfs none point; printf 2 > point/above");
        let blind = stage.wait_for_blind("remounted");
        assert_eq!(blind.scope, stage.path("point").into_bytes());
        stage.wait_for(FileAction::Created, "point/above");
        stage.wait_for(FileAction::Deleted, "point/below");
        shell.run("printf 3 > point/later");
        let later = stage.wait_for(FileAction::Created, "point/later");
        assert_eq!(later.origin, Origin::RealTime);
        stage.forget();

        shell.run("umount point && printf 4 > unmounted");
        stage.wait_for(FileAction::Created, "unmounted");
        let blind = stage.wait_for_blind("remounted");
        assert_eq!(blind.scope, stage.path("point").into_bytes());
        stage.wait_for(FileAction::Created, "point/below");
        shell.run("printf 5 >> point/below");
        let below = stage.wait_for(FileAction::Modified, "point/below");
        assert_eq!(below.origin, Origin::RealTime);
        stage.stop();
    });
}

/// A disk that holds `kept` and `lost`, to be mounted at a point below the watch or at the watch itself.
fn pull_out_and_back(hearing: Hearing, point: &str, while_running: bool) {
    let mut stage = Stage::new(hearing);
    let mut shell = Shell::new();
    let disk = stage.memory.path().join("disk").display().to_string();
    let at = stage.path(point);
    let file = |name: &str| format!("{point}/{name}").trim_start_matches('/').to_owned();
    let mount = format!("mount --bind '{disk}' '{at}'");
    shell.run(&format!(
        "mkdir -p '{disk}' '{at}'; printf 1 > '{disk}/kept'; printf 2 > '{disk}/lost'; {mount}"
    ));
    stage.start();

    if !while_running {
        stage.stop();
    }
    shell.run(&format!("umount '{at}'"));
    if !while_running {
        stage.start();
    }
    assert_eq!(stage.wait_for_limit("unmounted:watch", false), at);
    shell.run(&format!("rm '{disk}/lost'"));
    stage.rescan();
    shell.run(&mount);
    stage.wait_for_limit("unmounted:watch", true);

    stage.wait_for(FileAction::Deleted, &file("lost"));
    let kept = stage.path(&file("kept"));
    let events = stage.files();
    assert!(
        !events.iter().any(|event| event.path == kept.as_bytes()),
        "{events:#?}"
    );
    shell.run(&format!("rm '{at}/kept'"));
    stage.wait_for(FileAction::Deleted, &file("kept"));
    stage.stop();
    shell.run(&format!("umount '{at}'"));
}

#[test]
fn a_disk_that_is_pulled_out_has_not_lost_its_files() {
    if !may_act_as_root() {
        return;
    }
    on_both(|hearing| {
        for point in ["point", ""] {
            pull_out_and_back(hearing, point, true);
            pull_out_and_back(hearing, point, false);
        }
    });
}
