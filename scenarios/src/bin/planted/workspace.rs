//! The copy of the workspace on disk, and its build.
//!
//! A copy has the crates that its purpose needs, with patches in bridge and state. Only files whose content changed are written,
//! so that Cargo builds only what changed. Two things keep the storm's copy and the original apart although they share a
//! target directory: the copy's crates have a version of their own, as Cargo tells path dependencies of two workspaces apart
//! by name, version and relative path only; and its binary has another name. The copy with the stories of the bug classes
//! has a target directory of its own.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::Deserialize;
use toml::{Table, Value};

use crate::error::{self, PlantedError};

/// What a copy is for, and so what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To run the storm: its four crates, without tests.
    Storm,
    /// To run the stories of the bug classes: the bridge with these tests, and what they need.
    Stories,
}

impl Purpose {
    fn crates(self) -> &'static [&'static str] {
        match self {
            Self::Storm => &["bridge", "state", "sim", "scenarios"],
            Self::Stories => &["bridge", "sim"],
        }
    }

    /// The directories of sources that are copied of a crate.
    fn sources(self, name: &str) -> &'static [&'static str] {
        match self {
            Self::Stories if name == TESTED => &["src", "tests/bug_classes", "tests/support"],
            _ => &["src"],
        }
    }
}

/// The crate whose stories are run.
const TESTED: &str = "bridge";

/// The test target with the stories.
const STORIES: &str = "bug_classes";

/// The binary of the copy.
const BINARY: &str = "dagstorm-planted";

/// Version of the copied crates.
const VERSION: &str = "0.0.0-planted";

/// Sources that the copy's binary does not need.
const LEFT_OUT: &str = "scenarios/src/bin";

/// The original's lock file as it was when it was copied: Cargo rewrites the copy's.
const LOCK_ORIGIN: &str = "Cargo.lock.origin";

/// Brings `copy` up to date with the workspace in `root`, with the files of `planted` in place of the originals.
///
/// # Errors
/// What cannot be read or written, or a manifest that cannot be adapted.
pub fn copy(purpose: Purpose, root: &Path, copy: &Path, planted: BTreeMap<String, String>) -> Result<(), PlantedError> {
    let crates = purpose.crates();
    let mut wanted = BTreeMap::from([(PathBuf::from("Cargo.toml"), root_manifest(&root.join("Cargo.toml"), crates)?)]);
    for name in crates {
        let manifest = Path::new(name).join("Cargo.toml");
        let keeps_stories = purpose == Purpose::Stories && *name == TESTED;
        let text = crate_manifest(&root.join(&manifest), keeps_stories)?;
        wanted.insert(manifest, text);
        let build_script = Path::new(name).join("build.rs");
        if root.join(&build_script).is_file() {
            wanted.insert(build_script.clone(), error::read(&root.join(build_script))?);
        }
        for directory in purpose.sources(name) {
            for file in files_below(root, &Path::new(name).join(directory))? {
                if !file.starts_with(LEFT_OUT) {
                    let text = error::read(&root.join(&file))?;
                    wanted.insert(file, text);
                }
            }
        }
    }
    wanted.extend(planted.into_iter().map(|(file, text)| (PathBuf::from(file), text)));
    for (file, text) in &wanted {
        write_if_changed(&copy.join(file), text)?;
    }
    for name in crates {
        for file in files_below(copy, Path::new(name))? {
            if !wanted.contains_key(&file) {
                remove(&copy.join(file))?;
            }
        }
    }
    let lock = error::read(&root.join("Cargo.lock"))?;
    if fs::read_to_string(copy.join(LOCK_ORIGIN)).ok().as_ref() != Some(&lock) {
        write_if_changed(&copy.join("Cargo.lock"), &lock)?;
        write_if_changed(&copy.join(LOCK_ORIGIN), &lock)?;
    }
    Ok(())
}

