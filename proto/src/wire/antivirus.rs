//! Antivirus state.

use super::{Malformed, pb, word};
use crate::event::{AntivirusProduct, AntivirusState, Definitions, Switch};

impl From<&AntivirusState> for pb::AntivirusState {
    fn from(state: &AntivirusState) -> Self {
        Self {
            products: state.products.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<pb::AntivirusState> for AntivirusState {
    type Error = Malformed;

    fn try_from(wire: pb::AntivirusState) -> Result<Self, Malformed> {
        let products = wire
            .products
            .into_iter()
            .map(TryInto::try_into)
            .collect::<Result<_, _>>()?;
        Ok(Self { products })
    }
}

impl From<&AntivirusProduct> for pb::AntivirusProduct {
    fn from(product: &AntivirusProduct) -> Self {
        let product = product.clone();
        Self {
            product: product.product,
            vendor: product.vendor,
            version: product.version,
            engine: switch_to_wire(product.engine),
            real_time: switch_to_wire(product.real_time),
            updater: switch_to_wire(product.updater),
            definitions_version: product.definitions.version,
            definitions_built_ms: product.definitions.built_ms,
            raw: product.raw,
        }
    }
}

impl TryFrom<pb::AntivirusProduct> for AntivirusProduct {
    type Error = Malformed;

    fn try_from(wire: pb::AntivirusProduct) -> Result<Self, Malformed> {
        Ok(Self {
            product: wire.product,
            vendor: wire.vendor,
            version: wire.version,
            engine: switch_from_wire("antivirus.engine", wire.engine)?,
            real_time: switch_from_wire("antivirus.real_time", wire.real_time)?,
            updater: switch_from_wire("antivirus.updater", wire.updater)?,
            definitions: Definitions {
                version: wire.definitions_version,
                built_ms: wire.definitions_built_ms,
            },
            raw: wire.raw,
        })
    }
}

fn switch_to_wire(switch: Switch) -> i32 {
    let wire = match switch {
        Switch::Unknown => pb::Switch::Unknown,
        Switch::On => pb::Switch::On,
        Switch::Off => pb::Switch::Off,
        Switch::Snoozed => pb::Switch::Snoozed,
        Switch::Expired => pb::Switch::Expired,
    };
    wire.into()
}

fn switch_from_wire(place: &'static str, value: i32) -> Result<Switch, Malformed> {
    Ok(match word(place, value)? {
        pb::Switch::Unknown => Switch::Unknown,
        pb::Switch::On => Switch::On,
        pb::Switch::Off => Switch::Off,
        pb::Switch::Snoozed => Switch::Snoozed,
        pb::Switch::Expired => Switch::Expired,
    })
}
