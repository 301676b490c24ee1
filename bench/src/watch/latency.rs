//! How long simulated requests take, in the buckets of the door's histograms.

use ops_core::signal::LATENCY_BUCKETS;

use super::chance::Chance;

/// Buckets of a histogram, all of them.
pub(super) type Cells = [f64; LATENCY_BUCKETS];

/// A log-normal part of a distribution, on the scale of bucket numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Part {
    share: f64,
    centre: f64,
    width: f64,
}

impl Part {
    fn new(share: f64, median_ms: f64, sigma: f64) -> Self {
        Self {
            share,
            centre: buckets(median_ms * 1_000.0),
            width: 8.0 * sigma / std::f64::consts::LN_2,
        }
    }
}

/// How many buckets lie below a latency in microseconds, or how many a factor is worth.
pub(super) fn buckets(factor: f64) -> f64 {
    8.0 * factor.log2()
}

/// A mixture of log-normal distributions.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shape(Vec<Part>);

impl Shape {
    /// Median 100 ms, sigma 0.6.
    pub(super) fn usual() -> Self {
        Self(vec![Part::new(1.0, 100.0, 0.6)])
    }

    /// The usual one, with this share of requests that take `times` as long.
    pub(super) fn with_tail(share: f64, times: f64) -> Self {
        Self(vec![Part::new(1.0 - share, 100.0, 0.6), Part::new(share, 100.0 * times, 0.6)])
    }

    /// A quick way and a slow one, such as a cache that was hit or missed.
    pub(super) fn bimodal(slow: f64) -> Self {
        Self(vec![Part::new(1.0 - slow, 40.0, 0.4), Part::new(slow, 250.0, 0.35)])
    }

    /// The bucket of one request; `shift` buckets slower than the shape says.
    pub(super) fn draw(&self, chance: &mut Chance, shift: f64) -> usize {
        let part = match self.0.as_slice() {
            [only] => only,
            parts => {
                let mut left = chance.share();
                let chosen = parts.iter().find(|part| {
                    left -= part.share;
                    left < 0.0
                });
                match chosen.or(parts.last()) {
                    Some(part) => part,
                    None => return 0,
                }
            }
        };
        let at = part.centre + shift + part.width * chance.normal();
        at.floor().clamp(0.0, (LATENCY_BUCKETS - 1) as f64) as usize
    }

    /// Share of requests below a point on the scale of buckets.
    fn below(&self, at: f64, shift: f64) -> f64 {
        let part = |part: &Part| {
            let z = (at - part.centre - shift) / part.width;
            part.share * 0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
        };
        self.0.iter().map(part).sum()
    }

    /// The probability of each bucket.
    pub(super) fn cells(&self, shift: f64) -> Cells {
        let mut cells = [0.0; LATENCY_BUCKETS];
        let mut last = 0.0;
        for (bucket, cell) in cells.iter_mut().enumerate() {
            let next = if bucket + 1 < LATENCY_BUCKETS {
                self.below((bucket + 1) as f64, shift)
            } else {
                1.0
            };
            *cell = (next - last).max(0.0);
            last = next;
        }
        cells
    }

    /// The first bucket at whose lower edge at least this share of requests is quicker.
    pub(super) fn quantile(&self, share: f64) -> u16 {
        let quick = |bucket: &u16| self.below(f64::from(*bucket), 0.0) >= share;
        (0..LATENCY_BUCKETS as u16).find(quick).unwrap_or(LATENCY_BUCKETS as u16)
    }
}

#[cfg(test)]
mod tests {
    use ops_core::signal::{latency_bucket, latency_edge_micros};

    use super::*;

    #[test]
    fn draws_fall_as_the_cells_say() {
        for (shape, shift) in [
            (Shape::usual(), 0.0),
            (Shape::usual(), buckets(1.5)),
            (Shape::with_tail(0.02, 5.0), 0.0),
            (Shape::bimodal(0.35), 0.0),
        ] {
            let cells = shape.cells(shift);
            assert!((cells.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            let mut chance = Chance::of("draws");
            let mut seen = [0.0; LATENCY_BUCKETS];
            for _ in 0..100_000 {
                seen[shape.draw(&mut chance, shift)] += 1e-5;
            }
            let far: f64 = cells.iter().zip(seen).map(|(cell, seen)| (cell - seen).abs()).sum();
            assert!(far < 0.03, "{far}");
        }
    }

    #[test]
    fn buckets_are_those_of_the_door() {
        let mut median = 0.0;
        let cells = Shape::usual().cells(0.0);
        let middle = cells.iter().position(|cell| {
            median += cell;
            median >= 0.5
        });
        assert_eq!(middle, Some(usize::from(latency_bucket(100_000))));
        // 500 ms is 2.68 sigma above the median.
        let above: f64 = cells[usize::from(latency_bucket(500_000)) + 1..].iter().sum();
        assert!((0.002..0.0037).contains(&above), "{above}");
        let p95 = latency_edge_micros(Shape::usual().quantile(0.95)) / 1e3;
        assert!((268.0..293.0).contains(&p95), "{p95}");
    }

    #[test]
    fn one_bucket_is_a_factor_of_nine_percent() {
        let slower = Shape::usual().cells(buckets(2f64.powf(0.125)));
        let usual = Shape::usual().cells(0.0);
        let same = usual.iter().zip(&slower[1..]).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(same, "one bucket up, the same shape");
    }
}
