//! What a run is made from besides scenario and seed, as options of several commands.

use std::sync::Arc;

use clap::Args;
use scenarios::{
    card::Asked,
    parameters::{self, ParametersError},
    scenario::{DEFAULT_SECONDS, Request},
};

#[derive(Args)]
pub struct AskedArguments {
    #[arg(long, value_name = "SET|FILE")]
    #[arg(help = "Consensus parameters: storm, deep, mainnet or a TOML file [default: storm]")]
    params: Option<String>,
    /// Chain blocks that the reorg of deep-reorg removes [default: a quarter of finality, at most 1000].
    #[arg(long, value_name = "D", value_parser = clap::value_parser!(u64).range(1..))]
    depth: Option<u64>,
    #[arg(long, help = format!("Simulated seconds of storm [default: {DEFAULT_SECONDS}, or more if needed]"))]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    seconds: Option<u64>,
}

impl AskedArguments {
    /// The request, with seed 0 to be replaced.
    ///
    /// # Errors
    /// The parameter set cannot be used.
    pub fn request(&self) -> Result<Request, ParametersError> {
        let Self { params, depth, seconds } = self;
        let request = Request::new(0);
        let parameters = params.as_deref().map(parameters::find).transpose()?.map(Arc::new);
        let parameters = parameters.unwrap_or(request.parameters);
        Ok(Request { parameters, depth: *depth, seconds: *seconds, ..request })
    }

    /// The options as they were given.
    pub fn asked(&self) -> Asked {
        let Self { params, depth, seconds } = self;
        Asked { params: params.clone(), depth: *depth, seconds: *seconds }
    }

    /// What a plan has of its own that was asked for.
    pub fn first(&self) -> Option<&'static str> {
        let Self { params, depth, seconds } = self;
        let given = [
            (seconds.is_some(), "length of storm"),
            (params.is_some(), "parameters"),
            (depth.is_some(), "depth of the reorg"),
        ];
        given.into_iter().find_map(|(is_given, what)| is_given.then_some(what))
    }
}
