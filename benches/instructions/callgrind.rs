//! This program once more, under valgrind's callgrind, which counts the instructions of one function and all it calls.
//!
//! What decides the count is the same from run to run and from place to place: no environment, the same name of the program,
//! and whatever the standard library draws at random comes from a seed (`work`). Where things lie in memory matters, because
//! `memcpy` takes other steps for another alignment: a longer name of the program alone moves a count by 0.1 %. Valgrind maps
//! the program at fixed addresses and tells it of a processor of its own making, in which only few features depend on the
//! real one.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use thiserror::Error;

use super::baseline::Tools;

/// What the program is called when it is counted, wherever it was built.
const PROGRAM: &str = "./counted";

/// Callgrind's pattern for the function that is counted. It has no parameters of types, so that there is only one.
const COUNTED: &str = "*counted_region*";

/// The line of callgrind's output that has the sum. Source: callgrind's format, "totals".
const TOTALS: &str = "totals:";

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
    /// Callgrind's output cannot be read.
    #[error("cannot read what callgrind counted for {name}: {source}")]
    Output {
        /// Name of the path.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// Callgrind saw no instruction of the counted function.
    #[error("callgrind counted nothing for {name}: are the program's symbols stripped?")]
    Nothing {
        /// Name of the path.
        name: String,
    },
}

/// A count that is under way.
pub struct Counting {
    name: &'static str,
    child: Child,
    output: PathBuf,
}

impl Counting {
    /// Starts this program under callgrind with these arguments, in a `folder` that [`copy_program`] was given.
    ///
    /// # Errors
    /// Valgrind is missing or does not start.
    pub fn start(name: &'static str, arguments: [&str; 2], folder: &Path) -> Result<Self, CallgrindError> {
        let output = name.replace("::", "-");
        let child = Command::new("valgrind")
            .args(["--tool=callgrind", "--quiet", "--collect-atstart=no"])
            .arg(format!("--toggle-collect={COUNTED}"))
            .arg(format!("--callgrind-out-file={output}"))
            .arg(PROGRAM)
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .envs(env::var_os("PATH").map(|path| ("PATH", path)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| not_run("valgrind", source))?;
        Ok(Self { name, child, output: folder.join(output) })
    }

    /// Instructions of the counted function.
    ///
    /// # Errors
    /// The program failed, or there is no count.
    pub fn finish(self) -> Result<u64, CallgrindError> {
        let Self { name, child, output } = self;
        let ended = child.wait_with_output().map_err(|source| not_run("valgrind", source))?;
        if !ended.status.success() {
            let complaint = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
            let program = format!("{name} under valgrind");
            return Err(CallgrindError::Failed { program, status: ended.status, complaint });
        }
        let text =
            fs::read_to_string(&output).map_err(|source| CallgrindError::Output { name: name.to_owned(), source })?;
        let total = text.lines().find_map(|line| line.strip_prefix(TOTALS)).and_then(|count| count.trim().parse().ok());
        total.filter(|&count| count > 0).ok_or_else(|| CallgrindError::Nothing { name: name.to_owned() })
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
    let compiler = said(&env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned()), &["-vV"])?;
    let field =
        |start: &str| compiler.lines().find_map(|line| line.strip_prefix(start)).unwrap_or("unknown").to_owned();
    Ok(Tools {
        rustc: field("rustc "),
        target: field("host: "),
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
