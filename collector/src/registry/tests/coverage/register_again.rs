//! What becomes of hosts and exceptions when a register is brought in again.

use super::*;
use crate::registry::host::HostEdit;

/// Brings in a full register of the unit "Xã"; lines are `number,name,place`.
async fn import(registry: &Registry, lines: &[&str]) -> register::Report {
    let lines: Vec<String> = lines.iter().map(|line| format!("{line},Xã\n")).collect();
    let file = format!("Mã tài sản,Tên máy,Nơi đặt,Đơn vị\n{}", lines.concat());
    let options = Options {
        remove_missing: true,
        ..Options::default()
    };
    register::import(registry, file.into(), options, "admin", 5)
        .await
        .unwrap()
}

async fn noted(registry: &Registry, host: HostId) -> (String, String) {
    let host = host::by_id(registry, host).await.unwrap().unwrap();
    (host.asset_number, host.place)
}

pub(super) async fn a_host_follows_its_line_until_somebody_notes_something_else(registry: Registry) {
    let unit = a_unit(&registry, None, "Xã", "").await;
    let host = a_host(&registry, unit, "PC-01").await;
    let is = |number: &str, place: &str| (number.to_owned(), place.to_owned());
    import(&registry, &["TS-1,PC-01,Phòng 1"]).await;
    assert_eq!(noted(&registry, host).await, is("TS-1", "Phòng 1"));
    import(&registry, &["ts - 1,PC-01,Phòng 2"]).await;
    assert_eq!(noted(&registry, host).await, is("ts - 1", "Phòng 2"));
    let typed = HostFilter {
        search: Some("phong 2".to_owned()),
        ..HostFilter::default()
    };
    let found = host_list::list(
        &registry,
        &Scope::ALL,
        &typed,
        HostSort::default(),
        &page(None, 10),
    )
    .await
    .unwrap();
    assert_eq!(found.items.len(), 1, "it is found by it");

    let mut tx = registry.begin().await.unwrap();
    let by_hand = HostEdit {
        place: Some("Kho".to_owned()),
        ..HostEdit::default()
    };
    assert!(host::edit(&mut tx, host, &by_hand).await.unwrap());
    tx.commit().await.unwrap();
    import(&registry, &["TS-1,PC-01,Phòng 3"]).await;
    assert_eq!(noted(&registry, host).await, is("TS-1", "Kho"), "noted by hand");
}

pub(super) async fn a_line_comes_back_with_its_exceptions(registry: Registry) {
    let unit = a_unit(&registry, None, "Xã", "").await;
    let host = a_host(&registry, unit, "PC-01").await;
    let lines = ["TS-1,PC-01,Phòng 1", "TS-2,PC-02,"];
    import(&registry, &lines).await;
    let before = asset::all(&registry).await.unwrap();
    let mut tx = registry.begin().await.unwrap();
    for line in &before {
        let new = an_exception(Subject::Asset(line.id), 1_000);
        exception::insert(&mut tx, &new, 10).await.unwrap();
    }
    tx.commit().await.unwrap();
    let excepted = async || names(&registry, PcList::Excepted, Moment::of(20, 7)).await;
    assert_eq!(excepted().await, ["PC-01", "PC-02"]);

    let report = import(&registry, &["TS-3,PC-03,"]).await;
    assert_eq!(report.plan.removed.len(), 2);
    assert_eq!(excepted().await, [""; 0]);
    let moved = ["ts-1,PC-01,Phòng 2", "TS-2,PC-02,"];
    let report = import(&registry, &moved).await;
    assert_eq!((report.plan.added.len(), report.joined), (2, 1));
    assert_eq!(excepted().await, ["PC-01", "PC-02"]);
    let after = asset::all(&registry).await.unwrap();
    let kept = |lines: &[Asset]| lines.iter().map(|it| (it.id, it.host_id)).collect::<Vec<_>>();
    assert_eq!(kept(&after), kept(&before));
    assert_eq!(
        noted(&registry, host).await,
        ("ts-1".to_owned(), "Phòng 2".to_owned())
    );
    assert_eq!(import(&registry, &moved).await.plan.unchanged, 2);
}
