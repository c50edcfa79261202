//! A power of the size through points: least squares over both logarithms.

/// `value = exp(intercept) · size ^ exponent`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fit {
    pub exponent: f64,
    pub intercept: f64,
    /// The standard error of the exponent.
    pub error: f64,
}

/// Fits points of sizes and values; none if there are fewer than three sizes, which leave no
/// freedom to tell an error by, or a value is not above 0.
pub(super) fn fit(points: &[(u64, f64)]) -> Option<Fit> {
    let sound = points.iter().all(|(size, value)| *size > 0 && *value > 0.0 && value.is_finite());
    if points.len() < 3 || !sound {
        return None;
    }
    let logs: Vec<(f64, f64)> =
        points.iter().map(|(size, value)| ((*size as f64).ln(), value.ln())).collect();
    let count = logs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / count;
    let (across, up) = (mean(|log| log.0), mean(|log| log.1));
    let spread: f64 = logs.iter().map(|log| (log.0 - across).powi(2)).sum();
    let joint: f64 = logs.iter().map(|log| (log.0 - across) * (log.1 - up)).sum();
    let exponent = joint / spread;
    let intercept = up - exponent * across;
    let missed: f64 = logs.iter().map(|log| (log.1 - intercept - exponent * log.0).powi(2)).sum();
    let error = (missed / (count - 2.0) / spread).sqrt();
    exponent.is_finite().then_some(Fit { exponent, intercept, error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_is_found_without_error() {
        let points: Vec<_> =
            [10, 100, 1000].map(|size| (size, 4.0 * (size as f64).sqrt())).to_vec();
        let fitted = fit(&points).unwrap();
        assert!((fitted.exponent - 0.5).abs() < 1e-9 && fitted.error < 1e-9, "{fitted:?}");
        assert!((fitted.intercept.exp() - 4.0).abs() < 1e-9);
    }

    #[test]
    fn noise_shows_in_the_error() {
        let fitted = fit(&[(10, 9.0), (100, 12.0), (1000, 8.0), (10_000, 11.0)]).unwrap();
        assert!(fitted.exponent.abs() < 2.0 * fitted.error, "{fitted:?}");
    }

    #[test]
    fn what_has_no_logarithm_or_no_freedom_is_not_fitted() {
        assert_eq!(fit(&[(10, 1.0), (100, 1.0)]), None);
        assert_eq!(fit(&[(10, 0.0), (100, 1.0), (1000, 1.0)]), None);
        assert_eq!(fit(&[(10, 1.0), (10, 1.0), (10, 1.0)]), None);
    }
}
