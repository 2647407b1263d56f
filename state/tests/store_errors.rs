//! What can be wrong with a store: each is told by one clear error, and nothing acknowledged is lost.

mod support;

#[path = "store_errors/damage.rs"]
mod damage;
#[path = "store_errors/history.rs"]
mod history;
#[path = "store_errors/identity.rs"]
mod identity;
#[path = "store_errors/processes.rs"]
mod processes;
#[path = "store_errors/space.rs"]
mod space;
#[path = "store_errors/values.rs"]
mod values;
