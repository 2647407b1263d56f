//! This program once more, under valgrind's callgrind, which counts the instructions of one function and all it calls.
//!
//! What decides the count is the same from run to run and from place to place: no environment, the same name of the program,
//! and whatever the standard library draws at random comes from a seed (`work`). Where things lie in memory matters, because
//! `memcpy` takes other steps for another alignment: a longer name of the program alone moves a count by 0.1 %. Valgrind maps
//! the program at fixed addresses and tells it of a processor of its own making, in which only few features depend on the
//! real one.

use std::{
    env,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use thiserror::Error;

use super::{
    baseline::Tools,
    profile::{self, COUNTED, ProfileError},
};

/// What the program is called when it is counted, wherever it was built.
const PROGRAM: &str = "./counted";

/// Why there is no count.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallgrindError {
    /// Valgrind is not there.
    #[error("valgrind is not installed; on Debian and Ubuntu: apt-get install valgrind")]
    NoValgrind,
    /// A program does not start, or its end cannot be waited for.
    #[error("cannot run {program}: {source}")]
    Run {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// A program fails.
    #[error("{program} failed ({status}): {complaint}")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        complaint: String,
    },
    /// What a program writes can be neither kept nor read.
    #[error("cannot use the file {file} of a count: {source}")]
    Output {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// Callgrind counted something else than one call of the counted function.
    #[error("callgrind's count of {name} is of no use: {source}")]
    Profile {
        /// Name of the path.
        name: String,
        /// Why.
        source: ProfileError,
    },
}

/// A count that is under way. It ends with this value.
pub struct Counting {
    name: &'static str,
    child: Child,
    output: PathBuf,
    complaints: PathBuf,
}

impl Counting {
    /// Starts this program under callgrind with these arguments, in a `folder` that [`copy_program`] was given. No two may
    /// have the same name there.
    ///
    /// # Errors
    /// Valgrind is missing or does not start.
    pub fn start(name: &'static str, arguments: [&str; 2], folder: &Path) -> Result<Self, CallgrindError> {
        let file = name.replace("::", "-");
        let (output, complaints) = (folder.join(&file), folder.join(format!("{file}.complaints")));
        // A file and no pipe: nobody reads before the end, and what is full would stop the program.
        let stderr = File::create_new(&complaints).map_err(|source| no_output(&complaints, source))?;
        let child = Command::new("valgrind")
            .args(["--tool=callgrind", "--quiet", "--collect-atstart=no"])
            // With a hash or without one, as valgrind's version has it.
            .arg(format!("--toggle-collect={COUNTED}*"))
            .arg(format!("--callgrind-out-file={file}"))
            .arg(PROGRAM)
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .envs(env::var_os("PATH").map(|path| ("PATH", path)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .map_err(|source| not_run("valgrind", source))?;
        Ok(Self { name, child, output, complaints })
    }

    /// Instructions of the counted function.
    ///
    /// # Errors
    /// The program failed, or what was counted is not one call of that function.
    pub fn finish(mut self) -> Result<u64, CallgrindError> {
        let status = self.child.wait().map_err(|source| not_run("valgrind", source))?;
        if !status.success() {
            let complaint = read(&self.complaints)?.trim().to_owned();
            return Err(CallgrindError::Failed { program: format!("{} under valgrind", self.name), status, complaint });
        }
        profile::instructions(&read(&self.output)?)
            .map_err(|source| CallgrindError::Profile { name: self.name.to_owned(), source })
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        // Where it has ended, neither does anything.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Puts this program into `folder`, for [`Counting::start`].
///
/// # Errors
/// It cannot be copied.
pub fn copy_program(folder: &Path) -> io::Result<()> {
    let (program, copy) = (env::current_exe()?, folder.join(PROGRAM));
    // Another file system needs bytes of its own.
    fs::hard_link(&program, &copy).or_else(|_| fs::copy(&program, &copy).map(drop))
}

/// What counts are made with here.
///
/// # Errors
/// A program is missing or fails.
pub fn tools() -> Result<Tools, CallgrindError> {
    let valgrind = said("valgrind", &["--version"])?;
    Ok(Tools {
        rustc: env!("BUILT_BY_RUSTC").to_owned(),
        target: env!("BUILT_FOR").to_owned(),
        c_library: said("getconf", &["GNU_LIBC_VERSION"]).unwrap_or_else(|_| "unknown".to_owned()),
        valgrind,
        vectors: vectors().to_owned(),
    })
}

/// Valgrind shows the program AVX2 where the processor has it, and never more.
fn vectors() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        return "avx2";
    }
    "no avx2"
}

/// The text of a file. What a program complains of need not be all text.
fn read(file: &Path) -> Result<String, CallgrindError> {
    let bytes = fs::read(file).map_err(|source| no_output(file, source))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What a program prints.
fn said(program: &str, arguments: &[&str]) -> Result<String, CallgrindError> {
    let ended = Command::new(program).args(arguments).output().map_err(|source| not_run(program, source))?;
    if ended.status.success() {
        return Ok(String::from_utf8_lossy(&ended.stdout).trim().to_owned());
    }
    let complaint = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
    Err(CallgrindError::Failed { program: program.to_owned(), status: ended.status, complaint })
}

fn not_run(program: &str, source: io::Error) -> CallgrindError {
    if program == "valgrind" && source.kind() == io::ErrorKind::NotFound {
        CallgrindError::NoValgrind
    } else {
        CallgrindError::Run { program: program.to_owned(), source }
    }
}

fn no_output(file: &Path, source: io::Error) -> CallgrindError {
    CallgrindError::Output { file: file.display().to_string(), source }
}
