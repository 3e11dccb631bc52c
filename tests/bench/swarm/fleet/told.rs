//! What a PC tells on a day, as events.

use vong_agent::clock;
use vong_proto::event::{
    Adapter, AntivirusProduct, AntivirusState, Body, Definitions, Detection, Event, Header, Lane, Neighbour,
    Neighbours, NetworkState, StreamId,
};
use vong_proto::wire;

use super::household::Pc;
use super::malware;
use super::products::{Product, Said};
use crate::spool::Content;

const ADAPTER: &str = "Ethernet0";

/// The events of a day, in their lanes.
pub(super) struct Told {
    began_ms: i64,
    lanes: [Vec<Body>; 4],
}

impl Told {
    pub(super) fn nothing() -> Self {
        Self::of(Default::default())
    }

    pub(super) fn on(day: usize, pc: &Pc) -> Self {
        let mut lanes: [Vec<Body>; 4] = Default::default();
        let states = &mut lanes[Lane::State.index()];
        states.push(Body::Network(network(pc)));
        let said = pc.said.iter().filter(|said| said.day == day);
        states.extend(said.map(|said| Body::Antivirus(antivirus(said))));
        if day + 1 == super::DAYS_AGO.len() && !pc.neighbours.is_empty() {
            states.push(Body::Neighbours(neighbours(pc)));
        }
        lanes[Lane::Urgent.index()] = detections(day, pc);
        Self::of(lanes)
    }

    fn of(lanes: [Vec<Body>; 4]) -> Self {
        Self {
            began_ms: clock::wall_ms(),
            lanes,
        }
    }
}

impl Content for Told {
    fn committed(&self) -> [u64; 4] {
        self.lanes.each_ref().map(|lane| lane.len() as u64)
    }

    fn event(&self, _: StreamId, lane: Lane, place: u64, number: u64) -> Vec<u8> {
        wire::encode_event(&Event {
            header: Header {
                lane,
                seq: number,
                wall_ms: self.began_ms + place.cast_signed(),
                mono_ms: 60_000 + place,
                boot: clock::boot_id(),
            },
            body: self.lanes[lane.index()][place as usize - 1].clone(),
        })
    }
}

fn network(pc: &Pc) -> NetworkState {
    NetworkState {
        adapters: vec![Adapter {
            name: ADAPTER.to_owned(),
            mac: pc.mac.clone(),
            addresses: vec![format!(
                "10.{}.{}.{}/16",
                pc.unit,
                pc.number / 200,
                10 + pc.number % 200
            )],
            up: true,
        }],
        gateways: vec![format!("10.{}.0.1", pc.unit)],
        resolvers: vec![format!("10.{}.0.1", pc.unit)],
    }
}

fn antivirus(said: &Said) -> AntivirusState {
    AntivirusState {
        products: said.products.iter().map(product).collect(),
        expectations: said.expectations,
    }
}

fn product(of: &Product) -> AntivirusProduct {
    AntivirusProduct {
        product: of.product.to_owned(),
        vendor: of.vendor.to_owned(),
        version: of.version.to_owned(),
        health: of.health,
        mode: of.mode,
        engine: of.engine,
        real_time: of.real_time,
        definitions: Definitions {
            built_ms: of.built_ms,
            freshness: of.freshness,
            ..Definitions::default()
        },
        ..AntivirusProduct::default()
    }
}

/// Word for word, so that a later word finds the first one there.
fn detections(day: usize, pc: &Pc) -> Vec<Body> {
    let mut told = Vec::new();
    for found in &pc.detections {
        let words = found.words.iter().filter(|word| word.day == day);
        told.extend(words.map(|word| Body::Detection(detection(found, word))));
    }
    told
}

fn detection(found: &malware::Detection, word: &malware::Word) -> Detection {
    Detection {
        key: found.key.clone(),
        product: "Microsoft Defender".to_owned(),
        vendor: "Microsoft".to_owned(),
        threat: found.threat.to_owned(),
        category: found.category.to_owned(),
        path: found.path.clone().into_bytes(),
        user: "lan.nt".to_owned(),
        action: word.action,
        outcome: word.outcome,
        source: "defender".to_owned(),
        found_ms: found.found_ms,
        ..Detection::default()
    }
}

fn neighbours(pc: &Pc) -> Neighbours {
    let seen = pc.neighbours.iter().zip(20_u32..);
    let seen = seen.map(|(mac, last)| Neighbour {
        mac: mac.clone(),
        address: format!("10.{}.200.{last}", pc.unit),
        adapter: ADAPTER.to_owned(),
    });
    Neighbours {
        neighbours: seen.collect(),
    }
}
