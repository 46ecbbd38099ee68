use proptest::prelude::*;
use serde_json::Value;

use super::*;
use fastrand::Rng;

/// Made by `tests/fixtures/reference_statistics.py` with numpy and scipy.
fn reference() -> Value {
    serde_json::from_str(include_str!(
        "../../../tests/fixtures/reference_statistics.json"
    ))
    .expect("JSON")
}

fn sample(value: &Value) -> Sorted {
    let values = value.as_array().expect("a list").iter();
    Sorted::new(values.map(|value| value.as_f64().expect("a number")))
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

#[test]
fn percentiles_mean_and_spread_are_those_of_numpy() {
    let reference = reference();
    let samples = reference["samples"].as_array().expect("samples");
    assert!(samples.len() > 10);
    for case in samples {
        let values = sample(&case["values"]);
        for pair in case["percentiles"].as_array().expect("percentiles") {
            let found = values.percentile(number(&pair[0]));
            assert_eq!(
                found,
                Some(number(&pair[1])),
                "{} {}",
                case["name"],
                pair[0]
            );
        }
        let near = |found: Option<f64>, expected: &Value| match expected.as_f64() {
            None => assert_eq!(found, None, "{}", case["name"]),
            Some(expected) => {
                let found = found.expect("a number");
                assert!(
                    (found - expected).abs() <= 1e-9 * expected.abs(),
                    "{found} {expected}"
                );
            }
        };
        near(values.mean(), &case["mean"]);
        near(values.standard_deviation(), &case["standard_deviation"]);
    }
}

#[test]
fn the_interval_is_that_of_scipy() {
    for case in reference()["pairs"].as_array().expect("pairs") {
        let (first, second) = (sample(&case["first"]), sample(&case["second"]));
        let found = difference(&first, &second, SEED).expect("a difference");
        assert_eq!(found.of_medians, number(&case["difference"]));
        // Both ends are themselves drawn, and fall on the steps between neighbouring values.
        let width = number(&case["high"]) - number(&case["low"]);
        for (end, expected) in [(found.low, &case["low"]), (found.high, &case["high"])] {
            let off = (end - number(expected)).abs() / width;
            assert!(off < 0.08, "{}: {end} {expected}", case["name"]);
        }
        assert_eq!(
            found.is_clear(),
            number(&case["low"]) > 0.0 || number(&case["high"]) < 0.0
        );
    }
}

#[test]
fn the_drawn_median_has_the_distribution_of_a_resampled_one() {
    const DRAWS: usize = 20_000;
    for count in [1, 2, 3, 10, 51] {
        let values = Sorted::new((0..count).map(f64::from));
        let mut random = Rng::with_seed(7);
        let plain = Sorted::new((0..DRAWS).map(|_| {
            let drawn = (0..count).map(|_| values.0[random.usize(..values.0.len())]);
            Sorted::new(drawn).percentile(50.0).expect("a median")
        }));
        let drawn = Sorted::new((0..DRAWS).map(|_| resampled_median(&values, &mut random)));
        // The largest distance of two distributions of this many draws (Kolmogorov and Smirnov).
        let share = |sample: &Sorted, at: f64| {
            sample.0.partition_point(|value| *value <= at) as f64 / DRAWS as f64
        };
        for at in (0..count).map(f64::from) {
            let distance = (share(&plain, at) - share(&drawn, at)).abs();
            assert!(distance < 0.02, "{count} values: {distance} at {at}");
        }
    }
}

#[test]
fn an_interval_is_the_same_every_time() {
    let first = Sorted::new([1.0, 2.0, 3.0, 4.0, 5.0]);
    let second = Sorted::new([2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(
        difference(&first, &second, SEED),
        difference(&first, &second, SEED)
    );
    assert_eq!(difference(&first, &Sorted::default(), SEED), None);
}

#[test]
fn how_many_values_a_percentile_needs() {
    for (percent, needed) in [
        (50.0, 2),
        (75.0, 4),
        (90.0, 10),
        (95.0, 20),
        (99.0, 100),
        (99.9, 1000),
        (100.0, 1),
        (0.0, 1),
    ] {
        assert_eq!(needed_for(percent), needed, "{percent}");
    }
    // With that many, a percentile is below the largest value's rank or is it; with one less it is
    // the largest one for certain.
    assert_eq!(nearest_rank(1000, 99.9), Some(999));
    for percent in [50.0, 90.0, 95.0, 99.0] {
        let needed = needed_for(percent);
        assert_eq!(nearest_rank(needed, percent), Some(needed - 1));
        assert_eq!(nearest_rank(needed - 1, percent), Some(needed - 1));
    }
}

#[test]
fn wide_ranges_have_bins_of_equal_ratio() {
    assert_eq!(edges(1.0, 5.0, 4), [1.0, 2.0, 3.0, 4.0, 5.0]);
    let wide = edges(1.0, 10_000.0, 4);
    for (edge, expected) in wide.iter().zip([1.0, 10.0, 100.0, 1000.0, 10_000.0]) {
        assert!((edge - expected).abs() < 1e-9 * expected, "{wide:?}");
    }
    assert_eq!(edges(3.0, 3.0, 10), [3.0, 3.0]);
    let same = histogram(&Sorted::new([3.0; 5]), &edges(3.0, 3.0, 10));
    assert_eq!(same.iter().map(|bin| bin.count).sum::<usize>(), 5);
}

proptest! {
    /// A percentile is one of the values, and the definition holds for it.
    #[test]
    fn a_percentile_is_the_smallest_value_that_covers_enough(
        values in prop::collection::vec(0_u16..50, 1..200), percent in 1_u32..=100,
    ) {
        let count = values.len();
        let sorted = Sorted::new(values.iter().map(|value| f64::from(*value)));
        let found = sorted.percentile(f64::from(percent)).expect("values");
        let covered = |limit: f64| values.iter().filter(|value| f64::from(**value) <= limit).count();
        prop_assert!(values.iter().any(|value| f64::from(*value) == found));
        prop_assert!(covered(found) * 100 >= percent as usize * count);
        prop_assert!(covered(found - 1.0) * 100 < percent as usize * count);
    }

    #[test]
    fn no_value_is_missing_from_a_histogram(
        values in prop::collection::vec(0.0_f64..1e6, 1..200), bins in 1_usize..30,
    ) {
        let sorted = Sorted::new(values.iter().copied());
        let lowest = sorted.values()[0];
        let highest = sorted.max().expect("values");
        let edges = edges(lowest, highest, bins);
        prop_assert!(edges.windows(2).all(|pair| pair[0] <= pair[1]));
        let found = histogram(&sorted, &edges);
        prop_assert_eq!(found.iter().map(|bin| bin.count).sum::<usize>(), values.len());
    }

    #[test]
    fn an_interval_is_within_what_the_values_allow(
        first in prop::collection::vec(0.0_f64..1e3, 1..50),
        second in prop::collection::vec(0.0_f64..1e3, 1..50),
    ) {
        let (first, second) = (Sorted::new(first), Sorted::new(second));
        let found = difference(&first, &second, SEED).expect("a difference");
        let least = second.values()[0] - first.max().expect("values");
        let most = second.max().expect("values") - first.values()[0];
        prop_assert!(least <= found.low && found.low <= found.high && found.high <= most);
    }
}
