//! What an event says of a request's parameters (I3): the values that the operation's row allows, and of all others the
//! name and the length. The protocol's own parameters are in the event's actor and origin.

use super::params::Params;
use super::table::Row;
use crate::engine::{Element, Recorded};

/// Parameters of the protocol, not of an operation.
const PROTOCOL: [&str; 10] = [
    "Action",
    "Version",
    "Format",
    "AccessKeyId",
    "Signature",
    "SignatureMethod",
    "SignatureVersion",
    "SignatureType",
    "SignatureNonce",
    "Timestamp",
];

/// Most parameters that an event names although the operation knows none of them; the rest is counted.
const STRANGERS_MAX: usize = 16;

/// Longest name of a stranger that is recorded, bytes; the longest of the SDKs' own has 29.
const STRANGER_BYTES_MAX: usize = 64;

/// The recorded form of a request's parameters.
pub fn record(row: &Row, params: &Params) -> Recorded {
    let mut recorded = Recorded::default();
    let (mut strangers, mut uncounted) = (0, 0);
    for (name, value) in params.iter().filter(|(name, _)| !PROTOCOL.contains(name)) {
        if let Some(known) = row.params.iter().find(|param| param.name == name) {
            let element = if known.recorded {
                Element::text(value)
            } else {
                length(value)
            };
            recorded.insert(known.name, element);
        } else if strangers < STRANGERS_MAX && is_parameter_name(name) {
            strangers += 1;
            recorded.insert(name.to_owned(), length(value));
        } else {
            uncounted += 1;
        }
    }
    if uncounted > 0 {
        recorded.insert("...", Element::Number(uncounted));
    }
    recorded
}

/// Whether a stranger's name looks like one. Of a body that was not encoded as it should be, the rest of a secret can
/// come along as a name.
fn is_parameter_name(name: &str) -> bool {
    name.len() <= STRANGER_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

fn length(value: &str) -> Element {
    Element::Number(value.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::table::find;

    #[test]
    fn only_allowed_values_are_recorded() {
        let row = find("2016-01-20", "Encrypt").unwrap();
        let query = "Action=Encrypt&Signature=s&KeyId=k&Plaintext=secret&SecretData=hidden";
        let recorded = record(row, &Params::parse(Some(query), None).unwrap());
        assert_eq!(recorded.get("KeyId"), Some(&Element::text("k")));
        assert_eq!(recorded.get("Plaintext"), Some(&Element::Number(6)));
        assert_eq!(recorded.get("SecretData"), Some(&Element::Number(6)));
        assert_eq!(recorded.iter().count(), 3);
    }

    #[test]
    fn what_does_not_look_like_a_name_is_counted_not_recorded() {
        let row = find("2016-01-20", "Encrypt").unwrap();
        let query = format!(
            "Plaintext=abc&tail-of%7Bsecret%22%7D=1&1x=2&{}=3&Tag.1.Key=4",
            "n".repeat(65)
        );
        let recorded = record(row, &Params::parse(Some(&query), None).unwrap());
        let names: Vec<_> = recorded.iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names, ["...", "Plaintext", "Tag.1.Key"]);
        assert_eq!(recorded.get("..."), Some(&Element::Number(3)));
    }

    #[test]
    fn a_crowd_of_unknown_parameters_is_counted_not_named() {
        let row = find("2016-01-20", "Encrypt").unwrap();
        let query: Vec<String> = (0..100).map(|n| format!("p{n}=v")).collect();
        let recorded = record(row, &Params::parse(Some(&query.join("&")), None).unwrap());
        assert_eq!(recorded.iter().count(), STRANGERS_MAX + 1);
        assert_eq!(
            recorded.get("..."),
            Some(&Element::Number(100 - STRANGERS_MAX as u64))
        );
    }
}
