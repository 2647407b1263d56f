//! What `dagstorm soak --help` says below its options.

pub const AFTER_HELP: &str = "\
Processes: each job is a process that does one run after another and is replaced after 100. A run that ends its process (a
  signal, an abort, no memory) is a failure of kind panic (101), one that does not end within --timeout a failure of kind
  liveness (11). Either is told with its seed, its plan is kept, and the soak goes on.

End: after Ctrl-C, SIGTERM or --max-failures failures no further run is begun; those that have begun come to their end, and
  the exit code is that of what was done; with --seeds it is 13 if nothing failed but some were not run. A second Ctrl-C or
  SIGTERM ends all at once.

Seeds: --for goes on from --start-seed. A job that is repeated should give another one each time, or it does the same runs
  again: --start-seed $(date +%Y%m%d)0000000 leaves ten million seeds for a day.

Coverage: of all scenarios or of swarm, made by seed alone (no --seconds, --params, --depth or --profile), at least 200 runs
  must have reached every coverage point (13).

Output: failures, and a summary in the end. With --json one object a line for each run, in the order in which they end, with
  the fields of `dagstorm run --json`; the last line is {\"summary\": {...}}. Progress is on standard error.
  Of a run: scenario, seed, plan (digest), verdict (pass, safety, liveness, nondeterminism, vacuous, panic), hash,
    sim_seconds, cpu_seconds, counts, coverage (points reached). If it failed: property, explanation, failed_at_seconds,
    saved_plan, replay (a command).
  Of the summary: exit_code, wall_seconds, stopped (whether it ended before all was done), runs_asked (with --seeds; otherwise
    null), runs, passed, sim_seconds, cpu_seconds, sim_seconds_per_cpu_second, the sums of all counts, verdicts,
    failures_by_property, slowest, scenarios (sums of each), coverage, coverage_missed, coverage_gate (whether a missed point
    is a failure).
  reorg_depths: entry i counts reorgs that removed 2^i to 2^(i+1)-1 chain blocks. reorg_shares: by how far the oldest block
    that was removed had come to finality: below 1/4, below 1/2, below 3/4, further, and, whatever that is, reorgs back to
    the finalized block. Fields are added and never change their meaning.

Examples:
  dagstorm soak --for 10m                           all scenarios, every core, for ten minutes
  dagstorm soak swarm --seeds 1..10001              the seeds 1 to 10000
  dagstorm soak swarm --seeds 1..10001 --shard 3/8  the third of eight parts of them
  dagstorm soak swarm --for 2h --start-seed $(date +%Y%m%d)0000000 --json > soak.jsonl

Exit codes: 0 pass, 1 a process could not be started, 2 usage, 10 safety, 11 liveness, 12 nondeterminism, 13 vacuous (a gate
  or coverage point missed, no run done, or not all seeds run), 101 panic, 130 or 143 ended at once by a second Ctrl-C or
  SIGTERM. Several failures: the first of 101, 10, 12, 11, 13.";
