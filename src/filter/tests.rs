use bytes::Bytes;

use super::*;
use crate::envelope;

fn categories(include: &[&str], exclude: &[&str]) -> CategoriesConfig {
    let owned = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect();
    CategoriesConfig {
        include: owned(include),
        exclude: owned(exclude),
    }
}

fn filter(sinks: &[CategoriesConfig], rest: Option<usize>) -> Filter {
    Filter {
        sinks: sinks.iter().map(Selection::new).collect(),
        rest,
        part: None,
    }
}

#[track_caller]
fn wants(config: &CategoriesConfig, category: &str) -> bool {
    Selection::new(config).is_none_or(|it| it.wants(category))
}

#[test]
fn globs_match_whole_names_in_any_case() {
    let signs = categories(&["*signinlogs", "Audit???s"], &["adfs*"]);
    for wanted in [
        "SignInLogs",
        "NonInteractiveUserSignInLogs",
        "AUDITLOGS",
        "auditlogs",
    ] {
        assert!(wants(&signs, wanted), "{wanted}");
    }
    for other in [
        "ADFSSignInLogs",
        "SignInLogs2",
        "MyAuditLogs",
        "",
        NO_CATEGORY,
    ] {
        assert!(!wants(&signs, other), "{other}");
    }
    assert!(wants(&categories(&["*"], &[]), NO_CATEGORY));
    assert!(wants(&categories(&[NO_CATEGORY], &[]), NO_CATEGORY));
    assert!(!wants(&categories(&[], &[NO_CATEGORY]), NO_CATEGORY));
    assert!(wants(&categories(&[], &["x"]), NO_CATEGORY));
    assert!(wants(&categories(&[], &[]), "x"));
    // Many stars take no longer than few.
    let stars = "a*".repeat(30) + "b";
    assert!(!wants(&categories(&[&stars], &[]), &"a".repeat(10_000)));
}

/// Five records: a, b, one without a category, text, a again.
fn records() -> Records {
    let body =
        br#"{"records":[{"category":"a"},{"category":"b"},{"x":1},"text",{"Category":"A"}]}"#;
    envelope::split(&Bytes::from_static(body), 0)
}

fn places(routes: &Routes) -> Vec<Option<Vec<u32>>> {
    let list = |it: &Option<Arc<[u32]>>| it.as_ref().map(|it| it.to_vec());
    routes.places.iter().map(list).collect()
}

#[test]
fn every_sink_is_owed_what_it_selects() {
    let sinks = [
        categories(&[], &[]),
        categories(&["a"], &[]),
        categories(&[], &["a"]),
        categories(&["*"], &["zzz"]),
        categories(&["zzz"], &[]),
    ];
    let routes = filter(&sinks, None).route(&records(), &Origin::any());
    assert_eq!(routes.owed.as_slice(), [5, 2, 3, 5, 0]);
    let part = |places: &[u32]| Some(places.to_vec());
    assert_eq!(
        places(&routes),
        [None, part(&[0, 4]), part(&[1, 2, 3]), None, part(&[])]
    );
    assert_eq!(routes.received, Received::from(5));
}

#[test]
fn what_no_sink_selects_is_dropped_or_goes_where_it_shall() {
    let sinks = [categories(&["a"], &[]), categories(&["b"], &[])];
    let dropped = filter(&sinks, None).route(&records(), &Origin::any());
    assert_eq!(dropped.owed.as_slice(), [2, 1]);
    assert_eq!(
        (dropped.received.records, dropped.received.unrouted),
        (5, 2)
    );
    let kept = filter(&sinks, Some(1)).route(&records(), &Origin::any());
    assert_eq!(kept.owed.as_slice(), [2, 3]);
    assert_eq!(places(&kept), [Some(vec![0, 4]), Some(vec![1, 2, 3])]);
    assert_eq!(kept.received.unrouted, 0);
}

#[test]
fn without_a_selection_nothing_is_made() {
    let filter = Filter::none(2);
    let routes = filter.route(&records(), &Origin::any());
    assert_eq!(
        (routes.owed.as_slice(), places(&routes)),
        (&[5, 5][..], vec![None, None])
    );
    assert_eq!(filter.memory_bytes_max(1_000), 0);
}

#[test]
fn what_could_be_left_is_known() {
    let (a, not_a, all) = (
        categories(&["A*"], &[]),
        categories(&[], &["a*"]),
        categories(&[], &[]),
    );
    assert!(may_leave_some(std::slice::from_ref(&a)));
    assert!(may_leave_some(std::slice::from_ref(&not_a)));
    assert!(!may_leave_some(&[a.clone(), all]));
    assert!(!may_leave_some(&[a.clone(), not_a.clone()]));
    assert!(!may_leave_some(&[categories(&["*"], &[])]));
    assert!(may_leave_some(&[categories(&["A*"], &["b"]), not_a]));
    assert!(may_leave_some(&[a, categories(&[], &["a*", "b"])]));
}

#[test]
fn a_part_is_what_all_would_get_of_it() {
    let sinks = [
        categories(&["a"], &[]),
        categories(&["b"], &[]),
        categories(&[], &[]),
    ];
    let only = |globs: &[&str]| Selection::new(&categories(globs, &[]));
    let check = |rest, meant: [bool; 3], only, expected: [&[u32]; 3], unrouted| {
        let routes = filter(&sinks[..2], rest).narrowed(meant[..2].to_vec(), only);
        let routes = routes.route(&records(), &Origin::any());
        let expected: Vec<_> = expected[..2].iter().map(|it| Some(it.to_vec())).collect();
        assert_eq!(places(&routes), expected);
        let owed: Vec<_> = routes.owed.iter().map(|it| *it as usize).collect();
        let lengths: Vec<_> = expected.iter().flatten().map(Vec::len).collect();
        assert_eq!(owed, lengths);
        assert_eq!(routes.received.records, 5);
        assert_eq!(routes.received.unrouted, unrouted);
    };
    check(None, [true, true, false], None, [&[0, 4], &[1], &[]], 2);
    check(None, [true, false, false], None, [&[0, 4], &[], &[]], 3);
    check(None, [true, true, false], only(&["B"]), [&[], &[1], &[]], 4);
    // What is left over is what no sink of the configuration selects, meant or not.
    check(
        Some(1),
        [false, true, false],
        None,
        [&[], &[1, 2, 3], &[]],
        2,
    );
    check(
        Some(1),
        [false, true, false],
        only(&[NO_CATEGORY]),
        [&[], &[2, 3], &[]],
        3,
    );
    // A sink that wants everything gets what is meant of it.
    let all = filter(&sinks, None).narrowed(vec![false, false, true], only(&["a"]));
    let routes = all.route(&records(), &Origin::any());
    assert_eq!(places(&routes)[2], Some(vec![0, 4]));
    assert!(all.memory_bytes_max(5) >= 8);
}
