//! Looks for secrets in whatever form they could have leaked.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// A secret, and the forms in which bytes of it could be found again.
pub struct Canary {
    name: String,
    needles: Vec<(&'static str, Vec<u8>)>,
}

impl Canary {
    /// A secret that is bytes, or bytes of which the Base64 is sent.
    pub fn bytes(name: &str, bytes: &[u8]) -> Self {
        let mut canary = Self {
            name: name.to_owned(),
            needles: Vec::new(),
        };
        canary.add_forms(bytes);
        // What is sent as Base64 may be encoded again on its way.
        canary.add_forms(STANDARD.encode(bytes).as_bytes());
        canary
    }

    /// A secret that is text as it stands.
    pub fn text(name: &str, text: &str) -> Self {
        let mut canary = Self {
            name: name.to_owned(),
            needles: Vec::new(),
        };
        canary.add_forms(text.as_bytes());
        if let Ok(bytes) = STANDARD.decode(text)
            && bytes.len() >= PIECE
        {
            canary.add_forms(&bytes);
        }
        canary
    }

    fn add_forms(&mut self, bytes: &[u8]) {
        let mut backwards = bytes.to_vec();
        backwards.reverse();
        let lower = hex(bytes);
        let once = percent(bytes);
        self.add("as it is", bytes);
        self.add("backwards", &backwards);
        self.add("hex", lower.as_bytes());
        self.add("upper-case hex", lower.to_uppercase().as_bytes());
        self.add("percent-encoded", once.as_bytes());
        self.add("percent-encoded twice", percent(once.as_bytes()).as_bytes());
        self.add("a list of numbers", numbers(bytes).as_bytes());
        self.add("escaped", bytes.escape_ascii().to_string().as_bytes());
        // Inside a longer text that was encoded, Base64 depends on the position modulo 3.
        for shift in 0..3 {
            let Some(shifted) = bytes.get(shift..) else {
                continue;
            };
            let whole = &shifted[..shifted.len() / 3 * 3];
            self.add("Base64", STANDARD.encode(whole).as_bytes());
            self.add("Base64 for URLs", URL_SAFE.encode(whole).as_bytes());
        }
    }

    /// Also what was cut is found: the first, the middle and the last piece each count alone.
    fn add(&mut self, form: &'static str, bytes: &[u8]) {
        let piece = if form == "a list of numbers" {
            3 * PIECE
        } else {
            PIECE
        };
        assert!(
            bytes.len() >= piece,
            "{}: too short to be told from chance",
            self.name
        );
        for start in [0, (bytes.len() - piece) / 2, bytes.len() - piece] {
            let needle = bytes[start..start + piece].to_vec();
            if !self.needles.iter().any(|(_, known)| *known == needle) {
                self.needles.push((form, needle));
            }
        }
    }

    /// What the test calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All that is looked for.
    pub fn needles(&self) -> &[(&'static str, Vec<u8>)] {
        &self.needles
    }
}

/// Looks for many canaries in one pass: a store sets tens of megabytes aside.
pub struct Scanner<'a> {
    /// By the first two bytes of the needle.
    by_start: Vec<Vec<(&'a Canary, &'static str, &'a [u8])>>,
}

impl<'a> Scanner<'a> {
    pub fn new(canaries: &'a [Canary]) -> Self {
        let mut by_start = vec![Vec::new(); 1 << 16];
        for canary in canaries {
            for (form, needle) in &canary.needles {
                by_start[start(needle)].push((canary, *form, needle.as_slice()));
            }
        }
        Self { by_start }
    }

    /// The canaries in `hay`, each once, with the form in which it was found.
    pub fn scan(&self, hay: &[u8]) -> Vec<(&'a Canary, &'static str)> {
        let mut found: Vec<(&Canary, &'static str)> = Vec::new();
        for at in 0..hay.len().saturating_sub(1) {
            for (canary, form, needle) in &self.by_start[start(&hay[at..])] {
                if hay[at..].starts_with(needle) && !found.iter().any(|(known, _)| known.name == canary.name)
                {
                    found.push((canary, form));
                }
            }
        }
        found
    }

    /// Every file under `home` in which a canary is that may not be there, with its form.
    pub fn findings(&self, home: &Path, may_hold: &dyn Fn(&Path, &Canary) -> bool) -> Vec<String> {
        let mut found = Vec::new();
        for path in files(home) {
            let hay = std::fs::read(&path).unwrap();
            // A file's name is written too.
            let names = self.scan(path.as_os_str().as_encoded_bytes());
            for (canary, form) in self.scan(&hay).into_iter().chain(names) {
                if !may_hold(&path, canary) {
                    found.push(format!("{} is in {} ({form})", canary.name, path.display()));
                }
            }
        }
        found
    }
}

fn start(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

/// All regular files under a directory.
pub fn files(directory: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                all.push(entry.path());
            }
        }
    }
    all
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn percent(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            write!(text, "%{byte:02X}").unwrap();
        }
        text
    })
}

fn numbers(bytes: &[u8]) -> String {
    let all: Vec<_> = bytes.iter().map(u8::to_string).collect();
    all.join(", ")
}

/// Bytes of a needle. 12 random bytes, or 12 characters of Base64 (72 bits), are not found by chance.
const PIECE: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: [u8; 48] = *b"\x00\xff+/=secret\n with \"all\" kinds of bytes \\ %41 \xc3\xa4~";

    /// The positive control: each form, planted in a file among others, is found; so is a part of it.
    #[test]
    fn a_planted_canary_is_found_in_every_form() {
        let canaries = [Canary::bytes("planted", &SECRET)];
        let scanner = Scanner::new(&canaries);
        assert!(canaries[0].needles().len() > 30);
        for (form, needle) in canaries[0].needles() {
            let home = tempfile::tempdir().unwrap();
            let deep = home.path().join("a/b");
            std::fs::create_dir_all(&deep).unwrap();
            std::fs::write(deep.join("clean"), vec![7; 100_000]).unwrap();
            let mut hay = vec![b'A'; 70_001];
            hay.extend_from_slice(needle);
            hay.extend_from_slice(&[b'A'; 99]);
            std::fs::write(deep.join("log"), hay).unwrap();
            let found = scanner.findings(home.path(), &|_, _| false);
            assert_eq!(found.len(), 1, "{form}: {found:?}");
            assert!(found[0].contains("a/b/log"), "{found:?}");
            assert!(
                scanner
                    .findings(home.path(), &|path, _| path.ends_with("log"))
                    .is_empty()
            );
        }
    }

    #[test]
    fn base64_inside_base64_of_more_is_found_at_every_offset() {
        let canaries = [Canary::bytes("s", &SECRET)];
        let scanner = Scanner::new(&canaries);
        for before in 0..7 {
            let mut text = vec![b'x'; before];
            text.extend_from_slice(&SECRET);
            text.extend_from_slice(b"tail");
            assert_eq!(
                scanner.scan(STANDARD.encode(text).as_bytes()).len(),
                1,
                "{before}"
            );
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let canaries = [Canary::bytes("absent", &SECRET)];
        assert!(
            Scanner::new(&canaries)
                .scan(&SECRET.map(|byte| byte ^ 1))
                .is_empty()
        );
    }
}
