//! Enough of Kusto's query language to say which fields of a log line a query takes.
//!
//! All queries are written alike: they begin with a table, find the line in either shape of it, and
//! take fields as `d.name` of `d`, the JSON in the line.
//! **Source**: <https://learn.microsoft.com/kusto/query/>.

use std::collections::BTreeSet;

/// How every query over the log of the app begins, with `{table}` and `{word}`.
const BEGINNING: &str = r#"{table}
| extend app = coalesce(column_ifexists("ContainerAppName", ""), column_ifexists("ContainerAppName_s", ""))
| extend replica = coalesce(column_ifexists("ContainerGroupName", ""), column_ifexists("ContainerGroupName_s", ""))
| extend line = coalesce(column_ifexists("Log", ""), column_ifexists("Log_s", ""))
| where line"#;
/// What stands before the line, such as a mark of the runtime, is left out.
const READING: &str = r#"| extend d = parse_json(substring(line, indexof(line, "{")))"#;
const TABLES: [&str; 2] = ["ContainerAppConsoleLogs", "ContainerAppSystemLogs"];
const OPERATORS: [&str; 22] = [
    "extend",
    "where",
    "project",
    "summarize",
    "by",
    "order",
    "render",
    "timechart",
    "asc",
    "desc",
    "and",
    "or",
    "not",
    "in",
    "has",
    "has_any",
    "startswith",
    "between",
    "true",
    "false",
    "null",
    "top",
];
const FUNCTIONS: [&str; 24] = [
    "abs",
    "arg_max",
    "bin",
    "coalesce",
    "column_ifexists",
    "count",
    "datetime_add",
    "datetime_diff",
    "has_any",
    "iff",
    "in",
    "indexof",
    "isnotnull",
    "max",
    "min",
    "now",
    "parse_json",
    "substring",
    "sum",
    "tobool",
    "todatetime",
    "todouble",
    "tolong",
    "tostring",
];

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Number(String),
    Sign(String),
}

impl Token {
    fn is_sign(&self, sign: &str) -> bool {
        matches!(self, Self::Sign(it) if it == sign)
    }
}

/// What a query is about.
#[derive(Debug)]
pub(crate) struct Query {
    /// Whether it is about the lines of the app, rather than those of the platform.
    pub(crate) is_of_app: bool,
    /// The event whose lines it takes; without it, those of any.
    pub(crate) event: Option<String>,
    /// The fields that it takes from them.
    pub(crate) fields: BTreeSet<String>,
    /// The columns that it ends with.
    pub(crate) columns: Vec<String>,
}

/// Reads a query.
///
/// # Panics
/// When it is written otherwise, or uses a name that it has not made.
pub(crate) fn read(text: &str) -> Query {
    let tokens = tokens(text);
    let Some(Token::Word(table)) = tokens.first() else {
        panic!("begins with no table: {text}");
    };
    assert!(TABLES.contains(&table.as_str()), "{table} is no table");
    let is_of_app = table == TABLES[0];
    if is_of_app {
        let expected = self::tokens(&BEGINNING.replace("{table}", table));
        assert_eq!(
            &tokens[..expected.len()],
            &expected,
            "begins otherwise: {text}"
        );
        assert!(text.lines().any(|line| line == READING), "{text}");
        assert!(
            text.contains("tostring(d.target) startswith \"entra_forwarder\""),
            "{text}"
        );
    }
    let fields = fields(&tokens);
    names(&tokens, table);
    Query {
        is_of_app,
        event: event(&tokens),
        fields,
        columns: columns(&tokens),
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let lines = text.lines().filter(|line| !line.starts_with("//"));
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    let mut rest = text.chars().peekable();
    let mut tokens = Vec::new();
    while let Some(first) = rest.next() {
        let mut word = String::from(first);
        match first {
            '"' => {
                word = rest.by_ref().take_while(|c| *c != '"').collect();
                assert!(
                    !word.contains(['\\', '\n']),
                    "a text of another form: {word}"
                );
                tokens.push(Token::Text(word));
            }
            c if c.is_alphanumeric() || c == '_' => {
                let is_number = c.is_ascii_digit();
                let more = |c: &char| c.is_alphanumeric() || *c == '_' || (is_number && *c == '.');
                while let Some(next) = rest.next_if(more) {
                    word.push(next);
                }
                tokens.push(match is_number {
                    true => Token::Number(word),
                    false => Token::Word(word),
                });
            }
            c if c.is_whitespace() => {}
            _ => {
                let is_longer = "=!<>".contains(first);
                word.extend(rest.next_if(|c| is_longer && *c == '='));
                tokens.push(Token::Sign(word));
            }
        }
    }
    tokens
}

/// The names behind `d.`; `d` stands nowhere else but where it is made.
fn fields(tokens: &[Token]) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        if *token != Token::Word("d".to_owned()) {
            continue;
        }
        match &tokens[at + 1..] {
            [dot, Token::Word(field), ..] if dot.is_sign(".") => {
                let inside = tokens[at - 1].is_sign("(");
                assert!(inside, "d.{field} has no type");
                fields.insert(field.clone());
            }
            [equals, ..] if equals.is_sign("=") => {}
            _ => panic!("`d` is used otherwise"),
        }
    }
    fields
}