/// Builds the copy into `target` and returns the program that it is for. Cargo works in `root`, so that it takes the
/// original's configuration, once.
///
/// # Errors
/// Cargo cannot be started or fails; what it printed is on the terminal.
pub fn build(purpose: Purpose, root: &Path, copy: &Path, target: &Path) -> Result<PathBuf, PlantedError> {
    let what: &[&str] = match purpose {
        Purpose::Storm => &["build", "--package", "scenarios", "--bin", BINARY],
        Purpose::Stories => &["test", "--no-run", "--package", TESTED, "--test", STORIES],
    };
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(&cargo)
        .current_dir(root)
        .args(what)
        .args(["--release", "--offline", "--message-format", "json-render-diagnostics"])
        .arg("--manifest-path")
        .arg(copy.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| PlantedError::Start { program: cargo, source })?;
    if !output.status.success() {
        return Err(PlantedError::Build { copy: copy.to_owned(), status: output.status });
    }
    program(&String::from_utf8_lossy(&output.stdout))
}

/// What Cargo says of a file that it built.
#[derive(Deserialize)]
struct Artifact {
    executable: Option<PathBuf>,
}

/// The last program that Cargo says to have built.
fn program(messages: &str) -> Result<PathBuf, PlantedError> {
    let artifacts = messages.lines().rev().filter_map(|line| serde_json::from_str::<Artifact>(line).ok());
    let program = artifacts.filter_map(|artifact| artifact.executable).next();
    program.ok_or_else(|| PlantedError::Runs { message: "Cargo names no program".to_owned() })
}

/// The workspace with the copied crates only.
fn root_manifest(path: &Path, crates: &[&str]) -> Result<String, PlantedError> {
    let mut manifest = manifest(path)?;
    let workspace = table(&mut manifest, "workspace", path)?;
    let members: Vec<Value> = crates.iter().copied().map(Value::from).collect();
    workspace.insert("members".to_owned(), members.into());
    workspace.remove("default-members");
    workspace.remove("exclude");
    Ok(manifest.to_string())
}

/// A crate with its library and, of `scenarios`, the one binary: no benches, and no tests but the stories, if they are kept,
/// and nothing that only others need.
fn crate_manifest(path: &Path, keeps_stories: bool) -> Result<String, PlantedError> {
    let mut manifest = manifest(path)?;
    for section in ["bench", "example", "test"] {
        manifest.remove(section);
    }
    if keeps_stories {
        let file = format!("tests/{STORIES}/main.rs");
        manifest.insert("test".to_owned(), target_section(STORIES, &file));
    } else {
        manifest.remove("dev-dependencies");
    }
    if manifest.remove("bin").is_some() {
        manifest.insert("bin".to_owned(), target_section(BINARY, "src/main.rs"));
    }
    let package = table(&mut manifest, "package", path)?;
    package.remove("default-run");
    package.insert("version".to_owned(), VERSION.into());
    for found_alone in ["autobenches", "autobins", "autoexamples", "autotests"] {
        package.insert(found_alone.to_owned(), false.into());
    }
    Ok(manifest.to_string())
}

/// A list of one target.
fn target_section(name: &str, file: &str) -> Value {
    vec![Value::Table(Table::from_iter([("name".to_owned(), name.into()), ("path".to_owned(), file.into())]))].into()
}

fn manifest(path: &Path) -> Result<Table, PlantedError> {
    let wrong =
        |error: toml::de::Error| PlantedError::Manifest { path: path.to_owned(), message: error.message().to_owned() };
    error::read(path)?.parse().map_err(wrong)
}

fn table<'a>(manifest: &'a mut Table, name: &str, path: &Path) -> Result<&'a mut Table, PlantedError> {
    let missing = || PlantedError::Manifest { path: path.to_owned(), message: format!("it has no [{name}]") };
    manifest.get_mut(name).and_then(Value::as_table_mut).ok_or_else(missing)
}

