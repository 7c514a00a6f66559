//! The Prometheus text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats).

use std::fmt::{Display, Write as _};

/// Value of `Content-Type`.
pub(crate) const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A page of metrics that grows family by family.
#[derive(Debug, Default)]
pub(crate) struct Page(String);

impl Page {
    /// Begins a family of one kind: `counter` (names end with `_total`), `gauge`, `histogram`.
    pub(crate) fn family(&mut self, name: &'static str, kind: &'static str, help: &str) -> Family<'_> {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Family { page: &mut self.0, name }
    }

    /// A gauge without labels.
    pub(crate) fn gauge(&mut self, name: &'static str, help: &str, value: impl Display) {
        self.family(name, "gauge", help).value("", &[], value);
    }

    /// A counter without labels.
    pub(crate) fn counter(&mut self, name: &'static str, help: &str, value: impl Display) {
        self.family(name, "counter", help).value("", &[], value);
    }

    /// The whole text.
    pub(crate) fn finish(self) -> String {
        self.0
    }
}

/// The samples of one name.
pub(crate) struct Family<'a> {
    page: &'a mut String,
    name: &'static str,
}

impl Family<'_> {
    /// Adds a sample; `suffix` is empty but for the parts of histograms.
    pub(crate) fn value(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let (page, name) = (&mut *self.page, self.name);
        let _ = write!(page, "{name}{suffix}");
        for (n, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(page, "{}{label}=\"{text}\"", if n == 0 { '{' } else { ',' });
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(page, "{end} {value}");
    }

    /// Adds the sample of one label.
    pub(crate) fn of(&mut self, label: &str, text: &str, value: impl Display) {
        self.value("", &[(label, text)], value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_stand_below_what_they_mean() {
        let mut page = Page::default();
        page.gauge("a_bytes", "Bytes.", 3);
        page.family("b_total", "counter", "Things.").value("", &[("x", "a\"b\\\n"), ("y", "1")], 0.5);
        assert_eq!(
            page.finish(),
            "# HELP a_bytes Bytes.\n# TYPE a_bytes gauge\na_bytes 3\n\
             # HELP b_total Things.\n# TYPE b_total counter\nb_total{x=\"a\\\"b\\\\\\n\",y=\"1\"} 0.5\n"
        );
    }
}
