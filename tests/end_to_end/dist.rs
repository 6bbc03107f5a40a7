//! What a release has beside the program: completions and manual pages.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_entra-forwarder");

/// The folder that `scripts/dist` makes.
fn dist() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/dist");
    let made = Command::new(script)
        .arg(PROGRAM)
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    folder
}

fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().unwrap()
}

fn text(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A command, its `--help`, and the commands below it.
struct Known {
    path: Vec<String>,
    help: String,
    below: BTreeSet<String>,
}

/// Every command of the program, by its own `--help`.
fn commands() -> Vec<Known> {
    let (mut known, mut paths) = (Vec::new(), vec![Vec::<String>::new()]);
    while let Some(path) = paths.pop() {
        let mut arguments: Vec<_> = path.iter().map(String::as_str).collect();
        arguments.push("--help");
        let help = text(run(&arguments));
        let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        // A name is indented by two, what is said of it by more.
        let below: BTreeSet<String> = listed
            .take_while(|line| line.starts_with("  ") || line.is_empty())
            .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
            .filter(|name| !name.is_empty() && *name != "help")
            .map(str::to_owned)
            .collect();
        paths.extend(below.iter().map(|name| {
            let mut path = path.clone();
            path.push(name.clone());
            path
        }));
        known.push(Known { path, help, below });
    }
    known
}

/// The options in a `--help`. What is said of them is indented by more than six.
fn options(help: &str) -> BTreeSet<String> {
    let lines = help.lines().map(|line| (line, line.trim_start()));
    lines
        .filter(|(whole, line)| whole.len() - line.len() <= 6 && line.starts_with('-'))
        .flat_map(|(_, line)| line.split([' ', ',', '=', '[']))
        .filter(|word| word.starts_with('-'))
        .map(str::to_owned)
        .collect()
}

/// What bash offers behind these words.
fn offered(script: &Path, words: &[&str]) -> BTreeSet<String> {
    // As bash itself does it when somebody presses the tab key.
    const TAB: &str = r#"
        source "$1"; shift
        rule=$(complete -p entra-forwarder); rule=${rule#*-F }
        COMP_WORDS=(entra-forwarder "$@"); COMP_CWORD=$#
        COMP_LINE="${COMP_WORDS[*]}"; COMP_POINT=${#COMP_LINE}
        "${rule%% *}" entra-forwarder "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let output = Command::new("bash")
        .args(["--norc", "-c", TAB, "bash"])
        .arg(script)
        .args(words)
        .output();
    let output = output.unwrap();
    assert!(output.stderr.is_empty(), "{output:?}");
    let lines = text(output);
    let lines = lines.lines().filter(|line| !line.is_empty());
    lines.map(str::to_owned).collect()
}

#[test]
fn bash_completes_every_command() {
    let folder = dist();
    let script = folder.path().join("completions/entra-forwarder.bash");
    for Known { path, help, below } in commands() {
        let words: Vec<_> = path.iter().map(String::as_str).collect();
        let offered = |word| offered(&script, &[words.as_slice(), &[word]].concat());
        if !below.is_empty() {
            let mut commands = offered("");
            commands.retain(|it| !it.starts_with('-') && it != "help");
            assert_eq!(commands, below, "{path:?}");
        }
        let (offered, options) = (offered("-"), options(&help));
        assert!(offered.is_superset(&options), "{path:?}: {offered:?}");
    }
    let check = |words: &[&str], expected: &[&str]| {
        let expected = expected.iter().map(|it| (*it).to_owned()).collect();
        assert_eq!(offered(&script, words), expected, "{words:?}");
    };
    check(&["dead-l"], &["dead-letters"]);
    check(&["checkpoints", "s"], &["set", "show"]);
    check(&["run", "--c"], &["--config"]);
    check(&["completions", "z"], &["zsh"]);
    check(&["nothing", "like", "th"], &[]);
}

#[test]
fn there_is_a_script_for_every_shell() {
    let folder = dist();
    for (shell, name) in [
        ("bash", "entra-forwarder.bash"),
        ("zsh", "_entra-forwarder"),
        ("fish", "entra-forwarder.fish"),
        ("elvish", "entra-forwarder.elv"),
        ("powershell", "_entra-forwarder.ps1"),
    ] {
        let script = folder.path().join("completions").join(name);
        let script = std::fs::read_to_string(script).unwrap();
        assert_eq!(script, text(run(&["completions", shell])), "{shell}");
        for word in ["entra-forwarder", "dead-letters", "fail-fast"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(run(&["completions", "csh"]).status.code(), Some(2));
}

/// Without what groff needs to see a hyphen as one.
fn plain(page: &Path) -> String {
    std::fs::read_to_string(page).unwrap().replace("\\-", "-")
}

#[test]
fn every_command_has_a_page_with_its_options() {
    let folder = dist();
    let folder = folder.path().join("man/man1");
    let pages = std::fs::read_dir(&folder).unwrap();
    let mut pages: BTreeSet<PathBuf> = pages.map(|it| it.unwrap().path()).collect();
    for Known { path, help, below } in commands() {
        let name = [&["entra-forwarder".to_owned()], path.as_slice()].concat();
        let name = name.join("-");
        let page = folder.join(format!("{name}.1"));
        assert!(pages.remove(&page), "{name} has no page");
        let text = plain(&page);
        for option in options(&help) {
            let bold = format!("\\fB{option}\\fR");
            assert!(text.contains(&bold), "{name}: {option}");
        }
        for command in below {
            let entry = format!("\n{name}-{command}(1)\n");
            assert!(text.contains(&entry), "{name}: {command}");
        }
    }
    assert!(pages.is_empty(), "of no command: {pages:?}");
    let main = plain(&folder.join("entra-forwarder.1"));
    assert!(main.contains("ENTRA_FORWARDER_LOG"), "{main}");
    assert_eq!(text(run(&["man"])).replace("\\-", "-"), main);
}

#[test]
fn pages_render_without_a_warning() {
    let folder = dist();
    for page in std::fs::read_dir(folder.path().join("man/man1")).unwrap() {
        let page = page.unwrap().path();
        let render = Command::new("groff")
            .args(["-man", "-Tutf8", "-ww"])
            .arg(&page)
            .output();
        let Ok(rendered) = render else {
            eprintln!("there is no groff");
            return;
        };
        assert!(rendered.stderr.is_empty(), "{page:?}: {rendered:?}");
        assert!(text(rendered).contains("Print version"), "{page:?}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let output = run(&["man", "--out", "/dev/null/man"]);
    assert_eq!(output.status.code(), Some(69));
    let said = String::from_utf8(output.stderr).unwrap();
    let expected = "error: cannot write manual pages into /dev/null/man: ";
    assert!(
        said.starts_with(expected) && said.lines().count() == 1,
        "{said}"
    );
}