/// Every file below `root/directory`, relative to `root`.
fn files_below(root: &Path, directory: &Path) -> Result<Vec<PathBuf>, PlantedError> {
    let failed = |source| PlantedError::Read { path: root.join(directory), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(root.join(directory)).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = directory.join(entry.file_name());
        if entry.file_type().map_err(failed)?.is_dir() {
            files.extend(files_below(root, &path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

fn write_if_changed(path: &Path, text: &str) -> Result<(), PlantedError> {
    if fs::read_to_string(path).is_ok_and(|present| present == text) {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(path, text))
        .map_err(|source| PlantedError::Write { path: path.to_owned(), source })
}

fn remove(path: &Path) -> Result<(), PlantedError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(PlantedError::Write { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::{process, time::SystemTime};

    use super::*;

    fn root() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
    }

    #[test]
    fn given_the_manifests_when_adapted_then_the_copy_is_a_workspace_of_its_own_with_one_binary() {
        let crates = Purpose::Storm.crates();
        let workspace = root_manifest(&root().join("Cargo.toml"), crates).expect("it is read");
        let workspace: Table = workspace.parse().expect("TOML");
        assert_eq!(workspace["workspace"]["members"].as_array().map(Vec::len), Some(crates.len()));
        assert!(workspace["workspace"].get("default-members").is_none());
        assert!(workspace["profile"]["release"].is_table(), "the copy is built as the original is");
        for name in crates {
            let manifest = crate_manifest(&root().join(name).join("Cargo.toml"), false).expect("it is read");
            let manifest: Table = manifest.parse().expect("TOML");
            assert_eq!(manifest["package"]["version"].as_str(), Some(VERSION));
            assert!(manifest["dependencies"].is_table() && !manifest.contains_key("dev-dependencies"));
            let binaries = manifest.get("bin").and_then(Value::as_array);
            let names: Vec<_> = binaries.into_iter().flatten().map(|binary| binary["name"].as_str()).collect();
            assert_eq!(names, if *name == "scenarios" { vec![Some(BINARY)] } else { vec![] });
        }
    }

    #[test]
    fn given_the_manifest_of_the_bridge_when_adapted_for_stories_then_they_are_its_only_test_with_what_they_need() {
        let manifest = crate_manifest(&root().join("bridge/Cargo.toml"), true).expect("it is read");
        let manifest: Table = manifest.parse().expect("TOML");
        assert!(manifest["dev-dependencies"].is_table());
        let tests = manifest["test"].as_array().expect("a list");
        assert_eq!((tests.len(), tests[0]["name"].as_str()), (1, Some(STORIES)));
        let path = tests[0]["path"].as_str().expect("a path");
        assert!(root().join("bridge").join(path).is_file());
    }

    #[test]
    fn given_what_cargo_prints_when_read_then_the_program_is_the_last_one_named() {
        let printed = "{\"reason\":\"compiler-artifact\",\"executable\":null}\n\
                       {\"reason\":\"compiler-artifact\",\"executable\":\"/a/b\"}\n{\"reason\":\"build-finished\"}\n";
        assert_eq!(program(printed).expect("it is named"), Path::new("/a/b"));
        assert!(program("{\"reason\":\"build-finished\"}\n").is_err());
    }

    #[test]
    fn given_a_copy_when_made_again_then_only_what_changed_is_written_and_what_is_gone_is_removed() {
        let place = env::temp_dir().join(format!("dagstorm-planted-{}", process::id()));
        let make = |text: &str| {
            let planted = BTreeMap::from([("bridge/src/planted.rs".to_owned(), text.to_owned())]);
            copy(Purpose::Storm, root(), &place, planted)
        };
        let written = |file: &str| -> Option<SystemTime> { fs::metadata(place.join(file)).ok()?.modified().ok() };
        let long_ago = SystemTime::UNIX_EPOCH;
        make("// one").expect("it is made");
        for file in ["bridge/src/lib.rs", "bridge/src/planted.rs"] {
            let file = fs::File::options().write(true).open(place.join(file)).expect("it is there");
            file.set_modified(long_ago).expect("its time can be set");
        }
        fs::write(place.join("sim/src/gone.rs"), "").expect("it is written");
        make("// two").expect("it is made again");
        assert_eq!(written("bridge/src/lib.rs"), Some(long_ago));
        assert_ne!(written("bridge/src/planted.rs"), Some(long_ago));
        assert_eq!(fs::read_to_string(place.join("bridge/src/planted.rs")).ok().as_deref(), Some("// two"));
        assert_eq!(written("sim/src/gone.rs"), None);
        assert_eq!(written("scenarios/src/bin/planted/main.rs"), None);
        assert!(written("scenarios/src/main.rs").is_some() && written("Cargo.lock").is_some());
        fs::remove_dir_all(&place).expect("it is ours");
    }
}
