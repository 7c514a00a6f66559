//! Where log lines go and how they look.

use std::io::{IsTerminal as _, Write as _};
use std::sync::OnceLock;

use tracing_subscriber::EnvFilter;

use crate::config::Log;

/// How lines look, once they are written.
static FORM: OnceLock<Log> = OnceLock::new();

/// Writes log lines to standard error from now on: those that `KINORA_LOG` wants, else those of `usual`.
///
/// JSON lines are one object each: time, level, target, the event's fields, and the spans around it, outermost first,
/// with request id or job id. A panic is such a line too.
pub(crate) fn start(form: Log, usual: &str) {
    let wanted = std::env::var("KINORA_LOG").unwrap_or_else(|_| usual.to_owned());
    // The S3 library logs every refused request as an error and, when asked for more, signatures.
    let filter = EnvFilter::new(format!("{wanted},s3s=off"));
    // A line that cannot be written, as to a file on a full disk, is lost; saying so on standard error would panic.
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    match form {
        Log::Text => lines.with_ansi(std::io::stderr().is_terminal()).init(),
        Log::Json => {
            lines.json().flatten_event(true).with_current_span(false).init();
            std::panic::set_hook(Box::new(|panic| {
                let place = panic.location().map(ToString::to_string);
                tracing::error!(place, why = panic.payload_as_str(), "panicked");
            }));
        }
    }
    // Fails only where it was started before.
    let _ = FORM.set(form);
}

/// Says why the process ends, in the form of its other lines.
pub(crate) fn end(error: &anyhow::Error) {
    match FORM.get() {
        Some(Log::Json) => tracing::error!("{error:#}"),
        _ => drop(writeln!(std::io::stderr(), "kinora: {error:#}")),
    }
}
