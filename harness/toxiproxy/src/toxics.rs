//! The toxics: one file each, one line each in the registry below.

mod answer;
mod bandwidth;
mod corrupt;
mod cut;
mod installed;
mod latency;
mod limit_data;
mod noop;
mod refuse;
mod reset_peer;
mod slicer;
mod slow_accept;
mod slow_close;
mod timeout;
mod toxic;

use std::sync::Arc;

pub(crate) use answer::AnswerDropper;
pub use cut::{Counted, Cut, CutAction};
pub(crate) use installed::Installed;
pub(crate) use toxic::{Admission, AnyToxic, Memory, Moment, Step, after};

use crate::Error;

macro_rules! registry {
    (toxiproxy: $($toxic:ty),+; extensions: $($extension:ty),+;) => {
        /// The toxic types that Toxiproxy has.
        pub const TYPES: &[&str] = &[$(<$toxic as toxic::Toxic>::TYPE),+];

        /// The toxic types that Toxiproxy has not.
        pub const EXTENSIONS: &[&str] = &[$(<$extension as toxic::Toxic>::TYPE),+];

        fn with_defaults(kind: &str) -> Option<Arc<dyn AnyToxic>> {
            $(if kind == <$toxic as toxic::Toxic>::TYPE {
                return Some(Arc::new(<$toxic>::default()));
            })+
            $(if kind == <$extension as toxic::Toxic>::TYPE {
                return Some(Arc::new(<$extension>::default()));
            })+
            None
        }
    };
}

registry! {
    toxiproxy:
    bandwidth::Bandwidth,
    latency::Latency,
    limit_data::LimitData,
    noop::Noop,
    reset_peer::ResetPeer,
    slicer::Slicer,
    slow_close::SlowClose,
    timeout::Timeout;

    extensions:
    corrupt::Corrupt,
    cut::Cutter,
    refuse::Refuse,
    slow_accept::SlowAccept;
}

/// A toxic of the type named, every attribute 0.
///
/// # Errors
/// [`Error::InvalidToxicType`] when there is no such type.
pub(crate) fn by_type(kind: &str) -> Result<Arc<dyn AnyToxic>, Error> {
    with_defaults(kind).ok_or(Error::InvalidToxicType)
}
