//! What a run is made from besides scenario and seed, as options of several commands.

use std::sync::Arc;

use clap::{Args, ValueEnum};
use scenarios::{
    card::Asked,
    parameters,
    scenario::{DEFAULT_SECONDS, Profile, Request, Scenario},
};

/// Simulated seconds of a run of a profile of `swarm`: speed is measured over no less.
const PROFILE_SECONDS: u64 = 600;

#[derive(Args)]
pub struct AskedArguments {
    #[arg(long, value_name = "PROFILE", hide_possible_values = true, value_enum)]
    #[arg(help = format!("chain (steady), default or loaded (swarm of a fixed size, {PROFILE_SECONDS} simulated seconds)"))]
    profile: Option<AskedProfile>,
    #[arg(long, value_name = "SET|FILE")]
    #[arg(help = "Consensus parameters: storm, deep, mainnet or a TOML file [default: storm; swarm draws its own]")]
    params: Option<String>,
    /// Chain blocks that the reorg of deep-reorg removes [default: a quarter of finality, at most 1000].
    #[arg(long, value_name = "D", value_parser = clap::value_parser!(u64).range(1..))]
    depth: Option<u64>,
    #[arg(long, help = format!("Simulated seconds of storm [default: {DEFAULT_SECONDS}, or more if needed]"))]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    seconds: Option<u64>,
}

/// What speed is measured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AskedProfile {
    Chain,
    Default,
    Loaded,
}

impl AskedArguments {
    /// The request, with seed 0 to be replaced.
    ///
    /// # Errors
    /// The parameter set cannot be used.
    pub fn request(&self) -> Result<Request, String> {
        let Self { profile, params, depth, seconds } = self;
        let request = Request::new(0);
        let parameters = params.as_deref().map(parameters::find).transpose().map_err(|error| error.to_string())?;
        let parameters = parameters.map(Arc::new);
        let (profile, usual_seconds) = match profile {
            None | Some(AskedProfile::Chain) => (Profile::Any, None),
            Some(AskedProfile::Default) => (Profile::Default, Some(PROFILE_SECONDS)),
            Some(AskedProfile::Loaded) => (Profile::Loaded, Some(PROFILE_SECONDS)),
        };
        Ok(Request { profile, parameters, depth: *depth, seconds: seconds.or(usual_seconds), ..request })
    }

    /// The scenario of the profile, which is the one that was named if one was; `None` if there is no profile.
    ///
    /// # Errors
    /// The profile is of another scenario than the one that was named.
    pub fn scenario_of_profile(&self, named: Option<Scenario>) -> Result<Option<Scenario>, String> {
        let Some(profile) = self.profile else { return Ok(None) };
        let scenario = profile.scenario();
        match named {
            Some(named) if named != scenario => {
                let (profile, own, named) = (profile.name(), scenario.name(), named.name());
                Err(format!("profile {profile} is one of scenario {own}, and {named} was asked for"))
            }
            _ => Ok(Some(scenario)),
        }
    }

    /// The scenarios to run: the one that was named, or that of the profile, or all.
    ///
    /// # Errors
    /// The profile is of another scenario than the one that was named.
    pub fn scenarios(&self, named: Option<Scenario>) -> Result<Vec<Scenario>, String> {
        let one = self.scenario_of_profile(named)?.or(named);
        Ok(one.map_or_else(|| Scenario::ALL.to_vec(), |one| vec![one]))
    }

    /// The options as they were given.
    pub fn asked(&self) -> Asked {
        let Self { profile, params, depth, seconds } = self;
        let profile = profile.map(|profile| profile.name().to_owned());
        Asked { profile, params: params.clone(), depth: *depth, seconds: *seconds }
    }

    /// The options as they were given, for a process that does the same.
    pub fn to_arguments(&self) -> Vec<String> {
        let Self { profile, params, depth, seconds } = self;
        let given = [
            profile.map(|profile| format!("--profile={}", profile.name())),
            params.as_ref().map(|params| format!("--params={params}")),
            depth.map(|depth| format!("--depth={depth}")),
            seconds.map(|seconds| format!("--seconds={seconds}")),
        ];
        given.into_iter().flatten().collect()
    }

    /// What a plan has of its own that was asked for.
    pub fn first(&self) -> Option<&'static str> {
        let Self { profile, params, depth, seconds } = self;
        let given = [
            (seconds.is_some(), "length of storm"),
            (params.is_some(), "parameters"),
            (depth.is_some(), "depth of the reorg"),
            (profile.is_some(), "profile"),
        ];
        given.into_iter().find_map(|(is_given, what)| is_given.then_some(what))
    }
}

impl AskedProfile {
    fn scenario(self) -> Scenario {
        match self {
            Self::Chain => Scenario::Steady,
            Self::Default | Self::Loaded => Scenario::Swarm,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Default => "default",
            Self::Loaded => "loaded",
        }
    }
}
