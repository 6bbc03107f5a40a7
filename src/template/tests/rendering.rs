//! What templates give.

use super::super::VALUE_MAX;
use super::{compiled, rendered};

const RECORD: &str = r#"{"time":"2026-01-02T03:04:05.600+01:00","Category":"SignInLogs","Level":"4",
"tenantId":"AAAAAAAA-0000-4000-8000-00000000000A","id":"top","Hub":"not this",
"resourceId":"/tenants/AAAAAAAA-0000-4000-8000-00000000000A/providers/Microsoft.aadiam",
"empty":"","nothing":null,"blank":" \n ","list":[1,{"a":"b"}],"odd.key":"odd","say \"hi\"":true,
"properties":{"id":"own","appDisplayName":"Büro\u0000 App","n":-1.50,"time":{"zone":"x"}}}"#;

fn check(template: &str, expected: &str) {
    assert_eq!(rendered(template, RECORD), expected, "{template}");
}

#[test]
fn literal_text() {
    for text in ["", "entra", "a | b || c", "{ } }} { {", "ä \"quoted\" \\"] {
        check(text, text);
        assert!(compiled(text).is_constant());
    }
    check("{{\"{{\"}} x }}", "{{ x }}");
    check("{{ \"a\\\"b\\\\c\" }}", "a\"b\\c");
}

#[test]
fn names_of_what_a_record_knows() {
    check("{{category}}/{{ CATEGORY }}", "SignInLogs/SignInLogs");
    check("{{ tenant }}", "aaaaaaaa-0000-4000-8000-00000000000a");
    check("{{ severity }}", "informational");
    check("{{ time }}", "2026-01-02T02:04:05.6Z");
    check("{{ enqueued }}", "2026-11-21T08:15:30.125Z");
    check(
        "{{ namespace }} {{ hub }}",
        "contoso.servicebus.windows.net logs",
    );
    check("{{ partition }} {{ own_id }}", "0 own");
    check("{{ resource_provider }}", "microsoft.aadiam");
    let id = rendered("{{ id }}", RECORD);
    assert!(id.len() == 32 && id.bytes().all(|it| it.is_ascii_hexdigit()));
    assert!(rendered("{{ sequence }}", RECORD).parse::<i64>().is_ok());
}

#[test]
fn paths() {
    check("{{ [\"id\"] }} {{ [\"hub\"] }}", "top not this");
    check("{{ [\"time\"] }}", "2026-01-02T03:04:05.600+01:00");
    check("{{ properties.n }}", "-1.50");
    check("{{ Properties.time.zone }}", "x");
    check("{{ properties.APPDISPLAYNAME }}", "");
    check("{{ properties[\"appDisplayName\"] }}", "Büro  App");
    check("{{ list[0] }}{{ list[1].a }}{{ list[2] }}", "1b");
    check("{{ [\"odd.key\"] }} {{ [\"say \\\"hi\\\"\"] }}", "odd true");
    check("{{ properties }}{{ list }}{{ list[1] }}", "");
}

#[test]
fn the_first_alternative_that_says_something() {
    check(
        "{{ absent || nothing || empty || list || category }}",
        "SignInLogs",
    );
    check("{{ category || properties.n }}", "SignInLogs");
    check("<{{ absent || empty }}>", "<>");
    check("{{ absent || \"a }} b\" }}", "a }} b");
    check("{{ absent || \"\" || \"b\" }}", "b");
}

#[test]
fn filters_work_on_what_stands_left_of_them() {
    check("{{ absent || category | lower }}", "signinlogs");
    check("{{ category | lower || \"None\" }}", "signinlogs");
    check("{{ absent | lower || \"None\" }}", "None");
    check("{{ blank | trim || \"None\" }}", "None");
    check("{{ properties.appDisplayName | upper }}", "BÜRO  APP");
    check("{{ properties.appDisplayName | slug }}", "B-ro--App");
    check("{{ properties.appDisplayName | truncate(2) }}", "Bü");
    check("{{ category | truncate(4)|lower|slug || x }}", "sign");
    check("{{ \" a b \" | trim | slug }}", "a-b");
    check("{{ time | truncate(10) }}", "2026-01-02");
}

#[test]
fn dates() {
    check("{{ time | date(\"YYYY/MM/DD/HH\") }}", "2026/01/02/02");
    check(
        "{{ enqueued | date( \"YYYYMMDD-HH:mm\" ) }}",
        "20261121-08:15",
    );
    check(
        "{{ time || enqueued | date(\"YYYY\") || \"never\" }}",
        "2026",
    );
    check("{{ time | date(\"YYYY\") | truncate(2) }}", "20");
}

#[test]
fn a_value_is_bounded_and_of_one_line() {
    let long = format!(
        r#"{{"a":"{}\r\n\u0085{}"}}"#,
        "ß".repeat(100),
        "ä".repeat(900)
    );
    let text = rendered("{{ a }}", &long);
    assert_eq!(text.chars().count(), VALUE_MAX);
    assert!(text.contains("ß   ä"));
    let upper = rendered("{{ a | upper }}|", &long);
    assert_eq!(upper.chars().count(), VALUE_MAX + 1);
}

#[test]
fn what_is_no_object_knows_only_where_it_came_from() {
    for body in ["plain text", "\"a\"", "{\"a\":"] {
        let text = rendered("{{ category || tenant || a || \"none\" }}-{{ hub }}", body);
        assert_eq!(text, "none-logs");
    }
}

#[test]
fn what_it_reads() {
    let template = compiled("{{ Category | lower || a.b[0][\"c\\\"d\"] || \"x\" }}{{ [\"id\"] }}");
    let paths: Vec<_> = template.paths().collect();
    assert_eq!(paths, ["Category", "a.b[0][\"c\\\"d\"]", "[\"id\"]"]);
    assert!(!template.is_constant());
    assert!(compiled("a{{ \"b\" | upper }}").is_constant());
    assert_eq!(compiled("{{ a }}"), compiled("{{a}}"));
    assert_ne!(compiled("{{ a }}"), compiled("{{ b }}"));
}
