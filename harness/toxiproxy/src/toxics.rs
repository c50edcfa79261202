//! The toxics: one file each, one line each in the registry below.

mod bandwidth;
mod installed;
mod latency;
mod limit_data;
mod noop;
mod reset_peer;
mod slicer;
mod slow_close;
mod timeout;
mod toxic;

use std::sync::Arc;

pub(crate) use installed::Installed;
pub(crate) use toxic::{AnyToxic, Memory, Moment, Step};

use crate::Error;

macro_rules! registry {
    ($($toxic:ty),+ $(,)?) => {
        /// The toxic types there are.
        pub const TYPES: &[&str] = &[$(<$toxic as toxic::Toxic>::TYPE),+];

        fn with_defaults(kind: &str) -> Option<Arc<dyn AnyToxic>> {
            $(if kind == <$toxic as toxic::Toxic>::TYPE {
                return Some(Arc::new(<$toxic>::default()));
            })+
            None
        }
    };
}

registry![
    bandwidth::Bandwidth,
    latency::Latency,
    limit_data::LimitData,
    noop::Noop,
    reset_peer::ResetPeer,
    slicer::Slicer,
    slow_close::SlowClose,
    timeout::Timeout,
];

/// A toxic of the type named, every attribute 0.
///
/// # Errors
/// [`Error::InvalidToxicType`] when there is no such type.
pub(crate) fn by_type(kind: &str) -> Result<Arc<dyn AnyToxic>, Error> {
    with_defaults(kind).ok_or(Error::InvalidToxicType)
}
