//! What a person may see: everything, or the hosts of some units.
//!
//! Every query function takes a [`Scope`], so that forgetting it is an error of the compiler.

/// The units whose hosts may be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// These units, subtrees already written out; `None` is everything, an empty list is nothing.
    pub units: Option<Vec<i64>>,
}

impl Scope {
    /// Everything: for the program itself and for administrators.
    pub const ALL: Scope = Scope { units: None };
}
