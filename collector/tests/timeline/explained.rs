//! Changes that a cause explains: one entry for each run of one cause, and where a content was seen.

use vong_collector::entry::HostId;
use vong_collector::scope::Scope;
use vong_collector::store::{Run, Timeline};
use vong_proto::event::{Aspect, Body, Cause, Digest, FileAction, FileEvent, FileMeta, Lane, Origin, Who};

use crate::{NOW_MS, World, paths};

/// A change that a package explains, or that nothing does.
fn changed(path: &str, package: Option<&str>) -> Body {
    Body::File(FileEvent {
        meta: Some(FileMeta::plain(1, 2, 0o644, "0", Digest::Sha256([7; 32]))),
        watch: "programs".to_owned(),
        changed: vec![Aspect::Mode, Aspect::Content],
        count: 3,
        first_ms: Some(NOW_MS),
        cause: package.map(|name| Cause::Package {
            manager: "dpkg".to_owned(),
            name: name.to_owned(),
            version: "1".to_owned(),
        }),
        ..FileEvent::new(
            FileAction::Modified,
            path.as_bytes().to_vec(),
            Origin::RealTime,
            Who::Exited { pid: 7 },
        )
    })
}

#[tokio::test]
async fn what_one_cause_explains_is_one_entry_and_pages_neither_split_nor_lose_it() {
    let mut world = World::new().await;
    world.start_writer();
    // Wall clocks go by sequence numbers: a jump of a thousand seconds between the two runs of one package.
    let programs = |from: u32, to: u32, package| {
        (from..to).map(move |i| changed(&format!("/usr/bin/{i}"), Some(package)))
    };
    world
        .append(1, Lane::Events, programs(0, 40, "openssl").collect())
        .await;
    world
        .append(1, Lane::Events, vec![changed("/etc/hosts", None)])
        .await;
    world
        .append(1, Lane::Events, programs(40, 45, "bash").collect())
        .await;
    world
        .append(2, Lane::Events, programs(0, 9, "openssl").collect())
        .await;
    world.next_seq[Lane::Events.index()] += 1_000_000;
    world
        .append(1, Lane::Events, programs(50, 52, "openssl").collect())
        .await;
    world.wait_until_all_is_visible().await;

    let asked = Timeline {
        host: Some(HostId(1)),
        kind: Some("file".to_owned()),
        ..Timeline::default()
    };
    let mut all: Vec<Run> = Vec::new();
    let mut after = None;
    loop {
        let page = Timeline {
            after,
            ..asked.clone()
        };
        let runs = world.store.explained_runs(&Scope::ALL, &page, 1).await.unwrap();
        let Some(run) = runs.into_iter().next() else { break };
        after = Some(run.last());
        all.push(run);
    }
    let shown: Vec<(&str, u64)> = all
        .iter()
        .map(|run| (run.cause_name.as_str(), run.changes))
        .collect();
    assert_eq!(shown, [("openssl", 2), ("bash", 5), ("openssl", 40)]);
    assert_eq!(
        (all[2].paths.len(), all[2].watches.as_slice()),
        (3, &["programs".to_owned()][..])
    );
    assert!(all[2].first_ms < all[2].last_ms);

    let unexplained = Timeline {
        unexplained: true,
        ..asked.clone()
    };
    let rows = world.store.timeline(&Scope::ALL, &unexplained, 10).await.unwrap();
    assert_eq!(paths(&rows), ["/etc/hosts"]);
    assert_eq!(
        (
            rows[0].file_changed.as_str(),
            rows[0].file_count,
            rows[0].file_first
        ),
        ("content,mode", 3, NOW_MS)
    );
    let of_bash = Timeline {
        cause_name: Some("bash".to_owned()),
        ..asked
    };
    assert_eq!(
        world
            .store
            .timeline(&Scope::ALL, &of_bash, 10)
            .await
            .unwrap()
            .len(),
        5
    );

    let seen = world.store.sightings(&Scope::ALL, &[7; 32], 200).await.unwrap();
    assert_eq!(seen.len(), 48 + 9);
    let scope = Scope { units: Some(vec![5]) };
    assert!(
        world
            .store
            .sightings(&scope, &[7; 32], 200)
            .await
            .unwrap()
            .is_empty()
    );
    world.stop_writer().await;
}
