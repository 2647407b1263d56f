//! Tells the program which compiler builds it and for what, because another may be there when it runs.

use std::{env, error::Error, process::Command};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let compiler = env::var("RUSTC")?;
    let ended = Command::new(&compiler).arg("--version").output()?;
    if !ended.status.success() {
        return Err(format!("{compiler} --version failed ({})", ended.status).into());
    }
    let version = String::from_utf8(ended.stdout)?;
    println!("cargo::rustc-env=BUILT_BY_RUSTC={}", version.trim().trim_start_matches("rustc "));
    println!("cargo::rustc-env=BUILT_FOR={}", env::var("TARGET")?);
    Ok(())
}
