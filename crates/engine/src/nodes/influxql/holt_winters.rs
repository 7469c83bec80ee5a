//! The damped forecast of Holt and Winters, its parameters fitted to the data.

use model::Time;

use super::nelder_mead::minimize;

/// What is to be forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Forecast {
    /// How many points.
    pub ahead: usize,
    /// How many points a season has; below 2 there are none.
    pub season: usize,
    /// Nanoseconds from one point to the next.
    pub interval: i64,
    /// Whether the points that the fit gives for the data are wanted, too.
    pub with_fit: bool,
}

/// The longest series that is fitted; a fit goes over it some ten thousand times.
const LONGEST: i64 = 100_000;
/// The level and trend to start from, without seasons.
const WEIGHT: f64 = 0.5;
const EPSILON: f64 = 1.0e-4;
/// Where alpha, beta, gamma and phi start: each combination of these is tried.
const STARTS: [f64; 2] = [0.3, 0.3 + 0.4];
/// alpha, beta, gamma, phi, level, trend; the seasons follow.
const PARAMETERS: usize = 6;

impl Forecast {
    /// The forecast of these points, which are in order; none if there are too few or too many.
    pub(super) fn of(self, points: &[(Time, f64)]) -> Vec<(Time, f64)> {
        let Some(fitted) = self.fit(points) else { return Vec::new() };
        let (skipped, start) = match self.with_fit {
            true => (0, points[0].0),
            false => (fitted.len() - self.ahead, points[points.len() - 1].0.saturating_add(self.interval)),
        };
        fitted[skipped..]
            .iter()
            .enumerate()
            .filter(|(_, value)| !value.is_nan())
            .map(|(i, &value)| (start.saturating_add(self.interval.saturating_mul(i as i64)), value))
            .collect()
    }

    /// The values of the series as the best parameters give them, and those ahead.
    fn fit(self, points: &[(Time, f64)]) -> Option<Vec<f64>> {
        let seasonal = self.season >= 2;
        if points.len() < 2 || self.ahead == 0 || self.interval <= 0 {
            return None;
        }
        let series = Series { values: self.regular(points)?, season: if seasonal { self.season } else { 0 } };
        if series.values.len() < series.season.max(2) {
            return None;
        }
        let mut parameters = series.guess();
        let mut best: Option<(f64, Vec<f64>)> = None;
        for alpha in STARTS {
            for beta in STARTS {
                for gamma in STARTS {
                    for phi in STARTS {
                        parameters[..4].copy_from_slice(&[alpha, beta, gamma, phi]);
                        let found = minimize(|parameters| series.error(parameters), &parameters, EPSILON);
                        if best.as_ref().is_none_or(|best| found.0 < best.0) {
                            best = Some(found);
                        }
                    }
                }
            }
        }
        let (_, mut parameters) = best?;
        Some(series.forecast(self.ahead, &mut parameters))
    }

    /// The values at each interval, not a number where there is none; the first one of several counts.
    fn regular(self, points: &[(Time, f64)]) -> Option<Vec<f64>> {
        let first = self.number(points[0].0);
        let last = self.number(points[points.len() - 1].0);
        if last <= first || last - first > LONGEST {
            return None;
        }
        let mut values = vec![points[0].1];
        for &(time, value) in &points[1..] {
            let at = self.number(time) - first;
            if at < values.len() as i64 {
                continue;
            }
            if at > LONGEST {
                return None;
            }
            values.resize(at as usize, f64::NAN);
            values.push(value);
        }
        Some(values)
    }

    /// Which interval is nearest to a time.
    fn number(self, time: Time) -> i64 {
        let rest = time % self.interval;
        time / self.interval + i64::from(rest > self.interval / 2)
    }
}

struct Series {
    values: Vec<f64>,
    /// 0 for none.
    season: usize,
}