/// The text in `tostring(d.event) == "..."`.
fn event(tokens: &[Token]) -> Option<String> {
    let expected = self::tokens("tostring(d.event) ==");
    let found = tokens.windows(expected.len() + 1).find_map(|window| {
        let (beginning, end) = window.split_at(expected.len());
        match &end[0] {
            Token::Text(text) if beginning == expected => Some(text.clone()),
            _ => None,
        }
    });
    if let Some(word) = &found {
        // The table has an index of words: only lines with this one are read as JSON.
        let has = self::tokens(&format!("line has \"{word}\""));
        assert!(
            tokens.windows(has.len()).any(|it| it == has),
            "no `has {word}`"
        );
    }
    found
}

/// Asserts that every name is made in a step before the one that uses it.
fn names(tokens: &[Token], table: &str) {
    let mut made: BTreeSet<&str> = [table, "TimeGenerated"].into();
    let mut of_this_step = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        if token.is_sign("|") {
            made.append(&mut of_this_step);
        }
        let Token::Word(word) = token else { continue };
        let word = word.as_str();
        let next = tokens.get(at + 1);
        if next.is_some_and(|it| it.is_sign("=")) {
            of_this_step.insert(word);
        } else if next.is_some_and(|it| it.is_sign("(")) {
            let is_known = FUNCTIONS.contains(&word) || OPERATORS.contains(&word);
            assert!(is_known, "{word}() is not known");
        } else if at == 0 || !tokens[at - 1].is_sign(".") {
            let is_known = made.contains(word) || OPERATORS.contains(&word);
            assert!(is_known, "{word} is used before it is made");
        }
    }
}

/// What the last `project` names.
fn columns(tokens: &[Token]) -> Vec<String> {
    let last = tokens
        .iter()
        .rposition(|it| *it == Token::Word("project".to_owned()));
    let Some(last) = last else { return Vec::new() };
    let mut columns = Vec::new();
    for token in &tokens[last + 1..] {
        match token {
            Token::Word(word) => columns.push(word.clone()),
            token if token.is_sign(",") => {}
            _ => break,
        }
    }
    columns
}

#[test]
fn a_query_is_read() {
    let beginning = BEGINNING.replace("{table}", TABLES[0]);
    let text = format!(
        "// d.comment\n{beginning} has \"sink\"\n{READING}\n\
         | where tostring(d.target) startswith \"entra_forwarder\" and tostring(d.event) == \"sink\"\n\
         | extend state = tostring(d.state), left = todouble(d.seconds_left) / 2.5\n\
         | where state != \"d.text\" and TimeGenerated > now()\n| project TimeGenerated, app, left\n"
    );
    let query = read(&text);
    assert!(query.is_of_app);
    assert_eq!(query.event.as_deref(), Some("sink"));
    let fields: Vec<_> = query.fields.iter().map(String::as_str).collect();
    assert_eq!(fields, ["event", "seconds_left", "state", "target"]);
    assert_eq!(query.columns, ["TimeGenerated", "app", "left"]);
    for (right, wrong) in [
        ("state != ", "stat != "),
        ("todouble(", "todoubel("),
        ("tostring(d.state)", "d.state"),
        ("tostring(d.state)", "tostring(d)"),
        ("tostring(d.state)", "tostring(state)"),
        ("has \"sink\"", "has \"sinks\""),
        ("\"Log_s\"", "\"Log\""),
    ] {
        let mistaken = text.replace(right, wrong);
        assert_ne!(mistaken, text);
        assert!(
            std::panic::catch_unwind(|| read(&mistaken)).is_err(),
            "{wrong}"
        );
    }
}
