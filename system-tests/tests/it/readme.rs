//! The README says what the programs say.

use std::process::Command;

use system_tests::{binary, source};

/// An option, as `--help` tells of it.
struct Told {
    name: String,
    environment: Option<String>,
    default: Option<String>,
}

/// The options of a program, without those that every program has.
fn options(program: &str) -> Vec<Told> {
    let output = Command::new(binary::path(program)).arg("--help").env_clear().output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let (_, help) = help.split_once("\nOptions:").expect("it has options");
    let mut texts: Vec<String> = Vec::new();
    for line in help.lines().map(str::trim) {
        if line.starts_with('-') {
            texts.push(String::new());
        }
        if let Some(text) = texts.last_mut() {
            text.push_str(line);
            text.push(' ');
        }
    }
    let all = texts.iter().map(|text| told(text));
    all.filter(|told| !["--help", "--version"].contains(&told.name.as_str())).collect()
}

fn told(text: &str) -> Told {
    let (_, name) = text.split_once("--").expect("options have long names");
    let bracket = |word: &str| {
        let (_, rest) = text.split_once(&format!("[{word}: "))?;
        Some(rest.split_once(']')?.0.to_owned())
    };
    Told {
        name: format!("--{}", name.split([' ', '.']).next().unwrap_or_default()),
        environment: bracket("env").map(|it| it.trim_end_matches('=').to_owned()),
        default: bracket("default"),
    }
}

#[test]
fn cargo_knows_which_program_to_run_where_the_readme_names_a_package() {
    let readme = std::fs::read_to_string(source::root().join("README.md")).unwrap();
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(source::root())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let named: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("cargo run --release --package ")?.split(' ').next())
        .collect();
    assert!(!named.is_empty());
    for name in named {
        let packages = metadata["packages"].as_array().unwrap();
        let package = packages.iter().find(|package| package["name"] == name).expect("the package is there");
        let targets = package["targets"].as_array().unwrap();
        let programs = targets.iter().filter(|target| target["kind"][0] == "bin").count();
        assert!(programs == 1 || package["default_run"].is_string(), "{name}");
    }
}

#[test]
fn each_option_stands_in_the_readme_with_its_environment_and_default() {
    let readme = std::fs::read_to_string(source::root().join("README.md")).unwrap();
    for program in ["web-layer", "worker-layer", "watcher-node", "launcher"] {
        let (_, section) = readme.split_once(&format!("\n`{program}`, ")).expect("each program has a table");
        let table: Vec<Vec<&str>> = section
            .lines()
            .skip_while(|line| !line.starts_with('|'))
            .take_while(|line| line.starts_with('|'))
            .map(|line| line.split('|').map(|cell| cell.trim().trim_matches('`')).collect())
            .collect();
        let told = options(program);
        assert_eq!(table.len(), told.len() + 2, "{program}: as many rows as options");
        for Told { name, environment, default } in told {
            let row = table.iter().find(|row| row[1] == name);
            let row = row.unwrap_or_else(|| panic!("{program} {name} is not in the README"));
            assert_eq!(row[2], environment.unwrap_or_default(), "{program} {name}");
            // Lists are told with spaces, and given with commas.
            let default = default.unwrap_or_default().replace(' ', ",");
            assert_eq!(row[3].replace(' ', ","), default, "{program} {name}");
        }
    }
}