impl Series {
    /// Parameters to start from; the first four are filled in by the caller.
    fn guess(&self) -> Vec<f64> {
        let (y, m) = (&self.values, self.season);
        let present = |i: usize| y.get(i).copied().filter(|value| !value.is_nan());
        let mut parameters = vec![0.0; PARAMETERS + m];
        if m == 0 {
            parameters[4] = WEIGHT * y[0];
            parameters[5] = present(1).map_or(0.0, |second| WEIGHT * (second - y[0]));
            return parameters;
        }
        let level = (0..m).filter_map(present).fold(0.0, |level, value| level + 1.0 / m as f64 * value);
        let trend = (0..m)
            .filter_map(|i| Some((present(i)?, present(m + i)?)))
            .fold(0.0, |trend, (now, then)| trend + 1.0 / (m * m) as f64 * (then - now));
        parameters[4] = level;
        parameters[5] = trend;
        for i in 0..m {
            parameters[PARAMETERS + i] = present(i).map_or(0.0, |value| value / level);
        }
        parameters
    }

    /// The sum of squared errors. The parameters are forced into their range, the seasons carried on.
    fn error(&self, parameters: &mut [f64]) -> f64 {
        let forecast = self.forecast(0, parameters);
        let mut sum = 0.0;
        for (forecast, value) in forecast.iter().zip(&self.values) {
            if value.is_nan() {
                continue;
            }
            if forecast.is_nan() {
                return f64::INFINITY;
            }
            let difference = forecast - value;
            sum += difference * difference;
        }
        sum
    }

    /// The values that the parameters give for the series and `ahead` more.
    fn forecast(&self, ahead: usize, parameters: &mut [f64]) -> Vec<f64> {
        for parameter in &mut parameters[..4] {
            *parameter = parameter.clamp(0.0, 1.0);
        }
        let (head, seasons) = parameters.split_at_mut(PARAMETERS);
        let [alpha, beta, gamma, phi, mut level, mut trend] = *head else { return Vec::new() };
        let m = seasons.len();
        let mut y = self.values[0];
        let mut damping = phi;
        let count = self.values.len() + ahead;
        let mut out = Vec::with_capacity(count);
        out.push(y);
        // The seasons are a ring; its place moves by one more than the time does.
        let mut offset = m.saturating_sub(1);
        for t in 1..count {
            let (before, here) = match m {
                0 => (1.0, 1.0),
                _ => (seasons[(t + offset - m) % m], seasons[(t + offset - m + t % m) % m]),
            };
            let expected = level + phi * trend;
            let next_level = alpha * (y / before) + (1.0 - alpha) * expected;
            let next_trend = beta * (next_level - level) + (1.0 - beta) * phi * trend;
            let next_season = gamma * (y / expected) + (1.0 - gamma) * before;
            y = (next_level + damping * next_trend) * here;
            (level, trend) = (next_level, next_trend);
            damping += power(phi, t as u64);
            if m > 0 {
                seasons[(t + offset) % m] = next_season;
                offset += 1;
            }
            out.push(y);
        }
        out
    }
}

/// By repeated squaring, so that the digits are the same on every machine.
fn power(x: f64, mut n: u64) -> f64 {
    let (mut result, mut square) = (1.0, x);
    while n != 0 {
        if n & 1 == 1 {
            result *= square;
        }
        square *= square;
        n >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn points(values: &[f64]) -> Vec<(Time, f64)> {
        values.iter().enumerate().map(|(i, &value)| (i as i64 * SECOND, value)).collect()
    }

    #[test]
    fn without_seasons() {
        let forecast = Forecast { ahead: 2, season: 0, interval: SECOND, with_fit: false };
        let found = forecast.of(&points(&[3.0, 1.0, 3.0, 7.0, 2.0]));
        assert_eq!(found.iter().map(|point| point.0 / SECOND).collect::<Vec<_>>(), [5, 6]);
        assert!((found[0].1 - 3.928437030931577).abs() < 1e-9, "{found:?}");
        assert!((found[1].1 - 3.854045122805627).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn too_few_too_far_too_many() {
        let forecast = Forecast { ahead: 2, season: 4, interval: SECOND, with_fit: true };
        assert!(forecast.of(&[]).is_empty());
        assert!(forecast.of(&points(&[1.0])).is_empty());
        assert!(forecast.of(&points(&[1.0, 2.0, 3.0])).is_empty());
        assert!(forecast.of(&[(0, 1.0), (i64::MAX, 2.0)]).is_empty());
        assert!(forecast.of(&[(0, 1.0), (5, 1.0), (6, 1.0), (7, 1.0)]).is_empty());
        assert_eq!(forecast.of(&points(&[1.0, 2.0, 3.0, 4.0, 1.0, 2.0])).len(), 8);
    }
}
