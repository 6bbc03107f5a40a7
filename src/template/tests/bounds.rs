//! The bound on distinct values.

use std::collections::BTreeSet;

use super::super::{Bounded, OTHER};
use super::{compiled, with};

fn rendered(bounded: &Bounded, category: &str) -> String {
    let mut text = "kept ".to_owned();
    let body = format!(r#"{{"category":"{category}"}}"#);
    with(&body, |record| bounded.render(&record, &mut text));
    text.strip_prefix("kept ").unwrap().to_owned()
}

#[test]
fn the_first_values_stay_and_later_ones_are_other() {
    let bounded = Bounded::new(compiled("{{ category | lower }}"), 2);
    for (category, expected, others) in [
        ("A", "a", 0),
        (OTHER, OTHER, 0),
        ("B", "b", 0),
        ("C", OTHER, 1),
        ("a", "a", 1),
        ("D", OTHER, 2),
        ("C", OTHER, 3),
        (OTHER, OTHER, 3),
        ("b", "b", 3),
    ] {
        assert_eq!(rendered(&bounded, category), expected, "{category}");
        assert_eq!(bounded.others(), others, "{category}");
    }
}

#[test]
fn nothing_is_admitted_by_a_bound_of_nothing() {
    let bounded = Bounded::new(compiled("{{ category }}"), 0);
    assert_eq!(rendered(&bounded, "A"), OTHER);
    assert_eq!(bounded.others(), 1);
}

#[test]
fn it_shows_its_settings_alone() {
    let bounded = Bounded::new(compiled("{{ category }}"), 1);
    let before = format!("{bounded:?}");
    assert_eq!(rendered(&bounded, "payload"), "payload");
    assert_eq!(rendered(&bounded, "more"), OTHER);
    assert_eq!(format!("{bounded:?}"), before);
    let other = Bounded::new(compiled("{{ category }}"), 2);
    assert_ne!(format!("{other:?}"), before);
}

#[test]
fn the_bound_holds_for_threads_together() {
    const THREADS: usize = 4;
    const EACH: usize = 50;
    let bounded = Bounded::new(compiled("{{ category }}"), 7);
    let texts: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let bounded = &bounded;
                let texts = (0..EACH).map(move |n| rendered(bounded, &format!("{thread}-{n}")));
                scope.spawn(move || texts.collect::<Vec<_>>())
            })
            .collect();
        let texts = threads.into_iter().map(|it| it.join().unwrap());
        texts.flatten().collect()
    });
    let distinct: BTreeSet<_> = texts.iter().filter(|it| *it != OTHER).collect();
    assert_eq!(distinct.len(), 7);
    let others = texts.iter().filter(|it| *it == OTHER).count();
    assert_eq!(others, THREADS * EACH - 7);
    assert_eq!(bounded.others(), others as u64);
}
