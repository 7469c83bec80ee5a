//! The simplex method of Nelder and Mead: a minimum of a function of many variables, without its derivatives.

const MOST_STEPS: usize = 1000;
const CONTRACTION: f64 = 0.5;
const EXPANSION: f64 = 2.0;

/// A simplex: one corner more than there are variables, and the function's value at each.
struct Simplex {
    corners: Vec<Vec<f64>>,
    values: Vec<f64>,
}

/// The three corners that a step looks at.
struct Ranks {
    best: usize,
    worst: usize,
    second_worst: usize,
}

/// A minimum near `start`, found when the values at the corners differ by less than `epsilon`. The function may change
/// the point it is asked about: it then stands for the changed one.
pub(super) fn minimize(mut function: impl FnMut(&mut [f64]) -> f64, start: &[f64], epsilon: f64) -> (f64, Vec<f64>) {
    let mut simplex = Simplex::around(start, &mut function);
    for _ in 0..MOST_STEPS {
        simplex.step(&mut function);
        if simplex.spread() < epsilon {
            break;
        }
    }
    let mut best = simplex.corners.swap_remove(simplex.ranks().best);
    let parameters = best.clone();
    (function(&mut best), parameters)
}

impl Simplex {
    /// A regular simplex with `start` as its first corner and edges of length 1.
    fn around(start: &[f64], function: &mut impl FnMut(&mut [f64]) -> f64) -> Simplex {
        let n = start.len() as f64;
        let near = ((n + 1.0).sqrt() - 1.0) / (n * std::f64::consts::SQRT_2);
        let far = ((n + 1.0).sqrt() - 1.0 + n) / (n * std::f64::consts::SQRT_2);
        let mut corners = vec![start.to_vec()];
        for i in 0..start.len() {
            corners.push(start.iter().enumerate().map(|(j, x)| if i == j { far + x } else { near + x }).collect());
        }
        let values = corners.iter_mut().map(|corner| function(corner)).collect();
        Simplex { corners, values }
    }

    fn ranks(&self) -> Ranks {
        let values = &self.values;
        let (mut best, mut worst) = (0, 0);
        for (i, &value) in values.iter().enumerate() {
            if value > values[worst] {
                worst = i;
            }
            if value < values[best] {
                best = i;
            }
        }
        let mut second_worst = best;
        for (i, &value) in values.iter().enumerate() {
            if value > values[second_worst] && value < values[worst] {
                second_worst = i;
            }
        }
        Ranks { best, worst, second_worst }
    }

    /// The middle of all corners but the worst.
    fn centroid(&self, worst: usize) -> Vec<f64> {
        let n = self.corners.len() - 1;
        (0..n)
            .map(|i| {
                let others = self.corners.iter().enumerate().filter(|&(corner, _)| corner != worst);
                others.fold(0.0, |sum, (_, corner)| sum + corner[i]) / n as f64
            })
            .collect()
    }

    fn replace(&mut self, corner: usize, point: Vec<f64>, value: f64) {
        self.corners[corner] = point;
        self.values[corner] = value;
    }

    /// Move the worst corner to a better place, or shrink the simplex.
    fn step(&mut self, function: &mut impl FnMut(&mut [f64]) -> f64) {
        let Ranks { best, worst, second_worst } = self.ranks();
        let middle = self.centroid(worst);
        let mut reflected = combine(&middle, &self.corners[worst], |m, w| m + (m - w));
        let reflected_value = function(&mut reflected);
        if reflected_value < self.values[best] {
            let mut expanded = combine(&middle, &reflected, |m, r| m + EXPANSION * (r - m));
            let expanded_value = function(&mut expanded);
            if expanded_value < reflected_value {
                self.replace(worst, expanded, expanded_value);
            } else {
                self.replace(worst, reflected.clone(), reflected_value);
            }
        } else if reflected_value < self.values[second_worst] {
            self.replace(worst, reflected.clone(), reflected_value);
        }
        // The value of the second worst may be that of the corner just replaced.
        if reflected_value >= self.values[second_worst] {
            let mut contracted = if reflected_value < self.values[worst] {
                combine(&middle, &reflected, |m, r| m + CONTRACTION * (r - m))
            } else {
                combine(&middle, &self.corners[worst], |m, w| m - CONTRACTION * (m - w))
            };
            let value = function(&mut contracted);
            if value < self.values[worst] {
                self.replace(worst, contracted, value);
            } else {
                self.shrink(best);
                self.values[worst] = function(&mut self.corners[worst]);
                self.values[second_worst] = function(&mut self.corners[second_worst]);
            }
        }
    }

    /// Halve the distance of all corners from the best one.
    fn shrink(&mut self, best: usize) {
        let to = self.corners[best].clone();
        for (_, corner) in self.corners.iter_mut().enumerate().filter(|&(corner, _)| corner != best) {
            for (x, to) in corner.iter_mut().zip(&to) {
                *x = to + (*x - to) / 2.0;
            }
        }
    }

    /// How much the values at the corners differ: their standard deviation.
    fn spread(&self) -> f64 {
        let mean = self.values.iter().fold(0.0, |sum, value| sum + value) / self.values.len() as f64;
        let n = (self.values.len() - 1) as f64;
        self.values.iter().fold(0.0, |sum, value| sum + (value - mean) * (value - mean) / n).sqrt()
    }
}

fn combine(a: &[f64], b: &[f64], with: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    a.iter().zip(b).map(|(&a, &b)| with(a, b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_valley_of_rosenbrock() {
        let banana = |x: &mut [f64]| (1.0 - x[0]).powi(2) + 100.0 * (x[1] - x[0] * x[0]).powi(2);
        let (value, at) = minimize(banana, &[-1.2, 1.0], 1e-6);
        assert!(value < 1e-6, "{value}");
        assert!((at[0] - 1.0).abs() < 0.01 && (at[1] - 1.0).abs() < 0.01, "{at:?}");
    }

    #[test]
    fn ends_where_nothing_is_a_number() {
        let (value, at) = minimize(|_| f64::NAN, &[1.0, 2.0], 1e-6);
        assert!(value.is_nan());
        assert_eq!(at.len(), 2);
    }
}
