//! The program as a person runs it: exit codes, and what goes to stdout and stderr.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

/// Runs `switchhook` in a folder, with these variables and no others of ours.
fn switchhook(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_switchhook"))
        .args(args)
        .current_dir(folder)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

const HQ: &str = r#"
[sources.hq]
adapter = "portsip"
url = "wss://pbx.example.com:8887/wsi"
username = "supervisor"
domain = "test.io"
password = { env = "HQ_PASSWORD" }
topics = ["cdr_events"]
"#;

#[test]
fn what_init_writes_is_right() {
    let folder = TempDir::new().unwrap();
    let init = switchhook(folder.path(), &["init"], &[]);
    assert_eq!(code(&init), 0, "{}", stderr(&init));
    let check = switchhook(folder.path(), &["check"], &[]);
    assert_eq!(code(&check), 0, "{}", stderr(&check));
    assert!(
        stdout(&check).contains("on http://127.0.0.1:7575"),
        "{}",
        stdout(&check)
    );
}

#[test]
fn init_overwrites_only_when_told_to() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("mine.toml");
    fs::write(&path, "precious").unwrap();
    let again = switchhook(folder.path(), &["init", "-c", "mine.toml"], &[]);
    assert_eq!(code(&again), 2);
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    let forced = switchhook(folder.path(), &["init", "-c", "mine.toml", "--force"], &[]);
    assert_eq!(code(&forced), 0);
    assert!(fs::read_to_string(&path).unwrap().contains("[server]"));
}

#[cfg(unix)]
#[test]
fn what_init_writes_is_for_its_owner() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("switchhook.toml");
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    switchhook(folder.path(), &["init"], &[]);
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    switchhook(folder.path(), &["init", "--force"], &[]);
    assert_eq!(mode(), 0o600, "also what was there before");
}

#[test]
fn check_tells_what_would_run_and_no_secret() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("switchhook.toml"), HQ).unwrap();
    let check = switchhook(folder.path(), &["check"], &[("HQ_PASSWORD", "hunter2")]);
    assert_eq!(code(&check), 0, "{}", stderr(&check));
    let told = stdout(&check);
    assert!(
        told.contains("hq: portsip at wss://pbx.example.com:8887/wsi"),
        "{told}"
    );
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn a_bad_config_is_78_and_tells_every_mistake() {
    let folder = TempDir::new().unwrap();
    let text = format!("[server]\nlisten = 7575\n[log]\nsink = 1\n{HQ}");
    fs::write(folder.path().join("switchhook.toml"), text).unwrap();
    for command in ["check", "serve"] {
        let output = switchhook(folder.path(), &[command], &[]);
        assert_eq!(code(&output), 78);
        let told = stderr(&output);
        for mistake in [
            "switchhook.toml:2:10: server.listen: ",
            "switchhook.toml:4:1: log.sink: ",
            "no variable HQ_PASSWORD",
            "3 mistakes",
        ] {
            assert!(told.contains(mistake), "{mistake}: {told}");
        }
        assert_eq!(stdout(&output), "");
    }
}

#[test]
fn a_config_that_is_not_there_is_78_and_says_how_to_get_one() {
    let folder = TempDir::new().unwrap();
    let output = switchhook(folder.path(), &["serve", "-c", "none.toml"], &[]);
    assert_eq!(code(&output), 78);
    assert!(
        stderr(&output).contains("switchhook init -c none.toml"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_config_file_can_be_named_by_a_variable() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("other.toml"), "").unwrap();
    let output = switchhook(
        folder.path(),
        &["check"],
        &[("SWITCHHOOK_CONFIG", "other.toml")],
    );
    assert!(
        stdout(&output).starts_with("other.toml is right"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_variable_overrides_the_file() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("switchhook.toml"), "").unwrap();
    let variables = [("SWITCHHOOK_SERVER__LISTEN", "127.0.0.1:9000")];
    let output = switchhook(folder.path(), &["check"], &variables);
    assert!(
        stdout(&output).contains("on http://127.0.0.1:9000"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn a_wrong_command_line_is_2() {
    let folder = TempDir::new().unwrap();
    for args in [
        &["serv"][..],
        &["check", "--nonsense"],
        &["token", "new", "--name", "x", "--scopes", "everything"],
        &["token", "new", "--name", "x"],
        &["tail", "--url", "127.0.0.1:7575"],
        &["schema", "poems"],
    ] {
        let output = switchhook(folder.path(), args, &[]);
        assert_eq!(code(&output), 2, "{args:?}");
        assert_ne!(stderr(&output), "", "{args:?}");
    }
    let logging = switchhook(folder.path(), &["schema"], &[("RUST_LOG", "hub=loud=er")]);
    assert_eq!(code(&logging), 2, "{}", stderr(&logging));
}

#[test]
fn a_new_token_fits_the_lines_printed_with_it() {
    let folder = TempDir::new().unwrap();
    let args = [
        "token",
        "new",
        "--name",
        "the \"crm\"",
        "--scopes",
        "events:read,pii:read",
        "--tenants",
        "acme",
    ];
    let made = switchhook(folder.path(), &args, &[]);
    assert_eq!(code(&made), 0);
    let text = stdout(&made);
    let token = text.lines().find(|line| line.starts_with("swh_")).unwrap();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("swh_"))
        .collect();
    let config = format!("{}\n[auth]\nmode = \"tokens\"\n", lines.join("\n"));
    fs::write(folder.path().join("switchhook.toml"), &config).unwrap();
    let check = switchhook(folder.path(), &["check"], &[]);
    assert_eq!(code(&check), 0, "{}", stderr(&check));
    assert!(stdout(&check).contains("the \"crm\""), "{}", stdout(&check));
    let digest = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
    let hex: String = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert!(config.contains(&hex), "{config}");
    let again = stdout(&switchhook(folder.path(), &args, &[]));
    assert!(!again.contains(token), "every token is another");
}

#[test]
fn schemas_are_json_with_an_id() {
    let folder = TempDir::new().unwrap();
    let output = switchhook(folder.path(), &["schema", "events"], &[]);
    let schemas: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schemas["event"]["$id"], "urn:switchhook:schema:v1:event");
    assert_eq!(schemas["call"]["$id"], "urn:switchhook:schema:v1:call");
    let output = switchhook(folder.path(), &["schema", "config"], &[]);
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(schema["properties"]["server"]["properties"]["listen"].is_object());
}

#[test]
fn help_is_on_stdout_and_teaches() {
    let folder = TempDir::new().unwrap();
    let output = switchhook(folder.path(), &["--help"], &[]);
    assert_eq!(code(&output), 0);
    for word in ["switchhook init", "78 bad config", "tail", "RUST_LOG"] {
        assert!(stdout(&output).contains(word), "{word}");
    }
}
