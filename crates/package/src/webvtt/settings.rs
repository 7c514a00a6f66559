//! Cue settings (§4.4): where a text stands.

/// Keeps the settings that are well formed and mean something without regions, each once.
pub(super) fn normalise(settings: &str) -> String {
    let mut kept: Vec<(&str, &str)> = Vec::new();
    for setting in settings.split_ascii_whitespace() {
        let Some((name, value)) = setting.split_once(':') else { continue };
        if valid(name, value) && !kept.iter().any(|(known, _)| *known == name) {
            kept.push((name, value));
        }
    }
    let kept: Vec<String> = kept.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    kept.join(" ")
}

fn valid(name: &str, value: &str) -> bool {
    let (at, edge) = value.split_once(',').map_or((value, None), |(at, edge)| (at, Some(edge)));
    match name {
        "vertical" => matches!(value, "rl" | "lr"),
        "align" => matches!(value, "start" | "center" | "end" | "left" | "right"),
        "size" => percentage(value),
        "line" => {
            let row = at.strip_prefix('-').unwrap_or(at);
            let row = (1..=4).contains(&row.len()) && row.bytes().all(|b| b.is_ascii_digit());
            (row || percentage(at)) && edge.is_none_or(|e| matches!(e, "start" | "center" | "end"))
        }
        "position" => {
            percentage(at) && edge.is_none_or(|e| matches!(e, "line-left" | "center" | "line-right"))
        }
        _ => false,
    }
}

/// 0% to 100%, with a fraction or without.
fn percentage(text: &str) -> bool {
    let Some(number) = text.strip_suffix('%') else { return false };
    let shaped = number.len() <= 12 && number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let ends = number.starts_with('.') || number.ends_with('.');
    shaped && !ends && number.parse::<f64>().is_ok_and(|n| n <= 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_settings_that_mean_something_are_kept() {
        for (settings, expected) in [
            ("line:0 position:20%,line-left align:start", "line:0 position:20%,line-left align:start"),
            ("line:-1 line:3\tsize:33.3%", "line:-1 size:33.3%"),
            ("region:a vertical:up align:middle position:101% size:.5% size: :1 x", ""),
            ("line:84.67%,end vertical:rl", "line:84.67%,end vertical:rl"),
        ] {
            assert_eq!(normalise(settings), expected);
        }
    }
}
