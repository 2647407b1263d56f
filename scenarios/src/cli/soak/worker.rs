//! The process that does the runs of one job: orders on standard input, answers on standard output.
//!
//! It ends at once when standard input does, even in the middle of a run: then the soak is gone, and nobody is left who
//! would kill a run that hangs.

use std::{
    io::{self, BufRead, Write},
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    process,
    sync::mpsc,
    thread,
};

use clap::Args;
use scenarios::{
    report::VerdictKind,
    runner::Job,
    scenario::{Request, RequestError},
};

use super::{
    super::{asked::AskedArguments, failures::Failures, usage},
    protocol::{Answer, Order},
    work::Task,
};

/// Exit code of a process in which something panicked outside a run.
const PANICKED: i32 = 101;

/// What a soak tells its processes at their start.
#[derive(Args)]
pub struct WorkerArguments {
    #[command(flatten)]
    asked: AskedArguments,
    #[arg(long)]
    check: bool,
    #[arg(long)]
    save_dir: PathBuf,
}

pub fn work(arguments: &WorkerArguments) -> u8 {
    let request = match arguments.asked.request() {
        Ok(request) => request,
        Err(sentence) => return usage(&sentence),
    };
    let failures = Failures::new(&arguments.save_dir, request.clone(), arguments.asked.asked());
    let worker = Worker { request, check: arguments.check, failures };
    let (sender, orders) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| worker.obey(orders));
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            match Order::parse(&line) {
                Some(order) if sender.send(order).is_ok() => {}
                _ => process::exit(i32::from(usage(&format!("'{line}' is no order for a process of a soak")))),
            }
        }
        process::exit(0)
    })
}

struct Worker {
    request: Request,
    check: bool,
    failures: Failures,
}

impl Worker {
    fn obey(&self, orders: mpsc::Receiver<Order>) {
        for order in orders {
            // A panic inside the run is its verdict; one while its plan is made ends the process, and the soak knows the seed.
            match panic::catch_unwind(AssertUnwindSafe(|| self.run(order))) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => process::exit(i32::from(usage(&error.to_string()))),
                Err(_) => process::exit(PANICKED),
            }
        }
    }

    fn run(&self, order: Order) -> Result<(), RequestError> {
        let Order { task: Task { scenario, seed }, wants_card } = order;
        let job = Job::new(scenario, Request { seed, ..self.request.clone() }, self.check)?;
        let report = job.run();
        let origin = self.failures.keep_plan(&report);
        let line = report.to_line(&origin);
        let failed = line.verdict != VerdictKind::Pass;
        say(&Answer::Run(Box::new(line)));
        if failed {
            say(&Answer::Told(self.failures.tell(&report, &origin, wants_card)));
        }
        Ok(())
    }
}

/// A soak that has gone away hears nothing, and standard input tells so.
fn say(answer: &Answer) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{}", answer.to_line()).and_then(|()| out.flush());
}
