//! Claims jobs, brings the source to the encoder and hands the results back.
//!
//! The worker decides nothing about titles: what a job means is `pipeline`'s, how a chunk is encoded is `encode`'s,
//! and whether a failure is tried again is the queue's. It keeps leases alive while the encoder runs, and gives up
//! at once when a lease is lost.
//!
//! ```
//! let config = worker::Config { slots: 2, ..worker::Config::default() };
//! assert!(!config.allow_incomplete_jail);
//! ```

mod attend;
mod chunk;
mod clock;
mod config;
mod holes;
mod kept;
mod pictures;
mod plan;
mod run;
mod scratch;
mod sources;
mod stop;
mod task;
mod turn;
mod worker;

pub use config::Config;
pub use worker::Worker;
