//! Words of a card: made to fit, harmless on a terminal, safe in a shell.

use std::path::Path;

/// A path as one word that neither a shell nor an option parser takes for something else.
pub(crate) fn for_shell(path: &Path) -> String {
    let path = path.to_string_lossy();
    let word = if path.starts_with('-') { format!("./{path}") } else { path.into_owned() };
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "/._-".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) { word } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// Without line breaks, and without what a terminal would obey.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().map(|character| if character.is_control() { '?' } else { character }).collect()
}

/// Hashes by their first characters, with `..` for the rest: whole ones would leave no room for anything else.
pub(crate) fn short_hashes(text: &str) -> String {
    let shorten = |word: &str| {
        let is_hash = word.len() == 64 && word.chars().all(|character| character.is_ascii_hexdigit());
        if is_hash { shortened(word, 8) + ".." } else { word.to_owned() }
    };
    text.split(' ').map(shorten).collect::<Vec<_>>().join(" ")
}

/// `text` in lines of at most `width` characters, broken between words where possible. If it needs more than `most_lines`,
/// the last one ends with `...`.
pub(crate) fn wrapped(text: &str, width: usize, most_lines: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest: Vec<char> = text.chars().collect();
    while rest.len() > width && lines.len() + 1 < most_lines {
        // A word may end exactly at the width.
        let space = rest.iter().take(width + 1).rposition(|character| *character == ' ').filter(|at| *at > 0);
        let end = space.unwrap_or(width);
        lines.push(rest.iter().take(end).collect());
        rest = rest.into_iter().skip(if space.is_some() { end + 1 } else { end }).collect();
    }
    lines.push(cut(&rest.iter().collect::<String>(), width));
    lines
}

/// At most `width` characters of `text`, with `...` for what is missing.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width { text.to_owned() } else { shortened(text, width.saturating_sub(3)) + "..." }
}

/// The first `characters` of `text`.
pub(crate) fn shortened(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_text_of_any_length_when_wrapped_then_lines_fit_and_only_a_cut_is_marked() {
        assert_eq!(wrapped("one two three", 7, 3), ["one two", "three"]);
        assert_eq!(wrapped("one two three four", 7, 2), ["one two", "thre..."]);
        assert_eq!(wrapped("abcdefghij", 4, 3), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("", 4, 3), [""]);
        for length in 0..60 {
            let text: String = (0..length).map(|at| if at % 5 == 4 { ' ' } else { 'x' }).collect();
            for most_lines in 1..4 {
                let lines = wrapped(&text, 11, most_lines);
                assert!(lines.len() <= most_lines && lines.iter().all(|line| line.chars().count() <= 11), "{lines:?}");
                let shown: usize = lines.iter().map(|line| line.matches('x').count()).sum();
                assert_eq!(shown < text.matches('x').count(), lines[lines.len() - 1].ends_with("..."), "{lines:?}");
            }
        }
    }

    #[test]
    fn given_text_with_escapes_and_line_breaks_when_shown_then_it_is_one_harmless_line() {
        assert_eq!(one_line("left: 1\n  right:\t\u{1b}[31m2\u{7}"), "left: 1 right: ?[31m2?");
    }

    #[test]
    fn given_a_line_with_hashes_when_shortened_then_only_they_are() {
        let (hash, longer) = ("0a96c781".repeat(8), "0a96c781".repeat(9));
        assert_eq!(short_hashes(&format!("tip {hash} index 3")), "tip 0a96c781.. index 3");
        assert_eq!(short_hashes(&longer), longer);
    }

    #[test]
    fn given_paths_when_put_in_a_command_then_each_is_one_word_and_no_option() {
        for (path, word) in [
            ("failures/steady-1.toml", "failures/steady-1.toml"),
            ("my failures/x.toml", "'my failures/x.toml'"),
            ("it's.toml", r"'it'\''s.toml'"),
            ("-x.toml", "./-x.toml"),
            ("", "''"),
        ] {
            assert_eq!(for_shell(Path::new(path)), word);
        }
    }
}
